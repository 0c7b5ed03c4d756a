# Right answers by columns and rows, such as length and depth: a panel for each method, with colours
# from orange (none right) to blue (all).
#
#     gnuplot -e "table='FOLDER/passkey.tsv'" evaluate-grid.gp
#
# table     as outcomes.gp has it
# task, column_name, row_name   what the title and the axes say
# trained   the column's value up to which the model was trained
# and what common.gp says.
here = ''
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { here = ARG0[1:i] } }
load here.'common.gp'
load here.'outcomes.gp'

# the layout, in pixels: "20/20" is wider where there are more digits, labels are where names are longer
stats table using (column("n")) name 'N' nooutput
cell_width = 58
do for [e = 2:9] { if (N_max >= 10**e) { cell_width = cell_width + 18 } }
panel_width = n_column * cell_width < 340 ? 340 : n_column * cell_width
panel_height = n_row * 44 < 170 ? 170 : n_row * 44
longest = 4
do for [i = 1:n_row] { if (strlen(row_tick(i)) > longest) { longest = strlen(row_tick(i)) } }
extra = 8 * (longest - 4)
between = 70 + extra
across = 1
while (across * across < n_method && (across + 1) * (panel_width + between) < 1600) { across = across + 1 }
down = (n_method + across - 1) / across
name_width = panel_width / 9
lines = 1
do for [m = 1:n_method] { if (count_lines(method[m], name_width) > lines) { lines = count_lines(method[m], name_width) } }
left = 90 + extra; right = 115; top = 55 + 20 * lines; bottom = 75; below = 60 + 20 * lines
width = left + across * (panel_width + between) - between + right
height = top + down * (panel_height + below) - below + bottom

set xrange [-0.5:n_column - 0.5]
set yrange [n_row - 0.5:-0.5]
set ytics (label(row_tick(1)) 0)
do for [i = 2:n_row] { set ytics add (label(row_tick(i)) i - 1) }
if (trained > 0) {
    edge = -0.5 + (sum [i = 1:n_column] (is_whole(columns[i]) && real(columns[i]) <= trained))
    set arrow from edge, graph 0 to edge, graph 1 nohead front dt 2 lw 2 lc rgb '#000000'
}
set palette defined (0 '#d55e00', 25 '#f0b48a', 50 '#f2f2f2', 75 '#8fbedd', 100 '#0072b2')
set cbrange [0:100]
set cbtics 25 format '%g%%'
set style fill solid 1
set tics scale 0
unset key
of(m) = column("method") == m
counts(m) = sprintf('%d/%d', column("sum"), column("n"))
do for [kind in kinds] {
    eval open
    set multiplot layout down,across title heading(task).', right answers' \
        margins screen 1.0 * left / width, 1 - 1.0 * right / width, \
            1.0 * bottom / height, 1 - 1.0 * top / height \
        spacing screen 1.0 * between / width, 1.0 * below / height
    set colorbox user origin screen 1 - (right - 20.0) / width, 1.0 * bottom / height \
        size screen 20.0 / width, 1 - 1.0 * (top + bottom) / height
    do for [m = 1:n_method] {
        set title wrap(method[m], name_width)
        row_label = (m - 1) % across == 0 ? row_name : ''
        column_label = m + across > n_method ? x_label : ''
        set ylabel row_label
        set xlabel column_label
        plot table using (of(m) ? column("x") : NaN):(column("y")):(0.48):(0.47):(column("figure")) \
                with boxxyerror fc palette, \
            table using (of(m) && column("figure") <= 90 ? column("x") : NaN):(column("y")):(counts(m)) \
                with labels tc rgb '#000000', \
            table using (of(m) && column("figure") > 90 ? column("x") : NaN):(column("y")):(counts(m)) \
                with labels tc rgb '#ffffff'
        unset colorbox
    }
    unset multiplot
    unset output
}
