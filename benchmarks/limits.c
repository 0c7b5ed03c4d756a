#include "limits.h"

#include <string.h>

#include "base/memory.h"
#include "bench.h"
#include "exponentials.h"
#include "layers/weights.h"

struct limits {
    const dm_model *model;
    float *x, *y;    /* a chunk of the widest rows */
    uint64_t *words; /* as many bytes as the packed weights have */
    size_t n_word;
};

/* The weights of a layer that products read: how many. */
static size_t list_matrices(const struct dm_layer *layer,
                            struct dm_weight_row rows[DM_MAX_WEIGHT]) {
    size_t n = 0, n_row = layer->config->kind->weights(layer->config, rows);
    for (size_t i = 0; i < n_row; i++)
        if (rows[i].use == DM_WEIGHT_MATRIX)
            rows[n++] = rows[i];
    return n;
}

static size_t widest(const struct dm_network *network) {
    size_t width = network->config.d_model;
    for (size_t layer = 0; layer < network->config.n_layer; layer++) {
        struct dm_weight_row rows[DM_MAX_WEIGHT];
        size_t n = list_matrices(&network->layers[layer], rows);
        for (size_t i = 0; i < n; i++) {
            width = rows[i].n_out > width ? rows[i].n_out : width;
            width = rows[i].n_in > width ? rows[i].n_in : width;
        }
    }
    return width;
}

struct limits *limits_new(const dm_model *model) {
    size_t width = widest(&model->network);
    struct limits *limits = calloc(1, sizeof *limits);
    if (!limits)
        exit(1);
    limits->model = model;
    limits->n_word = model->packed_bytes / sizeof(uint64_t);
    limits->x = calloc(model->chunk * width, sizeof(float));
    limits->y = calloc(model->chunk * width, sizeof(float));
    limits->words = dm_memory_large(limits->n_word * sizeof *limits->words);
    if (!limits->x || !limits->y || !limits->words)
        exit(1);
    for (size_t i = 0; i < model->chunk * width; i++)
        limits->x[i] = (float)(i % 1000) / 1000;
    memset(limits->words, 1, limits->n_word * sizeof *limits->words);
    return limits;
}

void limits_free(struct limits *limits) {
    free(limits->x);
    free(limits->y);
    dm_memory_large_free(limits->words, limits->n_word * sizeof *limits->words);
    free(limits);
}

/* ---- Products ---- */

/* What goes into the residual is added to it. */
static void multiply_layer(const struct limits *limits, size_t layer, size_t n) {
    const struct dm_network *network = &limits->model->network;
    struct dm_weight_row rows[DM_MAX_WEIGHT];
    size_t n_matrix = list_matrices(&network->layers[layer], rows);
    dm_error error;
    for (size_t i = 0; i < n_matrix; i++) {
        const struct dm_matmul op = {
            .n_token = n,
            .x = limits->x,
            .weight = *dm_weight_matrix(network->layers[layer].weights, &rows[i]),
            .y = limits->y,
            .accumulate = rows[i].n_out == network->config.d_model};
        check(network->ops.matmul.multiply(&op, 1, network->threads, &error), &error);
    }
}

double limits_products(const struct limits *limits, size_t n_token) {
    const dm_model *model = limits->model;
    double begin = seconds();
    for (size_t done = 0, n; done < n_token; done += n) {
        n = n_token - done < model->chunk ? n_token - done : model->chunk;
        for (size_t layer = 0; layer < model->network.config.n_layer; layer++)
            multiply_layer(limits, layer, n);
    }
    return seconds() - begin;
}

double limits_flops(const dm_model *model) {
    const struct dm_network *network = &model->network;
    double sum = 0;
    for (size_t layer = 0; layer < network->config.n_layer; layer++) {
        struct dm_weight_row rows[DM_MAX_WEIGHT];
        size_t n = list_matrices(&network->layers[layer], rows);
        for (size_t i = 0; i < n; i++)
            sum += 2 * (double)rows[i].n_out * (double)rows[i].n_in;
    }
    return sum;
}

/* ---- Exponentials ---- */

struct exponentials {
    float (*make)(size_t n);
    size_t n_piece, n;
    float sums[1024]; /* [n_piece] */
};

static void make_piece(void *context, size_t i) {
    struct exponentials *exponentials = context;
    exponentials->sums[i] = exponentials->make(exponentials->n);
}

double limits_exponentials(const struct limits *limits, size_t n_token) {
    const struct dm_network *network = &limits->model->network;
    const struct dm_model_config *config = &network->config;
    bool is_avx2 = strcmp(network->ops.cpu, "avx2") == 0;
    struct exponentials exponentials = {.make = is_avx2 ? bench_exponentials_avx2
                                                        : bench_exponentials_avx512,
                                        .n_piece = 8 * dm_threads_count(network->threads)};
    size_t n = 0;
    for (size_t i = 0; i < config->n_layer; i++) { /* the scan's, softplus and two SiLUs */
        const struct dm_layer *layer = &network->layers[i];
        size_t n_row, n_channel;
        layer->config->kind->A(layer, &n_row, &n_channel);
        n += n_token * (n_row * n_channel + n_channel + 2 * dm_model_size(config, "d_inner"));
    }
    if (strcmp(network->ops.cpu, "reference") == 0 || exponentials.n_piece > 1024)
        return 0;
    exponentials.n = n / exponentials.n_piece / 64 * 64;
    double begin = seconds();
    dm_parallel_for(network->threads, exponentials.n_piece, make_piece, &exponentials);
    return seconds() - begin;
}

/* ---- Memory ---- */

struct sweep {
    const uint64_t *words;
    size_t n_word, n_piece;
    uint64_t sums[64];
};

static void sum_piece(void *context, size_t i) {
    struct sweep *sweep = context;
    size_t n = sweep->n_word / sweep->n_piece;
    const uint64_t *words = sweep->words + i * n;
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (size_t w = 0; w + 4 <= n; w += 4) {
        a += words[w];
        b += words[w + 1];
        c += words[w + 2];
        d += words[w + 3];
    }
    sweep->sums[i] = a + b + c + d;
}

double limits_memory(const struct limits *limits) {
    struct sweep sweep = {.words = limits->words, .n_word = limits->n_word, .n_piece = 64};
    double begin = seconds();
    dm_parallel_for(limits->model->network.threads, sweep.n_piece, sum_piece, &sweep);
    return seconds() - begin;
}
