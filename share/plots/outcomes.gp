# Reads a table of outcomes, which has rows with method (1, 2, ...) and its name; column, at x; row, at
# y; n, sum, and a figure with its interval, low to high: names of methods, columns and rows, and what
# ticks show of them, which is short where it tells them apart. `names` may give the methods' names, a
# line for each: in a table's texts gnuplot leaves out \ and what follows a ".
set datafile missing '?'
stats table using (column("method")) name 'M' nooutput
n_method = int(M_max)
array method[n_method]
array columns[M_records]
array places[M_records]
array rows[M_records]
n_column = 0
n_row = 0
column_of(s) = sum [i = 1:n_column] (columns[i] eq s ? i : 0)
row_of(s) = sum [i = 1:n_row] (rows[i] eq s ? i : 0)
add_column(s, x) = column_of(s) ? 0 : (n_column = n_column + 1, columns[n_column] = s, places[n_column] = x, 0)
add_row(s) = row_of(s) ? 0 : (n_row = n_row + 1, rows[n_row] = s, 0)
stats table using (method[int(column("method"))] = stringcolumn("name"), \
    add_column(stringcolumn("column"), column("x")) + add_row(stringcolumn("row"))) nooutput
if (exists("names")) {
    do for [m = 1:n_method] {
        end = strstrt(names."\n", "\n")
        method[m] = names[1:end - 1]
        names = names[end + 1:*]
    }
}

same_column(i) = sum [j = 1:n_column] (columns[j] ne columns[i] && brief(columns[j]) eq brief(columns[i]))
same_row(i) = sum [j = 1:n_row] (rows[j] ne rows[i] && brief(rows[j]) eq brief(rows[i]))
column_tick(i) = same_column(i) ? columns[i] : brief(columns[i])
row_tick(i) = same_row(i) ? rows[i] : brief(rows[i])
set xtics (label(column_tick(1)) places[1])
do for [i = 2:n_column] { set xtics add (label(column_tick(i)) places[i]) }

# what the columns and rows are, and the task
if (!exists("column_name")) { column_name = '' }
if (!exists("row_name")) { row_name = '' }
if (!exists("task")) { task = 'evaluation' }
x_label = column_name.(trained > 0 ? sprintf('   (dashed line: trained with %d)', trained) : '')
