#!/bin/sh
# SPDX-License-Identifier: MIT
#
# demo.sh [PROGRAM]...: runs the example's programs, and ends with a table of
# what each asked of its heap: time, memory allocated, collections, the longest
# pause, the peak of memory, and a line of the heap's size over time, one column
# to each thirtieth of the time.
#
#   top_builddir   where the build is (default .): the binary is example/smile
#   DICTIONARY     for word-frequencies (default /usr/share/dict/words)
set -u

srcdir=$(cd "$(dirname "$0")" && pwd) || exit 1
smile=$(cd "${top_builddir:-.}" && pwd)/example/smile || exit 1
[ $# -gt 0 ] || set -- binary-trees deriv nqueens metacircular word-frequencies json nbody adventure \
	parallel bdd generators fibers
if [ ! -x "$smile" ]; then
	echo "demo.sh: there is no $smile" >&2
	exit 1
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
TMPDIR=$work
export TMPDIR
: >"$work/table"

case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in
*UTF-8* | *utf-8* | *UTF8* | *utf8*) blocks='▁ ▂ ▃ ▄ ▅ ▆ ▇ █' ;;
*) blocks='_ . - = + * % #' ;;
esac
if [ -t 1 ]; then
	bold=$(printf '\033[1m')
	plain=$(printf '\033[0m')
else
	bold=''
	plain=''
fi

# line: draws "NANOSECONDS BYTES" as 30 columns, from the least to the most
# that there was; a column shows the last size in its part of the time. Without
# a collection there is nothing to draw.
line() {
	LC_ALL=C awk -v blocks="$blocks" -v width=30 '
	{ time[NR] = $1; size[NR] = $2; if ($2 > most) most = $2 }
	END {
		count = split(blocks, block, " ")
		first = time[1]
		span = time[NR] - first + 1
		for (i = 1; i <= NR; i++)
			column[int((time[i] - first) * width / span)] = size[i]
		for (i = 0; i < width && NR > 0; i++) {
			if (i in column)
				last = column[i]
			level = 1 + int(last / most * (count - 1) + 0.5)
			printf "%s", block[level]
		}
		printf "\n"
	}' "$1"
}

# row NAME STATISTICS TIMELINE: a line of the table.
row() {
	LC_ALL=C awk -v name="$1" -v line="$(line "$3")" '
	function bytes(n) {
		if (n < 1048576)
			return sprintf("%.0f KiB", n / 1024)
		if (n < 104857600)
			return sprintf("%.1f MiB", n / 1048576)
		return sprintf("%.0f MiB", n / 1048576)
	}
	/^time / { time = $2 }
	/^allocated / { allocated = $2 }
	/^collections / { collections = $2 }
	/^longest pause / { pause = $3 }
	/^peak memory / { peak = $3 }
	END {
		printf "%-17s %7.2f s %11s %8d %8.1f ms %11s  %s\n",
		       name, time, bytes(allocated), collections, pause, bytes(peak), line
	}' "$2"
}

failed=''
for program; do
	if [ "$program" = word-frequencies ] && [ ! -r "${DICTIONARY:-/usr/share/dict/words}" ]; then
		echo "== $program: left out, there is no dictionary (Debian: wamerican)"
		continue
	fi
	echo "$bold== $program$plain"
	if "$smile" --timeline="$work/timeline" --stats "$srcdir/programs/$program.scm" \
		2>"$work/stats"; then
		row "$program" "$work/stats" "$work/timeline" >>"$work/table"
	else
		cat "$work/stats"
		failed="$failed $program"
	fi
	echo
done

printf '%s%-17s %9s %11s %8s %11s %11s  %s%s\n' "$bold" program time allocated 'collect.' \
	'worst pause' 'peak memory' 'the heap, over time' "$plain"
cat "$work/table"
if [ -n "$failed" ]; then
	echo "These failed:$failed"
	exit 1
fi
