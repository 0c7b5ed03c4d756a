/* Session files that are damaged, foreign or of another version: restoring fails cleanly, or gives
 * a session that works. */
#include "engine.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/memory.h"

static const struct shape shape = {"model", 3, 4, 1, 2, 2, 1, 8, true};
static const struct shape other = {"other", 3, 4, 1, 2, 2, 1, 8, true};
enum { vocab_size = 8, n_flip = 3000 };

static char parent[TEST_MAX_PATH], path[TEST_MAX_PATH];
static dm_model *model, *stranger;
static unsigned char *file;
static size_t n_byte, n_taken;

/* A text of 40 tokens, closed, with two steps after it. */
static int set_up(void **state) {
    (void)state;
    const size_t layers[] = {2, 0};
    int32_t ids[40];
    float logits[vocab_size];
    dm_error error;
    dm_context_options context = DM_CONTEXT_OPTIONS_INIT;
    context.method = DM_CONTEXT_DECIMATE;
    context.layers = layers;
    context.n_layer = 2;
    context.base_length = 5;
    context.min_length = 2;
    test_make_directory(parent);
    model = load_model(make_checkpoint(parent, &shape, 1), NULL, 1);
    stranger = load_model(make_checkpoint(parent, &other, 2), NULL, 1);
    for (int i = 0; i < 40; i++)
        ids[i] = i * 5 % vocab_size;
    dm_session *session = new_session(model, &context);
    read_text(session, ids, 40);
    close_text(session, 1, logits);
    for (int i = 0; i < 2; i++)
        require(dm_session_step(session, i, logits, &error), &error);
    snprintf(path, sizeof path, "%s", test_join(parent, "session"));
    require(dm_session_save(session, path, &error), &error);
    dm_session_free(session);
    file = test_read_file(path, &n_byte);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    free(file);
    dm_model_free(model);
    dm_model_free(stranger);
    test_remove_directory(parent);
    return 0;
}

/* Is the file at `path` taken? Then everything that a session can do is done with it. */
static bool try_path(dm_error *error) {
    const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 0, 1};
    float logits[vocab_size];
    dm_session *session = NULL;
    size_t live = dm_memory_live(), n_kept;
    const size_t *kept;
    dm_status status = dm_session_restore(model, path, &session, error);
    if (status) {
        assert_null(session);
        assert_int_equal(error->status, status);
    } else { /* calls may refuse, but not crash */
        dm_session_step(session, 1, logits, NULL);
        dm_session_append(session, ids, 9, NULL);
        dm_session_logits(session, 1, logits, NULL);
        dm_session_kept(session, 0, &kept, &n_kept, NULL);
        dm_session_append(session, ids, 9, NULL);
        dm_session_step(session, 1, logits, NULL);
        if (n_taken++ % 100 == 0) /* the disk is slow */
            dm_session_save(session, test_join(parent, "again"), NULL);
        dm_session_reset(session);
        require(dm_session_append(session, ids, 9, error), error);
        close_text(session, 1, logits);
        dm_session_free(session);
    }
    assert_true(dm_memory_live() <= live + 4); /* the model may keep an activation and a bench */
    return !status;
}

static bool try_file(const unsigned char *bytes, dm_error *error) {
    test_write_file(path, bytes, n_byte);
    return try_path(error);
}

static void test_truncated(void **state) {
    (void)state;
    dm_error error;
    assert_true(try_file(file, &error));
    for (size_t n = n_byte; n-- > 0;) {
        assert_int_equal(truncate(path, (off_t)n), 0);
        if (try_path(&error))
            fail_msg("%zu of %zu bytes were taken for a session", n, n_byte);
    }
}

static void test_flipped(void **state) {
    (void)state;
    struct dm_random random;
    dm_error error;
    n_taken = 0;
    dm_random_seed(&random, 7);
    test_write_file(path, file, n_byte);
    int descriptor = open(path, O_WRONLY);
    for (int i = 0; i < n_flip; i++) {
        off_t at = (off_t)dm_random_below(&random, n_byte);
        unsigned char flipped = file[at] ^ (unsigned char)(1 + dm_random_below(&random, 255));
        assert_int_equal(pwrite(descriptor, &flipped, 1, at), 1);
        try_path(&error);
        assert_int_equal(pwrite(descriptor, file + at, 1, at), 1);
    }
    close(descriptor);
    print_message("%zu of %d damaged files were taken\n", n_taken, n_flip);
    assert_in_range(n_taken, 1, n_flip - 1);
}

/* Replaces text in the header by text of the same length. */
static void expect_refused(const char *from, const char *to, dm_status status, const char *part) {
    size_t n = strlen(from);
    unsigned char *changed = some(n_byte, 1);
    dm_error error = {0};
    memcpy(changed, file, n_byte);
    assert_int_equal(n, strlen(to));
    size_t at = 8;
    while (at + n <= n_byte && memcmp(changed + at, from, n) != 0)
        at++;
    if (at + n > n_byte)
        fail_msg("no %s in the header", from);
    memcpy(changed + at, to, n);
    if (try_file(changed, &error))
        fail_msg("%s was taken", to);
    test_expect_error(&error, status, part);
    free(changed);
}

static void test_foreign(void **state) {
    (void)state;
    dm_session *session = NULL;
    dm_error error;
    test_write_file(path, file, n_byte);
    assert_int_equal(dm_session_restore(stranger, path, &session, &error), DM_ERROR_MISMATCH);
    test_expect_error(&error, DM_ERROR_MISMATCH, "another checkpoint");
    assert_int_equal(dm_session_restore(NULL, path, &session, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_restore(model, NULL, &session, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_restore(model, path, NULL, &error), DM_ERROR_ARGUMENT);
    assert_int_not_equal(dm_session_restore(model, test_join(parent, "none"), &session, &error),
                         DM_OK);
    assert_null(session);
    expect_refused("\"version\":\"1\"", "\"version\":\"2\"", DM_ERROR_UNSUPPORTED,
                   "version 2, this library reads 1");
    expect_refused("decimamba-session", "decimamba-sessian", DM_ERROR_FORMAT, "another kind");
    expect_refused("\"layer.0\":\"2\"", "\"layer.0\":\"0\"", DM_ERROR_ARGUMENT, "twice");
    expect_refused("\"layer.0\":\"2\"", "\"layer.0\":\"7\"", DM_ERROR_ARGUMENT, "layer 7");
    expect_refused("\"keep_tail\":\"1\"", "\"keep_tail\":\"0\"", DM_ERROR_ARGUMENT, "keep_tail");
    expect_refused("\"tip\":\"1\"", "\"tip\":\"2\"", DM_ERROR_FORMAT, "tip");
    expect_refused("\"n_token\":\"42\"", "\"n_token\":\"-2\"", DM_ERROR_FORMAT, "n_token");
    expect_refused("\"n_token\":\"42\"", "\"n_token\":\"11\"", DM_ERROR_FORMAT, "pool.position");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_truncated),
                                       cmocka_unit_test(test_flipped),
                                       cmocka_unit_test(test_foreign)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
