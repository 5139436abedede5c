# SPDX-License-Identifier: MIT
# compare.awk: from the figures of many runs to a table, or to JSON.
#
# Input, separated by semicolons: ROW;TITLE;PEER;NAME VALUE UNIT. Variables:
# json (0 or 1), runs, huge, kernel, processor. Ratios are medians to the median
# of the peer "libgc" in the same row.

{
	split($4, figure, " ")
	if (!($1 in title)) {
		title[$1] = $2
		row[++rows] = $1
	}
	if (!($3 in known)) {
		known[$3] = 1
		peer[++peers] = $3
	}
	name = figure[1]
	if (!(name in unit)) {
		unit[name] = figure[3]
		names[++name_count] = name
	}
	key = $1 SUBSEP $3 SUBSEP name
	sample[key, ++samples[key]] = figure[2] + 0
}

# The samples of a key in order, into sorted[1..]; returns how many.
function sort_samples(key, i, j, value) {
	for (i = 1; i <= samples[key]; i++) {
		value = sample[key, i]
		for (j = i - 1; j > 0 && sorted[j] > value; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = value
	}
	return samples[key]
}

function median(key, count) {
	count = sort_samples(key)
	if (count % 2)
		return sorted[(count + 1) / 2]
	return (sorted[count / 2] + sorted[count / 2 + 1]) / 2
}

function smallest(key) {
	sort_samples(key)
	return sorted[1]
}

function largest(key) {
	return sorted[sort_samples(key)]
}

# A figure in proportion to libgc's, or "" if one of them is nothing.
function ratio(at, who, what, base, own) {
	base = at SUBSEP "libgc" SUBSEP what
	if (!(base in samples) || median(base) <= 0)
		return ""
	own = median(at SUBSEP who SUBSEP what)
	return own > 0 ? sprintf("%.3f", own / median(base)) : ""
}

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

function json_figure(key, what, at, who, r) {
	r = ratio(at, who, what)
	printf "%s\n        \"%s\": {\"median\": %.9g, \"min\": %.9g, \"max\": %.9g", comma,
		what, median(key), smallest(key), largest(key)
	printf ", \"unit\": \"%s\"%s}", unit[what],
		(r == "" ? "" : ", \"to_libgc\": " r)
	comma = ","
}

function json_peer(at, who, n, key) {
	printf "%s\n      \"%s\": {", peer_comma, who
	peer_comma = ","
	comma = ""
	for (n = 1; n <= name_count; n++) {
		key = at SUBSEP who SUBSEP names[n]
		if (key in samples)
			json_figure(key, names[n], at, who)
	}
	printf "\n      }"
}

function json_all(r, p) {
	printf "{\n  \"processor\": \"%s\", \"system\": \"%s\",\n", processor, kernel
	printf "  \"runs\": %d, \"huge\": \"%s\",\n", runs, huge
	printf "  \"workloads\": ["
	for (r = 1; r <= rows; r++) {
		printf "%s\n    {\"name\": \"%s\", \"title\": \"%s\", \"peers\": {", (r > 1 ? "," : ""),
			row[r], title[row[r]]
		peer_comma = ""
		for (p = 1; p <= peers; p++)
			if ((row[r] SUBSEP peer[p] SUBSEP "wall_s") in samples)
				json_peer(row[r], peer[p])
		printf "\n    }}"
	}
	printf "\n  ]\n}\n"
}

END {
	if (json) {
		json_all()
		exit
	}
	printf "%s; %s; medians of %d runs; huge pages: %s\n", processor, kernel, runs, huge
	for (r = 1; r <= rows; r++)
		text_row(row[r])
}
