#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tool_watch.sh: memcheck and AddressSanitizer catch a program that reads what is
# no object any more, or not yet; and they have nothing to say about one that
# does not. With AddressSanitizer, locals that it keeps on a heap of its own (to
# find uses after return) are roots like others.
#
# Which of the tools can be asked depends on how the library was built; without
# any, this is skipped. Environment: top_builddir.
set -u

program=${top_builddir:-.}/test/tool_watch
stack=${top_builddir:-.}/test/check_stack
mistakes='freed freed-large collected collected-large shrunk callback next again'
passed=0
failed=0

passes() {
	echo "ok   $1"
	passed=$((passed + 1))
}

fails() {
	echo "FAIL $1"
	printf '%s\n' "$2" | sed 's/^/	/'
	failed=$((failed + 1))
}

# expect TOOL MISTAKE TEXT COMMAND...: the command fails, and its output has the
# text; for the mistake "none" it succeeds and says nothing.
expect() {
	tool=$1 mistake=$2 text=$3
	shift 3
	output=$("$@" "$program" "$mistake" 2>&1)
	status=$?
	if [ "$mistake" = none ]; then
		if [ "$status" = 0 ] && [ -z "$output" ]; then
			passes "$tool: no mistake"
		else
			fails "$tool: no mistake, status $status" "$output"
		fi
	elif [ "$status" != 0 ] && printf '%s\n' "$output" | grep -q "$text"; then
		passes "$tool: $mistake"
	else
		fails "$tool: $mistake is not caught, status $status" "$output"
	fi
}

tools=$("$program" which) || exit 99
case " $tools " in
*' asan '*)
	for mistake in none $mistakes; do
		expect asan "$mistake" 'AddressSanitizer: use-after-poison' env
	done
	if output=$(ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_stack_use_after_return=1" \
		"$stack" 2>&1); then
		passes 'asan: fake stacks'
	else
		fails 'asan: fake stacks' "$output"
	fi
	;;
*' memcheck '*)
	if command -v valgrind >/dev/null 2>&1; then
		for mistake in none $mistakes; do
			expect memcheck "$mistake" 'Invalid read of size 1' \
				valgrind -q --error-exitcode=9
		done
	fi
	;;
esac

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] || exit 1
[ "$passed" != 0 ] || exit 77
