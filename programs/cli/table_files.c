/* Tables as files and as JSON. */
#include <string.h>

#include "fail.h"
#include "filled_file.h"
#include "json_output.h"
#include "table.h"

static void write_text(const char *text, bool escaped, FILE *stream) {
    for (; *text; text++)
        if (escaped && strchr("\n\t\\", *text))
            fprintf(stream, "\\%c", *text == '\n' ? 'n' : *text == '\t' ? 't' : '\\');
        else
            fputc((unsigned char)*text < ' ' ? '?' : *text, stream);
}

static void write_cell(const struct table *table, const struct table_cell *cell, FILE *stream) {
    switch (cell->kind) {
    case CELL_MISSING:
        fputs(table->missing ? table->missing : "nan", stream);
        break;
    case CELL_TEXT:
        write_text(cell->text, table->escaped, stream);
        break;
    case CELL_COUNT:
        fprintf(stream, "%zu", cell->count);
        break;
    case CELL_NUMBER:
        fprintf(stream, "%.*g", table->digits ? table->digits : 9, cell->number);
    }
}

bool table_write_tsv(const struct table *table, FILE *stream) {
    if (!table_check(table))
        return false;
    for (size_t c = 0; !table->begun && c < table->n_column; c++) {
        write_text(table->columns[c].name, false, stream);
        fputc(c + 1 < table->n_column ? '\t' : '\n', stream);
    }
    for (size_t r = 0, i = 0; r < table_n_row(table); r++)
        for (size_t c = 0; c < table->n_column; c++, i++) {
            write_cell(table, &table->cells[i], stream);
            fputc(c + 1 < table->n_column ? '\t' : '\n', stream);
        }
    return true;
}

static void write_row(struct table *table) {
    table_write_tsv(table, table->stream);
    table->begun = true;
}

void table_flow(struct table *table, FILE *stream) {
    table->stream = stream;
    table->row_done = write_row;
}

static bool fill(const void *table, FILE *stream) {
    return table_write_tsv(table, stream);
}

bool table_save(struct table *table, const char *folder, const char *name) {
    bool fine = filled_file_write(folder, name, fill, table);
    table_free(table);
    return fine;
}

static json_t *cell_to_json(const struct table_cell *cell) {
    switch (cell->kind) {
    case CELL_TEXT:
        return json_string(cell->text);
    case CELL_COUNT:
        return json_size(cell->count);
    case CELL_NUMBER:
        return json_real(cell->number);
    default:
        return json_null();
    }
}

json_t *table_to_json(struct table *table) {
    json_t *rows = table->failed ? NULL : json_array();
    for (size_t r = 0, i = 0; rows && r < table_n_row(table); r++) {
        json_t *row = json_object();
        for (size_t c = 0; c < table->n_column; c++, i++)
            json_object_set_new(row, table->columns[c].name, cell_to_json(&table->cells[i]));
        json_array_append_new(rows, row);
    }
    table_free(table);
    return rows;
}
