#!/bin/sh
# SPDX-License-Identifier: MIT
#
# wide.sh [WORKLOAD...]: programs.sh with the workloads of wide/: every other program of
# a system that is linked with libgc.so.1 and can be run in a terminal. It is a long
# test, with SMAL_TEST_LONG or where workloads are named; what each does is little.
here=$(cd "$(dirname "$0")" && pwd) || exit 99
if [ $# = 0 ] && [ -z "${SMAL_TEST_LONG:-}" ]; then
	echo 'skipped: a long test (SMAL_TEST_LONG=1)'
	exit 77
fi
unset SMAL_TEST_LONG
LIBGC_WORKLOADS=$here/wide/workloads.sh
export LIBGC_WORKLOADS
exec "${SHELL:-/bin/sh}" "$here/programs.sh" "$@"
