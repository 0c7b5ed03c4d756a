# What the scripts here share. (They take statistics before they set ranges, or values outside would be
# left out.) Each draws, from a table with a header line, the pictures
# <output>.png and <output>.svg:
#
#     gnuplot -e "table='FOLDER/distance.tsv'" distance.gp
#
# These variables may be set in the same way, beside those that the head of a script names:
#
#     output     the pictures' name without its ending (default: the table's)
#     kinds      'png', 'svg' or both (the default)
#     font_size  of labels (default 12)
#     model, text, reading    what the heading says: whose figure it is, and how the text was read
table_base = table[strlen(table) - 3:*] eq '.tsv' ? table[1:strlen(table) - 4] : table
if (!exists("output")) { output = table_base }
if (!exists("kinds")) { kinds = 'png svg' }
if (!exists("font_size")) { font_size = 12 }
if (!exists("model")) { model = '' }
if (!exists("text")) { text = '' }
if (!exists("reading")) { reading = '' }

set encoding utf8
set datafile separator tab
set datafile columnheaders

# ---- Texts ----

# Where a text is cut so that at most n characters stay: after a setting's end, if there is one.
cut_back(s, i, n) = i == 0 ? n : strstrt(',:; ', s[i:i]) ? i : cut_back(s, i - 1, n)
cut_at(s, n) = cut_back(s, n, n)
shorten(s, n) = strlen(s) <= n ? s : s[1:cut_at(s, n)].'...'
wrap(s, n) = strlen(s) <= n ? s : s[1:cut_at(s, n)]."\n".wrap(s[cut_at(s, n) + 1:*], n)
count_lines(s, n) = strlen(s) <= n ? 1 : 1 + count_lines(s[cut_at(s, n) + 1:*], n)
# A label of a tick is a format: '80%%' shows 80%.
label(s) = strstrt(s, '%') ? s[1:strstrt(s, '%')].'%'.label(s[strstrt(s, '%') + 1:*]) : s
# "128K" for 131072 and "10K" for 10000, of whole numbers from 1000 on; else as it is.
kilo(v) = floor(10 * (v >= 1024 && v % 1024 == 0 ? v / 1024.0 : v / 1000.0) + 0.5) / 10.0
is_whole(s) = s eq '' ? 1 : strstrt('0123456789', s[1:1]) ? is_whole(s[2:*]) : 0
brief(s) = strlen(s) > 3 && is_whole(s) ? sprintf('%.10gK', kilo(int(real(s)))) : s
# The last part of a path.
title_of(s) = s[strlen(s):*] eq '/' ? title_of(s[1:strlen(s) - 1]) : !strstrt(s, '/') ? s : title_of(s[strstrt(s, '/') + 1:*])
heading(what) = what.(model eq '' ? '' : ': '.shorten(title_of(model), 60)).(text eq '' ? '' : ', '.shorten(title_of(text), 50))

# ---- Styles ----

# Okabe and Ito's colours, told apart by all kinds of eyes, without the yellow that white hides.
array okabe_ito[7] = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']
# Viridis: told apart by all kinds of eyes, and in grey. Its two brightest colours are lost on white.
viridis = "set palette defined (0 '#440154', 1 '#482878', 2 '#3e4989', 3 '#31688e', 4 '#26828e', 5 '#1f9e89', 6 '#35b779', 7 '#6ece58', 8 '#b5de2b', 9 '#fde725')"
viridis_on_white = "set palette defined (0 '#440154', 1 '#482878', 2 '#3e4989', 3 '#31688e', 4 '#26828e', 5 '#1f9e89', 6 '#35b779', 7 '#6ece58')"

# `eval open` opens the picture of a kind, of `width` and `height`; `title_font` is its heading's.
open_png = "set terminal pngcairo noenhanced size width,height font 'sans,'.font_size background '#ffffff'; title_font = ','.(font_size + 2)"
open_svg = "set terminal svg noenhanced size width,height dynamic font 'sans,'.(font_size * 5 / 4) background '#ffffff'; title_font = ','.(font_size * 5 / 4 + 3)"
open = "eval kind eq 'png' ? open_png : open_svg; set output output.'.'.kind"

# Pixels of a map's side of n cells, about `wanted`: as many for each cell, and one at least, or
# gnuplot, which asks at each pixel for the cell there, leaves some out.
side_of(n, wanted) = n * (wanted + n / 2 < n ? 1 : (wanted + n / 2) / n)

# The line of the length that the model was trained on; 0: it is not known.
if (!exists("trained")) { trained = 0 }

# ---- Outcomes of tasks ----

# What a vertical axis of figures says, and its range, by what they are: 'right' answers in percent,
# a 'score' of 100, or 'loss', shown as perplexity. `eval figure_axis` sets them from a table's column
# `figure`.
if (!exists("measure")) { measure = 'right' }
y_label = (measure eq 'right' ? 'right answers (%)' : measure eq 'score' ? 'mean score (of 100)' : 'perplexity').', 95% interval'
figure_axis = "set ylabel y_label; stats table using (column('figure')) name 'F' nooutput; if (measure eq 'right') { set yrange [0:104] } else { if (measure eq 'score') { set yrange [0:*] } else { if (exists('F_max') && F_max > 20 * F_min) { set logscale y; set format y '%g' } } }"
