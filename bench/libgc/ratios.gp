# SPDX-License-Identifier: MIT
# ratios.gp: draws directory/ratios.dat as bars: ratios.svg, time and memory, and
# pauses.svg. Scales are of logarithms, so that twice as long and half as long are as
# far from the line of libgc.

data = directory . "/ratios.dat"
stats data using 0 nooutput

set terminal svg size 200 + 45 * STATS_records, 600 font "sans,11" background "white"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set key outside top center horizontal autotitle columnheader
set xtics rotate by -60 scale 0 noenhanced
set grid ytics
set logscale y 2
set arrow from graph 0, first 1 to graph 1, first 1 nohead front linewidth 1

set title "time and memory of programs, in proportion to libgc's"
set yrange [1.0 / 4:4]
set output directory . "/ratios.svg"
plot for [i = 2:4] data using i:xtic(1)

set title "pauses of programs, in proportion to libgc's"
set yrange [1.0 / 32:32]
set output directory . "/pauses.svg"
plot for [i = 5:6] data using i:xtic(1)
