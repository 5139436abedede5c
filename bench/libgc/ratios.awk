# SPDX-License-Identifier: MIT
# ratios.awk: what ratios.gp draws; read after compare.awk and means.awk: a line for
# each workload and one of the means, of our ratios to libgc's.

function or_nothing(value) {
	return value == "" ? "nan" : value
}

function text_all(r, n, count, list) {
	count = split("wall_s cpu_s peak_bytes pause_sum_ms pause_max_ms", list, " ")
	printf "row wall cpu peak pauses longest\n"
	for (r = 1; r <= rows; r++) {
		printf "%s", row[r]
		for (n = 1; n <= count; n++)
			printf " %s", or_nothing(ratio(row[r], ours, list[n]))
		printf "\n"
	}
	printf "mean"
	for (n = 1; n <= count; n++)
		printf " %s", or_nothing(mean(list[n], ""))
	printf "\n"
}

function json_more() {
}
