#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-all.sh SOURCES BUILDS [VARIANT...]: the suite in every variant of the
# build, each in a folder of its own below BUILDS:
#
#   long      as it is shipped, with the long tests (SMAL_TEST_LONG=1)
#   asan      AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan      ThreadSanitizer
#   clang     another compiler
#   m32       32 bits
#   fuzz      libFuzzer, a minute of heaps (FUZZ_SECONDS)
#   mutants   smal/handle broken in many places, each of which a test sees
#   models    spin, over the models of doc/design/models
#
# A variant that the machine has no tools for is left out, and said so. What a
# variant prints goes to BUILDS/VARIANT.log. Environment: CONFIGURE_FLAGS, JOBS.
set -u

sources=${1:?}
builds=${2:?}
shift 2
[ $# -gt 0 ] || set -- models mutants fuzz asan tsan clang m32 long
: "${CONFIGURE_FLAGS:=}" "${JOBS:=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}"
if [ -f "$sources/config.status" ]; then
	echo "check-all: the sources themselves are configured; make distclean there first" >&2
	exit 1
fi
mkdir -p "$builds" || exit 1
failed=0

# usable COMPILER FLAGS...: true if a program can be made and run with it.
usable() {
	echo 'int main(void) { return 0; }' >"$builds/probe.c"
	"$@" -o "$builds/probe" "$builds/probe.c" >/dev/null 2>&1 && "$builds/probe"
	usable=$?
	rm -f "$builds/probe" "$builds/probe.c"
	return "$usable"
}

# fuzzable: true if clang has libFuzzer.
fuzzable() {
	{
		echo 'int LLVMFuzzerTestOneInput(const char *at, unsigned long n);'
		echo 'int LLVMFuzzerTestOneInput(const char *at, unsigned long n) { return !at && n; }'
	} >"$builds/probe.c"
	clang -fsanitize=fuzzer -o "$builds/probe" "$builds/probe.c" >/dev/null 2>&1 &&
		"$builds/probe" -runs=1 >/dev/null 2>&1
	fuzzable=$?
	rm -f "$builds/probe" "$builds/probe.c"
	return "$fuzzable"
}

# variant NAME CONFIGURE-ARGUMENTS...
variant() {
	name=$1
	shift
	printf '%-8s ' "$name"
	start=$(date +%s)
	mkdir -p "$builds/$name"
	# shellcheck disable=SC2086 # CONFIGURE_FLAGS are words
	(
		cd "$builds/$name" &&
			{ [ -f Makefile ] || "$sources/configure" $CONFIGURE_FLAGS "$@"; } &&
			make -j"$JOBS" check
	) >"$builds/$name.log" 2>&1 </dev/null
	status=$?
	summary=$(make -s -C "$builds/$name" check-summary 2>/dev/null)
	printf '%s  (%d s)\n' "${summary:-no tests ran}" $(($(date +%s) - start))
	if [ "$status" != 0 ]; then
		failed=1
		grep -E '^(FAIL|ERROR|XPASS)|error:|\*\*\*' "$builds/$name.log" | head -20 | sed 's/^/	/'
		echo "	see $builds/$name.log"
	fi
}

# fuzz FOLDER: builds the floors with clang, and a fuzzer on them, and runs it. What
# it finds stays in the folder, with the input that shows it.
fuzz() (
	cd "$1" || exit 1
	# shellcheck disable=SC2086 # CONFIGURE_FLAGS are words
	[ -f Makefile ] || "$sources/configure" $CONFIGURE_FLAGS --enable-debug --disable-shared \
		CC=clang CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,undefined' || exit 1
	make -j"$JOBS" libsmal-core.la || exit 1
	# shellcheck disable=SC2046 # libraries are words
	clang -O1 -g -fsanitize=fuzzer,undefined -DSMAL_FUZZER=1 -I. -I"$sources" \
		-I"$sources/include" -o fuzz_heap "$sources/test/fuzz_heap.c" \
		.libs/libsmal-core.a $(sed -n 's/^LIBS = //p' Makefile) -lpthread || exit 1
	mkdir -p corpus
	UBSAN_OPTIONS=halt_on_error=1 ./fuzz_heap -max_total_time="${FUZZ_SECONDS:-60}" \
		-max_len=900 -timeout=60 -rss_limit_mb=4000 corpus "$sources/test/corpus/heap"
)

# mutants FOLDER: builds the floors, and breaks one of them.
mutants() (
	cd "$1" || exit 1
	# shellcheck disable=SC2086 # CONFIGURE_FLAGS are words
	[ -f Makefile ] || "$sources/configure" $CONFIGURE_FLAGS --disable-shared || exit 1
	make -j"$JOBS" libsmal-core.la test/libsupport.la || exit 1
	"$sources/tools/mutate-handles.sh" "$sources" "$1"
)

left_out() {
	printf '%-8s left out: %s\n' "$1" "$2"
}

for name; do
	case $name in
	long)
		SMAL_TEST_LONG=1
		export SMAL_TEST_LONG
		variant long
		unset SMAL_TEST_LONG
		;;
	asan)
		if usable "${CC:-cc}" -fsanitize=address,undefined; then
			variant asan --enable-asan --enable-ubsan
		else
			left_out asan 'the compiler has no AddressSanitizer'
		fi
		;;
	tsan)
		if usable "${CC:-cc}" -fsanitize=thread; then
			variant tsan --enable-tsan
		else
			left_out tsan 'ThreadSanitizer does not work here'
		fi
		;;
	clang)
		if usable clang; then
			# Valgrind does not read the DWARF 5 of every clang.
			variant clang CC=clang CFLAGS='-O2 -gdwarf-4'
		else
			left_out clang 'it is not installed'
		fi
		;;
	m32)
		if usable "${CC:-cc}" -m32; then
			variant m32 CFLAGS='-m32 -O2 -g' --with-check=standin
		else
			left_out m32 'the compiler has no 32-bit libraries (Debian: gcc-multilib)'
		fi
		;;
	fuzz)
		if ! usable clang || ! fuzzable; then
			left_out fuzz 'clang is not installed, or has no libFuzzer'
			continue
		fi
		start=$(date +%s)
		mkdir -p "$builds/fuzz"
		if fuzz "$builds/fuzz" >"$builds/fuzz.log" 2>&1 </dev/null; then
			printf '%-8s %s  (%d s)\n' fuzz "$(tail -n 1 "$builds/fuzz.log")" $(($(date +%s) - start))
		else
			failed=1
			printf '%-8s FAIL\n' fuzz
			echo "	see $builds/fuzz.log"
		fi
		;;
	mutants)
		start=$(date +%s)
		mkdir -p "$builds/mutants"
		if mutants "$builds/mutants" >"$builds/mutants.log" 2>&1 </dev/null; then
			printf '%-8s %s  (%d s)\n' mutants "$(tail -n 1 "$builds/mutants.log")" $(($(date +%s) - start))
		else
			failed=1
			printf '%-8s FAIL\n' mutants
			grep FAIL "$builds/mutants.log" | sed 's/^/	/'
			echo "	see $builds/mutants.log"
		fi
		;;
	models)
		start=$(date +%s)
		"$sources/tools/check-models.sh" "$sources" >"$builds/models.log" 2>&1 </dev/null
		case $? in
		0) printf '%-8s %s  (%d s)\n' models "$(tail -n 1 "$builds/models.log")" $(($(date +%s) - start)) ;;
		77) left_out models "$(tail -n 1 "$builds/models.log")" ;;
		*)
			failed=1
			printf '%-8s FAIL\n' models
			grep FAIL "$builds/models.log" | sed 's/^/	/'
			echo "	see $builds/models.log"
			;;
		esac
		;;
	*)
		echo "check-all: unknown variant $name" >&2
		failed=1
		;;
	esac
done
exit "$failed"
