# SPDX-License-Identifier: MIT
# smal/gc/local.mk: the collector. A file includes
# only files that stand before it here, and files of lower floors.

libsmal_core_la_SOURCES +=
