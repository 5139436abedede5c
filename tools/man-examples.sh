#!/bin/sh
# SPDX-License-Identifier: MIT
#
# man-examples.sh [FILE...]: the examples of the documentation are programs that
# work.
#
# From each manual page (doc/man/*.[37]) the literal blocks of its EXAMPLES
# section are taken, and from a text file such as README its indented blocks.
# Every block that begins with #include is a program: it is compiled with all
# warnings as errors, linked with the library as built, and run twice, the
# second time with a collection at every allocation. It must return 0 and print
# the lines that its comments of the form "/* prints: LINE */" say.
# A page without a program is a failure.
#
# Environment: CC, CPPFLAGS, CFLAGS, LDFLAGS, top_srcdir, top_builddir.
set -u

top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
build=${top_builddir:-$top}
: "${CC:=cc}" "${CPPFLAGS:=}" "${CFLAGS:=}" "${LDFLAGS:=}"
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
[ $# -gt 0 ] || set -- "$top/README" "$top/doc/from-libgc.md" "$top"/doc/man/*.[37]
failed=0
count=0

# programs FILE: writes its programs to $scratch/program-1.c, -2.c ...
programs() {
	rm -f "$scratch"/program-*
	awk -v prefix="$scratch/program-" -v is_page="$2" '
		function line(text) {
			if (!inside && text ~ /^#include/) {
				inside = 1
				file = prefix (++n) ".c"
			}
			if (inside)
				print text >file
		}
		is_page == 1 && /^\.Sh/ { examples = ($2 == "EXAMPLES") }
		is_page == 1 && /^\.Bd -literal/ { block = examples; next }
		is_page == 1 && /^\.Ed/ { block = inside = 0; next }
		is_page == 1 && block {
			gsub(/\\&/, "")
			gsub(/\\e/, "\\")
			gsub(/\\-/, "-")
			line($0)
		}
		is_page == 0 && /^\t/ { line(substr($0, 2)); next }
		is_page == 0 && /^$/ { if (inside) print "" >file; next }
		is_page == 0 { inside = 0 }
	' "$1"
}

fails() {
	echo "$1: $2"
	sed 's/^/	/' "$scratch/log" | head -10
	failed=1
}

for file; do
	case $file in
	*.[0-9]) programs "$file" 1 ;;
	*) programs "$file" 0 ;;
	esac
	if [ ! -f "$scratch/program-1.c" ]; then
		: >"$scratch/log"
		fails "$file" "has no program among its examples"
		continue
	fi
	for source in "$scratch"/program-*.c; do
		program=${source%.c}
		# The compiler and the flags are words.
		# shellcheck disable=SC2086
		if ! {
			$CC -std=c11 -Wall -Wextra -Werror -pedantic -I"$top/include" \
				$CPPFLAGS $CFLAGS -c -o "$program.o" "$source" &&
				"$build/libtool" --silent --tag=CC --mode=link $CC $CFLAGS $LDFLAGS \
					-no-install -o "$program" "$program.o" "$build/libsmal.la"
		} >"$scratch/log" 2>&1; then
			fails "$file" "an example does not compile"
			continue
		fi
		sed -n 's,.*/\* prints: \(.*\) \*/.*,\1,p' "$source" >"$scratch/expected"
		for options in '' 'torture=1,check=all'; do
			SMAL_OPTIONS=$options timeout 60 "$program" >"$scratch/output" 2>"$scratch/log"
			status=$?
			if [ "$status" != 0 ]; then
				fails "$file" "an example ends with status $status (SMAL_OPTIONS=$options)"
			elif ! diff "$scratch/expected" "$scratch/output" >"$scratch/log"; then
				fails "$file" "an example prints something else (SMAL_OPTIONS=$options)"
			fi
		done
		count=$((count + 1))
	done
done

[ "$failed" = 0 ] && echo "man-examples: $count programs"
exit "$failed"
