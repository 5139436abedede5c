-- SPDX-License-Identifier: MIT
-- ideals.m2: Groebner bases, resolutions, hash tables, lists, strings, closures, large
-- numbers and matrices in Macaulay2. The environment has ROUNDS.

rounds = value getenv "ROUNDS"
katsura = (n, R) -> (
    x := i -> if abs i > n then 0_R else R_(abs i);
    ideal(prepend(sum(-n..n, i -> x i) - 1,
	    for m from 0 to n - 1 list sum(-n..n, i -> x i * x(m - i)) - x m)))
for n from 3 to 4 do (
    R = QQ[y_0..y_n];
    I = katsura(n, R);
    G = gens gb I;
    print(n, numgens source G, degree I, dim I, #toString G))
S = ZZ/32003[a..f]
J = minors(2, genericMatrix(S, a, 2, 3))
print betti res J
print toString primaryDecomposition ideal(a*b, b*c, c*d)
kept = new MutableHashTable
for i from 1 to 2000 * rounds do kept#i = toString(i^3)
total = 0
for round from 1 to 10 * rounds do (
    list1 = for i from 0 to 5000 list {i, i * i, toString i};
    total = (total + sum(list1, entry -> entry#1 + length entry#2)) % 1000003)
print total
print sum(values kept, text -> length text)
print(length toString (1000!))
f = n -> (m -> m + n)
print fold((x, g) -> g x, 0, apply(1000, f))
print det matrix for i to 7 list for j to 7 list (i * j + i + 1)^2 % 101
exit 0
