/* SPDX-License-Identifier: MIT */
/* nodes.m: lists and trees of objects whose instances the collector has: every second
   list is dropped, every one is counted. Argument: rounds. */
#import <objc/Object.h>
#include <objc/runtime.h>
#include <stdio.h>
#include <stdlib.h>

@interface Node : Object {
@public
	long value;
	Node *left, *right;
	double weight;
	char note[24];
}
+ (id)nodeOf:(long)value;
- (long)sum;
@end

@interface Leaf : Node {
@public
	long more;
}
@end

@implementation Node
+ (id)nodeOf:(long)value
{
	Node *node = class_createInstance(self, 0);

	node->value = value;
	node->weight = value / 2.0;
	snprintf(node->note, sizeof node->note, "%ld", value);
	return node;
}
- (long)sum
{
	return value + atol(note) + (long)weight + (left ? [left sum] : 0) +
	       (right ? [right sum] : 0);
}
@end

@implementation Leaf
- (long)sum
{
	return value + more;
}
@end

static id tree(int depth, long value)
{
	Node *node;

	if (depth == 0) {
		Leaf *leaf = [Leaf nodeOf:value];

		leaf->more = value % 7;
		return leaf;
	}
	node = [Node nodeOf:value];
	node->left = tree(depth - 1, 2 * value);
	node->right = tree(depth - 1, 2 * value + 1);
	return node;
}

int main(int count, char **arguments)
{
	int rounds = count > 1 ? atoi(arguments[1]) : 1;
	Node *kept = tree(12, 1);
	Node *list = nil;
	long all = 0;

	for (int round = 0; round < rounds; round++) {
		all = (all * 31 + [(Node *)tree(14, round + 1) sum]) % 1000003;
		for (int i = 0; i < 1000; i++) {
			Node *node = [Node nodeOf:i + round];

			node->left = list;
			list = i % 500 == 0 ? nil : node;
		}
	}
	printf("all %ld\nkept %ld\nlist %ld\n", all, [kept sum], [list sum]);
	return 0;
}
