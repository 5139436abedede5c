# SPDX-License-Identifier: MIT
# ratios.gp: draws directory/drawn.dat as bars, directory/drawn.svg; drawn is wall,
# longest or pauses (ratios.awk). Ratios are on a scale of logarithms, so that twice
# as long and half as long are as far from the line of libgc.

data = directory . "/" . drawn . ".dat"
stats data using 0 nooutput
peers = STATS_columns - 1

set terminal svg size (drawn eq "pauses" ? 900 : 1500), 600 font "sans,11" background "white"
set output directory . "/" . drawn . ".svg"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set key outside top center horizontal noenhanced autotitle columnheader
set grid ytics
set xtics scale 0 noenhanced

if (drawn eq "pauses") {
	set title "pauses with a large live graph (w8), ms"
	set yrange [0:*]
} else {
	set title (drawn eq "wall" ? "wall time" : "longest pause") . ", in proportion to libgc's"
	set xtics rotate by -60
	set logscale y 2
	set yrange [1.0 / 32:16]
	set arrow from graph 0, first 1 to graph 1, first 1 nohead front linewidth 1
}

plot for [i = 2:peers + 1] data using i:xtic(1)
