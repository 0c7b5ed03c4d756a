/* A layer's backward pass: from the gradient of the residual above it to that below.
 *
 * The caller passes the activations of the forward pass; the states of `in` and `out` are once more
 * as before the first token, and their gradients, those of the last states, are 0. It runs the kind's outputs_back, over the `n_after` tokens that were kept, scatters their rows among
 * all tokens, and runs inputs_back, over all `n`. Both add to the parameters' gradients.
 *
 *     outputs_back   dresidual -> dnormed_cut (what reaches normed through the outputs), and the
 *                    kind's gradients that inputs_back reads
 *     inputs_back    these -> dnormed, accumulated where `adds`
 * The caller carries dresidual past the layer, and ends with the norm before it. */
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
    dm_real *gradient[DM_MAX_PARAMETER]; /* NULL: the layer does not have it, or it is frozen */
    dm_real *const *buffer_grad;         /* gradients of the layer's buffers, by the kind's enum */
    dm_real *const *state_grad[DM_MAX_STATE]; /* [n_sequence]: of the states; what becomes of them,
                                                 the first states' gradients, nobody reads */
    const dm_real *dresidual;                 /* [n_after, d_model] */
    dm_real *dnormed, *dnormed_cut;           /* [n, d_model], [n_after, d_model] */
    bool adds;                                /* nothing was cut: both are the same rows */
    dm_real *rstd;                            /* [n], scratch of norms */
    const struct dm_adjust *adjust;           /* as in the forward pass */
    dm_dtype compute;                         /* of products that are not exact */
    dm_error *error;
};

/* The gradient of a weight of the kind's list, from rows x and the gradient dy of its product. */
dm_status dm_back_weight(const struct dm_layer_back *back, size_t weight, const dm_real *dy,
                         const dm_real *x, size_t n_token);
/* dx (+)= dy W, W being the transposed matrix. */
dm_status dm_back_multiply(const struct dm_layer_back *back, const struct dm_matrix *transposed,
                           const dm_real *dy, size_t n_token, bool accumulate, dm_real *dx);
/* The gradient of a bias: elements [first, first + width) of a parameter. */
void dm_back_bias(const struct dm_layer_back *back, size_t parameter, size_t first, size_t width,
                  const dm_real *dy, size_t n_token);
/* An RMSNorm over n tokens: dx, and dweight where it is not NULL. */
void dm_back_norm(const struct dm_network *network, const struct dm_rms_norm *op,
                  const struct dm_rms_norm_grad *grad, size_t n_token);
/* Scatters the rows `cut` [n_after, width] of the kept tokens into `all` [n, width], 0 elsewhere;
 * returns `all`, or `cut` itself where nothing was dropped. */
const dm_real *dm_back_spread(const struct dm_layer_back *back, const dm_real *cut, size_t width,
                              dm_real *all);
/* The batch of the rows after the cut, or of all. */
struct dm_batch dm_back_batch(const struct dm_layer_back *back, bool after);

/* A backward operation as dm_split takes it: struct NAME_back, and run_NAME_back, whose `call` reads
 * `back` and the range first, n. */
#define DM_BACKWARD_OP(name, call)                                              \
    struct name##_back {                                                        \
        const struct dm_ops *ops;                                               \
        struct dm_##name op;                                                    \
        struct dm_##name##_grad grad;                                           \
        size_t n_token;                                                         \
    };                                                                          \
    static void run_##name##_back(const void *opaque, size_t first, size_t n) { \
        const struct name##_back *back = opaque;                                \
        call;                                                                   \
    }

#endif
