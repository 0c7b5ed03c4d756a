/* The table of Mamba-1. */
#include "layers/mamba/mamba.h"

#include <stddef.h>
#include <string.h>
#include <tgmath.h>

#include "layers/sizes.h"
#include "layers/ssm.h"

/* ---- Sizes ---- */

static const char *const model_types[] = {"mamba", "falcon_mamba", NULL};

static const struct dm_size_row sizes[] = {
    [D_INNER] = {.name = "d_inner", .gguf = "ssm.inner_size"},
    [D_STATE] = {.name = "d_state", .gguf = "ssm.state_size"},
    [D_CONV] = {.name = "d_conv", .gguf = "ssm.conv_kernel"},
    [DT_RANK] = {.name = "dt_rank", .gguf = "ssm.time_step_rank"},
    [CONV_BIAS] = {.name = "conv_bias", .is_switch = true},
    [PROJECTION_BIAS] = {.name = "projection_bias", .is_switch = true},
    [DT_B_C_RMS] = {.name = "ssm_dt_b_c_rms", .gguf = "ssm.dt_b_c_rms", .is_switch = true},
};

/* intermediate_size wins where it is given: FalconMamba's "expand" is wrong. */
static dm_status get_inner(const struct dm_config_source *source, struct dm_layer_config *config,
                           dm_error *error) {
    const json_t *inner =
        source->model_type ? json_object_get(source->object, "intermediate_size") : NULL;
    size_t *size = &config->size[D_INNER];
    return inner && !json_is_null(inner)
               ? dm_get_size(source->object, "intermediate_size", source->name, size, error)
               : dm_get_expanded(source->object, source->name, config->d_model, size, error);
}

static dm_status configure(const struct dm_config_source *source, struct dm_layer_config *config,
                           dm_error *error) {
    const json_t *object = source->object;
    const char *name = source->name;
    size_t *size = config->size;
    size[D_STATE] = 16;
    size[D_CONV] = 4;
    size[CONV_BIAS] = 1;
    size[PROJECTION_BIAS] = source->model_type ? DM_UNSAID : 0;
    size[DT_B_C_RMS] = source->model_type && !strcmp(source->model_type, "falcon_mamba");
    config->real[RMS_EPSILON] = 1e-6;
    dm_status status = dm_get_size(object, dm_dialect_key(source, "state_size", "d_state"), name,
                                   &size[D_STATE], error);
    if (!status)
        status = dm_get_size(object, dm_dialect_key(source, "conv_kernel", "d_conv"), name,
                             &size[D_CONV], error);
    if (!status)
        status = get_inner(source, config, error);
    if (!status)
        status = dm_get_rank(object, dm_dialect_key(source, "time_step_rank", "dt_rank"), name,
                             config->d_model, &size[DT_RANK], error);
    if (!status)
        status = dm_get_switch(object, dm_dialect_key(source, "use_conv_bias", "conv_bias"), name,
                               &size[CONV_BIAS], error);
    if (!status)
        status = dm_get_switch(object, dm_dialect_key(source, "use_bias", "bias"), name,
                               &size[PROJECTION_BIAS], error);
    if (!status && size[DT_B_C_RMS])
        status = dm_get_epsilon(object, "mixer_rms_eps", name, &config->real[RMS_EPSILON], error);
    return status;
}

static bool describe(const struct dm_layer_config *config, json_t *object) {
    const size_t *size = config->size;
    size_t expand =
        size[D_INNER] / config->d_model; /* must be an integer; intermediate_size wins */
    return dm_put_size(object, "intermediate_size", size[D_INNER]) &&
           dm_put_size(object, "expand", expand ? expand : 1) &&
           dm_put_size(object, "state_size", size[D_STATE]) &&
           dm_put_size(object, "conv_kernel", size[D_CONV]) &&
           dm_put_size(object, "time_step_rank", size[DT_RANK]) &&
           dm_put_bool(object, "use_bias", size[PROJECTION_BIAS] == 1) &&
           dm_put_bool(object, "use_conv_bias", size[CONV_BIAS] == 1) &&
           (!size[DT_B_C_RMS] || dm_put_real(object, "mixer_rms_eps", config->real[RMS_EPSILON]));
}

