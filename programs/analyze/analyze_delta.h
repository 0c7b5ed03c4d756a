/* What `decimamba analyze delta` shows of a text, in the terminal and as files in a folder:
 *
 *     delta.html               the picture, a table, and the text with the kept tokens marked
 *     delta.tsv                the map as drawn: mean scores of runs of tokens, and shares kept
 *     delta-tokens.tsv         every token: its text, the layer that dropped it, its scores
 *     delta.json               what was read, and how many tokens each layer kept
 *     delta.gp, .png, .svg     the map */
#ifndef DECIMAMBA_ANALYZE_DELTA_H
#define DECIMAMBA_ANALYZE_DELTA_H

#include "analyze_delta_text.h"
#include "analyze_input.h"
#include "delta_map.h"

extern const struct command analyze_delta_command;

struct delta {
    const struct analyze_input *input;
    size_t length, n_bin;
    struct delta_map map;
    struct delta_text text;
    size_t *dropping; /* [n_dropping] layers that drop tokens, ascending */
    size_t n_dropping;
    double *low, *high; /* [n_layer] what is drawn darkest and brightest; equal: nothing is drawn */
};

/* How far a token got: the number of dropping layers that it passed; n_dropping: all. */
size_t delta_passed(const struct delta *delta, size_t token);
/* The same of the token of a piece that got farthest. */
size_t delta_piece_passed(const struct delta *delta, const struct delta_piece *piece);

/* The mean score of the tokens of bin `bin` that enter a layer; NAN: none does. */
double delta_bin_score(const struct delta *delta, size_t layer, size_t bin);
/* The first token of a bin; of bin n_bin, the length. */
size_t delta_bin_start(const struct delta *delta, size_t bin);

/* "norm of Delta", as axes and tables say it. */
const char *delta_score_title(const struct delta *delta);

/* ---- In the terminal ---- */

void delta_print_table(const struct delta *delta);
/* The text once for each layer that drops tokens: `count` tokens from number `from` on; with
 * `count` 0, all of a short text and the two ends of a long one. */
void delta_print_text(const struct delta *delta, size_t from, size_t count);

/* ---- Files; faults print their line ---- */

bool delta_write(const struct delta *delta, const char *folder);
/* Fills a script that draws delta.tsv. */
void delta_script(const struct delta *delta, FILE *stream);
/* The page, with the picture FOLDER/delta.png in it where there is one. */
bool delta_write_page(const struct delta *delta, const char *folder);

#endif
