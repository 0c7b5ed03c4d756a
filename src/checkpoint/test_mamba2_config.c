/* Mamba-2's config.json in both dialects: state-spaces' (its Mamba2 class and MambaConfig, July 2026)
 * and transformers' Mamba2Config (5.24), with their defaults. */
#include <math.h>
#include <string.h>

#include "test_support.h"

#include "checkpoint/config_file.h"
#include "layers/mamba2/mamba2.h"

static dm_status parse(const char *text, struct dm_model_config *config, dm_error *error) {
    json_t *object;
    assert_int_equal(dm_json_parse_python(text, strlen(text), "c.json", &object, error), DM_OK);
    dm_status status = dm_model_config_from_json(object, "c.json", config, error);
    json_decref(object);
    return status;
}

static void expect_sizes(const struct dm_model_config *config, const size_t *sizes) {
    assert_int_equal(config->n_sort, 1);
    assert_string_equal(config->sorts[0].kind->name, "mamba2");
    for (size_t i = 0; i <= D_BY_CHANNEL; i++)
        if (config->sorts[0].size[i] != sizes[i])
            fail_msg("%s: %zu, expected %zu", config->sorts[0].kind->sizes[i].name,
                     config->sorts[0].size[i], sizes[i]);
}

#define OFFICIAL "{\"d_model\": 768, \"n_layer\": 24, \"vocab_size\": 50277, "
#define HF                                                                         \
    "{\"model_type\": \"mamba2\", \"hidden_size\": 64, \"num_hidden_layers\": 2, " \
    "\"vocab_size\": 50"

/* state-spaces/mamba2-130m, whose ssm_cfg names the layer alone. */
static void reads_the_official_dialect(void **state) {
    static const size_t defaults[] = {1536, 1536, 128, 4, 24, 1, 1, 0, 1, 0, 0};
    static const size_t all[] = {1152, 960, 16, 3, 30, 5, 0, 1, 0, 1, 1};
    struct dm_model_config c;
    (void)state;
    assert_int_equal(parse(OFFICIAL "\"ssm_cfg\": {\"layer\": \"Mamba2\"}, "
                                    "\"pad_vocab_size_multiple\": 16, \"tie_embeddings\": true}",
                           &c, NULL),
                     DM_OK);
    expect_sizes(&c, defaults);
    assert_int_equal(c.vocab_size, 50288);
    assert_true(c.tie_word_embeddings && c.rms_norm_eps == 1e-5);
    assert_true(c.sorts[0].real[NORM_EPSILON] == 1e-5 && c.sorts[0].real[DT_MIN] == 0);
    assert_true(isinf(c.sorts[0].real[DT_MAX]));
    assert_int_equal(parse(OFFICIAL
                           "\"tie_embeddings\": false, \"ssm_cfg\": {\"layer\": \"Mamba2\", "
                           "\"d_state\": 16, \"d_conv\": 3, \"expand\": 1.5, \"headdim\": 32, "
                           "\"d_ssm\": 960, \"ngroups\": 5, \"A_init_range\": [1, 16], "
                           "\"D_has_hdim\": true, \"rmsnorm\": false, \"norm_before_gate\": true, "
                           "\"dt_min\": 0.001, \"dt_max\": 0.1, \"dt_init_floor\": 1e-4, "
                           "\"dt_limit\": [0.01, Infinity], \"bias\": true, \"conv_bias\": false, "
                           "\"chunk_size\": 256, \"use_mem_eff_path\": true}}",
                           &c, NULL),
                     DM_OK);
    expect_sizes(&c, all);
    assert_false(c.tie_word_embeddings);
    assert_true(c.sorts[0].real[DT_MIN] == 0.01 && isinf(c.sorts[0].real[DT_MAX]));
}

static void reads_transformers_dialect(void **state) {
    static const size_t defaults[] = {8192, 8192, 128, 4, 128, 8, 1, 0, 1, 0, 0};
    static const size_t all[] = {192, 192, 16, 3, 12, 4, 0, 1, 1, 0, 0};
    struct dm_model_config c;
    (void)state;
    assert_int_equal(parse("{\"model_type\": \"mamba2\", \"hidden_size\": 4096, "
                           "\"num_hidden_layers\": 64, \"vocab_size\": 32768}",
                           &c, NULL),
                     DM_OK);
    expect_sizes(&c, defaults);
    assert_false(c.tie_word_embeddings);
    assert_true(isinf(c.sorts[0].real[DT_MAX]));
    /* "norm_before_gate" is an older key of transformers', which it never heeded */
    assert_int_equal(
        parse(HF ", \"expand\": 3, \"num_heads\": 12, \"head_dim\": 16, \"n_groups\": 4, "
                 "\"state_size\": 16, \"conv_kernel\": 3, \"use_bias\": true, "
                 "\"use_conv_bias\": false, \"layer_norm_epsilon\": 1e-3, \"rms_norm\": true, "
                 "\"norm_before_gate\": true, \"time_step_limit\": [0.0, Infinity], "
                 "\"time_step_rank\": 4, \"residual_in_fp32\": true, "
                 "\"tie_word_embeddings\": true}",
              &c, NULL),
        DM_OK);
    expect_sizes(&c, all);
    assert_true(c.tie_word_embeddings && c.sorts[0].real[NORM_EPSILON] == 1e-3);
    assert_int_equal(parse(HF ", \"num_heads\": 8, \"head_dim\": 16, \"time_step_limit\": "
                              "[0.5, {\"__float__\": \"Infinity\"}]}",
                           &c, NULL),
                     DM_OK);
    assert_true(c.sorts[0].real[DT_MIN] == 0.5 && isinf(c.sorts[0].real[DT_MAX]));
}

