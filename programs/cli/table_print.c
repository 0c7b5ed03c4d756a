/* Tables for a terminal and as Markdown. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "table.h"
#include "terminal.h"

enum { gap = 2, min_name = 18, usual_name = 26, max_figure = 48 };

/* ---- Cells as text ---- */

static const struct table_cell *cell_at(const struct table *table, size_t row, size_t column) {
    return &table->cells[row * table->n_column + column];
}

/* The text of a cell; `room`: for one that has to be made. */
static const char *figure_of(const struct table *table, size_t row, size_t column,
                             char room[max_figure]) {
    const struct table_cell *cell = cell_at(table, row, column);
    const char *format = table->columns[column].format;
    switch (cell->kind) {
    case CELL_TEXT:
        return cell->text;
    case CELL_COUNT:
        snprintf(room, max_figure, "%zu", cell->count);
        return room;
    case CELL_NUMBER:
        snprintf(room, max_figure, format ? format : "%.3g", cell->number);
        return room;
    default:
        return "-";
    }
}

static const char *note_of(const struct table_cell *cell) {
    return cell->note ? cell->note : "";
}

static size_t width_of(const char *text) {
    return dm_utf8_count(text, strlen(text));
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* ---- On a terminal ---- */

static size_t column_width(const struct table *table, size_t column) {
    char room[max_figure];
    size_t width = larger(width_of(table->columns[column].title), table->columns[column].width);
    for (size_t r = 0; r < table_n_row(table); r++)
        width = larger(width, larger(width_of(figure_of(table, r, column, room)),
                                     width_of(note_of(cell_at(table, r, column)))));
    return width;
}

/* The width of the rows' names: that of the longest where the whole table fits; else what the figures
 * leave, if names can be told apart on lines of it. */
static size_t choose_name_width(const struct table *table, size_t width) {
    size_t longest = column_width(table, 0), others = 0;
    for (size_t c = 1; c < table->n_column; c++)
        others += gap + column_width(table, c);
    if (longest + others <= width || longest <= min_name || table->columns[0].type != COLUMN_TEXT)
        return longest;
    size_t left = width >= others + min_name ? width - others : usual_name;
    return larger(width_of(table->columns[0].title), left < longest ? left : longest);
}

/* Bytes of a name that go on a line of `width` characters: up to the last place where a setting ends,
 * else as many as fit. */
static size_t line_length(const char *name, size_t width) {
    size_t n = 0, end = 0;
    while (name[n]) {
        size_t next = n + 1;
        while (dm_utf8_goes_on(name[next]))
            next++;
        if (dm_utf8_count(name, next) > width)
            return end ? end : n;
        if (strchr(",:; ", name[n]))
            end = next;
        n = next;
    }
    return n;
}

static void print_padding(FILE *stream, size_t width, size_t used) {
    for (; used < width; used++)
        fputc(' ', stream);
}

static void print_right(FILE *stream, const char *text, size_t width) {
    print_padding(stream, width, width_of(text));
    fputs(text, stream);
}

/* A line's first column; whether any other stands behind it decides about blanks. */
static void print_name(const struct table *table, FILE *stream, const char *name, size_t n_byte,
                       size_t width, bool alone) {
    size_t used = dm_utf8_count(name, n_byte);
    if (table->columns[0].type != COLUMN_TEXT)
        print_padding(stream, width, used);
    fprintf(stream, "%.*s", (int)n_byte, name);
    if (table->columns[0].type == COLUMN_TEXT && !alone)
        print_padding(stream, width, used);
}

/* Columns first .. end - 1 of a row: figures, then notes, beside the lines of its name. */
static void print_row(const struct table *table, FILE *stream, size_t row, size_t first, size_t end,
                      size_t name_width) {
    char name_room[max_figure], room[max_figure];
    const char *name = figure_of(table, row, 0, name_room);
    size_t n_line = 1;
    for (size_t c = first; c < end; c++)
        if (cell_at(table, row, c)->note)
            n_line = 2;
    for (size_t line = 0; line < n_line || *name; line++) {
        size_t n = line_length(name, name_width);
        print_name(table, stream, name, n, name_width, line >= n_line);
        for (size_t c = first; line < n_line && c < end; c++)
            print_right(stream,
                        line ? note_of(cell_at(table, row, c)) : figure_of(table, row, c, room),
                        gap + column_width(table, c));
        fputc('\n', stream);
        name += n;
    }
}

/* Where the block of columns ends that begins at `first`. */
static size_t block_end(const struct table *table, size_t first, size_t width, size_t name_width) {
    size_t end = first, used = name_width;
    do
        used += gap + column_width(table, end++);
    while (end < table->n_column && used + gap + column_width(table, end) <= width);
    return end;
}

bool table_print(const struct table *table, FILE *stream, size_t width) {
    if (!table_check(table))
        return false;
    size_t name_width = choose_name_width(table, width);
    const char *corner = table->columns[0].title;
    for (size_t first = 1, end; first < table->n_column; first = end) {
        end = block_end(table, first, width, name_width);
        fputs(first > 1 ? "\n" : "", stream);
        print_name(table, stream, corner, strlen(corner), name_width, false);
        for (size_t c = first; c < end; c++)
            print_right(stream, table->columns[c].title, gap + column_width(table, c));
        fputc('\n', stream);
        for (size_t r = 0; r < table_n_row(table); r++)
            print_row(table, stream, r, first, end, name_width);
    }
    return true;
}

bool table_show(struct table *table) {
    bool fine = table_print(table, stdout, terminal_width());
    table_free(table);
    return fine;
}

/* ---- As Markdown ---- */

/* Text in a Markdown cell. */
static void print_cell(FILE *stream, const char *text) {
    for (; *text; text++)
        fprintf(stream, "%s%c", strchr("|*_`\\<", *text) ? "\\" : "", *text);
}

bool table_print_markdown(const struct table *table, FILE *stream) {
    char room[max_figure];
    if (!table_check(table))
        return false;
    for (size_t c = 0; c < table->n_column; c++) {
        fputs("| ", stream);
        print_cell(stream, table->columns[c].title);
        fputc(' ', stream);
    }
    fputs("|\n|---", stream);
    for (size_t c = 1; c < table->n_column; c++)
        fputs("|---:", stream);
    fputs("|\n", stream);
    for (size_t r = 0; r < table_n_row(table); r++) {
        fputs("| ", stream);
        print_cell(stream, figure_of(table, r, 0, room));
        for (size_t c = 1; c < table->n_column; c++) {
            const struct table_cell *cell = cell_at(table, r, c);
            fprintf(stream, cell->note ? " | %s (%s)" : " | %s", figure_of(table, r, c, room),
                    cell->note);
        }
        fputs(" |\n", stream);
    }
    return true;
}
