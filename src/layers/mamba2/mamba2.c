/* The table of Mamba-2. */
#include "layers/mamba2/mamba2.h"

#include <stddef.h>
#include <string.h>
#include <tgmath.h>

#include "layers/ssm.h"

static const char *const model_types[] = {"mamba2", NULL};

static struct dm_model_names names(const struct dm_layer_config *config) {
    (void)config;
    return (struct dm_model_names){"mamba2", "Mamba2ForCausalLM"};
}

/* What llama.cpp's Mamba-2 always is. */
static void fill_from_gguf(struct dm_layer_config *config) {
    config->size[D_SSM] = config->size[D_INNER];
    config->size[CONV_BIAS] = config->size[GATED_NORM] = 1;
    config->real[NORM_EPSILON] = config->rms_norm_eps;
    config->real[DT_MAX] = INFINITY;
}

static size_t n_step(const struct dm_layer_config *config) {
    return config->size[N_HEAD];
}

/* ---- Parameters ---- */

static const struct dm_parameter_row parameters[N_MAMBA2_PARAMETER] = {
    [NORM] = {.name = "norm.weight", .gguf = "attn_norm.weight"},
    [IN_PROJ] = {.name = "mixer.in_proj.weight",
                 .gguf = "ssm_in.weight",
                 .is_matrix = true,
                 .is_adapted = true},
    [IN_PROJ_BIAS] = {.name = "mixer.in_proj.bias", .only_where = 1 + PROJECTION_BIAS},
    [CONV_WEIGHT] = {.name = "mixer.conv1d.weight", .gguf = "ssm_conv1d.weight"},
    [CONV_BIAS_VALUES] = {.name = "mixer.conv1d.bias",
                          .gguf = "ssm_conv1d.bias",
                          .only_where = 1 + CONV_BIAS,
                          .gguf_zeros = true},
    [DT_BIAS] = {.name = "mixer.dt_bias", .gguf = "ssm_dt.bias"},
    [A_LOG] = {.name = "mixer.A_log",
               .gguf = "ssm_a",
               .to_gguf = dm_decay_to_gguf,
               .from_gguf = dm_decay_from_gguf},
    [D_VALUES] = {.name = "mixer.D", .gguf = "ssm_d"},
    [GATE_NORM] = {.name = "mixer.norm.weight",
                   .gguf = "ssm_norm.weight",
                   .only_where = 1 + GATED_NORM},
    [OUT_PROJ] = {.name = "mixer.out_proj.weight",
                  .gguf = "ssm_out.weight",
                  .is_matrix = true,
                  .is_adapted = true},
    [OUT_PROJ_BIAS] = {.name = "mixer.out_proj.bias", .only_where = 1 + PROJECTION_BIAS},
};

static size_t in_proj_rows(const size_t *size) {
    return 2 * mamba2_mlp_width(size) + size[D_SSM] + mamba2_conv_width(size) + size[N_HEAD];
}

static struct dm_shape shape(const struct dm_layer_config *config, size_t parameter) {
    const size_t *size = config->size;
    switch ((enum mamba2_parameter)parameter) {
    case IN_PROJ: /* the MLP's gate and values, z, x, B, C, dt */
        return dm_matrix_shape(in_proj_rows(size), config->d_model);
    case IN_PROJ_BIAS:
        return dm_vector_shape(in_proj_rows(size));
    case CONV_WEIGHT:
        return (struct dm_shape){.n_dim = 3, .size = {mamba2_conv_width(size), 1, size[D_CONV]}};
    case CONV_BIAS_VALUES:
        return dm_vector_shape(mamba2_conv_width(size));
    case DT_BIAS:
    case A_LOG:
        return dm_vector_shape(size[N_HEAD]);
    case D_VALUES:
        return dm_vector_shape(size[D_BY_CHANNEL] ? size[D_SSM] : size[N_HEAD]);
    case GATE_NORM:
        return dm_vector_shape(size[D_SSM]);
    case OUT_PROJ:
        return dm_matrix_shape(config->d_model, size[D_INNER]);
    default: /* the norm and out_proj's bias */
        return dm_vector_shape(config->d_model);
    }
}

/* llama.cpp's convention: a number for each head is a matrix of one column, the gated norm has a row
 * for each group. */
static struct dm_shape gguf_shape(const struct dm_layer_config *config, size_t parameter) {
    const size_t *size = config->size;
    switch ((enum mamba2_parameter)parameter) {
    case A_LOG:
    case D_VALUES:
        return dm_matrix_shape(size[N_HEAD], 1);
    case GATE_NORM:
        return dm_matrix_shape(size[N_GROUP], size[D_SSM] / size[N_GROUP]);
    default:
        return shape(config, parameter);
    }
}

