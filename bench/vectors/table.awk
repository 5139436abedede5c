# SPDX-License-Identifier: MIT
# table.awk: the table of compare-vectors, and what it adds to JSON; read after
# compare.awk.

function megabytes(key) {
	return (key in samples) ? sprintf("%.3f", median(key) / 1e6) : ""
}

function text_row(at, p, k) {
	text_names(at)
	printf " %12s %7s\n", "copied MB", "/" base
	for (p = 1; p <= peers; p++) {
		k = at SUBSEP peer[p] SUBSEP
		if (!((k "wall_s") in samples))
			continue
		text_figures(at, peer[p])
		printf " %12s %7s\n", megabytes(k "copied_bytes"),
			((k "copied_bytes") in samples) ? ratio(at, peer[p], "copied_bytes") : ""
	}
	if (ours in known) {
		text_ratios(ours "/best", to_best(at, "wall_s"), to_best(at, "cpu_s"),
			to_best(at, "peak_bytes"))
		printf "\n"
	}
}

function text_all(r) {
	printf "%s; %s; medians of %d runs\n", processor, kernel, runs
	for (r = 1; r <= rows; r++)
		text_row(row[r])
}

function json_more(r) {
	printf ",\n  \"to_best\": {"
	for (r = 1; r <= rows; r++)
		printf "%s\n    \"%s\": {\"wall_s\": %s, \"peak_bytes\": %s}", (r > 1 ? "," : ""),
			row[r], to_best(row[r], "wall_s") == "" ? "null" : to_best(row[r], "wall_s"),
			to_best(row[r], "peak_bytes") == "" ? "null" : to_best(row[r], "peak_bytes")
	printf "\n  }"
}
