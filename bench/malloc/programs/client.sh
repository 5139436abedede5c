#!/bin/sh
# SPDX-License-Identifier: MIT
# client.sh: what a Redis server has to do. usage: client.sh SOCKET REQUESTS
#
# Waits for the server, sets and gets random keys with values of two sizes, asks how
# many keys there are, and ends the server without saving.
set -eu
socket=$1
requests=$2

tries=0
until redis-cli -s "$socket" ping >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || exit 1
	sleep 0.05
done

trap 'redis-cli -s "$socket" shutdown nosave >/dev/null 2>&1' EXIT
for bytes in 64 300; do
	redis-benchmark -s "$socket" -q -P 16 -c 20 -r 100000 -n "$requests" -d "$bytes" \
		-t set,get,lpush,lpop >/dev/null
done
