# SPDX-License-Identifier: MIT
# smal/report/local.mk: counts for the outside. A file includes
# only files that stand before it here, and files of lower floors.

libsmal_core_la_SOURCES += \
	smal/report/stats.c
