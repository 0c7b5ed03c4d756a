/* The score: what norm keeps beside what global keeps, and the loss of long windows by either. */
#include <stdlib.h>

#include "calibrate_work.h"
#include "cli/fail.h"
#include "proposal.h"

enum { min_sample = 4096, n_kind = 8, min_kind = 3 };
/* Norm is as good as global where it keeps so much of what global keeps. */
#define overlap_alike 0.9

/* ---- What is kept ---- */

static bool read_scores(struct calibrate_work *work, dm_score score, const int32_t *ids, size_t n,
                        struct delta_map *map) {
    dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    dm_error error;
    plain.score = score;
    const struct scan_reading reading = {
        .model = work->model, .method = &plain, .ids = ids, .n_id = n};
    work->n_read += n;
    return !delta_map_read(&reading, map, &error) || fail("%s", error.message);
}

/* How much of what global keeps at the proposed layer norm keeps at `layer`. */
static bool compare_scores(const struct calibrate_work *work, const struct delta_map *global,
                           const struct delta_map *norm, size_t layer, double *overlap) {
    size_t n = global->n_token, k = work->length < n ? work->length : n;
    const float *a = global->scores + work->layer * n, *b = norm->scores + layer * n;
    double correlation;
    if (!score_overlap(a, b, n, k, overlap) || !score_correlation(a, b, n, &correlation))
        return fail_memory();
    printf("  score norm at layer %zu keeps %.0f%% of the %zu tokens of %zu that score global "
           "keeps at "
           "layer %zu\n"
           "    (a random choice: %.0f%%; rank correlation of the scores %.2f)\n",
           layer, 100 * *overlap, k, n, work->layer, 100 * (double)k / (double)n, correlation);
    return true;
}

/* A piece of text as a reader can tell it: its bytes, or \n and \x01. */
static void print_piece(const char *text, size_t n_byte) {
    putchar('\'');
    for (size_t i = 0; i < n_byte; i++)
        if (text[i] == '\n')
            fputs("\\n", stdout);
        else if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            printf("\\x%02x", (unsigned char)text[i]);
        else
            putchar(text[i]);
    putchar('\'');
}

static bool print_preferred(const struct calibrate_work *work, const int32_t *ids,
                            const struct delta_map *global) {
    const float *scores = global->scores + work->layer * global->n_token;
    struct kind_score kinds[n_kind];
    size_t n;
    double mean = 0;
    dm_error error;
    for (size_t t = 0; t < global->n_token; t++)
        mean += (double)scores[t] / (double)global->n_token;
    if (!best_kinds(ids, scores, global->n_token, work->info.vocab_size, min_kind, kinds, n_kind,
                    &n))
        return fail_memory();
    printf("\nScore: which tokens layer %zu should keep\n", work->layer);
    printf("  the slow channels of layer %zu open most for, of what occurs %d times or more:",
           work->layer, min_kind);
    for (size_t i = 0; i < n; i++) {
        char *text;
        size_t n_byte;
        int32_t id = (int32_t)kinds[i].id;
        if (dm_tokenizer_decode(work->tokenizer, &id, 1, 1, &text, &n_byte, &error))
            return fail("%s", error.message);
        fputs(i % 4 ? "  " : "\n    ", stdout);
        print_piece(text, n_byte);
        printf(" %.2g", kinds[i].mean / mean);
        dm_free(text);
    }
    puts("\n    (with its score relative to the mean over all tokens)");
    return true;
}

static bool choose(struct calibrate_work *work, const struct delta_map *global,
                   const struct delta_map *norm) {
    double overlap, below;
    if (!compare_scores(work, global, norm, work->layer, &overlap) ||
        (work->layer && !compare_scores(work, global, norm, work->layer - 1, &below)))
        return false;
    work->score = overlap >= overlap_alike ? DM_SCORE_NORM : DM_SCORE_GLOBAL;
    printf("score %s: score norm at layer %zu keeps %s\n", score_name(work->score), work->layer,
           work->score == DM_SCORE_NORM ? "the same tokens, and needs no calibration"
                                        : "other tokens than the slow channels call for");
    return true;
}

