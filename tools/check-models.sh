#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-models.sh [TOP]: spin proves the models of doc/design/models, and finds the
# mistake in every variant of them that is broken on purpose.
#
# A line of the list below is: whether it holds, the model, options of the
# verifier (- for none), definitions. make check-all calls this; without spin or a
# compiler it is left out (exit 77). A model that takes longer than SECONDS_EACH (300) seconds
# fails.
set -u

top=$(cd "${1:-$(dirname "$0")/..}" && pwd) || exit 99
: "${CC:=gcc}" "${SECONDS_EACH:=300}"
for tool in spin "$CC"; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "check-models: $tool is not installed"
		exit 77
	fi
done
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 99
failed=0
count=0

list() {
	cat <<-'END'
		holds world.pml - -DTHREADS=2 -DCOLLECTORS=2 -DFORKS
		holds world.pml - -DTHREADS=2 -DCOLLECTORS=1 -DCALLS=2 -DFORKS
		holds world.pml - -DTHREADS=3 -DCOLLECTORS=2 -DATTACHED=44 -DFORKS -DFEW -DCOARSE
		holds world.pml -l -DTHREADS=2 -DCOLLECTORS=1
		fails world.pml - -DTHREADS=2 -DCOLLECTORS=1 -DBROKEN_ENTER
		fails world.pml - -DTHREADS=2 -DCOLLECTORS=2 -DBROKEN_PARK
		fails world.pml - -DTHREADS=3 -DCOLLECTORS=2 -DATTACHED=44 -DFORKS -DFEW -DCOARSE -DBROKEN_FREEZE
		holds free.pml - -DTHREADS=2 -DCALLS=3
		holds free.pml - -DTHREADS=3
		fails free.pml - -DBROKEN_ONCE
		fails free.pml - -DBROKEN_ALONE
		holds release.pml - -DTHREADS=2
		holds release.pml - -DTHREADS=3 -DCALLS=3
		fails release.pml - -DBROKEN_RETAKE
		fails release.pml - -DBROKEN_COUNT
		holds team.pml - -DMEMBERS=2 -DWORK=6
		holds team.pml - -DMEMBERS=3
		holds team.pml - -DMEMBERS=3 -DCHUNKS=1 -DBEGIN=4
		fails team.pml - -DBROKEN_TELL
		fails team.pml - -DBROKEN_ALONE
		fails team.pml - -DBROKEN_LATE
		fails team.pml - -DBROKEN_CALL
		holds linker.pml -
		holds linker.pml - -DSIGNAL
		holds linker.pml - -DTHREADS=3 -DCALLS=1
		holds linker.pml - -DTHREADS=3 -DCALLS=1 -DSIGNAL
		fails linker.pml - -DBROKEN_ORDER -DSIGNAL
		fails linker.pml - -DBROKEN_GATHER -DSIGNAL
		fails linker.pml - -DBROKEN_PATIENCE
		holds share.pml -
		holds share.pml - -DATTACH=3
		fails share.pml - -DBROKEN_STATES
		fails share.pml - -DBROKEN_BARRIER
		holds heap_remote.pml - -DFREERS=2 -DCALLS=3
		holds heap_remote.pml - -DFREERS=3 -DCALLS=2
		fails heap_remote.pml - -DBROKEN_ORDER
		fails heap_remote.pml - -DBROKEN_EAGER
		fails heap_remote.pml - -DFREERS=2 -DBROKEN_BLIND
		fails heap_remote.pml - -DBROKEN_OPEN
		fails heap_remote.pml - -DBROKEN_KEEP
	END
}

# verify MODEL OPTION DEFINITION...: what the verifier says is in pan.log.
verify() {
	model=$1
	option=$2
	shift 2
	search=-DSAFETY
	[ "$option" = -l ] && search=-DNP
	[ "$option" = - ] && option=
	rm -f pan.log pan pan.*
	spin -a "$@" "$top/doc/design/models/$model" >pan.log 2>&1 &&
		"$CC" -O2 -w "$search" -DCOLLAPSE -DVECTORSZ=4096 -DMEMLIM=3000 -o pan pan.c \
			>>pan.log 2>&1 &&
		timeout "$SECONDS_EACH" ./pan -m1000000 ${option:+"$option" -f} >pan.log 2>&1
}

list >list
while read -r expected model option definitions; do
	# shellcheck disable=SC2086 # definitions are words
	verify "$model" "$option" $definitions </dev/null
	status=$?
	errors=$(sed -n 's/^State-vector.* errors: \([0-9]*\)$/\1/p' pan.log)
	case $status,$expected,$errors in
	0,holds,0) says=ok ;;
	*,fails,[1-9]*) says=ok ;;
	*) says=FAIL ;;
	esac
	# A search that was cut short proves nothing.
	grep -q 'max search depth too small\|out of memory' pan.log && says=FAIL
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.log)
	echo "$says   $model $definitions: $expected, ${states:-no} states"
	if [ $says = FAIL ]; then
		sed 's/^/	/' pan.log | head -20
		failed=1
	fi
	count=$((count + 1))
done <list

[ "$failed" = 0 ] && echo "check-models: $count variants"
exit "$failed"
