/* Numbers and settings at their edges: every instruction set gives what the plain reference gives,
 * all of it finite, and the counts of kept tokens are those of the official code. */
#include "engine.h"

#include <float.h>

static const struct shape shape = {.name = "model",
                                   .n_layer = 4,
                                   .d_model = 12,
                                   .expand = 2,
                                   .d_state = 3,
                                   .d_conv = 5,
                                   .dt_rank = 2,
                                   .vocab_size = 32};
enum { n_layer = 4, d_model = 12, d_inner = 24, d_state = 3, vocab_size = 32, n_id = 700 };
enum { max_cpu = 3 };

static char parent[TEST_MAX_PATH];
static int32_t ids[n_id];
static const char *cpus[max_cpu];
static size_t n_cpu;

static int set_up(void **state) {
    static const char *const all[] = {"reference", "avx2", "avx512"};
    (void)state;
    struct dm_random random;
    test_make_directory(parent);
    dm_random_seed(&random, 8);
    for (size_t i = 0; i < n_id; i++)
        ids[i] = (int32_t)dm_random_below(&random, vocab_size);
    for (size_t i = 0; i < max_cpu; i++)
        if (has_cpu(all[i]))
            cpus[n_cpu++] = all[i];
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_remove_directory(parent);
    return 0;
}

/* Looks for what is not finite, everywhere. */
static dm_model *load_checked(const char *path, const char *cpu) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_model *model;
    dm_error error;
    options.cpu = cpu;
    options.n_thread = 1;
    options.check = 1;
    require(dm_model_load(path, &options, &model, &error), &error);
    return model;
}

static void load_all(const char *path, dm_model *models[max_cpu]) {
    for (size_t i = 0; i < n_cpu; i++)
        models[i] = load_checked(path, cpus[i]);
}

static void free_all(dm_model *models[max_cpu]) {
    for (size_t i = 0; i < n_cpu; i++)
        dm_model_free(models[i]);
}

static const size_t every_layer[] = {0, 1, 2, 3};

static dm_method_options decimating(size_t first, size_t n) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = n ? DM_METHOD_DECIMATE : DM_METHOD_NONE;
    method.layers = every_layer + first;
    method.n_layer = n;
    method.base_length = 60;
    method.min_length = 5;
    return method;
}

/* The first n ids, then a step. */
static struct outcome read_with(const dm_model *model, const dm_method_options *method, size_t n,
                                float *stepped) {
    dm_session *session = new_session(model, method);
    dm_error error;
    read_text(session, ids, n);
    struct outcome outcome = outcome_of(session, method, vocab_size);
    require(dm_session_step(session, ids[0], stepped, &error), &error);
    dm_session_free(session);
    return outcome;
}

/* The reference's outcome, to be freed; every other instruction set has given the same. */
static struct outcome read_alike(dm_model *const models[max_cpu], const char *what,
                                 const dm_method_options *method, size_t n) {
    float stepped[max_cpu][vocab_size];
    struct outcome reference = read_with(models[0], method, n, stepped[0]);
    for (size_t i = 1; i < n_cpu; i++) {
        struct outcome own = read_with(models[i], method, n, stepped[i]);
        expect_same_kept(&own, &reference);
        double apart = difference(own.logits, reference.logits, reference.n_logit);
        double step_apart = difference(stepped[i], stepped[0], vocab_size);
        if (!(apart <= 1e-4 && step_apart <= 1e-4))
            fail_msg("%s, %zu tokens, %s: logits are %g apart, after a step %g", what, n, cpus[i],
                     apart, step_apart);
        free_outcome(&own);
    }
    return reference;
}

/* ---- Weights ---- */

/* A weight of every layer, set to one value. */
struct change {
    const char *tensor;
    float value;
};

static void change_layers(const char *path, struct change change) {
    for (size_t layer = 0; layer < n_layer; layer++) {
        char name[96];
        snprintf(name, sizeof name, "backbone.layers.%zu.mixer.%s", layer, change.tensor);
        set_weights(path, name, 0, SIZE_MAX, change.value);
    }
}

