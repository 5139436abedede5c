# SPDX-License-Identifier: MIT
#
# common.sh: what the test/preload_*.sh share; each includes it.
#
#   compare NAME COMMAND...   runs a command three times: alone, with
#                             libsmal-malloc.so in front, and with SMAL_OPTIONS=
#                             check=1 besides; all write the same and end the same,
#                             and the second and third really had the library
#   there PROGRAM PACKAGE     true if there is such a program; if not, a part of the
#                             test is skipped, and said so
#   finish                    the summary; ends the script
#
# Environment: top_srcdir, top_builddir, CC, CXX, CPPFLAGS, CFLAGS, LDFLAGS.
set -u

top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
builds=${top_builddir:-$top}
run=$builds/smal-run
library=$builds/.libs/libsmal-malloc.so
: "${CC:=cc}" "${CXX:=no}" "${CPPFLAGS:=}" "${CFLAGS:=}" "${LDFLAGS:=}"
passed=0
failed=0
skipped=0
LC_ALL=C
export LC_ALL
unset SMAL_OPTIONS LD_PRELOAD LD_DEBUG LD_DEBUG_OUTPUT

if [ ! -f "$library" ]; then
	echo 'skipped: the library was not built shared'
	exit 77
fi
case $CFLAGS in
*-fsanitize=*)
	echo 'skipped: a sanitizer has a malloc of its own'
	exit 77
	;;
esac
if ! getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
	echo "skipped: the C library is not glibc, whose loader says what it has loaded"
	exit 77
fi
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT

pass() {
	echo "ok   $1"
	passed=$((passed + 1))
}

# fail NAME TEXT [FILE]: the file is shown.
fail() {
	echo "FAIL $1: $2"
	[ $# -lt 3 ] || head -20 "$3" | sed 's/^/	/'
	failed=$((failed + 1))
}

skip() {
	echo "skip $1: $2"
	skipped=$((skipped + 1))
}

there() {
	command -v "$1" >/dev/null 2>&1 && return
	skip "$1" "it is not installed (Debian: $2)"
	return 1
}

# in_front [--check] COMMAND...: the loader notes in $scratch/loaded.PID what it
# loads, for each program that is run.
in_front() {
	rm -f "$scratch"/loaded.*
	LD_DEBUG=libs LD_DEBUG_OUTPUT=$scratch/loaded timeout 100 "$run" --malloc "$@"
}

# True if in the last in_front every program had the library, but for the two that
# led to it: timeout, and the shell of smal-run.
was_in_front() {
	programs=$(cat "$scratch"/loaded.* | grep -c 'initialize program: ')
	with=$(cat "$scratch"/loaded.* | grep -c 'calling init: .*/libsmal-malloc\.so')
	[ "$with" -gt 0 ] && [ $((programs - with)) -le 2 ]
}

# attempt NAME COMMAND...: what it writes, and its status, in $scratch/NAME.
attempt() {
	result=$scratch/$1
	shift
	"$@" >"$result" 2>"$result.errors" </dev/null
	status=$?
	{
		sed 's/^/error: /' "$result.errors"
		echo "status $status"
	} >>"$result"
}

compare() {
	name=$1
	shift
	attempt alone timeout 100 "$@"
	for check in '' --check; do
		# shellcheck disable=SC2086 # no option is no word
		attempt smal in_front $check "$@"
		if grep -q 'cannot be preloaded' "$scratch/smal"; then
			skip "$name$check" 'the program is for another kind of processor than the library'
		elif ! was_in_front; then
			fail "$name$check" 'the library was not in front of it' "$scratch/smal"
		elif ! diff "$scratch/alone" "$scratch/smal" >"$scratch/difference"; then
			fail "$name$check" 'differs with the library in front' "$scratch/difference"
		else
			pass "$name $check"
		fi
	done
}

# compile COMPILER OUTPUT SOURCE...: a program of ours; false, and a failure, if it
# can't be made.
compile() {
	compiler=$1
	output=$2
	shift 2
	# The compiler and the flags are words; the compiler is to know nothing of malloc.
	# shellcheck disable=SC2086
	$compiler -fno-builtin $CPPFLAGS $CFLAGS $LDFLAGS -o "$output" "$@" -pthread -ldl \
		>"$scratch/compile" 2>&1 && return
	fail "$(basename "$output")" 'does not compile' "$scratch/compile"
	return 1
}

finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] || exit 1
	[ "$passed" != 0 ] || exit 77
	exit 0
}
