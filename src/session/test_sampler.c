/* The filters against transformers 5.23 and hand-worked cases; draws against their probabilities.
 */
#include "session/sampler.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

enum { n_logit = 24 };

/* torch.round(torch.randn(24, generator=torch.Generator().manual_seed(7)) * 200) / 64, with entry
 * 11 set to entry 5. */
static const float logits[n_logit] = {
    -2.5625f,   1.234375f,  2.8125f,    -4.34375f,  -0.515625f, 0.890625f, -2.0f,      -2.796875f,
    -2.65625f,  -3.796875f, -0.25f,     0.890625f,  -4.078125f, 0.265625f, -4.328125f, 1.578125f,
    -2.703125f, -1.765625f, -6.421875f, -1.109375f, 3.421875f,  1.5f,      4.375f,     4.390625f};
static const int32_t seen[] = {3, 5, 9, 3, 17};

/* What is left after RepetitionPenaltyLogitsProcessor(penalty), TemperatureLogitsWarper,
 * TopKLogitsWarper, TopPLogitsWarper and MinPLogitsWarper, each where it is on, applied to `logits`
 * (with `seen` as the input ids), and its softmax in float64 (the
 * filters themselves work in float32). */
static const struct {
    double temperature;
    size_t top_k;
    double top_p, min_p, penalty;
    size_t n;
    int32_t ids[n_logit];
    double probabilities[n_logit];
} expected[] = {
    {1.0,
     5,
     1.0,
     0.0,
     1.0,
     5,
     {2, 15, 20, 22, 23},
     {0.07845049, 0.02283039, 0.14429254, 0.37426637, 0.38016021}},
    {1.0,
     8,
     1.0,
     0.0,
     1.0,
     9,
     {1, 2, 5, 11, 15, 20, 21, 22, 23}, /* 5 and 11 tie for the 8th */
     {0.01526901, 0.0739915, 0.01082735, 0.01082735, 0.02153276, 0.1360912, 0.01991454, 0.35299372,
      0.35855256}},
    {0.7, 0, 0.8, 0.0, 1.0, 2, {22, 23}, {0.49441981, 0.50558019}},
    {1.3,
     0,
     1.0,
     0.1,
     1.0,
     6,
     {2, 15, 20, 21, 22, 23},
     {0.09957659, 0.03852887, 0.15912294, 0.03628163, 0.33124234, 0.33524762}},
    {1.0,
     0,
     1.0,
     0.0,
     1.7,
     24,
     {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23},
     {0.0003385,  0.01508427, 0.07309627, 2.73e-06,   0.00262125, 0.00741255,
      0.00059409, 0.00026778, 0.00030821, 6.91e-06,   0.00341876, 0.01069635,
      7.436e-05,  0.00572534, 5.791e-05,  0.02127223, 0.0002941,  0.00021821,
      7.14e-06,   0.00144759, 0.13444463, 0.0196736,  0.34872282, 0.35421441}},
    {0.8, 10, 0.9, 0.05, 1.3, 3, {20, 22, 23}, {0.13074738, 0.43038205, 0.43887057}},
    {2.0, 3, 0.5, 0.0, 1.0, 2, {22, 23}, {0.49804688, 0.50195312}},
    {1.0, 0, 0.01, 0.0, 1.0, 1, {23}, {1.0}},
};

static void assert_close(double value, double wanted, double tolerance) {
    if (!(fabs(value - wanted) <= tolerance))
        fail_msg("%.17g instead of %.17g", value, wanted);
}

static dm_sampler *make_sampler(size_t vocab_size, dm_sampler_options options) {
    dm_sampler *sampler;
    dm_error error;
    options.struct_size = sizeof options;
    assert_int_equal(dm_sampler_new(vocab_size, &options, &sampler, &error), DM_OK);
    return sampler;
}

static dm_sampler_options plain(double temperature, uint64_t seed) {
    return (dm_sampler_options){
        .temperature = temperature, .top_p = 1, .repetition_penalty = 1, .seed = seed};
}

