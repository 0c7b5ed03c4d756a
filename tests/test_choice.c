/* DeciMamba's choice, written a second time in the plainest way, from the Delta that a probe saw:
 * and what a probe is shown at all. Source: arXiv:2406.14528 and the official find_top_k. */
#include "engine.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 5,
                                   .d_model = 24,
                                   .expand = 2,
                                   .d_state = 6,
                                   .d_conv = 4,
                                   .dt_rank = 3,
                                   .vocab_size = 61};
enum { d_inner = 48, n_layer = 5, n_case = 40 };
static size_t n_step = d_inner; /* of Delta: channels, or heads */

static char parent[TEST_MAX_PATH];
static dm_model *model;
static bool global[n_layer][d_inner]; /* the global channels, read from decimamba.json */

/* decimamba.json is written by the library; the test makes its own choice of channels. */
static int set_up(void **state) {
    (void)state;
    struct dm_random random;
    char text[4096];
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_error error;
    int n = snprintf(text, sizeof text,
                     "{\"version\": 1, \"method\": \"none\", "
                     "\"global_channels\": {");
    dm_random_seed(&random, 5);
    test_make_directory(parent);
    const char *path = make_checkpoint(parent, &shape, 77);
    model = load_model(path, NULL, 2);
    require(dm_model_get_info(model, &info, &error), &error);
    dm_model_free(model);
    n_step = info.n_step;
    assert_in_range(n_step, n_layer, d_inner);
    for (int layer = 0; layer < n_layer; layer++) {
        n += snprintf(text + n, sizeof text - (size_t)n, "%s\"%d\": [%d", layer ? ", " : "", layer,
                      layer);
        global[layer][layer] = true;
        for (int c = layer + 1; c < (int)n_step; c++)
            if ((global[layer][c] = dm_random_below(&random, 4) == 0))
                n += snprintf(text + n, sizeof text - (size_t)n, ", %d", c);
        n += snprintf(text + n, sizeof text - (size_t)n, "]");
    }
    n += snprintf(text + n, sizeof text - (size_t)n, "}}");
    test_write_file(test_join(path, "decimamba.json"), text, (size_t)n);
    model = load_model(path, NULL, 2);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dm_model_free(model);
    test_remove_directory(parent);
    return 0;
}

/* ---- What a probe saw ---- */

/* Of one layer: every token before the choice (or, in a layer that drops none, every token), and
 * those shown after it. */
struct seen {
    size_t n, n_kept;
    float *delta;      /* [n, n_step] */
    float *kept_delta; /* [n_kept, n_step] */
    size_t *kept;
};

struct record {
    struct seen layers[n_layer];
};

static void *grown(void *pointer, size_t n, size_t size) {
    void *larger = realloc(pointer, (n + 1) * size);
    assert_non_null(larger);
    return larger;
}

static void watch(const dm_probe_view *view, void *user) {
    struct seen *seen = &((struct record *)user)->layers[view->layer];
    size_t row = n_step * sizeof(float);
    assert_int_equal(view->struct_size, sizeof *view);
    assert_int_equal(view->d_inner, n_step);
    assert_int_equal(view->d_state, shape.d_state);
    assert_true(view->n_token > 0 && view->A[0] < 0);
    size_t *n = view->kept ? &seen->n_kept : &seen->n;
    float **delta = view->kept ? &seen->kept_delta : &seen->delta;
    assert_int_equal(view->first_position, *n); /* in order, none twice */
    *delta = grown(*delta, *n + view->n_token, row);
    memcpy(*delta + *n * n_step, view->delta, view->n_token * row);
    if (view->kept) {
        seen->kept = grown(seen->kept, *n + view->n_token, sizeof *seen->kept);
        memcpy(seen->kept + *n, view->kept, view->n_token * sizeof *seen->kept);
    }
    for (size_t t = 0; t < view->n_token; t++)
        assert_true(isfinite(view->B[t * view->stride]) && isfinite(view->C[t * view->stride]));
    *n += view->n_token;
}

static void free_record(struct record *record) {
    for (int i = 0; i < n_layer; i++) {
        free(record->layers[i].delta);
        free(record->layers[i].kept_delta);
        free(record->layers[i].kept);
    }
}

/* ---- The slow choice ---- */

static double slow_score(const float *delta, const dm_method_options *method, size_t layer) {
    double sum = 0;
    for (size_t c = 0; c < n_step; c++)
        if (method->score == DM_SCORE_MEAN)
            sum += delta[c];
        else if (method->score == DM_SCORE_NORM || global[layer][c])
            sum += (double)delta[c] * delta[c];
    return method->score == DM_SCORE_MEAN ? sum / (double)n_step : sqrt(sum);
}

/* Marks what is kept of n tokens; returns how many. */
static size_t slow_choice(const float *delta, size_t n, const dm_method_options *method,
                          size_t stage, bool *kept) {
    size_t n_free = n > method->keep_tail ? n - method->keep_tail : 0, n_kept = n - n_free;
    double budget = (double)method->base_length;
    for (size_t s = 0; s < stage; s++)
        budget *= method->beta;
    budget = fmax(fmin((double)n_free, budget), (double)method->min_length);
    size_t k = (size_t)fmin(floor(budget), (double)n_free);
    double *score = some(n, sizeof *score);
    for (size_t t = 0; t < n; t++) {
        kept[t] = t >= n_free;
        score[t] = method->kind == DM_METHOD_KEEP_LAST
                       ? (double)t
                       : slow_score(delta + t * n_step, method, method->layers[stage]);
    }
    for (; k > 0; k--, n_kept++) {
        size_t best = n;
        for (size_t t = 0; t < n_free; t++)
            if (!kept[t] && (best == n || score[t] > score[best]))
                best = t;
        kept[best] = true;
    }
    free(score);
    return n_kept;
}

