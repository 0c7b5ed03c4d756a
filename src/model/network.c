#include "model/network.h"

#include <tgmath.h>

void dm_list_projections(const struct dm_model_config *config, dm_dtype compute,
                         struct dm_projection list[DM_N_PROJECTION]) {
    size_t D = config->d_model, E = config->d_inner, N = config->d_state, R = config->dt_rank;
    const struct dm_projection all[DM_N_PROJECTION] = {
        {DM_IN_PROJ, 0, E, D, compute, offsetof(struct dm_projections, in_x)},
        {DM_IN_PROJ, E, E, D, compute, offsetof(struct dm_projections, in_z)},
        {DM_X_PROJ, 0, R, E, DM_DTYPE_F32, offsetof(struct dm_projections, x_dt)},
        {DM_X_PROJ, R, 2 * N, E, DM_DTYPE_F32, offsetof(struct dm_projections, x_BC)},
        {DM_DT_PROJ, 0, E, R, DM_DTYPE_F32, offsetof(struct dm_projections, dt_proj)},
        {DM_OUT_PROJ, 0, D, E, compute, offsetof(struct dm_projections, out_proj)},
    };
    for (int i = 0; i < DM_N_PROJECTION; i++)
        list[i] = all[i];
}

/* -exp(A_log), and at most 2^127: A_log may be finite and its exponential not, and where a step is
 * 0, infinity times 0 would be NaN. Steps above 1e-36 leave 0 of a state either way. The vector code
 * needs room for A / ln 2. */
static dm_real decay(dm_real A_log) {
    const dm_real most = 0x1p127f;
    dm_real A = exp(A_log);
    return A > most ? -most : -A; /* NaN stays what it is */
}

void dm_layer_lay_out(const struct dm_model_config *config, const dm_real *conv1d,
                      const dm_real *A_log, struct dm_layer *layer) {
    size_t E = config->d_inner, K = config->d_conv, N = config->d_state;
    for (size_t c = 0; c < E; c++) {
        for (size_t k = 0; k < K; k++)
            layer->conv_weight[k * E + c] = conv1d[c * K + k];
        for (size_t n = 0; n < N; n++)
            layer->A[n * E + c] = decay(A_log[c * N + n]);
    }
}
