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
libsmal_malloc_la_LDFLAGS = -module -avoid-version -shared $(SECTION_LDFLAGS) $(STAY_LDFLAGS)
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

# libgc's names, in a file of libgc's name, in a folder of its own: for LD_LIBRARY_PATH
# (smal-run). The version is that of Debian 12's: libgc.so.1.
if SHARED
smalgcdir = $(libdir)/smal
smalgc_LTLIBRARIES = smal/compat/libgc/libgc.la
endif
smal_compat_libgc_libgc_la_SOURCES = \
	smal/compat/libgc/abi.h \
	smal/compat/libgc/libgc.h \
	smal/compat/libgc/thread.c \
	smal/compat/libgc/created.c \
	smal/compat/libgc/suspend.c \
	smal/compat/libgc/kind.c \
	smal/compat/libgc/alloc.c \
	smal/compat/libgc/debug.c \
	smal/compat/libgc/typed.c \
	smal/compat/libgc/link.c \
	smal/compat/libgc/entry.h \
	smal/compat/libgc/entry.c \
	smal/compat/libgc/final.c \
	smal/compat/libgc/root.c \
	smal/compat/libgc/collect.c \
	smal/compat/libgc/tune.c \
	smal/compat/libgc/report.c \
	smal/compat/libgc/init.c
smal_compat_libgc_libgc_la_CFLAGS = $(AM_CFLAGS) $(CORE_OPT_CFLAGS) $(HIDE_CFLAGS)
smal_compat_libgc_libgc_la_CPPFLAGS = $(AM_CPPFLAGS) $(FINE_CPPFLAGS)
smal_compat_libgc_libgc_la_LIBADD = libsmal-fine.la
smal_compat_libgc_libgc_la_LDFLAGS = -shared -version-info 6:1:5 $(SECTION_LDFLAGS) \
	$(STAY_LDFLAGS)
if VERSION_SCRIPT
smal_compat_libgc_libgc_la_LDFLAGS += -Wl,--version-script=$(srcdir)/smal/compat/libgc/libgc.map
smal_compat_libgc_libgc_la_DEPENDENCIES = libsmal-fine.la smal/compat/libgc/libgc.map
endif
EXTRA_DIST += smal/compat/libgc/libgc.map

# And under a name of ours.
if SHARED
install-exec-hook:
	cd "$(DESTDIR)$(libdir)" && rm -f libsmal-gc.so && $(LN_S) smal/libgc.so.1 libsmal-gc.so
endif

# Puts a library in front of a program. In the folder of the build it uses the
# libraries there.
CLEANFILES += smal-run
EXTRA_DIST += smal/compat/smal-run.in

smal-run: smal/compat/smal-run.in Makefile
	$(AM_V_GEN)$(SED) -e 's,[@]VERSION[@],$(VERSION),' -e 's,[@]libdir[@],$(libdir),' \
		$(srcdir)/smal/compat/smal-run.in >$@.tmp && chmod +x $@.tmp && mv $@.tmp $@
