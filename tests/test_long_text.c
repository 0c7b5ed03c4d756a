/* A text of 1,000,000 tokens, by every method and score: the same tokens are kept, and the same
 * logits follow, however it is split; memory is what a tenth of the text takes. */
#include "engine.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 2,
                                   .d_model = 16,
                                   .expand = 2,
                                   .d_state = 4,
                                   .d_conv = 4,
                                   .dt_rank = 1,
                                   .vocab_size = 64,
                                   .tied = true};
enum { n_id = 1000000, vocab_size = 64, n_stage = 2 };
static const size_t both_layers[n_stage] = {0, 1};

static char parent[TEST_MAX_PATH];
static dm_model *model;
static int32_t *ids;

static int set_up(void **state) {
    static const char settings[] = "{\"version\": 1, \"method\": \"none\", \"global_channels\": "
                                   "{\"0\": [0, 2, 3], \"1\": [1, 2]}}";
    (void)state;
    struct dm_random random;
    test_make_directory(parent);
    const char *path = make_checkpoint(parent, &shape, 6);
    test_write_file(test_join(path, "decimamba.json"), settings, sizeof settings - 1);
    model = load_model(path, NULL, 2);
    dm_random_seed(&random, 13);
    ids = random_ids(&random, n_id, vocab_size);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dm_model_free(model);
    free(ids);
    test_remove_directory(parent);
    return 0;
}

static dm_method_options method_of(dm_method_kind kind, dm_score score) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = kind;
    method.score = score;
    method.layers = both_layers;
    method.n_layer = kind == DM_METHOD_NONE ? 0 : n_stage;
    method.keep_tail = 4;
    return method;
}

/* ---- What the first layer should keep ---- */

/* The scores that a probe saw of every token, worked out anew. */
struct scores {
    dm_score score;
    size_t n;
    double *of; /* [n_id] */
};

static void note_scores(const dm_probe_view *view, void *user) {
    struct scores *scores = user;
    if (view->layer != 0 || view->kept)
        return;
    assert_int_equal(view->first_position, scores->n);
    for (size_t t = 0; t < view->n_token; t++) {
        double sum = 0;
        for (size_t c = 0; c < view->d_inner; c++) {
            double delta = view->delta[t * view->d_inner + c];
            sum += scores->score == DM_SCORE_MEAN ? delta : delta * delta;
        }
        scores->of[scores->n++] = sum;
    }
}

/* No token is left out that is clearly better than one that was kept. */
static void expect_best(const struct scores *scores, const struct outcome *outcome, size_t tail) {
    double worst = INFINITY;
    size_t n = outcome->n_kept[0] - tail, next = 0;
    for (size_t i = 0; i < n; i++)
        worst = fmin(worst, scores->of[outcome->kept[0][i]]);
    for (size_t t = 0; t < n_id - tail; t++) {
        if (next < n && outcome->kept[0][next] == t)
            next++;
        else
            assert_true(scores->of[t] <= worst * (1 + 1e-6));
    }
    assert_int_equal(next, n);
}

/* ---- The test ---- */

static struct outcome read_at_once(const dm_method_options *method) {
    struct scores scores = {method->score, 0, some(n_id, sizeof *scores.of)};
    bool watch = method->kind == DM_METHOD_DECIMATE && method->score <= DM_SCORE_MEAN;
    dm_session *session = new_session(model, method);
    if (watch)
        dm_session_set_probe(session, note_scores, &scores);
    read_text(session, ids, n_id);
    struct outcome outcome = outcome_of(session, method, vocab_size);
    if (watch)
        expect_best(&scores, &outcome, method->keep_tail);
    for (size_t i = 0; i < outcome.n_stage; i++) /* K of each stage, and the tail */
        assert_int_equal(outcome.n_kept[i], (i ? 1000 : 2000) + method->keep_tail);
    dm_session_free(session);
    free(scores.of);
    return outcome;
}

/* In pieces of any length, some closed or followed by steps. */
static struct outcome read_in_pieces(const dm_method_options *method, uint64_t seed) {
    struct dm_random random;
    float logits[vocab_size];
    size_t memory = 0;
    dm_error error;
    dm_session *session = new_session(model, method);
    dm_random_seed(&random, seed);
    for (size_t at = 0, n; at < n_id; at += n) {
        n = 1 + dm_random_below(&random, dm_random_below(&random, 2) ? 300 : 30000);
        n = n < n_id - at ? n : n_id - at;
        read_text(session, ids + at, n);
        if (dm_random_below(&random, 8) == 0)
            close_text(session, 1, logits);
        if (dm_random_below(&random, 8) == 0 && at + n < n_id) {
            require(dm_session_step(session, ids[at + n], logits, &error), &error);
            n++;
        }
        if (at > n_id / 10 && !memory) {
            close_text(session, 1, logits);
            memory = dm_session_memory(session);
        }
    }
    struct outcome outcome = outcome_of(session, method, vocab_size);
    assert_int_equal(dm_session_n_token(session), n_id);
    assert_int_equal(dm_session_memory(session), memory);
    assert_int_equal(dm_session_memory(session), dm_session_bound(session));
    dm_session_free(session);
    return outcome;
}

static void check_method(dm_method_kind kind, dm_score score) {
    const dm_method_options method = method_of(kind, score);
    struct outcome whole = read_at_once(&method);
    struct outcome pieces = read_in_pieces(&method, 1 + (uint64_t)score);
    expect_same_kept(&pieces, &whole);
    assert_true(difference(pieces.logits, whole.logits, whole.n_logit) <= 1e-4);
    free_outcome(&whole);
    free_outcome(&pieces);
}

static void test_plain(void **state) {
    (void)state;
    check_method(DM_METHOD_NONE, DM_SCORE_NORM);
}

static void test_keep_last(void **state) {
    (void)state;
    check_method(DM_METHOD_KEEP_LAST, DM_SCORE_NORM);
}

static void test_decimate(void **state) {
    (void)state;
    for (dm_score score = DM_SCORE_NORM; score <= DM_SCORE_TOKEN_NORM; score++)
        check_method(DM_METHOD_DECIMATE, score);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_keep_last),
        cmocka_unit_test(test_decimate),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
