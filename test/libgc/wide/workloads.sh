# SPDX-License-Identifier: MIT
#
# wide/workloads.sh: programs of others that are linked with libgc.so.1, beyond those of
# ../workloads.sh, whose functions and whose rules these have: compilers, algebra, music,
# drawings, mail, small tools, and what has Guile inside. The sources are in programs/.
# shellcheck disable=SC2034,SC2154 # the variables of the caller, and for it
# shellcheck disable=SC2086 # $with is words

# shellcheck source=test/libgc/workloads.sh
. "${programs%/wide/programs}/workloads.sh"
workloads=''
workloads_long=''

# known NAME COMMAND...: a workload, and the commands that it needs.
known() {
	workloads="$workloads $1"
	known=$1
	shift
	eval "needs_$known='$*'"
}

# Some hundred collections each, where there are as many allocations.
torture_mmv=20 torture_chase=5 torture_debfoster=200 torture_poke=2000 torture_parser3=20
torture_stalin=30000 torture_stalin_program=5000 torture_fauhdlc=10000 torture_goo=1000
torture_crystal=100000 torture_crystal_program=2000 torture_crystal_threads=2000
torture_objc=500 torture_haxe=500 torture_macaulay2=20000 torture_maxima=20000
torture_homfly=5 torture_asymptote=4000 torture_lilypond=50000 torture_mpb=4000
torture_guile2=4000 torture_remake=1000 torture_autogen=2000 torture_lepton=10000
torture_mu=500 torture_mailutils=500

# messages COUNT: a mailbox.
messages() {
	awk -v count="$1" 'BEGIN {
		for (i = 1; i <= count; i++) {
			printf "From a@example.org Mon Jan  1 00:00:%02d 2024\n", i % 60
			printf "From: Person %d <p%d@example.org>\nTo: me@example.org\n", i % 7, i % 7
			printf "Subject: number %d\nDate: Mon, 01 Jan 2024 00:00:%02d +0000\n", i, i % 60
			printf "Message-Id: <%d@example.org>\n\nThe body of %d.\n\n", i, i
		}
	}'
}

##########################
# Small tools            #
##########################

# Names by patterns, in a circle too, where one name has to wait for another.
known mmv mmv
run_mmv() {
	awk -v count="$(what 1500 10000)" 'BEGIN {
		for (i = 1; i <= count; i++) {
			name = "part." i % 17 "." i ".txt"
			print i >name
			close(name)
		}
	}'
	$with mmv 'part.*.*.txt' 'p#2-#1.dat' && $with mmv 'p*1-*.dat' 'p#{1}1-#2.DAT' &&
		$with mmv -v 'p*-*.dat' 'q#l1_#2' | LC_ALL=C sort | cksum
	LC_ALL=C ls | cksum
	LC_ALL=C ls | xargs cat | cksum
}

# Chains of symbolic links, longer than the system itself would follow.
known chase chase
prepare_chase() {
	mkdir links && cd links && echo end >./0 || return
	for n in $(seq 1 400); do
		ln -s "./../links/$((n - 1))" "$n" || return
	done
	ln -s loop loop
}
run_chase() {
	for n in $(what '40 200 400' '40 80 120 160 200 240 280 320 360 400'); do
		$with chase --loop-fail-threshold=1000 --loop-warn-threshold=1000 "$work/links/$n" |
			sed "s|^$work||" || return
	done
	$with chase "$work/links/loop" 2>/dev/null
	echo "$?"
}

# What is installed, and why; nothing is changed.
known debfoster debfoster
run_debfoster() {
	$with debfoster -q -k "$PWD/keepers" && cat keepers &&
		$with debfoster -k "$PWD/keepers" -a && $with debfoster -n -d libgc1 || return
	for name in $(what 'guile-3.0 w3m' 'guile-3.0 w3m ecl poke mmv chase gcc guile-3.0-libs'); do
		$with debfoster -n -d "$name"
		$with debfoster -n -e "$name"
	done
	return 0
}

known poke poke
prepare_poke() {
	{
		echo "var file = \"table\"; var rounds = $(what 400 4000)U;"
		cat "$programs/pickle.pk"
	} >table.pk
}
run_poke() {
	head -c 200000 /dev/zero >table && $with poke -q -L "$work/table.pk" && cksum <table
}

