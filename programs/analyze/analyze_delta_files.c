/* The tables of Delta maps. */
#include <math.h>
#include <stdlib.h>

#include "analyze_delta.h"
#include "cli/fail.h"
#include "cli/gnuplot.h"
#include "cli/json_output.h"

/* ---- delta.tsv ---- */

static double share_kept(const struct delta *delta, size_t stage, size_t bin) {
    size_t first = delta_bin_start(delta, bin), end = delta_bin_start(delta, bin + 1), n = 0;
    for (size_t t = first; t < end; t++)
        n += delta->map.dropped_by[t] > delta->dropping[stage];
    return (double)n / (double)(end - first);
}

static void fill_map(const void *what, FILE *stream) {
    const struct delta *delta = what;
    fputs("first\tend", stream);
    for (size_t layer = 0; layer < delta->map.n_layer; layer++)
        fprintf(stream, "\tlayer_%zu", layer);
    for (size_t i = 0; i < delta->n_dropping; i++)
        fprintf(stream, "\tkept_after_%zu", delta->dropping[i]);
    fputc('\n', stream);
    for (size_t bin = 0; bin < delta->n_bin; bin++) {
        fprintf(stream, "%zu\t%zu", delta_bin_start(delta, bin), delta_bin_start(delta, bin + 1));
        for (size_t layer = 0; layer < delta->map.n_layer; layer++)
            fprintf(stream, "\t%.6g", delta_bin_score(delta, layer, bin));
        for (size_t i = 0; i < delta->n_dropping; i++)
            fprintf(stream, "\t%.6g", share_kept(delta, i, bin));
        fputc('\n', stream);
    }
}

/* ---- delta-tokens.tsv ---- */

static void write_escaped(const char *bytes, size_t n_byte, FILE *stream) {
    for (size_t i = 0; i < n_byte; i++)
        switch (bytes[i]) {
        case '\n':
            fputs("\\n", stream);
            break;
        case '\t':
            fputs("\\t", stream);
            break;
        case '\\':
            fputs("\\\\", stream);
            break;
        default:
            fputc(bytes[i], stream);
        }
}

static void fill_tokens(const void *what, FILE *stream) {
    const struct delta *delta = what;
    const struct delta_map *map = &delta->map;
    fputs("place\tid\ttext\tdropped_by", stream);
    for (size_t layer = 0; layer < map->n_layer; layer++)
        fprintf(stream, "\tlayer_%zu", layer);
    fputc('\n', stream);
    for (size_t t = 0, i = 0; t < delta->length; t++) {
        const struct delta_piece *piece = &delta->text.pieces[i];
        fprintf(stream, "%zu\t%d\t", t, (int)delta->input->ids[t]);
        if (t + 1 == piece->token + piece->n_token) { /* the token that completes it */
            write_escaped(delta->text.bytes + piece->at, piece->n_byte, stream);
            i++;
        }
        if (map->dropped_by[t] < map->n_layer)
            fprintf(stream, "\t%zu", map->dropped_by[t]);
        else
            fputs("\t-", stream);
        for (size_t layer = 0; layer < map->n_layer; layer++)
            fprintf(stream, "\t%.6g", (double)map->scores[layer * map->n_token + t]);
        fputc('\n', stream);
    }
}

/* ---- delta.json ---- */

static json_t *describe(const struct delta *delta) {
    json_t *layers = json_array();
    for (size_t layer = 0; layer < delta->map.n_layer; layer++) {
        size_t n_in = delta_map_count(&delta->map, layer);
        size_t n_kept = delta_map_count(&delta->map, layer + 1);
        bool drawn = delta->high[layer] > 0;
        json_array_append_new(
            layers,
            json_pack("{so so so so so so}", "layer", json_size(layer), "tokens_in",
                      json_size(n_in), "kept", json_size(n_kept), "share",
                      json_number_or_null((double)n_kept / (double)n_in), "drawn_from",
                      drawn ? json_number_or_null(delta->low[layer]) : json_null(), "drawn_to",
                      drawn ? json_number_or_null(delta->high[layer]) : json_null()));
    }
    return json_pack("{ss ss so so ss so so}", "model", delta->input->directory, "text",
                     delta->input->text, "tokens", json_size(delta->length), "method",
                     method_options_to_json(&delta->input->method), "score",
                     score_name(delta->input->method.score), "bins", json_size(delta->n_bin),
                     "layers", layers);
}

static void fill_script(const void *what, FILE *stream) {
    delta_script(what, stream);
}

bool delta_write(const struct delta *delta, const char *folder) {
    bool fine = analyze_json(folder, "delta.json", describe(delta)) && /* it marks the folder */
                analyze_file(folder, "delta.tsv", fill_map, delta) &&
                analyze_file(folder, "delta-tokens.tsv", fill_tokens, delta) &&
                analyze_file(folder, "delta.gp", fill_script, delta);
    if (!fine)
        return false;
    bool drawn = gnuplot_draw(folder, "delta", true);
    return delta_write_page(delta, folder) && drawn; /* a page without its picture is one, too */
}
