# SPDX-License-Identifier: MIT
# doc/local.mk: manual pages, and what is read in the source tree.

dist_man_MANS += \
	doc/man/smal.7 \
	doc/man/smal-run.1 \
	doc/man/libsmal-malloc.7 \
	doc/man/smal_version.3 \
	doc/man/smal_error.3 \
	doc/man/smal_gc.3 \
	doc/man/smal_thread.3 \
	doc/man/smal_type.3 \
	doc/man/smal_mark.3 \
	doc/man/smal_alloc.3 \
	doc/man/smal_root.3 \
	doc/man/smal_collect.3 \
	doc/man/smal_stats.3 \
	doc/man/smal_check.3 \
	doc/man/smal_explain.3 \
	doc/man/smal_fiber.3 \
	doc/man/smal_finalizer.3 \
	doc/man/smal_handle.3 \
	doc/man/smal_heap.3 \
	doc/man/smal_map.3 \
	doc/man/smal_vector.3 \
	doc/man/smal_weak.3

EXTRA_DIST += doc/code-index.md doc/tutorial.md doc/from-libgc.md doc/design

# A page is found under the name of each of its functions.
install-data-hook:
	cd $(srcdir)/doc/man && for page in *.3; do \
		for name in `$(SHELL) ../../tools/man-names.sh $$page`; do \
			test $$name.3 = $$page || \
				echo ".so man3/$$page" >"$(DESTDIR)$(man3dir)/$$name.3" || exit 1; \
		done; \
	done

uninstall-hook:
	rm -f "$(DESTDIR)$(libdir)/libsmal-gc.so"
	cd $(srcdir)/doc/man && for page in *.3; do \
		for name in `$(SHELL) ../../tools/man-names.sh $$page`; do \
			rm -f "$(DESTDIR)$(man3dir)/$$name.3"; \
		done; \
	done
