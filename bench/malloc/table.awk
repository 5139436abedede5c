# SPDX-License-Identifier: MIT
# table.awk: the table of compare-malloc, and what it adds to JSON; read after
# compare.awk.

# The geometric mean of a peer's ratios over the rows of a group, or "". The peer
# "/best" stands for ours in proportion to the best.
function mean(who, what, group, r, value, sum, count) {
	for (r = 1; r <= rows; r++) {
		if (!belongs(row[r], group))
			continue
		value = who == "/best" ? to_best(row[r], what) : ratio(row[r], who, what)
		if (value > 0) {
			sum += log(value)
			count++
		}
	}
	return count ? sprintf("%.3f", exp(sum / count)) : ""
}

# Whether a row belongs to a group: all, large (the process takes 8 MB or more under
# base; in others its fixed part is what is seen), or those of so many threads.
function belongs(at, group, key) {
	if (group == "all")
		return 1
	if (group != "large")
		return row_threads(at) == group
	key = at SUBSEP base SUBSEP "peak_bytes"
	return (key in samples) && median(key) >= 8e6
}

function row_threads(at, p, key) {
	for (p = 1; p <= peers; p++) {
		key = at SUBSEP peer[p] SUBSEP "threads"
		if (key in samples)
			return sample[key, 1]
	}
	return 0
}

function figure_or_nothing(key, format) {
	return (key in samples) ? sprintf(format, median(key)) : ""
}

function text_row(at, p, k) {
	text_names(at)
	printf " %8s %7s\n", "rss/live", "/" base
	for (p = 1; p <= peers; p++) {
		k = at SUBSEP peer[p] SUBSEP
		if (!((k "wall_s") in samples))
			continue
		text_figures(at, peer[p])
		printf " %8s %7s\n", figure_or_nothing(k "rss_over_live", "%.2f"),
			ratio(at, peer[p], "rss_over_live")
	}
	if (ours in known)
		text_line(ours "/best", to_best(at, "wall_s"), to_best(at, "cpu_s"),
			to_best(at, "peak_bytes"), to_best(at, "rss_over_live"))
}

# A line of ratios alone.
function text_line(name, wall, cpu, peak, live) {
	text_ratios(name, wall, cpu, peak)
	printf " %8s %7s\n", "", live
}

function text_mean(name, who, group) {
	text_line(name, mean(who, "wall_s", group), mean(who, "cpu_s", group),
		mean(who, "peak_bytes", group), mean(who, "rss_over_live", group))
}

function text_means(name, group, p) {
	printf "\ngeometric means of ratios to %s, %s\n", base, name
	text_line("", "wall", "cpu", "peak", "rss/l.")
	for (p = 1; p <= peers; p++)
		text_mean(peer[p], peer[p], group)
	if (ours in known)
		text_mean(ours "/best", "/best", group)
}

function text_all(r) {
	printf "%s; %s; medians of %d runs; huge pages: %s\n", processor, kernel, runs, huge
	for (r = 1; r <= rows; r++)
		text_row(row[r])
	text_means("all rows", "all")
	text_means("rows that take 8 MB or more", "large")
	text_means("rows of one thread", 1)
	text_means("rows of two threads", 2)
}

function json_mean(who, group, list, n, value) {
	comma = ""
	split("wall_s cpu_s peak_bytes rss_over_live", list, " ")
	for (n = 1; n <= 4; n++) {
		value = mean(who, list[n], group)
		if (value == "")
			continue
		printf "%s\"%s\": %s", comma, list[n], value
		comma = ", "
	}
}

function json_means(group, p, name, who) {
	printf "{"
	for (p = 1; p <= peers + (ours in known); p++) {
		name = p > peers ? ours "_to_best" : peer[p]
		who = p > peers ? "/best" : peer[p]
		printf "%s\n      \"%s\": {", (p > 1 ? "," : ""), name
		json_mean(who, group)
		printf "}"
	}
	printf "\n    }"
}

function json_more() {
	printf ",\n  \"means\": {\n    \"all\": "
	json_means("all")
	printf ",\n    \"large\": "
	json_means("large")
	printf ",\n    \"threads_1\": "
	json_means(1)
	printf ",\n    \"threads_2\": "
	json_means(2)
	printf "\n  }"
}
