#!/bin/sh
# SPDX-License-Identifier: MIT
#
# preload_redis.sh: a Redis server on a socket of its own, with libsmal-malloc.so in
# front of it and of its client: values set and got, a save in a forked process, a
# shutdown, and a second server that reads what the first has saved.
#
# Debian's redis-tools has the server under another name; it is the name of the
# program that says which it is.
# shellcheck disable=SC2154 # common.sh sets them
. "${top_srcdir:-$(dirname "$0")/..}/test/preload/common.sh"

there redis-cli redis-tools || finish
there redis-check-rdb redis-tools || finish
ln -s "$(command -v redis-check-rdb)" "$scratch/redis-server" || exit 99
cd "$scratch" || exit 99

cat >session <<'END'
ask() {
	redis-cli -s ./socket "$@"
}
start() {
	./redis-server --port 0 --unixsocket ./socket --dir . --save '' --appendonly no \
		--io-threads 2 >>server.log 2>&1 &
	server=$!
	tries=0
	until [ "$(ask ping 2>/dev/null)" = PONG ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || exit 1
		sleep 0.1
	done
}
ended() {
	wait "$server"
	echo "server: status $?"
}
rm -f dump.rdb socket
start
ask set greeting hello
ask get greeting
ask eval 'for i = 1, 50000 do redis.call("set", "key" .. i, string.rep("v", i % 300)) end
	for i = 1, 2000 do redis.call("rpush", "list", i); redis.call("zadd", "sorted", i % 97, "m" .. i)
		redis.call("hset", "hash" .. i % 10, "f" .. i, string.rep("h", i)) end
	return "filled"' 0
ask eval 'for i = 1, 50000, 3 do redis.call("del", "key" .. i) end
	for i = 2, 50000, 3 do redis.call("append", "key" .. i, string.rep("a", 100)) end
	return "changed"' 0
ask dbsize
ask bgsave
tries=0
while ask info persistence | grep -q rdb_bgsave_in_progress:1 && [ "$tries" -lt 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
ask info persistence | tr -d '\r' | grep rdb_last_bgsave_status
ask memory purge
ask save
ask shutdown nosave
ended
start
ask dbsize
ask get greeting
ask strlen key2999
ask llen list
ask zrange sorted 0 5
ask hlen hash3
ask eval 'local sum = 0
	for _, key in ipairs(redis.call("keys", "key*")) do sum = sum + redis.call("strlen", key) end
	return sum' 0
ask shutdown save
ended
rm -f dump.rdb socket
END
compare redis sh ./session
grep -qx 'server: status 0' "$scratch/alone" ||
	fail redis 'does not work without the library either' "$scratch/alone"
[ "$failed" = 0 ] || tail -5 server.log
finish
