/* The table of operations: the reference fills it, then each instruction set overwrites what it
 * does better, then a backend takes the matrix products. Nothing else dispatches.
 *
 * A batch is one packed run of tokens: [n_token, d] rows, sequence s being the rows
 * start[s] .. start[s + 1). Token-wise operations work on a range of rows, the two that run along a
 * sequence on a range of channels; whoever calls them splits the work over threads. No result
 * depends on the split. */
#ifndef DM_OPS_OPS_H
#define DM_OPS_OPS_H

#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/matmul/matmul.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/select_tokens/token_score.h"
#include "ops/selective_scan/selective_scan.h"
#include "ops/softplus/softplus.h"

struct dm_ops {
    const char *cpu; /* "reference", "avx2" or "avx512" */
    void (*rms_norm)(const struct dm_rms_norm *op, size_t token, size_t n_token);
    void (*softplus)(const struct dm_softplus *op, size_t token, size_t n_token);
    void (*token_score)(const struct dm_token_score *op, size_t token, size_t n_token);
    double (*cross_entropy)(const float *logits, size_t vocab_size, int32_t id);
    void (*causal_conv1d)(const struct dm_causal_conv1d *op, size_t channel, size_t n_channel);
    void (*selective_scan)(const struct dm_selective_scan *op, size_t channel, size_t n_channel);
    struct dm_matmul_backend matmul;
};

/* Plain loops for everything, matrix products included. */
void dm_reference_ops(struct dm_ops *ops);

/* Each overwrites what its vector code does better. */
void dm_ops_avx2(struct dm_ops *ops);
void dm_ops_avx512(struct dm_ops *ops);

#endif
