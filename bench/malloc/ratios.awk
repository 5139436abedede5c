# SPDX-License-Identifier: MIT
# ratios.awk: what ratios.gp draws; read after compare.awk. For each of wall_s,
# cpu_s, peak_bytes a block: a line of peers, then a line of ratios for each row.

function block(what, r, p, value) {
	printf "row"
	for (p = 1; p <= peers; p++)
		printf " %s", peer[p]
	printf "\n"
	for (r = 1; r <= rows; r++) {
		printf "%s", row[r]
		for (p = 1; p <= peers; p++) {
			value = ratio(row[r], peer[p], what)
			printf " %s", (value == "" ? "nan" : value)
		}
		printf "\n"
	}
	printf "\n\n"
}

function text_all() {
	block("wall_s")
	block("cpu_s")
	block("peak_bytes")
}

function json_more() {
}
