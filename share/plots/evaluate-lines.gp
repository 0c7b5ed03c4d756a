# Figures with their 95% intervals against columns that are numbers, such as lengths: a line for each
# method.
#
#     gnuplot -e "table='FOLDER/perplexity.tsv'; measure='loss'" evaluate-lines.gp
#
# table     as outcomes.gp has it
# task, column_name   what the title and the axis say
# trained   the column's value that the model was trained with
# and what common.gp says.
here = ''
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { here = ARG0[1:i] } }
load here.'common.gp'
load here.'outcomes.gp'
stats table using (column("x")) name 'X' nooutput
load here.'methods.gp'

least = trained > 0 && trained < X_min ? trained : X_min
most = trained > X_max ? trained : X_max
if (trained > 0) {
    set arrow from trained, graph 0 to trained, graph 1 nohead back dt 2 lw 1.5 lc rgb '#666666'
}
if (least > 0) {
    margin = (1.0 * most / least)**0.04 * 1.02
    set logscale x
    set xrange [least / margin:most * margin]
} else {
    margin = (most - least) / 20.0 + 1
    set xrange [least - margin:most + margin]
}
# neighbours' intervals stand a little apart
aside(m) = m - (n_method + 1) / 2.0
at(m) = column("method") != m ? NaN : least > 0 ? column("x") * 1.01**aside(m) : column("x") + aside(m)
do for [kind in kinds] {
    eval open
    plot for [m = 1:n_method] table using (at(m)):(column("figure")):(column("low")):(column("high")) \
            with yerrorbars ls m dt 1 lw 1.2 notitle, \
         for [m = 1:n_method] table using (at(m)):(column("figure")) with linespoints ls m title shorten(method[m], 100)
    unset output
}
