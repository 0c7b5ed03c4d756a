/* A layer's way back: from the gradient of the residual above it to that below.
 *
 * Whoever runs it has cleared the states, and hands over what the forward pass left. It calls the
 * kind's outputs_back, over the `n_after` tokens that were kept, then spreads their rows among all,
 * then inputs_back, over all `n` tokens. Both add to the parameters' gradients.
 *
 *     outputs_back   dresidual -> dnormed_cut (what normed gets through the outputs), and what
 *                    inputs_back needs in the kind's own buffers
 *     inputs_back    these -> dnormed, added to what is there where `adds`
 * dresidual itself is carried along by the runner, and the norm before the layer comes last. */
#ifndef DM_LAYERS_BACKWARD_H
#define DM_LAYERS_BACKWARD_H

#include "layers/network.h"

struct dm_layer_back {
    const struct dm_network *network;
    size_t layer;
    const void *transposed; /* the kind's struct of weights, its matrices [n_in, n_out] */
    const struct dm_buffers *in, *out; /* rows of all tokens; of the kept ones */
    size_t n_sequence, n, n_after;
    const size_t *kept;                  /* [n_after], rows of all tokens; NULL: nothing was cut */
    dm_real *gradient[DM_MAX_PARAMETER]; /* NULL: the layer does not have it, or nobody wants it */
    dm_real *const *own;                 /* the kind's gradients */
    const dm_real *dresidual;            /* [n_after, d_model] */
    dm_real *dnormed, *dnormed_cut;      /* [n, d_model], [n_after, d_model] */
    bool adds;                           /* nothing was cut: both are the same rows */
    dm_real *rstd;                       /* [n], scratch of norms */
    const struct dm_adjust *adjust;      /* as in the forward pass */
    dm_dtype compute;                    /* of products that are not exact */
    dm_error *error;
};

/* What a weight of the kind's list gets of rows x and the gradient dy of its product. */
dm_status dm_back_weight(const struct dm_layer_back *back, size_t weight, const dm_real *dy,
                         const dm_real *x, size_t n_token);
/* dx (+)= dy W, W being the transposed matrix. */
dm_status dm_back_multiply(const struct dm_layer_back *back, const struct dm_matrix *transposed,
                           const dm_real *dy, size_t n_token, bool accumulate, dm_real *dx);
/* A bias that is rows [first, first + width) of a parameter. */
void dm_back_bias(const struct dm_layer_back *back, size_t parameter, size_t first, size_t width,
                  const dm_real *dy, size_t n_token);
/* An RMSNorm over n tokens: dx, and dweight where it is not NULL. */
void dm_back_norm(const struct dm_network *network, const struct dm_rms_norm *op,
                  const struct dm_rms_norm_grad *grad, size_t n_token);
/* Rows [n_after, width] of the kept tokens at their places among all, in `all`, the others 0; `cut`
 * itself where nothing was dropped. */
const dm_real *dm_back_spread(const struct dm_layer_back *back, const dm_real *cut, size_t width,
                              dm_real *all);
/* The batch of the rows after the cut, or of all. */
struct dm_batch dm_back_batch(const struct dm_layer_back *back, bool after);

#endif
