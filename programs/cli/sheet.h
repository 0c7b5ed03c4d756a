/* A table of short texts, for a terminal or in Markdown. */
#ifndef DECIMAMBA_CLI_SHEET_H
#define DECIMAMBA_CLI_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A figure, and what is to be known of it: its interval. Either may be empty. */
struct sheet_cell {
    char figure[48], note[48];
};

struct sheet {
    const char *corner; /* above the rows' names */
    size_t n_row, n_column;
    const char **rows, **columns; /* allocated, but for the names */
    bool *marked;                 /* [n_column] with '*' behind the name */
    struct sheet_cell *cells;     /* [n_row, n_column] */
};

/* Empty cells, and names yet to be set. A fault prints its line; the sheet can be freed either way. */
bool sheet_make(struct sheet *sheet, const char *corner, size_t n_row, size_t n_column);
struct sheet_cell *sheet_at(struct sheet *sheet, size_t row, size_t column);
void sheet_free(struct sheet *sheet);

/* Notes stand under their figures, and blocks of columns under each other where `width` characters
 * do not hold all of them. */
void sheet_print(const struct sheet *sheet, FILE *stream, size_t width);
/* Notes stand behind their figures, in parentheses. */
void sheet_print_markdown(const struct sheet *sheet, FILE *stream);

/* Bytes of a method's name that go on a line of `width` characters: up to the last place where a
 * setting ends, else as many as fit. */
size_t sheet_line_length(const char *name, size_t width);

#endif
