#include <stdio.h>
#include <string.h>

#include "test_support.h"

#include "checkpoint/config_file.h"
#include "checkpoint/parameters.h"
#include "layers/mamba/mamba.h"

static dm_status parse(const char *text, struct dm_model_config *config, dm_error *error) {
    json_t *object;
    assert_int_equal(dm_json_parse_python(text, strlen(text), "c.json", &object, error), DM_OK);
    dm_status status = dm_model_config_from_json(object, "c.json", config, error);
    json_decref(object);
    return status;
}

#define OFFICIAL "\"d_model\": 40, \"n_layer\": 3, \"vocab_size\": 101"
#define HF "\"hidden_size\": 8, \"num_hidden_layers\": 2, \"vocab_size\": 16"
#define MAMBA "\"model_type\": \"mamba\", " HF

static void reads_the_official_dialect(void **state) {
    struct dm_model_config c;
    assert_int_equal(parse("{" OFFICIAL "}", &c, NULL), DM_OK);
    assert_int_equal(c.d_model, 40);
    assert_int_equal(c.n_layer, 3);
    assert_int_equal(c.vocab_size, 104);
    assert_int_equal(c.sorts[0].size[D_INNER], 80);
    assert_int_equal(c.sorts[0].size[D_STATE], 16);
    assert_int_equal(c.sorts[0].size[D_CONV], 4);
    assert_int_equal(c.sorts[0].size[DT_RANK], 3); /* ceil(40 / 16) */
    assert_true(c.tie_word_embeddings && c.sorts[0].size[CONV_BIAS]);
    assert_false(c.sorts[0].size[PROJECTION_BIAS] || c.sorts[0].size[DT_B_C_RMS]);
    assert_int_equal(c.eos.n, 0);
    assert_true(c.rms_norm_eps == 1e-5);
    assert_int_equal(parse("{" OFFICIAL ", \"ssm_cfg\": {\"d_state\": 8, \"expand\": 1.5, "
                           "\"d_conv\": 3, \"dt_rank\": 5, \"conv_bias\": false, \"bias\": true, "
                           "\"layer\": \"Mamba1\"}, \"tie_embeddings\": false, "
                           "\"pad_vocab_size_multiple\": 1, \"attn_layer_idx\": []}",
                           &c, NULL),
                     DM_OK);
    assert_int_equal(c.vocab_size, 101);
    assert_int_equal(c.sorts[0].size[D_INNER], 60);
    assert_int_equal(c.sorts[0].size[D_STATE], 8);
    assert_int_equal(c.sorts[0].size[D_CONV], 3);
    assert_int_equal(c.sorts[0].size[DT_RANK], 5);
    assert_true(c.sorts[0].size[PROJECTION_BIAS]);
    assert_false(c.tie_word_embeddings || c.sorts[0].size[CONV_BIAS]);
    (void)state;
}

static void reads_transformers_dialect(void **state) {
    struct dm_model_config c;
    assert_int_equal(
        parse("{" MAMBA ", \"time_step_rank\": \"auto\", \"eos_token_id\": [5, 6]}", &c, NULL),
        DM_OK);
    assert_int_equal(c.sorts[0].size[D_INNER], 16);
    assert_int_equal(c.sorts[0].size[DT_RANK], 1);
    assert_int_equal(c.vocab_size, 16);
    assert_int_equal(c.eos.n, 2);
    assert_int_equal(c.eos.ids[0], 5);
    assert_int_equal(c.eos.ids[1], 6);
    assert_int_equal(c.bos.n, 0);
    assert_true(c.sorts[0].size[PROJECTION_BIAS] == DM_UNSAID && c.tie_word_embeddings &&
                c.sorts[0].size[CONV_BIAS]);
    assert_int_equal(parse("{\"model_type\": \"falcon_mamba\", " HF ", \"expand\": 16, "
                           "\"intermediate_size\": 24, \"mixer_rms_eps\": 1e-3, \"use_bias\": true,"
                           "\"tie_word_embeddings\": false, \"layer_norm_epsilon\": 1e-4, "
                           "\"bos_token_id\": 0, \"eos_token_id\": null}",
                           &c, NULL),
                     DM_OK);
    assert_int_equal(c.sorts[0].size[D_INNER], 24);
    assert_true(c.sorts[0].size[DT_B_C_RMS] && c.sorts[0].size[PROJECTION_BIAS]);
    assert_false(c.tie_word_embeddings || c.sorts[0].size[PROJECTION_BIAS] == DM_UNSAID);
    assert_true(c.sorts[0].real[RMS_EPSILON] == 1e-3 && c.rms_norm_eps == 1e-4);
    assert_int_equal(c.bos.n, 1);
    assert_int_equal(c.bos.ids[0], 0);
    assert_int_equal(c.eos.n, 0);
    assert_int_equal(parse("{\"model_type\": \"falcon_mamba\", " HF "}", &c, NULL), DM_OK);
    assert_true(c.sorts[0].real[RMS_EPSILON] == 1e-6);
    (void)state;
}

