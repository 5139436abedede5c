# SPDX-License-Identifier: MIT
# compare.awk: from the figures of many runs to medians and ratios, and to JSON.
#
# Input, separated by semicolons: ROW;TITLE;PEER;NAME VALUE UNIT. Variables:
# base, json (0 or 1), runs, huge, kernel, processor. Ratios are medians to the
# median of the peer base in the same row. A second file of awk has text_all(),
# which writes the table, and json_more(), which adds members to the JSON.

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

# A figure in proportion to that of base, or "" if one of them is nothing.
function ratio(at, who, what, other, own) {
	other = at SUBSEP base SUBSEP what
	if (!(other in samples) || median(other) <= 0)
		return ""
	own = median(at SUBSEP who SUBSEP what)
	return own > 0 ? sprintf("%.3f", own / median(other)) : ""
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
			if ((row[r] SUBSEP peer[p] SUBSEP "wall_s") in samples)
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
