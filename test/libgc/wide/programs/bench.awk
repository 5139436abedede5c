# SPDX-License-Identifier: MIT
# bench.awk: a test bench in VHDL, with so many counters behind each other; the
# variable counters says how many. No process drives two signals: in which order the
# compiler names them would depend on where they lie.

function counter(n) {
	printf "entity counter%d is\n", n
	printf "\tport (clock : in std_logic; from : in integer; value : out integer);\n"
	printf "end counter%d;\n\narchitecture behaviour of counter%d is\n", n, n
	printf "\ttype state is (idle, busy, done%d);\n\tsignal now : state := idle;\nbegin\n", n
	printf "\tprocess (clock)\n\tbegin\n\t\tif clock = '1' then\n\t\t\tcase now is\n"
	printf "\t\t\twhen idle => now <= busy;\n"
	printf "\t\t\twhen busy => now <= done%d;\n", n
	printf "\t\t\twhen others => now <= idle;\n\t\t\tend case;\n"
	printf "\t\tend if;\n\tend process;\n\n"
	printf "\tprocess (clock)\n\t\tvariable count : integer := %d;\n\tbegin\n", n
	printf "\t\tif clock = '1' and now = busy then\n"
	printf "\t\t\tcount := count + %d + from;\n", n % 5 + 1
	printf "\t\t\tif count > 1000 then\n\t\t\t\tcount := count - %d;\n\t\t\tend if;\n", 990 + n % 7
	printf "\t\tend if;\n\t\tvalue <= count;\n\tend process;\nend behaviour;\n\n"
}

function libraries() {
	printf "library ieee;\nuse ieee.std_logic_1164.all;\n\n"
}

BEGIN {
	for (n = 1; n <= counters; n++) {
		libraries()
		counter(n)
	}
	libraries()
	printf "entity bench is\nend bench;\n\narchitecture test of bench is\n"
	printf "\tsignal clock : std_logic := '0';\n"
	for (n = 0; n <= counters; n++)
		printf "\tsignal value%d : integer := 0;\n", n
	printf "begin\n"
	for (n = 1; n <= counters; n++)
		printf "\tunit%d : counter%d port map (clock => clock, from => value%d, " \
			"value => value%d);\n", n, n, n - 1, n
	printf "\tprocess\n\tbegin\n\t\tfor i in 1 to 50 loop\n"
	printf "\t\t\twait for 5;\n\t\t\tclock <= '1';\n\t\t\twait for 5;\n\t\t\tclock <= '0';\n"
	printf "\t\t\tassert false report \"round\" severity note;\n\t\tend loop;\n\t\twait;\n"
	printf "\tend process;\nend test;\n"
}
