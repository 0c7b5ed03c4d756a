/* Session files that are damaged, foreign or of another version: restoring fails cleanly, or gives
 * a session that works. */
#include "engine.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/memory.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 3,
                                   .d_model = 4,
                                   .expand = 1,
                                   .d_state = 2,
                                   .d_conv = 2,
                                   .dt_rank = 1,
                                   .vocab_size = 8,
                                   .tied = true};
static const struct shape other = {.name = "other",
                                   .n_layer = 3,
                                   .d_model = 4,
                                   .expand = 1,
                                   .d_state = 2,
                                   .d_conv = 2,
                                   .dt_rank = 1,
                                   .vocab_size = 8,
                                   .tied = true};
enum { vocab_size = 8, n_flip = 3000 };

static char parent[TEST_MAX_PATH], path[TEST_MAX_PATH];
static dm_model *model, *stranger;
static dm_sampler *sampler;    /* of the files that are tried */
static float next[vocab_size]; /* what the session of the file goes on from */
static unsigned char *file;
static size_t n_byte, n_taken;

static dm_sampler *new_sampler(size_t n_id, uint64_t seed) {
    dm_sampler_options options = DM_SAMPLER_OPTIONS_INIT;
    dm_sampler *made;
    dm_error error;
    options.temperature = 1;
    options.repetition_penalty = 1e6;
    options.seed = seed;
    require(dm_sampler_new(n_id, &options, &made, &error), &error);
    return made;
}

static void accept(dm_sampler *told, int32_t id) {
    dm_error error;
    require(dm_sampler_accept(told, &id, 1, &error), &error);
}

/* A token that is drawn where all are alike, but for those that were seen. */
static int32_t draw(dm_sampler *drawn) {
    float logits[vocab_size];
    int32_t id;
    dm_error error;
    for (int i = 0; i < vocab_size; i++)
        logits[i] = -1;
    require(dm_sampler_draw(drawn, logits, vocab_size, &id, &error), &error);
    return id;
}

/* A text of 40 tokens, closed, with two steps after it, and a sampler that drew three tokens, knows
 * two, and then drew another. */