static void filters_as_transformers_does(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        dm_sampler *sampler =
            make_sampler(n_logit, (dm_sampler_options){.temperature = expected[i].temperature,
                                                       .top_k = expected[i].top_k,
                                                       .top_p = expected[i].top_p,
                                                       .min_p = expected[i].min_p,
                                                       .repetition_penalty = expected[i].penalty});
        if (expected[i].penalty != 1)
            assert_int_equal(dm_sampler_accept(sampler, seen, 5, NULL), DM_OK);
        assert_int_equal(dm_sampler_filter(sampler, logits, n_logit, NULL), DM_OK);
        assert_int_equal(sampler->n_candidate, expected[i].n);
        double found[n_logit] = {0}, total = 0;
        for (size_t j = 0; j < sampler->n_candidate; j++)
            total += sampler->candidates[j].weight;
        for (size_t j = 0; j < sampler->n_candidate; j++)
            found[sampler->candidates[j].id] += sampler->candidates[j].weight / total;
        for (size_t j = 0; j < expected[i].n; j++)
            assert_close(found[expected[i].ids[j]], expected[i].probabilities[j], 2e-7);
        dm_sampler_free(sampler);
    }
}

static void draws_with_the_given_probabilities(void **state) {
    (void)state;
    /* softmax of log 1, 2, 5 is 1/8, 2/8, 5/8; at temperature 1/2 the squares: 1, 4, 25 of 30 */
    const float weights[] = {0.0f, 0.69314718f, 1.60943791f};
    const double by_temperature[2][3] = {{1.0 / 8, 2.0 / 8, 5.0 / 8},
                                         {1.0 / 30, 4.0 / 30, 25.0 / 30}};
    enum { n_draw = 40000 };
    for (int cold = 0; cold < 2; cold++) {
        dm_sampler *sampler = make_sampler(3, plain(cold ? 0.5 : 1.0, 11));
        int count[3] = {0};
        for (int i = 0; i < n_draw; i++) {
            int32_t id = -1;
            assert_int_equal(dm_sampler_draw(sampler, weights, 3, &id, NULL), DM_OK);
            assert_in_range(id, 0, 2);
            count[id]++;
        }
        for (int id = 0; id < 3; id++) {
            double p = by_temperature[cold][id], deviation = sqrt(p * (1 - p) / n_draw);
            assert_close((double)count[id] / n_draw, p, 4 * deviation);
        }
        dm_sampler_free(sampler);
    }
}

static void a_seed_fixes_the_draws(void **state) {
    (void)state;
    int32_t drawn[3][64];
    const uint64_t seeds[] = {5, 5, 6};
    for (int s = 0; s < 3; s++) {
        dm_sampler *sampler = make_sampler(n_logit, plain(1.5, seeds[s]));
        for (int i = 0; i < 64; i++)
            assert_int_equal(dm_sampler_draw(sampler, logits, n_logit, &drawn[s][i], NULL), DM_OK);
        dm_sampler_free(sampler);
    }
    assert_memory_equal(drawn[0], drawn[1], sizeof drawn[0]);
    assert_memory_not_equal(drawn[0], drawn[2], sizeof drawn[0]);
}

static int32_t draw_once(dm_sampler_options options, const float *values, size_t n,
                         size_t n_allowed) {
    dm_sampler *sampler = make_sampler(n, options);
    int32_t id = -1;
    assert_int_equal(dm_sampler_draw(sampler, values, n_allowed, &id, NULL), DM_OK);
    dm_sampler_free(sampler);
    return id;
}

static void takes_the_best_when_cold(void **state) {
    (void)state;
    assert_int_equal(draw_once(plain(0, 1), logits, n_logit, n_logit), 23);
    assert_int_equal(draw_once(plain(0, 1), logits, n_logit, 23), 22); /* 23 is not allowed */
    const float tie[] = {-1, 2, 2, 0};
    assert_int_equal(draw_once(plain(0, 1), tie, 4, 4), 1);
    /* the penalty acts on greedy choice too: 2 / 4 < 1 */
    dm_sampler_options options = plain(0, 1);
    options.repetition_penalty = 4;
    dm_sampler *sampler = make_sampler(2, options);
    const float pair[] = {2, 1};
    int32_t id = 0;
    assert_int_equal(dm_sampler_accept(sampler, &id, 1, NULL), DM_OK);
    assert_int_equal(dm_sampler_draw(sampler, pair, 2, &id, NULL), DM_OK);
    assert_int_equal(id, 1);
    dm_sampler_free(sampler);
}

