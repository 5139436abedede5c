#!/bin/sh
# SPDX-License-Identifier: MIT
#
# preload_python.sh: a few of Python's own tests, with libsmal-malloc.so in front and
# all of the interpreter's memory from malloc (PYTHONMALLOC).
# shellcheck disable=SC2154 # common.sh sets them
. "${top_srcdir:-$(dirname "$0")/..}/test/preload/common.sh"

PYTHONMALLOC=malloc
PYTHONDONTWRITEBYTECODE=1
PYTHONHASHSEED=0
export PYTHONMALLOC PYTHONDONTWRITEBYTECODE PYTHONHASHSEED

# python3 may be a script that finds the interpreter; and not each has the tests.
interpreter() {
	for python in "$(python3 -c 'import sys; print(sys.executable)')" /usr/bin/python3; do
		"$python" -c 'import test.test_json, test.test_dict, test.test_list' 2>/dev/null &&
			return
	done
	return 1
}

there python3 python3 || finish
if ! interpreter; then
	skip python3 'its own tests are not installed (Debian 12: libpython3.11-testsuite)'
	finish
fi
cd "$scratch" || exit 99
cat >tests <<'END'
"$1" -c "import sys; print(sys.version)" &&
	"$1" -m unittest test.test_json test.test_dict test.test_list 2>&1 |
	sed 's/^\(Ran .*\) in .*s$/\1/'
END
compare python3 sh tests "$python"
grep -q '^OK' "$scratch/alone" || fail python3 'its tests fail without the library' "$scratch/alone"
finish
