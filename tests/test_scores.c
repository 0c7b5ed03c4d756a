/* The scores that are baselines, random and token-norm: against brute force, and the same choice
 * whether a text is read in pieces, beside others, from a file, or trained on. */
#include "engine.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 4,
                                   .d_model = 24,
                                   .expand = 2,
                                   .d_state = 6,
                                   .d_conv = 4,
                                   .dt_rank = 3,
                                   .vocab_size = 61};
enum { n_text = 3, n_token = 400, d_model = 24, vocab_size = 61 };
static const dm_score scores[] = {DM_SCORE_RANDOM, DM_SCORE_TOKEN_NORM};
static const size_t two_layers[] = {0, 2};

static char parent[TEST_MAX_PATH];
static const char *directory;
static dm_model *model;
static int32_t *ids;

static int set_up(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 12);
    test_make_directory(parent);
    directory = make_checkpoint(parent, &shape, 5);
    model = load_model(directory, NULL, 2);
    ids = random_ids(&random, n_text * n_token, vocab_size);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dm_model_free(model);
    free(ids);
    test_remove_directory(parent);
    return 0;
}

static dm_method_options method_of(dm_score score) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = DM_METHOD_DECIMATE;
    method.score = score;
    method.layers = two_layers;
    method.n_layer = 2;
    method.base_length = 90;
    method.beta = 0.5;
    method.keep_tail = 7;
    return method;
}

/* ---- Brute force ---- */

/* splitmix64 (Steele, Lea & Flood 2014) from seed 0, draw by draw. */
static void random_scores(double score[n_token]) {
    uint64_t x = 0;
    for (size_t t = 0; t < n_token; t++) {
        uint64_t z = (x += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        score[t] = (double)((z ^ (z >> 31)) >> 40);
    }
}

/* Of the tokens of the first text, from the embedding as a trainer shows it. */
static void embedding_norms(double score[n_token]) {
    const dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_trainer *trainer;
    const float *embedding;
    size_t n;
    dm_error error;
    require(dm_trainer_new(directory, &options, &trainer, &error), &error);
    require(
        dm_trainer_parameter(trainer, "backbone.embeddings.weight", &embedding, NULL, &n, &error),
        &error);
    for (size_t t = 0; t < n_token; t++) {
        double sum = 0;
        for (size_t i = 0; i < d_model; i++)
            sum += pow((double)embedding[(size_t)ids[t] * d_model + i], 2);
        score[t] = sqrt(sum);
    }
    dm_trainer_free(trainer);
}

/* The best `k` of the first n, the earlier where two are equal, then the tail up to `end`. */
static void expect_best(const double *score, size_t n, size_t k, size_t end, const size_t *kept,
                        size_t n_kept) {
    size_t at = 0;
    for (size_t t = 0; t < end; t++) {
        size_t n_better = 0;
        for (size_t other = 0; other < n; other++)
            n_better += score[other] > score[t] || (score[other] == score[t] && other < t);
        if (t >= n || n_better < k)
            assert_int_equal(kept[at++], t);
    }
    assert_int_equal(at, n_kept);
}

static struct outcome read_first(const dm_method_options *method) {
    dm_session *session = new_session(model, method);
    read_text(session, ids, n_token);
    struct outcome outcome = outcome_of(session, method, vocab_size);
    dm_session_free(session);
    return outcome;
}

/* Of both layers: the upper one counts positions among what the lower one kept. */
static void test_random_tokens(void **state) {
    (void)state;
    double score[n_token];
    const dm_method_options method = method_of(DM_SCORE_RANDOM);
    struct outcome outcome = read_first(&method);
    random_scores(score);
    expect_best(score, n_token - 7, 90, n_token, outcome.kept[0], outcome.n_kept[0]);
    expect_best(score, 90, 45, 97, outcome.kept[1], outcome.n_kept[1]);
    free_outcome(&outcome);
}

static void test_token_norms(void **state) {
    (void)state;
    double score[n_token];
    const dm_method_options method = method_of(DM_SCORE_TOKEN_NORM);
    struct outcome outcome = read_first(&method);
    embedding_norms(score);
    expect_best(score, n_token - 7, 90, n_token, outcome.kept[0], outcome.n_kept[0]);
    free_outcome(&outcome);
}

/* ---- The same choice everywhere ---- */

static void expect_alike(dm_session *session, const dm_method_options *method,
                         const struct outcome *expected) {
    struct outcome outcome = outcome_of(session, method, vocab_size);
    expect_same_kept(&outcome, expected);
    assert_true(difference(outcome.logits, expected->logits, expected->n_logit) < 1e-4);
    free_outcome(&outcome);
}

/* In pieces, with steps and a close between them, through a file, and beside two other texts. */
static void check_splits(const dm_method_options *method, const struct outcome *expected) {
    char path[TEST_MAX_PATH];
    float logits[vocab_size];
    dm_error error;
    dm_session *session = new_session(model, method), *sessions[n_text];
    read_text(session, ids, 131);
    close_text(session, 1, logits);
    require(dm_session_step(session, ids[131], logits, &error), &error);
    require(dm_session_step(session, ids[132], NULL, &error), &error);
    read_text(session, ids + 133, 100);
    snprintf(path, sizeof path, "%s", test_join(parent, "session"));
    require(dm_session_save(session, path, &error), &error);
    dm_session_free(session);
    require(dm_session_restore(model, path, &session, &error), &error);
    read_text(session, ids + 233, n_token - 233);
    expect_alike(session, method, expected);
    dm_session_free(session);

    const int32_t *texts[n_text], *rest[n_text];
    const size_t first[n_text] = {250, 3, 77};
    size_t left[n_text];
    for (size_t s = 0; s < n_text; s++) {
        sessions[s] = new_session(model, method);
        texts[s] = ids + (n_text - 1 - s) * n_token; /* the first text comes last */
        rest[s] = texts[s] + first[s];
        left[s] = n_token - first[s];
    }
    require(dm_append_many(sessions, n_text, texts, first, &error), &error);
    require(dm_append_many(sessions, n_text, rest, left, &error), &error);
    expect_alike(sessions[n_text - 1], method, expected);
    for (size_t s = 0; s < n_text; s++)
        dm_session_free(sessions[s]);
}

static void test_any_split(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        const dm_method_options method = method_of(scores[i]);
        struct outcome expected = read_first(&method);
        check_splits(&method, &expected);
        free_outcome(&expected);
    }
}