static dm_status check_gguf(const struct dm_layer_config *config, const char *directory,
                            dm_error *error) {
    const size_t *size = config->size;
    const char *what = size[D_SSM] < size[D_INNER] ? "an MLP beside the scan (\"d_ssm\")"
                       : !size[GATED_NORM]         ? "a gate without norm (\"rmsnorm\": false)"
                       : size[NORM_FIRST]          ? "a norm before the gate"
                       : size[D_BY_CHANNEL]        ? "a D for each channel (\"D_has_hdim\")"
                       : config->real[DT_MIN] > 0 || !isinf(config->real[DT_MAX]) ? "limits of dt"
                       : config->real[NORM_EPSILON] != config->rms_norm_eps
                           ? "a gated norm with an epsilon of its own"
                           : NULL;
    return what ? dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: llama.cpp has no place for %s",
                          directory, what)
                : DM_OK;
}

/* Initial values: as state-spaces/mamba draws them (Mamba2.__init__ in mamba2.py, _init_weights in
 * mixer_seq_simple.py); in_proj, where there is a range, as transformers does. */
static double draw(const struct dm_layer_config *config, const struct dm_initial_ranges *ranges,
                   size_t parameter, size_t i, struct dm_random *random) {
    const size_t *size = config->size;
    (void)i;
    switch ((enum mamba2_parameter)parameter) {
    case IN_PROJ:
        return ranges->matrices > 0 ? ranges->matrices * dm_random_normal(random)
                                    : dm_draw_linear(random, config->d_model);
    case OUT_PROJ: /* one residual branch per layer */
        return dm_draw_linear(random, size[D_INNER]) / sqrt((double)config->n_layer);
    case CONV_WEIGHT:
    case CONV_BIAS_VALUES:
        return dm_draw_linear(random, size[D_CONV]);
    case DT_BIAS:
        return dm_draw_dt_bias(random, ranges);
    case A_LOG:
        return log(ranges->magnitude[0] > 0
                       ? dm_draw_uniform(random, ranges->magnitude[0], ranges->magnitude[1])
                       : dm_draw_uniform(random, 1, 16));
    case IN_PROJ_BIAS:
    case OUT_PROJ_BIAS:
        return 0;
    default: /* D and the norms */
        return 1;
    }
}

/* ---- Weights ---- */

static void arrange_conv(const struct dm_layer_config *config, const dm_real *conv1d,
                         dm_real *out) {
    dm_arrange_conv(conv1d, mamba2_conv_width(config->size), config->size[D_CONV], out);
}

static void arrange_A(const struct dm_layer_config *config, const dm_real *A_log, dm_real *out) {
    for (size_t h = 0; h < config->size[N_HEAD]; h++)
        out[h] = dm_decay(A_log[h]);
}

#define PLACE(field) offsetof(struct mamba2_weights, field)
static const struct dm_weight_row vectors[] = {
    {.parameter = IN_PROJ_BIAS, .offset = PLACE(in_bias)},
    {.parameter = CONV_WEIGHT,
     .use = DM_WEIGHT_ARRANGED,
     .offset = PLACE(conv_weight),
     .arrange = arrange_conv},
    {.parameter = CONV_BIAS_VALUES, .offset = PLACE(conv_bias)},
    {.parameter = DT_BIAS, .offset = PLACE(dt_bias)},
    {.parameter = A_LOG, .use = DM_WEIGHT_ARRANGED, .offset = PLACE(A), .arrange = arrange_A},
    {.parameter = D_VALUES, .offset = PLACE(D)},
    {.parameter = GATE_NORM, .offset = PLACE(gate_norm)},
    {.parameter = OUT_PROJ_BIAS, .offset = PLACE(out_bias)},
};
enum { N_VECTOR = sizeof vectors / sizeof *vectors };

/* in_proj is packed as its parts: every product's result is contiguous, and the gate of a dropped
 * token is never computed. dt stays in float32 whatever the others run in, because Delta decides
 * which tokens are kept. */
