/* The same bits whatever the number of threads, the split of a text into appends, the batch around
 * a sequence, and whether a probe looks on: in every type of product that this processor has, on a
 * model wide enough that its products are cut into slices, and texts longer than a chunk. */
#include "engine.h"

static const struct shape shape = {.name = "wide",
                                   .n_layer = 3,
                                   .d_model = 192,
                                   .expand = 2,
                                   .d_state = 16,
                                   .d_conv = 4,
                                   .dt_rank = 12,
                                   .vocab_size = 600,
                                   .tied = true};
static const dm_dtype dtypes[] = {DM_DTYPE_F32, DM_DTYPE_BF16, DM_DTYPE_INT8, DM_DTYPE_Q4,
                                  DM_DTYPE_BF16X3};
static const size_t n_threads[] = {1, 2, 5};
enum { N_DTYPE = 5, N_THREADS = 3, N_TEXT = 4, N_SETTING = 2, LONGEST = 1100, TAIL = 7 };

static char parent[TEST_MAX_PATH];
static dm_model *models[N_DTYPE][N_THREADS]; /* NULL: this processor lacks the type */
static int32_t *texts[N_TEXT];
static const size_t lengths[N_TEXT] = {LONGEST, 1, 513, 64};
static struct outcome expected[N_DTYPE][N_SETTING][N_TEXT]; /* one thread, each text at once */

static dm_model *load(const char *path, dm_dtype dtype, size_t n_thread) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_model *model = NULL;
    dm_error error;
    options.dtype = dtype;
    options.n_thread = n_thread;
    if (dm_model_load(path, &options, &model, &error))
        test_expect_error(&error, DM_ERROR_ARGUMENT, "this processor");
    return model;
}

/* ---- Settings: plain, and with two decimating layers ---- */

static const size_t layers[] = {1, 2};

static dm_method_options setting(size_t number) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.keep_tail = TAIL;
    if (number == 1) {
        method.kind = DM_METHOD_DECIMATE;
        method.layers = layers, method.n_layer = 2;
        method.base_length = 200;
    }
    return method;
}

/* ---- Set-up ---- */

static struct outcome read_plainly(const dm_model *model, size_t text,
                                   const dm_method_options *method) {
    dm_session *session = new_session(model, method);
    read_text(session, texts[text], lengths[text]);
    struct outcome outcome = outcome_of(session, method, shape.vocab_size);
    dm_session_free(session);
    return outcome;
}

static int set_up(void **state) {
    (void)state;
    struct dm_random random;
    test_make_directory(parent);
    dm_random_seed(&random, 21);
    const char *path = make_checkpoint(parent, &shape, 5);
    for (size_t d = 0; d < N_DTYPE; d++)
        for (size_t i = 0; i < N_THREADS; i++)
            models[d][i] = load(path, dtypes[d], n_threads[i]);
    for (size_t i = 0; i < N_TEXT; i++)
        texts[i] = random_ids(&random, lengths[i], shape.vocab_size);
    for (size_t d = 0; d < N_DTYPE; d++)
        for (size_t number = 0; number < N_SETTING && models[d][0]; number++)
            for (size_t i = 0; i < N_TEXT; i++) {
                const dm_method_options method = setting(number);
                expected[d][number][i] = read_plainly(models[d][0], i, &method);
            }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (size_t d = 0; d < N_DTYPE; d++) {
        for (size_t number = 0; number < N_SETTING && models[d][0]; number++)
            for (size_t i = 0; i < N_TEXT; i++)
                free_outcome(&expected[d][number][i]);
        for (size_t i = 0; i < N_THREADS; i++)
            dm_model_free(models[d][i]);
    }
    for (size_t i = 0; i < N_TEXT; i++)
        free(texts[i]);
    test_remove_directory(parent);
    return 0;
}

static void expect_text(dm_session *session, size_t text, const dm_method_options *method,
                        const struct outcome *whole) {
    struct outcome outcome = outcome_of(session, method, shape.vocab_size);
    assert_int_equal(dm_session_n_token(session), lengths[text]);
    expect_same_bits(&outcome, whole);
    free_outcome(&outcome);
}

typedef void check(const dm_model *model, const dm_method_options *method,
                   const struct outcome whole[N_TEXT]);

static void for_all(check *check_model) {
    for (size_t d = 0; d < N_DTYPE; d++)
        for (size_t number = 0; number < N_SETTING && models[d][0]; number++)
            for (size_t i = 0; i < N_THREADS; i++) {
                const dm_method_options method = setting(number);
                check_model(models[d][i], &method, expected[d][number]);
            }
}

/* ---- What makes no difference ---- */

static void check_threads(const dm_model *model, const dm_method_options *method,
                          const struct outcome whole[N_TEXT]) {
    for (size_t text = 0; text < N_TEXT; text++) {
        struct outcome outcome = read_plainly(model, text, method);
        expect_same_bits(&outcome, &whole[text]);
        free_outcome(&outcome);
    }
}

