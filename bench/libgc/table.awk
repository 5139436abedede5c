# SPDX-License-Identifier: MIT
# table.awk: the table of compare-libgc, and what it adds to JSON; read after
# compare.awk and means.awk. A line is a workload: figures of libgc, ours, and ratios.

# A figure in units of so many, or "" where there is none.
function figure_of(at, who, what, by, format, key) {
	key = at SUBSEP who SUBSEP what
	return (key in samples) ? sprintf(format, median(key) * by) : ""
}

# How far apart the runs of the two were, as a share of their medians; the worse one.
function spread(at, what, p, key, share, most) {
	for (p = 1; p <= peers; p++) {
		key = at SUBSEP peer[p] SUBSEP what
		if (!(key in samples) || median(key) <= 0)
			continue
		share = (largest(key) - smallest(key)) / median(key)
		if (share > most)
			most = share
	}
	return sprintf("%.0f%%", most * 100)
}

function pair(at, what, by, format) {
	return sprintf(" %8s %8s", figure_of(at, base, what, by, format),
		figure_of(at, ours, what, by, format))
}

# A line of the table; every column is some text.
function line(name, heap, wall, wall_r, around, cpu_r, peak, peak_r, count, sum, sum_r,
		max, max_r) {
	printf "%-*s %7s |%18s %6s %5s | %6s |%18s %6s |%18s |%18s %6s |%18s %6s\n", wide, name,
		heap, wall, wall_r, around, cpu_r, peak, peak_r, count, sum, sum_r, max, max_r
}

function text_head(both) {
	both = sprintf(" %8s %8s", base, ours)
	printf "\n"
	line("", "heap", "wall s", "", "", "cpu", "peak MB", "", "collections", "pauses ms", "",
		"longest ms", "")
	line("workload", "MB", both, "ratio", "+-", "ratio", both, "ratio", both, both, "ratio",
		both, "ratio")
}

function text_row(at) {
	line(at, figure_of(at, base, "first_heap_bytes", 1e-6, "%.1f"),
		pair(at, "wall_s", 1, "%.3f"), ratio(at, ours, "wall_s"), spread(at, "wall_s"),
		ratio(at, ours, "cpu_s"), pair(at, "peak_bytes", 1e-6, "%.1f"),
		ratio(at, ours, "peak_bytes"), pair(at, "collections", 1, "%d"),
		pair(at, "pause_sum_ms", 1, "%.1f"), ratio(at, ours, "pause_sum_ms"),
		pair(at, "pause_max_ms", 1, "%.2f"), ratio(at, ours, "pause_max_ms"))
}

function text_mean(name, which) {
	line(name, "", "", mean("wall_s", which), "", mean("cpu_s", which), "",
		mean("peak_bytes", which), "", "", mean("pause_sum_ms", which), "",
		mean("pause_max_ms", which))
}

function text_all(r, n, count) {
	printf "%s; %s; medians of %d runs; huge pages: %s; markers: %s\n", processor, kernel,
		runs, huge, markers
	printf "heap: the first heap that program or workload asks for; +-: largest less smallest\n"
	wide = 15
	for (r = 1; r <= rows; r++)
		if (length(row[r]) > wide)
			wide = length(row[r])
	text_head()
	for (r = 1; r <= rows; r++)
		text_row(row[r])
	printf "\ngeometric means of ratios\n"
	count = groups_fill()
	for (n = 1; n <= count; n++)
		text_mean(group[n], group[n])
	text_mean("all", "")
}

function json_mean(name, which, list, count, n, value) {
	printf "\"%s\": {", name
	comma = ""
	count = split("wall_s cpu_s peak_bytes pause_sum_ms pause_max_ms", list, " ")
	for (n = 1; n <= count; n++) {
		value = mean(list[n], which)
		if (value == "")
			continue
		printf "%s\"%s\": %s", comma, list[n], value
		comma = ", "
	}
	printf "}"
}

function json_more(n, count) {
	printf ",\n  \"markers\": \"%s\",\n  \"means\": {\n    ", markers
	count = groups_fill()
	for (n = 1; n <= count; n++) {
		json_mean(group[n], group[n])
		printf ",\n    "
	}
	json_mean("all", "")
	printf "\n  }"
}
