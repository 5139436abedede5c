#!/bin/sh
# SPDX-License-Identifier: MIT
#
# programs.sh [WORKLOAD...]: stock programs of others with smal's libgc.so.1. Each
# workload of workloads.sh is done once with the library that is installed, and with
# smal's: as it is, with a collection very often, and with two markers. What is
# written, and the status, have to be the same.
#
# A program that is not installed is skipped. Environment: top_srcdir, top_builddir;
# SMAL_TEST_LONG: the workloads in the size of a measurement, and more of them;
# LIBGC_WORKLOADS: another list than workloads.sh.
set -u

top=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
top=$(cd "$top" && pwd)
builds=$(cd "${top_builddir:-$top}" && pwd)
run=$builds/smal-run
library=$builds/smal/compat/libgc/.libs/libgc.so.1
passed=0
failed=0
skipped=0
unset SMAL_OPTIONS LD_PRELOAD LD_LIBRARY_PATH LD_DEBUG LD_DEBUG_OUTPUT GC_MARKERS

if [ ! -f "$library" ]; then
	echo 'skipped: the library was not built shared'
	exit 77
fi
case ${CFLAGS:-} in
*-fsanitize=*)
	echo 'skipped: a sanitizer wants to be loaded before the programs'
	exit 77
	;;
esac

scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
list=${LIBGC_WORKLOADS:-$top/test/libgc/workloads.sh}
programs=${list%/*}/programs
size=check
limit=100
if [ -n "${SMAL_TEST_LONG:-}" ]; then
	size=bench
	limit=600
fi
# shellcheck source=test/libgc/workloads.sh
. "$list"

pass() {
	echo "ok   $1"
	passed=$((passed + 1))
}

# fail NAME TEXT [FILE]: the first lines of the file are shown.
fail() {
	echo "FAIL $1: $2"
	[ $# -lt 3 ] || head -n 12 "$3" | cut -c 1-200 | sed 's/^/	/'
	failed=$((failed + 1))
}

skip() {
	echo "skip $1: $2"
	skipped=$((skipped + 1))
}

# attempt MODE WORKLOAD: what it writes, and its status, in $work/MODE.
attempt() {
	rm -rf "$work/folder.$1" && mkdir "$work/folder.$1" && cd "$work/folder.$1" || exit 99
	workload_run "$2" >"$work/$1" 2>"$work/$1.errors" </dev/null
	echo "status $?" >>"$work/$1"
	cd "$scratch" || exit 99
	rm -rf "$work/folder.$1"
}

# True if in the last attempt programs had our libgc, and none another. The loader
# notes what it loads in a file for each process.
was_ours() {
	cat "$work"/loaded.* 2>/dev/null | sed -n 's/.*calling init: \(.*\/libgc\.so\.1.*\)/\1/p' \
		>"$work/libraries"
	[ -s "$work/libraries" ] || return
	while read -r file; do
		cmp -s "$file" "$library" || return
	done <"$work/libraries"
}

# compare WORKLOAD MODE [VARIABLE=VALUE]
compare() {
	with="env LD_DEBUG=libs LD_DEBUG_OUTPUT=$work/loaded ${3:-} timeout $limit $run"
	rm -f "$work"/loaded.*
	attempt "$2" "$1"
	if ! was_ours; then
		fail "$1 $2" "smal's library was not loaded" "$work/$2.errors"
	elif ! diff "$work/stock" "$work/$2" >"$work/difference"; then
		fail "$1 $2" "differs with smal's library" "$work/difference"
		head -n 5 "$work/$2.errors" | cut -c 1-200 | sed 's/^/	/'
	else
		pass "$1 $2"
	fi
}

# workload NAME
workload() {
	work=$scratch/$1
	mkdir "$work" || exit 99
	missing=$(workload_missing "$1")
	if [ -n "$missing" ]; then
		skip "$1" "$missing is not installed"
		return
	fi
	with="timeout $limit"
	workload_prepare "$1" >"$work/prepare" 2>&1
	case $? in
	0) ;;
	77)
		skip "$1" "$(tail -n 1 "$work/prepare")"
		return
		;;
	*)
		fail "$1" 'could not be prepared' "$work/prepare"
		return
		;;
	esac
	attempt stock "$1"
	if ! grep -qx 'status 0' "$work/stock"; then
		skip "$1" "fails with the library that is installed: $(tail -n 1 "$work/stock")"
		return
	fi
	torture=2000
	eval "torture=\${torture_$1:-\$torture}"
	[ "$size" = check ] || torture=$((50 * torture))
	compare "$1" plain
	compare "$1" often "SMAL_OPTIONS=torture=$torture"
	compare "$1" markers GC_MARKERS=2
	rm -rf "$work"
}

[ $# -gt 0 ] || {
	# shellcheck disable=SC2154,SC2086 # names, of workloads.sh
	set -- $workloads ${SMAL_TEST_LONG:+$workloads_long}
}
for name; do
	workload "$name"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] || exit 1
[ "$passed" != 0 ] || exit 77
exit 0