# A page for a web server, which is a text all the same.
known parser3 parser3
run_parser3() {
	ROUNDS=$(what 400 4000) $with parser3 "$programs/page.p" && echo
}

##########################
# Compilers              #
##########################

# Stalin, and the program that it makes. It takes all of a program at once, so that
# some lines more are much more work.
known stalin stalin
run_stalin() {
	if [ "$size" = bench ]; then
		cp "$programs/compiled.sc" program.sc
	else
		sed '/^;; more/,$d' "$programs/compiled.sc" >program.sc &&
			echo '(display (+ (nodes (tree 10)) (sum (count-to 1000))))' >>program.sc
	fi
	$with stalin -On -c program.sc && cksum <program.c
}

known stalin_program stalin cc
prepare_stalin_program() {
	cp "$programs/compiled.sc" program.sc && stalin -On program.sc
}
run_stalin_program() {
	what 20 300 >rounds && $with "$work/program" <rounds
}

known fauhdlc fauhdlc fauhdli
run_fauhdlc() {
	awk -v counters="$(what 200 900)" -f "$programs/bench.awk" >bench.vhd &&
		$with fauhdlc bench.vhd -o bench.code && cksum <bench.code &&
		$with fauhdlc --c-output=bench.c bench.vhd && cksum <bench.c || return
	awk -v counters=5 -f "$programs/bench.awk" >small.vhd && $with fauhdlc small.vhd -o small &&
		fauhdli -s work__c_bench -o trace small 2>&1 | sort | uniq -c && cksum <trace
}

# The interpreter itself is what one speaks with.
known goo goo
run_goo() {
	{
		cat "$programs/lists.goo"
		echo "(msg out \"rounds %=\" (rounds $(what 3 25)))"
	} >lists.goo
	$with goo <lists.goo && echo
}

known crystal crystal cc
run_crystal() {
	CRYSTAL_CACHE_DIR=$PWD/cache
	export CRYSTAL_CACHE_DIR
	$with crystal tool hierarchy -e Tree "$programs/fibers.cr" | cksum || return
	if [ "$size" = bench ]; then
		$with crystal build -o fibers "$programs/fibers.cr" && ./fibers 1
	fi
}

# A program of Crystal's by a compiler with the library that is installed; and with
# more threads than one, where fibers move between them.
crystal_prepare() {
	CRYSTAL_CACHE_DIR=$work/cache
	export CRYSTAL_CACHE_DIR
	crystal build "$@" -o "$work/fibers" "$programs/fibers.cr"
}

known crystal_program crystal cc
prepare_crystal_program() {
	crystal_prepare
}
run_crystal_program() {
	$with "$work/fibers" "$(what 2 20)"
}

known crystal_threads crystal cc
prepare_crystal_threads() {
	crystal_prepare -Dpreview_mt
}
run_crystal_threads() {
	$with "$work/fibers" "$(what 2 10)"
}

# Objects with descriptors, for which compiler and library have to be of GCC.
known objc gcc
prepare_objc() {
	gcc -std=gnu99 -O1 -w -fobjc-gc -x objective-c -o nodes "$programs/nodes.m" -lobjc_gc &&
		return
	echo 'there is no libobjc_gc'
	return 77
}
run_objc() {
	$with "$work/nodes" "$(what 40 400)"
}

known haxe haxe neko
prepare_haxe() {
	cp "$programs/haxe.hx" Main.hx && haxe -main Main -neko main.n
}
run_haxe() {
	$with neko "$work/main.n" "$(what 3 30)"
}

##########################
# Algebra, knots, music  #
##########################

known macaulay2 M2
run_macaulay2() {
	ROUNDS=$(what 1 20) $with M2 --script "$programs/ideals.m2"
}

known maxima maxima-sage
run_maxima() {
	echo "rounds : $(what 1 10)\$" | cat - "$programs/algebra.mac" >algebra.mac &&
		$with maxima-sage --very-quiet --batch=algebra.mac | grep -v 'algebra\.mac'
}

known homfly gcc
prepare_homfly() {
	gcc -O1 -o knots "$programs/knots.c" -lhomfly -lgc && return
	echo 'there is no libhomfly'
	return 77
}
run_homfly() {
	$with "$work/knots" "$(what 5 60)"
}

# The drawing without its date.
known asymptote asy
run_asymptote() {
	$with asy -f eps -noV -u "rounds=$(what 5 100)" -o drawing "$programs/drawing.asy" &&
		grep -v '^%%Creat' drawing.eps | cksum
}

