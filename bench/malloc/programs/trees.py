# SPDX-License-Identifier: MIT
# trees.py: objects, dictionaries and JSON. usage: trees.py ROUNDS
#
# Run with PYTHONMALLOC=malloc, or Python's own pools stand before malloc. Writes
# a checksum.
import json
import sys

state = 1


def random(limit):
    global state
    state = (state * 1103515245 + 12345) % 2147483648
    return (state >> 16) % limit


class Node:
    def __init__(self, depth):
        self.name = "node %d of depth %d" % (random(10000), depth)
        self.children = [Node(depth - 1) for _ in range(3)] if depth else []

    def plain(self):
        return {"name": self.name, "children": [c.plain() for c in self.children]}


def count(plain):
    return 1 + sum(count(child) for child in plain["children"])


def words(number):
    counts = {}
    for _ in range(number):
        word = "".join(chr(97 + random(6)) for _ in range(1 + random(6)))
        counts.setdefault(word, []).append(len(counts))
    return sum(len(places) * places[0] for places in counts.values())


checksum = 0
for _ in range(int(sys.argv[1])):
    text = json.dumps(Node(6).plain())
    checksum = (checksum * 31 + len(text) + count(json.loads(text)) + words(3000)) % 1000000007
print(checksum)