static int set_up(void **state) {
    (void)state;
    const size_t layers[] = {2, 0};
    int32_t ids[40];
    float logits[vocab_size];
    dm_error error;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = DM_METHOD_DECIMATE;
    method.layers = layers;
    method.n_layer = 2;
    method.base_length = 5;
    method.min_length = 2;
    test_make_directory(parent);
    model = load_model(make_checkpoint(parent, &shape, 1), NULL, 1);
    stranger = load_model(make_checkpoint(parent, &other, 2), NULL, 1);
    for (int i = 0; i < 40; i++)
        ids[i] = i * 5 % vocab_size;
    dm_session *session = new_session(model, &method);
    read_text(session, ids, 40);
    close_text(session, 1, logits);
    for (int i = 0; i < 2; i++)
        require(dm_session_step(session, i, next, &error), &error);
    snprintf(path, sizeof path, "%s", test_join(parent, "session"));
    sampler = new_sampler(vocab_size, 5);
    for (int i = 0; i < 3; i++)
        draw(sampler);
    accept(sampler, 0);
    accept(sampler, 1);
    draw(sampler);
    require(dm_generation_save(session, sampler, path, &error), &error);
    dm_session_free(session);
    file = test_read_file(path, &n_byte);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    free(file);
    dm_sampler_free(sampler);
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
    dm_status status = dm_generation_restore(model, path, &session, sampler, NULL, error);
    if (status) {
        assert_null(session);
        assert_int_equal(error->status, status);
    } else { /* calls may refuse, but not crash */
        draw(sampler);
        dm_session_next_logits(session, logits, NULL);
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

/* Where a text stands in the header. */
static unsigned char *find(unsigned char *bytes, const char *text) {
    size_t n = strlen(text), at = 8;
    while (at + n <= n_byte && memcmp(bytes + at, text, n) != 0)
        at++;
    if (at + n > n_byte)
        fail_msg("no %s in the header", text);
    return bytes + at;
}

/* Replaces text in the header by text of the same length. */
static void replace(unsigned char *bytes, const char *from, const char *to) {
    assert_int_equal(strlen(from), strlen(to));
    memcpy(find(bytes, from), to, strlen(to));
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
    unsigned char *unhashed = some(n_byte, 1); /* so that damaged numbers get farther */
    memcpy(unhashed, file, n_byte);
    replace(unhashed, "data_hash", "data_hask");
    test_write_file(path, unhashed, n_byte);
    int descriptor = open(path, O_WRONLY);
    for (int i = 0; i < n_flip; i++) {
        off_t at = (off_t)dm_random_below(&random, n_byte);
        unsigned char flipped = unhashed[at] ^ (unsigned char)(1 + dm_random_below(&random, 255));
        assert_int_equal(pwrite(descriptor, &flipped, 1, at), 1);
        try_path(&error);
        assert_int_equal(pwrite(descriptor, unhashed + at, 1, at), 1);
    }
    close(descriptor);
    free(unhashed);
    print_message("%zu of %d damaged files were taken\n", n_taken, n_flip);
    assert_in_range(n_taken, 1, n_flip - 1);
}

/* One bit of a number, anywhere. */
static void test_damaged_numbers(void **state) {
    (void)state;
    size_t start = 8 + ((size_t)file[1] << 8 | file[0]); /* of the data: the header is short */
    unsigned char *changed = some(n_byte, 1);
    dm_error error;
    memcpy(changed, file, n_byte);
    for (size_t at = start; at < n_byte; at += 1 + (n_byte - start) / 97) {
        changed[at] ^= 4;
        assert_false(try_file(changed, &error));
        test_expect_error(&error, DM_ERROR_FORMAT, "its numbers are damaged");
        changed[at] ^= 4;
    }
    assert_true(try_file(changed, &error));
    free(changed);
}

static void expect_refused(const char *from, const char *to, dm_status status, const char *part) {
    unsigned char *changed = some(n_byte, 1);
    dm_error error = {0};
    memcpy(changed, file, n_byte);
    replace(changed, from, to);
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

/* ---- What generation goes on with ---- */

static dm_session *restore(dm_sampler *taking, bool sampler_expected) {
    dm_session *session;
    dm_error error;
    int has_sampler = 9;
    require(dm_generation_restore(model, path, &session, taking, &has_sampler, &error), &error);
    assert_int_equal(has_sampler, sampler_expected);
    return session;
}

static void expect_next(dm_session *session, const float *expected) {
    float logits[vocab_size];
    dm_error error;
    require(dm_session_next_logits(session, logits, &error), &error);
    assert_memory_equal(logits, expected, sizeof logits);
}

/* Draws as `twin` does; the last draw before the file was written was of no token of the text. */
static void expect_same_draws(dm_sampler *drawn, dm_sampler *twin) {
    bool all_seen[vocab_size] = {false};
    for (int i = 0; i < 40; i++) {
        int32_t id = draw(drawn);
        assert_int_equal(id, draw(twin));
        all_seen[id] = true;
    }
    for (int id = 0; id < vocab_size; id++)
        assert_int_equal(all_seen[id], id > 1); /* 0 and 1 were accepted */
}

static void test_sampler(void **state) {
    (void)state;
    dm_sampler *taking = new_sampler(vocab_size, 77), *twin = new_sampler(vocab_size, 5);
    test_write_file(path, file, n_byte);
    for (int i = 0; i < 3; i++)
        draw(twin);
    accept(twin, 0);
    accept(twin, 1);
    accept(taking, 5); /* is forgotten */
    dm_session_free(restore(taking, true));
    expect_same_draws(taking, twin);
    dm_session_free(restore(NULL, true));

    dm_session_free(restore(taking, true)); /* the saved seed again: on from where it stood */
    dm_sampler_set_seed(taking, 5);
    dm_sampler_set_seed(twin, 6);
    dm_sampler_set_seed(twin, 5); /* from its first number */
    for (int i = 0; i < 3; i++)
        draw(twin);
    expect_same_draws(taking, twin);
    dm_sampler_set_seed(taking, 6); /* another one */
    dm_sampler_set_seed(twin, 6);
    expect_same_draws(taking, twin);
    dm_sampler_set_seed(NULL, 6);
    dm_sampler_free(taking);
    dm_sampler_free(twin);
}

/* Without a sampler: one that is given stays as it is. */
static void test_no_sampler(void **state) {
    (void)state;
    dm_sampler *taking = new_sampler(vocab_size, 9), *twin = new_sampler(vocab_size, 9);
    dm_error error;
    test_write_file(path, file, n_byte);
    dm_session *session = restore(NULL, true);
    require(dm_session_save(session, path, &error), &error);
    dm_session_free(session);
    for (int id = 0; id < 2; id++) {
        accept(taking, id);
        accept(twin, id);
    }
    session = restore(taking, false);
    expect_same_draws(taking, twin);
    expect_next(session, next);
    dm_session_free(session);
    dm_sampler_free(taking);
    dm_sampler_free(twin);
}

/* The first files of version 1 kept the tail of the last close, which is not that of the steps
 * after it, and did not say so: there the next logits are those of a close. */
static void test_early_file(void **state) {
    (void)state;
    float closed[vocab_size];
    dm_error error;
    test_write_file(path, file, n_byte);
    dm_session *session = restore(NULL, true);
    expect_next(session, next);
    close_text(session, 1, closed);
    assert_memory_not_equal(closed, next, sizeof closed);
    expect_next(session, closed);
    dm_session_free(session);

    unsigned char *early = some(n_byte, 1);
    memcpy(early, file, n_byte);
    replace(early, "\"tail_at_tip\"", "\"tail_at_now\"");
    test_write_file(path, early, n_byte);
    session = restore(NULL, true);
    expect_next(session, closed);
    dm_session_free(session);

    memcpy(early, file, n_byte); /* what is closed has its tail */
    replace(early, "\"closed\":\"0\"", "\"closed\":\"1\"");
    replace(early, "\"tail_at_tip\":\"1\"", "\"tail_at_tip\":\"0\"");
    assert_false(try_file(early, &error));
    test_expect_error(&error, DM_ERROR_FORMAT, "tail_at_tip");
    free(early);
}

static void test_damaged_sampler(void **state) {
    (void)state;
    dm_sampler *other_size = new_sampler(vocab_size + 1, 5), *twin = new_sampler(vocab_size, 5);
    dm_session *session = NULL;
    dm_error error;
    test_write_file(path, file, n_byte);
    assert_int_equal(dm_generation_restore(model, path, &session, other_size, NULL, &error),
                     DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "9 ids, the model has 8");
    assert_null(session);
    session = restore(NULL, true);
    assert_int_equal(dm_generation_save(session, other_size, path, &error), DM_ERROR_ARGUMENT);
    dm_session_free(session);

    for (int i = 0; i < 3; i++)
        draw(twin);
    accept(twin, 0);
    accept(twin, 1);
    dm_session_free(restore(sampler, true));
    expect_refused("sampler.seed", "sampler.sead", DM_ERROR_FORMAT, "sampler.seed");
    expect_refused("sampler.random.3", "sampler.random.4", DM_ERROR_FORMAT, "sampler.random.3");
    unsigned char *changed = some(n_byte, 1);
    memcpy(changed, file, n_byte);
    for (int i = 0; i < 4; i++) {
        char key[] = "\"sampler.random.0\":\"";
        key[sizeof "\"sampler.random." - 1] = (char)('0' + i);
        memset(find(changed, key) + sizeof key - 1, '0', 16);
    }
    assert_false(try_file(changed, &error));
    test_expect_error(&error, DM_ERROR_FORMAT, "sampler.random");
    expect_same_draws(sampler, twin); /* untouched by all of these */
    free(changed);
    dm_sampler_free(other_size);
    dm_sampler_free(twin);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated),       cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_damaged_numbers), cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_sampler),         cmocka_unit_test(test_no_sampler),
        cmocka_unit_test(test_early_file),      cmocka_unit_test(test_damaged_sampler)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
