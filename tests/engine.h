/* For the tests of the whole engine: small random models, texts, and what a reading gave. */
#ifndef DM_TESTS_ENGINE_H
#define DM_TESTS_ENGINE_H

#include "test_support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu_features.h"
#include "base/random.h"
#include "checkpoint/safetensors.h"
#include "decimamba.h"
#include "layers/kinds.h"

struct shape {
    const char *name;
    unsigned n_layer, d_model, expand, d_state, d_conv, dt_rank, vocab_size;
    bool tied;
};

enum { MAX_STAGE = 4 };

/* What a session gives at a close. */
struct outcome {
    size_t n_stage, n_kept[MAX_STAGE];
    size_t *kept[MAX_STAGE];
    size_t n_logit;
    float *logits;
};

/* "layer_types" of a network whose layers are of the kind that DM_TEST_KIND names, or of the kinds in
 * turn where it is "mixed"; nothing, for Mamba's, where it is not set. */
static inline const char *layer_types(unsigned n_layer) {
    static char text[1024];
    const char *kind = getenv("DM_TEST_KIND");
    size_t n = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < n_layer && kind; i++) {
        const char *own = strcmp(kind, "mixed") ? kind : dm_layer_kinds[i % dm_n_layer_kind]->name;
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%s\"",
                              i ? ", " : ", \"layer_types\": [", own);
        assert_true(n + 2 < sizeof text);
    }
    if (n)
        snprintf(text + n, sizeof text - n, "]");
    return text;
}

/* Heads of some channels each for `d_inner` of them, as many groups of them as can be of two. */
static inline const char *heads_of(unsigned d_inner) {
    static char text[128];
    unsigned n_head = d_inner;
    for (unsigned k = 2; k <= 8; k++)
        n_head = d_inner % k ? n_head : d_inner / k;
    snprintf(text, sizeof text, "\"num_heads\": %u, \"head_dim\": %u, \"n_groups\": %u", n_head,
             d_inner / n_head, n_head % 2 ? 1 : 2);
    return text;
}

static inline const char *make_checkpoint(const char *parent, const struct shape *shape,
                                          uint64_t seed) {
    char config[2048], config_path[TEST_MAX_PATH];
    dm_error error;
    int n =
        snprintf(config, sizeof config,
                 "{\"model_type\": \"mamba\", \"hidden_size\": %u, \"num_hidden_layers\": %u, "
                 "\"state_size\": %u, \"conv_kernel\": %u, \"expand\": %u, "
                 "\"intermediate_size\": %u, \"time_step_rank\": %u, \"vocab_size\": %u, "
                 "\"use_bias\": false, \"use_conv_bias\": true, \"tie_word_embeddings\": %s%s, %s}",
                 shape->d_model, shape->n_layer, shape->d_state, shape->d_conv, shape->expand,
                 shape->d_model * shape->expand, shape->dt_rank, shape->vocab_size,
                 shape->tied ? "true" : "false", layer_types(shape->n_layer),
                 heads_of(shape->d_model * shape->expand));
    snprintf(config_path, sizeof config_path, "%s.json", test_join(parent, shape->name));
    test_write_file(config_path, config, (size_t)n);
    const char *path = test_join(parent, shape->name);
    require(dm_checkpoint_init(config_path, path, DM_DTYPE_F32, seed, &error), &error);
    return path;
}

/* Where a float32 tensor of the checkpoint lies in its file: the first byte, and the number of its
 * elements. */
static inline size_t find_weights(const char *path, const char *tensor, size_t *n) {
    struct dm_safetensors file;
    dm_error error;
    require(dm_safetensors_open(&file, path, &error), &error);
    const struct dm_named_tensor *found = dm_safetensors_find(&file, tensor);
    assert_non_null(found);
    size_t offset = (size_t)(found->data - file.file.bytes);
    *n = found->n_byte / sizeof(float);
    dm_safetensors_close(&file);
    return offset;
}

/* Sets elements [first, first + n) of it; n SIZE_MAX: all from there on. */
static inline void set_weights(const char *checkpoint, const char *tensor, size_t first, size_t n,
                               float value) {
    char path[TEST_MAX_PATH];
    size_t n_all;
    assert_true(snprintf(path, sizeof path, "%s/model.safetensors", checkpoint) < TEST_MAX_PATH);
    size_t offset = find_weights(path, tensor, &n_all) + first * sizeof value;
    n = n == SIZE_MAX ? n_all - first : n;
    assert_true(n_all >= first + n);
    FILE *stream = fopen(path, "r+b");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, (long)offset, SEEK_SET), 0);
    while (n--)
        assert_int_equal(fwrite(&value, sizeof value, 1, stream), 1);
    assert_int_equal(fclose(stream), 0);
}