bool calibrate_score(struct calibrate_work *work) {
    const struct method_flags *flags = &work->settings->method;
    size_t n = 2 * work->length > min_sample ? 2 * work->length : min_sample;
    struct delta_map global = {0}, norm = {0};
    n = n < work->text.n_id ? n : work->text.n_id;
    work->score = flags->score_given ? (dm_score)flags->score : DM_SCORE_GLOBAL;
    int32_t *ids = id_store_take(&work->text, (work->text.n_id - n) / 2, n);
    bool fine = ids && read_scores(work, DM_SCORE_GLOBAL, ids, n, &global) &&
                print_preferred(work, ids, &global);
    if (fine && !flags->score_given)
        fine = read_scores(work, DM_SCORE_NORM, ids, n, &norm) && choose(work, &global, &norm);
    free(ids);
    delta_map_free(&global);
    delta_map_free(&norm);
    return fine;
}

/* ---- The proposal beside its neighbours ---- */

struct candidate {
    size_t layer;
    dm_score score;
    struct window_losses losses;
};
enum { max_candidates = 3 };

/* The proposal, then norm at its layer (or global, where norm is proposed), then norm at the layer
 * below: as far as the flags leave it open. */
static size_t list_candidates(const struct calibrate_work *work, struct candidate *candidates) {
    const struct method_flags *flags = &work->settings->method;
    dm_score other = work->score == DM_SCORE_NORM ? DM_SCORE_GLOBAL : DM_SCORE_NORM;
    size_t n = 0;
    candidates[n++] = (struct candidate){.layer = work->layer, .score = work->score};
    if (!flags->score_given)
        candidates[n++] = (struct candidate){.layer = work->layer, .score = other};
    if (!flags->layers_given && work->layer)
        candidates[n++] = (struct candidate){
            .layer = work->layer - 1, .score = flags->score_given ? work->score : DM_SCORE_NORM};
    return n;
}

/* Twice the budget and the tail, and no longer than the text has room for; 0: it has none. */
static size_t compared_length(const struct calibrate_work *work, const dm_method_options *method) {
    size_t length = 2 * (method->base_length < work->length ? work->length : method->base_length);
    length = length < 1024 ? 1024 : length;
    return length / 2 >= work->length && window_fits(work, length) ? length : 0;
}

static bool measure_candidates(struct calibrate_work *work, struct candidate *candidates, size_t n,
                               size_t length) {
    for (size_t i = 0; i < n; i++) {
        struct calibrate_work as = *work;
        dm_method_options method;
        size_t layer;
        as.layer = candidates[i].layer;
        as.score = candidates[i].score;
        bool fine = calibrate_method(&as, &layer, &method) &&
                    window_losses(&as, &method, length, length, &candidates[i].losses);
        work->n_read = as.n_read;
        if (!fine)
            return false;
    }
    return true;
}

/* Prints the others against the proposal; the place of the best. */
static size_t judge(const struct calibrate_work *work, const struct candidate *candidates,
                    size_t n) {
    size_t best = 0;
    for (size_t i = 0; i < n; i++) {
        printf("    layer %zu, %-6s  %.4f", candidates[i].layer, score_name(candidates[i].score),
               candidates[i].losses.mean);
        if (i) {
            double mean;
            struct interval interval =
                window_difference(&candidates[0].losses, &candidates[i].losses, &mean);
            printf("  %+.4f (%+.4f to %+.4f)", mean, interval.low, interval.high);
            if (work->told && interval.high < 0 &&
                candidates[i].losses.mean < candidates[best].losses.mean)
                best = i;
        }
        putchar('\n');
    }
    return best;
}

bool calibrate_compare(struct calibrate_work *work) {
    struct candidate candidates[max_candidates];
    dm_method_options method;
    size_t layer, n = list_candidates(work, candidates);
    if (n == 1 || !calibrate_method(work, &layer, &method))
        return n == 1;
    size_t length = compared_length(work, &method);
    if (!work->rises || !length) {
        printf("  not compared with others: %s\n",
               length ? "the model reads the longest windows as they are"
                      : "the text is too short for long windows");
        return true;
    }
    printf("\nCheck: the loss of the last %d of %zu tokens, in nats, and how much worse it is than "
           "the "
           "first (95%% interval)\n",
           n_target, length);
    if (!measure_candidates(work, candidates, n, length))
        return false;
    size_t best = judge(work, candidates, n);
    if (best)
        printf("layer %zu, score %s: its loss is lower\n", candidates[best].layer,
               score_name(candidates[best].score));
    else
        printf("  %s\n", work->told ? "no other is clearly better: the proposal stays"
                                    : "losses no better than chance decide nothing");
    work->layer = candidates[best].layer;
    work->score = candidates[best].score;
    return true;
}
