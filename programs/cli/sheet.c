#include "sheet.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"

enum { gap = 2, least_name = 18, usual_name = 26 };

bool sheet_make(struct sheet *sheet, const char *corner, size_t n_row, size_t n_column) {
    size_t n;
    *sheet = (struct sheet){.corner = corner, .n_row = n_row, .n_column = n_column};
    if (__builtin_mul_overflow(n_row, n_column, &n))
        return fail_memory();
    sheet->rows = calloc(n_row, sizeof *sheet->rows);
    sheet->columns = calloc(n_column, sizeof *sheet->columns);
    sheet->marked = calloc(n_column, sizeof *sheet->marked);
    sheet->cells = calloc(n, sizeof *sheet->cells);
    return (sheet->rows && sheet->columns && sheet->marked && sheet->cells) || fail_memory();
}

struct sheet_cell *sheet_at(struct sheet *sheet, size_t row, size_t column) {
    return &sheet->cells[row * sheet->n_column + column];
}

void sheet_free(struct sheet *sheet) {
    free(sheet->rows);
    free(sheet->columns);
    free(sheet->marked);
    free(sheet->cells);
    *sheet = (struct sheet){0};
}

/* Characters of so many bytes of UTF-8 text. */
static size_t count(const char *text, size_t n_byte) {
    size_t n = 0;
    for (size_t i = 0; i < n_byte; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static size_t width_of(const char *text) {
    return count(text, strlen(text));
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t column_width(const struct sheet *sheet, size_t column) {
    size_t width = width_of(sheet->columns[column]) + sheet->marked[column];
    for (size_t r = 0; r < sheet->n_row; r++) {
        const struct sheet_cell *cell = &sheet->cells[r * sheet->n_column + column];
        width = larger(width, larger(width_of(cell->figure), width_of(cell->note)));
    }
    return gap + width;
}

/* The width of the rows' names: that of the longest where the whole sheet fits; else what the figures
 * leave, if names can be told apart on lines of it. */
static size_t choose_name_width(const struct sheet *sheet, size_t width) {
    size_t corner = width_of(sheet->corner), longest = corner, others = 0;
    for (size_t r = 0; r < sheet->n_row; r++)
        longest = larger(longest, width_of(sheet->rows[r]));
    for (size_t c = 0; c < sheet->n_column; c++)
        others += column_width(sheet, c);
    if (longest + others <= width || longest <= least_name)
        return longest;
    size_t left = width >= others + least_name ? width - others : usual_name;
    return larger(corner, left < longest ? left : longest);
}

size_t sheet_line_length(const char *name, size_t width) {
    size_t n = 0, end = 0;
    while (name[n]) {
        size_t next = n + 1;
        while (((unsigned char)name[next] & 0xc0) == 0x80)
            next++;
        if (count(name, next) > width)
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

static void print_right(FILE *stream, const char *text, const char *mark, size_t width) {
    print_padding(stream, width, width_of(text) + width_of(mark));
    fprintf(stream, "%s%s", text, mark);
}

/* Columns first .. end - 1 of a row: figures, then notes, beside the lines of its name. */
static void print_row(const struct sheet *sheet, FILE *stream, size_t row, size_t first, size_t end,
                      size_t name_width) {
    const char *name = sheet->rows[row];
    const struct sheet_cell *cells = &sheet->cells[row * sheet->n_column];
    size_t n_line = 1;
    for (size_t c = first; c < end; c++)
        if (*cells[c].note)
            n_line = 2;
    for (size_t line = 0; line < n_line || *name; line++) {
        size_t n = sheet_line_length(name, name_width);
        fprintf(stream, "%.*s", (int)n, name);
        if (line < n_line)
            print_padding(stream, name_width, count(name, n));
        for (size_t c = first; line < n_line && c < end; c++)
            print_right(stream, line ? cells[c].note : cells[c].figure, "", column_width(sheet, c));
        fputc('\n', stream);
        name += n;
    }
}

void sheet_print(const struct sheet *sheet, FILE *stream, size_t width) {
    size_t name_width = choose_name_width(sheet, width);
    for (size_t first = 0, end; first < sheet->n_column; first = end) {
        size_t used = name_width + column_width(sheet, first);
        for (end = first + 1; end < sheet->n_column; end++) {
            used += column_width(sheet, end);
            if (used > width)
                break;
        }
        fprintf(stream, "%s%s", first ? "\n" : "", sheet->corner);
        print_padding(stream, name_width, width_of(sheet->corner));
        for (size_t c = first; c < end; c++)
            print_right(stream, sheet->columns[c], sheet->marked[c] ? "*" : "",
                        column_width(sheet, c));
        fputc('\n', stream);
        for (size_t r = 0; r < sheet->n_row; r++)
            print_row(sheet, stream, r, first, end, name_width);
    }
}

/* Text in a Markdown cell. */
static void print_cell(FILE *stream, const char *text) {
    for (; *text; text++)
        fprintf(stream, "%s%c", strchr("|*_`\\<", *text) ? "\\" : "", *text);
}

void sheet_print_markdown(const struct sheet *sheet, FILE *stream) {
    fputs("| ", stream);
    print_cell(stream, sheet->corner);
    for (size_t c = 0; c < sheet->n_column; c++) {
        fputs(" | ", stream);
        print_cell(stream, sheet->columns[c]);
        fputs(sheet->marked[c] ? "\\*" : "", stream);
    }
    fputs(" |\n|---", stream);
    for (size_t c = 0; c < sheet->n_column; c++)
        fputs("|---:", stream);
    fputs("|\n", stream);
    for (size_t r = 0; r < sheet->n_row; r++) {
        fputs("| ", stream);
        print_cell(stream, sheet->rows[r]);
        for (size_t c = 0; c < sheet->n_column; c++) {
            const struct sheet_cell *cell = &sheet->cells[r * sheet->n_column + c];
            fprintf(stream, *cell->note ? " | %s (%s)" : " | %s", cell->figure, cell->note);
        }
        fputs(" |\n", stream);
    }
}
