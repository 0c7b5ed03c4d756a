/* Log-probabilities of the tokens read: those of the logits that a reading gives, bit for bit, and
 * those of transformers. */
#include "one_model.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 3,
                                   .d_model = 32,
                                   .expand = 2,
                                   .d_state = 4,
                                   .d_conv = 4,
                                   .dt_rank = 4,
                                   .vocab_size = 40,
                                   .tied = true};
enum { vocab_size = 40, n_text = 1300, n_decimated = 300 };

static int set_up(void **state) {
    (void)state;
    make_model_and_text(&shape, 6, 8, n_text);
    return 0;
}

static void read_scored(dm_session *session, size_t first, size_t n, double *logprobs) {
    dm_error error;
    require(dm_session_append_logprobs(session, ids + first, n, logprobs + first, &error), &error);
}

static void expect_same(const double *actual, const double *expected, size_t n) {
    assert_true(isnan(actual[0]));
    assert_memory_equal(actual + 1, expected + 1, (n - 1) * sizeof *actual);
}

static void expect_same_end(dm_session *session, const dm_method_options *method, size_t n) {
    dm_session *twin = new_session(model, method);
    read_text(twin, ids, n);
    struct outcome actual = outcome_of(session, method, vocab_size),
                   expected = outcome_of(twin, method, vocab_size);
    expect_same_bits(&actual, &expected);
    free_outcome(&actual);
    free_outcome(&expected);
    dm_session_free(twin);
}

/* One reading, and its logits. */
static void test_plain(void **state) {
    (void)state;
    static const size_t splits[] = {n_text, 1, 63, 64, 65, 600};
    dm_method_options whole = DM_METHOD_OPTIONS_INIT, method = DM_METHOD_OPTIONS_INIT;
    double *expected = some(n_text, sizeof *expected), *given = some(n_text, sizeof *given);
    float *logits = some((size_t)n_text * vocab_size, sizeof *logits);
    whole.keep_tail = n_text;
    dm_session *session = new_session(model, &whole);
    read_text(session, ids, n_text);
    close_text(session, n_text, logits);
    for (size_t i = 1; i < n_text; i++)
        expected[i] =
            -dm_negative_log_likelihood(logits + (i - 1) * vocab_size, vocab_size, ids[i]);
    dm_session_free(session);
    for (size_t s = 0; s < sizeof splits / sizeof *splits; s++) {
        session = new_session(model, &method);
        for (size_t first = 0; first < n_text; first += splits[s]) {
            size_t n = n_text - first;
            read_scored(session, first, n < splits[s] ? n : splits[s], given);
        }
        expect_same(given, expected, n_text);
        expect_same_end(session, &method, n_text);
        dm_session_free(session);
    }
    free(expected);
    free(given);
    free(logits);
}

/* Where tokens are dropped: a finish every keep_tail tokens, whose logits the next ones have. */
static void check_decimated(size_t keep_tail, size_t n_before) {
    static const size_t layers[] = {1, 2};
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    double expected[n_decimated], given[n_decimated];
    float *logits = some(keep_tail * vocab_size, sizeof *logits);
    method.kind = DM_METHOD_DECIMATE;
    method.layers = layers, method.n_layer = 2;
    method.base_length = 40;
    method.keep_tail = keep_tail;
    dm_session *session = new_session(model, &method), *twin = new_session(model, &method);
    read_scored(session, 0, n_before, given);
    read_scored(session, n_before, n_decimated - n_before, given);
    for (size_t part = 0; part < 2; part++)
        for (size_t i = part ? n_before : 0, end = part ? n_decimated : n_before, n; i < end;
             i += n) {
            n = end - i < keep_tail ? end - i : keep_tail;
            read_text(twin, ids + i, n);
            close_text(twin, n, logits);
            for (size_t k = 0; k < n && i + k + 1 < n_decimated; k++)
                expected[i + k + 1] = -dm_negative_log_likelihood(logits + k * vocab_size,
                                                                  vocab_size, ids[i + k + 1]);
        }
    expect_same(given, expected, n_decimated);
    expect_same_end(session, &method, n_decimated);
    dm_session_free(session);
    dm_session_free(twin);
    free(logits);
}

