/* Reading and generating, beside what the matrix products and the memory alone allow in the same
 * run. Prints one JSON line for each measurement.
 *
 *     engine_bench MODEL read TOKENS LAYER     plain where LAYER is -1, else decimating there
 *     engine_bench MODEL generate TOKENS BATCH
 *     engine_bench MODEL limits TOKENS
 *
 * Options from the environment: DM_THREADS, DM_DTYPE (f32 or bf16), DM_CPU, DM_REPEATS. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "model/language_model.h"

enum { max_repeat = 64, append_tokens = 4096 };

static size_t n_repeat(void) {
    size_t n = setting("DM_REPEATS", 5);
    return n < 1 ? 1 : n > max_repeat ? max_repeat : n;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs `body` n_repeat times; the median, and the spread (slowest / fastest). */
static double median(double (*body)(void *context), void *context, double *spread) {
    double times[max_repeat];
    size_t n = n_repeat();
    for (size_t i = 0; i < n; i++)
        times[i] = body(context);
    qsort(times, n, sizeof *times, by_value);
    *spread = times[n - 1] / times[0];
    return times[n / 2];
}

static void print_model(const dm_model *model, const char *what) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_error error;
    check(dm_model_get_info(model, &info, &error), &error);
    printf("{\"bench\": \"%s\", \"d_model\": %zu, \"n_layer\": %zu, \"dtype\": \"%s\", "
           "\"cpu\": \"%s\", \"threads\": %zu, \"packed_mb\": %.1f",
           what, info.d_model, info.n_layer, dtype_name(info.compute_dtype), info.cpu,
           info.n_thread, (double)info.packed_bytes / 1048576);
}

/* ---- Limits ---- */

struct products {
    const dm_model *model;
    size_t n_token;
    float *x, *y;
};

/* The matrix products of all layers, and nothing else, in chunks as reading does them. */
static double time_products(void *context) {
    const struct products *products = context;
    const dm_model *model = products->model;
    dm_error error;
    double begin = seconds();
    for (size_t done = 0; done < products->n_token; done += model->chunk) {
        size_t left = products->n_token - done, n = left < model->chunk ? left : model->chunk;
        for (size_t layer = 0; layer < model->network.config.n_layer; layer++) {
            const struct dm_projections *own = &model->network.layers[layer].project;
            const struct dm_matrix *matrices[] = {own->in_x,    own->x_dt, own->x_BC,
                                                  own->dt_proj, own->in_z, own->out_proj};
            for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
                const struct dm_matmul op = {n, products->x, matrices[i], products->y,
                                             matrices[i] == own->out_proj};
                check(model->network.ops.matmul.multiply(&op, 1, model->network.threads, &error),
                      &error);
            }
        }
    }
    return seconds() - begin;
}