static const struct dm_real_row reals[] = {
    [RMS_EPSILON] = {.name = "mixer_rms_eps", .only_where = 1 + DT_B_C_RMS},
};

/* Files have a bias of zeros where a model has none, and one epsilon for all norms. */
static void fill_from_gguf(struct dm_layer_config *config) {
    config->size[CONV_BIAS] = 1;
    config->size[PROJECTION_BIAS] = 0;
    config->real[RMS_EPSILON] = config->rms_norm_eps;
}

static struct dm_model_names names(const struct dm_layer_config *config) {
    return config->size[DT_B_C_RMS]
               ? (struct dm_model_names){"falcon_mamba", "FalconMambaForCausalLM"}
               : (struct dm_model_names){"mamba", "MambaForCausalLM"};
}

/* ---- Parameters ---- */

static const struct dm_parameter_row parameters[N_MAMBA_PARAMETER] = {
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
    [X_PROJ] = {.name = "mixer.x_proj.weight", .gguf = "ssm_x.weight", .is_matrix = true},
    [DT_PROJ] = {.name = "mixer.dt_proj.weight", .gguf = "ssm_dt.weight", .is_matrix = true},
    [DT_BIAS] = {.name = "mixer.dt_proj.bias", .gguf = "ssm_dt.bias"},
    [A_LOG] = {.name = "mixer.A_log",
               .gguf = "ssm_a",
               .to_gguf = dm_decay_to_gguf,
               .from_gguf = dm_decay_from_gguf},
    [D_VALUES] = {.name = "mixer.D", .gguf = "ssm_d"},
    [OUT_PROJ] = {.name = "mixer.out_proj.weight",
                  .gguf = "ssm_out.weight",
                  .is_matrix = true,
                  .is_adapted = true},
    [OUT_PROJ_BIAS] = {.name = "mixer.out_proj.bias", .only_where = 1 + PROJECTION_BIAS},
};

static struct dm_shape shape(const struct dm_layer_config *config, size_t parameter) {
    const size_t *size = config->size;
    size_t E = size[D_INNER], N = size[D_STATE], R = size[DT_RANK];
    switch ((enum mamba_parameter)parameter) {
    case IN_PROJ:
        return dm_matrix_shape(2 * E, config->d_model); /* first x, then z */
    case IN_PROJ_BIAS:
        return dm_vector_shape(2 * E);
    case CONV_WEIGHT:
        return (struct dm_shape){.n_dim = 3, .size = {E, 1, size[D_CONV]}};
    case X_PROJ:
        return dm_matrix_shape(R + 2 * N, E); /* dt, B, C */
    case DT_PROJ:
        return dm_matrix_shape(E, R);
    case CONV_BIAS_VALUES:
    case DT_BIAS:
    case D_VALUES:
        return dm_vector_shape(E);
    case A_LOG:
        return dm_matrix_shape(E, N);
    case OUT_PROJ:
        return dm_matrix_shape(config->d_model, E);
    default: /* the norm and out_proj's bias */
        return dm_vector_shape(config->d_model);
    }
}

/* llama.cpp has one epsilon for all norms. The norms of x_proj's output have no weight, so scaling
 * x_proj is the same as giving them another epsilon. */
static double gguf_scale(const struct dm_layer_config *config, size_t parameter) {
    double epsilon = config->real[RMS_EPSILON];
    return parameter == X_PROJ && config->size[DT_B_C_RMS] && epsilon != config->rms_norm_eps
               ? sqrt(config->rms_norm_eps / epsilon)
               : 1;
}

static dm_status check_gguf(const struct dm_layer_config *config, const char *directory,
                            dm_error *error) {
    double scale = gguf_scale(config, X_PROJ); /* 0 or infinite where one of them is 0 */
    if (scale > 0x1p-20 && scale < 0x1p20)
        return DM_OK;
    return dm_fail(error, DM_ERROR_UNSUPPORTED,
                   "%s: llama.cpp has one epsilon for all norms, and \"mixer_rms_eps\", %g, is too "
                   "far from \"layer_norm_epsilon\", %g",
                   directory, config->real[RMS_EPSILON], config->rms_norm_eps);
}

