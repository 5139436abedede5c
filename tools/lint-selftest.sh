#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lint-selftest.sh: every rule of every lint is broken once, and the lint says
# so. Each case starts from a small tree that all lints accept. What the verdicts
# of the suite hang on otherwise is looked at too: check-summary.sh, misuse.sh, the
# comparisons of the preload_*.sh, and the stand-in for Check.
#
# Environment: CC, CXX, NM, MANDOC as for the lints.
set -u

tools=$(cd "$(dirname "$0")" && pwd) || exit 99
misuse=$(cd "$(dirname "$0")/../test" && pwd)/misuse.sh
common=$(cd "$(dirname "$0")/../test/preload" && pwd)/common.sh
: "${CC:=cc}" "${NM:=nm}"
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0
tree=$scratch/tree
library=$scratch/libfake.so
malloc=$scratch/libfake-malloc.so
libgc=$scratch/libfake-gc.so
# The lints must see this tree and not the one that is being built.
top_srcdir=$tree
top_builddir=$tree
export top_srcdir top_builddir

# fresh: a tree that breaks no rule, in $tree, which becomes the current folder.
fresh() {
	cd "$scratch" || exit 99
	rm -rf "$tree"
	mkdir -p "$tree/smal/base" "$tree/smal/os" "$tree/smal/compat/libgc" \
		"$tree/include/smal" "$tree/doc/man"
	cd "$tree" || exit 99
	printf 'include smal/%s/local.mk\n' base os compat >Makefile.am
	printf 'x_SOURCES += smal/base/%s smal/base/%s \\\n\tsmal/base/%s\n' \
		atomic.h list.h list.c >smal/base/local.mk
	printf 'x_SOURCES += smal/os/os.h smal/os/os.c\n' >smal/os/local.mk
	printf '#ifndef A\n#define A\n#include <atomic_ops.h>\n#endif\n' >smal/base/atomic.h
	printf '#ifndef L\n#define L\nint smal_list(void);\n#endif\n' >smal/base/list.h
	printf '#include <smal/base/list.h>\n#include <smal/noun.h>\n' >smal/base/list.c
	printf '#ifndef O\n#define O\n#include <sys/types.h>\n#endif\n' >smal/os/os.h
	printf '#include "os.h"\n#include <smal/base/list.h>\n#ifdef __linux__\n#endif\n' >smal/os/os.c
	printf 'smal_malloc_names = malloc \\\n\tfree\nx_SOURCES += smal/compat/libgc/abi.h\n' \
		>smal/compat/local.mk
	cat >smal/compat/libgc/abi.h <<'END'
#ifndef A
#define A
#include <pthread.h>
typedef void gc_function(void *data);
#pragma GCC visibility push(default)
extern int GC_one, *GC_two;
extern unsigned long GC_many[];
/* Not this: void GC_not_this(void); */
void *GC_make(unsigned long bytes,
              gc_function *function);
#pragma GCC visibility pop
void inner(void);
#endif
END
	printf 'include_HEADERS = include/smal.h\npkginclude_HEADERS = include/smal/noun.h\n' \
		>include/local.mk
	printf '#ifndef S\n#define S\n#include <smal/noun.h>\n#endif\n' >include/smal.h
	cat >include/smal/noun.h <<'END'
#ifndef N
#define N
#include <stddef.h>
#define SMAL_API __attribute__((visibility("default")))
#ifdef __cplusplus
extern "C" {
#endif
/* SMAL_API int smal_not_this(void); */
SMAL_API size_t smal_noun_count(int (*each)(void *),
                                void *user);
static inline int smal_noun_one(void)
{
	return 1;
}
#ifdef __cplusplus
}
#endif
#endif
END
	echo smal_noun_count >smal/libsmal.sym
	printf 'dist_man_MANS += doc/man/smal_noun.3\n' >doc/local.mk
	cat >doc/man/smal_noun.3 <<'END'
.Dd January 1, 2026
.Dt SMAL_NOUN 3
.Os
.Sh NAME
.Nm smal_noun_count ,
.Nm smal_noun_one
.Nd count nouns
.Sh DESCRIPTION
Text.
.Sh EXAMPLES
.Bd -literal
int main(void);
.Ed
.Sh SEE ALSO
.Xr smal_noun 3
END
}

# library FILE NAME...: makes a shared library that exports these.
library() {
	file=$1
	shift
	for name; do
		echo "int $name(void);"
		echo "int $name(void) { return 0; }"
	done >"$scratch/fake.c"
	# shellcheck disable=SC2086 # the compiler and the flags are words
	$CC ${CFLAGS:-} -fno-builtin -shared -fPIC -o "$file" "$scratch/fake.c" || exit 99
}

