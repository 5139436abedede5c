#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lint-headers.sh [TOP]: every header compiles alone.
#
#   R1  a public header compiles alone as C99, C11 and C++17, pedantically and
#       with every warning an error, and sees nothing but include/;
#   R2  no public header depends on configure: no HAVE_ name, no config.h;
#   R3  an internal header compiles alone as the library does;
#   R4  a public header is installed: it stands in include/local.mk.
#
# Environment: CC, CXX (no: skip C++), CPPFLAGS and CFLAGS (for -m32 and the
# like), top_builddir (for config.h).
set -u

top=$(cd "${1:-$(dirname "$0")/..}" && pwd) || exit 99
build=${top_builddir:-$top}
: "${CC:=cc}" "${CXX:=c++}" "${CPPFLAGS:=}" "${CFLAGS:=}"
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
cd "$top" || exit 99
failed=0
count=0

# alone HEADER SUFFIX COMPILER FLAGS...: compiles a file that includes it, twice.
alone() {
	header=$1
	unit=$scratch/unit.$2
	shift 2
	printf '#include <%s>\n#include <%s>\n' "$header" "$header" >"$unit"
	# The compiler and the flags are words.
	# shellcheck disable=SC2068,SC2086
	if ! $@ $CPPFLAGS $CFLAGS -o "$scratch/unit.o" -c "$unit" 2>"$scratch/errors"; then
		echo "$header: does not compile alone: $*"
		sed 's/^/	/' "$scratch/errors" | head -5
		failed=1
	fi
	count=$((count + 1))
}

strict='-Wall -Wextra -Wundef -Wshadow -pedantic -Werror -Iinclude'
for path in include/smal.h include/smal/*.h; do
	[ -f "$path" ] || continue
	header=${path#include/}
	alone "$header" c "$CC" -std=c99 $strict -Wstrict-prototypes
	alone "$header" c "$CC" -std=c11 $strict -Wstrict-prototypes
	[ "$CXX" = no ] || alone "$header" cc "$CXX" -std=c++17 $strict
	if grep -nE '(^|[^A-Za-z0-9_])HAVE_|config\.h' "$path" >"$scratch/hits"; then
		sed "s,^,$path:," "$scratch/hits"
		echo "$path: depends on configure"
		failed=1
	fi
	if ! tr -s ' \t\\' '\n\n\n' <include/local.mk | grep -qxF "$path"; then
		echo "$path: is not in include/local.mk"
		failed=1
	fi
done

for path in smal/*/*.h; do
	[ -f "$path" ] || continue
	alone "$path" c "$CC" -std=gnu11 -Wall -Wextra -Wundef -Wshadow -Werror \
		-DHAVE_CONFIG_H -Iinclude -I. "-I$build"
done

[ "$CXX" != no ] || echo "lint-headers: no C++ compiler: C++17 left out"
[ "$failed" = 0 ] && echo "lint-headers: $count compilations, each header stands alone"
exit "$failed"
