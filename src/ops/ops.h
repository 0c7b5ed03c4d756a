/* The table of operations: the reference fills it, then each instruction set overwrites what it
 * does better, then a backend takes the matrix products. Nothing else dispatches.
 *
 * A batch is one packed run of tokens: [n_token, d] rows, sequence s being the rows start[s] ..
 * start[s + 1). Token-wise operations work on a range of rows, those that run along a sequence on
 * a range of channels or heads; the caller splits the work over threads. No result depends on the split. */
#ifndef DM_OPS_OPS_H
#define DM_OPS_OPS_H

#include "ops/adamw/adamw.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/convert/convert.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/gated_norm/gated_norm.h"
#include "ops/head_scan/head_scan.h"
#include "ops/matmul/matmul.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/select_tokens/token_score.h"
#include "ops/selective_scan/selective_scan.h"
#include "ops/softplus/softplus.h"

struct dm_ops {
    const char *cpu; /* "reference", "avx2", "avx512", "amx" or "neon" */
    void (*rms_norm)(const struct dm_rms_norm *op, size_t token, size_t n_token);
    void (*softplus)(const struct dm_softplus *op, size_t token, size_t n_token);
    void (*token_score)(const struct dm_token_score *op, size_t token, size_t n_token);
    double (*cross_entropy)(const dm_real *logits, size_t vocab_size, int32_t id);
    void (*causal_conv1d)(const struct dm_causal_conv1d *op, size_t channel, size_t n_channel);
    void (*selective_scan)(const struct dm_selective_scan *op, size_t channel, size_t n_channel);
    void (*head_scan)(const struct dm_head_scan *op, size_t head, size_t n_head);
    void (*gated_norm)(const struct dm_gated_norm *op, size_t token, size_t n_token);

    void (*rms_norm_backward)(const struct dm_rms_norm *op, const struct dm_rms_norm_grad *grad,
                              size_t token, size_t n_token);
    void (*rms_norm_weight_backward)(const struct dm_rms_norm *op,
                                     const struct dm_rms_norm_grad *grad, size_t n_token,
                                     size_t channel, size_t n_channel);
    void (*softplus_backward)(const struct dm_softplus *op, const struct dm_softplus_grad *grad,
                              size_t n_token, size_t channel, size_t n_channel);
    double (*cross_entropy_backward)(dm_real *logits, size_t vocab_size, int32_t id, dm_real scale);
    void (*causal_conv1d_backward)(const struct dm_causal_conv1d *op,
                                   const struct dm_causal_conv1d_grad *grad, size_t channel,
                                   size_t n_channel);
    void (*selective_scan_backward)(const struct dm_selective_scan *op,
                                    const struct dm_selective_scan_grad *grad, size_t channel,
                                    size_t n_channel);
    void (*head_scan_backward)(const struct dm_head_scan *op, const struct dm_head_scan_grad *grad,
                               size_t head, size_t n_head);
    void (*gated_norm_backward)(const struct dm_gated_norm *op,
                                const struct dm_gated_norm_grad *grad, size_t token,
                                size_t n_token);
    void (*gated_norm_weight_backward)(const struct dm_gated_norm *op,
                                       const struct dm_gated_norm_grad *grad, size_t n_token,
                                       size_t channel, size_t n_channel);
    void (*adamw)(const struct dm_adamw *op, size_t first, size_t n);
    double (*square_sum)(const dm_real *x, size_t n);

    struct dm_convert convert; /* for the backends of the products */
    struct dm_matmul_backend matmul;
};

/* Plain loops for everything, matrix products included. */
void dm_reference_ops(struct dm_ops *ops);

/* Each overwrites what its vector code does better. */
void dm_ops_avx2(struct dm_ops *ops);
void dm_ops_avx512(struct dm_ops *ops);
void dm_ops_neon(struct dm_ops *ops);

#endif
