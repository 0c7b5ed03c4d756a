#include "test_support.h"

#include <math.h>

#include "base/memory.h"
#include "methods/method.h"
#include "ops/select_tokens/token_hash.h"

enum { n_score = DM_SCORE_CUSTOM + 1 };
static const size_t layers[] = {5, 2, 7};

extern const struct dm_method_hooks dm_decimation;

static dm_method_options sound(void) {
    dm_method_options options = DM_METHOD_OPTIONS_INIT;
    options.kind = DM_METHOD_DECIMATE;
    options.layers = layers;
    options.n_layer = 3;
    return options;
}

static struct dm_method *make(const dm_method_options *options,
                              const struct dm_calibration *calibration) {
    struct dm_method *method;
    dm_error error;
    if (dm_method_new(options, 8, calibration, &method, &error))
        fail_msg("%s", error.message);
    return method;
}

/* int(max(min(n, base_length * beta^place), min_length)), and at most n. */
static void test_budget(void **state) {
    (void)state;
    static const struct {
        size_t base_length, min_length;
        double beta;
        size_t place, n, expected;
    } cases[] = {
        {2000, 20, 0.5, 0, 5000, 2000},
        {2000, 20, 0.5, 1, 5000, 1000},
        {2000, 20, 0.5, 2, 5000, 500},
        {2000, 20, 0.5, 0, 2000, 2000},
        {2000, 20, 0.5, 0, 1999, 1999},
        {2000, 20, 0.5, 7, 5000, 20},     /* 15.6, but 20 at least */
        {2000, 20, 0.5, 7, 17, 17},       /* and never more than there are */
        {2000, 0, 0.5, 7, 5000, 15},      /* rounded down */
        {31, 4, 0.7, 1, 62, 21},          /* 21.7 */
        {31, 4, 0.7, 2, 62, 15},          /* 15.19 */
        {48, 10, 0.25, 2, 20, 10},        /* 3, but 10 at least */
        {8000, 20, 0.83, 8, 60000, 1801}, /* 8000 * 0.2252..., as PG-19's last layer */
        {100, 20, 1.0, 2, 1000, 100},
        {0, 0, 0.5, 0, 1000, 0},
        {0, 3, 0.5, 0, 1000, 3},
        {2000, 20, 0.5, 0, 0, 0},
        {SIZE_MAX, 0, 1.0, 0, 12345, 12345},
        {SIZE_MAX, 0, 1.0, 0, SIZE_MAX, SIZE_MAX},
        {SIZE_MAX, 0, 0.5, 1, SIZE_MAX, (size_t)1 << 63},
        {10, SIZE_MAX, 0.5, 0, 12345, 12345},
        {1000, 0, 1e-300, 2, 1000, 0}, /* beta^2 is 0 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct dm_method method = {.base_length = cases[i].base_length,
                                         .min_length = cases[i].min_length,
                                         .beta = cases[i].beta};
        const struct dm_stage stage = {.place = cases[i].place};
        size_t k = dm_method_budget(&method, &stage, cases[i].n);
        if (k != cases[i].expected)
            fail_msg("case %zu: %zu instead of %zu", i, k, cases[i].expected);
    }
}

static void test_stages(void **state) {
    (void)state;
    dm_method_options options = sound();
    struct dm_method *method = make(&options, NULL);
    assert_ptr_equal(method->hooks, &dm_decimation);
    assert_int_equal(method->n_stage, 3);
    static const size_t layer[] = {2, 5, 7}, place[] = {1, 0, 2};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(method->stages[i].layer, layer[i]);
        assert_int_equal(method->stages[i].place, place[i]);
        assert_null(method->stages[i].channels);
    }
    dm_method_free(method);
    options.kind = DM_METHOD_NONE; /* takes no notice of layers */
    options.layers = NULL;
    method = make(&options, NULL);
    assert_null(method->hooks);
    assert_int_equal(method->n_stage, 0);
    dm_method_free(method);
    dm_method_free(NULL);
}

/* Position, the last of the residual and the last of Delta. */
static void add_last(const dm_score_view *view, float *score, void *user) {
    (void)user;
    for (size_t t = 0; t < view->n_token; t++)
        score[t] = (float)(view->first_position + t) + view->residual[t * view->d_model + 1] +
                   view->delta[t * view->d_inner + 3];
}

static void test_scores(void **state) {
    (void)state;
    struct dm_calibration *calibration;
    const double decay[] = {4, 1, 3, 2};
    dm_error error;
    assert_int_equal(dm_calibration_new(8, &calibration, &error), DM_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(dm_calibration_choose(calibration, layers[i], decay, 4, 0.5, &error),
                         DM_OK);
    /* three tokens of two texts, and what each score makes of them */
    const float residual[] = {3, 4, 0, 2, 5, 12}, delta[] = {1, 2, 2, 4, 3, 4, 3, 3, 0, 6, 2, 8};
    static const size_t start[] = {0, 1, 3}, first[] = {7, 20};
    const struct dm_stage_input input = {3, 2, start, first, 2, 4, residual, delta};
    float expected[n_score][3] = {[DM_SCORE_NORM] = {5, sqrtf(43), sqrtf(104)},
                                  [DM_SCORE_MEAN] = {2.25f, 3.25f, 4},
                                  [DM_SCORE_GLOBAL] = {sqrtf(20), 5, 10},
                                  [DM_SCORE_TOKEN_NORM] = {5, 2, 13},
                                  [DM_SCORE_CUSTOM] = {7 + 4 + 4, 20 + 2 + 3, 21 + 12 + 8}};
    struct dm_ops ops;
    dm_reference_ops(&ops);
    dm_token_hash(7, 1, expected[DM_SCORE_RANDOM]);
    dm_token_hash(20, 2, expected[DM_SCORE_RANDOM] + 1);
    for (int score = 0; score < n_score; score++) {
        dm_method_options options = sound();
        options.score = (dm_score)score;
        options.score_function = add_last;
        options.score_name = "add-last";
        struct dm_method *method = make(&options, calibration);
        float found[3];
        method->hooks->score(method, &method->stages[1], &input, &ops, found);
        for (int t = 0; t < 3; t++)
            assert_true(fabsf(found[t] - expected[score][t]) <= 1e-6f * expected[score][t]);
        dm_method_free(method);
    }
    dm_method_options options = sound();
    options.kind = DM_METHOD_KEEP_LAST;
    options.score = DM_SCORE_GLOBAL; /* nothing is scored: no channels either */
    struct dm_method *method = make(&options, calibration);
    assert_null(method->hooks->score);
    assert_null(method->stages[0].channels);
    dm_method_free(method);
    dm_calibration_free(calibration);
}

static void test_equal(void **state) {
    (void)state;
    static const size_t turned[] = {2, 5, 7};
    dm_method_options options = sound();
    struct dm_method *a = make(&options, NULL), *b = make(&options, NULL);
    assert_true(dm_method_equal(a, b));
    dm_method_free(b);
#define UNLIKE(change)                   \
    options = sound();                   \
    change;                              \
    b = make(&options, NULL);            \
    assert_false(dm_method_equal(a, b)); \
    dm_method_free(b)
    UNLIKE(options.kind = DM_METHOD_NONE);
    UNLIKE(options.kind = DM_METHOD_KEEP_LAST);
    UNLIKE(options.score = DM_SCORE_MEAN);
    UNLIKE(options.base_length++);
    UNLIKE(options.beta = 0.25);
    UNLIKE(options.min_length++);
    UNLIKE(options.keep_tail++);
    UNLIKE(options.n_layer--);
    UNLIKE(options.layers = turned);
    dm_method_free(a);
    dm_method_options own = sound();
    own.score = DM_SCORE_CUSTOM;
    own.score_function = add_last;
    own.score_name = "own";
    a = make(&own, NULL);
    UNLIKE(options = own; options.score_name = "other");
    UNLIKE(options = own; options.score_function = NULL);
    UNLIKE(options = own; options.score_user = &own);
#undef UNLIKE
    dm_method_free(a);
}

/* What test_api_errors.c shows through the public calls; here: no leak, no output. */
static void test_refused(void **state) {
    (void)state;
    static const size_t wrong[] = {1, 1, 8};
    struct dm_method *method = NULL;
    dm_error error;
    size_t live = dm_memory_live();
#define REFUSED(change, part)                                                                   \
    {                                                                                           \
        dm_method_options options = sound();                                                    \
        change;                                                                                 \
        assert_int_equal(dm_method_new(&options, 8, NULL, &method, &error), DM_ERROR_ARGUMENT); \
        test_expect_error(&error, DM_ERROR_ARGUMENT, part);                                     \
    }
    REFUSED(options.layers = wrong, "twice");
    REFUSED((options.layers = wrong + 2, options.n_layer = 1), "layer 8");
    REFUSED(options.beta = INFINITY, "beta");
    REFUSED(options.beta = NAN, "beta");
    REFUSED(options.keep_tail = 0, "keep_tail");
    REFUSED(options.score = DM_SCORE_GLOBAL, "channels of layer 5");
#undef REFUSED
    assert_null(method);
    assert_int_equal(dm_memory_live(), live);
}

static void test_names(void **state) {
    (void)state;
    dm_score score;
    dm_method_kind method;
    for (int i = 0; i < n_score; i++)
        assert_true(dm_score_from_name(dm_score_name((dm_score)i), &score) && (int)score == i);
    for (int i = DM_METHOD_NONE; i <= DM_METHOD_KEEP_LAST; i++)
        assert_true(dm_method_from_name(dm_method_name((dm_method_kind)i), &method) &&
                    (int)method == i);
    assert_false(dm_score_from_name("", &score));
    assert_false(dm_method_from_name("", &method));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget),  cmocka_unit_test(test_stages),
        cmocka_unit_test(test_scores),  cmocka_unit_test(test_equal),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
