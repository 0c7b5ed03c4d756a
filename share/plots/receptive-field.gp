# Receptive fields: the weight of a token by its distance, and how far back, by the window's length.
#
#     gnuplot -e "table='FOLDER/receptive-field.tsv'" receptive-field.gp
#
# table     a row for each length: length, within_50, within_90, within_99, mean_distance,
#           attention_mean_distance, farthest_layer_mean_distance
# profile   length, first, last, weight: of the tokens at a distance from `first` to `last`
#           (default: the table's name with -profile)
# trained   the length that the model was trained on
# and what common.gp says.
here = ''
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { here = ARG0[1:i] } }
load here.'common.gp'
if (!exists("profile")) { profile = table_base.'-profile.tsv' }

stats table using (column("length")) name 'L' nooutput
n = int(L_records)
array lengths[n]
# a distance of 0, of which there is no gradient, is not drawn; the least that is gives the range
drawn(name) = column(name) > 0 ? column(name) : NaN
least = 1e300
lower(x) = x > 0 && x < least ? least = x : 0
stats table using (lengths[int(column(0)) + 1] = int(column("length")), lower(column("within_50")), \
    lower(column("mean_distance")), lower(column("attention_mean_distance")), 0) nooutput
least = least < 1e300 ? least : 1

set grid lt 1 lc rgb '#e2e2e2' lw 1
set border 3 lc rgb '#666666'
set tics nomirror out
set tmargin at screen 0.84
set bmargin at screen 0.13
eval viridis_on_white
unset colorbox
width = 1500
height = 680
do for [kind in kinds] {
    eval open
    set multiplot
    set label 1 heading('Receptive field') at screen 0.07, screen 0.96 font title_font
    set label 2 shorten(reading, 110) at screen 0.07, screen 0.92 tc rgb '#444444'

    set lmargin at screen 0.07
    set rmargin at screen 0.485
    set title 'Weight of a token by its distance'
    set xlabel 'tokens back (1: the last token that predicts)'
    set ylabel "share of all weight, per token" offset 0.5,0
    set logscale xy
    set xrange [0.9:L_max * 1.1]
    set yrange [*:*]
    set format x '%.0f'
    set format y '1e%T'
    set xtics autofreq
    set key bottom left Left reverse samplen 2 maxrows 8
    if (trained > 0) {
        set arrow 1 from trained, graph 0 to trained, graph 1 nohead back dt 2 lc rgb '#666666'
        set label 3 sprintf('trained with %d', trained) at trained, graph 0.97 right offset -0.7,0 tc rgb '#444444'
    }
    plot for [k = 1:n] profile using (column("length") == lengths[k] ? \
            sqrt((column("first") + 1) * (column("last") + 1)) : NaN):(column("weight")) \
        with linespoints pt 7 ps 0.35 lw 2 lc palette frac (n > 1 ? (k - 1.0) / (n - 1) : 0.3) \
        title sprintf('%d tokens', lengths[k])

    unset label 1
    unset label 2
    set lmargin at screen 0.56
    set rmargin at screen 0.985
    set title 'How far back'
    set xlabel 'length of the window (tokens)'
    set ylabel 'tokens'
    set xrange [L_min / 1.3:L_max * 1.3]
    set yrange [least / 1.5:12 * L_max]
    set format y '%.6g'
    set key top left Left reverse samplen 3
    if (trained > 0) {
        set label 3 at trained, graph 0.03 left offset 0.7,0
    }
    plot x with lines dt 3 lw 2 lc rgb '#888888' title 'the whole window', \
        table using (column("length")):(drawn("within_50")):xtic(stringcolumn("length")) \
            with linespoints pt 7 lw 2 lc rgb '#56b4e9' title '50% of the weight', \
        table using (column("length")):(drawn("within_90")) with linespoints pt 5 lw 2 lc rgb '#0072b2' title '90%', \
        table using (column("length")):(drawn("within_99")) with linespoints pt 9 lw 2 lc rgb '#000000' title '99%', \
        table using (column("length")):(drawn("mean_distance")) \
            with linespoints pt 13 lw 2 dt (9,5) lc rgb '#009e73' title 'its mean distance', \
        table using (column("length")):(drawn("attention_mean_distance")) \
            with linespoints pt 6 lw 2 dt (3,4) lc rgb '#e69f00' title 'hidden attention: mean of the layers', \
        table using (column("length")):(drawn("farthest_layer_mean_distance")) \
            with linespoints pt 8 lw 2 dt (3,4) lc rgb '#d55e00' title 'hidden attention: farthest layer'
    unset multiplot
    unset label
    unset arrow
    unset output
}
