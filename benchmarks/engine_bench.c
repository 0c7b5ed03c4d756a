/* Reading and generating, measured in rounds beside the matrix products, the exponentials and a
 * sweep over memory alone: the machine may be shared, so ratios are taken within a round, and their
 * median counts. Prints a JSON line.
 *
 *     engine_bench MODEL read TOKENS               beside products and exponentials
 *     engine_bench MODEL read TOKENS LAYERS        decimating at 12, or 12,13, ..., beside plain reading
 *     engine_bench MODEL generate TOKENS           beside a sweep over the weights' bytes
 *     engine_bench MODEL generate TOKENS BATCH     beside one sequence
 *     engine_bench MODEL load                      up to the first token
 *
 * Options from the environment: DM_THREADS, DM_DTYPE (f32, bf16, bf16x3, int8 or q4), DM_CPU, DM_REPEATS,
 * DM_BETA, DM_BASE_LENGTH, DM_ALONE (not 0: decimating without plain reading beside it),
 * DM_PROCESSOR_TIME (of one thread, instead of the clock's). */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "bench.h"
#include "limits.h"
#include "model/language_model.h"

enum { max_repeat = 64, append_tokens = 4096, max_layers = 64 };

static size_t n_repeat(void) {
    size_t n = setting("DM_REPEATS", 5);
    return n < 1 ? 1 : n > max_repeat ? max_repeat : n;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts; the one in the middle. */
static double median(double *values, size_t n) {
    qsort(values, n, sizeof *values, by_value);
    return values[n / 2];
}

/* ---- Texts ---- */

struct text {
    dm_session **sessions;
    size_t n_session, n_token;
    int32_t *ids;
    float *logits;
};

/* "12,13"; `layers` NULL: plain. */
static struct text new_text(const dm_model *model, size_t n_session, size_t n_token,
                            const char *layers) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    size_t decimating[max_layers], n_id = n_token > n_session ? n_token : n_session;
    dm_error error;
    for (const char *at = layers; at && *at && method.n_layer < max_layers; at += *at == ',') {
        char *end;
        decimating[method.n_layer++] = strtoul(at, &end, 10);
        at = end;
    }
    if (layers) {
        const char *beta = getenv("DM_BETA");
        method.kind = DM_METHOD_DECIMATE;
        method.layers = decimating;
        method.base_length = setting("DM_BASE_LENGTH", method.base_length);
        method.beta = beta ? strtod(beta, NULL) : method.beta;
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
        check(dm_session_new(model, &method, &text.sessions[i], &error), &error);
    return text;
}

static void free_text(struct text *text) {
    for (size_t i = 0; i < text->n_session; i++)
        dm_session_free(text->sessions[i]);
    free(text->sessions);
    free(text->ids);
    free(text->logits);
}

/* Seconds for the whole text, from an empty session to its last token's logits. */
static double time_reading(const struct text *text) {
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

/* Seconds of a step of the first n sessions. */
static double time_step(const struct text *text, size_t n) {
    dm_error error;
    double begin = seconds();
    for (size_t i = 0; i < text->n_token; i++)
        check(dm_step_many(text->sessions, n, text->ids, text->logits, &error), &error);
    return (seconds() - begin) / (double)text->n_token;
}

/* ---- Rounds ---- */

static void print_model(const dm_model *model, const char *what) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_error error;
    check(dm_model_get_info(model, &info, &error), &error);
    printf("{\"bench\": \"%s\", \"dtype\": \"%s\", \"cpu\": \"%s\", \"threads\": %zu, "
           "\"packed_mb\": %.1f",
           what, dm_dtype_name(info.compute_dtype), info.cpu, info.n_thread,
           (double)info.packed_bytes / 1048576);
}

/* The median, and slowest / fastest. */
static void print_rate(double tokens, double *times, size_t n) {
    double middle = median(times, n);
    printf(", \"tokens_per_s\": %.1f, \"spread\": %.2f", tokens / middle, times[n - 1] / times[0]);
}

static void bench_reading(const dm_model *model, size_t n_token) {
    double times[max_repeat], products[max_repeat], exponentials[max_repeat], ratios[max_repeat];
    size_t n = n_repeat();
    struct text text = new_text(model, 1, n_token, NULL);
    struct limits *limits = limits_new(model);
    time_reading(&text);
    for (size_t i = 0; i < n; i++) {
        times[i] = time_reading(&text);
        products[i] = limits_products(limits, n_token);
        exponentials[i] = limits_exponentials(limits, n_token);
        ratios[i] = times[i] / (products[i] + exponentials[i]);
    }
    double all = (double)n_token;
    print_model(model, "read, plain");
    printf(", \"tokens\": %zu", n_token);
    print_rate(all, times, n);
    double of_products = median(products, n);
    printf(", \"products_tokens_per_s\": %.0f, \"products_gflops\": %.0f", all / of_products,
           limits_flops(model) * all / of_products / 1e9);
    double of_exponentials = median(exponentials, n), ratio = median(ratios, n);
    printf(", \"exponentials_tokens_per_s\": %.0f", all / of_exponentials);
    printf(", \"time_over_both\": %.2f, \"best\": %.2f, \"worst\": %.2f, \"peak_mb\": %.0f}\n",
           ratio, ratios[0], ratios[n - 1], peak_megabytes());
    limits_free(limits);
    free_text(&text);
}

static void bench_decimating(const dm_model *model, size_t n_token, const char *layers) {
    double times[max_repeat], ratios[max_repeat];
    size_t n = n_repeat();
    struct text plain = new_text(model, 1, n_token, NULL);
    struct text cut = new_text(model, 1, n_token, layers);
    bool beside = setting("DM_ALONE", 0) == 0;
    for (size_t i = 0; i < n; i++) {
        double whole = beside ? time_reading(&plain) : 0;
        times[i] = time_reading(&cut);
        ratios[i] = whole / times[i];
    }
    double ratio = median(ratios, n);
    print_model(model, "read, decimating");
    printf(", \"layers\": \"%s\", \"tokens\": %zu", layers, n_token);
    print_rate((double)n_token, times, n);
    if (beside)
        printf(", \"times_plain\": %.2f, \"least\": %.2f, \"most\": %.2f", ratio, ratios[0],
               ratios[n - 1]);
    printf(", \"peak_mb\": %.0f}\n", peak_megabytes());
    free_text(&plain);
    free_text(&cut);
}

static void bench_generating(const dm_model *model, size_t n_token, size_t n_session) {
    double times[max_repeat], ratios[max_repeat];
    size_t n = n_repeat();
    struct text text = new_text(model, n_session, n_token, NULL);
    struct limits *limits = limits_new(model);
    time_step(&text, n_session);
    for (size_t i = 0; i < n; i++) {
        double memory = 0, one;
        for (size_t k = 0; k < n_token && n_session == 1; k++)
            memory += limits_memory(limits) / (double)n_token;
        one = n_session == 1 ? memory : time_step(&text, 1) * (double)n_session;
        times[i] = time_step(&text, n_session);
        ratios[i] = one / times[i];
    }
    double ratio = median(ratios, n);
    print_model(model, "generate");
    printf(", \"sequences\": %zu", n_session);
    print_rate((double)n_session, times, n);
    printf(", \"%s\": %.2f, \"least\": %.2f, \"most\": %.2f, \"peak_mb\": %.0f}\n",
           n_session == 1 ? "share_of_memory" : "times_one", ratio, ratios[0], ratios[n - 1],
           peak_megabytes());
    limits_free(limits);
    free_text(&text);
}

static void bench_loading(const char *path, const dm_model_options *options) {
    double loads[max_repeat], firsts[max_repeat];
    size_t n = n_repeat();
    dm_model *model = NULL;
    dm_error error;
    for (size_t i = 0; i < n; i++) {
        dm_model_free(model);
        double begin = seconds();
        check(dm_model_load(path, options, &model, &error), &error);
        double loaded = seconds();
        struct text text = new_text(model, 1, 1, NULL);
        time_step(&text, 1);
        firsts[i] = seconds() - loaded;
        loads[i] = loaded - begin;
        free_text(&text);
    }
    print_model(model, "load");
    double load = median(loads, n), first = median(firsts, n);
    printf(", \"load_s\": %.3f, \"first_token_s\": %.3f}\n", load, first);
    dm_model_free(model);
}

int main(int n_argument, char **arguments) {
    if (n_argument < 3 || (n_argument < 4 && strcmp(arguments[2], "load") != 0)) {
        fprintf(stderr, "usage: engine_bench MODEL read|generate|load [TOKENS [LAYERS|BATCH]]\n");
        return 1;
    }
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    const char *dtype = getenv("DM_DTYPE"), *what = arguments[2];
    const char *last = n_argument > 4 ? arguments[4] : NULL;
    size_t n_token = n_argument > 3 ? strtoul(arguments[3], NULL, 10) : 0;
    dm_model *model;
    dm_error error;
    options.n_thread = setting("DM_THREADS", 0);
    options.cpu = getenv("DM_CPU");
    if (dtype)
        options.dtype = dtype_named(dtype);
    if (strcmp(what, "load") == 0) {
        bench_loading(arguments[1], &options);
        return 0;
    }
    check(dm_model_load(arguments[1], &options, &model, &error), &error);
    if (strcmp(what, "generate") == 0)
        bench_generating(model, n_token, last ? strtoul(last, NULL, 10) : 1);
    else if (last)
        bench_decimating(model, n_token, last);
    else
        bench_reading(model, n_token);
    dm_model_free(model);
    return 0;
}
