/* dm_set_progress: what is told, and what a call that was cancelled leaves behind. */
#include "one_model.h"

#include <unistd.h>

static const struct shape shape = {.name = "model",
                                   .n_layer = 4,
                                   .d_model = 16,
                                   .expand = 2,
                                   .d_state = 4,
                                   .d_conv = 4,
                                   .dt_rank = 2,
                                   .vocab_size = 40,
                                   .tied = true};
enum { vocab_size = 40, n_text = 2000, base_length = 700 };

static int set_up(void **state) {
    (void)state;
    make_model_and_text(&shape, 6, 8, n_text);
    return 0;
}

static dm_method_options method_of(bool decimate) {
    static const size_t layers[] = {1, 3};
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    if (decimate) {
        method.kind = DM_METHOD_DECIMATE;
        method.layers = layers, method.n_layer = 2;
        method.base_length = base_length;
    }
    return method;
}

/* ---- Who is told ---- */

struct listener {
    size_t n_call, until; /* call number `until` ends it; 0: none does */
    size_t n_done, n_total;
};

static int listen(size_t n_done, size_t n_total, void *user) {
    struct listener *listener = user;
    assert_true(n_done < n_total);
    if (listener->n_call++) {
        assert_true(n_done > listener->n_done);
        assert_int_equal(n_total, listener->n_total);
    } else {
        assert_int_equal(n_done, 0);
    }
    listener->n_done = n_done;
    listener->n_total = n_total;
    return listener->n_call == listener->until;
}

static void start(struct listener *listener, size_t until) {
    *listener = (struct listener){.until = until};
    dm_set_progress(listen, listener);
}

static void expect_cancelled(dm_status status, const dm_error *error) {
    dm_set_progress(NULL, NULL);
    assert_int_equal(status, DM_CANCELLED);
    test_expect_error(error, DM_CANCELLED, "cancelled");
}

static void expect_as_read(dm_session *session, const dm_method_options *method,
                           const int32_t *text, size_t n) {
    dm_session *twin = new_session(model, method);
    read_text(twin, text, n);
    struct outcome actual = outcome_of(session, method, vocab_size),
                   expected = outcome_of(twin, method, vocab_size);
    expect_same_bits(&actual, &expected);
    free_outcome(&actual);
    free_outcome(&expected);
    dm_session_free(twin);
}

/* ---- Reading ---- */

/* It has read what it was said to have read; the rest gives the whole. */
static void test_append(void **state) {
    (void)state;
    struct listener listener;
    dm_error error;
    for (int decimate = 0; decimate < 2; decimate++) {
        const dm_method_options method = method_of(decimate);
        dm_session *session = new_session(model, &method);
        start(&listener, 0);
        read_text(session, ids, n_text);
        assert_int_equal(listener.n_call, (n_text + 511) / 512);
        assert_int_equal(listener.n_total, n_text);
        dm_set_progress(NULL, NULL);
        for (size_t until = 1; until <= listener.n_call; until++) {
            struct listener second;
            dm_session_reset(session);
            start(&second, until);
            expect_cancelled(dm_session_append(session, ids, n_text, &error), &error);
            size_t n_read = dm_session_n_token(session);
            assert_int_equal(n_read, second.n_done);
            assert_int_equal(n_read, (until - 1) * 512);
            read_text(session, ids + n_read, n_text - n_read);
            expect_as_read(session, &method, ids, n_text);
        }
        dm_session_reset(session);
        start(&listener, 3);
        expect_cancelled(dm_session_append(session, ids, n_text, &error), &error);
        expect_as_read(session, &method, ids, 1024); /* a text like any other */
        dm_session_free(session);
    }
}

