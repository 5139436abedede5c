#!/bin/sh
# SPDX-License-Identifier: MIT
#
# count_pairs.sh: how many instructions a malloc and a free cost, against what
# doc/design/heap.md says, with an allowance for other compilers. Callgrind counts;
# what N + M pairs cost more than N does not depend on the machine's speed.
#
# Environment: top_builddir, VALGRIND.
set -u

build=${top_builddir:-.}
library=$build/.libs/libsmal-malloc.so
pairs=20000

skip() {
	echo "count_pairs: skipped: $1"
	exit 77
}

[ -f "$library" ] || skip 'no shared library'
command -v valgrind >/dev/null || skip 'no valgrind'
case $(file -L "$library" 2>/dev/null || uname -m) in
*x86-64* | x86_64) ;;
*) skip 'the figures are those of x86-64' ;;
esac
case "${CFLAGS:-}" in
*-fsanitize* | *-O0*) skip 'no optimized build' ;;
esac

# count PAIRS BYTES DEPTH: instructions of a run.
count() {
	SMAL_OPTIONS=tool=off LD_PRELOAD=$library valgrind --tool=callgrind \
		--callgrind-out-file=/dev/null "$build/test/count_pairs" "$@" 2>&1 |
		sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p'
}

# pair BYTES DEPTH: instructions of one pair, and its share of the loop.
pair() {
	few=$(count $pairs "$@")
	many=$(count $((2 * pairs)) "$@")
	echo $(((${many:-0} - ${few:-0}) / pairs))
}

passed=0
failed=0
loop=$(pair 0 0)
[ "$loop" -gt 0 ] || skip 'callgrind counts nothing here'
while read -r bytes depth most; do
	cost=$(($(pair "$bytes" "$depth") - loop))
	echo "count_pairs: $bytes bytes, $depth deep: $cost instructions, at most $most"
	# Less than any call costs: then nothing was counted.
	if [ "$cost" -gt "$most" ] || [ "$cost" -lt 20 ]; then
		failed=$((failed + 1))
	else
		passed=$((passed + 1))
	fi
done <<END
16 1 80
128 1 80
1024 1 80
4096 1 80
16 1000 115
1024 1000 260
END
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
