# SPDX-License-Identifier: MIT
# source.awk: writes C for a compiler to compile: so many functions, of about
# thirty lines each, that call and inline one another.

function random(limit) {
	state = (state * 16807) % 2147483647
	return state % limit
}

function expression(depth) {
	if (depth == 0)
		return random(3) ? "v" random(6) : (1 + random(1000)) "u"
	return "(" expression(depth - 1) " " substr("+-*^&|", 1 + random(6), 1) " " \
		expression(depth - 1) ")"
}

function body(f, i) {
	for (i = 0; i < 4; i++) {
		printf "\tfor (i = 0; i < s->n + %d; i++) {\n", i
		printf "\t\tv%d ^= %s;\n", random(6), expression(3)
		printf "\t\ts->a[(v%d + i) %% 64] += %s;\n\t}\n", random(6), expression(2)
		printf "\tif (%s > %s)\n", expression(2), expression(2)
		printf "\t\tv%d = s->a[v%d %% 64] + %s;\n", random(6), random(6), expression(2)
		if (f > 0)
			printf "\telse\n\t\tv%d += f%d(s, %s, v%d);\n", random(6), random(f),
				expression(2), random(6)
	}
	printf "\tswitch (v%d %% 8) {\n", random(6)
	for (i = 0; i < 6; i++)
		printf "\tcase %d: v%d -= %s; break;\n", i, random(6), expression(2)
	printf "\t}\n"
}

BEGIN {
	state = 42
	print "struct s { unsigned n, a[64]; struct s *next; };"
	for (f = 0; f < functions; f++) {
		printf "%sunsigned f%d(struct s *s, unsigned v0, unsigned v1)\n{\n",
			random(2) ? "static inline " : "", f
		print "\tunsigned i, v2 = s->n, v3 = v0 ^ v1, v4 = s->a[1], v5 = 7;"
		body(f)
		print "\treturn v0 + v1 + v2 + v3 + v4 + v5;\n}\n"
	}
}