result() {
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL: $2"
		sed 's/^/	/' "$scratch/out"
	fi
}

# accepts CASE COMMAND...: the command succeeds.
accepts() {
	name=$1
	shift
	"$@" >"$scratch/out" 2>&1
	result $? "$name: should be accepted"
}

# refuses CASE MESSAGE COMMAND...: the command fails, and its output has the
# message.
refuses() {
	name=$1
	message=$2
	shift 2
	if "$@" >"$scratch/out" 2>&1; then
		result 1 "$name: should be refused"
	else
		grep -qF -e "$message" "$scratch/out"
		result $? "$name: should say: $message"
	fi
}

##########################
# lint-floors            #
##########################

floors() {
	sh "$tools/lint-floors.sh" "$tree"
}

fresh
accepts 'floors' floors

fresh
echo '#include <smal/os/os.h>' >>smal/base/list.c
refuses 'an include goes up' 'smal/base/list.c:3: includes smal/os/os.h, of a higher floor' floors

fresh
echo '#include "../os/../os/os.h"' >>smal/base/list.c
refuses 'an include goes round' 'smal/base/list.c:3: includes ../os/../os/os.h, which is no file' \
	floors

fresh
echo '#include "list.h"' >>smal/base/atomic.h
refuses 'an include of a later file' \
	'includes smal/base/list.h, which stands after it in its floor' floors

fresh
echo '#include "gone.h"' >>smal/base/list.c
refuses 'an include of nothing' 'includes gone.h, which is no file of a floor' floors

fresh
echo '#include <atomic_ops.h>' >>smal/base/list.c
refuses 'atomic_ops.h elsewhere' 'includes <atomic_ops.h>, which only smal/base/atomic.h may' floors

for header in sys/mman.h pthread.h unistd.h valgrind/memcheck.h errno.h; do
	fresh
	echo "  #  include <$header>" >>smal/base/list.c
	refuses "$header outside of os" "smal/base/list.c:3: includes <$header>, which only smal/os/ may" \
		floors
done

fresh
printf '#if defined(__linux__)\n#endif\n' >>smal/base/list.h
refuses 'the system outside of os' 'smal/base/list.h:5: asks for the system' floors

fresh
: >smal/os/more.c
refuses 'a file that is in no list' 'smal/os/more.c:1: is not in the list of smal/os/local.mk' floors

fresh
rm smal/base/list.c
refuses 'a file that is not there' 'smal/base/list.c:1: is in the list' floors

fresh
: >Makefile.am
refuses 'no floors' 'Makefile.am: includes no smal/*/local.mk' floors

# An object that calls up, as a public header lets it: a name of the higher floor.
fresh
mkdir -p build/smal/base/.libs build/smal/os
echo 'int smal_os_thing(void); int smal_list(void); int smal_list(void) { return smal_os_thing(); }' \
	>up.c
echo 'int smal_os_thing(void); int smal_os_thing(void) { return 0; }' >down.c
# shellcheck disable=SC2086 # the compiler and the flags are words
$CC ${CFLAGS:-} -c -o build/smal/base/.libs/list.o up.c && $CC ${CFLAGS:-} -c -o build/smal/os/os.o down.c
rm up.c down.c
refuses 'a call goes up' 'smal/base: refers to smal_os_thing of smal/os, a higher floor' \
	sh "$tools/lint-floors.sh" "$tree" "$tree/build"
mv build/smal/base/.libs/list.o build/smal/swap.o
mv build/smal/os/os.o build/smal/base/.libs/os.o
mv build/smal/swap.o build/smal/os/list.o
accepts 'a call goes down' sh "$tools/lint-floors.sh" "$tree" "$tree/build"

##########################
# lint-headers           #
##########################

headers() {
	sh "$tools/lint-headers.sh" "$tree"
}

fresh
accepts 'headers' headers

fresh
echo 'uint32_t smal_noun_bits(void);' >>include/smal/noun.h
refuses 'a public header that needs another' 'smal/noun.h: does not compile alone: ' headers

fresh
echo 'struct smal_noun_twice { int a; };' >>include/smal/noun.h
refuses 'a public header without a guard' 'smal/noun.h: does not compile alone: ' headers

fresh
printf '#ifndef M\n#define M\nstruct smal_more { int n[0]; };\n#endif\n' >>include/smal/noun.h
refuses 'a public header with an extension' 'smal/noun.h: does not compile alone: ' headers

