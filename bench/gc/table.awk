# SPDX-License-Identifier: MIT
# table.awk: the table of compare-gc; read after compare.awk.

function text_row(at, p, k) {
	printf "\n%s: %s\n", at, title[at]
	printf "  %-13s %9s %19s %7s %8s %7s %8s %7s %6s %10s %9s %7s %9s %9s\n", "",
		"wall ms", "min..max", "/libgc", "cpu ms", "/libgc", "peak MB", "/libgc", "colls",
		"pauses ms", "longest", "/libgc", "ns/object", "cold ms"
	for (p = 1; p <= peers; p++) {
		k = at SUBSEP peer[p] SUBSEP
		if (!((k "wall_s") in samples))
			continue
		printf "  %-13s %9.1f %19s %7s %8.1f %7s %8.1f %7s %6d %10.1f %9.2f %7s %9.2f %9.1f\n",
			peer[p], median(k "wall_s") * 1e3, sprintf("%.1f..%.1f",
			smallest(k "wall_s") * 1e3, largest(k "wall_s") * 1e3),
			ratio(at, peer[p], "wall_s"), median(k "cpu_s") * 1e3, ratio(at, peer[p], "cpu_s"),
			median(k "peak_bytes") / 1e6, ratio(at, peer[p], "peak_bytes"),
			median(k "collections"), median(k "pause_sum_ms"),
			median(k "pause_max_ms"), ratio(at, peer[p], "pause_max_ms"),
			median(k "object_ns"), median(k "cold_s") * 1e3
	}
}

function text_all(r) {
	printf "%s; %s; medians of %d runs; huge pages: %s\n", processor, kernel, runs, huge
	for (r = 1; r <= rows; r++)
		text_row(row[r])
}

function json_more() {
}
