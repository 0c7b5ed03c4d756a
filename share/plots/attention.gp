# Maps of hidden attention: all of a table on one sheet, or one layer large.
#
#     gnuplot -e "table='FOLDER/attention.tsv'" attention.gp
#     gnuplot -e "table='FOLDER/attention.tsv'; layer=3; output='FOLDER/attention-layer-3'" attention.gp
#
# table     a row for each layer: layer, tokens (that it read), text_tokens; of its map, which is a
#           square of float32, largest_mean, bins (on each side), offset (of its bytes in the file
#           `maps`); and cells and cells_offset of the one that the sheet shows
# maps      default: the table's name with .safetensors
# layer     draws this one large
# floor     the darkest colour: log10 of a cell by the largest (default -3)
# across    maps beside each other on the sheet
# and what common.gp says.
here = ''
do for [i = 1:strlen(ARG0)] { if (ARG0[i:i] eq '/') { here = ARG0[1:i] } }
load here.'common.gp'
if (!exists("maps")) { maps = table_base.'.safetensors' }
if (!exists("floor")) { floor = -3 }

large = exists("layer")
stats table using (column("text_tokens")) name 'T' nooutput
length = int(T_max)
n = int(T_records)
array layers[n]
array kept[n]
array largest[n]
array bins[n]
array skip[n]
row(i) = int(column(0)) + 1
stats table using (layers[row(0)] = int(column("layer")), kept[row(0)] = int(column("tokens")), \
    largest[row(0)] = column("largest_mean"), bins[row(0)] = int(column(large ? "bins" : "cells")), \
    skip[row(0)] = int(column(large ? "offset" : "cells_offset"))) nooutput
name(p) = 'layer '.layers[p].(kept[p] < length ? sprintf(' (%d tokens kept)', kept[p]) : '')
# log10 of a cell by the map's largest; a cell without entries has no colour
shade(x, largest) = x > largest * 10.0**floor ? log10(x / largest) : x >= 0 ? floor : NaN
cells = bins[1]
cell = 1.0 * length / cells

# between ticks: 1, 2 or 5 times a power of ten; where the length is a multiple of 1024, a part of it
most = large ? 10 : 4
step = length % 1024 == 0 ? length / (large ? 8 : 4) : 0
do for [e = 0:9] { do for [d in "1 2 5"] { if (step == 0 && d * 10**e * most >= length) { step = d * 10**e } } }

eval viridis
set cbrange [floor:0]
set cblabel 'log10 of |M| by the largest cell'
set xrange [0:length]
set yrange [length:0]
set xtics step nomirror out
set ytics step nomirror out
set format '%.0f'
set format cb '%g'
set border 3 back lc rgb '#666666'
unset key
# tokens that were dropped, below the diagonal
set object 1 polygon from 0,0 to length,length to 0,length to 0,0 fs solid noborder fc rgb '#d9d9d9' behind
title_1 = "set label 1 heading(title) at screen 1.0 * left / width, screen 1 - 24.0 / height font title_font"
title_2 = "set label 2 shorten(reading, 110) at screen 1.0 * left / width, screen 1 - 50.0 / height tc rgb '#444444'"
draw = "plot maps binary skip=skip[p] array=(cells,cells) format='%float' origin=(cell/2,cell/2) dx=cell dy=cell using (shade($1, largest[p])) with image"

if (large) {
    do for [i = 1:n] { if (layers[i] == layer) { p = i } }
    side = side_of(cells, 900)
    title = 'Hidden attention of '.name(p)
    left = 95; right = 135; top = 85; bottom = 75
    width = left + side + right
    height = top + side + bottom
    set lmargin at screen 1.0 * left / width
    set rmargin at screen 1 - 1.0 * right / width
    set tmargin at screen 1 - 1.0 * top / height
    set bmargin at screen 1.0 * bottom / height
    set xlabel 'of token j (place in the text, tokens)'
    set ylabel 'at token i (place in the text, tokens)'
    do for [kind in kinds] {
        eval open
        eval title_1
        eval title_2
        eval draw
        unset output
    }
    exit
}

if (!exists("across")) { across = ceil(sqrt(n)) }
down = (n + across - 1) / across
side = side_of(cells, n == 1 ? 600 : n <= 4 ? 420 : n <= 9 ? 300 : 230)
title = 'Hidden attention'
left = 95; right = 130; top = 95; bottom = 75; between = 50; below = 45
width = left + across * (side + between) - between + right
height = top + down * (side + below) - below + bottom
do for [kind in kinds] {
    eval open
    set multiplot
    set colorbox user origin screen 1 - (right - 25.0) / width, 1.0 * bottom / height \
        size screen 18.0 / width, 1 - 1.0 * (top + bottom) / height
    eval title_1
    eval title_2
    do for [p = 1:n] {
        i = (p - 1) % across
        j = (p - 1) / across
        set lmargin at screen (left + i * (side + between) + 0.0) / width
        set rmargin at screen (left + i * (side + between) + side + 0.0) / width
        set tmargin at screen 1 - (top + j * (side + below) + 0.0) / height
        set bmargin at screen 1 - (top + j * (side + below) + side + 0.0) / height
        set title name(p) offset 0,-0.6
        if (i == 0) { set ylabel 'at token i'; set format y '%.0f' } else { set ylabel ''; set format y '' }
        if (p + across > n) { set xlabel 'of token j'; set format x '%.0f' } else { set xlabel ''; set format x '' }
        eval draw
        unset label
        unset colorbox
    }
    unset multiplot
    unset output
}
