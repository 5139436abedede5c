# SPDX-License-Identifier: MIT
# table.awk: the table of compare-vectors, and what it adds to JSON; read after
# compare.awk. ours is the peer that is set beside the best of the others.

# Ours in proportion to the smallest median of the others, or "".
function to_best(at, what, p, key, value, least) {
	least = ""
	for (p = 1; p <= peers; p++) {
		key = at SUBSEP peer[p] SUBSEP what
		if (peer[p] == ours || !(key in samples))
			continue
		value = median(key)
		if (least == "" || value < least)
			least = value
	}
	key = at SUBSEP ours SUBSEP what
	return (key in samples) && least > 0 ? sprintf("%.3f", median(key) / least) : ""
}

function megabytes(key) {
	return (key in samples) ? sprintf("%.3f", median(key) / 1e6) : ""
}

function text_row(at, p, k) {
	printf "\n%s: %s\n", at, title[at]
	printf "  %-12s %9s %19s %7s %9s %7s %9s %7s %12s %7s\n", "", "wall ms", "min..max",
		"/" base, "cpu ms", "/" base, "peak MB", "/" base, "copied MB", "/" base
	for (p = 1; p <= peers; p++) {
		k = at SUBSEP peer[p] SUBSEP
		if (!((k "wall_s") in samples))
			continue
		printf "  %-12s %9.1f %19s %7s %9.1f %7s %9.1f %7s %12s %7s\n", peer[p],
			median(k "wall_s") * 1e3, sprintf("%.1f..%.1f",
			smallest(k "wall_s") * 1e3, largest(k "wall_s") * 1e3),
			ratio(at, peer[p], "wall_s"), median(k "cpu_s") * 1e3,
			ratio(at, peer[p], "cpu_s"), median(k "peak_bytes") / 1e6,
			ratio(at, peer[p], "peak_bytes"), megabytes(k "copied_bytes"),
			((k "copied_bytes") in samples) ? ratio(at, peer[p], "copied_bytes") : ""
	}
	if (ours in known)
		printf "  %-12s %9s %19s %7s %9s %7s %9s %7s\n", ours "/best", "", "",
			to_best(at, "wall_s"), "", to_best(at, "cpu_s"), "",
			to_best(at, "peak_bytes")
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