/* ---- Initial values: as state-spaces/mamba draws them (Mamba.__init__ in mamba_simple.py,
 * _init_weights in mixer_seq_simple.py) ---- */

/* -A of state n of N: evenly from the lowest to the highest, 1 .. N by default (S4D-Real). */
static double initial_A(size_t N, size_t n, const struct dm_initial_ranges *ranges) {
    double low = 1, high = (double)N;
    if (ranges->magnitude[0] > 0) {
        low = ranges->magnitude[0];
        high = ranges->magnitude[1];
    }
    return N > 1 ? low + (high - low) * (double)n / (double)(N - 1) : low;
}

static double draw(const struct dm_layer_config *config, const struct dm_initial_ranges *ranges,
                   size_t parameter, size_t i, struct dm_random *random) {
    const size_t *size = config->size;
    switch ((enum mamba_parameter)parameter) {
    case IN_PROJ: /* transformers: MambaPreTrainedModel._init_weights */
        return ranges->matrices > 0 ? ranges->matrices * dm_random_normal(random)
                                    : dm_draw_linear(random, config->d_model);
    case X_PROJ:
        return ranges->matrices > 0 ? ranges->matrices * dm_random_normal(random)
                                    : dm_draw_linear(random, size[D_INNER]);
    case DT_PROJ:
        return dm_draw_linear(random, size[DT_RANK]);
    case OUT_PROJ: /* one residual branch per layer */
        return dm_draw_linear(random, size[D_INNER]) / sqrt((double)config->n_layer);
    case CONV_WEIGHT:
    case CONV_BIAS_VALUES:
        return dm_draw_linear(random, size[D_CONV]);
    case DT_BIAS:
        return dm_draw_dt_bias(random, ranges);
    case A_LOG:
        return log(initial_A(size[D_STATE], i % size[D_STATE], ranges));
    case D_VALUES:
    case NORM:
        return 1;
    default: /* biases of the projections */
        return 0;
    }
}

/* ---- Weights ---- */

static void arrange_conv(const struct dm_layer_config *config, const dm_real *conv1d,
                         dm_real *out) {
    dm_arrange_conv(conv1d, config->size[D_INNER], config->size[D_CONV], out);
}

static void arrange_A(const struct dm_layer_config *config, const dm_real *A_log, dm_real *out) {
    size_t E = config->size[D_INNER], N = config->size[D_STATE];
    for (size_t c = 0; c < E; c++)
        for (size_t n = 0; n < N; n++)
            out[n * E + c] = dm_decay(A_log[c * N + n]);
}

#define PLACE(field) offsetof(struct mamba_weights, field)
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
    {.parameter = OUT_PROJ_BIAS, .offset = PLACE(out_bias)},
};
enum { N_VECTOR = sizeof vectors / sizeof *vectors };

/* in_proj and x_proj are packed as two matrices each: every product's result is contiguous, and the
 * gate of a dropped token is never computed. x_proj and dt_proj stay in float32 whatever the others
 * run in, because Delta comes from them and decides which tokens are kept. */