static void test_append_many(void **state) {
    (void)state;
    enum { n_session = 3 };
    static const size_t first[n_session] = {0, 300, 5}, n_id[n_session] = {1400, 3, 900};
    struct listener listener;
    dm_error error;
    for (int decimate = 0; decimate < 3; decimate++) { /* 2: by methods that are not the same */
        dm_method_options methods[n_session];
        dm_session *sessions[n_session];
        const int32_t *texts[n_session];
        size_t n_read = 0;
        for (int i = 0; i < n_session; i++) {
            methods[i] = method_of(decimate == 2 ? i > 0 : decimate);
            sessions[i] = new_session(model, &methods[i]);
            texts[i] = ids + first[i];
        }
        start(&listener, 3);
        expect_cancelled(dm_append_many(sessions, n_session, texts, n_id, &error), &error);
        for (int i = 0; i < n_session; i++) {
            size_t n = dm_session_n_token(sessions[i]);
            n_read += n;
            assert_true(n <= n_id[i]);
            read_text(sessions[i], texts[i] + n, n_id[i] - n);
            expect_as_read(sessions[i], &methods[i], texts[i], n_id[i]);
            dm_session_free(sessions[i]);
        }
        assert_int_equal(n_read, listener.n_done);
        assert_true(n_read > 600 && listener.n_total == 2303);
    }
}

/* Every token that was read has its value. */
static void test_logprobs(void **state) {
    (void)state;
    double *expected = some(n_text, sizeof *expected), *given = some(n_text, sizeof *given);
    struct listener listener;
    dm_error error;
    for (int decimate = 0; decimate < 2; decimate++) {
        dm_method_options method = method_of(decimate);
        method.keep_tail = 300;
        dm_session *session = new_session(model, &method);
        require(dm_session_append_logprobs(session, ids, n_text, expected, &error), &error);
        dm_session_reset(session);
        start(&listener, 3);
        expect_cancelled(dm_session_append_logprobs(session, ids, n_text, given, &error), &error);
        size_t n = dm_session_n_token(session);
        assert_int_equal(n, decimate ? 600 : 1024);
        assert_int_equal(listener.n_done, n);
        require(dm_session_append_logprobs(session, ids + n, n_text - n, given + n, &error),
                &error);
        assert_memory_equal(given + 1, expected + 1, (n_text - 1) * sizeof *given);
        dm_session_free(session);
    }
    free(expected);
    free(given);
}

/* ---- Finishing ---- */

static void test_finish(void **state) {
    (void)state;
    const dm_method_options method = method_of(true);
    const size_t n_kept = base_length + 1 + base_length / 2 + 1; /* of both stages */
    struct listener listener;
    float logits[vocab_size];
    const size_t *kept;
    size_t n;
    dm_error error;
    dm_session *session = new_session(model, &method);
    read_text(session, ids, n_text);
    start(&listener, 0);
    close_text(session, 1, logits);
    assert_int_equal(listener.n_total, n_kept);
    assert_int_equal(listener.n_call, 3); /* 512 and 189 tokens, and 351 */
    for (size_t until = 1; until <= 3; until++)
        for (int after_steps = 0; after_steps < 2; after_steps++) {
            int32_t more[] = {1, 2};
            dm_set_progress(NULL, NULL);
            dm_session_reset(session);
            read_text(session, ids, n_text - 2);
            if (after_steps) {
                close_text(session, 1, logits);
                for (int i = 0; i < 2; i++)
                    require(dm_session_step(session, more[i], NULL, &error), &error);
            } else {
                read_text(session, more, 2);
            }
            start(&listener, until);
            expect_cancelled(dm_session_logits(session, 1, logits, &error), &error);
            assert_int_equal(dm_session_n_token(session), n_text);
            require(dm_session_kept(session, 1, &kept, &n, &error), &error);
            assert_int_equal(n, 0);
            if (!after_steps) { /* generation goes on by a finish */
                start(&listener, until);
                expect_cancelled(dm_session_next_logits(session, logits, &error), &error);
                start(&listener, until);
                expect_cancelled(dm_session_step(session, 1, logits, &error), &error);
                assert_int_equal(dm_session_n_token(session), n_text);
            }
            dm_session *twin = new_session(model, &method);
            read_text(twin, ids, n_text - 2);
            read_text(twin, more, 2);
            struct outcome actual = outcome_of(session, &method, vocab_size),
                           expected = outcome_of(twin, &method, vocab_size);
            expect_same_bits(&actual, &expected);
            free_outcome(&actual);
            free_outcome(&expected);
            dm_session_free(twin);
        }
    dm_session_free(session);
}

