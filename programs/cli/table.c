#include "table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "fail.h"

/* ---- Columns ---- */

static void add_column(struct table *table, const struct table_column *column, char *name) {
    char *title = name ? strdup(column->title ? column->title : name) : NULL;
    struct table_column *columns =
        realloc(table->columns, (table->n_column + 1) * sizeof *table->columns);
    if (columns)
        table->columns = columns;
    if (columns && title) {
        table->columns[table->n_column] = *column;
        table->columns[table->n_column].name = name;
        table->columns[table->n_column++].title = title;
    } else {
        table->failed = true;
        free(title);
        free(name);
    }
}

void table_columns(struct table *table, const struct table_column *columns, size_t n_column) {
    for (size_t i = 0; i < n_column; i++)
        add_column(table, &columns[i], strdup(columns[i].name));
}

void table_file_columns(struct table *table, const char *columns) {
    while (*columns) {
        size_t n_name = strcspn(columns, ":"), n = strcspn(columns, " ");
        char type = columns[n_name + 1];
        const struct table_column column = {.type = type == 'c'   ? COLUMN_COUNT
                                                    : type == 't' ? COLUMN_TEXT
                                                                  : COLUMN_NUMBER};
        add_column(table, &column, strndup(columns, n_name));
        columns += n + (columns[n] == ' ');
    }
}

/* As vasprintf; NULL: memory is short. */
static char *format_text(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = n < 0 ? NULL : malloc((size_t)n + 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, arguments);
    return text;
}

void table_column(struct table *table, enum column_type type, const char *name, ...) {
    va_list arguments;
    va_start(arguments, name);
    add_column(table, &(struct table_column){.type = type}, format_text(name, arguments));
    va_end(arguments);
}

/* ---- Cells ---- */

static void drop_cells(struct table *table) {
    for (size_t i = 0; i < table->n_cell; i++) {
        free(table->cells[i].text);
        free(table->cells[i].note);
    }
    table->n_cell = 0;
}

static void add_cell(struct table *table, struct table_cell cell) {
    struct table_cell *cells =
        dm_grow(table->cells, table->n_cell, 1, &table->capacity, sizeof *cells);
    if (cells)
        table->cells = cells;
    if (!cells || table->failed || (cell.kind == CELL_TEXT && !cell.text)) {
        table->failed = true;
        free(cell.text);
        return;
    }
    cells[table->n_cell++] = cell;
    if (table->row_done && table->n_cell == table->n_column) {
        table->row_done(table);
        drop_cells(table);
    }
}

void table_count(struct table *table, size_t count) {
    add_cell(table, (struct table_cell){.kind = CELL_COUNT, .count = count});
}

void table_number(struct table *table, double number) {
    if (isfinite(number))
        add_cell(table, (struct table_cell){.kind = CELL_NUMBER, .number = number});
    else
        table_missing(table);
}

void table_text(struct table *table, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_cell(table, (struct table_cell){.kind = CELL_TEXT, .text = format_text(format, arguments)});
    va_end(arguments);
}

void table_missing(struct table *table) {
    add_cell(table, (struct table_cell){.kind = CELL_MISSING});
}

void table_note(struct table *table, const char *format, ...) {
    if (table->failed || !table->n_cell)
        return;
    struct table_cell *cell = &table->cells[table->n_cell - 1];
    va_list arguments;
    va_start(arguments, format);
    cell->note = format_text(format, arguments);
    va_end(arguments);
    table->failed = !cell->note;
}

size_t table_n_row(const struct table *table) {
    return table->n_column ? table->n_cell / table->n_column : 0;
}

bool table_check(const struct table *table) {
    return !table->failed || fail_memory();
}

void table_free(struct table *table) {
    drop_cells(table);
    for (size_t i = 0; i < table->n_column; i++) {
        free((char *)table->columns[i].name);
        free((char *)table->columns[i].title);
    }
    free(table->columns);
    free(table->cells);
    *table = (struct table){0};
}
