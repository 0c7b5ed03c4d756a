/* Weights under the names, in the types and beside the tensors that people's checkpoints have them:
 * what is read must be the same as of the checkpoint that each is made from. */
#include "checkpoint/test_weights.h"
#include "test_warnings.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/safetensors.h"

enum { max_tensor = 64, max_name = 128 };

/* A tensor of zeros to put beside the weights. */
struct extra {
    const char *name;
    enum dm_element element;
};

struct variant {
    const char *from;       /* a committed checkpoint, of one model.safetensors */
    const char *cut, *put;  /* names that begin with `cut` begin with `put` instead */
    const char *left_out;   /* a tensor that is not written, or NULL */
    bool wide;              /* F32 weights in 64 bits */
    double added;           /* to the first element of each wide weight */
    struct extra extras[4]; /* up to the first without a name */
};

static void write_wide(struct dm_file_writer *writer, const struct dm_named_tensor *tensor,
                       double added) {
    for (size_t i = 0; i < tensor->n_byte / sizeof(float); i++) {
        float narrow;
        memcpy(&narrow, tensor->data + i * sizeof narrow, sizeof narrow);
        double value = narrow + (i ? 0 : added);
        assert_int_equal(dm_file_writer_write(writer, &value, sizeof value, NULL), DM_OK);
    }
}

static void write_variant(const struct variant *variant) {
    static char names[max_tensor][max_name];
    struct dm_named_tensor list[max_tensor];
    const struct dm_named_tensor *sources[max_tensor];
    struct dm_safetensors from;
    size_t n = 0, n_cut = strlen(variant->cut);
    test_bring(variant->from, "config.json");
    assert_int_equal(
        dm_safetensors_open(&from, test_join(test_data(variant->from), "model.safetensors"), NULL),
        DM_OK);
    for (size_t i = 0; i < from.n_tensor; i++) {
        const struct dm_named_tensor *tensor = sources[n] = &from.tensors[i];
        bool cut = !strncmp(tensor->name, variant->cut, n_cut);
        if (variant->left_out && !strcmp(tensor->name, variant->left_out))
            continue;
        list[n] = *tensor;
        snprintf(names[n], max_name, "%s%s", cut ? variant->put : "",
                 tensor->name + (cut ? n_cut : 0));
        if (variant->wide) {
            assert_int_equal(tensor->element, DM_ELEMENT_F32);
            list[n].element = DM_ELEMENT_F64;
            list[n].n_byte *= 2;
        }
        list[n].name = names[n];
        n++;
    }
    for (const struct extra *extra = variant->extras; extra->name; extra++, n++) {
        sources[n] = NULL;
        list[n] = (struct dm_named_tensor){.name = extra->name, .element = extra->element};
        list[n].n_byte = dm_element_size(extra->element);
    }
    struct dm_file_writer writer;
    assert_int_equal(dm_safetensors_begin(&writer, test_join(test_directory, "model.safetensors"),
                                          list, n, NULL, NULL),
                     DM_OK);
    for (size_t i = 0; i < n; i++) {
        static const char zeros[sizeof(double)];
        if (sources[i] && variant->wide)
            write_wide(&writer, sources[i], variant->added);
        else
            dm_file_writer_write(&writer, sources[i] ? (const void *)sources[i]->data : zeros,
                                 list[i].n_byte, NULL);
    }
    assert_int_equal(dm_file_writer_commit(&writer, NULL), DM_OK);
    dm_safetensors_close(&from);
}

#define TIED "transformers/mamba-tied-bf16"
#define OWN_HEAD "transformers/mamba-biases"
#define FALCON "transformers/falcon-mamba"
#define OFFICIAL "checkpoints/official-safetensors"

static void takes_prefixes_off(void **state) {
    static const struct variant variants[] = {
        {.from = TIED, .cut = "", .put = "_orig_mod."},
        {.from = TIED, .cut = "", .put = "module."},
        {.from = TIED, .cut = "", .put = "_orig_mod.module."},
        {.from = TIED, .cut = "", .put = "module._orig_mod."},
        {.from = TIED, .cut = "backbone.", .put = "backbone._orig_mod."},
        {.from = TIED, .cut = "backbone.", .put = ""}, /* a MambaModel: no head, which is tied */
        {.from = TIED, .cut = "backbone.", .put = "_orig_mod."},
        {.from = OFFICIAL, .cut = "backbone.", .put = ""},
        {.from = OWN_HEAD, .cut = "backbone.", .put = "module."}, /* one prefix or two */
        {.from = FALCON, .cut = "", .put = "_orig_mod."},
    };
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        test_hear_warnings();
        write_variant(&variants[i]);
        test_same_weights(test_data(variants[i].from), test_directory);
        assert_string_equal(test_warnings(), "");
    }
    (void)state;
}

/* A FalconMambaModel, or MambaModel, has lost its head: the embedding stands for it if config.json
 * says so, and else nothing does. */