static void test_decimated(void **state) {
    (void)state;
    static const size_t tails[] = {1, 7, 64, 100, 1000};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        check_decimated(tails[i], n_decimated);
        check_decimated(tails[i], 130);
    }
}

/* After steps, the first token is one that the last step predicts. */
static void test_after_steps(void **state) {
    (void)state;
    static const size_t layer = 1;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    float logits[vocab_size];
    double given[3];
    dm_error error;
    method.kind = DM_METHOD_DECIMATE;
    method.layers = &layer, method.n_layer = 1;
    method.base_length = 20;
    dm_session *session = new_session(model, &method);
    read_text(session, ids, 100);
    for (int i = 0; i < 4; i++)
        require(dm_session_step(session, ids[i], logits, &error), &error);
    require(dm_session_append_logprobs(session, ids, 3, given, &error), &error);
    assert_true(given[0] == -dm_negative_log_likelihood(logits, vocab_size, ids[0]));
    require(dm_session_append_logprobs(session, ids, 0, NULL, &error), &error);
    assert_int_equal(dm_session_n_token(session), 107);
    const int32_t outside[] = {0, vocab_size};
    assert_int_equal(dm_session_append_logprobs(session, outside, 2, given, &error),
                     DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_append_logprobs(session, ids, 2, NULL, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_append_logprobs(NULL, ids, 2, given, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_n_token(session), 107);
    dm_session_free(session);
}

/* log softmax of logits that transformers gave (scripts/make_transformers_cases.py), in double. */
static double log_softmax(const float *logits, size_t n, int32_t id) {
    double most = logits[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        most = logits[i] > most ? logits[i] : most;
    for (size_t i = 0; i < n; i++)
        sum += exp(logits[i] - most);
    return logits[id] - most - log(sum);
}

static void test_transformers(void **state) {
    (void)state;
    static const char *const folders[] = {"transformers/mamba-biases", "transformers/falcon-mamba"};
    for (int f = 0; f < 2; f++) {
        const char *directory = test_data(folders[f]);
        dm_method_options plain = DM_METHOD_OPTIONS_INIT;
        struct dm_safetensors expected;
        dm_error error;
        require(
            dm_safetensors_open(&expected, test_join(directory, "expected.safetensors"), &error),
            &error);
        const struct dm_named_tensor *text = dm_safetensors_find(&expected, "input_ids");
        const struct dm_named_tensor *logits = dm_safetensors_find(&expected, "logits");
        dm_model *other = load_model(directory, NULL, 1);
        size_t n = text->shape[0], n_vocab = vocab_of(other);
        int32_t *own = some(n, sizeof *own);
        float *wanted = some(n * n_vocab, sizeof *wanted);
        double *given = some(n, sizeof *given);
        memcpy(own, text->data, text->n_byte); /* the file may be unaligned */
        memcpy(wanted, logits->data, logits->n_byte);
        dm_session *session = new_session(other, &plain);
        require(dm_session_append_logprobs(session, own, n, given, &error), &error);
        for (size_t i = 1; i < n; i++)
            assert_true(fabs(given[i] - log_softmax(wanted + (i - 1) * n_vocab, n_vocab, own[i])) <
                        2e-5);
        assert_true(n > 10);
        dm_session_free(session);
        dm_model_free(other);
        dm_safetensors_close(&expected);
        free(own);
        free(wanted);
        free(given);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_decimated),
        cmocka_unit_test(test_after_steps), cmocka_unit_test(test_transformers)};
    return cmocka_run_group_tests(tests, set_up, remove_model_and_text);
}
