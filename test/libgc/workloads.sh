# SPDX-License-Identifier: MIT
#
# workloads.sh: what programs that are linked with libgc.so.1 do for a test and for a
# measurement; the programs' sources are in programs/. To be included; afterwards
#
#   workloads            the names
#   workloads_long       names of those that take minutes in `make check`
#   needs_NAME           the commands that must be there
#   torture_NAME         how many allocations there may be between two collections for
#                        that work of size `check` to take seconds (SMAL_OPTIONS)
#   workload_prepare NAME   makes what a workload needs, in $work, with the library as it
#                        is installed; 77: it can't, and says why
#   workload_run NAME    does the work; what it writes and its status are the result,
#                        and always the same
#
# The caller sets
#
#   programs             the folder of the sources, absolute
#   work                 a folder, absolute, that the runs of one workload share
#   size                 check: up to a second or so; bench: seconds, with many collections
#   with                 words that stand before each command that uses libgc, or none
#
# and is in a fresh folder for each run.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the variables of the caller, and for it
# shellcheck disable=SC2086 # $with is words

# The environment of programs: nothing of the user's.
workload_environment() {
	HOME=$work/home
	XDG_CACHE_HOME=$HOME
	GUILE_AUTO_COMPILE=0
	LC_ALL=C.UTF-8
	TERM=dumb
	export HOME XDG_CACHE_HOME GUILE_AUTO_COMPILE LC_ALL TERM
	unset GUILE_LOAD_PATH GUILE_LOAD_COMPILED_PATH NEKOPATH NIX_PATH
}

# The first command that is missing, if one is.
workload_missing() {
	eval "set -- \$needs_$1"
	for command; do
		command -v "$command" >/dev/null 2>&1 || { echo "$command" && return; }
	done
}

workload_prepare() {
	mkdir -p "$work/home" || return
	if command -v "prepare_$1" >/dev/null; then
		(workload_environment && cd "$work" && "prepare_$1")
	fi
}

workload_run() {
	(workload_environment && "run_$1")
}

# what CHECK BENCH: the one for this size.
what() {
	if [ "$size" = bench ]; then
		echo "$2"
	else
		echo "$1"
	fi
}

# Fewer where there are many allocations, or much is alive: the default is 2000.
torture_guile_gcbench=20000 torture_guile_recursion=40000 torture_guile_interpreted=8000
torture_guile_compile=10000 torture_guile_tables=5000 torture_guile_foreign=5000
torture_guile_threads=3000 torture_guile_guardians=500 torture_guile_numbers=500
torture_guile_modules=50000
torture_ecl_trees=3000
torture_neko_text=500 torture_neko_threads=500 torture_neko_churn=1000
torture_neko_compile=5000
torture_w3m_tables=5000 torture_w3m_forms=4000 torture_w3m_escapes=3000
torture_w3m_dumps=40000
torture_nix_fixpoint=1000

##########################
# Guile                  #
##########################

# A program is compiled beforehand, so that what is run is its own allocations. All of
# them are the same but for their names, and those that follow.
guile_programs='gcbench weak guardians threads recursion numbers strings tables control
	objects evaluate foreign'
workloads=
for name in $guile_programs; do
	workloads="$workloads guile_$name"
	eval "needs_guile_$name='guile guild'
		prepare_guile_$name() { scheme_prepare $name; }
		run_guile_$name() { scheme_run $name; }"
done

scheme_prepare() {
	guild compile -O2 -o "$work/$1.go" "$programs/$1.scm" >/dev/null
}

# scheme_run NAME [ARGUMENT...]
scheme_run() {
	name=$1
	shift
	$with guile --no-auto-compile -c "(load-compiled \"$work/$name.go\")" "$size" "$@"
}

# A program that is interpreted.
workloads="$workloads guile_interpreted guile_compile"
needs_guile_interpreted=guile
run_guile_interpreted() {
	$with guile --no-auto-compile "$programs/objects.scm" "$size"
}

needs_guile_foreign='guile guild cc'
prepare_guile_foreign() {
	cc -shared -fPIC -o "$work/foreign.so" "$programs/foreign.c" && scheme_prepare foreign
}
run_guile_foreign() {
	scheme_run foreign "$work/foreign.so"
}

# Guile's compiler on modules of Guile's own; the code is the same, to the bit.
guile_modules() {
	sources=$(guile -c '(display (%library-dir))')
	for module; do
		$with guild compile -O2 -o "$(basename "$module").go" "$sources/$module.scm" >/dev/null || return
		cksum <"$(basename "$module").go"
	done
}

needs_guile_compile='guile guild'
run_guile_compile() {
	guile_modules "$(what ice-9/getopt-long ice-9/format)"
}