fresh
printf '#ifndef M\n#define M\nint smal_more(_Bool);\n_Static_assert(1, "");\n#endif\n' \
	>>include/smal/noun.h
refuses 'C11 in a public header' 'noun.h: does not compile alone: '"$CC"' -std=c99' headers

if [ "${CXX:-c++}" != no ]; then
	fresh
	printf '#ifndef M\n#define M\nint smal_more(int class);\n#endif\n' >>include/smal/noun.h
	refuses 'a public header that is not C++' 'noun.h: does not compile alone: '"${CXX:-c++}" headers
fi

fresh
sed 's/^#include <stddef.h>/&\n#ifdef HAVE_THING\n#endif/' include/smal/noun.h >noun.h
mv noun.h include/smal/noun.h
refuses 'a public header that tests HAVE_' 'include/smal/noun.h: depends on configure' headers

fresh
printf '#ifndef M\n#define M\n#endif\n' >include/smal/more.h
refuses 'a header that is not installed' 'include/smal/more.h: is not in include/local.mk' headers

fresh
echo 'size_t smal_list_count(void);' >>smal/base/list.h
refuses 'an internal header that needs another' 'smal/base/list.h: does not compile alone' headers

##########################
# lint-exports           #
##########################

exports() {
	sh "$tools/lint-exports.sh" "$tree" "$library" "$malloc" "$libgc"
}

library "$library" smal_noun_count
library "$malloc" malloc free
library "$libgc" GC_one GC_two GC_many GC_make
fresh
accepts 'exports' exports

fresh
printf 'smal_noun_count\nsmal_gone\n' >smal/libsmal.sym
refuses 'an unsorted list' 'smal/libsmal.sym: is not sorted' exports
refuses 'a name without a declaration' 'smal_gone is declared SMAL_API nowhere' exports
refuses 'a name that is not exported' 'smal_gone is not exported by the library' exports

fresh
: >smal/libsmal.sym
refuses 'a declaration that is not listed' \
	'smal_noun_count is missing: a header declares it SMAL_API' exports
refuses 'an export that is not listed' 'smal_noun_count is missing: the library exports it' exports

fresh
printf 'noun_count\nsmal_noun_count\n' >smal/libsmal.sym
refuses 'a foreign name' 'the lines above are no public names' exports

fresh
library "$library" smal_noun_count leaked
refuses 'an internal name that is exported' 'leaked is missing: the library exports it' exports
printf 'SMAL_0.1 {\n' >smal/libsmal.map
refuses 'a name without a version' 'are not of version SMAL_0.1' exports
library "$library" smal_noun_count

fresh
sed 's/free/& gone/' smal/compat/local.mk >list
mv list smal/compat/local.mk
refuses 'a name of malloc that is not exported' \
	'smal/compat/local.mk: gone is not exported by libsmal-malloc' exports

fresh
library "$malloc" malloc free smal_leaked
refuses 'another name than malloc that is exported' \
	'smal/compat/local.mk: smal_leaked is missing: libsmal-malloc exports it' exports

fresh
sed 's/free/& malloc/' smal/compat/local.mk >list
mv list smal/compat/local.mk
refuses 'a name of malloc twice' 'smal_malloc_names says a name twice' exports

fresh
library "$libgc" GC_one GC_two GC_make
refuses 'a name of libgc that is not exported' \
	'smal/compat/libgc/abi.h: GC_many is not exported by libgc' exports
library "$libgc" GC_one GC_two GC_many GC_make inner
refuses 'another name than libgc that is exported' \
	'smal/compat/libgc/abi.h: inner is missing: libgc exports it' exports
library "$libgc" GC_one GC_two GC_many GC_make

fresh
sed 's/GC_two/GC_two, GC_one/' smal/compat/libgc/abi.h >abi
mv abi smal/compat/libgc/abi.h
refuses 'a name of libgc twice' 'abi.h: declares a name twice: GC_one' exports

fresh
sed 's/void \*GC_make/void leaked(void);&/' smal/compat/libgc/abi.h >abi
mv abi smal/compat/libgc/abi.h
refuses 'a name that is none of libgc' 'the lines above are no names of libgc' exports

##########################
# lint-man               #
##########################

manual() {
	sh "$tools/lint-man.sh" "$tree"
	status=$?
	[ "$status" = 77 ] && return 0
	return "$status"
}

fresh
accepts 'manual' manual

fresh
rm doc/man/smal_noun.3
refuses 'a header without a page' 'include/smal/noun.h: has no page doc/man/smal_noun.3' manual

