/* Forks, going back to marks, and sessions in memory: whatever the text has come to, what goes on
 * from them goes on as the session itself would have, bit for bit. */
#include "one_model.h"

#include <float.h>

#include "base/memory.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 3,
                                   .d_model = 32,
                                   .expand = 2,
                                   .d_state = 4,
                                   .d_conv = 4,
                                   .dt_rank = 4,
                                   .vocab_size = 40,
                                   .tied = true};
enum { vocab_size = 40, n_text = 900, tail = 5, n_setting = 4 };

static char path[TEST_MAX_PATH];

static int set_up(void **state) {
    (void)state;
    make_model_and_text(&shape, 5, 3, n_text);
    snprintf(path, sizeof path, "%s", test_join(parent, "session"));
    return 0;
}

/* Plain; two decimating layers, of which the pool is cut; the latest; one that has settings of its
 * own. */
static dm_method_options setting(int number) {
    static const size_t layers[] = {2, 1}, first = 0;
    static const double scale = 0.8;
    static const dm_method_value value = {"delta-scale", &scale, 1};
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    dm_error error;
    method.keep_tail = tail;
    if (number == 1) {
        method.kind = DM_METHOD_DECIMATE;
        method.layers = layers, method.n_layer = 2;
        method.base_length = 60;
    } else if (number == 2) {
        method.kind = DM_METHOD_KEEP_LAST;
        method.layers = &first, method.n_layer = 1;
        method.base_length = 50;
    } else if (number == 3) {
        require(dm_method_find("mamba-extend", &method.kind, &error), &error);
        method.values = &value, method.n_value = 1;
    }
    return method;
}

/* ---- Where a text has come to ---- */

enum { n_place = 6 };

static void step(dm_session *session, int32_t id, float *logits) {
    dm_error error;
    require(dm_session_step(session, id, logits, &error), &error);
}

/* Nothing yet; less than the tail; in the middle; closed; stepped; and read on after steps. */
static dm_session *come_to(int place, const dm_method_options *method) {
    static const size_t n_read[n_place] = {0, 3, 700, 700, 700, 700};
    float logits[vocab_size];
    dm_session *session = new_session(model, method);
    read_text(session, ids, n_read[place]);
    if (place >= 3)
        close_text(session, 1, logits);
    for (int i = 0; i < 7 && place >= 4; i++)
        step(session, i, NULL);
    if (place == 5)
        read_text(session, ids + 100, 50);
    return session;
}

struct bytes {
    void *bytes;
    size_t n;
};

static struct bytes save(const dm_session *session) {
    struct bytes saved;
    dm_error error;
    require(dm_session_save_buffer(session, &saved.bytes, &saved.n, &error), &error);
    return saved;
}

static void expect_bytes(struct bytes actual, struct bytes expected) {
    assert_int_equal(actual.n, expected.n);
    assert_memory_equal(actual.bytes, expected.bytes, expected.n);
    dm_free(actual.bytes);
    dm_free(expected.bytes);
}

/* All that the two do from here on is the same. */
static void expect_same_way(dm_session *session, dm_session *twin,
                            const dm_method_options *method) {
    float logits[2][vocab_size];
    dm_session *both[] = {session, twin};
    dm_error error;
    for (int way = 0; way < 3; way++) {
        struct outcome outcomes[2];
        for (int i = 0; i < 2; i++) {
            if (dm_session_n_token(both[i]))
                require(dm_session_next_logits(both[i], logits[i], &error), &error);
            step(both[i], 9, logits[i]);
            read_text(both[i], ids + 20, 180);
            outcomes[i] = outcome_of(both[i], method, vocab_size);
            step(both[i], 11, logits[i]);
        }
        expect_same_bits(&outcomes[0], &outcomes[1]);
        assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
        free_outcome(&outcomes[0]);
        free_outcome(&outcomes[1]);
    }
}

/* And all that they are. Both are freed. */
static void expect_twins(dm_session *session, dm_session *twin, const dm_method_options *method) {
    expect_bytes(save(session), save(twin));
    expect_same_way(session, twin, method);
    expect_bytes(save(session), save(twin));
    dm_session_free(session);
    dm_session_free(twin);
}

typedef void check(int place, const dm_method_options *method);

static void for_all(check *check_place) {
    int n = dm_n_layer_kind > 1 ? n_setting - 1 : n_setting; /* it asks for Delta in every layer */
    for (int number = 0; number < n; number++)
        for (int place = 0; place < n_place; place++) {
            const dm_method_options method = setting(number);
            check_place(place, &method);
        }
}