/* What is there and does not matter: both of transformers' names for SiLU, limits that Mamba-1 has
 * not, in each of the ways that Python writes them. */
static void reads_what_changes_nothing(void **state) {
    static const char *const cases[] = {"\"hidden_act\": \"swish\"",
                                        "\"quantization_config\": null",
                                        "\"time_step_limit\": [0.0, Infinity]",
                                        "\"time_step_limit\": [0.0, {\"__float__\": \"Infinity\"}]",
                                        "\"time_step_floor\": NaN, \"rope_theta\": -Infinity"};
    struct dm_model_config plain, c;
    char text[512];
    assert_int_equal(parse("{" MAMBA "}", &plain, NULL), DM_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "{" MAMBA ", %s}", cases[i]);
        assert_int_equal(parse(text, &c, NULL), DM_OK);
        assert_int_equal(c.sorts[0].size[D_INNER], plain.sorts[0].size[D_INNER]);
        assert_int_equal(c.n_layer, plain.n_layer);
        assert_true(c.rms_norm_eps == plain.rms_norm_eps);
    }
    (void)state;
}

static void refuses_faulty_configs(void **state) {
    static const struct {
        const char *text;
        dm_status status;
        const char *part;
    } cases[] = {
        {"[]", DM_ERROR_FORMAT, "not a JSON object"},
        {"{}", DM_ERROR_FORMAT, "neither"},
        {"{\"model_type\": 3}", DM_ERROR_FORMAT, "model_type"},
        {"{\"model_type\": \"mamba3\"}", DM_ERROR_UNSUPPORTED, "mamba3"},
        {"{\"model_type\": \"llama\"}", DM_ERROR_UNSUPPORTED, "llama"},
        {"{\"model_type\": \"mamba\"}", DM_ERROR_FORMAT, "\"hidden_size\" is missing"},
        {"{\"d_model\": 4, \"vocab_size\": 5}", DM_ERROR_FORMAT, "\"n_layer\" is missing"},
        {"{\"d_model\": 0, \"n_layer\": 1, \"vocab_size\": 5}", DM_ERROR_FORMAT, "d_model"},
        {"{\"d_model\": null, \"n_layer\": 1, \"vocab_size\": 5}", DM_ERROR_FORMAT, "d_model"},
        {"{\"d_model\": -1, \"n_layer\": 1, \"vocab_size\": 5}", DM_ERROR_FORMAT, "d_model"},
        {"{\"d_model\": 2147483648, \"n_layer\": 1, \"vocab_size\": 5}", DM_ERROR_FORMAT, "2^31"},
        {"{\"d_model\": 4, \"n_layer\": 1, \"vocab_size\": 2147483647}", DM_ERROR_FORMAT,
         "padded vocabulary"},
        {"{" OFFICIAL ", \"pad_vocab_size_multiple\": 0}", DM_ERROR_FORMAT, "pad_vocab"},
        {"{" OFFICIAL ", \"ssm_cfg\": []}", DM_ERROR_FORMAT, "ssm_cfg"},
        {"{" OFFICIAL ", \"ssm_cfg\": {\"layer\": \"Mamba3\"}}", DM_ERROR_UNSUPPORTED, "Mamba3"},
        {"{" OFFICIAL ", \"ssm_cfg\": {\"expand\": 1e300}}", DM_ERROR_FORMAT, "expand"},
        {"{" OFFICIAL ", \"ssm_cfg\": {\"expand\": -2}}", DM_ERROR_FORMAT, "expand"},
        {"{" OFFICIAL ", \"ssm_cfg\": {\"dt_rank\": \"half\"}}", DM_ERROR_FORMAT, "dt_rank"},
        {"{" OFFICIAL ", \"ssm_cfg\": {\"bias\": 1}}", DM_ERROR_FORMAT, "bias"},
        {"{" OFFICIAL ", \"rms_norm\": false}", DM_ERROR_UNSUPPORTED, "rms_norm"},
        {"{" OFFICIAL ", \"d_intermediate\": 64}", DM_ERROR_UNSUPPORTED, "d_intermediate"},
        {"{" OFFICIAL ", \"attn_layer_idx\": [1]}", DM_ERROR_UNSUPPORTED, "attn_layer_idx"},
        {"{" MAMBA ", \"hidden_act\": \"gelu\"}", DM_ERROR_UNSUPPORTED, "gelu"},
        {"{" MAMBA ", \"quantization_config\": {\"quant_method\": \"bitsandbytes\"}}",
         DM_ERROR_UNSUPPORTED, "\"quantization_config\" (bitsandbytes)"},
        {"{" OFFICIAL ", \"quantization_config\": {}}", DM_ERROR_UNSUPPORTED,
         "\"quantization_config\""},
        {"{" MAMBA ", \"layer_norm_epsilon\": Infinity}", DM_ERROR_FORMAT,
         "\"layer_norm_epsilon\" must be a finite number, not Infinity"},
        {"{" MAMBA ", \"expand\": {\"__float__\": \"NaN\"}}", DM_ERROR_FORMAT,
         "\"expand\" must be a finite number, not NaN"},
        {"{" MAMBA ", \"state_size\": -Infinity}", DM_ERROR_FORMAT, "\"state_size\""},
        {"{" MAMBA ", \"eos_token_id\": NaN}", DM_ERROR_FORMAT, "\"eos_token_id\""},
        {"{" MAMBA ", \"intermediate_size\": 0}", DM_ERROR_FORMAT, "intermediate_size"},
        {"{" MAMBA ", \"layer_norm_epsilon\": -1}", DM_ERROR_FORMAT, "layer_norm_epsilon"},
        {"{" MAMBA ", \"eos_token_id\": 4294967296}", DM_ERROR_FORMAT, "eos_token_id"},
        {"{" MAMBA ", \"bos_token_id\": \"<s>\"}", DM_ERROR_FORMAT, "bos_token_id"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dm_model_config config = {.d_model = 77};
        dm_error error;
        dm_status status = parse(cases[i].text, &config, &error);
        if (status != cases[i].status || !strstr(error.message, cases[i].part))
            fail_msg("case %zu: %d %s", i, status, status ? error.message : "accepted");
        assert_int_equal(config.d_model, 77); /* untouched */
    }
    (void)state;
}

static void writes_what_it_reads(void **state) {
    struct dm_model_config config = {
        .n_layer = 2,
        .d_model = 8,
        .vocab_size = 17,
        .rms_norm_eps = 3e-5,
        .n_sort = 1,
        .sorts = {{.kind = &dm_mamba,
                   .d_model = 8,
                   /* d_inner is no multiple of d_model */
                   .size = {[D_INNER] = 20, [D_STATE] = 4, [D_CONV] = 3, [DT_RANK] = 2},
                   .real = {[RMS_EPSILON] = 1e-6}}},
        .eos = {1, {0}},
        .pad = {2, {7, 3}},
    };
    for (unsigned flags = 0; flags < 16; flags++) {
        config.tie_word_embeddings = flags & 1;
        config.sorts[0].size[CONV_BIAS] = (flags & 2) != 0;
        config.sorts[0].size[PROJECTION_BIAS] = (flags & 4) != 0;
        config.sorts[0].size[DT_B_C_RMS] = (flags & 8) != 0;
        struct dm_model_config again;
        memset(&again, 0, sizeof again);
        json_t *object = dm_model_config_to_json(&config, DM_DTYPE_BF16);
        assert_non_null(object);
        assert_true(json_is_integer(json_object_get(object, "eos_token_id"))); /* not a list */
        assert_int_equal(dm_model_config_from_json(object, "c", &again, NULL), DM_OK);
        json_decref(object);
        assert_int_equal(again.sorts[0].size[D_INNER], 20);
        assert_int_equal(again.n_layer, 2);
        assert_int_equal(again.d_model, 8);
        assert_int_equal(again.sorts[0].size[D_STATE], 4);
        assert_int_equal(again.sorts[0].size[D_CONV], 3);
        assert_int_equal(again.sorts[0].size[DT_RANK], 2);
        assert_int_equal(again.vocab_size, 17);
        assert_true(again.rms_norm_eps == config.rms_norm_eps);
        assert_true(again.sorts[0].real[RMS_EPSILON] == config.sorts[0].real[RMS_EPSILON]);
        assert_int_equal(again.tie_word_embeddings, config.tie_word_embeddings);
        assert_memory_equal(again.sorts[0].size, config.sorts[0].size, sizeof config.sorts[0].size);
        assert_int_equal(again.bos.n, 0);
        assert_int_equal(again.eos.n, 1);
        assert_int_equal(again.eos.ids[0], 0);
        assert_int_equal(again.pad.n, 2);
        assert_memory_equal(again.pad.ids, config.pad.ids, 2 * sizeof *again.pad.ids);
    }
    (void)state;
}

static void names_parameters(void **state) {
    const struct dm_layer_config layer = {.kind = &dm_mamba};
    char name[DM_MAX_NAME];
    assert_string_equal(dm_official_embedding, "backbone.embedding.weight");
    assert_string_equal(dm_network_parameter_name(DM_EMBEDDING), "backbone.embeddings.weight");
    dm_parameter_name(&layer, 12, X_PROJ, name);
    assert_string_equal(name, "backbone.layers.12.mixer.x_proj.weight");
    dm_parameter_name(&layer, SIZE_MAX, NORM, name);
    assert_string_equal(name, "backbone.layers.18446744073709551615.norm.weight");
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_official_dialect), cmocka_unit_test(reads_transformers_dialect),
        cmocka_unit_test(reads_what_changes_nothing), cmocka_unit_test(refuses_faulty_configs),
        cmocka_unit_test(writes_what_it_reads),       cmocka_unit_test(names_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