static size_t weights(const struct dm_layer_config *config,
                      struct dm_weight_row rows[DM_MAX_WEIGHT]) {
    const size_t *size = config->size;
    size_t D = config->d_model, E = size[D_INNER], N = size[D_STATE], R = size[DT_RANK];
    const struct dm_weight_row matrices[] = {
        [IN_X] = {.parameter = IN_PROJ, .offset = PLACE(in_x), .n_out = E, .n_in = D},
        [IN_Z] = {.parameter = IN_PROJ, .offset = PLACE(in_z), .row = E, .n_out = E, .n_in = D},
        [X_DT] = {.parameter = X_PROJ, .offset = PLACE(x_dt), .n_out = R, .n_in = E, .exact = true},
        [X_BC] = {.parameter = X_PROJ,
                  .offset = PLACE(x_BC),
                  .row = R,
                  .n_out = 2 * N,
                  .n_in = E,
                  .exact = true},
        [DT_MATRIX] =
            {.parameter = DT_PROJ, .offset = PLACE(dt_proj), .n_out = E, .n_in = R, .exact = true},
        [OUT_MATRIX] = {.parameter = OUT_PROJ, .offset = PLACE(out_proj), .n_out = D, .n_in = E},
    };
    const size_t n_matrix = sizeof matrices / sizeof *matrices;
    memcpy(rows, matrices, sizeof matrices);
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
    size_t E = size[D_INNER], R = size[DT_RANK], two_N = 2 * size[D_STATE], n = use->n_token;
    bool raw = use->training && size[DT_B_C_RMS];
    size_t n_checkpoint = dm_scan_n_checkpoint(n, use->n_sequence);
    const enum dm_life recomputed = DM_LIFE_RECOMPUTED;
    const struct dm_buffer_row table[] = {
        [X] = {.width = use->sliced ? 0 : E, .part = DM_PART_INPUT},
        [U] = {.width = E,
               .part = DM_PART_HANDED,
               .carried = true,
               .what = "the convolution (u) of"},
        [RAW_DT] = {.width = raw ? R : 0, .same_as = 1 + DT, .part = DM_PART_HANDED},
        [RAW_BC] = {.width = raw ? two_N : 0, .same_as = 1 + BC, .part = DM_PART_HANDED},
        [DT] = {.width = R, .part = DM_PART_HANDED, .carried = true, .what = "dt of"},
        [BC] = {.width = two_N, .part = DM_PART_HANDED, .carried = true, .what = "B and C of"},
        [DELTA] = {.width = E, .part = DM_PART_HANDED, .what = "Delta of"},
        [Z] = {.width = E, .part = DM_PART_SCAN},
        [Y] = {.width = use->training ? E : 0,
               .same_as = 1 + Z,
               .life = DM_LIFE_SCRATCH,
               .part = DM_PART_SCAN},
        [CHECKPOINTS] = {.width = use->training ? size[D_STATE] * E : 0,
                         .n_row = n_checkpoint,
                         .part = DM_PART_SCAN},
    };
    const size_t n_buffer = sizeof table / sizeof *table;
    memcpy(rows, table, sizeof table);
    for (size_t i = 0; i < n_buffer; i++) {
        rows[i].life = rows[i].life ? rows[i].life : recomputed;
        rows[i].n_row = rows[i].n_row ? rows[i].n_row : n;
    }
    return n_buffer;
}

static size_t gradients(const struct dm_layer_config *config, size_t n_token,
                        struct dm_buffer_row rows[DM_MAX_BUFFER]) {
    const size_t *size = config->size;
    size_t E = size[D_INNER], N = size[D_STATE], R = size[DT_RANK];
    size_t n_part = (E + DM_SCAN_BLOCK - 1) / DM_SCAN_BLOCK, n = n_token;
    size_t n_raw = size[DT_B_C_RMS] ? n : 0;
    const struct dm_buffer_row table[] = {
        [WIDE_0] = {.width = E, .n_row = n},
        [WIDE_1] = {.width = E, .n_row = n},
        [WIDE_2] = {.width = E, .n_row = n},
        [GRADIENT_DT] = {.width = R, .n_row = n},
        [GRADIENT_BC] = {.width = 2 * N, .n_row = n},
        [GRADIENT_RAW_DT] = {.width = R, .n_row = n_raw},
        [GRADIENT_RAW_BC] = {.width = 2 * N, .n_row = n_raw},
        [BC_PARTS] = {.width = n_part * 2 * N, .n_row = n},
        [GRADIENT_CONV] = {.width = E, .n_row = size[D_CONV]},
        [GRADIENT_A] = {.width = E, .n_row = N},
    };
    memcpy(rows, table, sizeof table);
    return sizeof table / sizeof *table;
}

/* ---- States ---- */

static const struct dm_state_row states[] = {
    [CONV_STATE] = {.name = "conv_state"},
    [SSM_STATE] = {.name = "ssm_state", .after_cut = true},
};

