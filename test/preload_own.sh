#!/bin/sh
# SPDX-License-Identifier: MIT
#
# preload_own.sh: programs that are written for it, with libsmal-malloc.so in front:
# parity.c asks for glibc's semantics, early.c allocates at unusual moments,
# threads.cc is threads and exceptions, forks.sh forks.
# shellcheck disable=SC2154 # common.sh sets them
. "${top_srcdir:-$(dirname "$0")/..}/test/preload/common.sh"
sources=$top/test/preload

# What glibc's malloc exports, by this program's own C library.
exports() {
	# shellcheck disable=SC2086 # words
	$CC $CFLAGS -o "$scratch/empty" -xc - <<-'END_OF_PROGRAM' >/dev/null 2>&1 || return
		int main(void) { return 0; }
	END_OF_PROGRAM
	libc=$(ldd "$scratch/empty" 2>/dev/null | sed -n 's/.*libc\.so\.6 => \([^ ]*\).*/\1/p')
	if [ -z "$libc" ] || ! ${NM:-nm} -D --defined-only "$libc" >"$scratch/libc" 2>/dev/null; then
		skip exports 'the names of the C library can not be listed'
		return
	fi
	sed 's/.* //; s/@.*//' "$scratch/libc" | grep -xE \
		'(__libc_)?(malloc|calloc|realloc|free|memalign|valloc|pvalloc)|reallocarray|cfree|aligned_alloc|posix_memalign|free_(aligned_)?sized|mallopt|mallinfo2?|malloc_(trim|usable_size|stats|info)' |
		sort -u >"$scratch/theirs"
	${NM:-nm} -D --defined-only "$library" | sed 's/.* //; s/@.*//' | sort -u >"$scratch/ours"
	comm -23 "$scratch/theirs" "$scratch/ours" >"$scratch/missing"
	if [ "$(wc -l <"$scratch/theirs")" -lt 15 ]; then
		fail exports 'so few names in the C library' "$scratch/theirs"
	elif [ -s "$scratch/missing" ]; then
		fail exports 'names of the C library that are missing' "$scratch/missing"
	else
		pass 'every name of the C library'
	fi
}

# Its first line knows whose malloc it is to be.
parity() {
	"$scratch/parity" >"$scratch/alone" 2>&1
	echo "status $?" >>"$scratch/alone"
	for check in '' --check; do
		# shellcheck disable=SC2086 # no option is no word
		EXPECT_SMAL=1 in_front $check "$scratch/parity" >"$scratch/smal" 2>&1
		echo "status $?" >>"$scratch/smal"
		if diff "$scratch/alone" "$scratch/smal" >"$scratch/difference" &&
			grep -qx 'status 0' "$scratch/alone"; then
			count=$(grep -c : "$scratch/smal")
			echo "ok   parity $check: $count statements"
			passed=$((passed + count))
		else
			grep FAIL "$scratch/alone" "$scratch/smal" >>"$scratch/difference"
			fail "parity $check" 'a statement does not hold' "$scratch/difference"
		fi
	done
}

exports
compile "$CC -std=gnu11" "$scratch/parity" "$sources/parity.c" && parity
compile "$CC -std=gnu11 -shared -fPIC" "$scratch/plugin.so" "$sources/plugin.c" &&
	compile "$CC -std=gnu11" "$scratch/early" "$sources/early.c" &&
	compare early "$scratch/early" "$scratch/plugin.so"
if [ "$CXX" = no ]; then
	skip threads 'there is no C++ compiler'
elif echo 'int main() { return 0; }' >"$scratch/probe.cc" &&
	! (compile "$CXX -std=c++17" "$scratch/probe" "$scratch/probe.cc" >/dev/null); then
	skip threads 'the C++ compiler makes no programs with these flags'
else
	compile "$CXX -std=c++17 -O1" "$scratch/threads" "$sources/threads.cc" &&
		compare threads "$scratch/threads"
fi
compare forks sh "$sources/forks.sh"
finish
