#!/bin/sh
# SPDX-License-Identifier: MIT
#
# torture.sh: programs of the suite once more, with heaps of at most 10^4 objects
# (SMAL_TEST_SMALL), and SMAL_OPTIONS: with a collection at every allocation; with
# a second marker and the checker after each collection; and with three threads that
# mark, and share whatever there is (SMAL_TEST_LONG: all programs; else one).
#
# Left out are programs whose subject is when a collection runs, or which objects
# it finds dead. Environment: top_builddir.
set -u

builds=${top_builddir:-.}/test
collected='check_alloc check_entry check_explain check_fork check_map check_root check_static
	check_stats check_type check_verify model_gc model_map model_weak'
checked="$collected check_ephemeron check_finalizer check_limit check_mark check_notice
	check_order check_own_final check_own_weak check_queue check_stack check_sweep
	check_weak"
passed=0
failed=0
shared=model_gc
[ -z "${SMAL_TEST_LONG:-}" ] || shared=$checked
SMAL_TEST_SMALL=1
export SMAL_TEST_SMALL
unset SMAL_TEST_LONG

# run OPTIONS PROGRAM...
run() {
	SMAL_OPTIONS=$1
	export SMAL_OPTIONS
	shift
	for program; do
		if output=$("$builds/$program" 2>&1); then
			echo "ok   $SMAL_OPTIONS $program"
			passed=$((passed + 1))
		else
			echo "FAIL $SMAL_OPTIONS $program"
			printf '%s\n' "$output" | sed 's/^/	/'
			failed=$((failed + 1))
		fi
	done
}

# shellcheck disable=SC2086 # words
{
	run torture=1 $collected
	run check=all $checked
	run team=1,markers=3,check=mark $shared
}
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
