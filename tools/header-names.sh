#!/bin/sh
# SPDX-License-Identifier: MIT
#
# header-names.sh [-i] HEADER...: the functions that public headers declare
# SMAL_API, sorted, one to a line; with -i those that they define inline too.
#
# Directives and comments go, a statement becomes a line; the name stands before
# its first parenthesis.
set -u

mark='SMAL_API'
if [ "${1:-}" = -i ]; then
	mark='SMAL_API|static inline'
	shift
fi
cat "$@" | awk -v mark="(^|[ \t\n])($mark)[ \t\n]" '
	/^[ \t]*#/ { continued = /\\$/; next }
	continued { continued = /\\$/; next }
	{ text = text "\n" $0 }
	END {
		while (match(text, /\/\*([^*]|\*+[^*\/])*\*+\//))
			text = substr(text, 1, RSTART - 1) " " substr(text, RSTART + RLENGTH)
		n = split(text, statement, /[;{}]/)
		for (i = 1; i <= n; i++)
			if (match(statement[i], mark)) {
				rest = substr(statement[i], RSTART + RLENGTH)
				sub(/[ \t\n]*\(.*$/, "", rest)
				sub(/^.*[^A-Za-z0-9_]/, "", rest)
				print rest
			}
	}
' | LC_ALL=C sort -u
