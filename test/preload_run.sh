#!/bin/sh
# SPDX-License-Identifier: MIT
#
# preload_run.sh: smal-run: what it puts into the environment by each mode, that the
# libraries are there then, what it says of mistakes and with which status, from the
# folder of the build and installed; by every shell that is there.
# shellcheck disable=SC2154 # common.sh sets them
. "${top_srcdir:-$(dirname "$0")/..}/test/preload/common.sh"
unset LD_LIBRARY_PATH
mkdir "$scratch/bin" "$scratch/lib" "$scratch/some where" "$scratch/a:b" || exit 99
library=$(cd "$builds/.libs" && pwd)/libsmal-malloc.so
folder=$(cd "$builds/smal/compat/libgc/.libs" && pwd) || exit 99

# says STATUS TEXT ARGUMENT...: smal-run by $shell ends so, and its output is, or
# for an error contains, the text.
says() {
	expected=$1 text=$2
	shift 2
	"$shell" "$run" "$@" >"$scratch/output" 2>"$scratch/errors" </dev/null
	status=$?
	if [ "$status" != "$expected" ]; then
		echo "status $status" >>"$scratch/errors"
		fail "$shell smal-run $*" "does not end with $expected" "$scratch/errors"
	elif [ "$status" -ge 125 ] && ! grep -qF -e "smal-run: $text" "$scratch/errors"; then
		fail "$shell smal-run $*" "does not say: $text" "$scratch/errors"
	elif [ "$status" -lt 125 ] && ! printf '%s\n' "$text" | cmp -s - "$scratch/output"; then
		fail "$shell smal-run $*" "does not write: $text" "$scratch/output"
	else
		pass "$shell smal-run $*"
	fi
}

mistakes() {
	says 125 'no program is named'
	says 125 'no program is named' --gc
	says 125 'no program is named' --check
	says 125 'no program is named' --malloc --gc
	says 125 'no program is named' --malloc --check --
	says 125 'unknown option --other' --other ls
	says 125 'unknown option --other' --malloc --other ls
	says 125 'unknown option -' - ls
	for mode in --gc --malloc --check; do
		says 127 'the name of the program is empty' $mode ''
		says 127 'no-such-program: there is no such program in PATH' $mode no-such-program
		says 127 './none: there is no such program' $mode ./none
		says 126 "$scratch/lib: is a folder" $mode "$scratch/lib"
		says 126 "$scratch/lib/plain: may not be run" $mode "$scratch/lib/plain"
		PATH=$scratch/lib:$PATH says 126 "$scratch/lib/plain: may not be run" $mode plain
	done
	says 127 'no-such-program: there is no such program in PATH' no-such-program
	says 127 '--gc: there is no such program in PATH' -- --gc
}

# Variables, by mode: "-" where there is none.
# shellcheck disable=SC2016 # variables of the program's
modes() {
	show='echo "${LD_LIBRARY_PATH--} ${LD_PRELOAD--} ${SMAL_OPTIONS--}"'
	says 0 "$folder - -" sh -c "$show"
	says 0 "$folder - -" --gc sh -c "$show"
	says 0 "$folder - check=1" --check sh -c "$show"
	says 0 "- $library -" --malloc sh -c "$show"
	says 0 "$folder $library -" --malloc --gc sh -c "$show"
	says 0 "$folder $library check=1" --gc --check --malloc -- sh -c "$show"
	# What is there comes behind; an empty path would be the current folder.
	LD_LIBRARY_PATH=/no/where:$scratch/lib says 0 "$folder:/no/where:$scratch/lib - -" \
		sh -c "$show"
	LD_LIBRARY_PATH='' says 0 "$folder - -" sh -c "$show"
	LD_LIBRARY_PATH=/no/where says 0 "/no/where $library -" --malloc sh -c "$show"
	# One run within another: each puts its own in front.
	says 0 "$folder:$folder $library -" --gc "$shell" "$run" --gc --malloc sh -c "$show"
}

