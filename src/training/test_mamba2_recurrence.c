/* Mamba-2 in double against a reader that takes one token after another: the equations of Dao & Gu
 * 2024, section 7, and of the official Mamba2 class, in plain loops that share no code with the
 * layers. Every token's loss agrees to 1e-10. */
#include "ops/gradient_check.h"

#include <stdio.h>

#include "checkpoint/config_file.h"
#include "training/pass.h"

enum { VOCAB = 23, N_TOKEN = 200, N_RANDOM = 60 };

/* A model of two layers as the recurrence knows it. */
struct shape {
    size_t d_model, n_layer, d_inner, d_ssm, d_state, d_conv, n_head, n_group;
    bool conv_bias, bias, rmsnorm, norm_first, D_by_channel;
    double epsilon, dt_min, dt_max;
};

static size_t below(struct dm_random *random, size_t n) {
    return (size_t)dm_random_below(random, (uint32_t)n);
}
static bool coin(struct dm_random *random) {
    return below(random, 2) != 0;
}

static struct shape draw_shape(struct dm_random *random) {
    size_t head_dim = 1 + below(random, 5), n_group = 1 + below(random, 3);
    struct shape shape = {.d_model = 2 + below(random, 7),
                          .n_layer = 2,
                          .d_state = 1 + below(random, 9),
                          .d_conv = 2 + below(random, 3),
                          .n_group = n_group,
                          .n_head = n_group * (1 + below(random, 3)),
                          .conv_bias = coin(random),
                          .bias = coin(random),
                          .rmsnorm = coin(random),
                          .norm_first = coin(random),
                          .D_by_channel = coin(random),
                          .epsilon = 1e-5,
                          .dt_max = INFINITY};
    shape.d_ssm = shape.n_head * head_dim;
    shape.d_inner = shape.d_ssm + (coin(random) ? 1 + below(random, 6) : 0);
    if (coin(random))
        shape.dt_min = 0.05, shape.dt_max = 0.9;
    return shape;
}

static const char *yes(bool value) {
    return value ? "true" : "false";
}

/* In state-spaces' dialect, which can say all of it. */
static void read_config(const struct shape *shape, struct dm_model_config *config) {
    char text[700], limits[64] = "";
    json_t *object;
    dm_error error;
    if (shape->dt_min > 0)
        snprintf(limits, sizeof limits, ", \"dt_limit\": [%g, %g]", shape->dt_min, shape->dt_max);
    int n = snprintf(text, sizeof text,
                     "{\"d_model\": %zu, \"n_layer\": %zu, \"vocab_size\": %d, "
                     "\"pad_vocab_size_multiple\": 1, \"tie_embeddings\": false, "
                     "\"ssm_cfg\": {\"layer\": \"Mamba2\", \"expand\": %.17g, \"d_ssm\": %zu, "
                     "\"d_state\": %zu, \"d_conv\": %zu, \"headdim\": %zu, \"ngroups\": %zu, "
                     "\"conv_bias\": %s, \"bias\": %s, \"rmsnorm\": %s, \"norm_before_gate\": %s, "
                     "\"D_has_hdim\": %s%s}}",
                     shape->d_model, shape->n_layer, VOCAB,
                     (double)shape->d_inner / (double)shape->d_model, shape->d_ssm, shape->d_state,
                     shape->d_conv, shape->d_ssm / shape->n_head, shape->n_group,
                     yes(shape->conv_bias), yes(shape->bias), yes(shape->rmsnorm),
                     yes(shape->norm_first), yes(shape->D_by_channel), limits);
    assert_in_range(n, 1, sizeof text - 1);
    assert_int_equal(dm_json_parse(text, (size_t)n, "config", &object, &error), DM_OK);
    if (dm_model_config_from_json(object, "config", config, &error))
        fail_msg("%s: %s", error.message, text);
    json_decref(object);
}

/* ---- The recurrence ---- */

static const double *values(const struct dm_tensors *tensors, size_t layer, const char *name) {
    char full[160];
    if (layer == DM_NO_LAYER)
        snprintf(full, sizeof full, "%s", name);
    else
        snprintf(full, sizeof full, "backbone.layers.%zu.%s", layer, name);
    const struct dm_tensor *tensor = dm_tensors_find_name(tensors, full);
    return tensor ? tensor->value : NULL;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double silu(double x) {
    return x * sigmoid(x);
}

static void rms_norm(const double *x, const double *weight, size_t n, double epsilon, double *y) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    double factor = 1 / sqrt(sum / (double)n + epsilon);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * factor * weight[i];
}

static void product(const double *W, const double *x, size_t n_out, size_t n_in, double *y) {
    for (size_t o = 0; o < n_out; o++) {
        y[o] = 0;
        for (size_t i = 0; i < n_in; i++)
            y[o] += W[o * n_in + i] * x[i];
    }
}