/* ---- Forks ---- */

static dm_session *fork_of(const dm_session *session) {
    dm_session *fork;
    dm_error error;
    require(dm_session_fork(session, &fork, &error), &error);
    assert_int_equal(dm_session_n_token(fork), dm_session_n_token(session));
    return fork;
}

static void never_called(const dm_probe_view *view, void *user) {
    (void)view, (void)user;
    fail();
}

static void check_fork(int place, const dm_method_options *method) {
    dm_session *session = come_to(place, method);
    dm_session_set_probe(session, never_called, NULL); /* stays with it */
    dm_session *fork = fork_of(session), *second = fork_of(fork);
    assert_true(dm_session_memory(fork) <= dm_session_memory(session));
    read_text(second, ids, 400); /* nobody else sees it */
    dm_session_free(second);
    dm_session_free(session);
    expect_twins(fork, come_to(place, method), method);
}

static void test_fork(void **state) {
    (void)state;
    for_all(check_fork);
}

/* ---- Going back ---- */

static void check_rewind(int place, const dm_method_options *method) {
    dm_session *session = come_to(place, method), *mark = fork_of(session);
    dm_error error;
    for (int again = 0; again < 2; again++) {
        float logits[vocab_size];
        read_text(session, ids + 30, 800);
        close_text(session, 1, logits);
        step(session, 1, NULL);
        dm_memory_fail_at(1); /* it needs none */
        dm_status status = dm_session_rewind(session, mark, &error);
        dm_memory_fail_at(0);
        require(status, &error);
    }
    require(dm_session_rewind(session, session, &error), &error);
    expect_twins(session, come_to(place, method), method);
    expect_twins(mark, come_to(place, method), method);
}

static void test_rewind(void **state) {
    (void)state;
    for_all(check_rewind);
}