static size_t weights(const struct dm_layer_config *config,
                      struct dm_weight_row rows[DM_MAX_WEIGHT]) {
    const size_t *size = config->size;
    size_t D = config->d_model, E = size[D_SSM], width = mamba2_conv_width(size);
    size_t mlp = 2 * mamba2_mlp_width(size);
    const struct dm_weight_row matrices[N_MATRIX] = {
        [IN_Z] = {.parameter = IN_PROJ, .offset = PLACE(in_z), .row = mlp, .n_out = E, .n_in = D},
        [IN_XBC] = {.parameter = IN_PROJ,
                    .offset = PLACE(in_xBC),
                    .row = mlp + E,
                    .n_out = width,
                    .n_in = D},
        [IN_DT] = {.parameter = IN_PROJ,
                   .offset = PLACE(in_dt),
                   .row = mlp + E + width,
                   .n_out = size[N_HEAD],
                   .n_in = D,
                   .exact = true},
        [OUT_MATRIX] = {.parameter = OUT_PROJ,
                        .offset = PLACE(out_proj),
                        .n_out = D,
                        .n_in = size[D_INNER]},
        [IN_MLP] = {.parameter = IN_PROJ, .offset = PLACE(in_mlp), .n_out = mlp, .n_in = D},
    };
    size_t n_matrix = mlp ? N_MATRIX : IN_MLP;
    memcpy(rows, matrices, n_matrix * sizeof *matrices);
    for (size_t i = 0; i < n_matrix; i++)
        rows[i].use = DM_WEIGHT_MATRIX;
    memcpy(rows + n_matrix, vectors, sizeof vectors);
    return n_matrix + N_VECTOR;
}
#undef PLACE

/* ---- Buffers ---- */

static size_t buffers(const struct dm_layer_config *config, const struct dm_buffer_use *use,
                      struct dm_buffer_row rows[DM_MAX_BUFFER]) {
    const size_t *size = config->size;
    size_t E = size[D_SSM], H = size[N_HEAD], width = mamba2_conv_width(size), n = use->n_token;
    size_t mlp = 2 * mamba2_mlp_width(size);
    const struct dm_buffer_row table[] = {
        [RAW_XBC] = {.width = width, .part = DM_PART_INPUT},
        [XBC] = {.width = width,
                 .part = DM_PART_HANDED,
                 .carried = true,
                 .what = "the convolution (x, B and C) of"},
        [DT] = {.width = H, .part = DM_PART_HANDED, .carried = true, .what = "dt of"},
        [DELTA] = {.width = H, .part = DM_PART_HANDED, .what = "Delta of"},
        [Z] = {.width = E, .part = DM_PART_SCAN},
        [SCANNED] = {.width = E, .part = DM_PART_SCAN},
        [MLP] = {.width = mlp, .part = DM_PART_SCAN},
        [Y] = {.width = use->training || mlp ? size[D_INNER] : 0,
               .same_as = 1 + Z,
               .part = DM_PART_SCAN},
        [CHECKPOINTS] = {.width = use->training ? size[D_STATE] * E : 0,
                         .n_row = dm_head_scan_n_checkpoint(n, use->n_sequence),
                         .part = DM_PART_SCAN},
    };
    const size_t n_buffer = sizeof table / sizeof *table;
    memcpy(rows, table, sizeof table);
    for (size_t i = 0; i < n_buffer; i++) {
        rows[i].life = DM_LIFE_RECOMPUTED;
        rows[i].n_row = rows[i].n_row ? rows[i].n_row : n;
    }
    return n_buffer;
}

static size_t gradients(const struct dm_layer_config *config, size_t n_token,
                        struct dm_buffer_row rows[DM_MAX_BUFFER]) {
    const size_t *size = config->size;
    size_t E = size[D_SSM], H = size[N_HEAD], width = mamba2_conv_width(size), n = n_token;
    const struct dm_buffer_row table[] = {
        [GRADIENT_Y] = {.width = size[D_INNER], .n_row = n},
        [GRADIENT_Z] = {.width = E, .n_row = n},
        [GRADIENT_SCANNED] = {.width = E, .n_row = n},
        [GRADIENT_MLP] = {.width = 2 * mamba2_mlp_width(size), .n_row = n},
        [GRADIENT_XBC] = {.width = width, .n_row = n},
        [GRADIENT_RAW_XBC] = {.width = width, .n_row = n},
        [GRADIENT_DELTA] = {.width = H, .n_row = n},
        [GRADIENT_ALL_XBC] = {.width = width, .n_row = n},
        [GRADIENT_ALL_DT] = {.width = H, .n_row = n},
        [BC_PARTS] = {.width = H * 2 * size[D_STATE], .n_row = n},
        [GRADIENT_CONV] = {.width = width, .n_row = size[D_CONV]},
        [GRADIENT_A] = {.width = H, .n_row = 1},
        [GRADIENT_UNUSED] = {.width = size[D_INNER], .n_row = 1},
        [RSTD] = {.width = size[N_GROUP], .n_row = n},
    };
    memcpy(rows, table, sizeof table);
    return sizeof table / sizeof *table;
}

/* ---- States ---- */

