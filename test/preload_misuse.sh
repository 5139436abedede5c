#!/bin/sh
# SPDX-License-Identifier: MIT
#
# preload_misuse.sh: what libsmal-malloc.so says of mistakes: one line, the one in
# the manual, and the program ends by abort; with check=1 also of writes where
# nothing may be written.
# shellcheck disable=SC2154 # common.sh sets them
. "${top_srcdir:-$(dirname "$0")/..}/test/preload/common.sh"

# says [--check] MISTAKE TEXT: the line has the text, 0xADDR for addresses.
says() {
	check=''
	if [ "$1" = --check ]; then
		check=$1
		shift
	fi
	# The shell's own word on how a command ended goes nowhere.
	# shellcheck disable=SC3045,SC2086 # where -c is missing, nothing is lost; no option
	status=$(
		exec 2>/dev/null
		ulimit -c 0
		("$run" --malloc $check "$scratch/misuse" "$1" >"$scratch/output" 2>"$scratch/errors")
		echo $?
	)
	sed 's/0x[0-9a-f][0-9a-f]*/0xADDR/g' "$scratch/errors" >"$scratch/line"
	if [ "$status" != 134 ]; then
		fail "$1 $check" "ends by $status, not by abort" "$scratch/errors"
	elif ! printf 'smal: %s\n' "$2" | diff - "$scratch/line" >"$scratch/difference"; then
		fail "$1 $check" 'says something else' "$scratch/difference"
	elif [ -s "$scratch/output" ]; then
		fail "$1 $check" 'goes on' "$scratch/output"
	else
		pass "$1 $check"
	fi
}

# silent MISTAKE: nothing is seen of it without check=1.
silent() {
	if "$run" --malloc "$scratch/misuse" "$1" >"$scratch/output" 2>&1 && [ ! -s "$scratch/output" ]; then
		pass "$1, without check=1"
	else
		fail "$1" 'is seen without check=1' "$scratch/output"
	fi
}

compile "$CC -std=gnu11 -O0" "$scratch/misuse" "$top/test/preload/misuse.c" || finish
says double_free 'free: double free: 0xADDR is slot 0 of size class 112, which is free'
says double_free_large 'free: double free: 0xADDR is a block of 102400 bytes'
says double_free_empty 'free: double free: 0xADDR is an empty block that is free'
says double_free_realloc 'realloc: double free: 0xADDR is slot 0 of size class 112, which is free'
says double_free_usable \
	'malloc_usable_size: double free: 0xADDR is slot 0 of size class 112, which is free'
says interior 'free: interior pointer: 0xADDR is 16 bytes into slot 0 of size class 112, which is in use'
says interior_large 'free: interior pointer: 0xADDR is 4096 bytes into a block of 102400 bytes'
says misaligned 'free: misaligned pointer: 0xADDR is 3 bytes into slot 0 of size class 112, which is in use'
says foreign_stack 'free: foreign pointer: 0xADDR is on the stack of this thread'
says foreign_static 'free: foreign pointer: 0xADDR is in no heap'
says foreign_number 'free: foreign pointer: 0xADDR is no address of memory'

says --check double_free 'free: double free: 0xADDR is slot 0 of size class 128, which is free'
says --check double_free_empty 'free: double free: 0xADDR is an empty block that is free'
says --check interior \
	'free: interior pointer: 0xADDR is 16 bytes into slot 0 of size class 128, which is in use'
says --check overrun 'free: overrun: 0xADDR is a block of 100 bytes; byte 100 was written'
says --check overrun_far 'free: overrun: 0xADDR is a block whose end is overwritten'
says --check overrun_large 'free: overrun: 0xADDR is a block of 100000 bytes; byte 100000 was written'
says --check overrun_realloc 'realloc: overrun: 0xADDR is a block of 100 bytes; byte 100 was written'
says --check write_after_free \
	'free: write after free: 0xADDR is a block of 128 bytes; byte 5 was written'
says --check write_after_free_large \
	'free: write after free: 0xADDR is a block of 102400 bytes; byte 5 was written'
silent overrun
silent write_after_free
finish
