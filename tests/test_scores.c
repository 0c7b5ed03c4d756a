/* The scores that are baselines, random and token-norm, and one of the caller's own: against brute
 * force, and the same choice whether a text is read in pieces, beside others, from a file, or trained
 * on. */
#include "one_model.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 4,
                                   .d_model = 24,
                                   .expand = 2,
                                   .d_state = 6,
                                   .d_conv = 4,
                                   .dt_rank = 3,
                                   .vocab_size = 61};
enum { n_text = 3, n_token = 400, d_model = 24, vocab_size = 61 };
static const dm_score scores[] = {DM_SCORE_RANDOM, DM_SCORE_TOKEN_NORM, DM_SCORE_CUSTOM};
enum { n_score = 3, d_inner = 48 };
static size_t n_step; /* of Delta: d_inner channels, or heads */
static const size_t two_layers[] = {0, 2};

static int set_up(void **state) {
    (void)state;
    make_model_and_text(&shape, 5, 12, n_text * n_token);
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_error error;
    require(dm_model_get_info(model, &info, &error), &error);
    n_step = info.n_step;
    return 0;
}

/* ---- A score of our own ---- */

static float own_score(const float *delta, const float *residual, size_t position) {
    float most = 0;
    for (size_t c = 0; c < n_step; c++)
        most = fmaxf(most, delta[c]);
    return 4 * most + residual[3] + 0.01F * (float)(position * 37 % 11);
}