static void test_extreme_weights(void **state) {
    static const struct {
        const char *name;
        struct change changes[3];
    } cases[] = {
        {"steps-of-1e-26", {{"dt_proj.bias", -60}}},
        {"denormal-steps", {{"dt_proj.bias", -100}, {"dt_proj.weight", 0}}},
        {"no-steps", {{"dt_proj.bias", -200}}},
        {"no-steps-at-all", {{"dt_proj.bias", -FLT_MAX}}},
        {"steps-of-1000", {{"dt_proj.bias", 1000}}},
        {"steps-of-1e30", {{"dt_proj.bias", 1e30f}}},
        {"no-decay", {{"A_log", -100}}},
        {"no-decay-at-all", {{"A_log", -FLT_MAX}}},
        {"no-decay-in-large-steps", {{"A_log", -100}, {"dt_proj.bias", 1000}}},
        {"decay-at-once", {{"A_log", 50}}},
        {"nearly-infinite-decay", {{"A_log", 88.6f}}},
        {"infinite-decay", {{"A_log", 100}}},
        {"infinite-decay-in-no-steps", {{"A_log", 100}, {"dt_proj.bias", -200}}},
        {"nearly-infinite-decay-in-no-steps", {{"A_log", 88.6f}, {"dt_proj.bias", -200}}},
        {"infinite-decay-in-denormal-steps",
         {{"A_log", FLT_MAX}, {"dt_proj.bias", -100}, {"dt_proj.weight", 0}}},
        {"denormal-input", {{"in_proj.weight", 1e-41f}}},
        {"denormal-convolution", {{"conv1d.weight", 1e-41f}, {"conv1d.bias", -1e-42f}}},
        {"denormal-output", {{"out_proj.weight", 1e-41f}}},
        {"zeros", {{"in_proj.weight", 0}, {"conv1d.weight", 0}, {"conv1d.bias", 0}}},
        {"silu-far-down", {{"conv1d.bias", -FLT_MAX}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shape own = shape;
        char path[TEST_MAX_PATH];
        dm_model *models[max_cpu];
        own.name = cases[i].name;
        snprintf(path, sizeof path, "%s", make_checkpoint(parent, &own, 3));
        for (size_t k = 0; k < 3 && cases[i].changes[k].tensor; k++)
            change_layers(path, cases[i].changes[k]);
        load_all(path, models);
        for (size_t n_stage = 0; n_stage <= 2; n_stage++) {
            const dm_method_options method = decimating(1, n_stage);
            struct outcome outcome = read_alike(models, cases[i].name, &method, n_id);
            free_outcome(&outcome);
        }
        free_all(models);
    }
}

/* An embedding of denormal numbers is not taken for zeros. */
static void test_denormal_embedding(void **state) {
    (void)state;
    struct shape own = shape;
    char path[TEST_MAX_PATH];
    dm_model *models[max_cpu];
    own.name = "denormal-embedding";
    snprintf(path, sizeof path, "%s", make_checkpoint(parent, &own, 3));
    change_layers(path, (struct change){"conv1d.bias", 0});
    for (size_t i = 0; i < vocab_size * d_model; i++)
        set_weights(path, "backbone.embeddings.weight", i, 1, (float)(1 + i % 7) * 1e-41f);
    load_all(path, models);
    const dm_method_options plain = decimating(0, 0);
    struct outcome outcome = read_alike(models, own.name, &plain, 40);
    assert_true(fabs((double)outcome.logits[0]) > 1e-42 && fabs((double)outcome.logits[0]) < 1e-36);
    free_outcome(&outcome);
    free_all(models);
}

/* Every token has the same Delta, hence the same score: the earliest are kept. */
static void test_equal_scores(void **state) {
    static const char settings[] =
        "{\"version\": 1, \"method\": \"none\", \"global_channels\": {\"0\": [1, 2, 23]}}";
    (void)state;
    struct shape own = shape;
    char path[TEST_MAX_PATH];
    dm_model *models[max_cpu];
    own.name = "ties";
    snprintf(path, sizeof path, "%s", make_checkpoint(parent, &own, 3));
    change_layers(path, (struct change){"dt_proj.weight", 0});
    for (size_t id = 0; id < vocab_size; id++) /* of equal norm, though not equal */
        for (size_t i = 0; i < d_model; i++)
            set_weights(path, "backbone.embeddings.weight", id * d_model + i, 1,
                        (id >> i % 5 & 1) ? 0.25f : -0.25f);
    test_write_file(test_join(path, "decimamba.json"), settings, sizeof settings - 1);
    load_all(path, models);
    static const dm_score scores[] = {DM_SCORE_NORM, DM_SCORE_MEAN, DM_SCORE_GLOBAL,
                                      DM_SCORE_TOKEN_NORM};
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
        dm_method_options method = decimating(0, 1);
        method.score = scores[i];
        method.keep_tail = 3;
        struct outcome outcome = read_alike(models, own.name, &method, n_id);
        assert_int_equal(outcome.n_kept[0], 63);
        for (size_t t = 0; t < 63; t++)
            assert_int_equal(outcome.kept[0][t], t < 60 ? t : n_id - 63 + t);
        free_outcome(&outcome);
    }
    free_all(models);
}

/* ---- Settings and lengths ---- */

/* n = L - tail, K = int(max(min(n, L_base * beta^s), min_seq_len)), K clamped to n, and the
 * tail. */
static void expect_counts(const struct outcome *outcome, const dm_method_options *method,
                          size_t n) {
    double budget = (double)method->base_length;
    for (size_t s = 0; s < outcome->n_stage; s++, budget *= method->beta) {
        size_t tail = n < method->keep_tail ? n : method->keep_tail;
        double max = fmax(fmin((double)(n - tail), budget), (double)method->min_length);
        size_t k = (size_t)fmin(floor(max), (double)(n - tail));
        assert_int_equal(outcome->n_kept[s], k + tail);
        for (size_t t = 0; t < tail; t++)
            assert_int_equal(outcome->kept[s][k + t], n - tail + t);
        n = k + tail;
    }
}

static void check_settings(dm_model *const models[max_cpu], const dm_method_options *method) {
    static const size_t lengths[] = {1, 2, 3, 4, 5, 6, 23, n_id};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i];
        struct outcome outcome = read_alike(models, "settings", method, n);
        expect_counts(&outcome, method, n);
        bool whole = method->kind != DM_METHOD_NONE;
        for (size_t s = 0; s < outcome.n_stage; s++)
            whole = whole && outcome.n_kept[s] == n;
        if (whole) { /* nothing was dropped: plain Mamba */
            dm_method_options none = DM_METHOD_OPTIONS_INIT;
            none.keep_tail = method->keep_tail;
            struct outcome plain = read_alike(models, "plain", &none, n);
            assert_true(difference(outcome.logits, plain.logits, plain.n_logit) <= 1e-5);
            free_outcome(&plain);
        }
        free_outcome(&outcome);
    }
}

