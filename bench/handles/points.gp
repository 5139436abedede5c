# SPDX-License-Identifier: MIT
# points.gp: draws directory/points-ROW-PEER.dat of all peers as directory/ROW.svg:
# what could be allocated over a trace, and the live bytes under it.

file(peer) = directory . "/points-" . row . "-" . peer . ".dat"
ours(peer) = strstrt(peer, "handles") == 1

set terminal svg size 1200, 700 font "sans,11" background "white"
set output directory . "/" . row . ".svg"
set title title noenhanced
set key outside right top noenhanced
set grid
set xrange [0:100]
set yrange [0:*]
set xlabel "percent of the trace"
set ylabel "can be allocated, in percent of the budget less live bytes"
set y2label "live, MB"
set y2range [0:*]
set y2tics

# A malloc's line is the second column, handles' the fifth, and dashed the fourth.
plot file(word(peers, 1)) using 1:($2 / 1e6) axes x1y2 with filledcurves y2=0 \
		fillcolor "gray90" title "live, MB", \
	for [i = 1:words(peers)] file(word(peers, i)) \
		using 1:(ours(word(peers, i)) ? column(5) : column(3)) \
		with lines linewidth 2 linecolor i title word(peers, i), \
	for [i = 1:words(peers)] file(word(peers, i)) \
		using 1:(ours(word(peers, i)) ? column(4) : NaN) \
		with lines dashtype 2 linecolor i notitle
