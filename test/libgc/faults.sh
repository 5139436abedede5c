#!/bin/sh
# SPDX-License-Identifier: MIT
#
# faults.sh [PROGRAM...]: the tests of libgc's interface can fail: with the system's
# libgc, of which one function at a time is spoiled (faults.c), the program that is to
# see it ends with a failure.
#
# Environment: top_srcdir, top_builddir, CC.
set -u

top=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
builds=${top_builddir:-$top}
: "${CC:=cc}"
passed=0
failed=0
unset LD_PRELOAD LD_LIBRARY_PATH

# Which program sees what.
seen_by() {
	cat <<'TABLE'
abi_alloc GC_malloc_uncollectable GC_malloc_atomic GC_malloc_ignore_off_page GC_base
abi_alloc GC_is_heap_ptr GC_size GC_realloc GC_strndup GC_memalign GC_free
abi_many GC_malloc_many GC_generic_malloc_many GC_debug_malloc GC_debug_realloc
abi_limit GC_set_oom_fn GC_set_max_heap_size GC_calloc_explicitly_typed GC_expand_hp
abi_mark GC_register_displacement GC_set_all_interior_pointers
abi_typed GC_make_descriptor GC_calloc_explicitly_typed
abi_kind GC_new_kind GC_gcj_malloc
abi_disclaim GC_register_disclaim_proc GC_finalized_malloc
abi_root GC_add_roots GC_remove_roots GC_exclude_static_roots GC_clear_roots GC_set_no_dls
abi_root GC_register_has_static_roots_callback
abi_push GC_push_all GC_push_all_eager GC_push_conditional GC_set_mark_bit
abi_push GC_set_start_callback GC_set_on_collection_event
abi_final GC_register_finalizer GC_register_finalizer_ignore_self
abi_final GC_register_finalizer_no_order GC_register_finalizer_unreachable
abi_queue GC_set_finalize_on_demand GC_set_finalizer_notifier GC_set_await_finalize_proc
abi_queue GC_finalize_all GC_invoke_finalizers GC_disable
abi_link GC_general_register_disappearing_link GC_register_long_link
abi_link GC_move_disappearing_link GC_unregister_disappearing_link
abi_weak GC_register_disappearing_link GC_toggleref_add GC_move_disappearing_link
abi_thread GC_register_my_thread GC_unregister_my_thread GC_pthread_create
abi_thread GC_set_on_thread_event
abi_fork GC_set_handle_fork GC_call_with_alloc_lock
abi_stack GC_stop_world_external GC_suspend_thread GC_pthread_create GC_call_with_gc_active
abi_fiber GC_set_stackbottom GC_push_all_eager
abi_tune GC_gcollect GC_disable GC_enable GC_try_to_collect GC_get_free_bytes
abi_tune GC_get_prof_stats GC_get_gc_no GC_is_disabled
abi_start GC_same_obj GC_is_visible GC_get_parallel
TABLE
}

if [ ! -x "$builds/test/libgc/abi_alloc" ]; then
	echo 'skipped: libgc is not there to compile with (Debian: libgc-dev)'
	exit 77
fi
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
$CC -shared -fPIC -o "$scratch/plugin.so" "$top/test/libgc/plugin.c" &&
	$CC -O1 -w -shared -fPIC -o "$scratch/faults.so" "$top/test/libgc/faults.c" -ldl || exit 99
ABI_PLUGIN=$scratch/plugin.so
# A test that waits for what does not happen has failed.
CK_DEFAULT_TIMEOUT=20
ABI_STOCK=1
export ABI_PLUGIN ABI_STOCK CK_DEFAULT_TIMEOUT

# see PROGRAM [FAULT]: its status; the summary in $scratch/summary.
see() {
	ABI_FAULT=${2-} LD_PRELOAD=$scratch/faults.so timeout 500 \
		"$builds/test/libgc/$1" >"$scratch/output" 2>&1 </dev/null
	status=$?
	sed -n 's/^[0-9]*%: //p' "$scratch/output" >"$scratch/summary"
	return $status
}

# shellcheck disable=SC2046 # words
[ $# != 0 ] || set -- $(seen_by | sed 's/ .*//' | uniq)
for program; do
	if see "$program"; then
		echo "ok   $program without a fault"
		passed=$((passed + 1))
	else
		echo "FAIL $program without a fault"
		sed -n '/:[FE]:/p' "$scratch/output"
		failed=$((failed + 1))
	fi
	for fault in $(seen_by | sed -n "s/^$program //p"); do
		if see "$program" "$fault"; then
			echo "FAIL $program does not see $fault spoiled"
			failed=$((failed + 1))
		else
			echo "ok   $program sees $fault: $(cat "$scratch/summary")"
			passed=$((passed + 1))
		fi
	done
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