/* ---- Calibration and training ---- */

static void test_calibrate(void **state) {
    (void)state;
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    char path[TEST_MAX_PATH];
    struct listener listener;
    dm_error error;
    snprintf(path, sizeof path, "%s", test_join(parent, "settings.json"));
    options.length = 600;
    options.n_passage = 3;
    options.path = path;
    for (size_t until = 1; until <= 6; until++) {
        start(&listener, until);
        expect_cancelled(dm_calibrate(model, ids, n_text, &options, NULL, &error), &error);
        assert_int_equal(listener.n_total, 1800);
        assert_int_equal(listener.n_done, (until - 1) / 2 * 600 + (until % 2 ? 0 : 512));
        assert_int_equal(access(path, F_OK), -1);
    }
    start(&listener, 7); /* there is no seventh */
    require(dm_calibrate(model, ids, n_text, &options, NULL, &error), &error);
    dm_set_progress(NULL, NULL);
    assert_int_equal(access(path, F_OK), 0);
}

static dm_trainer *new_trainer(int recompute) {
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    const dm_method_options method = method_of(true);
    dm_trainer *trainer;
    dm_error error;
    options.method = &method;
    options.n_thread = 2;
    options.recompute = recompute;
    require(dm_trainer_new(model_directory, &options, &trainer, &error), &error);
    return trainer;
}

static void take_step(dm_trainer *trainer, const dm_training_batch *batch, dm_step_stats *stats) {
    dm_error error;
    require(dm_trainer_accumulate(trainer, batch, NULL, &error), &error);
    require(dm_trainer_step(trainer, stats, &error), &error);
}

static void test_training(void **state) {
    (void)state;
    static const size_t begin[] = {0, 60, 200};
    dm_training_batch batch = DM_TRAINING_BATCH_INIT;
    dm_step_stats stats[2] = {DM_STEP_STATS_INIT, DM_STEP_STATS_INIT};
    struct listener listener;
    dm_error error;
    batch.n_sequence = 2, batch.start = begin, batch.ids = ids;
    for (int recompute = 0; recompute < 2; recompute++) {
        dm_trainer *trainer = new_trainer(recompute), *twin = new_trainer(recompute);
        start(&listener, 5);
        require(dm_trainer_evaluate(trainer, &batch, NULL, &error), &error);
        assert_int_equal(listener.n_call, shape.n_layer);
        for (size_t until = 1; until <= 2 * shape.n_layer; until++) {
            dm_set_progress(NULL, NULL);
            require(dm_trainer_accumulate(trainer, &batch, NULL, &error), &error); /* forgotten */
            start(&listener, until);
            expect_cancelled(dm_trainer_accumulate(trainer, &batch, NULL, &error), &error);
            assert_int_equal(listener.n_total, 2 * shape.n_layer);
            assert_int_equal(dm_trainer_step(trainer, NULL, &error), DM_ERROR_ARGUMENT);
        }
        for (int i = 0; i < 2; i++) {
            take_step(trainer, &batch, &stats[0]);
            take_step(twin, &batch, &stats[1]);
            assert_memory_equal(&stats[0], &stats[1], sizeof *stats);
        }
        dm_trainer_free(trainer);
        dm_trainer_free(twin);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),    cmocka_unit_test(test_append_many),
        cmocka_unit_test(test_logprobs),  cmocka_unit_test(test_finish),
        cmocka_unit_test(test_calibrate), cmocka_unit_test(test_training)};
    return cmocka_run_group_tests(tests, set_up, remove_model_and_text);
}