/* The loss of the tails, as sessions give it and as a trainer does of the packed texts. */
static void test_in_training(void **state) {
    (void)state;
    const size_t start[] = {0, n_token, n_token + 150, n_text * n_token};
    for (int i = 0; i < 2; i++) {
        const dm_method_options method = method_of(scores[i]);
        float weight[n_text * n_token] = {0};
        double sum = 0;
        for (size_t s = 0; s < n_text; s++) {
            float logits[7 * vocab_size];
            dm_session *session = new_session(model, &method);
            read_text(session, ids + start[s], start[s + 1] - start[s]);
            close_text(session, 7, logits);
            dm_session_free(session);
            for (size_t t = 0; t < 6; t++) {
                size_t next = start[s + 1] - 6 + t;
                weight[next] = 1;
                sum += dm_negative_log_likelihood(logits + t * vocab_size, vocab_size, ids[next]);
            }
        }
        dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
        dm_training_batch batch = DM_TRAINING_BATCH_INIT;
        dm_training_loss loss = DM_TRAINING_LOSS_INIT;
        dm_trainer *trainer;
        dm_error error;
        options.method = &method;
        batch.n_sequence = n_text, batch.start = start, batch.ids = ids, batch.weight = weight;
        require(dm_trainer_new(directory, &options, &trainer, &error), &error);
        require(dm_trainer_evaluate(trainer, &batch, &loss, &error), &error);
        assert_int_equal(loss.n_prediction, 18);
        assert_true(fabs(loss.sum - sum) < 1e-5 * sum);
        dm_trainer_free(trainer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_tokens),
        cmocka_unit_test(test_token_norms),
        cmocka_unit_test(test_any_split),
        cmocka_unit_test(test_in_training),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
