/* The files of Delta maps. */
#include <math.h>
#include <stdlib.h>

#include "cli/fail.h"
#include "cli/filled_file.h"
#include "cli/json_output.h"
#include "cli/table.h"
#include "delta.h"

/* ---- The map, in bins ---- */

/* The first token of a bin; of bin n_bin, the length. */
static size_t bin_start(const struct delta *delta, size_t bin) {
    return (size_t)((double)bin * (double)delta->analysis.length / (double)delta->n_bin);
}

/* The mean score of the tokens of a bin that enter a layer; NAN: none does. */
static double bin_score(const struct delta *delta, size_t layer, size_t bin) {
    const float *scores = delta->map.scores + layer * delta->analysis.length;
    double sum = 0;
    size_t n = 0;
    for (size_t t = bin_start(delta, bin); t < bin_start(delta, bin + 1); t++)
        if (!isnan(scores[t])) {
            sum += (double)scores[t];
            n++;
        }
    return n ? sum / (double)n : NAN;
}

static int compare_reals(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Each layer's colours go from the first to the last hundredth of its cells, so that a few extremes
 * do not rule them. */
bool delta_choose_ranges(struct delta *delta) {
    size_t n_layer = delta->map.n_layer;
    double *cells = calloc(delta->n_bin, sizeof *cells);
    delta->low = calloc(n_layer, sizeof *delta->low);
    delta->high = calloc(n_layer, sizeof *delta->high);
    bool fine = (cells && delta->low && delta->high) || fail_memory();
    for (size_t layer = 0; fine && layer < n_layer; layer++) {
        size_t n = 0;
        for (size_t bin = 0; bin < delta->n_bin; bin++) {
            cells[n] = bin_score(delta, layer, bin);
            n += cells[n] > 0;
        }
        qsort(cells, n, sizeof *cells, compare_reals);
        if (n) {
            delta->low[layer] = cells[(n - 1) / 100];
            delta->high[layer] = cells[n - 1 - (n - 1) / 100];
        }
    }
    free(cells);
    return fine;
}

static double share_kept(const struct delta *delta, size_t stage, size_t bin) {
    size_t first = bin_start(delta, bin), end = bin_start(delta, bin + 1), n = 0;
    for (size_t t = first; t < end; t++)
        n += delta->map.dropped_by[t] > delta->dropping[stage];
    return (double)n / (double)(end - first);
}

static bool write_map(const struct delta *delta, const char *folder) {
    struct table table = {.digits = 6};
    table_column(&table, COLUMN_COUNT, "first");
    table_column(&table, COLUMN_COUNT, "end");
    for (size_t layer = 0; layer < delta->map.n_layer; layer++)
        table_column(&table, COLUMN_NUMBER, "layer_%zu", layer);
    for (size_t i = 0; i < delta->n_dropping; i++)
        table_column(&table, COLUMN_NUMBER, "kept_after_%zu", delta->dropping[i]);
    for (size_t bin = 0; bin < delta->n_bin; bin++) {
        table_count(&table, bin_start(delta, bin));
        table_count(&table, bin_start(delta, bin + 1));
        for (size_t layer = 0; layer < delta->map.n_layer; layer++)
            table_number(&table, bin_score(delta, layer, bin));
        for (size_t i = 0; i < delta->n_dropping; i++)
            table_number(&table, share_kept(delta, i, bin));
    }
    return table_save(&table, folder, "delta.tsv");
}

/* ---- Each layer ---- */

static void fill_layers(const struct delta *delta, struct table *table) {
    table_file_columns(table, "layer:count tokens_in:count kept:count share:number "
                              "drawn_from:number drawn_to:number");
    for (size_t layer = 0; layer < delta->map.n_layer; layer++) {
        size_t n_in = delta_map_count(&delta->map, layer);
        size_t n_kept = delta_map_count(&delta->map, layer + 1);
        bool drawn = delta->high && delta->high[layer] > 0;
        table_count(table, layer);
        table_count(table, n_in);
        table_count(table, n_kept);
        table_number(table, (double)n_kept / (double)n_in);
        table_number(table, drawn ? delta->low[layer] : NAN);
        table_number(table, drawn ? delta->high[layer] : NAN);
    }
}

json_t *delta_describe(const struct analysis *analysis) {
    const struct delta *delta = (const struct delta *)analysis;
    struct table layers = {0};
    fill_layers(delta, &layers);
    return json_pack("{ss so so}", "score", score_name(analysis->method.score), "bins",
                     json_size(delta->n_bin), "layers", table_to_json(&layers));
}

static bool write_layers(const struct delta *delta, const char *folder) {
    struct table layers = {.digits = 6};
    fill_layers(delta, &layers);
    return table_save(&layers, folder, "delta-layers.tsv");
}

/* ---- Each token ---- */

static void fill_token(const struct delta *delta, size_t t, const struct delta_piece *piece,
                       struct table *table) {
    const struct delta_map *map = &delta->map;
    bool last = t + 1 == piece->token + piece->n_token; /* the token that completes it */
    table_count(table, t);
    table_count(table, (size_t)delta->analysis.ids[t]);
    table_text(table, "%.*s", last ? (int)piece->n_byte : 0, delta->text.bytes + piece->at);
    if (map->dropped_by[t] < map->n_layer)
        table_count(table, map->dropped_by[t]);
    else
        table_text(table, "-");
    for (size_t layer = 0; layer < map->n_layer; layer++)
        table_number(table, (double)map->scores[layer * map->n_token + t]);
}

static bool fill_tokens(const void *what, FILE *stream) {
    const struct delta *delta = what;
    const struct delta_piece *piece = delta->text.pieces;
    struct table table = {.digits = 6, .escaped = true};
    table_file_columns(&table, "place:count id:count text:text dropped_by:count");
    for (size_t layer = 0; layer < delta->map.n_layer; layer++)
        table_column(&table, COLUMN_NUMBER, "layer_%zu", layer);
    table_flow(&table, stream);
    for (size_t t = 0; t < delta->analysis.length; t++) {
        fill_token(delta, t, piece, &table);
        piece += t + 1 == piece->token + piece->n_token;
    }
    bool fine = table_check(&table);
    table_free(&table);
    return fine;
}

/* ---- All ---- */

bool delta_write(struct analysis *analysis, const char *folder) {
    const struct delta *delta = (const struct delta *)analysis;
    char reading[reading_size], text[2 * reading_size];
    if (!write_map(delta, folder) || !write_layers(delta, folder) ||
        !filled_file_write(folder, "delta-tokens.tsv", fill_tokens, delta))
        return false;
    reading_title(analysis, reading);
    snprintf(text, sizeof text, "%zu tokens, %s", analysis->length, reading);
    struct figure figure = view_figure(analysis, "delta", folder, text);
    figure.settings[own_setting] =
        (struct figure_setting){.name = "score", .text = delta_score_title(delta)};
    bool drawn = figure_draw(&figure);
    return delta_write_page(delta, folder) && drawn; /* a page without its picture is one, too */
}
