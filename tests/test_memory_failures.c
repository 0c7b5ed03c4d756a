/* Every allocation fails once: the call says DM_ERROR_MEMORY, nothing leaks, and afterwards the
 * session works as one that never met it, or says that it must be reset. */
#include "engine.h"

#include "base/memory.h"

static const struct shape shape = {"model", 4, 12, 2, 3, 3, 2, 32, false};
enum { vocab_size = 32, n_id = 700, most_allocations = 5000 };

static char parent[TEST_MAX_PATH];
static dm_model *model;
static int32_t *ids;
static const size_t layers[] = {1, 3};
static dm_context_options context;
static struct outcome whole; /* ids, read in peace */
static float step_logits[vocab_size];

/* `model` has no idle activations or benches yet: it is loaded anew before each test. */
static int set_up(void **state) {
    (void)state;
    struct dm_random random;
    dm_error error;
    dm_random_seed(&random, 5);
    context = (dm_context_options)DM_CONTEXT_OPTIONS_INIT;
    context.method = DM_CONTEXT_DECIMATE;
    context.layers = layers;
    context.n_layer = 2;
    context.base_length = 300;
    context.keep_tail = 3;
    ids = random_ids(&random, n_id, vocab_size);
    test_make_directory(parent);
    model = load_model(make_checkpoint(parent, &shape, 1), NULL, 2);
    dm_session *session = new_session(model, &context);
    read_text(session, ids, n_id);
    whole = outcome_of(session, &context, vocab_size);
    require(dm_session_step(session, ids[0], step_logits, &error), &error);
    dm_session_free(session);
    dm_model_free(model);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    free(ids);
    free_outcome(&whole);
    test_remove_directory(parent);
    return 0;
}

static void load_afresh(void) {
    model = load_model(test_join(parent, "model"), NULL, 2);
}

/* ---- Calls that make something: nothing is left behind ---- */

static dm_status load(dm_error *error) {
    dm_model *made = NULL;
    dm_status status = dm_model_load(test_join(parent, "model"), NULL, &made, error);
    assert_true((status != DM_OK) == (made == NULL));
    dm_model_free(made);
    return status;
}

static dm_status make(dm_error *error) {
    dm_session *made = NULL;
    dm_status status = dm_session_new(model, &context, &made, error);
    assert_true((status != DM_OK) == (made == NULL));
    dm_session_free(made);
    return status;
}

static dm_status restore(dm_error *error) {
    dm_session *made = NULL;
    dm_status status = dm_session_restore(model, test_join(parent, "session"), &made, error);
    assert_true((status != DM_OK) == (made == NULL));
    dm_session_free(made);
    return status;
}

static void expect_clean(dm_status (*call)(dm_error *error)) {
    size_t n = 1, live = dm_memory_live();
    for (dm_status status = DM_ERROR_MEMORY; status; n++) {
        dm_error error = {0};
        dm_memory_fail_at(n);
        status = call(&error);
        dm_memory_fail_at(0);
        assert_int_equal(dm_memory_live(), live);
        if (status && status != DM_ERROR_MEMORY)
            fail_msg("allocation %zu: %s", n, error.message);
        assert_true(n < most_allocations);
    }
    assert_true(n > 2); /* at least one has failed */
}

static void test_makers(void **state) {
    (void)state;
    expect_clean(load);
    load_afresh();
    expect_clean(make);
    dm_session *session = new_session(model, &context);
    dm_error error;
    read_text(session, ids, n_id);
    require(dm_session_save(session, test_join(parent, "session"), &error), &error);
    dm_session_free(session);
    expect_clean(restore);
    dm_model_free(model);
}

/* ---- Calls on a session ---- */

static dm_status append(dm_session *session, dm_error *error) {
    return dm_session_append(session, ids + 100, n_id - 100, error);
}

static dm_status give_logits(dm_session *session, dm_error *error) {
    float logits[3 * vocab_size];
    return dm_session_logits(session, 3, logits, error);
}

static dm_status step(dm_session *session, dm_error *error) {
    float logits[vocab_size];
    return dm_session_step(session, ids[0], logits, error);
}

static dm_status save(dm_session *session, dm_error *error) {
    return dm_session_save(session, test_join(parent, "saved"), error);
}