static void test_settings(void **state) {
    static const struct {
        size_t first_layer, n_layer, base_length, min_length, keep_tail;
        double beta;
    } cases[] = {
        {0, 0, 60, 5, 1, 0.5},        /* plain */
        {0, 1, 60, 5, 1, 0.5},        /* at the first layer */
        {3, 1, 60, 5, 1, 0.5},        /* at the last */
        {0, 4, 60, 5, 1, 0.5},        /* at all of them */
        {0, 4, 60, 5, 4, 1},          /* beta 1 */
        {0, 4, 60, 0, 2, 1e-300},     /* beta next to 0: only the tail after the first */
        {1, 2, 0, 5, 1, 0.5},         /* base length 0: min length decides */
        {1, 2, 0, 0, 1, 0.5},         /* and without it only the tail is left */
        {1, 2, 60, 1000, 1, 0.5},     /* min length beyond the text */
        {1, 2, 60, SIZE_MAX, 1, 0.5}, /* by far */
        {1, 2, SIZE_MAX, 5, 1, 1},    /* base length too */
        {0, 4, 60, 5, 1000, 0.5},     /* a tail beyond the text */
        {0, 4, 0, 0, n_id, 0.5},      /* and one just as long */
        {0, 4, 1, 1, 1, 0.5},
    };
    (void)state;
    dm_model *models[max_cpu];
    load_all(make_checkpoint(parent, &shape, 3), models);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dm_method_options method = decimating(cases[i].first_layer, cases[i].n_layer);
        method.base_length = cases[i].base_length;
        method.min_length = cases[i].min_length;
        method.keep_tail = cases[i].keep_tail;
        method.beta = cases[i].beta;
        check_settings(models, &method);
        if (method.kind == DM_METHOD_NONE)
            continue;
        method.kind = DM_METHOD_KEEP_LAST;
        check_settings(models, &method);
    }
    free_all(models);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extreme_weights),
        cmocka_unit_test(test_denormal_embedding),
        cmocka_unit_test(test_equal_scores),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