/* Of a session that never held as much: with memory, or not at all. */
static void test_rewind_elsewhere(void **state) {
    (void)state;
    const dm_method_options method = setting(1), other = setting(2);
    dm_session *session = come_to(1, &method), *mark = come_to(3, &method);
    dm_error error;
    size_t n = 1;
    for (dm_status status = DM_ERROR_MEMORY; status; n++) {
        dm_memory_fail_at(n);
        status = dm_session_rewind(session, mark, &error);
        dm_memory_fail_at(0);
        if (status) {
            test_expect_error(&error, DM_ERROR_MEMORY, "memory is short");
            expect_twins(fork_of(session), come_to(1, &method), &method);
        }
    }
    assert_true(n > 3);
    expect_twins(session, come_to(3, &method), &method);
    session = come_to(2, &other);
    assert_int_equal(dm_session_rewind(session, mark, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "the mark has another model");
    expect_twins(session, come_to(2, &other), &other);
    dm_session_free(mark);
}

/* What an error left half-way has no forks, but can go back. */
static void test_half_way(void **state) {
    (void)state;
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    const dm_method_options method = setting(1);
    struct shape named = shape;
    char checkpoint[TEST_MAX_PATH];
    dm_model *broken;
    dm_session *fork = NULL;
    float logits[vocab_size];
    dm_error error;
    named.name = "broken";
    snprintf(checkpoint, sizeof checkpoint, "%s", make_checkpoint(parent, &named, 5));
    set_weights(checkpoint, "backbone.norm_f.weight", 0, shape.d_model, FLT_MAX);
    options.check = 1; /* no logit is a number */
    require(dm_model_load(checkpoint, &options, &broken, &error), &error);
    dm_session *session = new_session(broken, &method);
    read_text(session, ids, 100);
    dm_session *mark = fork_of(session);
    assert_int_equal(dm_session_step(session, 1, logits, &error), DM_ERROR_NUMBER);
    assert_int_equal(dm_session_fork(session, &fork, &error), DM_ERROR_ARGUMENT);
    assert_null(fork);
    assert_int_equal(dm_session_rewind(mark, session, &error), DM_ERROR_ARGUMENT);
    require(dm_session_rewind(session, mark, &error), &error);
    read_text(session, ids + 100, 600);
    read_text(mark, ids + 100, 600);
    expect_bytes(save(session), save(mark));
    dm_session_free(session);
    dm_session_free(mark);
    dm_model_free(broken);
}

/* ---- In memory ---- */

static void check_buffer(int place, const dm_method_options *method) {
    dm_session *session = come_to(place, method), *restored, *from_file;
    struct bytes saved = save(session), file;
    dm_error error;
    require(dm_session_save(session, path, &error), &error);
    file.bytes = test_read_file(path, &file.n);
    assert_int_equal(saved.n, file.n);
    assert_memory_equal(saved.bytes, file.bytes, file.n);
    free(file.bytes);
    unsigned char *odd = some(saved.n + 1, 1); /* at no even address */
    memcpy(odd + 1, saved.bytes, saved.n);
    require(dm_session_restore_buffer(model, odd + 1, saved.n, &restored, &error), &error);
    free(odd);
    dm_free(saved.bytes);
    require(dm_session_restore(model, path, &from_file, &error), &error);
    expect_same_way(restored, session, method);
    dm_session_free(session);
    session = come_to(place, method);
    expect_same_way(from_file, session, method);
    dm_session_free(session);
    expect_twins(restored, from_file, method);
}

static void test_buffer(void **state) {
    (void)state;
    for_all(check_buffer);
}

/* With the sampler: what is drawn goes on. */
static void test_sampler(void **state) {
    (void)state;
    const dm_method_options method = setting(1);
    const float logits[vocab_size] = {0};
    dm_sampler_options options = DM_SAMPLER_OPTIONS_INIT;
    dm_session *session = come_to(4, &method), *restored;
    dm_sampler *samplers[2];
    struct bytes saved;
    int has_sampler = 0;
    dm_error error;
    options.temperature = 1;
    for (int i = 0; i < 2; i++)
        require(dm_sampler_new(vocab_size, &options, &samplers[i], &error), &error);
    int32_t drawn[2];
    require(dm_sampler_draw(samplers[0], logits, vocab_size, drawn, &error), &error);
    require(dm_sampler_accept(samplers[0], drawn, 1, &error), &error);
    require(dm_generation_save_buffer(session, samplers[0], &saved.bytes, &saved.n, &error),
            &error);
    require(dm_generation_restore_buffer(model, saved.bytes, saved.n, &restored, samplers[1],
                                         &has_sampler, &error),
            &error);
    assert_int_equal(has_sampler, 1);
    for (int i = 0; i < 30; i++) {
        for (int s = 0; s < 2; s++)
            require(dm_sampler_draw(samplers[s], logits, vocab_size, &drawn[s], &error), &error);
        assert_int_equal(drawn[0], drawn[1]);
    }
    /* a sampler goes back too */
    require(dm_sampler_rewind(samplers[1], samplers[0], &error), &error);
    for (int i = 0; i < 30; i++) {
        for (int s = 0; s < 2; s++)
            require(dm_sampler_draw(samplers[s], logits, vocab_size, &drawn[s], &error), &error);
        assert_int_equal(drawn[0], drawn[1]);
    }
    dm_sampler *other;
    require(dm_sampler_new(vocab_size - 1, &options, &other, &error), &error);
    assert_int_equal(dm_sampler_rewind(other, samplers[0], &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_sampler_rewind(other, NULL, &error), DM_ERROR_ARGUMENT);
    dm_sampler_free(other);
    dm_free(saved.bytes);
    dm_sampler_free(samplers[0]);
    dm_sampler_free(samplers[1]);
    expect_twins(session, restored, &method);
}

static void test_refused(void **state) {
    (void)state;
    const dm_method_options method = setting(0);
    dm_session *session = come_to(1, &method), *restored = NULL;
    struct bytes saved = save(session);
    dm_error error;
    for (size_t n = 0; n < saved.n; n += n < 600 ? 1 : 97) {
        assert_int_equal(dm_session_restore_buffer(model, saved.bytes, n, &restored, &error),
                         DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, "a session's buffer: ");
    }
    assert_int_equal(dm_session_restore_buffer(model, NULL, 0, &restored, &error), DM_ERROR_FORMAT);
    assert_int_equal(dm_session_restore_buffer(model, NULL, 9, &restored, &error),
                     DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_restore_buffer(NULL, saved.bytes, saved.n, &restored, &error),
                     DM_ERROR_ARGUMENT);
    assert_null(restored);
    assert_int_equal(dm_session_save_buffer(session, NULL, &saved.n, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_fork(NULL, &restored, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_fork(session, NULL, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_rewind(NULL, session, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_rewind(session, NULL, &error), DM_ERROR_ARGUMENT);
    dm_free(saved.bytes);
    dm_session_free(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_rewind_elsewhere),
        cmocka_unit_test(test_half_way),
        cmocka_unit_test(test_buffer),
        cmocka_unit_test(test_sampler),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, set_up, remove_model_and_text);
}
