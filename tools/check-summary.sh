#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-summary.sh LOG...: adds up the tests of a `make check`, and says
# "N passed, N failed, N skipped".
#
# A log's result stands in the .trs file beside it. The tests inside are counted
# by the last line of the log that is a summary of Check ("100%: Checks: 7,
# Failures: 0, Errors: 0") or of a script ("7 passed, 0 failed, 0 skipped"); a
# log without one is a single test. A program that fails has at least one
# failure, whatever its log says, and one without a result has failed.
#
# Ends with status 1 if anything failed or nothing ran.
set -u

for log; do
	result=FAIL
	trs=${log%.log}.trs
	[ -f "$trs" ] && result=$(sed -n 's/^:global-test-result: *//p' "$trs")
	counts=$(sed -n \
		-e 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/check \1 \2 \3/p' \
		-e 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/script \1 \2 \3/p' \
		"$log" 2>/dev/null | tail -n 1)
	echo "${result:-FAIL} $counts"
done | awk '
	{
		passed = failed = skipped = 0
		if ($1 == "SKIP")
			skipped = 1
		else if ($2 == "check") {
			passed = $3 - $4 - $5
			failed = $4 + $5
		} else if ($2 == "script") {
			passed = $3
			failed = $4
			skipped = $5
		} else
			passed = ($1 == "PASS" || $1 == "XFAIL")
		if ($1 != "PASS" && $1 != "SKIP" && $1 != "XFAIL" && failed == 0)
			failed = 1
		p += passed
		f += failed
		s += skipped
	}
	END {
		printf "%d passed, %d failed, %d skipped\n", p, f, s
		exit f != 0 || p == 0
	}
'