struct sweep {
    struct dm_threads *threads;
    const uint64_t *words;
    size_t n_word, n_piece;
    uint64_t sums[1024];
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

static double time_sweep(void *context) {
    struct sweep *sweep = context;
    double begin = seconds();
    dm_parallel_for(sweep->threads, sweep->n_piece, sum_piece, sweep);
    return seconds() - begin;
}

/* Seconds to read as many bytes as the packed weights have. */
static double memory_limit(const dm_model *model, double *spread) {
    size_t n_word = model->packed_bytes / sizeof(uint64_t);
    uint64_t *words = malloc(n_word * sizeof *words);
    struct sweep sweep = {
        .threads = model->network.threads, .words = words, .n_word = n_word, .n_piece = 64};
    if (!words)
        exit(1);
    for (size_t i = 0; i < n_word; i++)
        words[i] = i;
    double time = median(time_sweep, &sweep, spread);
    free(words);
    return time;
}

static double product_limit(const dm_model *model, size_t n_token, double *spread) {
    size_t width = model->network.config.d_inner > model->network.config.d_model
                       ? model->network.config.d_inner
                       : model->network.config.d_model;
    struct products products = {model, n_token, calloc(model->chunk * width, sizeof(float)),
                                calloc(model->chunk * width, sizeof(float))};
    if (!products.x || !products.y)
        exit(1);
    double time = median(time_products, &products, spread);
    free(products.x);
    free(products.y);
    return time;
}

static double product_flops(const struct dm_model_config *config) {
    double E = (double)config->d_inner, D = (double)config->d_model;
    double narrow = (double)(config->dt_rank + 2 * config->d_state) + (double)config->dt_rank;
    return 2 * (double)config->n_layer * (3 * D * E + narrow * E);
}

static void bench_limits(const dm_model *model, size_t n_token) {
    double spread, products = product_limit(model, n_token, &spread);
    print_model(model, "products alone");
    printf(", \"tokens\": %zu, \"tokens_per_s\": %.0f, \"gflops\": %.0f, \"spread\": %.2f}\n",
           n_token, (double)n_token / products,
           product_flops(&model->network.config) * (double)n_token / products / 1e9, spread);
    double memory = memory_limit(model, &spread);
    print_model(model, "memory alone");
    printf(", \"gb_per_s\": %.1f, \"tokens_per_s\": %.1f, \"spread\": %.2f}\n",
           (double)model->packed_bytes / memory / 1e9, 1 / memory, spread);
}

/* ---- Reading and generating ---- */

struct text {
    dm_session **sessions;
    size_t n_session, n_token;
    int32_t *ids;
    float *logits;
};

static double time_reading(void *context) {
    const struct text *text = context;
    dm_error error;
    dm_session_reset(text->sessions[0]);
    double begin = seconds();
    for (size_t done = 0; done < text->n_token; done += append_tokens) {
        size_t left = text->n_token - done, n = left < append_tokens ? left : append_tokens;
        check(dm_session_append(text->sessions[0], text->ids + done, n, &error), &error);
    }
    check(dm_session_logits(text->sessions[0], 1, text->logits, &error), &error);
    return seconds() - begin;
}

static double time_generating(void *context) {
    const struct text *text = context;
    dm_error error;
    double begin = seconds();
    for (size_t i = 0; i < text->n_token; i++)
        check(dm_step_many(text->sessions, text->n_session, text->ids, text->logits, &error),
              &error);
    return seconds() - begin;
}

static struct text new_text(const dm_model *model, size_t n_session, size_t n_token, long layer) {
    dm_context_options context = DM_CONTEXT_OPTIONS_INIT;
    size_t decimating = (size_t)layer, n_id = n_token > n_session ? n_token : n_session;
    dm_error error;
    if (layer >= 0) {
        context.method = DM_CONTEXT_DECIMATE;
        context.layers = &decimating;
        context.n_layer = 1;
    }
    struct text text = {.sessions = calloc(n_session, sizeof(dm_session *)),
                        .n_session = n_session,
                        .n_token = n_token,
                        .ids = calloc(n_id, sizeof(int32_t)),
                        .logits =
                            calloc(n_session * model->network.config.vocab_size, sizeof(float))};
    if (!text.sessions || !text.ids || !text.logits)
        exit(1);
    for (size_t i = 0; i < n_id; i++)
        text.ids[i] = (int32_t)((i * 7919 + i / 13) % model->network.config.vocab_size);
    for (size_t i = 0; i < n_session; i++)
        check(dm_session_new(model, &context, &text.sessions[i], &error), &error);
    return text;
}

static void free_text(struct text *text) {
    for (size_t i = 0; i < text->n_session; i++)
        dm_session_free(text->sessions[i]);
    free(text->sessions);
    free(text->ids);
    free(text->logits);
}

static void bench_reading(const dm_model *model, size_t n_token, long layer) {
    struct text text = new_text(model, 1, n_token, layer);
    double spread, time = median(time_reading, &text, &spread);
    print_model(model, layer < 0 ? "read, plain" : "read, decimating");
    printf(", \"layer\": %ld, \"tokens\": %zu, \"tokens_per_s\": %.0f, \"spread\": %.2f", layer,
           n_token, (double)n_token / time, spread);
    double peak = peak_megabytes();
    if (layer < 0)
        printf(", \"share_of_products\": %.2f", product_limit(model, n_token, &spread) / time);
    printf(", \"peak_mb\": %.0f, \"peak_above_packed_mb\": %.0f}\n", peak,
           peak - (double)model->packed_bytes / 1048576);
    free_text(&text);
}

static void bench_generating(const dm_model *model, size_t n_token, size_t n_session) {
    struct text text = new_text(model, n_session, n_token, -1);
    double spread, time = median(time_generating, &text, &spread);
    double rate = (double)n_token / time;
    print_model(model, "generate");
    printf(", \"sequences\": %zu, \"tokens_per_s\": %.1f, \"spread\": %.2f", n_session,
           rate * (double)n_session, spread);
    printf(", \"share_of_memory\": %.2f, \"peak_mb\": %.0f}\n", rate * memory_limit(model, &spread),
           peak_megabytes());
    free_text(&text);
}

int main(int n_argument, char **arguments) {
    if (n_argument < 4) {
        fprintf(stderr, "usage: engine_bench MODEL read|generate|limits TOKENS [LAYER|BATCH]\n");
        return 1;
    }
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    const char *dtype = getenv("DM_DTYPE"), *what = arguments[2];
    dm_model *model;
    dm_error error;
    options.n_thread = setting("DM_THREADS", 0);
    options.cpu = getenv("DM_CPU");
    if (dtype)
        options.dtype = dtype_named(dtype);
    check(dm_model_load(arguments[1], &options, &model, &error), &error);
    size_t n_token = strtoul(arguments[3], NULL, 10);
    long last = n_argument > 4 ? strtol(arguments[4], NULL, 10) : -1;
    if (strcmp(what, "read") == 0)
        bench_reading(model, n_token, last);
    else if (strcmp(what, "generate") == 0)
        bench_generating(model, n_token, last < 1 ? 1 : (size_t)last);
    else
        bench_limits(model, n_token);
    dm_model_free(model);
    return 0;
}
