/* How far back the tokens are on which a prediction depends: the gradient of its loss by each
 * token's embedding, taken back through the whole model, where hidden attention (mean_distance.h)
 * looks at one layer only.
 *
 * A token's weight is the L2 norm of its gradient by the sum of all tokens' norms. Its distance is
 * counted from the last token that predicts: that one has 0, the token before it 1. */
#ifndef DECIMAMBA_ANALYSIS_RECEPTIVE_FIELD_GRADIENT_H
#define DECIMAMBA_ANALYSIS_RECEPTIVE_FIELD_GRADIENT_H

#include "decimamba.h"

/* The mean over windows of one length, each of which counts alike. */
struct gradient_profile {
    size_t n_distance;   /* n_id - 1 */
    double *weights;     /* [n_distance], of sum 1 once a window is there */
    size_t n_window;     /* that gave a gradient: one that is 0 everywhere has no weights */
    double loss, norm;   /* means over them: nats per prediction; the sum of the norms */
    double *norms;       /* [n_distance] of the current window */
    float *label_weight; /* [n_id] of the batch */
};

/* For windows of n_id >= 2 tokens. The profile can be freed either way. */
dm_status gradient_profile_new(struct gradient_profile *profile, size_t n_id, dm_error *error);
void gradient_profile_free(struct gradient_profile *profile);

/* Adds a window: its last n_prediction tokens, 1 <= n_prediction < n_id, are predicted from those
 * before them. `trainer` reads as its context says, and drops what a session with keep_tail drops
 * of all but the last token (the official training's tail is longer by that one); keep_tail >=
 * n_prediction. What the trainer has accumulated is forgotten. */
dm_status gradient_profile_add(struct gradient_profile *profile, dm_trainer *trainer,
                               const int32_t *ids, size_t n_prediction, size_t keep_tail,
                               dm_error *error);
/* After the last window. */
void gradient_profile_finish(struct gradient_profile *profile);

/* The number of nearest tokens that have `share` (0 < share < 1) of the weight; 0: no window. */
size_t gradient_profile_within(const struct gradient_profile *profile, double share);
/* The distance, weighed; NAN: no window. */
double gradient_profile_mean(const struct gradient_profile *profile);

/* Distances in bins of equal width on a logarithmic scale of distance + 1: `per_doubling` of them
 * to a doubling, each of at least one distance. Returns the first distance of the bin after the one
 * that begins at `first`, at most n_distance. */
size_t gradient_profile_bin_end(const struct gradient_profile *profile, size_t first,
                                double per_doubling);

#endif
