#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mutate-handles.sh SOURCES BUILD [NAME...]: breaks smal/handle in one place after the
# other, and sees that a test fails each time.
#
# The list is tools/mutants-handles.txt: a file, a name, and what sed does to the file.
# BUILD is the folder of a build (configured with --disable-shared). A mutant is the
# objects of smal/handle, one of them of the changed file, linked in front of the
# library with the tests below; a test that fails, crashes or takes longer than
# SECONDS_EACH has caught it. Without names all are tried. Exit status 0: all were
# caught. Environment: CC, CFLAGS, LIBS.
set -u

sources=$(cd "${1:?}" && pwd) || exit 99
build=$(cd "${2:?}" && pwd) || exit 99
shift 2
: "${CC:=cc}" "${CFLAGS:=-O1}" "${SECONDS_EACH:=60}"
tests='check_handle check_handle_fail check_handle_resize check_handle_purge check_handle_low
	check_compact check_compact_steps model_handle model_handle_threads'
list=$sources/tools/mutants-handles.txt
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
# Runs that can be repeated.
SMAL_TEST_SEED=${SMAL_TEST_SEED:-1}
export SMAL_TEST_SEED
unset SMAL_TEST_LONG
caught=0
survived=0

# variable NAME: what configure has found.
variable() {
	sed -n "s/^$1 = //p" "$build/Makefile" | head -1
}

: "${LIBS:=$(variable CHECK_LIBS) $(variable LIBS) -lpthread}"
cpp_flags="$(variable CHECK_CFLAGS) $(variable CPPFLAGS)"

# compile SOURCE OBJECT
compile() {
	# shellcheck disable=SC2086 # flags are words
	$CC $CFLAGS $cpp_flags -w -DHAVE_CONFIG_H -I"$build" -I"$sources" -I"$sources/include" \
		-c -o "$2" "$1"
}

# link_test TEST OBJECTS...: a program of that name in the scratch folder.
link_test() {
	program=$1
	shift
	wrap=
	case $program in check_compact*) wrap=-Wl,--wrap=smal_os_clock_ns ;; esac
	# shellcheck disable=SC2086 # flags are words
	$CC $CFLAGS $wrap -o "$scratch/$program" "$scratch/$program.o" "$@" \
		"$build/test/.libs/libsupport.a" "$build/.libs/libsmal-core.a" $LIBS
}

# run TEST: true if it passes.
run() {
	timeout "$SECONDS_EACH" "$scratch/$1" >"$scratch/output" 2>&1
}

prepare() {
	make -s -C "$build" libsmal-core.la test/libsupport.la || return 1
	for file in "$sources"/smal/handle/*.c; do
		compile "$file" "$scratch/$(basename "$file" .c).original.o" || return 1
	done
	for test in $tests; do
		compile "$sources/test/$test.c" "$scratch/$test.o" || return 1
		link_test "$test" "$scratch"/*.original.o || return 1
		run "$test" || { echo "mutate-handles: $test fails as it is"; return 1; }
	done
}

# try FILE NAME EXPRESSION: says whether the mutant was caught.
try() {
	noun=$(basename "$1" .c)
	sed "$3" "$sources/smal/handle/$1" >"$scratch/mutant.c"
	if cmp -s "$sources/smal/handle/$1" "$scratch/mutant.c" ||
		! compile "$scratch/mutant.c" "$scratch/mutant.o" 2>"$scratch/errors"; then
		echo "FAIL $1 $2: the list is out of date: no mutant"
		survived=$((survived + 1))
		return
	fi
	objects=$(ls "$scratch"/*.original.o | grep -v "/$noun.original.o")
	for test in $tests; do
		# shellcheck disable=SC2086 # objects are words
		link_test "$test" "$scratch/mutant.o" $objects || exit 99
		if ! run "$test"; then
			echo "ok   $1 $2: caught by $test"
			caught=$((caught + 1))
			return
		fi
	done
	echo "FAIL $1 $2: survived"
	survived=$((survived + 1))
}

# wanted NAME NAMES...: whether it is one of them, or there are none.
wanted() {
	name=$1
	shift
	[ $# = 0 ] && return 0
	for one; do
		[ "$one" = "$name" ] && return 0
	done
	return 1
}

prepare || exit 99
tab=$(printf '\t')
grep -v '^#' "$list" >"$scratch/list"
while IFS=$tab read -r file name expression; do
	wanted "$name" "$@" && try "$file" "$name" "$expression" </dev/null
done <"$scratch/list"
echo "mutate-handles: $caught caught, $survived survived"
[ "$survived" = 0 ] && [ "$caught" != 0 ]
