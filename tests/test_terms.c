/* What becomes of the choice of tokens where products in float32 are sums of bf16 (terms.c): all of
 * them, or, where the others are in bf16 or in 8 bits, x_proj and dt_proj, from which Delta comes. Of so
 * many random models, how many keep other tokens? Two that are next to equal may change places, as they
 * may between instruction sets. */
#include "backends/gemm/kernel.h"
#include "engine.h"
#include "terms.h"

enum { n_id = 400, n_stage = 2 };

static char parent[TEST_MAX_PATH];

static dm_model *load_as(const char *path, dm_dtype dtype, const char *cpu, size_t n_term) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_model *model;
    dm_error error;
    options.dtype = dtype;
    options.cpu = cpu;
    options.n_thread = 1;
    test_n_term = n_term;
    require(dm_model_load(path, &options, &model, &error), &error);
    return model;
}

struct text {
    const char *path; /* of its model */
    size_t vocab_size;
    int32_t *ids;
    size_t layers[n_stage];
    dm_method_options method;
};

static void make_text(struct dm_random *random, uint64_t seed, struct text *text) {
    const struct shape shape = {.name = "model",
                                .n_layer = 3,
                                .d_model = 8 + 8 * (unsigned)dm_random_below(random, 6),
                                .expand = 2,
                                .d_state = 4 + (unsigned)dm_random_below(random, 13),
                                .d_conv = 4,
                                .dt_rank = 1 + (unsigned)dm_random_below(random, 6),
                                .vocab_size = 97};
    *text = (struct text){.path = make_checkpoint(parent, &shape, seed),
                          .vocab_size = shape.vocab_size,
                          .ids = random_ids(random, n_id, shape.vocab_size),
                          .layers = {0, 2},
                          .method = DM_METHOD_OPTIONS_INIT};
    text->method.kind = DM_METHOD_DECIMATE;
    text->method.n_layer = n_stage;
    text->method.base_length = 150;
    text->method.beta = 0.6;
    text->method.min_length = 10;
    text->method.keep_tail = 8;
}

static struct outcome read_by(const struct text *text, dm_dtype dtype, const char *cpu,
                              size_t n_term) {
    dm_method_options method = text->method;
    method.layers = text->layers;
    dm_model *model = load_as(text->path, dtype, cpu, n_term);
    dm_session *session = new_session(model, &method);
    read_text(session, text->ids, n_id);
    struct outcome outcome = outcome_of(session, &method, text->vocab_size);
    dm_session_free(session);
    dm_model_free(model);
    return outcome;
}

static bool keep_the_same(const struct outcome *a, const struct outcome *b) {
    for (size_t i = 0; i < n_stage; i++) {
        if (a->n_kept[i] != b->n_kept[i])
            return false;
        for (size_t k = 0; k < a->n_kept[i]; k++)
            if (a->kept[i][k] != b->kept[i][k])
                return false;
    }
    return true;
}

/* Beside products in float32, by the same kernels where `cpu` is NULL. */
struct trial {
    const char *name;
    dm_dtype others;
    const char *cpu;
    size_t n_term, n_changed, n_allowed; /* of 1,000 */
    double apart;                        /* of the logits where the same tokens are kept */
};

static void try_one(const struct text *text, struct trial *trial) {
    struct outcome exact = read_by(text, trial->others, NULL, 0);
    struct outcome other = read_by(text, trial->others, trial->cpu, trial->n_term);
    if (keep_the_same(&other, &exact))
        trial->apart = fmax(trial->apart, difference(other.logits, exact.logits, exact.n_logit));
    else
        trial->n_changed++;
    free_outcome(&exact);
    free_outcome(&other);
}

static void test_choice(void **state) {
    (void)state;
    if (!dm_gemm_kernel(DM_DTYPE_BF16, dm_cpu_features()))
        skip();
    struct trial trials[] = {
        {"three terms, all products", DM_DTYPE_F32, NULL, 3, .n_allowed = 5},
        {"three terms, others in bf16", DM_DTYPE_BF16, NULL, 3, .n_allowed = 10},
        {"three terms, others in int8", DM_DTYPE_INT8, NULL, 3, .n_allowed = 10},
        {"two terms, all products", DM_DTYPE_F32, NULL, 2, .n_allowed = 20},
        {"no terms, but the plain reference", DM_DTYPE_F32, "reference", 0, .n_allowed = 5},
    };
    enum { n_trial = sizeof trials / sizeof *trials };
    size_t n_model = getenv("DM_THOROUGH") ? 1000 : 50;
    struct dm_random random;
    dm_random_seed(&random, 19);
    for (size_t i = 0; i < n_model; i++) {
        struct text text;
        test_make_directory(parent);
        make_text(&random, i, &text);
        for (size_t k = 0; k < n_trial; k++)
            try_one(&text, &trials[k]);
        free(text.ids);
        test_remove_directory(parent);
    }
    for (size_t k = 0; k < n_trial; k++) {
        print_message("%s: %zu of %zu models keep other tokens; else logits are %.1e apart\n",
                      trials[k].name, trials[k].n_changed, n_model, trials[k].apart);
        assert_true(trials[k].n_changed <= 1 + trials[k].n_allowed * n_model / 1000);
    }
    assert_true(trials[0].apart > 0 && trials[0].apart < 1e-5); /* else these were no terms */
    assert_true(trials[3].apart > 10 * trials[0].apart);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
