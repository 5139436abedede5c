#!/bin/sh
# SPDX-License-Identifier: MIT
#
# abi.sh [PROGRAM...]: libgc's interface (abi_*.c): each program runs on the system's
# libgc, which proves the tests, and then on ours in its place.
#
# With WRAPPER in the environment, as
#
#	WRAPPER='valgrind -q --error-exitcode=99 --suppressions=smal.supp' test/libgc/abi.sh
#
# those that are small run on ours alone, under it. ABI_ONLY=stock or =ours is one of
# the two; ABI_OPTIONS are the SMAL_OPTIONS that ours runs with. Environment: top_srcdir,
# top_builddir, CC, CFLAGS.
set -u

top=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
builds=${top_builddir:-$top}
ours=$builds/smal/compat/libgc/.libs
small='abi_kind abi_disclaim abi_final abi_queue abi_link abi_weak abi_push abi_start'
: "${CC:=cc}" "${CFLAGS:=}" "${WRAPPER:=}" "${ABI_ONLY:=}" "${ABI_OPTIONS:=}"
passed=0
failed=0
skipped=0
unset LD_PRELOAD LD_LIBRARY_PATH SMAL_OPTIONS
for name in $(env | sed -n 's/^\(GC_[A-Z_]*\)=.*/\1/p'); do
	unset "$name"
done

case $CFLAGS in
*-fsanitize=*)
	echo "skipped: a sanitizer's threads and stacks are not those of libgc's clients"
	exit 77
	;;
esac
if [ ! -x "$builds/test/libgc/abi_alloc" ]; then
	echo 'skipped: libgc is not there to compile with (Debian: libgc-dev)'
	exit 77
fi
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
# shellcheck disable=SC2086 # words
if ! $CC $CFLAGS -shared -fPIC -o "$scratch/plugin.so" "$top/test/libgc/plugin.c"; then
	echo 'skipped: the compiler makes no shared libraries'
	exit 77
fi
ABI_PLUGIN=$scratch/plugin.so
export ABI_PLUGIN

# count NAME FILE: adds up Check's summary, and shows what failed.
count() {
	counts=$(sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3/p' "$2")
	if [ -z "$counts" ]; then
		echo "FAIL $1: it does not come to its end"
		tail -n 20 "$2" | sed 's/^/	/'
		failed=$((failed + 1))
		return
	fi
	# shellcheck disable=SC2086 # words
	set -- "$1" "$2" $counts
	passed=$((passed + $3 - $4 - $5))
	failed=$((failed + $4 + $5))
	if [ $(($4 + $5)) = 0 ]; then
		echo "ok   $1: $3 tests"
	else
		echo "FAIL $1: $(($4 + $5)) of $3 tests"
		sed -n '/:[FE]:/p; /: failed: /p' "$2" | sed 's/^/	/'
	fi
}

# attempt NAME LIBRARY COMMAND...: the command is to use that library.
attempt() {
	name=$1
	library=$2
	shift 2
	timeout 600 "$@" >"$scratch/output" 2>&1 </dev/null
	# shellcheck disable=SC2254 # the library may be a pattern
	case $(sed -n 's/^collector: //p' "$scratch/output") in
	$library/libgc.so.1) count "$name" "$scratch/output" ;;
	*)
		echo "FAIL $name: it does not use $library/libgc.so.1"
		head -n 20 "$scratch/output" | sed 's/^/	/'
		failed=$((failed + 1))
		;;
	esac
}

if [ $# = 0 ] && [ -n "$WRAPPER" ]; then
	# shellcheck disable=SC2086 # words
	set -- $small
elif [ $# = 0 ]; then
	for source in "$top"/test/libgc/abi_*.c; do
		set -- "$@" "$(basename "$source" .c)"
	done
fi
for program; do
	path=$builds/test/libgc/$program
	if [ -z "$WRAPPER" ] && [ "$ABI_ONLY" != ours ]; then
		attempt "$program on stock" '/*' env ABI_STOCK=1 "$path"
	fi
	if [ "$ABI_ONLY" = stock ]; then
		continue
	elif [ ! -f "$ours/libgc.so.1" ]; then
		echo "skip $program on ours: the library was not built shared"
		skipped=$((skipped + 1))
	else
		# shellcheck disable=SC2086 # words
		attempt "$program on ours" "$(cd "$ours" && pwd)" \
			env LD_LIBRARY_PATH="$ours" SMAL_OPTIONS="$ABI_OPTIONS" $WRAPPER "$path"
	fi
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] || exit 1
[ "$passed" != 0 ] || exit 77
