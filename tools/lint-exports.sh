#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lint-exports.sh [TOP [LIBRARY [MALLOC [LIBGC]]]]: the libraries export their public names,
# and nothing else.
#
#   R1  smal/libsmal.sym is sorted, a name to a line, each beginning with smal_;
#   R2  it holds exactly the names that the public headers declare SMAL_API;
#   R3  it holds exactly the names that the shared library defines, all of the
#       version SMAL_0.1 where the linker takes version scripts;
#   R4  libsmal-malloc.so defines exactly the names that smal_malloc_names of
#       smal/compat/local.mk says;
#   R5  libgc.so.1 defines exactly the names that smal/compat/libgc/abi.h declares,
#       variables and functions, each once and beginning with GC_.
#
# Environment: NM, top_builddir. LIBRARY, MALLOC and LIBGC are by default those of the
# build; where none were built shared, R3, R4 and R5 are left out.
set -u

tools=$(cd "$(dirname "$0")" && pwd) || exit 99
top=$(cd "${1:-$(dirname "$0")/..}" && pwd) || exit 99
library=${2:-${top_builddir:-$top}/.libs/libsmal.so}
malloc=${3:-${top_builddir:-$top}/.libs/libsmal-malloc.so}
libgc=${4:-${top_builddir:-$top}/smal/compat/libgc/.libs/libgc.so.1}
: "${NM:=nm}"
LC_ALL=C
export LC_ALL
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
cd "$top" || exit 99
failed=0
list=smal/libsmal.sym

# compare NAMES TEXT-FOR-MISSING TEXT-FOR-EXTRA: the list, $scratch/list of the file
# $list, against a sorted file.
compare() {
	comm -23 "$scratch/list" "$1" | sed "s,.*,$list: & $2," >"$scratch/report"
	comm -13 "$scratch/list" "$1" | sed "s,.*,$list: & $3," >>"$scratch/report"
	if [ -s "$scratch/report" ]; then
		cat "$scratch/report"
		failed=1
	fi
}

if ! sort -uc "$list" 2>/dev/null; then
	echo "$list: is not sorted, or says a name twice"
	failed=1
fi
if grep -nvE '^smal_[a-z0-9_]+$' "$list"; then
	echo "$list: the lines above are no public names"
	failed=1
fi
sort -u "$list" >"$scratch/list"

"$tools/header-names.sh" include/smal.h include/smal/*.h >"$scratch/declared"
compare "$scratch/declared" 'is declared SMAL_API nowhere' 'is missing: a header declares it SMAL_API'

if [ -f "$library" ]; then
	$NM -D --defined-only "$library" | awk '$2 != "A" { print $NF }' >"$scratch/defined"
	if grep -q '^SMAL_' "${top_builddir:-$top}/smal/libsmal.map" 2>/dev/null &&
		grep -v '@@SMAL_0\.1$' "$scratch/defined"; then
		echo "$library: the names above are not of version SMAL_0.1"
		failed=1
	fi
	sed 's/@.*//' "$scratch/defined" | sort -u >"$scratch/names"
	compare "$scratch/names" 'is not exported by the library' 'is missing: the library exports it'
else
	echo "lint-exports: no shared library: its names are left out"
fi

names=$(wc -l <"$list" | tr -d ' ')

# The words of a variable of make, over its lines.
list=smal/compat/local.mk
awk '/^smal_malloc_names *=/ { on = 1; sub(/^[^=]*=/, "") }
	on { line = $0; on = sub(/\\$/, "", line); n = split(line, word)
		for (i = 1; i <= n; i++) print word[i] }' "$list" 2>/dev/null | sort >"$scratch/said"
sort -u "$scratch/said" >"$scratch/list"
if ! cmp -s "$scratch/said" "$scratch/list"; then
	echo "$list: smal_malloc_names says a name twice"
	failed=1
fi
if [ -f "$malloc" ]; then
	$NM -D --defined-only "$malloc" | awk '$2 != "A" { print $NF }' | sed 's/@.*//' |
		sort -u >"$scratch/names"
	compare "$scratch/names" 'is not exported by libsmal-malloc' \
		'is missing: libsmal-malloc exports it'
else
	echo "lint-exports: no shared library of malloc: its names are left out"
fi

malloc_names=$(wc -l <"$scratch/list" | tr -d ' ')

# The names of the declarations between the marks of visibility: after "extern", up to
# each comma; else before the first parenthesis.
list=smal/compat/libgc/abi.h
awk '
	/^#pragma GCC visibility push\(default\)/ { on = 1; next }
	/^#pragma GCC visibility pop/ { on = 0 }
	/^[ \t]*#/ { next }
	on { text = text "\n" $0 }
	END {
		while (match(text, /\/\*([^*]|\*+[^*\/])*\*+\//))
			text = substr(text, 1, RSTART - 1) " " substr(text, RSTART + RLENGTH)
		n = split(text, statement, /;/)
		for (i = 1; i < n; i++) {
			m = 1
			name[1] = statement[i]
			if (statement[i] ~ /^[ \t\n]*extern[ \t\n]/)
				m = split(statement[i], name, /,/)
			else
				sub(/[ \t\n]*\(.*$/, "", name[1])
			for (j = 1; j <= m; j++) {
				sub(/[ \t\n]*(\[[^]]*\])*[ \t\n]*$/, "", name[j])
				sub(/^.*[^A-Za-z0-9_]/, "", name[j])
				print name[j]
			}
		}
	}
' "$list" 2>/dev/null | sort >"$scratch/said"
sort -u "$scratch/said" >"$scratch/list"
if ! cmp -s "$scratch/said" "$scratch/list"; then
	echo "$list: declares a name twice: $(uniq -d "$scratch/said" | tr '\n' ' ')"
	failed=1
fi
if grep -vE '^GC_[A-Za-z0-9_]+$' "$scratch/list"; then
	echo "$list: the lines above are no names of libgc's"
	failed=1
fi
if [ -f "$libgc" ]; then
	$NM -D --defined-only "$libgc" | awk '$2 != "A" { print $NF }' | sed 's/@.*//' |
		sort -u >"$scratch/names"
	compare "$scratch/names" 'is not exported by libgc' 'is missing: libgc exports it'
else
	echo "lint-exports: no shared library of libgc: its names are left out"
fi

libgc_names=$(wc -l <"$scratch/list" | tr -d ' ')

[ "$failed" = 0 ] &&
	echo "lint-exports: $names names, $malloc_names of malloc, $libgc_names of libgc"
exit "$failed"
