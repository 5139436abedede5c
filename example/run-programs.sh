#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run-programs.sh [SMILE]: runs the example's programs and compares what they
# print with what they should.
#
# Every program runs as it is, and then in a small size with a collection at
# every 1,000th allocation; then come the bad programs, which must fail with the
# right message, a session with the REPL, and the command line's options.
#
#   SMILE      the binary (default example/smile)
#   srcdir     the top of the sources (default: where this script lies)
#   PROGRAMS   which of the programs (default: all)
#   SIZE=small the small sizes alone, for slow builds and Valgrind
#   WRAPPER    a command to put before the binary
#
# Ends with "N passed, N failed, N skipped"; the status is 0 if none failed.
# Writes nowhere but to a directory of its own.
set -u

srcdir=${srcdir:-$(dirname "$0")/..}
programs=$(cd "$srcdir/example/programs" && pwd) || exit 1
smile=${1:-example/smile}
smile=$(cd "$(dirname "$smile")" && pwd)/$(basename "$smile") || exit 1
if [ ! -x "$smile" ]; then
	echo "run-programs.sh: there is no $smile" >&2
	exit 1
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
TMPDIR=$work
LC_ALL=C
export TMPDIR LC_ALL
DICTIONARY=${DICTIONARY:-/usr/share/dict/words}
export DICTIONARY

passed=0
failed=0
skipped=0

pass() {
	echo "PASS: $1"
	passed=$((passed + 1))
}

fail() {
	echo "FAIL: $1"
	failed=$((failed + 1))
}

skip() {
	echo "SKIP: $1: $2"
	skipped=$((skipped + 1))
}

# run STATUS ARGUMENT...: runs the binary; what it prints, errors included, goes
# to $work/output, and the status, if it is not the one expected, too.
run() {
	expected_status=$1
	shift
	# shellcheck disable=SC2086 # WRAPPER is words
	${WRAPPER:-} "$smile" "$@" >"$work/output" 2>&1
	status=$?
	if [ "$status" != "$expected_status" ]; then
		echo "[exit status $status]" >>"$work/output"
	fi
}

# compare NAME EXPECTED: judges $work/output.
compare() {
	if diff "$2" "$work/output" >"$work/diff" 2>&1; then
		pass "$1"
	else
		fail "$1"
		head -n 20 "$work/diff"
	fi
}

# option FILE NAME: the value of the comment ";; NAME: VALUE" in a program.
option() {
	sed -n "s/^;; $2: //p" "$1"
}

program() {
	name=$(basename "$1" .scm)
	if [ "$name" = word-frequencies ] && [ ! -r "$DICTIONARY" ]; then
		skip "$name" "there is no $DICTIONARY (Debian: wamerican)"
		return
	fi
	if [ "${SIZE:-}" != small ]; then
		run 0 "$1"
		compare "$name" "$programs/$name.expected"
	fi
	run 0 --torture=1000 "$1" "$(option "$1" small)"
	compare "$name, collecting at every 1,000th allocation" "$programs/$name.small.expected"
}

bad_program() {
	name=$(basename "$1" .scm)
	# shellcheck disable=SC2046 # options are words
	run 1 $(option "$name.scm" options) "$name.scm"
	compare "bad/$name" "$name.expected"
}

session() {
	run 0 --limit=16M <"$programs/session.repl"
	compare 'a session with errors' "$programs/session.expected"
}

options() {
	printf '%s\n' 3 time allocated collections 'all pauses' 'longest pause' 'peak heap' \
		'peak memory' 'lines: 2' >"$work/wanted"
	run 0 --stats --timeline="$work/timeline" \
		-e '(display (+ 1 2)) (newline) (collect) (collect)'
	sed 's/   .*//' "$work/output" >"$work/names"
	echo "lines: $(grep -c '^[0-9][0-9]* [0-9][0-9]*$' "$work/timeline")" >>"$work/names"
	mv "$work/names" "$work/output"
	compare 'statistics and timeline' "$work/wanted"

	echo 'smile: --pace: bad argument: fast' >"$work/wanted"
	run 2 --pace=fast
	compare 'a bad option' "$work/wanted"

	echo '(script.scm a b) 55' >"$work/wanted"
	echo '(display (command-line)) (display " ") (display (* x 11)) (newline)' \
		>"$work/script.scm"
	cd "$work" || exit 1
	run 0 --pace=fixed:16M -e '(define x 5)' script.scm a b
	compare 'an expression and a script with arguments' "$work/wanted"
}

for file in "$programs"/*.scm; do
	case " ${PROGRAMS:-$(basename "$file" .scm)} " in
	*" $(basename "$file" .scm) "*) program "$file" ;;
	esac
done
cd "$programs/bad" || exit 1
for file in *.scm; do
	bad_program "$file"
done
session
options

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