static struct dm_shape state_shape(const struct dm_layer_config *config, size_t state) {
    const size_t *size = config->size;
    /* conv_state: oldest row first */
    return dm_matrix_shape(state == CONV_STATE ? size[D_CONV] - 1 : size[D_STATE], size[D_INNER]);
}

/* ---- Scores, probes and calibration ---- */

static size_t n_step(const struct dm_layer_config *config) {
    return config->size[D_INNER];
}

static const dm_real *steps(const struct dm_batch *batch, size_t layer) {
    (void)layer;
    return batch->at->layer[DELTA];
}

static void show(const struct dm_batch *batch, size_t layer, size_t row, dm_probe_view *view) {
    const size_t *size = mamba_sizes_of(batch, layer);
    view->d_inner = size[D_INNER];
    view->d_state = size[D_STATE];
    view->A_rows = size[D_STATE];
    view->n_group = 1;
    view->stride = 2 * size[D_STATE];
    /* dm_real is float wherever there are probes */
    view->delta = (const float *)(batch->at->layer[DELTA] + row * size[D_INNER]);
    view->A = (const float *)dm_adjusted_A(batch, layer, mamba_weights_of(batch, layer)->A);
    view->B = (const float *)(batch->at->layer[BC] + row * view->stride);
    view->C = view->B + size[D_STATE];
}

static const dm_real *read_A(const struct dm_layer *layer, size_t *n_row, size_t *n_channel) {
    const struct mamba_weights *w = layer->weights;
    *n_row = layer->config->size[D_STATE];
    *n_channel = layer->config->size[D_INNER];
    return w->A;
}

static void slowest_decay(const struct dm_layer *layer, double *rate) {
    const struct mamba_weights *w = layer->weights;
    size_t E = layer->config->size[D_INNER], N = layer->config->size[D_STATE];
    for (size_t c = 0; c < E; c++) {
        rate[c] = INFINITY;
        for (size_t n = 0; n < N; n++)
            rate[c] = fmin(rate[c], fabs((double)w->A[n * E + c]));
    }
}

/* Those of mamba_ssm's Mamba, and A_init_range, which is ours. */
static const char *const official_arguments[] = {
    "d_state",  "d_conv",        "expand",    "dt_rank", "dt_min",        "dt_max",       "dt_init",
    "dt_scale", "dt_init_floor", "conv_bias", "bias",    "use_fast_path", "A_init_range", NULL};

const struct dm_layer_kind dm_mamba = {
    .name = "mamba",
    .model_types = model_types,
    .official_layer = "Mamba1",
    .official_arguments = official_arguments,
    .sizes = sizes,
    .n_size = sizeof sizes / sizeof *sizes,
    .reals = reals,
    .n_real = sizeof reals / sizeof *reals,
    .configure = configure,
    .describe = describe,
    .fill_from_gguf = fill_from_gguf,
    .names = names,
    .n_step = n_step,
    .parameters = parameters,
    .n_parameter = N_MAMBA_PARAMETER,
    .shape = shape,
    .gguf_scale = gguf_scale,
    .check_gguf = check_gguf,
    .draw = draw,
    .weights_size = sizeof(struct mamba_weights),
    .weights = weights,
    .buffers = buffers,
    .gradients = gradients,
    .states = states,
    .n_state = sizeof states / sizeof *states,
    .state_shape = state_shape,
    .inputs = dm_mamba_inputs,
    .delta = dm_mamba_delta,
    .outputs = dm_mamba_outputs,
    .rest = dm_mamba_sliced_rest,
    .restore = dm_mamba_gated_scan,
    .plan_slices = dm_mamba_plan_slices,
    .outputs_back = dm_mamba_outputs_back,
    .inputs_back = dm_mamba_inputs_back,
    .steps = steps,
    .show = show,
    .adjusts = DM_ADJUST_DELTA | DM_ADJUST_A | DM_ADJUST_STATE,
    .A = read_A,
    .slowest_decay = slowest_decay,
};
