# SPDX-License-Identifier: MIT
# means.awk: geometric means of ratios over groups of rows; read after compare.awk. A
# group is what stands in the names of its rows before the first "_".

function group_of(at) {
	sub(/_.*/, "", at)
	return at
}

# Fills group[1..] in the order of rows; returns how many there are. Those of a single
# row are left out.
function groups_fill(r, name, size, all, n, count) {
	for (r = 1; r <= rows; r++) {
		name = group_of(row[r])
		if (++size[name] == 1)
			all[++n] = name
	}
	for (r = 1; r <= n; r++)
		if (size[all[r]] > 1)
			group[++count] = all[r]
	return count + 0
}

# The geometric mean of our ratios over the rows of a group, or of all if it is "";
# or "" if there are none.
function mean(what, which, r, value, sum, count) {
	for (r = 1; r <= rows; r++) {
		value = ratio(row[r], ours, what)
		if ((which == "" || group_of(row[r]) == which) && value > 0) {
			sum += log(value)
			count++
		}
	}
	return count ? sprintf("%.3f", exp(sum / count)) : ""
}