fresh
sed '/Nm smal_noun_one/d' doc/man/smal_noun.3 >page
mv page doc/man/smal_noun.3
refuses 'a function without a name there' 'smal_noun.3: does not name smal_noun_one' manual

fresh
sed 's/smal_noun_one/smal_noun_two/' doc/man/smal_noun.3 >page
mv page doc/man/smal_noun.3
refuses 'a name without a function' 'names smal_noun_two, which include/smal/noun.h does not' manual

fresh
cp doc/man/smal_noun.3 doc/man/smal_more.3
refuses 'a page that is not installed' 'doc/man/smal_more.3: is not in doc/local.mk' manual

fresh
printf '.Xr smal_gone 3\n' >>doc/man/smal_noun.3
refuses 'a reference to nothing' 'smal_noun.3: refers to smal_gone, which is no page' manual

fresh
printf '.Xr libsmal-gone 7\n' >>doc/man/smal_noun.3
refuses 'a reference to no library' 'refers to libsmal-gone, which is no page' manual

if command -v "${MANDOC:-mandoc}" >/dev/null 2>&1; then
	fresh
	printf '.Bd -literal\nunclosed\n' >>doc/man/smal_noun.3
	refuses 'bad markup' 'doc/man/smal_noun.3: mandoc warns' manual
fi

##########################
# man-examples           #
##########################

# What is looked at stands before linking: the library is not needed here.
examples() {
	sh "$tools/man-examples.sh" "$tree/doc/man/smal_noun.3"
}

fresh
refuses 'a page without a program' 'has no program among its examples' examples

fresh
sed 's/^int main.*/#include <smal.h>\nint main(void) { return undeclared; }/' \
	doc/man/smal_noun.3 >page
mv page doc/man/smal_noun.3
refuses 'an example that does not compile' 'an example does not compile' examples

# A fake libtool links the program alone, so that its run is looked at.
linked() {
	fresh
	printf '#!/bin/sh\nwhile [ "$1" != --mode=link ]; do shift; done; shift\n' >libtool
	# shellcheck disable=SC2016 # the script that is written has variables
	printf 'for a; do case $a in -no-install | *.la) ;; *) set -- "$@" "$a" ;; esac; shift; done\n' \
		>>libtool
	# shellcheck disable=SC2016
	printf '"$@"\n' >>libtool
	chmod +x libtool
	{
		sed '/^int main/,$d' doc/man/smal_noun.3
		printf '#include <stdio.h>\n%s\n.Ed\n' "$1"
	} >page
	mv page doc/man/smal_noun.3
}

linked 'int main(void) { puts("one\en"); } /* prints: one\en */'
refuses 'an example that prints something else' 'an example prints something else' examples
linked 'int main(void) { puts("one"); return 0; } /* prints: one */'
accepts 'an example that prints what it says' examples
linked 'int main(void) { return 3; }'
refuses 'an example that fails' 'an example ends with status 3' examples

##########################
# the stand-in for Check #
##########################

