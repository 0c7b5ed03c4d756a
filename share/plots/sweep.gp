# Figures with their 95% intervals against what is swept: a panel for each column, all on the same
# scale.
#
#     gnuplot -e "table='FOLDER/sweep-layer.tsv'" sweep.gp
#
# table     panel (1, 2, ...) and its column; line: 1 is the curve, 2 the one beside it, 3 and on are
#           horizontal lines; method; its place x and the value there; figure, low, high
# swept     'layer' (the default), 'base-length', 'beta' or 'score'
# task, column_name   what the heading and the panels' titles say
# and what common.gp says.
here = ''
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { here = ARG0[1:i] } }
load here.'common.gp'
set datafile missing '?'
if (!exists("swept")) { swept = 'layer' }
if (!exists("task")) { task = 'sweep' }
if (!exists("column_name")) { column_name = '' }

stats table using (column("panel")) name 'P' nooutput
n_panel = int(P_max)
array panel[n_panel]
stats table using (panel[int(column("panel"))] = stringcolumn("column"), 0) nooutput
panel_title(p) = (panel[p] eq 'all' || column_name eq '' ? '' : column_name.': ').shorten(panel[p], 40)
stats table using (column("line")) name 'L' nooutput
n_level = L_max > 2 ? int(L_max) - 2 : 0
array level[n_level + 1]
has_other = 0
array values[P_records]
array places[P_records]
n_point = 0
first = ''
add_point(i) = (n_point = n_point + 1, values[n_point] = stringcolumn("value"), places[n_point] = column("x"), \
    first = first eq '' ? stringcolumn("method") : first, 0)
take(line) = line == 1 ? (column("panel") == 1 ? add_point(0) : 0) : \
    line == 2 ? (has_other = 1, 0) : (level[int(line) - 2] = stringcolumn("method"), 0)
stats table using (take(column("line"))) nooutput

stats table using (column("x")) name 'X' nooutput
logarithmic = swept eq 'base-length' && X_min > 0
if (logarithmic) {
    margin = (1.0 * X_max / X_min)**0.06 * 1.05
    set logscale x
    left_end = X_min / margin
    right_end = X_max * margin
} else {
    margin = X_max > X_min ? (X_max - X_min) / 14.0 : 0.5
    left_end = X_min - margin
    right_end = X_max + margin
}
set xrange [left_end:right_end]
set xtics (label(values[1]) places[1])
do for [i = 1:n_point:(n_point + 11) / 12] { set xtics add (label(values[i]) places[i]) }
x_label = swept eq 'layer' ? 'the layer that drops tokens' : \
    swept eq 'base-length' ? 'L_base: tokens kept, at most' : \
    swept eq 'beta' ? 'beta: what each next layer keeps of it' : swept
eval figure_axis

across = n_panel == 4 ? 2 : n_panel < 3 ? n_panel : 3
down = (n_panel + across - 1) / across
panel_width = n_panel == 1 ? 760 : 400
panel_height = 250; left = 85; between = 60; below = 75; top = 85
legend = 24 * (1 + has_other + n_level) + 20
width = left + across * (panel_width + between)
height = top + down * (panel_height + below) + 15 + legend
curve = swept eq 'score' ? 'points' : 'linespoints' # scores have no order: no line joins them
set style line 1 lc rgb '#0072b2' pt 7 ps 0.9 lw 2
set style line 2 lc rgb '#d55e00' pt 5 ps 0.8 lw 2 dt (9,5)
array colour[4] = ['#555555', '#d55e00', '#009e73', '#cc79a7']
array dashes[4] = [2, 5, 4, 3]
do for [m = 1:n_level] {
    set style line 2 + m lc rgb colour[(m - 1) % 4 + 1] lw 2 dt dashes[(m - 1) % 4 + 1]
}
set grid ytics lt 1 lc rgb '#e2e2e2' lw 1
set border 3 lc rgb '#666666'
set tics nomirror out
set errorbars 1
on(p, l) = column("panel") == p && column("line") == l
do for [kind in kinds] {
    eval open
    set multiplot
    set key off
    set label 1 heading(task) at screen 85.0 / width, screen 1 - 26.0 / height font title_font
    do for [p = 1:n_panel] {
        i = (p - 1) % across
        j = (p - 1) / across
        set lmargin screen (left + i * (panel_width + between)) / (1.0 * width)
        set rmargin screen (left + i * (panel_width + between) + panel_width) / (1.0 * width)
        set tmargin screen 1 - (top + j * (panel_height + below)) / (1.0 * height)
        set bmargin screen 1 - (top + j * (panel_height + below) + panel_height) / (1.0 * height)
        set title panel_title(p) offset 0,-0.4
        this_x_label = p + across > n_panel ? x_label : ''
        this_y_label = i == 0 ? y_label : ''
        set xlabel this_x_label
        set ylabel this_y_label
        plot for [m = 1:n_level] table using (on(p, 2 + m) ? right_end : NaN):(column("figure")):\
                (left_end):(right_end):(column("low")):(column("high")) \
                with boxxyerror fs transparent solid 0.10 noborder fc rgb colour[(m - 1) % 4 + 1], \
             for [m = 1:n_level] table using (on(p, 2 + m) ? left_end : NaN):(column("figure")):\
                (right_end - left_end):(0) with vectors nohead ls 2 + m, \
             for [l = 1:2] table using (on(p, l) ? column("x") : NaN):(column("figure")):(column("low")):(column("high")) \
                with yerrorbars ls l dt 1 lw 1.2, \
             for [l = 1:2] table using (on(p, l) ? column("x") : NaN):(column("figure")) with @curve ls l
        unset label 1
    }
    # the legend is a last panel of its own, which has no axes
    unset title
    unset xlabel
    unset ylabel
    unset tics
    unset border
    unset grid
    unset logscale
    set xrange [0:1]
    set yrange [0:1]
    set lmargin screen 0
    set rmargin screen 1
    set bmargin screen 0
    set tmargin screen 1.0 * legend / height
    set key at screen 0.5, screen (legend - 6.0) / height center top vertical maxcols 1 Left reverse samplen 4
    plot NaN with @curve ls 1 title shorten(first, 100).', and so on; bars: 95% interval', \
         for [i = 1:has_other] NaN with linespoints ls 2 title 'keep-last, as many tokens', \
         for [m = 1:n_level] NaN with lines ls 2 + m title shorten(level[m], 60).', 95% interval shaded'
    unset multiplot
    unset output
}