static void check_choice(dm_session *session, const struct record *record,
                         const dm_method_options *method, size_t stage) {
    const struct seen *seen = &record->layers[method->layers[stage]];
    const size_t *kept;
    size_t n_kept, n = 0;
    bool *expected = some(seen->n, sizeof *expected);
    dm_error error;
    require(dm_session_kept(session, method->layers[stage], &kept, &n_kept, &error), &error);
    assert_int_equal(n_kept, slow_choice(seen->delta, seen->n, method, stage, expected));
    assert_int_equal(n_kept, seen->n_kept);
    for (size_t t = 0; t < seen->n; t++)
        if (expected[t]) {
            assert_int_equal(kept[n], t);
            assert_int_equal(seen->kept[n], t);
            assert_memory_equal(seen->kept_delta + n * n_step, seen->delta + t * n_step,
                                n_step * sizeof(float));
            n++;
        }
    free(expected);
}

/* ---- The test ---- */

static void draw_method(struct dm_random *random, dm_method_options *method, size_t *layers) {
    *method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    method->kind = dm_random_below(random, 6) ? DM_METHOD_DECIMATE : DM_METHOD_KEEP_LAST;
    method->score = (dm_score)dm_random_below(random, 3);
    method->keep_tail = 1 + dm_random_below(random, 20);
    method->base_length = dm_random_below(random, 150);
    method->beta = (double)(1 + dm_random_below(random, 8)) / 8; /* exact powers */
    method->min_length = dm_random_below(random, 30);
    method->layers = layers;
    for (size_t layer = 0; layer < n_layer; layer++)
        if (dm_random_below(random, 2) && method->n_layer < MAX_STAGE)
            layers[method->n_layer++] = layer;
    if (method->n_layer == 0)
        layers[method->n_layer++] = dm_random_below(random, n_layer);
    size_t i = dm_random_below(random, method->n_layer), first = layers[0];
    layers[0] = layers[i]; /* the order of places is not that of layers */
    layers[i] = first;
}

static bool decimates(const dm_method_options *method, size_t layer, size_t *stage) {
    for (*stage = 0; *stage < method->n_layer; ++*stage)
        if (method->layers[*stage] == layer)
            return true;
    return false;
}

/* Reads in random pieces, closes once, and checks every layer's views. */
static void check_case(struct dm_random *random, size_t n_id, const int32_t *ids,
                       const dm_method_options *method, struct record *record) {
    float logits[128];
    dm_session *session = new_session(model, method);
    dm_session_set_probe(session, watch, record);
    for (size_t at = 0; at < n_id;) {
        size_t n = 1 + dm_random_below(random, n_id - at);
        read_text(session, ids + at, n);
        at += n;
    }
    close_text(session, 1, logits);
    size_t n_input = n_id, stage;
    for (size_t layer = 0; layer < n_layer; layer++) {
        assert_int_equal(record->layers[layer].n, n_input);
        if (!decimates(method, layer, &stage))
            continue;
        check_choice(session, record, method, stage);
        n_input = record->layers[layer].n_kept;
    }
    dm_session_free(session);
}

static void test_choice(void **state) {
    (void)state;
    struct dm_random random;
    size_t layers[MAX_STAGE];
    dm_random_seed(&random, 3);
    for (int i = 0; i < n_case; i++) {
        dm_method_options method;
        struct record one = {0}, two = {0};
        size_t n_id = 1 + dm_random_below(&random, i % 8 == 0 ? 1800 : 150);
        int32_t *ids = random_ids(&random, n_id, shape.vocab_size);
        draw_method(&random, &method, layers);
        check_case(&random, n_id, ids, &method, &one);
        check_case(&random, n_id, ids, &method, &two);
        for (int layer = 0; layer < n_layer; layer++) /* whatever the pieces */
            assert_true(difference(two.layers[layer].delta, one.layers[layer].delta,
                                   one.layers[layer].n * n_step) <= 1e-5);
        free_record(&one);
        free_record(&two);
        free(ids);
    }
}

/* The same n-gram everywhere: scores are equal to the last bit, and the earliest are kept. */
static void test_ties(void **state) {
    (void)state;
    size_t layer = 0;
    int32_t ids[900] = {0};
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    struct record record = {0};
    struct dm_random random;
    dm_random_seed(&random, 9);
    method.kind = DM_METHOD_DECIMATE;
    method.layers = &layer;
    method.n_layer = 1;
    method.base_length = 20;
    check_case(&random, 900, ids, &method, &record);
    assert_int_equal(record.layers[0].n_kept, 21);
    assert_true(record.layers[0].kept[19] < 30); /* behind the first few, all are equal */
    free_record(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice), cmocka_unit_test(test_ties)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
