# SPDX-License-Identifier: MIT
# add.awk: the figures of one run, from those of its programs: time, collections and
# pauses add up, of memory and of the longest pause the largest counts.

{
	if (!($1 in value))
		name[++count] = $1
	if ($1 !~ /^(peak_bytes|pause_max_ms|first_heap_bytes)$/)
		value[$1] += $2
	else if ($2 > value[$1] + 0)
		value[$1] = $2
	else
		value[$1] += 0
	unit[$1] = $3
}

END {
	for (n = 1; n <= count; n++)
		printf "%s %.6f %s\n", name[n], value[name[n]], unit[name[n]]
}
