# SPDX-License-Identifier: MIT
# problem.awk: writes so many problems in SMT-LIB 2, one after the other, each to
# be decided: chains of sums of integers with an array, and of products of bit
# vectors.

function random(limit) {
	state = (state * 16807) % 2147483647
	return state % limit
}

function declare(i) {
	printf "(declare-const x%d Int)\n(declare-const y%d Int)\n", i, i
	printf "(declare-const b%d (_ BitVec 8))\n", i
}

function step(i) {
	printf "(assert (and (<= 0 x%d %d) (<= 0 y%d %d)))\n", i, 50 + random(50), i,
		50 + random(50)
	printf "(assert (or (= x%d (+ x%d y%d %d)) (< (* 3 x%d) (- y%d %d))))\n", i, i - 1,
		i - 1, random(10), i, i - 1, random(10)
	printf "(assert (= (select m x%d) (+ y%d %d)))\n", i, i, random(5)
	printf "(assert (= (bvadd b%d (bvmul b%d #x%02x)) (bvxor b%d #x%02x)))\n", i,
		i - 1, 3 + random(100), random(i), random(256)
}

BEGIN {
	state = 42
	print "(set-logic ALL)"
	while (problems-- > 0) {
		print "(push)\n(declare-const m (Array Int Int))"
		for (i = 0; i <= 5; i++) {
			declare(i)
			if (i > 0)
				step(i)
		}
		print "(assert (distinct x1 x2 x3 x4 x5))\n(check-sat)\n(pop)"
	}
}
