#!/bin/sh
# SPDX-License-Identifier: MIT
#
# preload_run.sh: smal-run: what it puts into the environment, what it says of
# mistakes and with which status, from the folder of the build and installed; by
# every shell that is there.
# shellcheck disable=SC2154 # common.sh sets them
. "${top_srcdir:-$(dirname "$0")/..}/test/preload/common.sh"
mkdir "$scratch/bin" "$scratch/lib" "$scratch/some where" || exit 99
library=$(cd "$builds/.libs" && pwd)/libsmal-malloc.so

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
	says 125 'which mode? There is: --malloc'
	says 125 'which mode? There is: --malloc' ls
	says 125 'which mode? There is: --malloc' --check ls
	says 125 'unknown option --other' --malloc --other ls
	says 125 'no program is named' --malloc
	says 125 'no program is named' --malloc --check --
	says 127 'the name of the program is empty' --malloc ''
	says 127 'no-such-program: there is no such program in PATH' --malloc no-such-program
	says 127 './none: there is no such program' --malloc ./none
	says 126 "$scratch/lib: is a folder" --malloc "$scratch/lib"
	says 126 "$scratch/lib/plain: may not be run" --malloc "$scratch/lib/plain"
	PATH=$scratch/lib:$PATH says 126 "$scratch/lib/plain: may not be run" --malloc plain
}

# shellcheck disable=SC2016 # variables of the program's
runs() {
	says 0 "smal-run $(sed -n 's/^version=.\(.*\)./\1/p' "$run")" --version
	says 0 "$library" --malloc printenv LD_PRELOAD
	says 0 'a b|*|' --malloc sh -c 'printf "%s|" "$@"; echo' x 'a b' '*'
	says 0 '-v' --malloc -- printf '%s\n' -v
	says 7 '' --malloc sh -c 'echo; exit 7'
	says 0 'check=1' --malloc --check printenv SMAL_OPTIONS
	SMAL_OPTIONS=decay=0 says 0 'decay=0,check=1' --check --malloc printenv SMAL_OPTIONS
	SMAL_OPTIONS=decay=0 says 0 'decay=0' --malloc printenv SMAL_OPTIONS
	says 0 "$library:$scratch/lib/other.so" --malloc env \
		LD_PRELOAD="$scratch/lib/other.so" "$shell" "$run" --malloc printenv LD_PRELOAD
}

# A program that no library is loaded for runs as it is.
static() {
	echo 'int main(void) { return 5; }' >"$scratch/static.c"
	# shellcheck disable=SC2086 # words
	if $CC $CFLAGS -static -o "$scratch/static" "$scratch/static.c" >/dev/null 2>&1; then
		"$run" --malloc --check "$scratch/static" >"$scratch/output" 2>&1
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

# A library that does nothing, to stand behind ours; and a file that is no program.
echo 'int x;' >"$scratch/other.c"
# shellcheck disable=SC2086 # words
$CC $CFLAGS -shared -fPIC -o "$scratch/lib/other.so" "$scratch/other.c" || exit 99
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
cp "$library" "$scratch/lib" && cp "$library" "$scratch/some where" || exit 99
library=$scratch/lib/libsmal-malloc.so
runs
installed "$scratch/some where"
says 125 "LD_PRELOAD can't name a path with a space or a colon: $scratch/some where" --malloc ls
finish
