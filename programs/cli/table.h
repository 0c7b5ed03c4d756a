/* A table with typed columns, and its writers: for a terminal, as Markdown, as a file with tabs that
 * scripts of gnuplot read, as JSON. It is filled cell by cell, row after row. Where memory is short it
 * stops taking anything, and the writers, or table_check, print the line. */
#ifndef DECIMAMBA_CLI_TABLE_H
#define DECIMAMBA_CLI_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum column_type { COLUMN_TEXT, COLUMN_COUNT, COLUMN_NUMBER };

struct table_column {
    const char *name; /* in files */
    enum column_type type;
    const char *title;  /* above it on a terminal and in Markdown; NULL: the name */
    const char *format; /* of its numbers there, as "%.1f"; NULL: "%.3g" */
    size_t width;       /* on a terminal, at least */
};

struct table_cell {
    enum { CELL_MISSING, CELL_TEXT, CELL_COUNT, CELL_NUMBER } kind;
    union {
        size_t count;
        double number; /* finite */
    };
    char *text; /* allocated, like the note under or behind it; or NULL */
    char *note;
};

struct table {
    struct table_column *columns; /* [n_column] with allocated names and titles */
    size_t n_column;
    struct table_cell *cells; /* [n_cell], rows after each other */
    size_t n_cell, capacity;
    const char *missing; /* what stands in a file for what is not known; NULL: "nan" */
    int digits;          /* of numbers in a file; 0: 9 */
    bool escaped;        /* "\n", "\t" and "\\" stand in a file for what texts hold */
    bool failed;         /* memory was short */
    void (*row_done)(struct table *table); /* takes each row as it is filled; NULL: rows are kept */
    FILE *stream;                          /* for it, */
    bool begun;                            /* which has written the line of names */
};

/* A table with zeros but for `missing`, `digits` and `escaped` has no columns; they are added before the first
 * cell. The first one names the rows. */
void table_columns(struct table *table, const struct table_column *columns, size_t n_column);
/* The same for a file, as "length:count mean_distance:number method:text". */
void table_file_columns(struct table *table, const char *columns);
/* Adds one by a name that is made as by printf. */
void table_column(struct table *table, enum column_type type, const char *name, ...)
    __attribute__((format(printf, 3, 4)));
/* Has rows written to a stream, as table_write_tsv does, instead of kept. */
void table_flow(struct table *table, FILE *stream);

/* The next cell. A number that is none, or has no end, is missing. */
void table_count(struct table *table, size_t count);
void table_number(struct table *table, double number);
void table_text(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_missing(struct table *table);
/* What is to be known of the cell before: its interval. Files do not have it. */
void table_note(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t table_n_row(const struct table *table);
/* Whether all that was put into it is there; else prints that memory is short. */
bool table_check(const struct table *table);
void table_free(struct table *table);

/* Notes stand under their figures, and blocks of columns under each other where `width` characters
 * do not hold all of them; names of rows are broken where settings of a method end. */
bool table_print(const struct table *table, FILE *stream, size_t width);
/* Notes stand behind their figures, in parentheses. */
bool table_print_markdown(const struct table *table, FILE *stream);
/* A line of names, then one for each row, with tabs between; in texts '?' for control characters that
 * are not escaped. */
bool table_write_tsv(const struct table *table, FILE *stream);

/* These release the table as well. Print it to standard output, as wide as that is. */
bool table_show(struct table *table);
/* Writes it as FOLDER/<name>, whole or not at all. */
bool table_save(struct table *table, const char *folder, const char *name);
/* An array with an object for each row; NULL: memory is short, without a line. */
json_t *table_to_json(struct table *table);

#endif
