# SPDX-License-Identifier: MIT
# curves.gp: draws directory/simulated.dat, a table of scale-simulate's, as
# directory/curves.svg: speed-up by workers, a panel for each shape.

set terminal svg size 1000, 640 font "sans,11" background "white"
set output directory . "/curves.svg"
data = directory . "/simulated.dat"
variants = "list list-spin node-lists steal list-bytes list-halves"
shapes = "graph tree lists leaves"
set logscale xy 2
set xrange [1:256]
set yrange [0.5:256]
set grid
set samples 2
set key outside right center
set xlabel "workers"
set ylabel "speed-up"
set multiplot layout 2, 2
do for [s = 1:words(shapes)] {
	shape = word(shapes, s)
	set title shape
	plot x with lines dashtype 2 linecolor "gray" title "ideal", \
	     for [v = 1:words(variants)] data \
	     using (strcol(1) eq shape && strcol(2) eq word(variants, v) ? $3 : NaN):5 \
	     with linespoints pointsize 0.6 title word(variants, v)
}
unset multiplot
