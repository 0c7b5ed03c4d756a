/* `decimamba calibrate` at work: what it proposes of the settings that are not given, each with its
 * reasons, from a sample of unlabelled text. Every step prints its lines; faults print theirs. */
#ifndef DECIMAMBA_CALIBRATE_WORK_H
#define DECIMAMBA_CALIBRATE_WORK_H

#include "cli/id_store.h"
#include "cli/method_flags.h"
#include "cli/model_flags.h"
#include "delta_map.h"
#include "interval.h"

struct calibrate_settings {
    const char *directory, *text, *output;
    size_t length, n_passage;
    double share;
    bool length_given, dry_run, json;
    struct model_flags model;
    struct method_flags method;
};

struct calibrate_work {
    struct calibrate_settings *settings;
    dm_tokenizer *tokenizer;
    dm_model *model; /* with the global channels, once they are found */
    dm_model_info info;
    struct id_store text;
    size_t n_read; /* tokens, so far */

    size_t length;     /* the training length */
    bool rises;        /* the loss rises beyond it, as far as was seen */
    bool told;         /* the model predicts this text better than by chance */
    double *log_decay; /* [n_layer, n_step] over passages of that length */
    size_t layer;      /* to decimate at */
    dm_score score;
};

/* ---- What several steps do ---- */

/* dm_calibrate, with passages spread over the text. Faults print their line. */
bool calibrate_measure(struct calibrate_work *work, dm_calibration_options *options,
                       const char *folder);

/* The settings as they stand: the flags over the proposals. `layer` is where the one layer is kept. */
bool calibrate_method(const struct calibrate_work *work, size_t *layer, dm_method_options *method);

/* ---- calibrate_loss.c: losses without labels ---- */

enum { max_window = 16, min_window = 4, window_tokens = 8192, n_target = 100 };

/* Of windows that end at the same places whatever their length, spread over the text from `longest`
 * on: the mean loss, in nats, of each one's last n_target tokens after `length` tokens in all. There
 * are as many as window_tokens hold, in the range of least to max_window: every `stride`-th place of
 * max_window. */
struct window_losses {
    double items[max_window]; /* at the places that are read */
    size_t stride;
    double mean;
};
bool window_losses(struct calibrate_work *work, const dm_method_options *method, size_t length,
                   size_t longest, struct window_losses *losses);
/* Whether the text has room for windows of this length, ending at different places. */
bool window_fits(const struct calibrate_work *work, size_t length);
/* Of b - a, window by window where both have one: their mean, and its 95% interval. */
struct interval window_difference(const struct window_losses *a, const struct window_losses *b,
                                  double *mean);

/* ---- The proposals, in their order ---- */

/* The training length: --length, or where the loss of the same tokens rises with what is before
 * them. */
bool calibrate_length(struct calibrate_work *work);
/* The global channels over that length; the model is opened anew with them. */
bool calibrate_channels(struct calibrate_work *work);
/* The layer whose slow channels hold the memory, or the first one that looks far. */
bool calibrate_layer(struct calibrate_work *work);
/* Global, unless norm keeps what it keeps; and the tokens that the global channels prefer. */
bool calibrate_score(struct calibrate_work *work);
/* The proposal beside its neighbours, by the loss of long windows: replaces it where one of them is
 * better beyond doubt. */
bool calibrate_compare(struct calibrate_work *work);

#endif