static void wants_the_head_where_it_is_not_tied(void **state) {
    static const char *const from[] = {FALCON, OWN_HEAD};
    for (size_t i = 0; i < 2; i++) {
        const struct variant variant = {
            .from = from[i], .cut = "backbone.", .put = "", .left_out = "lm_head.weight"};
        write_variant(&variant);
        test_refuse_checkpoint(test_directory, DM_ERROR_FORMAT,
                               "lm_head.weight is missing, and config.json says that the head is "
                               "not tied");
        test_edit("config.json", "\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
        struct dm_checkpoint *checkpoint = test_open_checkpoint(test_directory);
        assert_true(dm_checkpoint_config(checkpoint)->tie_word_embeddings);
        dm_checkpoint_close(checkpoint);
    }
    (void)state;
}

static void refuses_two_of_one_weight(void **state) {
    static const struct variant variant = {.from = OFFICIAL,
                                           .cut = "",
                                           .put = "",
                                           .extras = {{"module.norm_f.weight", DM_ELEMENT_F32}}};
    write_variant(&variant);
    test_refuse_checkpoint(test_directory, DM_ERROR_FORMAT, "norm_f.weight appears twice");
    (void)state;
}

static void warns_of_what_stands_beside_the_model(void **state) {
    static const struct variant one = {
        .from = TIED, .cut = "", .put = "", .extras = {{"v_head.summary.weight", DM_ELEMENT_F32}}};
    static const struct variant more = {
        .from = TIED,
        .cut = "",
        .put = "",
        .extras = {{"v_head.summary.weight", DM_ELEMENT_F32},
                   {"backbone.layers.0.mixer._extra_state", DM_ELEMENT_I64},
                   {"v_head.summary.bias", DM_ELEMENT_F64}}};
    test_hear_warnings();
    write_variant(&one);
    test_same_weights(test_data(TIED), test_directory);
    assert_non_null(strstr(test_warnings(), "model.safetensors: tensor v_head.summary.weight "
                                            "belongs to no weight of the model: left out\n"));
    test_hear_warnings();
    write_variant(&more);
    test_same_weights(test_data(TIED), test_directory);
    assert_non_null(strstr(test_warnings(), "model.safetensors: 3 tensors belong to no weight"));
    (void)state;
}

static void refuses_what_would_change_the_model(void **state) {
    static const char *const names[] = {"backbone.layers.0.mixer.in_proj.weight.absmax",
                                        "lm_head.bias", "layers.9.norm.weight",
                                        "module.backbone.norm_f.bias", "embeddings.scale"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct variant variant = {
            .from = TIED, .cut = "", .put = "", .extras = {{names[i], DM_ELEMENT_F32}}};
        write_variant(&variant);
        test_refuse_checkpoint(test_directory, DM_ERROR_FORMAT, names[i]);
    }
    (void)state;
}

static void reads_weights_of_64_bits(void **state) {
    static const char *const from[] = {OWN_HEAD, FALCON, OFFICIAL};
    for (size_t i = 0; i < 3; i++) {
        const struct variant variant = {.from = from[i], .cut = "", .put = "", .wide = true};
        write_variant(&variant);
        test_same_weights(test_data(from[i]), test_directory);
    }
    const struct variant beyond = {
        .from = OFFICIAL, .cut = "", .put = "", .wide = true, .added = 1e300};
    write_variant(&beyond);
    test_refuse_checkpoint(test_directory, DM_ERROR_UNSUPPORTED, "beyond the range of f32");
    (void)state;
}

/* One shard, of the bytes that PyTorch wrote. */
static void reads_an_index_of_bins(void **state) {
    static const char shard[] = "pytorch_model-00001-of-00001.bin",
                      index[] = "pytorch_model.bin.index.json";
    struct dm_safetensors same;
    json_t *map = json_object();
    test_bring("golden/tiny-a", "config.json");
    test_copy_file(test_join(test_data("golden/tiny-a"), "pytorch_model.bin"),
                   test_join(test_directory, shard));
    assert_int_equal(dm_safetensors_open(&same, test_data("golden/tiny-a/model.safetensors"), NULL),
                     DM_OK);
    for (size_t i = 0; i < same.n_tensor; i++)
        json_object_set_new(map, same.tensors[i].name, json_string(shard));
    dm_safetensors_close(&same);
    json_t *object = json_pack("{s:{s:i},s:O}", "metadata", "total_size", 1, "weight_map", map);
    assert_int_equal(dm_json_write(test_join(test_directory, index), object, NULL), DM_OK);
    test_same_weights(test_data("golden/tiny-a"), test_directory);
    json_object_set_new(map, "backbone.norm_f.weight", json_string("other.bin"));
    assert_int_equal(dm_json_write(test_join(test_directory, index), object, NULL), DM_OK);
    test_refuse_checkpoint(test_directory, DM_ERROR_IO, "other.bin");
    json_object_set_new(map, "backbone.norm_f.weight", json_string(shard));
    json_object_set_new(map, "module.backbone.norm_f.weight", json_string(shard));
    assert_int_equal(dm_json_write(test_join(test_directory, index), object, NULL), DM_OK);
    test_refuse_checkpoint(test_directory, DM_ERROR_FORMAT,
                           "tensor module.backbone.norm_f.weight is not in");
    json_decref(object);
    json_decref(map);
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(takes_prefixes_off),
        TEST(wants_the_head_where_it_is_not_tied),
        TEST(refuses_two_of_one_weight),
        TEST(warns_of_what_stands_beside_the_model),
        TEST(refuses_what_would_change_the_model),
        TEST(reads_weights_of_64_bits),
        TEST(reads_an_index_of_bins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
