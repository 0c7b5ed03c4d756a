# Figures with their 95% intervals as bars: a group for each column, and one for all of them.
#
#     gnuplot -e "table='FOLDER/longbench.tsv'; measure='score'" evaluate-bars.gp
#
# table     as outcomes.gp has it
# task, column_name   what the title and the axis say
# and what common.gp says.
here = ''
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { here = ARG0[1:i] } }
load here.'common.gp'
load here.'outcomes.gp'
load here.'methods.gp'

set xrange [-0.6:n_column - 0.4]
set style fill solid 0.85 border lc rgb '#ffffff'
bar = 0.8 / n_method
at(m) = column("method") == m ? column("x") + (m - (n_method + 1) / 2.0) * bar : NaN
do for [kind in kinds] {
    eval open
    plot for [m = 1:n_method] table using (at(m)):(column("figure")):(bar) with boxes ls m dt 1 lw 1 \
            title shorten(method[m], 100), \
         for [m = 1:n_method] table using (at(m)):(column("low")):(0):(column("high") - column("low")) \
            with vectors heads size graph 0.006,90 lw 1.3 lc rgb '#333333' notitle
    unset output
}
