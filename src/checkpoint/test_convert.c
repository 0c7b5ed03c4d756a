#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/test_weights.h"

#include "base/half.h"
#include "base/memory.h"
#include "checkpoint/safetensors.h"
#include "layers/mamba/mamba.h"

static const char *inside(const char *name) {
    return test_join(test_directory, name);
}

static void convert(const char *input, const char *output, dm_dtype dtype) {
    dm_error error;
    if (dm_checkpoint_write_converted(input, output, dtype, &error))
        fail_msg("%s", error.message);
}

static void expect_same_hash(const char *a, const char *b, bool same) {
    struct dm_checkpoint *x = test_open_checkpoint(a), *y = test_open_checkpoint(b);
    char hash_x[33], hash_y[33];
    dm_checkpoint_hash(x, hash_x);
    dm_checkpoint_hash(y, hash_y);
    assert_int_equal(!strcmp(hash_x, hash_y), same);
    dm_checkpoint_close(x);
    dm_checkpoint_close(y);
}

static void expect_same_file(const char *a, const char *b, const char *name) {
    size_t n_a, n_b;
    unsigned char *x = test_read_file(test_join(a, name), &n_a),
                  *y = test_read_file(test_join(b, name), &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(x, y, n_a);
    free(x);
    free(y);
}

/* Matrices have `dtype` and the values rounded to it; the rest is float32 and exact. */
static void expect_converted(const char *input, const char *output, dm_dtype dtype) {
    struct dm_checkpoint *from = test_open_checkpoint(input), *to = test_open_checkpoint(output);
    const struct dm_model_config *config = dm_checkpoint_config(from);
    assert_int_equal(dm_checkpoint_config(to)->tie_word_embeddings, config->tie_word_embeddings);
    const struct dm_layer_config *layer = &config->sorts[0];
    assert_memory_equal(dm_checkpoint_config(to)->sorts[0].size, layer->size, sizeof layer->size);
    assert_memory_equal(dm_checkpoint_config(to)->sorts[0].real, layer->real, sizeof layer->real);
    assert_memory_equal(&dm_checkpoint_config(to)->eos, &config->eos, sizeof config->eos);
    assert_memory_equal(&dm_checkpoint_config(to)->pad, &config->pad, sizeof config->pad);
    const struct dm_parameters *parameters = dm_checkpoint_parameters(from);
    assert_int_equal(dm_checkpoint_parameters(to)->n, parameters->n);
    for (size_t p = 0; p < parameters->n; p++) {
        const struct dm_parameter *parameter = &parameters->list[p];
        struct dm_weight a = dm_checkpoint_weight(from, parameter->layer, parameter->index),
                         b = dm_checkpoint_weight(to, parameter->layer, parameter->index);
        assert_non_null(a.data);
        assert_non_null(b.data);
        assert_int_equal(b.dtype, parameter->row->is_matrix ? dtype : DM_DTYPE_F32);
        assert_int_equal(a.n_element, b.n_element);
        for (size_t i = 0; i < a.n_element; i++) {
            float x, y;
            dm_weight_to_float(a, i, 1, &x);
            dm_weight_to_float(b, i, 1, &y);
            if (b.dtype == DM_DTYPE_BF16)
                x = dm_bf16_to_float(dm_bf16_from_float(x));
            else if (b.dtype == DM_DTYPE_F16)
                x = dm_f16_to_float(dm_f16_from_float(x));
            assert_true(x == y);
        }
    }
    dm_checkpoint_close(from);
    dm_checkpoint_close(to);
}

static void converts_every_kind(void **state) {
    static const struct {
        const char *name;
        dm_dtype stored;
    } inputs[] = {
        {"golden/tiny-a", DM_DTYPE_F32},
        {"golden/tiny-b-odd", DM_DTYPE_F32},
        {"checkpoints/mamba-sharded", DM_DTYPE_BF16},
        {"checkpoints/falcon-mamba", DM_DTYPE_BF16},
        {"checkpoints/mamba-biases-f16", DM_DTYPE_F16},
        {"checkpoints/official-strided-bin", DM_DTYPE_F32},
    };
    char input[TEST_MAX_PATH], output[TEST_MAX_PATH];
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        for (dm_dtype dtype = DM_DTYPE_AUTO; dtype <= DM_DTYPE_F16; dtype++) {
            snprintf(input, sizeof input, "%s", test_data(inputs[i].name));
            char name[] = {(char)('a' + i), (char)('0' + dtype), 0};
            snprintf(output, sizeof output, "%s", inside(name));
            convert(input, output, dtype);
            expect_converted(input, output, dtype ? dtype : inputs[i].stored);
            assert_int_equal(test_count_entries(output), 2);
        }
    assert_int_equal(test_count_entries(test_directory), 24); /* no temporary directory is left */
    (void)state;
}

static void comes_back_unchanged(void **state) {
    convert(test_data("golden/tiny-a"), inside("f32"), DM_DTYPE_F32);
    convert(inside("f32"), inside("bf16"), DM_DTYPE_BF16);
    convert(inside("bf16"), inside("f32-again"), DM_DTYPE_F32);
    convert(inside("f32-again"), inside("bf16-again"), DM_DTYPE_BF16);
    expect_same_hash(test_data("golden/tiny-a"), inside("f32"), true);
    expect_same_hash(inside("f32"), inside("bf16"), false);
    expect_same_hash(inside("bf16"), inside("bf16-again"), true);
    expect_same_file(inside("bf16"), inside("bf16-again"), "model.safetensors");
    expect_same_file(inside("bf16"), inside("bf16-again"), "config.json");
    (void)state;
}

static void aligns_every_tensor(void **state) {
    convert(test_data("golden/tiny-b-odd"), inside("out"), DM_DTYPE_BF16);
    struct dm_safetensors tensors;
    assert_int_equal(dm_safetensors_open(&tensors, inside("out/model.safetensors"), NULL), DM_OK);
    assert_string_equal(dm_safetensors_metadata(&tensors, "format"), "pt");
    assert_int_equal(tensors.n_tensor, 32);
    for (size_t i = 0; i < tensors.n_tensor; i++)
        assert_int_equal((tensors.tensors[i].data - tensors.file.bytes) %
                             (ptrdiff_t)dm_element_size(tensors.tensors[i].element),
                         0);
    dm_safetensors_close(&tensors);
    (void)state;
}

static void copies_companions(void **state) {
    static const char *const names[] = {"tokenizer.json",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "generation_config.json",
                                        "decimamba.json",
                                        "added_tokens.json",
                                        "vocab.json",
                                        "merges.txt",
                                        "chat_template.jinja",
                                        "chat_template.json"};
    enum { n_name = sizeof names / sizeof *names };
    mkdir(inside("in"), 0777);
    test_copy_file(test_data("golden/tiny-a/config.json"), inside("in/config.json"));
    test_copy_file(test_data("golden/tiny-a/model.safetensors"), inside("in/model.safetensors"));
    for (size_t i = 0; i < n_name; i++)
        test_write_file(test_join(inside("in"), names[i]), names[i], i ? strlen(names[i]) : 0);
    test_write_file(inside("in/notes.txt"), "x", 1);
    mkdir(inside("out"), 0777); /* an empty directory is fine, a slash at the end too */
    convert(inside("in"), inside("out/"), DM_DTYPE_AUTO);
    assert_int_equal(test_count_entries(inside("out")), 2 + n_name);
    for (size_t i = 0; i < n_name; i++)
        expect_same_file(inside("in"), inside("out"), names[i]);
    (void)state;
}

/* Fails with this, and leaves `n_entry` entries in the test's directory. */
static void expect_failure(const char *input, const char *output, dm_dtype dtype, dm_status status,
                           const char *part, size_t n_entry) {
    dm_error error = {0};
    size_t live = dm_memory_live();
    dm_checkpoint_write_converted(input, output, dtype, &error);
    test_expect_error(&error, status, part);
    assert_int_equal(test_count_entries(test_directory), n_entry);
    assert_int_equal(dm_memory_live(), live);
}

static void writes_nothing_it_cannot_finish(void **state) {
    char input[TEST_MAX_PATH];
    snprintf(input, sizeof input, "%s", test_data("golden/tiny-a"));
    expect_failure(input, inside("missing/out"), 0, DM_ERROR_IO, "missing/out", 0);
    expect_failure(test_data("golden"), inside("out"), 0, DM_ERROR_IO, "config.json", 0);
    test_write_file(inside("file"), "x", 1);
    expect_failure(input, inside("file"), 0, DM_ERROR_IO, "file", 1);
    mkdir(inside("full"), 0777);
    test_write_file(inside("full/x"), "x", 1);
    expect_failure(input, inside("full"), 0, DM_ERROR_IO, "already exists", 2);
    assert_int_equal(test_count_entries(inside("full")), 1);
    expect_failure(input, "/proc/out", 0, DM_ERROR_IO, "/proc/out: cannot write", 2);
    (void)state;
}

static void survives_a_full_disk(void **state) {
    char input[TEST_MAX_PATH];
    snprintf(input, sizeof input, "%s", test_data("golden/tiny-a"));
    for (size_t size = 0; size < 180000; size += 20001) {
        test_limit_file_size(size);
        expect_failure(input, inside("out"), DM_DTYPE_F32, DM_ERROR_IO, "cannot write", 0);
        test_lift_file_size_limit();
    }
    (void)state;
}

static void refuses_values_beyond_the_range(void **state) {
    struct dm_checkpoint *checkpoint = test_open_checkpoint(test_data("golden/tiny-a"));
    struct dm_weight weight = dm_checkpoint_weight(checkpoint, 2, OUT_PROJ);
    struct dm_weight d = dm_checkpoint_weight(checkpoint, 1, D_VALUES);
    mkdir(inside("in"), 0777);
    test_copy_file(test_data("golden/tiny-a/config.json"), inside("in/config.json"));
    size_t n;
    unsigned char *bytes = test_read_file(test_data("golden/tiny-a/model.safetensors"), &n);
    float large = 65504, too_large = 65520;
    for (size_t i = 0; i + d.n_element * 4 <= n; i++) /* D stays float32: any value will do */
        if (!memcmp(bytes + i, d.data, d.n_element * 4))
            memcpy(bytes + i, &too_large, 4);
    size_t offset = 0;
    while (memcmp(bytes + offset, weight.data, weight.n_element * 4) != 0)
        offset++;
    dm_checkpoint_close(checkpoint);
    memcpy(bytes + offset + 40, &large, 4);
    test_write_file(inside("in/model.safetensors"), bytes, n);
    convert(inside("in"), inside("out"), DM_DTYPE_F16);
    memcpy(bytes + offset + 40, &too_large, 4);
    test_write_file(inside("in/model.safetensors"), bytes, n);
    expect_failure(inside("in"), inside("out2"), DM_DTYPE_F16, DM_ERROR_UNSUPPORTED,
                   "backbone.layers.2.mixer.out_proj.weight", 2);
    convert(inside("in"), inside("out2"), DM_DTYPE_BF16);
    too_large = INFINITY; /* what is infinite already may stay so */
    memcpy(bytes + offset + 40, &too_large, 4);
    test_write_file(inside("in/model.safetensors"), bytes, n);
    convert(inside("in"), inside("out3"), DM_DTYPE_F16);
    free(bytes);
    (void)state;
}

static void survives_short_memory(void **state) {
    char input[TEST_MAX_PATH];
    snprintf(input, sizeof input, "%s", test_data("checkpoints/official-strided-bin"));
    size_t live = dm_memory_live(), n = 1;
    for (;; n++) {
        dm_error error = {0};
        dm_memory_fail_at(n);
        dm_status status = dm_checkpoint_write_converted(input, inside("out"), 0, &error);
        dm_memory_fail_at(0);
        assert_int_equal(dm_memory_live(), live);
        if (!status)
            break;
        assert_int_not_equal(error.status, DM_OK);
        assert_int_equal(test_count_entries(test_directory), 0);
    }
    assert_true(n > 30);
    (void)state;
}

static const char config_text[] =
    "{\"d_model\": 48, \"n_layer\": 4, \"vocab_size\": 250, \"ssm_cfg\": {}}";

static void initialize(const char *output, dm_dtype dtype, uint64_t seed) {
    dm_error error;
    test_write_text(inside("shape.json"), config_text);
    if (dm_checkpoint_write_random(inside("shape.json"), output, dtype, seed, &error))
        fail_msg("%s", error.message);
}

static void draws_the_same_for_a_seed(void **state) {
    initialize(inside("a"), DM_DTYPE_F32, 7);
    initialize(inside("b"), DM_DTYPE_F32, 7);
    initialize(inside("c"), DM_DTYPE_F32, 8);
    initialize(inside("h"), DM_DTYPE_BF16, 7);
    expect_same_file(inside("a"), inside("b"), "model.safetensors");
    expect_same_hash(inside("a"), inside("c"), false);
    expect_converted(inside("a"), inside("h"), DM_DTYPE_BF16); /* the same draws, rounded */
    (void)state;
}

static void refuses_shapes_it_cannot_write(void **state) {
    dm_error error = {0};
    static const char huge[] =
        "{\"d_model\": 2147483647, \"n_layer\": 1, \"vocab_size\": 2147483640, "
        "\"ssm_cfg\": {\"expand\": 1}}";
    test_write_text(inside("shape.json"), huge);
    dm_checkpoint_write_random(inside("shape.json"), inside("out"), 0, 1, &error);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "too large");
    test_write_file(inside("shape.json"), "{}", 2);
    dm_checkpoint_write_random(inside("shape.json"), inside("out"), 0, 1, &error);
    test_expect_error(&error, DM_ERROR_FORMAT, "shape.json");
    assert_int_equal(test_count_entries(test_directory), 1);
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(converts_every_kind),
        TEST(comes_back_unchanged),
        TEST(aligns_every_tensor),
        TEST(copies_companions),
        TEST(writes_nothing_it_cannot_finish),
        TEST(survives_a_full_disk),
        TEST(refuses_values_beyond_the_range),
        TEST(survives_short_memory),
        TEST(draws_the_same_for_a_seed),
        TEST(refuses_shapes_it_cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
