/* What a session promises, on random models, settings and texts: any way of reading a text gives
 * what reading it at once gives. */
#include "engine.h"

#include <pthread.h>

static const struct shape shapes[] = {
    /* layers, d_model, expand, d_state, d_conv, dt_rank, vocabulary */
    {"one-state", 4, 12, 1, 1, 1, 1, 17, true}, {"odd", 5, 21, 3, 5, 3, 2, 101, false},
    {"usual", 5, 32, 2, 16, 4, 2, 300, true},   {"wide-state", 4, 17, 2, 33, 5, 3, 64, false},
    {"short", 4, 40, 2, 16, 2, 5, 97, true},
};
enum { n_shape = sizeof shapes / sizeof *shapes, max_sessions = 1400 };

static char parent[TEST_MAX_PATH];
static dm_model *models[n_shape];
static size_t n_same_bits, n_compared;

static int set_up(void **state) {
    (void)state;
    struct dm_random random;
    test_make_directory(parent);
    dm_random_seed(&random, 11);
    for (size_t i = 0; i < n_shape; i++) {
        const char *path = make_checkpoint(parent, &shapes[i], 100 + i);
        int32_t *ids = random_ids(&random, 400, shapes[i].vocab_size);
        dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
        dm_error error;
        options.length = 90;
        options.share = 0.3;
        dm_model *model = load_model(path, NULL, 1);
        require(dm_calibrate(model, ids, 400, &options, path, &error), &error);
        dm_model_free(model);
        models[i] = load_model(path, NULL, 2);
        free(ids);
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (size_t i = 0; i < n_shape; i++)
        dm_model_free(models[i]);
    test_remove_directory(parent);
    return 0;
}

/* ---- Random settings ---- */

struct settings {
    dm_method_options method;
    size_t layers[MAX_STAGE];
};

static void draw_settings(struct dm_random *random, size_t n_layer, struct settings *settings) {
    settings->method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    dm_method_options *method = &settings->method;
    method->keep_tail = dm_random_below(random, 2) ? 1 : 1 + dm_random_below(random, 40);
    size_t n = dm_random_below(random, MAX_STAGE + 1);
    if (n == 0)
        return;
    method->kind = dm_random_below(random, 5) == 0 ? DM_METHOD_KEEP_LAST : DM_METHOD_DECIMATE;
    method->score = (dm_score)dm_random_below(random, DM_SCORE_TOKEN_NORM + 1);
    method->base_length = 1 + dm_random_below(random, 200);
    method->beta = dm_random_below(random, 3) ? 0.3 + 0.7 * dm_random_uniform(random) : 1.0;
    method->min_length = dm_random_below(random, 51);
    method->layers = settings->layers;
    while (method->n_layer < n) {
        size_t layer = dm_random_below(random, n_layer);
        bool is_new = true;
        for (size_t i = 0; i < method->n_layer; i++)
            is_new = is_new && settings->layers[i] != layer;
        if (is_new)
            settings->layers[method->n_layer++] = layer;
    }
}

/* One case: a model, settings and a text. */
struct scene {
    const struct shape *shape;
    const dm_model *model;
    struct settings settings;
    size_t n_id;
    int32_t *ids;
    struct outcome whole; /* the text read at once */
};

static struct outcome read_whole(const struct scene *scene, const dm_model *model) {
    dm_session *session = new_session(model, &scene->settings.method);
    read_text(session, scene->ids, scene->n_id);
    struct outcome outcome = outcome_of(session, &scene->settings.method, scene->shape->vocab_size);
    dm_session_free(session);
    return outcome;
}

static void draw_scene(struct dm_random *random, size_t shape, size_t longest,
                       struct scene *scene) {
    scene->shape = &shapes[shape];
    scene->model = models[shape];
    draw_settings(random, scene->shape->n_layer, &scene->settings);
    scene->settings.method.layers = scene->settings.method.n_layer ? scene->settings.layers : NULL;
    scene->n_id = 1 + dm_random_below(random, dm_random_below(random, 3) ? 200 : longest);
    scene->ids = random_ids(random, scene->n_id, scene->shape->vocab_size);
    scene->whole = read_whole(scene, scene->model);
}

static void free_scene(struct scene *scene) {
    free(scene->ids);
    free_outcome(&scene->whole);
}

static void for_scenes(uint64_t seed, size_t n, size_t longest,
                       void (*check)(struct dm_random *random, const struct scene *scene)) {
    struct dm_random random;
    dm_random_seed(&random, seed);
    for (size_t i = 0; i < n; i++) {
        struct scene scene;
        draw_scene(&random, i % n_shape, longest, &scene);
        check(&random, &scene);
        free_scene(&scene);
    }
}

static void expect_close(struct outcome *actual, const struct outcome *expected) {
    expect_same_kept(actual, expected);
    assert_int_equal(actual->n_logit, expected->n_logit);
    double apart = difference(actual->logits, expected->logits, expected->n_logit);
    if (!(apart <= 1e-4))
        fail_msg("logits are %g apart", apart);
    n_compared++;
    n_same_bits += memcmp(actual->logits, expected->logits, expected->n_logit * sizeof(float)) == 0;
    free_outcome(actual);
}

static void expect_whole(const struct scene *scene, dm_session *session) {
    struct outcome outcome = outcome_of(session, &scene->settings.method, scene->shape->vocab_size);
    assert_int_equal(dm_session_n_token(session), scene->n_id);
    expect_close(&outcome, &scene->whole);
}

/* ---- Any split, with steps and logits in between ---- */

static void check_split(struct dm_random *random, const struct scene *scene) {
    dm_session *session = new_session(scene->model, &scene->settings.method);
    size_t vocab_size = scene->shape->vocab_size, keep_tail = scene->settings.method.keep_tail;
    float *logits = some(keep_tail * vocab_size, sizeof *logits);
    dm_error error;
    for (size_t at = 0; at < scene->n_id;) {
        size_t left = scene->n_id - at, n, action = dm_random_below(random, 8);
        if (action == 0 && at) {
            size_t max = keep_tail < at ? keep_tail : at;
            close_text(session, 1 + dm_random_below(random, max), logits);
            assert_true(isfinite(logits[0]));
        } else if (action < 3) {
            n = 1 + dm_random_below(random, left < 4 ? left : 4);
            for (size_t i = 0; i < n; i++)
                require(dm_session_step(session, scene->ids[at++], i % 2 ? logits : NULL, &error),
                        &error);
        } else {
            n = dm_random_below(random, 1 + (action < 6 && left > 40 ? 40 : left));
            read_text(session, scene->ids + at, n);
            at += n;
        }
    }
    expect_whole(scene, session);
    dm_session_reset(session); /* and once more from the start */
    read_text(session, scene->ids, scene->n_id);
    expect_whole(scene, session);
    free(logits);
    dm_session_free(session);
}

static void test_split(void **state) {
    (void)state;
    n_same_bits = n_compared = 0;
    for_scenes(21, 60, 3000, check_split);
    print_message("%zu of %zu readings gave the same bits\n", n_same_bits, n_compared);
}

/* ---- Nothing to drop: plain Mamba ---- */

static void check_long_base(struct dm_random *random, const struct scene *scene) {
    struct scene plain = *scene;
    dm_method_options *method = &plain.settings.method;
    (void)random;
    if (method->kind == DM_METHOD_NONE)
        return;
    method->beta = 1;
    method->base_length = scene->n_id;
    method->layers = plain.settings.layers;
    struct outcome all_kept = read_whole(&plain, scene->model);
    for (size_t i = 0; i < all_kept.n_stage; i++) {
        assert_int_equal(all_kept.n_kept[i], scene->n_id);
        for (size_t t = 0; t < scene->n_id; t++)
            assert_int_equal(all_kept.kept[i][t], t);
        free(all_kept.kept[i]);
    }
    all_kept.n_stage = 0;
    *method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    method->keep_tail = scene->settings.method.keep_tail;
    struct outcome none = read_whole(&plain, scene->model);
    expect_close(&all_kept, &none);
    free_outcome(&none);
}

static void test_long_base_is_plain(void **state) {
    (void)state;
    for_scenes(31, 20, 1200, check_long_base);
}

static void test_plain_prefill_is_steps(void **state) {
    (void)state;
    enum { n = 75 };
    struct dm_random random;
    dm_error error;
    dm_random_seed(&random, 41);
    for (size_t s = 0; s < n_shape; s++) {
        dm_method_options plain = DM_METHOD_OPTIONS_INIT;
        size_t vocab_size = shapes[s].vocab_size;
        int32_t *ids = random_ids(&random, n, vocab_size);
        float *read = some(n * vocab_size, sizeof *read);
        float *stepped = some(n * vocab_size, sizeof *stepped);
        plain.keep_tail = n;
        dm_session *session = new_session(models[s], &plain);
        read_text(session, ids, n);
        close_text(session, n, read);
        dm_session_reset(session);
        for (size_t t = 0; t < n; t++)
            require(dm_session_step(session, ids[t], stepped + t * vocab_size, &error), &error);
        assert_true(difference(stepped, read, n * vocab_size) <= 1e-5);
        dm_session_free(session);
        free(ids);
        free(read);
        free(stepped);
    }
}

/* ---- Saving ---- */

/* Both would go on from the same logits, bit for bit: from `expected`, where it is known. */
static void expect_same_next(dm_session *a, dm_session *b, const float *expected,
                             size_t vocab_size) {
    float *logits = some(2 * vocab_size, sizeof *logits);
    dm_error error;
    require(dm_session_next_logits(a, logits, &error), &error);
    require(dm_session_next_logits(b, logits + vocab_size, &error), &error);
    assert_memory_equal(logits, logits + vocab_size, vocab_size * sizeof *logits);
    if (expected)
        assert_memory_equal(logits, expected, vocab_size * sizeof *logits);
    free(logits);
}

/* Both go on alike, bit for bit: steps first, then more text and a close. */
static void expect_same_future(const struct scene *scene, dm_session *a, dm_session *b) {
    size_t vocab_size = scene->shape->vocab_size;
    float *logits = some(2 * vocab_size, sizeof *logits);
    dm_error error;
    for (int i = 0; i < 3; i++) {
        int32_t id = scene->ids[(size_t)i % scene->n_id];
        require(dm_session_step(a, id, logits, &error), &error);
        require(dm_session_step(b, id, logits + vocab_size, &error), &error);
        assert_memory_equal(logits, logits + vocab_size, vocab_size * sizeof *logits);
        expect_same_next(a, b, logits, vocab_size);
    }
    read_text(a, scene->ids, scene->n_id);
    read_text(b, scene->ids, scene->n_id);
    assert_true(dm_session_memory(a) <= dm_session_bound(a));
    assert_true(dm_session_memory(b) <= dm_session_bound(b));
    struct outcome one = outcome_of(a, &scene->settings.method, vocab_size);
    struct outcome two = outcome_of(b, &scene->settings.method, vocab_size);
    expect_same_bits(&two, &one);
    free_outcome(&one);
    free_outcome(&two);
    free(logits);
}

static void check_save(struct dm_random *random, const struct scene *scene) {
    size_t vocab_size = scene->shape->vocab_size, moment = dm_random_below(random, 4);
    float *logits = some(scene->settings.method.keep_tail * vocab_size, sizeof *logits);
    const char *path = test_join(parent, "session");
    dm_session *session = new_session(scene->model, &scene->settings.method), *restored;
    dm_error error;
    if (moment > 0) /* 0: an empty text, 1: unclosed, 2: closed, 3: after steps */
        read_text(session, scene->ids, scene->n_id);
    if (moment > 1)
        close_text(session, 1, logits);
    if (moment > 2)
        for (int i = 0; i < 3; i++)
            require(dm_session_step(session, scene->ids[0], logits, &error), &error);
    require(dm_session_save(session, path, &error), &error);
    require(dm_session_restore(scene->model, path, &restored, &error), &error);
    assert_int_equal(dm_session_bound(restored), dm_session_bound(session));
    assert_int_equal(dm_session_n_token(restored), dm_session_n_token(session));
    for (size_t i = 0; i < scene->settings.method.n_layer; i++) {
        const size_t *a, *b;
        size_t n, m;
        require(dm_session_kept(session, scene->settings.layers[i], &a, &n, &error), &error);
        require(dm_session_kept(restored, scene->settings.layers[i], &b, &m, &error), &error);
        assert_int_equal(n, m);
        for (size_t t = 0; t < n; t++)
            assert_int_equal(a[t], b[t]);
    }
    if (moment > 0)
        expect_same_next(session, restored, moment > 1 ? logits : NULL, vocab_size);
    expect_same_future(scene, session, restored);
    dm_session_free(session);
    dm_session_free(restored);
    free(logits);
}

static void test_save_and_restore(void **state) {
    (void)state;
    for_scenes(51, 40, 1200, check_save);
}

/* ---- Many sessions ---- */

/* Some of them read by settings of their own. */
static void check_many(struct dm_random *random, const struct scene *scene, size_t n) {
    static const dm_method_options *methods[max_sessions];
    struct settings other;
    draw_settings(random, scene->shape->n_layer, &other);
    other.method.layers = other.method.n_layer ? other.layers : NULL;
    static dm_session *sessions[max_sessions];
    static const int32_t *ids[max_sessions];
    static size_t n_id[max_sessions];
    static int32_t next[max_sessions];
    size_t vocab_size = scene->shape->vocab_size;
    float *logits = some(n * vocab_size, sizeof *logits);
    float *alone = some(vocab_size, sizeof *alone);
    dm_error error;
    for (size_t i = 0; i < n; i++) {
        methods[i] = dm_random_below(random, 4) ? &scene->settings.method : &other.method;
        sessions[i] = new_session(scene->model, methods[i]);
        n_id[i] = dm_random_below(random, 3) ? dm_random_below(random, 9) : 0;
        n_id[i] = i % 100 == 7 ? scene->n_id : n_id[i] < scene->n_id ? n_id[i] : scene->n_id;
        ids[i] = n_id[i] ? scene->ids : NULL;
        next[i] = (int32_t)dm_random_below(random, vocab_size);
    }
    require(dm_append_many(sessions, n, ids, n_id, &error), &error);
    require(dm_step_many(sessions, n, next, NULL, &error), &error);
    require(dm_append_many(sessions, n / 2, ids, n_id, &error), &error);
    require(dm_step_many(sessions, n, next, logits, &error), &error);
    for (size_t i = 0; i < n; i++) {
        dm_session *session = new_session(scene->model, methods[i]);
        read_text(session, ids[i], n_id[i]);
        require(dm_session_step(session, next[i], NULL, &error), &error);
        if (i < n / 2)
            read_text(session, ids[i], n_id[i]);
        require(dm_session_step(session, next[i], alone, &error), &error);
        assert_memory_equal(logits + i * vocab_size, alone, vocab_size * sizeof *alone);
        struct outcome one = outcome_of(session, methods[i], vocab_size);
        struct outcome two = outcome_of(sessions[i], methods[i], vocab_size);
        expect_same_bits(&two, &one);
        free_outcome(&one);
        free_outcome(&two);
        dm_session_free(sessions[i]);
        dm_session_free(session);
    }
    free(logits);
    free(alone);
}

static void check_few(struct dm_random *random, const struct scene *scene) {
    check_many(random, scene, 2 + dm_random_below(random, 30));
}

static void check_crowd(struct dm_random *random, const struct scene *scene) {
    check_many(random, scene, 1100);
}

static void test_many_are_as_one(void **state) {
    (void)state;
    for_scenes(61, 15, 700, check_few);
    for_scenes(62, 2, 40, check_crowd); /* more sessions than a chunk has tokens */
}

/* ---- Threads ---- */

static void check_thread_count(struct dm_random *random, const struct scene *scene) {
    (void)random;
    static const char *const cpus[] = {NULL, "reference", "avx2"};
    const char *path = test_join(parent, scene->shape->name);
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++) {
        static const size_t counts[] = {1, 2, 5};
        struct outcome outcomes[3];
        if (cpus[i] && !has_cpu(cpus[i]))
            continue;
        for (size_t k = 0; k < 3; k++) {
            dm_model *model = load_model(path, cpus[i], counts[k]);
            outcomes[k] = read_whole(scene, model);
            dm_model_free(model);
        }
        for (size_t k = 1; k < 3; k++) {
            expect_same_bits(&outcomes[k], &outcomes[0]);
            free_outcome(&outcomes[k]);
        }
        free_outcome(&outcomes[0]);
    }
}

