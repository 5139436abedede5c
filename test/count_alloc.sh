#!/bin/sh
# SPDX-License-Identifier: MIT
#
# count_alloc.sh: how many instructions the collector's shortest ways cost: allocation,
# the opening of a window, marking, sweeping. Callgrind counts; what N + M operations
# cost more than N does not depend on the machine's speed, nor on what went before.
#
# An allocation that hits is measured by windows that give more of them, or fewer,
# before their rest is dropped: as many windows are opened in either case. What one
# costs to open is measured by their number; the zeroing is the C library's and is
# taken off. A collection is counted from call to return, one word by layouts
# that have more, or fewer, and objects of the same size and number.
#
# Environment: top_builddir, CFLAGS.
set -u

build=${top_builddir:-.}
program=$build/test/count_alloc

skip() {
	echo "count_alloc: skipped: $1"
	exit 77
}

command -v valgrind >/dev/null || skip 'no valgrind'
case "${CFLAGS:-}" in
*-fsanitize* | *-O[01gsz]*) skip 'no optimized build' ;;
esac
"$program" none 0 0
[ $? != 77 ] || skip 'the figures are those of x86-64, optimized'

# count WHAT WORK N M: instructions of a run: all of them, or those of a function.
count() {
	what=--toggle-collect=$1
	[ "$1" != all ] || what=--collect-atstart=yes
	shift
	SMAL_OPTIONS=tool=off valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		"$what" "$program" "$@" 2>&1 | sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p'
}

# each COUNT WHAT WORK N M N M: what each of COUNT operations costs that the second
# run does more than the first; "none" if nothing was counted.
each() {
	few=$(count "$2" "$3" "$4" "$5")
	many=$(count "$2" "$3" "$6" "$7")
	awk -v n="$1" -v few="${few:-0}" -v many="${many:-0}" 'BEGIN {
		if (few > 0 && many > 0)
			printf "%.1f\n", (many - few) / n
		else
			print "none"
	}'
}

passed=0
failed=0
# figure NAME LESS AT-LEAST AT-MOST COUNT WHAT WORK N M N M: LESS is the loop's.
figure() {
	name=$1 less=$2 least=$3 most=$4
	shift 4
	cost=$(each "$@")
	if [ "$cost" != none ]; then
		cost=$(awk -v cost="$cost" -v less="$less" 'BEGIN { printf "%.1f\n", cost - less }')
	fi
	echo "count_alloc: $name: $cost instructions, at most $most"
	if awk -v cost="$cost" -v least="$least" -v most="$most" \
		'BEGIN { exit !(cost != "none" && cost + 0 >= least && cost + 0 <= most) }'; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

loop=$(each 20000 all none 200 100 200 200)
[ "$loop" != none ] || skip 'callgrind counts nothing here'
zero=$(each 200 all zero 200 4096 400 4096)

# What less than the least was not what was meant to be counted.
figure 'an allocation by the parcel' "$loop" 3 6 20000 all parcel 200 100 200 200
figure 'smal_alloc' "$loop" 3 12 20000 all alloc 200 100 200 200
figure 'smal_alloc_bytes of a constant size' "$loop" 3 12 20000 all bytes 200 100 200 200
figure 'a window, but for its zeroing' "$zero" 50 775 200 all refill 200 32 400 32
figure 'an allocation into a hole of one slot' "$loop" 20 284 20000 all holes 20000 0 40000 0

figure 'a pair of a list, marked' 0 20 63 20000 collect_counted list 20000 0 40000 0
figure 'a dead pair' 0 0 1 25600 collect_counted dead 25600 32 51200 32
figure 'a buffer swept' 0 100 1000 32 collect_counted buffers 32 2 64 1

# word NAME AT-LEAST AT-MOST WHAT [WORK]: of a thousand containers each has 15 of them
# more.
word() {
	figure "a word of a layout: $1" 0 "$2" "$3" 15000 collect_counted "${5:-words}" 15 "$4" \
		30 "$4"
}

word 'NULL' 3 18.7 0
word 'a small number' 3 18.7 1
word 'NULL, with two segments' 3 18.7 0 apart
word 'an object marked already' 5 27.5 2
word 'one to be marked, without pointers' 10 34.5 3
word 'a pair to be marked, and its scan' 20 155.8 4
figure 'an object marked and queued, by smal_mark_array' 0 10 50.6 4000 \
	smal_mark_array array 4000 0 8000 0
figure 'a word of a stack' 0 3 8.4 20000 collect_counted range 20000 0 40000 0
figure 'a word of a stack that an object is marked by' 0 20 72 20000 collect_counted found \
	20000 0 40000 0
figure 'the same, into an object' 0 20 67 20000 collect_counted found 20000 8 40000 8
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
