#include "checkpoint/test_weights.h"

#include <stdio.h>
#include <string.h>

#include "base/mapped_file.h"
#include "base/memory.h"
#include "base/model_folder.h"
#include "checkpoint/safetensors.h"
#include "layers/mamba/mamba.h"

#define BASE "\"base_model_name_or_path\": \"mamba-tied-bf16\""

/* An adapter of tests/data/peft in test_directory, whose model is where it is committed. */
static void bring_adapter(const char *name, const char *weights, const char *base) {
    char folder[64], from[128], to[TEST_MAX_PATH + 64], where[64];
    snprintf(folder, sizeof folder, "peft/%s", name);
    snprintf(where, sizeof where, "transformers/%s", base);
    snprintf(from, sizeof from, "\"base_model_name_or_path\": \"%s\"", base);
    snprintf(to, sizeof to, "\"base_model_name_or_path\": \"%s\"", test_data(where));
    test_bring(folder, weights);
    test_bring(folder, "adapter_config.json");
    test_edit("adapter_config.json", from, to);
}

static void bring_projections(void) {
    bring_adapter("projections", "adapter_model.safetensors", "mamba-tied-bf16");
}

/* W + 16 / 4 B A of x_proj of layer 1, summed here in double. */
static void adds_the_product(void **state) {
    enum { n_out = 15, n_in = 40, rank = 4 };
    bring_projections();
    struct dm_checkpoint *merged = test_open_checkpoint(test_directory),
                         *base = test_open_checkpoint(test_data("transformers/mamba-tied-bf16"));
    struct dm_safetensors adapter;
    assert_int_equal(
        dm_safetensors_open(&adapter, test_join(test_directory, "adapter_model.safetensors"), NULL),
        DM_OK);
    const char *names[] = {"base_model.model.backbone.layers.1.mixer.x_proj.lora_A.weight",
                           "base_model.model.backbone.layers.1.mixer.x_proj.lora_B.weight"};
    float a[rank * n_in], b[n_out * rank], given[n_out * n_in], own[n_out * n_in];
    memcpy(a, dm_safetensors_find(&adapter, names[0])->data, sizeof a);
    memcpy(b, dm_safetensors_find(&adapter, names[1])->data, sizeof b);
    struct dm_weight weight = dm_checkpoint_weight(merged, 1, X_PROJ);
    assert_int_equal(weight.dtype, DM_DTYPE_F32);
    dm_weight_to_float(weight, 0, n_out * n_in, given);
    dm_weight_to_float(dm_checkpoint_weight(base, 1, X_PROJ), 0, n_out * n_in, own);
    for (size_t i = 0; i < n_out * n_in; i++) {
        double expected = own[i];
        for (size_t k = 0; k < rank; k++)
            expected += 16. / 4 * (double)b[i / n_in * rank + k] * (double)a[k * n_in + i % n_in];
        assert_true(given[i] - expected < 1e-6 && expected - given[i] < 1e-6);
    }
    /* the rest is the model's own, as it is stored */
    assert_int_equal(dm_checkpoint_weight(merged, 1, OUT_PROJ).dtype, DM_DTYPE_BF16);
    assert_true(dm_checkpoint_config(merged)->tie_word_embeddings);
    dm_safetensors_close(&adapter);
    dm_checkpoint_close(merged);
    dm_checkpoint_close(base);
    (void)state;
}