static void test_thread_count_changes_nothing(void **state) {
    (void)state;
    for_scenes(71, 10, 900, check_thread_count);
}

enum { n_caller = 5, n_repeat = 4 };

static void *read_again(void *argument) {
    const struct scene *scene = argument;
    for (int i = 0; i < n_repeat; i++) {
        struct outcome outcome = read_whole(scene, scene->model);
        bool same =
            memcmp(outcome.logits, scene->whole.logits, outcome.n_logit * sizeof(float)) == 0;
        free_outcome(&outcome);
        if (!same)
            return argument;
    }
    return NULL;
}

static void test_callers_share_a_model(void **state) {
    (void)state;
    struct dm_random random;
    struct scene scenes[n_caller];
    pthread_t threads[n_caller];
    dm_random_seed(&random, 81);
    for (size_t i = 0; i < n_caller; i++)
        draw_scene(&random, 2, 1500, &scenes[i]);
    for (size_t i = 0; i < n_caller; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_again, &scenes[i]), 0);
    for (size_t i = 0; i < n_caller; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
        free_scene(&scenes[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_long_base_is_plain),
        cmocka_unit_test(test_plain_prefill_is_steps),
        cmocka_unit_test(test_save_and_restore),
        cmocka_unit_test(test_many_are_as_one),
        cmocka_unit_test(test_thread_count_changes_nothing),
        cmocka_unit_test(test_callers_share_a_model),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
