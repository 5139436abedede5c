# SPDX-License-Identifier: MIT
# compare.awk: from the figures of many runs to medians and ratios, and to JSON.
#
# Input, separated by semicolons: ROW;TITLE;PEER;NAME VALUE UNIT. Variables:
# base, json (0 or 1), runs, huge, kernel, processor; and for some tables ours, the
# peer that is set beside the best of the others. Ratios are medians to the median
# of the peer base in the same row. A second file of awk has text_all(), which writes
# the table, and json_more(), which adds members to the JSON.

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
	ran[$1, $3] = 1
}

# The samples of a key in order, into sorted[1..]; returns how many.
function sort_samples(key, i, j, one) {
	for (i = 1; i <= samples[key]; i++) {
		one = sample[key, i]
		for (j = i - 1; j > 0 && sorted[j] > one; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = one
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

# A figure in proportion to that of another peer, or "" if one of them is nothing.
function ratio_to(whom, at, who, what, other, own) {
	other = at SUBSEP whom SUBSEP what
	own = at SUBSEP who SUBSEP what
	if (!(other in samples) || !(own in samples) || median(other) <= 0 || median(own) <= 0)
		return ""
	return sprintf("%.3f", median(own) / median(other))
}

# A figure in proportion to that of base, or "".
function ratio(at, who, what) {
	return ratio_to(base, at, who, what)
}

# The smallest median of the peers but ours, or "" if there is none.
function best(at, what, p, key, least) {
	least = ""
	for (p = 1; p <= peers; p++) {
		key = at SUBSEP peer[p] SUBSEP what
		if (peer[p] != ours && (key in samples) && (least == "" || median(key) < least))
			least = median(key)
	}
	return least
}

# Ours in proportion to the best of the others, or "".
function to_best(at, what, key, least) {
	key = at SUBSEP ours SUBSEP what
	least = best(at, what)
	return (key in samples) && least > 0 ? sprintf("%.3f", median(key) / least) : ""
}

# What the lines of tables of processes begin with: names below a row's title, the
# figures of a peer, ratios alone. The rest of a line is the table's.
function text_names(at) {
	printf "\n%s: %s\n", at, title[at]
	printf "  %-13s %9s %19s %7s %9s %7s %9s %7s", "", "wall ms", "min..max", "/" base,
		"cpu ms", "/" base, "peak MB", "/" base
}

function text_figures(at, who, k) {
	k = at SUBSEP who SUBSEP
	printf "  %-13s %9.1f %19s %7s %9.1f %7s %9.1f %7s", who, median(k "wall_s") * 1e3,
		sprintf("%.1f..%.1f", smallest(k "wall_s") * 1e3, largest(k "wall_s") * 1e3),
		ratio(at, who, "wall_s"), median(k "cpu_s") * 1e3, ratio(at, who, "cpu_s"),
		median(k "peak_bytes") / 1e6, ratio(at, who, "peak_bytes")
}

function text_ratios(name, wall, cpu, peak) {
	printf "  %-13s %9s %19s %7s %9s %7s %9s %7s", name, "", "", wall, "", cpu, "", peak
}

function json_figure(key, what, at, who, r) {
	r = ratio(at, who, what)
	printf "%s\n        \"%s\": {\"median\": %.9g, \"min\": %.9g, \"max\": %.9g", comma,
		what, median(key), smallest(key), largest(key)
	printf ", \"unit\": \"%s\"%s}", unit[what],
		(r == "" ? "" : ", \"to_" base "\": " r)
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
			if ((row[r], peer[p]) in ran)
				json_peer(row[r], peer[p])
		printf "\n    }}"
	}
	printf "\n  ]"
	json_more()
	printf "\n}\n"
}

END {
	if (json)
		json_all()
	else
		text_all()
}