# shellcheck disable=SC2016 # variables of the program's
runs() {
	says 0 "smal-run $(sed -n 's/^version=.\(.*\)./\1/p' "$run")" --version
	modes
	for mode in '' --gc --malloc; do
		# shellcheck disable=SC2086 # no mode is no word
		{
			says 0 'a b|*|' $mode sh -c 'printf "%s|" "$@"; echo' x 'a b' '*'
			says 0 '-v' $mode -- printf '%s\n' -v
			says 7 '' $mode sh -c 'echo; exit 7'
		}
	done
	SMAL_OPTIONS=decay=0 says 0 'decay=0,check=1' --check --malloc printenv SMAL_OPTIONS
	SMAL_OPTIONS=decay=0 says 0 'decay=0' --malloc printenv SMAL_OPTIONS
	says 0 "$library:$scratch/lib/other.so" --malloc env \
		LD_PRELOAD="$scratch/lib/other.so" "$shell" "$run" --malloc printenv LD_PRELOAD
	for mode in '' --gc '--malloc --gc'; do
		# shellcheck disable=SC2086 # words
		says 0 "$folder/libgc.so.1" $mode "$scratch/which"
	done
	# Programs that it starts, too; another library behind it is not asked.
	says 0 "$folder/libgc.so.1" sh -c "\"$scratch/which\"; :"
	LD_LIBRARY_PATH=$scratch/lib/other says 0 "$folder/libgc.so.1" "$scratch/which"
}

# A program that no library is loaded for runs as it is.
static() {
	echo 'int main(void) { return 5; }' >"$scratch/static.c"
	# shellcheck disable=SC2086 # words
	if $CC $CFLAGS -static -o "$scratch/static" "$scratch/static.c" >/dev/null 2>&1; then
		"$run" --gc --malloc --check "$scratch/static" >"$scratch/output" 2>&1
		if [ $? = 5 ] && [ ! -s "$scratch/output" ]; then
			pass 'a static program'
		else
			fail 'a static program' 'does not end with 5, silent' "$scratch/output"
		fi
	else
		skip 'a static program' 'the compiler makes none'
	fi
}

# installed LIBDIR: $run is as it is installed there.
installed() {
	sed "s,^libdir=.*,libdir='$1'," "$builds/smal-run" >"$scratch/bin/smal-run" &&
		chmod +x "$scratch/bin/smal-run" || exit 99
	run=$scratch/bin/smal-run
}

# A library that does nothing, to stand behind ours; one of libgc's name that is none
# of ours; a file that is no program; and a program that says whose collector it has.
echo 'int x;' >"$scratch/other.c"
cat >"$scratch/gc.c" <<'END'
void *GC_malloc(unsigned long bytes);
void *GC_malloc(unsigned long bytes) { return bytes == 0 ? (void *)&bytes : (void *)0; }
END
cat >"$scratch/which.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

void *GC_malloc(unsigned long bytes);

int main(void)
{
	Dl_info info;

	return GC_malloc(100) == NULL ||
	       !dladdr(dlsym(RTLD_DEFAULT, "GC_malloc"), &info) || puts(info.dli_fname) < 0;
}
END
mkdir "$scratch/lib/other" || exit 99
# shellcheck disable=SC2086 # words
$CC $CFLAGS -shared -fPIC -o "$scratch/lib/other.so" "$scratch/other.c" &&
	$CC $CFLAGS -shared -fPIC -Wl,-soname,libgc.so.1 -o "$scratch/lib/other/libgc.so.1" \
		"$scratch/gc.c" || exit 99
# shellcheck disable=SC2086 # words
$CC $CFLAGS -o "$scratch/which" "$scratch/which.c" "$scratch/lib/other/libgc.so.1" -ldl || exit 99
echo 'text' >"$scratch/lib/plain"

for shell in sh dash bash ksh mksh zsh yash; do
	command -v "$shell" >/dev/null 2>&1 || continue
	mistakes
	runs
done
shell='sh'
static

installed "$scratch/lib"
says 125 "there is no $scratch/lib/libsmal-malloc.so" --malloc ls
says 125 "there is no $scratch/lib/smal/libgc.so.1" ls
for where in "$scratch/lib" "$scratch/some where" "$scratch/a:b"; do
	mkdir "$where/smal" && cp "$library" "$where" && cp "$folder/libgc.so.1" "$where/smal" ||
		exit 99
done
library=$scratch/lib/libsmal-malloc.so
folder=$scratch/lib/smal
runs
# A path is cut at a colon, and the list of LD_PRELOAD at a space, too.
installed "$scratch/some where"
says 125 "LD_PRELOAD can't name a path with such a character: $scratch/some where" --malloc ls
says 0 "$scratch/some where/smal/libgc.so.1" --gc "$scratch/which"
installed "$scratch/a:b"
says 125 "LD_PRELOAD can't name a path with such a character: $scratch/a:b" --malloc ls
says 125 "LD_LIBRARY_PATH can't name a path with such a character: $scratch/a:b" ls
finish