enum { MAX_WIDTH = 512, MAX_STATE = 4096 };
struct memory {
    double window[4][MAX_WIDTH]; /* the convolution's last inputs, oldest first */
    double state[MAX_STATE];     /* [d_ssm, d_state] */
};

static void convolve(const struct shape *shape, const double *weight, const double *bias,
                     double window[4][MAX_WIDTH], double *xBC, size_t width) {
    for (size_t k = 0; k + 1 < shape->d_conv; k++)
        memcpy(window[k], window[k + 1], width * sizeof(double));
    memcpy(window[shape->d_conv - 1], xBC, width * sizeof(double));
    for (size_t c = 0; c < width; c++) {
        double sum = bias ? bias[c] : 0;
        for (size_t k = 0; k < shape->d_conv; k++)
            sum += weight[c * shape->d_conv + k] * window[k][c];
        xBC[c] = silu(sum);
    }
}

/* One token through one layer's mixer: y [d_model] of the normed input u. */
static void mix(const struct shape *shape, const struct dm_tensors *tensors, size_t layer,
                struct memory *memory, const double *u, double *y) {
    size_t E = shape->d_ssm, N = shape->d_state, G = shape->n_group, H = shape->n_head;
    size_t width = E + 2 * G * N, mlp = shape->d_inner - E, rows = 2 * mlp + E + width + H;
    size_t head_dim = E / H;
    double in[2 * MAX_WIDTH], inner[MAX_WIDTH] = {0};
    assert_true(width <= MAX_WIDTH && rows <= 2 * MAX_WIDTH && E * N <= MAX_STATE);
    product(values(tensors, layer, "mixer.in_proj.weight"), u, rows, shape->d_model, in);
    for (size_t i = 0; shape->bias && i < rows; i++)
        in[i] += values(tensors, layer, "mixer.in_proj.bias")[i];
    double *z = in + 2 * mlp, *xBC = z + E, *dt = xBC + width;
    convolve(shape, values(tensors, layer, "mixer.conv1d.weight"),
             values(tensors, layer, "mixer.conv1d.bias"), memory->window, xBC, width);
    const double *A_log = values(tensors, layer, "mixer.A_log");
    const double *D = values(tensors, layer, "mixer.D");
    for (size_t h = 0; h < H; h++) {
        double delta = log1p(exp(dt[h] + values(tensors, layer, "mixer.dt_bias")[h]));
        delta = fmin(fmax(delta, shape->dt_min), shape->dt_max);
        double decay = exp(-delta * exp(A_log[h]));
        const double *B = xBC + E + h / (H / G) * N, *C = B + G * N;
        for (size_t c = h * head_dim; c < (h + 1) * head_dim; c++) {
            inner[c] = D[shape->D_by_channel ? c : h] * xBC[c];
            for (size_t n = 0; n < N; n++) {
                double *state = &memory->state[c * N + n];
                *state = decay * *state + delta * B[n] * xBC[c];
                inner[c] += C[n] * *state;
            }
        }
    }
    const double *gate_norm = values(tensors, layer, "mixer.norm.weight");
    size_t group = E / G;
    for (size_t c = 0; c < E; c++)
        inner[c] *= shape->rmsnorm && shape->norm_first ? 1 : silu(z[c]);
    for (size_t g = 0; shape->rmsnorm && g < G; g++)
        rms_norm(inner + g * group, gate_norm + g * group, group, shape->epsilon,
                 inner + g * group);
    for (size_t c = 0; c < E; c++)
        inner[c] *= shape->rmsnorm && shape->norm_first ? silu(z[c]) : 1;
    /* the official class puts the MLP's part first */
    double joined[2 * MAX_WIDTH];
    for (size_t i = 0; i < mlp; i++)
        joined[i] = silu(in[i]) * in[mlp + i];
    memcpy(joined + mlp, inner, E * sizeof *inner);
    product(values(tensors, layer, "mixer.out_proj.weight"), joined, shape->d_model, shape->d_inner,
            y);
    for (size_t i = 0; shape->bias && i < shape->d_model; i++)
        y[i] += values(tensors, layer, "mixer.out_proj.bias")[i];
}

static double loss_of_token(const struct shape *shape, const struct dm_tensors *tensors,
                            const double *residual, int32_t next) {
    double normed[16], logits[VOCAB], sum = 0;
    rms_norm(residual, values(tensors, DM_NO_LAYER, "backbone.norm_f.weight"), shape->d_model,
             shape->epsilon, normed);
    product(values(tensors, DM_NO_LAYER, "lm_head.weight"), normed, VOCAB, shape->d_model, logits);
    for (size_t i = 0; i < VOCAB; i++)
        sum += exp(logits[i]);
    return log(sum) - logits[next];
}

