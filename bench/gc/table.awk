# SPDX-License-Identifier: MIT
# table.awk: the table of compare-gc; read after compare.awk. The row "machine" has
# figures of its own and comes first; the rows w8 have a second table, of pauses.

# A figure in units of so many, or "" where there is none.
function value(at, who, what, by, format, key) {
	key = at SUBSEP who SUBSEP what
	return (key in samples) ? sprintf(format, median(key) * by) : ""
}

function spread(at, who, what, by, key) {
	key = at SUBSEP who SUBSEP what
	return sprintf("%.1f..%.1f", smallest(key) * by, largest(key) * by)
}

function text_peer(at, who) {
	printf "  %-13s %9s %19s %7s %8s %7s %8s %7s %6s %10s %9s %7s %9s %8s %9s\n", who,
		value(at, who, "wall_s", 1e3, "%.1f"), spread(at, who, "wall_s", 1e3),
		ratio(at, who, "wall_s"), value(at, who, "cpu_s", 1e3, "%.1f"),
		ratio(at, who, "cpu_s"), value(at, who, "peak_bytes", 1e-6, "%.1f"),
		ratio(at, who, "peak_bytes"), value(at, who, "collections", 1, "%d"),
		value(at, who, "pause_sum_ms", 1, "%.1f"),
		value(at, who, "pause_max_ms", 1, "%.2f"), ratio(at, who, "pause_max_ms"),
		value(at, who, "object_ns", 1, "%.2f"), ratio_to("machine", at, who, "object_ns"),
		value(at, who, "cold_s", 1e3, "%.1f")
}

function text_row(at, p) {
	printf "\n%s: %s\n", at, title[at]
	printf "  %-13s %9s %19s %7s %8s %7s %8s %7s %6s %10s %9s %7s %9s %8s %9s\n", "",
		"wall ms", "min..max", "/" base, "cpu ms", "/" base, "peak MB", "/" base, "colls",
		"pauses ms", "longest", "/" base, "ns/object", "/machine", "cold ms"
	for (p = 1; p <= peers; p++)
		if ((at, peer[p]) in ran)
			text_peer(at, peer[p])
}

# How the single pauses are distributed.
function text_pauses(at, p) {
	printf "  %-13s %9s %9s %9s %9s\n", "pauses, ms", "p50", "p90", "p99", "longest"
	for (p = 1; p <= peers; p++)
		if ((at, peer[p], "pause_p50_ms") in samples)
			printf "  %-13s %9s %9s %9s %9s\n", peer[p],
				value(at, peer[p], "pause_p50_ms", 1, "%.2f"),
				value(at, peer[p], "pause_p90_ms", 1, "%.2f"),
				value(at, peer[p], "pause_p99_ms", 1, "%.2f"),
				value(at, peer[p], "pause_max_ms", 1, "%.2f")
}

function limit(what, format) {
	return value("machine", "machine", what, 1, format)
}

function bumps(area, list, count, i, text) {
	count = split("16 32 64 256", list, " ")
	for (i = 1; i <= count; i++)
		text = text " " limit("bump_" list[i] area "_ns", "%.2f")
	return text
}

function text_machine() {
	printf "\nmachine: %s\n", title["machine"]
	printf "  random reads: %s ns asked for 16 ahead, %s ns each after the last; in order: %s GB/s\n",
		limit("read_ahead_ns", "%.2f"), limit("read_dependent_ns", "%.1f"),
		limit("read_in_order_gb_s", "%.1f")
	printf "  ns to bump and zero 16, 32, 64, 256 bytes:%s in 256 KiB,%s in 4 MiB\n",
		bumps(""), bumps("_large")
}

function text_all(r) {
	printf "%s; %s; medians of %d runs; huge pages: %s\n", processor, kernel, runs, huge
	if ("machine" in title)
		text_machine()
	for (r = 1; r <= rows; r++) {
		if (row[r] == "machine")
			continue
		text_row(row[r])
		if (row[r] ~ /^w8/)
			text_pauses(row[r])
	}
}

function json_more() {
}
