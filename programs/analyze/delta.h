/* What `decimamba analyze delta` shows of a text, in the terminal and as files in a folder, which the
 * manual (analyze_delta.c) lists. */
#ifndef DECIMAMBA_ANALYZE_DELTA_H
#define DECIMAMBA_ANALYZE_DELTA_H

#include "delta_map.h"
#include "delta_text.h"
#include "view.h"

struct delta {
    struct analysis analysis;
    size_t max_bins, from, count; /* --bins, --from, --count */
    bool from_given, count_given;
    size_t n_bin;
    struct delta_map map;
    struct delta_text text;
    size_t *dropping; /* [n_dropping] layers that drop tokens, ascending */
    size_t n_dropping;
    double *low, *high; /* [n_layer] what is drawn darkest and brightest; equal: nothing is drawn */
};

/* How many of the dropping layers that token of a piece passed which got farthest. */
size_t delta_piece_passed(const struct delta *delta, const struct delta_piece *piece);
/* "norm of Delta", as axes and tables say it. */
const char *delta_score_title(const struct delta *delta);

/* Sets `low` and `high`. */
bool delta_choose_ranges(struct delta *delta);
json_t *delta_describe(const struct analysis *analysis);
/* Writes all files but delta.json. */
bool delta_write(struct analysis *analysis, const char *folder);
/* The page, with the picture FOLDER/delta.png in it where there is one. */
bool delta_write_page(const struct delta *delta, const char *folder);

#endif
