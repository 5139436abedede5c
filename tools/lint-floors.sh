#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lint-floors.sh [TOP [BUILD]]: includes and calls go down only.
#
# The floors are the folders of smal/ in the order that Makefile.am includes
# their local.mk; the files of a floor stand in the order of the list there. In
# every file of smal/,
#
#   R1  an include names a file of a lower floor, an earlier file of its own
#       floor, or a public header; nothing else in quotes, and <config.h>;
#   R2  only smal/base/atomic.h includes <atomic_ops.h>;
#   R3  only smal/os/, and smal/compat/, which has the system's names, includes the
#       headers of an operating system or a tool, and asks which system it is
#       compiled for;
#   R4  the file stands in its floor's list, and what stands there exists;
#   R5  as built below BUILD, no object refers to a name that only an object of a
#       higher floor defines (public headers are open to all floors: this is what
#       keeps a floor from calling up through them).
#
# Environment: NM, top_builddir (default of BUILD).
set -u

build=${2:-${top_builddir:-}}
: "${NM:=nm}"

top=${1:-$(dirname "$0")/..}
cd "$top" || exit 99

# What belongs to the system. <errno.h>, <signal.h> and <time.h> are ISO C, but
# what they are needed for is not.
os_headers='
	aio.h alloca.h arpa/ byteswap.h dirent.h dlfcn.h elf.h endian.h errno.h
	execinfo.h fcntl.h features.h grp.h linux/ link.h mach/ malloc.h netinet/
	poll.h pthread.h pwd.h sanitizer/ sched.h semaphore.h signal.h spawn.h
	strings.h sys/ syscall.h termios.h threads.h time.h ucontext.h unistd.h
	unwind.h valgrind/ windows.h'
os_macros='__linux__|__linux|linux|__gnu_linux__|__GLIBC__|__APPLE__|_WIN32|__CYGWIN__|__unix__|__FreeBSD__|__NetBSD__|__OpenBSD__|__DragonFly__|__sun|__SANITIZE_[A-Z]*__|__has_feature'

floors=$(sed -n 's,^include smal/\([a-z]*\)/local\.mk$,\1,p' Makefile.am)
if [ -z "$floors" ]; then
	echo "Makefile.am: includes no smal/*/local.mk"
	exit 1
fi

listed=$(for floor in $floors; do
	tr -s ' \t\\' '\n\n\n' <"smal/$floor/local.mk" | grep "^smal/$floor/[^ ]*\.[ch]\$"
done)
objects=$([ -z "$build" ] || find "$build/smal" -name '*.o' 2>/dev/null)
present=$(find smal -name '*.[ch]' | LC_ALL=C sort)

{
	for file in $listed; do
		echo "L $file"
	done
	for header in include/*.h include/*/*.h; do
		echo "P ${header#include/}"
	done
	for header in $os_headers; do
		echo "O $header"
	done
	for file in $present; do
		echo "F $file"
		# Comments hold no directives that begin a line here, so lines do.
		awk -v macros="(^|[^A-Za-z0-9_])($os_macros)([^A-Za-z0-9_]|\$)" '
			/^[ \t]*#[ \t]*include/ {
				match($0, /[<"][^>"]*[>"]/)
				print "I", NR, substr($0, RSTART, 1), substr($0, RSTART + 1, RLENGTH - 2)
			}
			/^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)/ && $0 ~ macros { print "M", NR }
		' "$file"
	done
} | awk '
	function bad(line, text) {
		print file ":" line ": " text
		failed = 1
	}
	function folder(path) {
		sub(/\/[^\/]*$/, "", path)
		return path
	}
	# The file of smal/ that an include means, or "".
	function resolve(path,  i, at) {
		at[1] = folder(file) "/" path
		at[2] = path
		at[3] = "smal/" path
		for (i = 1; i <= 3; i++)
			if (at[i] in rank)
				return at[i]
		return ""
	}
	function of_system(file) {
		return folder(file) == "smal/os" || file ~ /^smal\/compat\//
	}
	$1 == "L" { rank[$2] = ++ranks; next }
	$1 == "P" { public[$2] = 1; next }
	$1 == "O" { system_header[$2] = 1; next }
	$1 == "F" {
		file = $2
		seen[file] = 1
		if (!(file in rank))
			bad(1, "is not in the list of " folder(file) "/local.mk")
		next
	}
	$1 == "M" {
		if (!of_system(file))
			bad($2, "asks for the system, which only smal/os/ may")
		next
	}
	$1 == "I" {
		line = $2
		path = $4
		found = resolve(path)
		if (found != "") {
			if ((file in rank) && rank[found] > rank[file])
				bad(line, "includes " found (folder(found) == folder(file) ? \
					", which stands after it in its floor" : ", of a higher floor"))
		} else if (path in public || path == "config.h") {
			;
		} else if ($3 == "\"" || path ~ /^smal\//) {
			bad(line, "includes " path ", which is no file of a floor and no public header")
		} else if (path == "atomic_ops.h") {
			if (file != "smal/base/atomic.h")
				bad(line, "includes <atomic_ops.h>, which only smal/base/atomic.h may")
		} else if (!of_system(file)) {
			start = path
			sub(/\/.*$/, "/", start)
			if (start in system_header)
				bad(line, "includes <" path ">, which only smal/os/ may")
		}
	}
	END {
		for (file in rank)
			if (!(file in seen))
				bad(1, "is in the list of " folder(file) "/local.mk, but not there")
		exit failed
	}
'
status=$?

for object in $objects; do
	floor=${object#"$build/smal/"}
	$NM "$object" | sed "s,^,${floor%%/*} ,"
done | awk -v floors="$(echo "$floors" | tr '\n' ' ')" '
	BEGIN {
		n = split(floors, floor, " ")
		for (i = 1; i <= n; i++)
			height[floor[i]] = i
	}
	$2 == "U" { used[$1 " " $3] = 1; next }
	NF == 4 && $3 ~ /^[A-Z]$/ && (!($4 in home) || height[$1] < height[home[$4]]) {
		home[$4] = $1
	}
	END {
		for (use in used) {
			split(use, part, " ")
			if (part[2] in home && height[home[part[2]]] > height[part[1]]) {
				print "smal/" part[1] ": refers to " part[2] " of smal/" home[part[2]] ", a higher floor"
				failed = 1
			}
		}
		exit failed
	}
' || status=1

[ "$status" = 0 ] &&
	echo "lint-floors: $(echo "$present" | wc -l | tr -d ' ') files and $(echo "$objects" |
		grep -c .) objects look down only"
exit "$status"