static void never_draws_what_is_not_a_number(void **state) {
    (void)state;
    const float odd[] = {NAN, -INFINITY, -3, NAN, -1e30f};
    for (uint64_t seed = 0; seed < 50; seed++) {
        assert_int_equal(draw_once(plain(2, seed), odd, 5, 5), 2);
        dm_sampler_options options = plain(2, seed);
        options.top_k = 3, options.top_p = 0.99, options.min_p = 0.2;
        assert_int_equal(draw_once(options, odd, 5, 5), 2);
    }
    assert_int_equal(draw_once(plain(0, 0), odd, 5, 5), 2);
    const float infinite[] = {1, INFINITY, 2};
    assert_int_equal(draw_once(plain(0, 0), infinite, 3, 3), 1);
    assert_int_equal(draw_once(plain(1, 0), infinite, 3, 3), 1);

    dm_sampler *sampler = make_sampler(5, plain(1, 0));
    const float none[2][3] = {{NAN, NAN, NAN}, {-INFINITY, NAN, -INFINITY}};
    dm_error error;
    int32_t id = 77;
    for (int i = 0; i < 2; i++)
        assert_int_equal(dm_sampler_draw(sampler, none[i], 3, &id, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(id, 77);
    assert_non_null(strstr(error.message, "3 allowed tokens"));
    /* a better token that is not allowed is as if it were not there */
    assert_int_equal(dm_sampler_draw(sampler, odd, 2, &id, &error), DM_ERROR_ARGUMENT);
    dm_sampler_free(sampler);
}

static void refuses_bad_arguments(void **state) {
    (void)state;
    dm_sampler *sampler = NULL;
    dm_error error;
    dm_sampler_options good = DM_SAMPLER_OPTIONS_INIT, bad[8];
    for (int i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].temperature = -1, bad[1].temperature = NAN, bad[2].top_p = 0, bad[3].top_p = 1.1;
    bad[4].min_p = -0.1, bad[5].repetition_penalty = 0, bad[6].temperature = INFINITY;
    bad[7].struct_size = 8;
    for (int i = 0; i < 8; i++)
        assert_int_equal(dm_sampler_new(4, &bad[i], &sampler, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_sampler_new(0, &good, &sampler, &error), DM_ERROR_ARGUMENT);
    assert_null(sampler);
    size_t live = dm_memory_live();
    for (size_t n = 1; n <= 3; n++) {
        dm_memory_fail_at(n);
        assert_int_equal(dm_sampler_new(4, &good, &sampler, &error), DM_ERROR_MEMORY);
        dm_memory_fail_at(0);
        assert_int_equal(dm_memory_live(), live);
    }

    sampler = make_sampler(4, good);
    const int32_t ids[] = {1, 4};
    const float values[] = {0, 0, 0, 0};
    int32_t id = 9;
    assert_int_equal(dm_sampler_accept(sampler, ids, 2, &error), DM_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "ids[1] = 4"));
    assert_false(sampler->seen[1]); /* all or nothing */
    assert_int_equal(dm_sampler_draw(sampler, values, 5, &id, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(dm_sampler_draw(sampler, values, 0, &id, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(id, 9);
    dm_sampler_free(sampler);
    dm_sampler_free(NULL);
}

static void loss_of_a_token(void **state) {
    (void)state;
    const float even[] = {3, 3, 3, 3}, huge[] = {1e30f, -1e30f}, cut[] = {0, -INFINITY, 0};
    assert_close(dm_negative_log_likelihood(even, 4, 2), log(4.0), 1e-15);
    assert_close(dm_negative_log_likelihood(huge, 2, 0), 0, 0);
    assert_close(dm_negative_log_likelihood(huge, 2, 1), (double)1e30f + (double)1e30f, 0);
    assert_close(dm_negative_log_likelihood(cut, 3, 2), log(2.0), 1e-15);
    assert_true(isinf(dm_negative_log_likelihood(cut, 3, 1)));
    assert_true(isnan(dm_negative_log_likelihood(cut, 3, 3)));
    assert_true(isnan(dm_negative_log_likelihood(cut, 3, -1)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_as_transformers_does),
        cmocka_unit_test(draws_with_the_given_probabilities),
        cmocka_unit_test(a_seed_fixes_the_draws),
        cmocka_unit_test(takes_the_best_when_cold),
        cmocka_unit_test(never_draws_what_is_not_a_number),
        cmocka_unit_test(refuses_bad_arguments),
        cmocka_unit_test(loss_of_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
