#!/bin/sh
# SPDX-License-Identifier: MIT
#
# preload_compiler.sh: the C compiler with libsmal-malloc.so in front: a file of the
# library becomes the same object; and a program that is made with it in front of
# compiler and linker, works with it in front.
# shellcheck disable=SC2154 # common.sh sets them
. "${top_srcdir:-$(dirname "$0")/..}/test/preload/common.sh"
sources=$top/test/preload

# shellcheck disable=SC2086,SC2016 # the compiler and the flags are words; the inner shell's $0
compare 'compiler, an object' sh -c '"$@" && cksum <"$0"' "$scratch/object.o" \
	$CC $CPPFLAGS -std=gnu11 -O2 -g -pthread -I"$top/include" -I"$top" -I"$builds" \
	-c -o "$scratch/object.o" "$top/smal/gc/map.c"
cat >"$scratch/make" <<END
	compile() { $CC $CPPFLAGS $CFLAGS $LDFLAGS -std=gnu11 -fno-builtin "\$@" -pthread -ldl; }
	compile -shared -fPIC -o "$scratch/plugin.so" "$sources/plugin.c" &&
		compile -o "$scratch/early" "$sources/early.c" &&
		"$scratch/early" "$scratch/plugin.so"
END
compare 'compiler, a program' sh "$scratch/make"
finish
