#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh [SMILE]: runs the example's programs and ends with a table: what each
# took of time and memory, and how large its heap was while it ran.
#
#   SMILE   the binary (default example/smile)
#   srcdir  the top of the sources (default: where this script lies)
#
# The curve of a heap is drawn in Unicode blocks where the locale has them, in
# ASCII elsewhere. Writes nowhere but to a directory of its own.
set -u

srcdir=${srcdir:-$(dirname "$0")/..}
programs=$srcdir/example/programs
smile=${1:-example/smile}
if [ ! -x "$smile" ]; then
	echo "demo.sh: there is no $smile" >&2
	exit 1
fi
DICTIONARY=${DICTIONARY:-/usr/share/dict/words}
export DICTIONARY

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
TMPDIR=$work
export TMPDIR
failed=0

case "${LC_ALL:-${LC_CTYPE:-${LANG:-}}}" in
*UTF-8 | *utf8) blocks='▁ ▂ ▃ ▄ ▅ ▆ ▇ █' ;;
*) blocks='_ . - : = + * #' ;;
esac

# curve TIMELINE WIDTH: the heap's size over time, in WIDTH signs: the largest
# size in each part of the time, as a share of the largest of all.
curve() {
	awk -v width="$2" -v blocks="$blocks" '
		{ at[NR] = $1; bytes[NR] = $2; if ($2 > most) most = $2 }
		END {
			if (NR == 0) { print "no collection"; exit }
			n = split(blocks, sign, " ")
			span = at[NR] - at[1] + 1
			last = bytes[1]
			for (i = 1; i <= NR; i++) {
				part = int((at[i] - at[1]) / span * width)
				if (bytes[i] > size[part]) size[part] = bytes[i]
			}
			for (part = 0; part < width; part++) {
				if (part in size) last = size[part]
				level = int(last / most * n + 0.999)
				line = line sign[level < 1 ? 1 : level]
			}
			print line
		}' "$1"
}

# figure FILE NAME: the first word of a statistic.
figure() {
	sed -n "s/^$2  *\([0-9.]*\).*/\1/p" "$1"
}

# row NAME STATISTICS TIMELINE: a line of the table.
row() {
	awk -v name="$1" -v time="$(figure "$2" time)" -v bytes="$(figure "$2" allocated)" \
		-v collections="$(figure "$2" collections)" \
		-v pause="$(figure "$2" 'longest pause')" -v peak="$(figure "$2" 'peak memory')" \
		-v curve="$(curve "$3" 24)" 'BEGIN {
			printf "%-18s %7.2f s %9.1f MiB %6d %8.2f ms %8.1f MiB  %s\n", name, time,
				bytes / 1048576, collections, pause, peak / 1048576, curve
		}'
}

for program in "$programs"/*.scm; do
	name=$(basename "$program" .scm)
	if [ "$name" = word-frequencies ] && [ ! -r "$DICTIONARY" ]; then
		echo "$name: left out: there is no $DICTIONARY (Debian: wamerican)"
		continue
	fi
	printf '%s ...' "$name"
	if "$smile" --stats --timeline="$work/$name.timeline" "$program" \
		>"$work/$name.output" 2>"$work/$name.stats" </dev/null &&
		cmp -s "$work/$name.output" "$programs/$name.expected"; then
		printf ' %s\n' "$(tail -n 1 "$work/$name.output" | cut -c 1-60)"
		row "$name" "$work/$name.stats" "$work/$name.timeline" >>"$work/table"
	else
		printf ' FAILED\n'
		tail -n 5 "$work/$name.stats"
		failed=1
	fi
done

printf '\n%-18s %9s %13s %6s %11s %12s  %s\n' program time allocated colls 'longest' 'peak' \
	'size of the heap over time'
printf '%-18s %9s %13s %6s %11s %12s\n' '' '' '' '' 'pause' 'memory'
cat "$work/table"
exit "$failed"