static const struct dm_state_row states[] = {
    [CONV_STATE] = {.name = "conv_state"},
    [SSM_STATE] = {.name = "ssm_state", .after_cut = true},
    [SSM_SCALE] = {.name = "ssm_scale", .after_cut = true, .scales = 1 + SSM_STATE},
};

static struct dm_shape state_shape(const struct dm_layer_config *config, size_t state) {
    const size_t *size = config->size;
    switch ((enum mamba2_state)state) {
    case CONV_STATE: /* oldest row first */
        return dm_matrix_shape(size[D_CONV] - 1, mamba2_conv_width(size));
    case SSM_STATE:
        return dm_matrix_shape(size[N_HEAD] * size[D_STATE], size[D_SSM] / size[N_HEAD]);
    default: /* SSM_SCALE */
        return dm_vector_shape(size[N_HEAD]);
    }
}

/* ---- Scores, probes and calibration ---- */

static const dm_real *steps(const struct dm_batch *batch, size_t layer) {
    (void)layer;
    return batch->at->layer[DELTA];
}

static void show(const struct dm_batch *batch, size_t layer, size_t row, dm_probe_view *view) {
    const size_t *size = mamba2_sizes_of(batch, layer);
    view->d_inner = size[N_HEAD];
    view->d_state = size[D_STATE];
    view->A_rows = 1;
    view->n_group = size[N_GROUP];
    view->stride = mamba2_conv_width(size);
    /* dm_real is float wherever there are probes */
    view->delta = (const float *)(batch->at->layer[DELTA] + row * size[N_HEAD]);
    view->A = (const float *)dm_adjusted_A(batch, layer, mamba2_weights_of(batch, layer)->A);
    view->B = (const float *)(batch->at->layer[XBC] + row * view->stride + size[D_SSM]);
    view->C = view->B + size[N_GROUP] * size[D_STATE];
}

static const dm_real *read_A(const struct dm_layer *layer, size_t *n_row, size_t *n_channel) {
    const struct mamba2_weights *w = layer->weights;
    *n_row = 1;
    *n_channel = layer->config->size[N_HEAD];
    return w->A;
}

static void slowest_decay(const struct dm_layer *layer, double *rate) {
    const struct mamba2_weights *w = layer->weights;
    for (size_t h = 0; h < layer->config->size[N_HEAD]; h++)
        rate[h] = fabs((double)w->A[h]);
}

/* Those of mamba_ssm's Mamba2. */
static const char *const official_arguments[] = {"d_state",
                                                 "d_conv",
                                                 "conv_init",
                                                 "expand",
                                                 "headdim",
                                                 "d_ssm",
                                                 "ngroups",
                                                 "A_init_range",
                                                 "D_has_hdim",
                                                 "rmsnorm",
                                                 "norm_before_gate",
                                                 "dt_min",
                                                 "dt_max",
                                                 "dt_init_floor",
                                                 "dt_limit",
                                                 "bias",
                                                 "conv_bias",
                                                 "chunk_size",
                                                 "use_mem_eff_path",
                                                 "process_group",
                                                 "sequence_parallel",
                                                 NULL};

const struct dm_layer_kind dm_mamba2 = {
    .name = "mamba2",
    .model_types = model_types,
    .official_layer = "Mamba2",
    .official_arguments = official_arguments,
    .untied = true,
    .sizes = dm_mamba2_sizes,
    .n_size = D_BY_CHANNEL + 1,
    .reals = dm_mamba2_reals,
    .n_real = DT_MAX + 1,
    .configure = dm_mamba2_configure,
    .describe = dm_mamba2_describe,
    .names = names,
    .n_step = n_step,
    .parameters = parameters,
    .n_parameter = N_MAMBA2_PARAMETER,
    .shape = shape,
    .fill_from_gguf = fill_from_gguf,
    .gguf_shape = gguf_shape,
    .check_gguf = check_gguf,
    .draw = draw,
    .weights_size = sizeof(struct mamba2_weights),
    .weights = weights,
    .buffers = buffers,
    .gradients = gradients,
    .states = states,
    .n_state = sizeof states / sizeof *states,
    .state_shape = state_shape,
    .inputs = dm_mamba2_inputs,
    .delta = dm_mamba2_delta,
    .outputs = dm_mamba2_outputs,
    .restore = dm_mamba2_gated_scan,
    .outputs_back = dm_mamba2_outputs_back,
    .inputs_back = dm_mamba2_inputs_back,
    .steps = steps,
    .show = show,
    .adjusts = DM_ADJUST_DELTA | DM_ADJUST_A,
    .A = read_A,
    .slowest_decay = slowest_decay,
};