workloads_long=guile_modules
needs_guile_modules='guile guild'
run_guile_modules() {
	guile_modules ice-9/psyntax-pp ice-9/boot-9 oop/goops language/tree-il/peval
}

##########################
# ECL                    #
##########################

ecl_programs='trees tables clos threads'
for name in $ecl_programs; do
	workloads="$workloads ecl_$name"
	eval "needs_ecl_$name=ecl
		run_ecl_$name() { lisp_run '$name.lisp'; }"
done

lisp_run() {
	$with ecl --norc --shell "$programs/$1" -- "$size"
}

# The trees again, as native code that was translated by way of C.
workloads="$workloads ecl_native ecl_compile"
needs_ecl_native='ecl cc'
prepare_ecl_native() {
	ecl --norc --eval '(require :cmp)' --eval \
		"(ext:quit (if (compile-file \"$programs/trees.lisp\" :output-file \"$work/trees.fas\") 0 1))"
}
run_ecl_native() {
	$with ecl --norc --load "$work/trees.fas" --eval '(ext:quit)' -- "$size"
}

needs_ecl_compile='ecl cc'
run_ecl_compile() {
	lisp_run compile.lisp
}

##########################
# Neko                   #
##########################

neko_programs='structures text threads churn'
for name in $neko_programs; do
	workloads="$workloads neko_$name"
	eval "needs_neko_$name='neko nekoc'
		prepare_neko_$name() { nekoc -o \"\$work\" \"\$programs/$name.neko\"; }
		run_neko_$name() { \$with neko \"\$work/$name.n\" \"\$size\"; }"
done

# Neko's compiler, which is itself a program in Neko; and a program by itself, that
# brings the machine it runs on.
workloads="$workloads neko_compile"
needs_neko_compile='neko nekoc nekotools'
prepare_neko_compile() {
	awk -v functions="$(what 200 900)" -f "$programs/source.awk" >"$work/source.neko"
}
run_neko_compile() {
	cp "$work/source.neko" . &&
		$with nekoc source.neko && cksum <source.n &&
		$with neko source.n &&
		$with nekotools boot source.n && cksum <source &&
		$with ./source
}

##########################
# w3m                    #
##########################

w3m_pages='tables forms text escapes'
for name in $w3m_pages; do
	workloads="$workloads w3m_$name"
	eval "needs_w3m_$name=w3m
		prepare_w3m_$name() { page $name; }
		run_w3m_$name() { w3m_run -dump \"\$work/$name.html\"; }"
done
amount_tables='150 1600'
amount_forms='600 5000'
amount_text='600 15000'
amount_escapes='3000 35000'

# page KIND [AMOUNT NAME]: an input, of an amount that befits the size.
page() {
	eval "amount=\$(what \$amount_$1)"
	# shellcheck disable=SC2154 # amount is set
	awk -v kind="$1" -v amount="${2:-$amount}" -f "$programs/pages.awk" >"$work/${3:-$1}.html"
}

w3m_run() {
	$with w3m -cols 100 -T text/html "$@"
}

# Frames beside each other, and a page in the other ways of writing it.
workloads="$workloads w3m_frames w3m_dumps"
needs_w3m_frames=w3m
prepare_w3m_frames() {
	page frames 5
	for frame in 0 1 2 3 4; do
		page "$(what 'forms text' | cut -d ' ' -f $((1 + frame % 2)))" "$(what 60 900)" "frame$frame"
	done
}
run_w3m_frames() {
	w3m_run -cols 300 -F -dump "$work/frames.html"
}

needs_w3m_dumps=w3m
prepare_w3m_dumps() {
	page text "$(what 400 3500)"
}
run_w3m_dumps() {
	w3m_run -halfdump "$work/text.html" &&
		w3m_run -dump_source "$work/text.html" | cksum &&
		$with w3m -dump -T text/plain -cols 60 "$work/text.html" | cksum &&
		w3m_run -dump -cols 40 <"$work/text.html"
}

##########################
# Nix                    #
##########################

# A first heap of the usual size, hundreds of megabytes, would hide the collector.
nix_programs='fixpoint data'
for name in $nix_programs; do
	workloads="$workloads nix_$name"
	eval "needs_nix_$name=nix-instantiate
		run_nix_$name() { nix_run $name; }"
done

nix_run() {
	NIX_REMOTE=dummy:// NIX_STATE_DIR=$work/nix NIX_CONF_DIR=$work/nix \
		GC_INITIAL_HEAP_SIZE=$(what 8M 32M) \
		$with nix-instantiate --eval --strict --argstr size "$size" "$programs/$1.nix"
}
