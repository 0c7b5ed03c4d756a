# The course of a training.
#
#     gnuplot -e "table='FOLDER/loss.tsv'" loss.gp
#
# table     step, loss, smoothed, held_out ('?' where it was not measured)
# and what common.gp says.
if (!exists("font_size")) { font_size = 13 }
here = ''
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { here = ARG0[1:i] } }
load here.'common.gp'
set datafile missing '?'

least = 1e300
most = 0
seen(x) = (x > 0 && x < least ? least = x : 0, x > most ? most = x : 0, x)
held_out = 0
stats table using (seen(column("loss"))) nooutput
stats table using (held_out = held_out + 1, seen(column("held_out"))) nooutput
logarithmic = most > 20 * least
if (logarithmic) {
    set logscale y
    set yrange [least / 1.2:most * 1.2]
} else {
    set yrange [0:*]
}
set key top right
set grid ytics lt 1 lc rgb '#c8c8c8' lw 1
set border 3 lc rgb '#666666'
set tics nomirror out
set xlabel 'step'
set ylabel 'loss, nats per label'.(logarithmic ? ' (logarithmic)' : '')
set format y '%g'
width = 1200
height = 720
do for [kind in kinds] {
    eval open
    set title model eq '' ? '' : heading('Loss')
    plot table using (column("step")):(column("loss")) with lines lw 1 lc rgb '#b9d3ea' title 'each step', \
        table using (column("step")):(column("smoothed")) with lines lw 2 lc rgb '#1f6fb4' title 'smoothed', \
        for [i = 1:held_out > 0] table using (column("step")):(column("held_out")) \
            with linespoints lw 2 pt 7 ps 0.8 lc rgb '#d9822b' title 'held out'
    unset output
}
