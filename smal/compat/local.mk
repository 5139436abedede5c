# SPDX-License-Identifier: MIT
# smal/compat/local.mk: the library under other names.

# The C library's malloc: to be put in front of a program, so not installed among
# the libraries to link with.
smal_malloc_names = malloc calloc realloc reallocarray free cfree free_sized \
	free_aligned_sized posix_memalign memalign aligned_alloc valloc pvalloc \
	malloc_usable_size malloc_trim mallopt mallinfo mallinfo2 malloc_info malloc_stats \
	__libc_malloc __libc_calloc __libc_realloc __libc_free __libc_memalign __libc_valloc \
	__libc_pvalloc

if SHARED
lib_LTLIBRARIES += libsmal-malloc.la
bin_SCRIPTS += smal-run
endif
libsmal_malloc_la_SOURCES = smal/compat/malloc.h smal/compat/malloc.c
libsmal_malloc_la_CFLAGS = $(AM_CFLAGS) $(CORE_OPT_CFLAGS) $(HIDE_CFLAGS)
libsmal_malloc_la_LIBADD = libsmal-core.la
libsmal_malloc_la_LDFLAGS = -module -avoid-version -shared $(SECTION_LDFLAGS)
if VERSION_SCRIPT
libsmal_malloc_la_LDFLAGS += -Wl,--version-script=smal/compat/malloc.map
libsmal_malloc_la_DEPENDENCIES = libsmal-core.la smal/compat/malloc.map
CLEANFILES += smal/compat/malloc.map
endif

smal/compat/malloc.map: smal/compat/local.mk
	$(AM_V_GEN)$(MKDIR_P) smal/compat && \
	{ echo '{' && echo 'global:' && \
	  for name in $(smal_malloc_names); do echo "	$$name;"; done && \
	  echo 'local:' && echo '	*;' && echo '};'; } >$@.tmp && mv $@.tmp $@

# Puts a library in front of a program. In the folder of the build it uses the
# libraries there.
CLEANFILES += smal-run
EXTRA_DIST += smal/compat/smal-run.in

smal-run: smal/compat/smal-run.in Makefile
	$(AM_V_GEN)$(SED) -e 's,[@]VERSION[@],$(VERSION),' -e 's,[@]libdir[@],$(libdir),' \
		$(srcdir)/smal/compat/smal-run.in >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@