# standin BODY: a suite of one test that passes and one with this body.
standin() {
	cat >"$scratch/suite.c" <<END
#include <check.h>
START_TEST(good)
{
	ck_assert_int_eq(1, 1);
	ck_assert_str_ne("a", "b");
	ck_assert_ptr_nonnull("");
}
END_TEST
START_TEST(other)
{
	$1
}
END_TEST
int main(void)
{
	Suite *suite = suite_create("standin");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;
	tcase_add_test(tcase, good);
	tcase_add_test(tcase, other);
	tcase_add_test_raise_signal(tcase, other, SIGUSR1);
	tcase_set_timeout(tcase, 1);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
END
	# shellcheck disable=SC2086 # the compiler and the flags are words
	$CC ${CFLAGS:-} -I"$tools/../test/standin" -o "$scratch/suite" "$scratch/suite.c" || exit 99
}

standin 'ck_assert_int_lt(2, 1);'
refuses 'an assertion' '33%: Checks: 3, Failures: 2, Errors: 0' "$scratch/suite"
standin 'raise(SIGUSR1);'
refuses 'a signal' '66%: Checks: 3, Failures: 0, Errors: 1' "$scratch/suite"
standin 'exit(1);'
refuses 'a status' '33%: Checks: 3, Failures: 0, Errors: 2' "$scratch/suite"
standin 'for (;;) pause();'
refuses 'a timeout' '33%: Checks: 3, Failures: 0, Errors: 2' "$scratch/suite"
standin ''
refuses 'a signal that does not come' '66%: Checks: 3, Failures: 0, Errors: 1' "$scratch/suite"

##########################
# misuse                 #
##########################

misuse() {
	sh "$misuse" "$tree/sources" "$tree/programs"
}

# mistake EXPECTED ENDS SCRIPT: one mistake, its program a shell script.
mistake() {
	fresh
	mkdir sources programs
	printf '/* SPDX */\n/* expect: %s */\n/* ends: %s */\nint x;\n' "$1" "$2" >sources/one.c
	printf '#!/bin/sh\n%s\n' "$3" >programs/one
	chmod +x programs/one
}

mistake 'smal: f: double free: 0xADDR is free' abort \
	'echo "smal: f: double free: 0x7f12ab is free" >&2; kill -ABRT $$'
accepts 'misuse' misuse
mistake 'smal: f: double free:
 *   0xADDR is free' abort \
	'echo "smal: f: double free: 0x7f12ab is free" >&2; kill -ABRT $$'
accepts 'misuse, on two lines' misuse
mistake 'smal: f: double free' abort 'echo "smal: f: other" >&2; kill -ABRT $$'
refuses 'another message' 'FAIL one: says something else' misuse
mistake 'smal: f: x' abort 'echo "smal: f: x" >&2; echo more >&2; kill -ABRT $$'
refuses 'another line' 'FAIL one: says something else' misuse
mistake 'smal: f: x' abort 'echo "smal: f: x" >&2; exit 1'
refuses 'another end' 'FAIL one: ends by 1, not by abort' misuse
mistake 'smal: f: x' abort 'echo out; echo "smal: f: x" >&2; kill -ABRT $$'
refuses 'output' 'FAIL one: writes to standard output' misuse
mistake 'smal: f: x' abort ''
rm programs/one
refuses 'no program' 'FAIL one: is not built' misuse
rm sources/one.c
refuses 'no mistakes at all' '0 passed' misuse

##########################
# preload                #
##########################

# preload ENVIRONMENT COMMAND...: compares a command in front of which a smal-run
# puts this environment.
preload() {
	fresh
	mkdir .libs
	cp "$malloc" .libs/libsmal-malloc.so
	# shellcheck disable=SC2016 # the script that is written has variables
	printf '#!/bin/sh\nwhile :; do case $1 in --*) shift ;; *) break ;; esac; done\n%s exec "$@"\n' \
		"$1" >smal-run
	chmod +x smal-run
	shift
	printf '. "%s"\ncompare one "$@"\nfinish\n' "$common" >compare
	CFLAGS='' sh ./compare "$@"
}

if getconf GNU_LIBC_VERSION >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then
	library "$malloc" smal_nothing
	front="LD_PRELOAD=$tree/.libs/libsmal-malloc.so"
	# shellcheck disable=SC2016 # variables of the command's
	{
		accepts 'preload' preload "$front" sh -c 'echo "$TWO"; exit 3'
		refuses 'preload of nothing' 'the library was not in front of it' \
			preload '' sh -c 'exit 3'
		refuses 'preload of some' 'the library was not in front of it' \
			preload "$front" sh -c 'unset LD_PRELOAD; cat /dev/null; ls . | cat'
		refuses 'preload that changes the output' 'differs with the library in front' \
			preload "$front TWO=2" sh -c 'echo "$TWO"'
		refuses 'preload that changes the end' 'differs with the library in front' \
			preload "$front TWO=2" sh -c 'exit "${TWO:-0}"'
	}
fi

##########################
# check-summary          #
##########################

# log NAME RESULT TEXT
log() {
	printf ':test-result: %s\n:global-test-result: %s\n' "$2" "$2" >"$1.trs"
	printf '%s\n' "$3" >"$1.log"
}

summary() {
	sh "$tools/check-summary.sh" "$@"
}

fresh
log check PASS 'Running
100%: Checks: 7, Failures: 0, Errors: 0
PASS'
log script PASS '5 passed, 0 failed, 2 skipped'
log plain PASS 'anything'
log skip SKIP 'no tool'
accepts 'summary' summary check.log script.log plain.log skip.log
grep -qx '13 passed, 0 failed, 3 skipped' "$scratch/out"
result $? 'summary: 13 passed, 0 failed, 3 skipped'
log check FAIL '66%: Checks: 6, Failures: 1, Errors: 1'
refuses 'failures in a program' '4 passed, 2 failed, 0 skipped' summary check.log
log check FAIL '100%: Checks: 6, Failures: 0, Errors: 0'
refuses 'a program that fails in the end' '6 passed, 1 failed, 0 skipped' summary check.log
refuses 'a program without a result' '1 passed, 1 failed' summary gone.log plain.log
refuses 'no tests' '0 passed, 0 failed, 1 skipped' summary skip.log

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
