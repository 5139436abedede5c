#!/bin/sh
# SPDX-License-Identifier: MIT
#
# exports.sh [LIBRARY]: our libgc.so.1 has every name that a client of libgc may want:
# those of the system's libgc, functions as functions and data as data of at least that
# size; those that the headers declare; and those that programs which are installed do
# ask for. It has no others.
#
# What is not installed is skipped. Environment: top_srcdir, top_builddir, CC, NM, CFLAGS.
set -u

top=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
builds=${top_builddir:-$top}
library=${1:-$builds/smal/compat/libgc/.libs/libgc.so.1}
: "${CC:=cc}" "${NM:=nm}"
packages='guile-3.0-libs guile-2.2-libs libecl21.2 libneko2 neko w3m nix-bin libgc1 mmv
	stalin macaulay2 asymptote lilypond crystal libpoke0 parser3-cgi libobjc-12-dev libobjc4
	chase debfoster goo fauhdlc libhomfly0 inkscape mailutils'
passed=0
failed=0
skipped=0

pass() {
	echo "ok   $1"
	passed=$((passed + 1))
}

# fail NAME FILE: the lines of the file are what is wrong.
fail() {
	echo "FAIL $1:"
	sed 's/^/	/' "$2"
	failed=$((failed + 1))
}

skip() {
	echo "skip $1: $2"
	skipped=$((skipped + 1))
}

# judge NAME FILE: nothing is to be in the file.
judge() {
	if [ -s "$2" ]; then
		fail "$1" "$2"
	else
		pass "$1"
	fi
}

if [ ! -f "$library" ]; then
	echo 'skipped: the library was not built shared'
	exit 77
fi
case ${CFLAGS-} in
*-fsanitize=*)
	echo 'skipped: a sanitizer adds names of its own'
	exit 77
	;;
esac
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT

# defined LIBRARY: name, sort (function or data), size in hexadecimal digits of one
# length; sorted.
defined() {
	$NM -D --defined-only -S "$1" | awk '
		NF == 4 && $4 !~ /^_(end|edata|init|fini|_bss_start)$/ {
			sub(/@.*/, "", $4)
			print $4, $3 ~ /^[TtWi]$/ ? "function" : "data", $2
		}' | sort
}

defined "$library" >"$scratch/ours"
sed 's/ .*//' "$scratch/ours" >"$scratch/names"

# The system's. What GC_arrays holds no header declares.
system=$($CC -print-file-name=libgc.so.1)
if [ -f "$system" ] && [ "$(cd "$(dirname "$system")" && pwd)" != "$(cd "$(dirname "$library")" && pwd)" ]; then
	defined "$system" | grep '^GC_' >"$scratch/system"
	join -a 1 "$scratch/system" "$scratch/ours" | awk '
		NF == 3 { print $1 ": is missing" }
		NF == 5 && $2 != $4 { print $1 ": is no " $2 }
		NF == 5 && $1 != "GC_arrays" && $2 == "data" && $2 == $4 && ($5 "") < ($3 "") { print $1 ": is too small" }
	' >"$scratch/wrong"
	judge "the $(grep -c . "$scratch/system") names of the system's libgc" "$scratch/wrong"
else
	skip "the system's libgc" 'it is not installed (Debian: libgc1)'
	: >"$scratch/system"
fi

# What the headers declare.
for header in gc.h gc_mark.h gc_typed.h gc_disclaim.h gc_gcj.h gc_inline.h gc_backptr.h javaxfc.h; do
	echo "#include <gc/$header>"
done >"$scratch/headers.c"
if $CC -DGC_THREADS -E -P "$scratch/headers.c" >"$scratch/headers.i" 2>/dev/null; then
	grep -o '\<GC_[A-Za-z0-9_]*' "$scratch/headers.i" | sort -u >"$scratch/declared"
	# A name may be declared that the system's own is made without.
	sed 's/ .*//' "$scratch/system" | comm -12 - "$scratch/declared" >"$scratch/promised"
	comm -23 "$scratch/promised" "$scratch/names" >"$scratch/wrong"
	judge "the $(grep -c . "$scratch/promised") names that the headers declare" "$scratch/wrong"
else
	skip 'the headers' 'they are not installed (Debian: libgc-dev)'
fi

# What it has besides.
grep -v '^GC_' "$scratch/names" >"$scratch/wrong"
judge 'it has no other names' "$scratch/wrong"
if command -v readelf >/dev/null 2>&1; then
	readelf -d "$library" | grep -q 'SONAME.*\[libgc\.so\.1\]' ||
		echo 'the SONAME is not libgc.so.1' >"$scratch/wrong"
	judge 'it is named libgc.so.1' "$scratch/wrong"
	# Threads that end call it, and signals.
	readelf -d "$library" | grep -q NODELETE ||
		echo 'dlclose unmaps it' >"$scratch/wrong"
	judge 'it stays where it was used' "$scratch/wrong"
fi

# objects PACKAGE: the files of a package that need libgc.so.1.
objects() {
	dpkg -L "$1" 2>/dev/null | while IFS= read -r file; do
		[ -f "$file" ] && [ ! -L "$file" ] &&
			[ "$(head -c 4 "$file" 2>/dev/null | tail -c 3)" = ELF ] &&
			readelf -d "$file" 2>/dev/null | grep -q 'NEEDED.*\[libgc\.so\.1\]' &&
			echo "$file"
	done
}

for package in $packages; do
	if ! command -v dpkg >/dev/null 2>&1 || ! dpkg -L "$package" >/dev/null 2>&1; then
		skip "$package" 'it is not installed'
		continue
	fi
	objects "$package" >"$scratch/objects"
	while IFS= read -r object; do
		$NM -D --undefined-only "$object" | awk '$2 ~ /^GC_/ { sub(/@.*/, "", $2); print $2 }'
	done <"$scratch/objects" | sort -u >"$scratch/wanted"
	if [ ! -s "$scratch/wanted" ]; then
		skip "$package" 'nothing in it asks for libgc'
		continue
	fi
	comm -23 "$scratch/wanted" "$scratch/names" >"$scratch/wrong"
	judge "$package: the $(grep -c . "$scratch/wanted") names that it asks for" "$scratch/wrong"
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] || exit 1
[ "$passed" != 0 ] || exit 77
