# SPDX-License-Identifier: MIT
# ratios.awk: what ratios.gp draws; read after compare.awk. The variable plot says
# what: wall, ratios of wall_s, or longest, of pause_max_ms, a line for each row that
# has any; or pauses, those of the row w8 in ms, a line for each quantile. A peer
# without a value has no column, and where there is no value nothing is written.

# Puts a value into the table.
function put(line, who, value) {
	if (!(value > 0))
		return
	if (!(line in lines_known)) {
		lines_known[line] = 1
		line_name[++lines] = line
	}
	columns_known[who] = 1
	cell[line, who] = value
}

function write_all(p, n) {
	if (lines == 0)
		return
	printf "row"
	for (p = 1; p <= peers; p++)
		if (peer[p] in columns_known)
			printf " %s", peer[p]
	for (n = 1; n <= lines; n++) {
		printf "\n%s", line_name[n]
		for (p = 1; p <= peers; p++)
			if (peer[p] in columns_known)
				printf " %s", ((line_name[n], peer[p]) in cell ? \
					cell[line_name[n], peer[p]] : "nan")
	}
	printf "\n"
}

# The machine is no peer that such bars would say anything about.
function put_ratios(what, r, p) {
	for (r = 1; r <= rows; r++)
		for (p = 1; p <= peers; p++)
			if (peer[p] != "machine")
				put(row[r], peer[p], ratio(row[r], peer[p], what))
}

function put_pauses(at, list, names, count, n, p, key) {
	count = split("pause_p50_ms pause_p90_ms pause_p99_ms pause_max_ms", list, " ")
	split("p50 p90 p99 longest", names, " ")
	for (n = 1; n <= count; n++)
		for (p = 1; p <= peers; p++) {
			key = at SUBSEP peer[p] SUBSEP list[n]
			if (key in samples)
				put(names[n], peer[p], median(key))
		}
}

function text_all() {
	if (plot == "wall")
		put_ratios("wall_s")
	else if (plot == "longest")
		put_ratios("pause_max_ms")
	else
		put_pauses("w8")
	write_all()
}

function json_more() {
}
