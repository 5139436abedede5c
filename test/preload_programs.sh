#!/bin/sh
# SPDX-License-Identifier: MIT
#
# preload_programs.sh: programs of others, with libsmal-malloc.so in front: a Lua
# script, a database.
# shellcheck disable=SC2154 # common.sh sets them
. "${top_srcdir:-$(dirname "$0")/..}/test/preload/common.sh"
sources=$top/test/preload

there lua5.4 lua5.4 && compare 'lua5.4' lua5.4 "$sources/strings.lua"
there sqlite3 sqlite3 && compare 'sqlite3' sqlite3 -bail :memory: ".read $sources/rows.sql"
compare ls ls -lR "$top/doc"
finish