known lilypond lilypond
run_lilypond() {
	echo "rounds = #$(what 1 5)" | cat - "$programs/score.ly" >score.ly &&
		$with lilypond -s -dno-point-and-click --svg -o score score.ly && cksum <score.svg
}

known mpb mpb
run_mpb() {
	$with mpb "rounds=$(what 3 100)" "$programs/crystal.ctl" |
		grep -E '^(dropped|kept|tefreqs)'
}

##########################
# Guile, also inside     #
##########################

known guile2 guile-2.2
run_guile2() {
	$with guile-2.2 --no-auto-compile "$programs/old.scm" "$size"
}

known remake remake
run_remake() {
	$with remake -s -f "$programs/makefile.mk" "rounds=$(what 10 100)"
}

known autogen autogen
run_autogen() {
	awk -v count="$(what 30 300)" 'BEGIN {
		print "autogen definitions template.tpl;"
		for (i = 1; i <= count; i++)
			printf "entry = { name = n%d; number = %d; };\n", i, i
	}' >list.def
	$with autogen -L "$programs" list.def && cat list.txt
}

# When a job would be run is another matter.
known mcron mcron
run_mcron() {
	awk -v count="$(what 50 2000)" 'BEGIN {
		for (i = 0; i < count; i++)
			printf "%d %d * * * echo %d\n", i % 60, i % 24, i
	}' >jobs.vixie
	$with mcron "--schedule=$(what 200 4000)" jobs.vixie | grep -v '^[A-Z]' | LC_ALL=C sort -u | cksum
}

known mdk mixasm mixguile
run_mdk() {
	cp "$programs/sum.mixal" . && mixasm sum &&
		ROUNDS=$(what 20 1000) $with mixguile -s "$programs/machine.scm" | grep '^[0-9]'
}

# Its modules are compiled when it is run first.
known lepton lepton-netlist
prepare_lepton() {
	GUILE_AUTO_COMPILE=1 lepton-netlist --help >/dev/null 2>&1
}
run_lepton() {
	for file in $(what TwoStageAmp 'TwoStageAmp TwoStageAmp TwoStageAmp'); do
		for form in geda spice drc2 partslist3; do
			$with lepton-netlist -q -g "$form" -o "$form" \
				"/usr/share/doc/lepton-eda/examples/$file/$file.sch" && cat "$form" || return
		done
	done
}

# A chat program without a server; its scripts are Guile's.
known weechat weechat-headless
run_weechat() {
	SCRIPT_OUTPUT=$PWD/output $with weechat-headless --stdout -d "$PWD/home" -P guile \
		-r "/guile load $programs/plugin.scm" -r /quit >log && cat output
}

known gnutls guile openssl
prepare_gnutls() {
	guile -c '(use-modules (gnutls))' 2>/dev/null || {
		echo 'Guile has no GnuTLS (Debian: guile-gnutls)'
		return 77
	}
	openssl req -x509 -newkey rsa:2048 -nodes -subj '/CN=example.org/O=some' -keyout key \
		-out certificate 2>/dev/null
}
run_gnutls() {
	$with guile --no-auto-compile "$programs/certificates.scm" "$work/certificate" \
		"$(what 1000 20000)"
}

known mu mu guile
prepare_mu() {
	mkdir -p mail/cur mail/new mail/tmp && messages 500 |
		awk '/^From / { file = "mail/cur/m" ++n ":2,S"; next } { print >file }' &&
		mu init --muhome="$work/mu" --maildir="$work/mail" >/dev/null &&
		mu index --quiet --muhome="$work/mu"
}
run_mu() {
	$with guile --no-auto-compile "$programs/messages.scm" "$work/mu" "$(what 5 60)"
}

# Messages into a folder, listed, picked, put in another order.
mh=/usr/bin/mu-mh
known mailutils $mh/inc $mh/scan $mh/pick $mh/sortm
run_mailutils() {
	HOME=$PWD
	export HOME
	mkdir -p Mail/inbox && echo 'Path: Mail' >.mh_profile && messages "$(what 200 2000)" >box &&
		$with $mh/inc -file box -notruncate | cksum && $with $mh/scan | cksum &&
		$with $mh/pick -subject 'number 19' && $with $mh/sortm -textfield subject &&
		$with $mh/scan last:10
}
