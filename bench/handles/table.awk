# SPDX-License-Identifier: MIT
# table.awk: the tables of compare-handles, and what it adds to JSON; read after
# compare.awk. A row is of the kind whose figure it has: ns_each of a trace, pair_ns
# of pairs, ns_block of a compaction.

function has(at, who, what) {
	return (at SUBSEP who SUBSEP what) in samples
}

function value(at, who, what, format) {
	return has(at, who, what) ? sprintf(format, median(at SUBSEP who SUBSEP what)) : ""
}

# In units of so many.
function scaled(at, who, what, by, format) {
	return has(at, who, what) ? sprintf(format, median(at SUBSEP who SUBSEP what) / by) : ""
}

function spread(at, who, what, by, key) {
	key = at SUBSEP who SUBSEP what
	return sprintf("%.1f..%.1f", smallest(key) / by, largest(key) / by)
}

# The first peer that has the figure in a row, or "".
function holder(at, what, p) {
	for (p = 1; p <= peers; p++)
		if (has(at, peer[p], what))
			return peer[p]
	return ""
}

function trace_line(at, who) {
	printf "  %-13s %8s %17s %6s %7s %6s %8s %6s %8s %6s %6s %6s %6s %6s %6s %7s %8s %6s\n", who,
		scaled(at, who, "wall_s", 1e-3, "%.1f"), spread(at, who, "wall_s", 1e-3),
		ratio(at, who, "wall_s"), value(at, who, "ns_each", "%.1f"),
		ratio(at, who, "cpu_s"), scaled(at, who, "peak_bytes", 1e6, "%.2f"),
		ratio(at, who, "peak_bytes"), value(at, who, "rss_over_live", "%.3f"),
		value(at, who, "resident_room_mean", "%.1f"),
		value(at, who, "resident_room_least", "%.1f"),
		value(at, who, "before_mean", "%.1f"), value(at, who, "before_least", "%.1f"),
		value(at, who, "after_mean", "%.1f"), value(at, who, "after_least", "%.1f"),
		ours_value(at, who, "compact_ms", "%.2f"),
		ours_value(at, who, "slice_most_us", "%.0f"), value(at, who, "compactions", "%.0f")
}

# A figure that means something only where there is a heap to be compacted.
function ours_value(at, who, what, format) {
	return has(at, who, "compactions") ? value(at, who, what, format) : ""
}

function text_traces(r, p, at) {
	for (r = 1; r <= rows; r++) {
		at = row[r]
		if (holder(at, "ns_each") == "")
			continue
		printf "\n%s: %s; %s operations, %s MB live at most\n", at, title[at],
			value(at, holder(at, "ns_each"), "operations", "%.0f"),
			scaled(at, holder(at, "ns_each"), "peak_live_bytes", 1e6, "%.2f")
		printf "  %-13s %8s %17s %6s %7s %6s %8s %6s %8s %6s %6s %6s %6s %6s %6s %7s %8s %6s\n",
			"", "wall ms", "min..max", "/" base, "ns each", "cpu/gl", "peak MB",
			"/" base, "rss/live", "room", "least", "before", "least", "after",
			"least", "comp ms", "most us", "compns"
		for (p = 1; p <= peers; p++)
			if (has(at, peer[p], "ns_each"))
				trace_line(at, peer[p])
	}
}

# What one half of mimalloc's malloc and free takes in a row; 0 if it is not there.
function half(at) {
	return has(at, "mimalloc", "pair_ns") ? median(at SUBSEP "mimalloc" SUBSEP "pair_ns") / 2 : 0
}

function to_half(at, who, what) {
	return half(at) > 0 ? sprintf("%.2f", median(at SUBSEP who SUBSEP what) / half(at)) : ""
}

function text_pairs(r, p, at, seen) {
	for (r = 1; r <= rows; r++) {
		at = row[r]
		if (holder(at, "pair_ns") == "")
			continue
		if (!seen++) {
			printf "\nallocate, use, free; in ns, and in proportion to half of"
			printf " mimalloc's malloc and free\n"
			printf "  %-26s %-10s %8s %8s %6s %8s %6s %8s %6s %8s %17s\n", "", "", "cold",
				"alloc", "/half", "use", "/half", "free", "/half", "pair", "min..max"
		}
		for (p = 1; p <= peers; p++)
			if (has(at, peer[p], "pair_ns"))
				printf "  %-26s %-10s %8s %8s %6s %8s %6s %8s %6s %8s %17s\n", at, peer[p],
					value(at, peer[p], "cold_ns", "%.1f"),
					value(at, peer[p], "alloc_ns", "%.1f"), to_half(at, peer[p], "alloc_ns"),
					value(at, peer[p], "use_ns", "%.1f"), to_half(at, peer[p], "use_ns"),
					value(at, peer[p], "free_ns", "%.1f"), to_half(at, peer[p], "free_ns"),
					value(at, peer[p], "pair_ns", "%.1f"), spread(at, peer[p], "pair_ns", 1)
	}
}

function text_compactions(r, p, at, seen) {
	for (r = 1; r <= rows; r++) {
		at = row[r]
		p = holder(at, "ns_block")
		if (p == "")
			continue
		if (!seen++) {
			printf "\ncompactions; time a byte that is moved, to that of memcpy in one piece,"
			printf " and of the oracle's moves\n"
			printf "  %-18s %9s %17s %7s %8s %7s %6s %7s %7s %6s %6s %6s %7s %7s %7s %7s\n",
				"", "ms", "min..max", "ns/blk", "moved MB", "/oracle", "GB/s", "/memcpy",
				"/moves", "room %", "span/l", "calls", "p50 us", "p99", "p99.9", "most"
		}
		printf "  %-18s %9s %17s %7s %8s %7s %6s %7s %7s %6s %6s %6s %7s %7s %7s %7s\n", at,
			scaled(at, p, "wall_s", 1e-3, "%.2f"), spread(at, p, "wall_s", 1e-3),
			value(at, p, "ns_block", "%.1f"), scaled(at, p, "moved_bytes", 1e6, "%.2f"),
			value(at, p, "moved_to_oracle", "%.3f"), value(at, p, "gbs", "%.2f"),
			value(at, p, "copy_ratio", "%.2f"), value(at, p, "move_ratio", "%.2f"),
			value(at, p, "room_percent", "%.1f"), value(at, p, "span_over_live", "%.3f"),
			value(at, p, "calls", "%.0f"), value(at, p, "call_p50_us", "%.0f"),
			value(at, p, "call_p99_us", "%.0f"), value(at, p, "call_p999_us", "%.0f"),
			value(at, p, "call_most_us", "%.0f")
	}
}

function text_all() {
	printf "%s; %s; medians of %d runs\n", processor, kernel, runs
	text_traces()
	text_pairs()
	text_compactions()
}

# Of each row of pairs, ours in proportion to half of mimalloc's pair.
function json_more(r, at, separator) {
	printf ",\n  \"to_half_of_mimalloc\": {"
	for (r = 1; r <= rows; r++) {
		at = row[r]
		if (!has(at, ours, "pair_ns") || half(at) <= 0)
			continue
		printf "%s\n    \"%s\": {\"alloc\": %s, \"use\": %s, \"free\": %s}", separator, at,
			to_half(at, ours, "alloc_ns"), to_half(at, ours, "use_ns"),
			to_half(at, ours, "free_ns")
		separator = ","
	}
	printf "\n  }"
}