/* losses[t]: of ids[t + 1] after the tokens 0 .. t. */
static void read_by_recurrence(const struct shape *shape, const struct dm_tensors *tensors,
                               const int32_t *ids, size_t n_id, double *losses) {
    struct memory *memory = dm_memory_zeroed(shape->n_layer, sizeof *memory);
    assert_non_null(memory);
    for (size_t t = 0; t + 1 < n_id; t++) {
        double residual[16], normed[16], y[16];
        const double *embedding = values(tensors, DM_NO_LAYER, "backbone.embeddings.weight");
        memcpy(residual, embedding + (size_t)ids[t] * shape->d_model,
               shape->d_model * sizeof *residual);
        for (size_t layer = 0; layer < shape->n_layer; layer++) {
            rms_norm(residual, values(tensors, layer, "norm.weight"), shape->d_model,
                     shape->epsilon, normed);
            mix(shape, tensors, layer, &memory[layer], normed, y);
            for (size_t i = 0; i < shape->d_model; i++)
                residual[i] += y[i];
        }
        losses[t] = loss_of_token(shape, tensors, residual, ids[t + 1]);
    }
    dm_memory_free(memory);
}

/* ---- The network ---- */

static void require(dm_status status, const dm_error *error) {
    if (status)
        fail_msg("%s", error->message);
}

struct network {
    struct dm_ops ops;
    struct dm_trained_network trained;
    struct dm_method *method;
    struct dm_pass pass;
};

static void network_new(struct network *network, const struct dm_model_config *config,
                        struct dm_random *random) {
    struct dm_tensors tensors;
    dm_error error;
    *network = (struct network){0};
    dm_reference_ops(&network->ops);
    require(dm_tensors_new(config, &tensors, &error), &error);
    for (size_t i = 0; i < tensors.n; i++)
        for (size_t j = 0; j < tensors.list[i].n; j++)
            tensors.list[i].value[j] = 0.6 * dm_random_normal(random);
    const struct dm_lora no_lora = {0};
    require(dm_trained_network_new(config, &network->ops, NULL, DM_DTYPE_F32, &no_lora, &tensors,
                                   &network->trained, &error),
            &error);
    const dm_method_options options = DM_METHOD_OPTIONS_INIT;
    require(dm_method_new(&options, config->n_layer, NULL, &network->method, &error), &error);
    require(dm_method_attach(network->method, &network->trained.network, &error), &error);
    require(dm_trained_network_refresh(&network->trained, &error), &error);
    network->pass.trained = &network->trained;
    network->pass.method = network->method;
}

static void network_free(struct network *network) {
    dm_pass_free(&network->pass);
    dm_method_free(network->method);
    dm_trained_network_free(&network->trained);
}

/* The loss of the one token that is predicted at `at`. */
static double read_by_network(struct network *network, const int32_t *ids, size_t n_id, size_t at) {
    float *weight = dm_memory_zeroed(n_id, sizeof *weight);
    const size_t start[] = {0, n_id};
    struct dm_pass_loss loss;
    dm_error error;
    assert_non_null(weight);
    weight[at] = 1;
    const struct dm_pass_batch batch = {
        .n_sequence = 1, .start = start, .ids = ids, .weight = weight};
    require(dm_pass_run(&network->pass, &batch, false, &loss, &error), &error);
    dm_memory_free(weight);
    assert_true(loss.n_prediction == 1 && loss.weight == 1);
    return loss.sum;
}

/* Losses at tokens `step` apart. */
static void check(const struct shape *shape, struct dm_random *random, size_t n_id, size_t step) {
    struct dm_model_config config;
    struct network network;
    int32_t *ids = dm_memory_zeroed(n_id, sizeof *ids);
    double *losses = dm_memory_zeroed(n_id, sizeof *losses);
    assert_true(ids && losses);
    read_config(shape, &config);
    network_new(&network, &config, random);
    for (size_t t = 0; t < n_id; t++)
        ids[t] = (int32_t)below(random, VOCAB);
    read_by_recurrence(shape, &network.trained.tensors, ids, n_id, losses);
    for (size_t t = n_id - 1; t >= step; t -= step) {
        double ours = read_by_network(&network, ids, n_id, t);
        if (!(fabs(ours - losses[t - 1]) <= 1e-10 * fmax(1, losses[t - 1])))
            fail_msg("token %zu: %.15g, by the recurrence %.15g", t, ours, losses[t - 1]);
    }
    network_free(&network);
    dm_memory_free(ids);
    dm_memory_free(losses);
}

static void test_random_models(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 11);
    for (size_t i = 0; i < N_RANDOM; i++) {
        struct shape shape = draw_shape(&random);
        check(&shape, &random, N_TOKEN, 9);
    }
}

/* Past 100,000 tokens nothing has drifted. */
static void test_long_text(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 12);
    const struct shape shape = {.d_model = 4,
                                .n_layer = 2,
                                .d_inner = 8,
                                .d_ssm = 8,
                                .d_state = 4,
                                .d_conv = 4,
                                .n_head = 4,
                                .n_group = 2,
                                .conv_bias = true,
                                .rmsnorm = true,
                                .epsilon = 1e-5,
                                .dt_max = INFINITY};
    check(&shape, &random, 120001, 40000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_models),
        cmocka_unit_test(test_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