static void refuses_other_settings(void **state) {
    static const struct {
        const char *from, *to;
        dm_status status;
        const char *part;
    } cases[] = {
        {"\"LORA\"", "\"PREFIX_TUNING\"", DM_ERROR_UNSUPPORTED, "type PREFIX_TUNING: only LORA"},
        {"\"LORA\"", "null", DM_ERROR_UNSUPPORTED, "only LORA"},
        {"\"LORA\"", "7", DM_ERROR_FORMAT, "\"peft_type\""},
        {"\"use_dora\": false", "\"use_dora\": true", DM_ERROR_UNSUPPORTED, "\"use_dora\""},
        {"\"fan_in_fan_out\": false", "\"fan_in_fan_out\": true", DM_ERROR_UNSUPPORTED,
         "\"fan_in_fan_out\""},
        {"\"alpha_pattern\": {}", "\"alpha_pattern\": {\"x_proj\": 2}", DM_ERROR_UNSUPPORTED,
         "\"alpha_pattern\""},
        {"\"lora_bias\": false", "\"lora_bias\": true", DM_ERROR_UNSUPPORTED, "\"lora_bias\""},
        {"\"kasa_config\": null", "\"kasa_config\": {\"beta\": 1}", DM_ERROR_UNSUPPORTED,
         "\"kasa_config\""},
        {"\"layer_replication\": null", "\"layer_replication\": [[0, 2]]", DM_ERROR_UNSUPPORTED,
         "\"layer_replication\""},
        {"\"alora_invocation_tokens\": null", "\"alora_invocation_tokens\": [1]",
         DM_ERROR_UNSUPPORTED, "\"alora_invocation_tokens\""},
        {"\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa_niter_16\"",
         DM_ERROR_UNSUPPORTED, "\"init_lora_weights\""},
        {"\"lora_alpha\": 16", "\"lora_alpha\": NaN", DM_ERROR_FORMAT,
         "\"lora_alpha\" must be a finite number, not NaN"},
        {"\"use_rslora\": false", "\"use_rslora\": 1", DM_ERROR_FORMAT, "\"use_rslora\""},
        {"{", "[{", DM_ERROR_FORMAT, "adapter_config.json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bring_projections();
        test_edit("adapter_config.json", cases[i].from, cases[i].to);
        test_refuse_checkpoint(test_directory, cases[i].status, cases[i].part);
        test_refuse_checkpoint(test_directory, cases[i].status, "/adapter_config.json:");
    }
    bring_projections(); /* what only training asks for is fine */
    test_edit("adapter_config.json", "\"init_lora_weights\": true",
              "\"init_lora_weights\": \"gaussian\"");
    test_edit("adapter_config.json", "\"eva_config\": null", "\"eva_config\": {\"rho\": 2}");
    dm_checkpoint_close(test_open_checkpoint(test_directory));
    (void)state;
}

static void wants_its_model(void **state) {
    static const char name[] = "adapter_config.json";
    test_bring("peft/projections", "adapter_model.safetensors");
    test_bring("peft/projections", name);
    test_refuse_checkpoint(test_directory, DM_ERROR_IO,
                           "a PEFT adapter of mamba-tied-bf16, which is no folder here");
    test_edit(name, BASE, "\"base_model_name_or_path\": null");
    test_refuse_checkpoint(test_directory, DM_ERROR_FORMAT, "is not given");
    test_write_text(test_join(test_directory, name), "[]");
    test_refuse_checkpoint(test_directory, DM_ERROR_FORMAT, "not a JSON object");
    char itself[TEST_MAX_PATH + 64];
    snprintf(itself, sizeof itself, "\"base_model_name_or_path\": \"%s\"", test_directory);
    test_bring("peft/projections", name);
    test_edit(name, BASE, itself);
    test_refuse_checkpoint(test_directory, DM_ERROR_UNSUPPORTED, "which is an adapter itself");
    bring_projections();
    remove(test_join(test_directory, "adapter_model.safetensors"));
    test_refuse_checkpoint(test_directory, DM_ERROR_IO, "holds no adapter_model.safetensors");
    (void)state;
}

static void refuses_tensors_that_do_not_fit(void **state) {
    static const struct {
        const char *from, *to, *part;
    } cases[] = {
        {"0.mixer.x_proj.lora_A", "0.mixer.x_proj.lora_C", "x_proj.lora_B.weight has no lora_A"},
        {"0.mixer.x_proj.lora_B", "0.mixer.x_proj.lora_C", "x_proj.lora_A.weight has no lora_B"},
        {"[15,4]", "[4,15]", "do not fit their weight, [15, 40]"},
        {"[15,4]", "[60]  ", "do not fit their weight"},
        {"[4,20]", "[80]  ", "do not fit their weight"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dm_error error = {0};
        struct dm_checkpoint *checkpoint = NULL;
        size_t live = dm_memory_live();
        bring_projections();
        test_edit("adapter_model.safetensors", cases[i].from, cases[i].to);
        assert_int_not_equal(dm_checkpoint_open(test_directory, &checkpoint, &error), DM_OK);
        test_expect_error(&error, error.status, cases[i].part);
        test_expect_error(&error, error.status, "/adapter_model.safetensors:");
        assert_int_equal(dm_memory_live(), live);
    }
    bring_projections();
    test_edit("adapter_model.safetensors", "layers.0.mixer.x_proj.lora_A",
              "layers.7.mixer.x_proj.lora_A");
    test_edit("adapter_model.safetensors", "layers.0.mixer.x_proj.lora_B",
              "layers.7.mixer.x_proj.lora_B");
    test_refuse_checkpoint(test_directory, DM_ERROR_UNSUPPORTED,
                           "layers.7.mixer.x_proj.lora_A.weight belongs to no weight of");
    (void)state;
}

/* PEFT merges into a tied weight on both sides, and reads the adapter on one of them. */
static void refuses_what_a_tied_head_leaves_open(void **state) {
    static const char *const heads[] = {"module.module.lm_head.lora_A.weight\" :",
                                        "module.module.lm_head.lora_B.weight\" :"};
    static const char *const embeddings[] = {"module.embeddings.lora_embedding_A\"  :",
                                             "module.embeddings.lora_embedding_B\"  :"};
    for (size_t i = 0; i < 2; i++) {
        const char *const *names = i ? embeddings : heads; /* each as long as what it replaces */
        bring_projections();
        test_edit("adapter_model.safetensors", "layers.1.mixer.in_proj.lora_A.weight\":", names[0]);
        test_edit("adapter_model.safetensors", "layers.1.mixer.in_proj.lora_B.weight\":", names[1]);
        test_refuse_checkpoint(test_directory, DM_ERROR_UNSUPPORTED,
                               "changes the embedding or the head, which are tied in");
    }
    (void)state;
}

/* What an adapter's folder lacks comes from its model's. */
static void finds_the_files_of_the_model(void **state) {
    char base[TEST_MAX_PATH], *path = NULL, named[TEST_MAX_PATH + 64];
    test_make_directory(base);
    test_write_text(test_join(base, "tokenizer.json"), "{}");
    test_bring("peft/projections", "adapter_config.json");
    snprintf(named, sizeof named, "\"base_model_name_or_path\": \"%s\"", base);
    test_edit("adapter_config.json", BASE, named);
    assert_int_equal(dm_model_file(test_directory, "tokenizer.json", &path, NULL), DM_OK);
    assert_string_equal(path, test_join(base, "tokenizer.json"));
    dm_memory_free(path);
    assert_int_equal(dm_model_file(test_directory, "none", &path, NULL), DM_OK);
    assert_string_equal(path, test_join(test_directory, "none"));
    dm_memory_free(path);
    test_write_text(test_join(test_directory, "tokenizer.json"), "{}");
    assert_int_equal(dm_model_file(test_directory, "tokenizer.json", &path, NULL), DM_OK);
    assert_string_equal(path, test_join(test_directory, "tokenizer.json"));
    dm_memory_free(path);
    assert_int_equal(dm_model_file(base, "none", &path, NULL), DM_OK); /* no adapter's */
    assert_string_equal(path, test_join(base, "none"));
    dm_memory_free(path);
    test_remove_directory(base);
    (void)state;
}

static void survives_short_memory(void **state) {
    size_t live = dm_memory_live(), n = 1;
    bring_adapter("everything", "adapter_model.safetensors", "falcon-mamba");
    for (;; n++) {
        struct dm_checkpoint *checkpoint;
        dm_error error = {0};
        dm_memory_fail_at(n);
        dm_status status = dm_checkpoint_open(test_directory, &checkpoint, &error);
        dm_memory_fail_at(0);
        if (!status) {
            dm_checkpoint_close(checkpoint);
            break;
        }
        assert_int_equal(status, DM_ERROR_MEMORY);
        assert_int_equal(error.status, DM_ERROR_MEMORY);
        assert_int_equal(dm_memory_live(), live);
    }
    assert_int_equal(dm_memory_live(), live);
    assert_true(n > 40);
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(adds_the_product),
        TEST(refuses_other_settings),
        TEST(wants_its_model),
        TEST(refuses_tensors_that_do_not_fit),
        TEST(refuses_what_a_tied_head_leaves_open),
        TEST(finds_the_files_of_the_model),
        TEST(survives_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
