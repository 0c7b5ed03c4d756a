# A map of Delta, a row for each layer and the text from left to right, and under it the share of
# tokens that is there after each layer that drops some.
#
#     gnuplot -e "table='FOLDER/delta.tsv'" delta.gp
#
# table     a row for each run of tokens: first, end, the mean score in each layer, and the shares
#           kept_after_N
# layers    layer, drawn_from and drawn_to: the scores whose colours are the darkest and the
#           brightest, nan where nothing is drawn (default: the table's name with -layers)
# score     what the scores are (default 'Delta')
# and what common.gp says.
here = ''
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { here = ARG0[1:i] } }
load here.'common.gp'
if (!exists("layers")) { layers = table_base.'-layers.tsv' }
if (!exists("score")) { score = 'Delta' }
set datafile missing 'nan'

stats layers using (column("layer")) nooutput
n_layer = int(STATS_records)
array low[n_layer]
array high[n_layer]
do for [l = 1:n_layer] { low[l] = 0; high[l] = 0 }
stats layers using (low[int(column("layer")) + 1] = column("drawn_from"), \
    high[int(column("layer")) + 1] = column("drawn_to")) nooutput
stats table using (column("end")) nooutput
length = int(STATS_max)
bins = int(STATS_records)
n_dropping = int(STATS_columns) - 2 - n_layer
array dropping[n_dropping + 1]
stats table every ::0::0 using (sum [i = 1:n_dropping] \
    (dropping[i] = columnhead(2 + n_layer + i)[strlen('kept_after_') + 1:*], 0)) nooutput
# the place of a score's logarithm between them; a layer of equal scores is in the middle
part(x, l) = x > 0 ? (high[l] > low[l] ? log(x / low[l]) / log(high[l] / low[l]) : 0.5) : NaN
shade(x, l) = part(x, l) < 0 ? 0 : part(x, l) > 1 ? 1 : part(x, l)
ranges = ''
do for [l = 1:n_layer] {
    if (high[l] > 0) { ranges = ranges.(ranges eq '' ? '' : ', ').sprintf("'%.2g - %.2g' %d", low[l], high[l], l - 1) }
}
colours = 'log of the '.score.", from each layer's 1st to its 99th percentile (at the right); grey: dropped"
place = 'place in the text (tokens)'

cell = 1.0 * length / bins
strip = 34; gap = 42.0
left = 110; right = 260; top = 98
bottom = 65 + (n_dropping > 0 ? gap - 12 + n_dropping * (strip + 8) : 0)
width = left + side_of(bins, 1000) + right
height = top + (n_layer > 24 ? 16 : n_layer > 8 ? 24 : 48) * n_layer + bottom
eval viridis
do for [kind in kinds] {
    eval open
    set multiplot
    set lmargin at screen 1.0 * left / width
    set rmargin at screen 1 - 1.0 * right / width
    set tmargin at screen 1 - 1.0 * top / height
    set bmargin at screen 1.0 * bottom / height
    set label 1 heading('Delta') at screen 1.0 * left / width, screen 1 - 22.0 / height font title_font
    set label 2 shorten(reading, 120) at screen 1.0 * left / width, screen 1 - 48.0 / height tc rgb '#444444'
    set label 3 colours at screen 1.0 * left / width, screen 1 - 70.0 / height tc rgb '#444444'
    set cbrange [0:1]
    set cbtics ('low' 0, 'high' 1) scale 0
    set colorbox user origin screen 1 - 80.0 / width, 1.0 * bottom / height \
        size screen 18.0 / width, 1 - 1.0 * (top + bottom) / height
    set xrange [0:length]
    set yrange [-0.5:n_layer - 0.5]
    set y2range [-0.5:n_layer - 0.5]
    set xtics nomirror out
    step = n_layer > 32 ? 4 : n_layer > 16 ? 2 : 1
    set ytics 0,step nomirror out scale 0
    set format x '%.0f'
    set format y '%.0f'
    set xlabel n_dropping ? '' : place
    set ylabel 'layer'
    set border 3 lc rgb '#666666'
    unset key
    # tokens that a layer below has dropped
    set object 1 rectangle from graph 0,0 to graph 1,1 fs solid noborder fc rgb '#d9d9d9' behind
    eval 'set y2tics ('.ranges.') out scale 0'
    # An image needs two cells each way: a map of one token or one layer is drawn as boxes. In SVG,
    # which leaves it to the reader to blur an image, its cells are rectangles as well.
    if (bins > 1 && n_layer > 1) {
        map = "plot table skip 1 matrix every 1:1:2:0:n_layer + 1:bins - 1 using (cell * ($2 + 0.5)):($1 - 2):(shade($3, int($1) - 1)) with image"
        unset datafile columnheaders
        eval map.(kind eq 'png' ? '' : ' pixels')
        set datafile columnheaders
    } else {
        plot for [l = 1:n_layer] table using (0.5 * (column("first") + column("end"))):(l - 1):\
                (column("first")):(column("end")):(l - 1.5):(l - 0.5):(shade(column(l + 2), l)) \
            with boxxyerror fs solid noborder fc palette
    }
    unset colorbox
    unset label
    unset y2tics
    unset object
    set yrange [0:1]
    unset xlabel
    set format x ''
    set xtics scale 0
    set ylabel ''
    set border 3
    do for [i = 1:n_dropping] {
        set ytics ('layer '.dropping[i] 0.5) scale 0
        edge = bottom - gap - (i - 1) * (strip + 8)
        set tmargin at screen edge / height
        set bmargin at screen (edge - strip) / height
        if (i == 1) {
            set label 1 'kept' at screen (left - 85.0) / width, screen (bottom - gap + 10.0) / height tc rgb '#444444'
        } else {
            unset label
        }
        if (i == n_dropping) { set xlabel place }
        plot table using (column("first")):(column(2 + n_layer + i)) with fillsteps fs solid 1 noborder lc rgb '#31688e'
    }
    unset multiplot
    unset output
}