/* Reads the whole text again after a reset, and gets what it should. */
static void expect_whole(dm_session *session) {
    float logits[vocab_size];
    dm_error error;
    struct outcome outcome = outcome_of(session, &context, vocab_size);
    expect_same_kept(&outcome, &whole);
    assert_true(difference(outcome.logits, whole.logits, whole.n_logit) <= 1e-5);
    free_outcome(&outcome);
    require(dm_session_step(session, ids[0], logits, &error), &error);
    assert_true(difference(logits, step_logits, vocab_size) <= 1e-5);
}

/* How often a failed call left the session broken. After it: the session is unchanged (the call
 * succeeds now, with the right end), or a reset repairs it. */
static size_t try_call(dm_status (*call)(dm_session *session, dm_error *error), size_t n_read,
                       bool changes_text) {
    size_t n_broken = 0, n = 1;
    for (dm_status status = DM_ERROR_MEMORY; status; n++) {
        dm_error error = {0};
        size_t before = dm_memory_live();
        load_afresh();
        dm_session *session = new_session(model, &context);
        read_text(session, ids, n_read);
        dm_memory_fail_at(n);
        status = call(session, &error);
        dm_memory_fail_at(0);
        if (status && status != DM_ERROR_MEMORY)
            fail_msg("allocation %zu: %s", n, error.message);
        bool broken = status && dm_session_append(session, ids, 0, &error) != DM_OK;
        if (broken) {
            test_expect_error(&error, DM_ERROR_ARGUMENT, "reset it");
            n_broken++;
            dm_session_reset(session);
            read_text(session, ids, n_id);
        } else {
            assert_int_equal(dm_session_n_token(session), status || !changes_text ? n_read
                                                          : call == append        ? n_id
                                                                                  : n_read + 1);
            if (status && call == append)
                require(append(session, &error), &error);
        }
        if (status || call != step)
            expect_whole(session);
        dm_session_free(session);
        dm_model_free(model);
        assert_int_equal(dm_memory_live(), before);
        assert_true(n < most_allocations);
    }
    assert_true(n > 2);
    return n_broken;
}

static void test_append(void **state) {
    (void)state;
    print_message("append: %zu left the session broken\n", try_call(append, 100, true));
}

static void test_logits(void **state) {
    (void)state;
    assert_int_equal(try_call(give_logits, n_id, false), 0);
}

static void test_step(void **state) {
    (void)state;
    print_message("step: %zu left the session broken\n", try_call(step, n_id, true));
}

static void test_save(void **state) {
    (void)state;
    assert_int_equal(try_call(save, n_id, false), 0);
}

/* Where one session of a batch fails half-way, all that have moved say so. */
static void test_batch(void **state) {
    (void)state;
    dm_error error = {0};
    size_t n_broken = 0;
    for (size_t n = 1;; n++) {
        load_afresh();
        dm_session *sessions[3];
        const int32_t *texts[] = {ids, ids, ids};
        const size_t lengths[] = {5, n_id, 0};
        for (int i = 0; i < 3; i++)
            sessions[i] = new_session(model, &context);
        dm_memory_fail_at(n);
        dm_status status = dm_append_many(sessions, 3, texts, lengths, &error);
        dm_memory_fail_at(0);
        for (int i = 0; i < 3; i++) {
            bool broken = dm_session_append(sessions[i], NULL, 0, NULL) != DM_OK;
            n_broken += broken;
            if (status && !broken)
                assert_int_equal(dm_session_n_token(sessions[i]), 0);
            dm_session_free(sessions[i]);
        }
        dm_model_free(model);
        if (!status)
            break;
    }
    print_message("a batch: %zu sessions left broken\n", n_broken);
}

static void test_calibrate(void **state) {
    (void)state;
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    char directory[TEST_MAX_PATH];
    dm_error error = {0};
    options.length = 50;
    test_make_directory(directory);
    size_t n = 1;
    for (dm_status status = DM_ERROR_MEMORY; status; n++) {
        size_t before = dm_memory_live();
        load_afresh();
        dm_memory_fail_at(n);
        status = dm_calibrate(model, ids, n_id, &options, directory, &error);
        dm_memory_fail_at(0);
        assert_true(!status || status == DM_ERROR_MEMORY);
        assert_int_equal(test_count_entries(directory), status ? 0 : 1);
        dm_model_free(model);
        assert_int_equal(dm_memory_live(), before);
    }
    assert_true(n > 2);
    test_remove_directory(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makers),    cmocka_unit_test(test_append),
        cmocka_unit_test(test_logits),    cmocka_unit_test(test_step),
        cmocka_unit_test(test_save),      cmocka_unit_test(test_batch),
        cmocka_unit_test(test_calibrate),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