static void test_threads(void **state) {
    (void)state;
    for_all(check_threads);
}

static void read_in_pieces(dm_session *session, size_t text) {
    static const size_t pieces[] = {1, 2, 3, 5, 16, 31, 64, 65, 130, 256, 300, 600};
    struct dm_random random;
    dm_random_seed(&random, lengths[text]);
    for (size_t done = 0, n; done < lengths[text]; done += n) {
        n = pieces[dm_random_below(&random, sizeof pieces / sizeof *pieces)];
        n = n < lengths[text] - done ? n : lengths[text] - done;
        read_text(session, texts[text] + done, n);
    }
}

static void check_splits(const dm_model *model, const dm_method_options *method,
                         const struct outcome whole[N_TEXT]) {
    for (size_t text = 0; text < N_TEXT; text++) {
        dm_session *session = new_session(model, method);
        read_in_pieces(session, text);
        expect_text(session, text, method, &whole[text]);
        dm_session_free(session);
    }
}

static void test_splits(void **state) {
    (void)state;
    for_all(check_splits);
}

static void check_batch(const dm_model *model, const dm_method_options *method,
                        const struct outcome whole[N_TEXT]) {
    dm_session *sessions[N_TEXT];
    dm_error error;
    for (size_t i = 0; i < N_TEXT; i++)
        sessions[i] = new_session(model, method);
    require(dm_append_many(sessions, N_TEXT, (const int32_t *const *)texts, lengths, &error),
            &error);
    for (size_t i = 0; i < N_TEXT; i++) {
        expect_text(sessions[i], i, method, &whole[i]);
        dm_session_free(sessions[i]);
    }
}

static void test_batch(void **state) {
    (void)state;
    for_all(check_batch);
}

static void look(const dm_probe_view *view, void *user) {
    size_t *n_seen = user;
    *n_seen += view->n_token;
}

static void check_probe(const dm_model *model, const dm_method_options *method,
                        const struct outcome whole[N_TEXT]) {
    for (size_t text = 0; text < N_TEXT; text++) {
        size_t n_seen = 0;
        dm_session *session = new_session(model, method);
        dm_session_set_probe(session, look, &n_seen);
        read_text(session, texts[text], lengths[text]);
        expect_text(session, text, method, &whole[text]);
        assert_true(n_seen >= lengths[text]);
        dm_session_free(session);
    }
}

static void test_probe(void **state) {
    (void)state;
    for_all(check_probe);
}

enum { STEPS = 20, OTHERS = 3 };

/* Steps go by other sizes of products than reading; and several sessions at once by others yet. */
static void step_to_the_end(dm_session *sessions[OTHERS], size_t text) {
    float *logits = some((size_t)OTHERS * shape.vocab_size, sizeof *logits);
    dm_error error;
    for (size_t k = 0; k < STEPS; k++) {
        int32_t ids[OTHERS] = {texts[text][lengths[text] - STEPS + k], (int32_t)k,
                               (int32_t)(2 * k)};
        require(dm_step_many(sessions, k % 2 ? OTHERS : 1, ids, logits, &error), &error);
    }
    free(logits);
}

static void check_steps(const dm_model *model, const dm_method_options *method,
                        const struct outcome whole[N_TEXT]) {
    for (size_t text = 0; text < N_TEXT && method->kind == DM_METHOD_NONE; text++) {
        dm_session *sessions[OTHERS];
        if (lengths[text] <= STEPS)
            continue;
        for (size_t i = 0; i < OTHERS; i++)
            read_text(sessions[i] = new_session(model, method), texts[text], lengths[text] - STEPS);
        step_to_the_end(sessions, text);
        expect_text(sessions[0], text, method, &whole[text]);
        for (size_t i = 0; i < OTHERS; i++)
            dm_session_free(sessions[i]);
    }
}

static void test_steps(void **state) {
    (void)state;
    for_all(check_steps);
}

/* ---- What the types cost ---- */

static void test_types(void **state) {
    (void)state;
    /* of q4 each weight is off by 7% of its size, as numbers drawn at random are */
    static const double tolerance[N_DTYPE] = {0, 0.02, 0.06, 0.3, 1e-5};
    const struct outcome *exact = &expected[0][0][0];
    for (size_t d = 1; d < N_DTYPE; d++) {
        if (!models[d][0])
            continue;
        double apart = difference(expected[d][0][0].logits, exact->logits, exact->n_logit);
        /* bf16x3 is f32 itself where that is as fast */
        assert_true((apart > 0 || dtypes[d] == DM_DTYPE_BF16X3) && apart < tolerance[d]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads), cmocka_unit_test(test_splits), cmocka_unit_test(test_batch),
        cmocka_unit_test(test_probe),   cmocka_unit_test(test_steps),  cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