static inline dm_model *load_model(const char *path, const char *cpu, size_t n_thread) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_model *model;
    dm_error error;
    options.cpu = cpu;
    options.n_thread = n_thread;
    require(dm_model_load(path, &options, &model, &error), &error);
    return model;
}

static inline dm_session *new_session(const dm_model *model, const dm_method_options *method) {
    dm_session *session;
    dm_error error;
    require(dm_session_new(model, method, &session, &error), &error);
    return session;
}

static inline size_t vocab_of(const dm_model *model) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_error error;
    require(dm_model_get_info(model, &info, &error), &error);
    return info.vocab_size;
}

static inline bool has_cpu(const char *cpu) {
    unsigned flags = dm_cpu_features();
    return strcmp(cpu, "reference") == 0 || (strcmp(cpu, "avx2") == 0 && (flags & DM_CPU_AVX2)) ||
           (strcmp(cpu, "avx512") == 0 && (flags & DM_CPU_AVX512));
}

/* Ids with runs that repeat: equal methods give equal scores. */
static inline int32_t *random_ids(struct dm_random *random, size_t n, size_t vocab_size) {
    int32_t *ids = some(n, sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = i > 8 && dm_random_below(random, 4) == 0
                     ? ids[i - 8]
                     : (int32_t)dm_random_below(random, vocab_size);
    return ids;
}

static inline void read_text(dm_session *session, const int32_t *ids, size_t n) {
    dm_error error;
    require(dm_session_append(session, ids, n, &error), &error);
}

static inline void close_text(dm_session *session, size_t n_last, float *logits) {
    dm_error error;
    require(dm_session_logits(session, n_last, logits, &error), &error);
}

/* Closes the text; `method` says which layers decimate. */
static inline struct outcome outcome_of(dm_session *session, const dm_method_options *method,
                                        size_t vocab_size) {
    struct outcome outcome = {0};
    size_t n = dm_session_n_token(session);
    size_t n_last = n < method->keep_tail ? n : method->keep_tail;
    dm_error error;
    outcome.n_logit = n_last * vocab_size;
    outcome.logits = some(outcome.n_logit, sizeof(float));
    close_text(session, n_last, outcome.logits);
    if (method->kind == DM_METHOD_NONE)
        return outcome;
    outcome.n_stage = method->n_layer;
    for (size_t i = 0; i < method->n_layer; i++) {
        const size_t *kept;
        require(dm_session_kept(session, method->layers[i], &kept, &outcome.n_kept[i], &error),
                &error);
        outcome.kept[i] = some(outcome.n_kept[i], sizeof *kept);
        memcpy(outcome.kept[i], kept, outcome.n_kept[i] * sizeof *kept);
    }
    return outcome;
}

static inline void free_outcome(struct outcome *outcome) {
    for (size_t i = 0; i < outcome->n_stage; i++)
        free(outcome->kept[i]);
    free(outcome->logits);
}

/* The largest difference, relative to the largest magnitude in `expected`. */
static inline double difference(const float *actual, const float *expected, size_t n) {
    double largest = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        double apart = fabs((double)actual[i] - expected[i]);
        if (!(apart <= most))
            most = apart;
        largest = fmax(largest, fabs((double)expected[i]));
    }
    return largest > 0 ? most / largest : most;
}

static inline void expect_same_kept(const struct outcome *actual, const struct outcome *expected) {
    assert_int_equal(actual->n_stage, expected->n_stage);
    for (size_t i = 0; i < expected->n_stage; i++) {
        assert_int_equal(actual->n_kept[i], expected->n_kept[i]);
        assert_memory_equal(actual->kept[i], expected->kept[i],
                            expected->n_kept[i] * sizeof *expected->kept[i]);
    }
}

static inline void expect_same_bits(const struct outcome *actual, const struct outcome *expected) {
    expect_same_kept(actual, expected);
    assert_int_equal(actual->n_logit, expected->n_logit);
    assert_memory_equal(actual->logits, expected->logits, expected->n_logit * sizeof(float));
}

#endif
