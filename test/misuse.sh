#!/bin/sh
# SPDX-License-Identifier: MIT
#
# misuse.sh [SOURCE-DIR [PROGRAM-DIR]]: each mistake that the library recognises
# is answered by exactly one line, and stops the program.
#
# Every test/misuse/X.c makes one mistake. Its comment "expect:" holds what the
# program writes to standard error, with 0xADDR for addresses; its comment
# "ends:" says how it ends: abort, or an exit status. Nothing is written to
# standard output before the mistake, and nothing afterwards.
#
# Environment: top_srcdir, top_builddir.
set -u

top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
sources=${1:-$top/test/misuse}
programs=${2:-${top_builddir:-$top}/test/misuse}
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
unset SMAL_OPTIONS
passed=0
failed=0

# comment NAME FILE: the text of the comment "/* NAME: text */", on one line.
comment() {
	awk -v name="$1" '
		index($0, "/* " name ": ") == 1 { on = 1; sub(/^[^:]*: */, "") }
		on {
			end = sub(/ *\*\/.*$/, "")
			sub(/^ *\* */, "")
			if ($0 != "")
				text = text (text == "" ? "" : " ") $0
			if (end)
				exit
		}
		END { print text }
	' "$2"
}

fails() {
	echo "FAIL $1: $2"
	failed=$((failed + 1))
}

for source in "$sources"/*.c; do
	name=$(basename "$source" .c)
	program=$programs/$name
	expected=$(comment expect "$source")
	ends=$(comment ends "$source")
	if [ ! -x "$program" ]; then
		fails "$name" "is not built"
		continue
	fi
	# The shell's own word on how a command ended goes nowhere.
	# shellcheck disable=SC3045 # where -c is missing, nothing is lost
	status=$(
		exec 2>/dev/null
		ulimit -c 0
		(exec "$program" >"$scratch/output" 2>"$scratch/errors")
		echo $?
	)
	# What ASan has to say of stacks that are switched is left out.
	message=$(sed '/^==[0-9]*==WARNING: ASan/d; /^False positive error reports/d
		/^For details see/d; s/0x[0-9a-f][0-9a-f]*/0xADDR/g' "$scratch/errors")
	[ "$status" = 134 ] && status=abort
	if [ "$message" != "$expected" ]; then
		fails "$name" "says something else"
		printf '  expected: %s\n  says:     %s\n' "$expected" "$message"
	elif [ "$status" != "$ends" ]; then
		fails "$name" "ends by $status, not by $ends"
	elif [ -s "$scratch/output" ]; then
		fails "$name" "writes to standard output"
	else
		echo "ok   $name: $message"
		passed=$((passed + 1))
	fi
done

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
