#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lint-man.sh [TOP]: the manual is complete, and well-formed.
#
#   R1  every public header smal/X.h has a page doc/man/smal_X.3, whose NAME
#       section names each of the header's functions, and nothing else;
#   R2  every page stands in doc/local.mk;
#   R3  a cross reference to a page or function of libsmal leads somewhere;
#   R4  mandoc has no warning about any page (left out without mandoc: exit 77).
#
# Environment: MANDOC (no: there is none).
set -u

tools=$(cd "$(dirname "$0")" && pwd) || exit 99
top=$(cd "${1:-$(dirname "$0")/..}" && pwd) || exit 99
: "${MANDOC:=mandoc}"
LC_ALL=C
export LC_ALL
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
cd "$top" || exit 99
failed=0

: >"$scratch/targets"
for header in include/smal/*.h; do
	noun=$(basename "$header" .h)
	page=doc/man/smal_$noun.3
	if [ ! -f "$page" ]; then
		echo "$header: has no page $page"
		failed=1
		continue
	fi
	"$tools/header-names.sh" -i "$header" >"$scratch/functions"
	"$tools/man-names.sh" "$page" | sort -u >"$scratch/named"
	{ cat "$scratch/named" && echo "smal_$noun"; } >>"$scratch/targets"
	comm -23 "$scratch/functions" "$scratch/named" |
		sed "s,.*,$page: does not name &," >"$scratch/report"
	comm -13 "$scratch/functions" "$scratch/named" |
		sed "s,.*,$page: names &\, which $header does not declare," >>"$scratch/report"
	if [ -s "$scratch/report" ]; then
		cat "$scratch/report"
		failed=1
	fi
done

for page in doc/man/*.[0-9]; do
	name=$(basename "$page" | sed 's/\.[0-9]$//')
	echo "$name" >>"$scratch/targets"
	if ! tr -s ' \t\\' '\n\n\n' <doc/local.mk | grep -qxF "$page"; then
		echo "$page: is not in doc/local.mk"
		failed=1
	fi
done

sort -u "$scratch/targets" >"$scratch/known"
for page in doc/man/*.[0-9]; do
	sed -n 's/^\.Xr \(\(lib\)\{0,1\}smal[a-z_-]*\) .*/\1/p' "$page" | sort -u >"$scratch/references"
	comm -23 "$scratch/references" "$scratch/known" |
		sed "s,.*,$page: refers to &\, which is no page," >"$scratch/report"
	if [ -s "$scratch/report" ]; then
		cat "$scratch/report"
		failed=1
	fi
done

if ! command -v "$MANDOC" >/dev/null 2>&1; then
	[ "$failed" = 0 ] || exit 1
	echo "lint-man: mandoc is not installed: the pages' markup is not looked at"
	exit 77
fi
for page in doc/man/*.[0-9]; do
	if ! "$MANDOC" -T lint -W warning "$page" >"$scratch/report"; then
		cat "$scratch/report"
		echo "$page: mandoc warns"
		failed=1
	fi
done

[ "$failed" = 0 ] && echo "lint-man: $(find doc/man -name '*.[0-9]' | wc -l | tr -d ' ') pages"
exit "$failed"
