# SPDX-License-Identifier: MIT
# stats.awk: from what smile --stats writes to figures; other lines are left out.

/^collections / { print "collections", $2, "collections" }
/^all pauses / { print "pause_sum_ms", $3, "ms" }
/^longest pause / { print "pause_max_ms", $3, "ms" }