static void score_own(const dm_score_view *view, float *score, void *user) {
    assert_int_equal(view->struct_size, sizeof *view);
    assert_int_equal(view->d_model, d_model);
    assert_int_equal(view->d_inner, n_step);
    assert_true(view->n_token > 0 && (view->layer == 0 || view->layer == 2));
    for (size_t t = 0; t < view->n_token; t++)
        score[t] = own_score(view->delta + t * n_step, view->residual + t * d_model,
                             view->first_position + t);
    if (user)
        *(size_t *)user += view->n_token;
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
    if (score == DM_SCORE_CUSTOM)
        method.score_function = score_own, method.score_name = "own";
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
    require(dm_trainer_new(model_directory, &options, &trainer, &error), &error);
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

/* What a probe and the trainer know of both layers' inputs: Delta, and the embedding. */
struct seen {
    float delta[2][n_token * d_inner]; /* of layers 0 and 2 */
    size_t n[2];
};

static void see(const dm_probe_view *view, void *user) {
    struct seen *seen = user;
    if (view->kept || view->layer % 2)
        return;
    size_t i = view->layer / 2;
    memcpy(seen->delta[i] + view->first_position * n_step, view->delta,
           view->n_token * n_step * sizeof *view->delta);
    seen->n[i] = view->first_position + view->n_token;
}

/* Of layer 0, whose residual is the embedding; of layer 2, whose residual nobody shows, the score
 * leaves it out. */
static float *embedding;
static bool without_residual;

static void score_in_part(const dm_score_view *view, float *score, void *user) {
    static const float nothing[d_model];
    for (size_t t = 0; t < view->n_token; t++)
        score[t] = own_score(view->delta + t * n_step,
                             without_residual ? nothing : view->residual + t * d_model,
                             view->first_position + t);
    (void)user;
}

static void read_embedding(void) {
    const dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_trainer *trainer;
    const float *values;
    size_t n;
    dm_error error;
    require(dm_trainer_new(model_directory, &options, &trainer, &error), &error);
    require(dm_trainer_parameter(trainer, "backbone.embeddings.weight", &values, NULL, &n, &error),
            &error);
    embedding = some(n, sizeof *embedding);
    memcpy(embedding, values, n * sizeof *embedding);
    dm_trainer_free(trainer);
}

static void test_own_score(void **state) {
    (void)state;
    static struct seen seen;
    static const float nothing[d_model];
    double score[n_token];
    read_embedding();
    for (int layer = 0; layer < 2; layer++) {
        dm_method_options method = method_of(DM_SCORE_CUSTOM);
        method.score_function = score_in_part;
        without_residual = layer == 1;
        dm_session *session = new_session(model, &method);
        dm_session_set_probe(session, see, &seen);
        read_text(session, ids, n_token);
        struct outcome outcome = outcome_of(session, &method, vocab_size);
        assert_int_equal(seen.n[0], n_token);
        assert_int_equal(seen.n[1], 97);
        for (size_t t = 0; t < seen.n[layer]; t++)
            score[t] = (double)own_score(seen.delta[layer] + t * n_step,
                                         layer ? nothing : embedding + (size_t)ids[t] * d_model, t);
        expect_best(score, layer ? 90 : n_token - 7, layer ? 45 : 90, layer ? 97 : n_token,
                    outcome.kept[layer], outcome.n_kept[layer]);
        free_outcome(&outcome);
        dm_session_free(session);
    }
    free(embedding);
}

/* It is given the pointer, and every token that a layer reads once. */
static void test_user(void **state) {
    (void)state;
    size_t n = 0;
    float logits[vocab_size];
    dm_error error;
    dm_method_options method = method_of(DM_SCORE_CUSTOM);
    method.score_user = &n;
    dm_session *session = new_session(model, &method);
    read_text(session, ids, 40);
    read_text(session, ids + 40, 60);
    assert_int_equal(n, 100);
    close_text(session, 1, logits);
    assert_int_equal(n, 100 + 97);
    require(dm_session_step(session, ids[100], logits, &error), &error);
    assert_int_equal(n, 100 + 97 + 1);
    dm_session_free(session);
}

static void score_nan(const dm_score_view *view, float *score, void *user) {
    (void)user;
    for (size_t t = 0; t < view->n_token; t++)
        score[t] = (view->first_position + t) % 4 ? NAN : 1;
}

/* NaN is below everything, and the earlier of equal tokens goes first. */
static void test_nan(void **state) {
    (void)state;
    double score[n_token];
    dm_method_options method = method_of(DM_SCORE_CUSTOM);
    method.score_function = score_nan;
    method.base_length = 120;
    struct outcome outcome = read_first(&method);
    for (size_t t = 0; t < n_token; t++)
        score[t] = t % 4 ? -1 : 1;
    expect_best(score, n_token - 7, 120, n_token, outcome.kept[0], outcome.n_kept[0]);
    free_outcome(&outcome);
}

static void expect_refused(const dm_method_options *method, const char *part) {
    dm_session *session = NULL;
    dm_trainer *trainer = NULL;
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_error error;
    options.method = method;
    assert_int_equal(dm_session_new(model, method, &session, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, part);
    assert_int_equal(dm_trainer_new(model_directory, &options, &trainer, &error),
                     DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, part);
    assert_null(session);
    assert_null(trainer);
}

static void test_refused(void **state) {
    (void)state;
    dm_method_options method = method_of(DM_SCORE_CUSTOM);
    dm_calibration_options calibration = DM_CALIBRATION_OPTIONS_INIT;
    dm_error error;
    calibration.length = 100;
    calibration.method = &method;
    assert_int_equal(dm_calibrate(model, ids, n_token, &calibration, parent, &error),
                     DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "cannot hold");
    method.score_function = NULL;
    expect_refused(&method, "score_function is missing");
    method.score_function = score_own;
    static const char *const names[] = {
        NULL, "", "a b", "\xc3\xa4",
        "a-name-of-64-characters-which-is-one-more-than-a-score-name-has-"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        method.score_name = names[i];
        expect_refused(&method, "must be 1 to 63 letters");
    }
    method.kind = DM_METHOD_KEEP_LAST; /* nothing is scored */
    dm_session *session = new_session(model, &method);
    assert_int_equal(dm_session_set_score(session, "own", score_own, NULL, &error),
                     DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "scored by nothing");
    dm_session_free(session);
    method = method_of(DM_SCORE_RANDOM);
    session = new_session(model, &method);
    assert_int_equal(dm_session_set_score(session, "own", score_own, NULL, &error),
                     DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "scored by random");
    assert_int_equal(dm_session_set_score(session, "own", NULL, NULL, &error), DM_ERROR_ARGUMENT);
    dm_session_free(session);
}

/* No file can hold a function: decimamba.json stays what it was, and a line says so. */
static void hear(const char *line, void *user) {
    snprintf(user, 512, "%s", line);
}

static void test_files_of_training(void **state) {
    (void)state;
    char heard[512] = "";
    const char *path = test_join(parent, "saved");
    const dm_method_options method = method_of(DM_SCORE_CUSTOM);
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_trainer *trainer;
    dm_model *own;
    dm_error error;
    options.method = &method;
    require(dm_trainer_new(model_directory, &options, &trainer, &error), &error);
    dm_set_warning(hear, heard);
    require(dm_trainer_save(trainer, path, NULL, &error), &error);
    dm_set_warning(NULL, NULL);
    assert_non_null(strstr(heard, "score \"own\" is a function of the caller's"));
    own = load_model(path, NULL, 1);
    require(dm_model_get_info(own, &info, &error), &error);
    assert_false(info.has_defaults);
    dm_model_free(own);
    dm_trainer_free(trainer);
    test_write_text(test_join(path, "decimamba.json"),
                    "{\"version\": 1, \"method\": \"decimate\", \"score\": \"custom\", "
                    "\"layers\": [1]}");
    assert_int_equal(dm_model_load(path, NULL, &own, &error), DM_ERROR_FORMAT);
    test_expect_error(&error, DM_ERROR_FORMAT, "decimamba.json: \"score\" \"custom\"");
}

/* ---- The same choice everywhere ---- */

static void expect_alike(dm_session *session, const dm_method_options *method,
                         const struct outcome *expected) {
    struct outcome outcome = outcome_of(session, method, vocab_size);
    expect_same_kept(&outcome, expected);
    assert_true(difference(outcome.logits, expected->logits, expected->n_logit) < 1e-4);
    free_outcome(&outcome);
}

/* A function has to be given again, under the name that the file knows. */
static void give_score(dm_session *session) {
    float logits[vocab_size];
    dm_error error;
    assert_int_equal(dm_session_append(session, ids, 1, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "restored without its score \"own\"");
    assert_int_equal(dm_session_logits(session, 1, logits, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_step(session, 1, logits, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_next_logits(session, logits, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_session_set_score(session, "other", score_own, NULL, &error),
                     DM_ERROR_MISMATCH);
    test_expect_error(&error, DM_ERROR_MISMATCH, "read with the score \"own\", not \"other\"");
    require(dm_session_set_score(session, "own", score_own, NULL, &error), &error);
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
    if (method->score == DM_SCORE_CUSTOM)
        give_score(session);
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
    for (int i = 0; i < n_score; i++) {
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
    for (int i = 0; i < n_score; i++) {
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
        require(dm_trainer_new(model_directory, &options, &trainer, &error), &error);
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
        cmocka_unit_test(test_own_score),
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_files_of_training),
        cmocka_unit_test(test_any_split),
        cmocka_unit_test(test_in_training),
    };
    return cmocka_run_group_tests(tests, set_up, remove_model_and_text);
}
