# SPDX-License-Identifier: MIT
# ratios.gp: draws directory/ratios.dat as bars: wall.svg, cpu.svg, peak.svg.

data = directory . "/ratios.dat"
stats data index 0 using 0 nooutput
peers = STATS_columns - 1

set terminal svg size 1800, 600 font "sans,11" background "white"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set key outside top center horizontal autotitle columnheader
set xtics rotate by -60 scale 0 noenhanced
set grid ytics
set yrange [0:3]
set arrow from graph 0, first 1 to graph 1, first 1 nohead front linewidth 1

set title "wall time, in proportion to glibc's"
set output directory . "/wall.svg"
plot for [i = 2:peers + 1] data index 0 using i:xtic(1)

set title "processor time, in proportion to glibc's"
set output directory . "/cpu.svg"
plot for [i = 2:peers + 1] data index 1 using i:xtic(1)

set title "peak of resident memory, in proportion to glibc's"
set output directory . "/peak.svg"
plot for [i = 2:peers + 1] data index 2 using i:xtic(1)
