# What figures of methods beside each other have in common: a colour for each, and a legend below.
array point_types[8] = [7, 5, 9, 13, 11, 4, 6, 8]
do for [m = 1:n_method] {
    dash = (m - 1) % 5 + 1
    set style line m lc rgb okabe_ito[(m - 1) % 7 + 1] pt point_types[(m - 1) % 8 + 1] ps 1.2 lw 2 dt dash
}
set key bmargin center vertical maxcols 1 Left reverse samplen 4
set grid ytics lt 1 lc rgb '#d9d9d9' lw 1
set border 3 lc rgb '#666666'
set tics nomirror out
set errorbars 1
eval figure_axis
set xlabel x_label."\n"
set title heading(task)
width = 1100
height = 570 + 22 * n_method
