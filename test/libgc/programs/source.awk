# SPDX-License-Identifier: MIT
# source.awk: writes a program in Neko, for its compiler to work on and then to run.
# -v functions=N
function number(n) { # small ones that look random
	seed = (seed * 1103 + 12345) % 65536
	return seed % n
}

function term(depth,    kind) {
	if (depth == 0)
		return number(2) ? "x" : number(1000)
	kind = number(5)
	if (kind == 0)
		return "(" term(depth - 1) " + " term(depth - 1) ") % 10007"
	if (kind == 1)
		return "(if( " term(depth - 1) " > " term(depth - 1) " ) x else " term(depth - 1) ")"
	if (kind == 2)
		return "(function(y) { var x = y % 1009; return " term(depth - 1) "; })(" term(depth - 1) ")"
	if (kind == 3)
		return "$asize($amake(1 + (" term(depth - 1) " & 15)))"
	return "{ a => " term(depth - 1) ", b => " term(depth - 1) " }.a"
}

BEGIN {
	seed = 7
	print "// made by source.awk"
	for (i = 0; i < functions; i++) {
		print "f" i " = function(x) {"
		print "\tvar y = " term(4) ";"
		print "\tswitch x {"
		print "\t\t1 => \"one " i "\""
		print "\t\t2 => " term(3)
		print "\t\tdefault => y"
		print "\t}"
		print "\twhile( y > 1000 ) {"
		print "\t\ty = y >> 1;"
		print "\t\ttry x = x + " term(2) " catch e x = " term(2) ";"
		print "\t}"
		print "\treturn y + x % 1000;"
		print "}"
	}
	print "var sum = 0;"
	print "var i = 0;"
	print "while( i < 50 ) {"
	for (i = 0; i < functions; i++)
		print "\tsum = (sum * 31 + f" i "(i)) % 1000003;"
	print "\ti += 1;"
	print "}"
	print "$print(\"sum: \", sum, \"\\n\");"
}