static void refuses_faulty_configs(void **state) {
    static const struct {
        const char *text, *part;
    } cases[] = {
        {HF "}",
         "\"num_heads\" times \"head_dim\" is 8192, \"expand\" times \"hidden_size\" is 128"},
        {HF ", \"num_heads\": 8, \"head_dim\": 16, \"n_groups\": 3}",
         "\"n_groups\" is 3, which does not divide the 8 heads"},
        {HF ", \"num_heads\": 8, \"head_dim\": 16, \"n_groups\": 0}", "\"n_groups\" must be in"},
        {HF ", \"num_heads\": 8, \"head_dim\": 16, \"time_step_limit\": [1, 0.5]}",
         "\"time_step_limit\" must be two numbers"},
        {HF ", \"num_heads\": 8, \"head_dim\": 16, \"time_step_limit\": [0, NaN]}",
         "\"time_step_limit\" must be two numbers"},
        {HF ", \"num_heads\": 8, \"head_dim\": 16, \"time_step_limit\": [0]}",
         "\"time_step_limit\" must be two numbers"},
        {OFFICIAL "\"ssm_cfg\": {\"layer\": \"Mamba2\", \"headdim\": 100}}",
         "\"headdim\" is 100, which does not divide the 1536 channels of the scan"},
        {OFFICIAL "\"ssm_cfg\": {\"layer\": \"Mamba2\", \"d_ssm\": 1600}}",
         "\"d_ssm\" is 1600, more than the inner width 1536"},
        {OFFICIAL "\"ssm_cfg\": {\"layer\": \"Mamba2\", \"ngroups\": 5}}",
         "\"ngroups\" is 5, which does not divide the 24 heads"},
        {OFFICIAL "\"ssm_cfg\": {\"layer\": \"Mamba2\", \"rmsnorm\": 1}}", "\"rmsnorm\""},
        {OFFICIAL "\"ssm_cfg\": {\"layer\": \"Mamba2\", \"headim\": 128}}",
         "\"headim\" is no argument of Mamba2"},
        {OFFICIAL "\"ssm_cfg\": {\"layer\": \"Mamba2\", \"d_state\": 2147483647, \"ngroups\": 2}}",
         "x, B and C are too wide"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dm_model_config config = {.d_model = 77};
        dm_error error;
        dm_status status = parse(cases[i].text, &config, &error);
        if (status != DM_ERROR_FORMAT || !strstr(error.message, cases[i].part) ||
            strncmp(error.message, "c.json: ", 8) != 0)
            fail_msg("case %zu: %d %s", i, status, status ? error.message : "accepted");
        assert_int_equal(config.d_model, 77); /* untouched */
    }
}

/* What transformers' config has no keys for comes back too. */
static void writes_what_it_reads(void **state) {
    static const char *const texts[] = {
        HF ", \"num_heads\": 8, \"head_dim\": 16, \"n_groups\": 2, \"time_step_limit\": [0.1, 3]}",
        HF ", \"expand\": 1.1, \"num_heads\": 7, \"head_dim\": 10, \"n_groups\": 7, "
           "\"time_step_limit\": [0.1, Infinity]}",
        OFFICIAL "\"ssm_cfg\": {\"layer\": \"Mamba2\"}}",
        OFFICIAL "\"ssm_cfg\": {\"layer\": \"Mamba2\", \"d_ssm\": 640, \"rmsnorm\": false}}",
        OFFICIAL "\"ssm_cfg\": {\"layer\": \"Mamba2\", \"norm_before_gate\": true}}",
        OFFICIAL "\"ssm_cfg\": {\"layer\": \"Mamba2\", \"D_has_hdim\": true, \"bias\": true}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct dm_model_config once, again;
        assert_int_equal(parse(texts[i], &once, NULL), DM_OK);
        json_t *object = dm_model_config_to_json(&once, DM_DTYPE_BF16);
        assert_non_null(object);
        assert_string_equal(json_string_value(json_object_get(object, "model_type")), "mamba2");
        assert_int_equal(dm_model_config_from_json(object, "c", &again, NULL), DM_OK);
        json_decref(object);
        expect_sizes(&again, once.sorts[0].size);
        assert_memory_equal(again.sorts[0].real, once.sorts[0].real, sizeof once.sorts[0].real);
        assert_true(again.rms_norm_eps == once.rms_norm_eps);
        assert_int_equal(again.tie_word_embeddings, once.tie_word_embeddings);
        assert_int_equal(again.vocab_size, once.vocab_size);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_official_dialect),
        cmocka_unit_test(reads_transformers_dialect),
        cmocka_unit_test(refuses_faulty_configs),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
