# Mean distance against the length of the text, a line for each layer.
#
#     gnuplot -e "table='FOLDER/distance.tsv'" distance.gp
#
# table     length, a column for each layer, mean
# trained   the length that the model was trained on
# and what common.gp says.
here = ''
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { here = ARG0[1:i] } }
load here.'common.gp'

stats table using (column("length")) name 'L' nooutput
n_layer = int(L_columns) - 2
left = trained > 0 && trained < L_min ? trained : L_min
right = trained > L_max ? trained : L_max
# both axes are logarithmic; a distance of 0 has no place on them
least = L_max / 2
do for [l = 1:n_layer] {
    stats table using (column(l + 1) > 0 && column(l + 1) < least ? least = column(l + 1) : 0) nooutput
}
set logscale xy
set xrange [left / 1.08:right * 1.08]
set yrange [least / 1.3:(right / 2 > least ? right / 2 : least) * 1.3]
eval viridis_on_white
set cbrange [0:n_layer > 1 ? n_layer - 1 : 1]
step = (n_layer + 11) / 12
set cbtics step
set cblabel 'layer'
set xlabel 'length of the text (tokens)'
set ylabel 'mean distance (tokens)'
set key top left Left reverse samplen 3
set grid ytics lt 1 lc rgb '#e2e2e2' lw 1
set border 3 lc rgb '#666666'
set tics nomirror out
if (trained > 0) {
    set arrow from trained, graph 0 to trained, graph 1 nohead back dt 2 lw 1.5 lc rgb '#666666'
    set label 3 sprintf('trained with %d', trained) at trained, graph 0.03 offset 0.7,0 tc rgb '#444444'
}

width = 1100
height = 720
do for [kind in kinds] {
    eval open
    set label 1 heading('Mamba Mean Distance') at screen 75.0 / width, screen 1 - 24.0 / height font title_font
    set label 2 shorten(reading, 110) at screen 75.0 / width, screen 1 - 50.0 / height tc rgb '#444444'
    set tmargin at screen 1 - 75.0 / height
    plot x / 2 with lines dt 3 lw 2 lc rgb '#888888' title 'half the length: all tokens weigh alike', \
         for [l = 1:n_layer] table using (column("length")):(column(l + 1)):(l - 1):xtic(stringcolumn("length")) \
            with linespoints pt 7 ps 0.7 lw 2 lc palette notitle, \
         table using (column("length")):(column("mean")) with lines dt (9,6) lw 2.5 lc rgb '#000000' \
            title 'mean of the layers'
    unset output
}
