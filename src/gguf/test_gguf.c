#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gguf/test_gguf_reader.h"
#include "test_warnings.h"

#include "base/blocks.h"
#include "base/memory.h"
#include "checkpoint/checkpoint.h"
#include "gguf/gguf_export.h"
#include "layers/mamba/mamba.h"

static const char *inside(const char *name) {
    return test_join(test_directory, name);
}

static void export(const char *directory, const char *path, dm_dtype dtype) {
    dm_error error;
    if (dm_gguf_export(directory, path, dtype, &error))
        fail_msg("%s", error.message);
}

static void expect_failure(const char *directory, const char *path, dm_dtype dtype,
                           dm_status status, const char *part) {
    size_t live = dm_memory_live(), n_entry = test_count_entries(test_directory);
    dm_error error = {0};
    dm_gguf_export(directory, path, dtype, &error);
    test_expect_error(&error, status, part);
    assert_int_equal(dm_memory_live(), live);
    assert_int_equal(test_count_entries(test_directory), n_entry); /* nothing half-written */
}

static void expect_same_keys(const struct gguf_file *ours, const struct gguf_file *expected) {
    assert_int_equal(ours->n_key, expected->n_key);
    for (size_t i = 0; i < expected->n_key; i++) {
        const struct gguf_key *b = &expected->keys[i], *a = gguf_find_key(ours, b->name, b->n_name);
        if (!a || a->type != b->type || a->n_value != b->n_value ||
            memcmp(a->value, b->value, b->n_value) != 0)
            fail_msg("%.*s is %s", (int)b->n_name, b->name, a ? "another" : "missing");
    }
}

/* A is computed with another exponential function: equal to a unit in the last place or two. */
static bool is_near(const struct gguf_tensor *a, const struct gguf_tensor *b) {
    for (size_t i = 0; i < b->n_byte; i += sizeof(float)) {
        float x, y;
        memcpy(&x, a->data + i, sizeof x);
        memcpy(&y, b->data + i, sizeof y);
        if (!(fabsf(x - y) <= 0x1p-22f * fabsf(y)))
            return false;
    }
    return true;
}

static void expect_same_tensors(const struct gguf_file *ours, const struct gguf_file *expected) {
    assert_int_equal(ours->n_tensor, expected->n_tensor);
    for (size_t i = 0; i < expected->n_tensor; i++) {
        const struct gguf_tensor *b = &expected->tensors[i],
                                 *a = gguf_find_tensor(ours, b->name, b->n_name);
        bool is_a = b->n_name > 5 && !memcmp(b->name + b->n_name - 5, "ssm_a", 5);
        if (!a || a->type != b->type || a->n_dim != b->n_dim ||
            memcmp(a->shape, b->shape, b->n_dim * sizeof *b->shape) != 0 ||
            !(is_a ? is_near(a, b) : !memcmp(a->data, b->data, b->n_byte)))
            fail_msg("%.*s is %s", (int)b->n_name, b->name, a ? "another" : "missing");
    }
}

/* The oracle: files that Python's `gguf` wrote (scripts/make_gguf_cases.py). */
static void writes_what_llama_cpp_does(void **state) {
    static const struct {
        const char *input, *expected;
        dm_dtype dtype;
    } cases[] = {
        {"gguf/tokens/", "gguf/tokens/expected.gguf", DM_DTYPE_BF16},
        {"checkpoints/falcon-mamba", "gguf/falcon-mamba/expected.gguf", DM_DTYPE_F16},
        {"transformers/mamba-no-conv-bias", "gguf/mamba-no-conv-bias/expected.gguf", DM_DTYPE_F32},
        {"transformers/mamba2-tied-bf16", "gguf/mamba2-tied-bf16/expected.gguf", DM_DTYPE_BF16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gguf_file ours, expected;
        export(test_data(cases[i].input), inside("out.gguf"), cases[i].dtype);
        gguf_read(&ours, inside("out.gguf"));
        gguf_read(&expected, test_data(cases[i].expected));
        expect_same_keys(&ours, &expected);
        expect_same_tensors(&ours, &expected);
        gguf_free(&ours);
        gguf_free(&expected);
    }
    assert_int_equal(test_count_entries(test_directory), 1);
    (void)state;
}

/* The norm that dt, B and C pass: x / sqrt(mean(x^2) + epsilon). */
static void norm(const double *x, size_t n, double epsilon, double *out) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] / sqrt(sum / (double)n + epsilon);
}

/* falcon-mamba's mixers may have an epsilon of their own, llama.cpp has one for all norms: what it
 * norms is scaled to come out as here. (llama.cpp itself, on such files in float32, gives the
 * logits of transformers to 1e-6, for 1e-9, 1e-6, 1e-2 and 0.3 against 1e-5.) */
static void holds_two_epsilons(void **state) {
    enum { n_row = 15, n_column = 40, rank = 3 };
    static const char x_proj[] = "blk.2.ssm_x.weight";
    static const char *const epsilons[] = {"1e-06", "0.01", "1e-05"};
    for (size_t e = 0; e < 3; e++) {
        struct dm_checkpoint *checkpoint;
        struct gguf_file file;
        const char *const names[] = {"config.json", "model.safetensors"};
        char text[64];
        for (size_t i = 0; i < 2; i++)
            test_copy_file(test_join(test_data("transformers/falcon-mamba"), names[i]),
                           inside(names[i]));
        snprintf(text, sizeof text, "\"mixer_rms_eps\": %s", epsilons[e]);
        test_replace(inside("config.json"), "\"mixer_rms_eps\": 1e-06", text);
        export(test_directory, inside("out.gguf"), DM_DTYPE_F16);
        gguf_read(&file, inside("out.gguf"));
        assert_int_equal(dm_checkpoint_open(test_directory, &checkpoint, NULL), DM_OK);
        const struct gguf_tensor *tensor = gguf_find_tensor(&file, x_proj, strlen(x_proj));
        assert_non_null(tensor);
        assert_int_equal(tensor->type, e == 2 ? 1 : 0);  /* as asked for, where nothing is scaled */
        for (size_t c = 0; c < n_column && e < 2; c++) { /* what each unit vector becomes */
            double theirs[n_row], ours[n_row], a[n_row], b[n_row];
            for (size_t r = 0; r < n_row; r++) {
                float x, y;
                memcpy(&x, tensor->data + (r * n_column + c) * sizeof x, sizeof x);
                dm_weight_to_float(dm_checkpoint_weight(checkpoint, 2, X_PROJ), r * n_column + c, 1,
                                   &y);
                theirs[r] = x, ours[r] = y;
            }
            norm(theirs, rank, 1e-5, a);
            norm(ours, rank, strtod(epsilons[e], NULL), b);
            norm(theirs + rank, n_row - rank, 1e-5, a + rank);
            norm(ours + rank, n_row - rank, strtod(epsilons[e], NULL), b + rank);
            for (size_t r = 0; r < n_row; r++)
                assert_true(fabs(a[r] - b[r]) <= 1e-6 * fabs(b[r]));
        }
        dm_checkpoint_close(checkpoint);
        gguf_free(&file);
    }
    test_replace(inside("config.json"), "\"mixer_rms_eps\": 1e-05", "\"mixer_rms_eps\": 0.0");
    expect_failure(test_directory, inside("out"), 0, DM_ERROR_UNSUPPORTED,
                   "one epsilon for all norms");
    (void)state;
}

static uint32_t type_of_tensor(const char *input, dm_dtype dtype, const char *name) {
    struct gguf_file file;
    export(input, inside("out.gguf"), dtype);
    gguf_read(&file, inside("out.gguf"));
    const struct gguf_tensor *tensor = gguf_find_tensor(&file, name, strlen(name));
    assert_non_null(tensor);
    uint32_t type = tensor->type;
    gguf_free(&file);
    return type;
}

static void keeps_the_stored_type(void **state) {
    const char *name = "blk.1.ssm_out.weight";
    assert_int_equal(type_of_tensor(test_data("golden/tiny-a"), DM_DTYPE_AUTO, name), 0);
    assert_int_equal(type_of_tensor(test_data("golden/tiny-a"), DM_DTYPE_BF16, name), 30);
    assert_int_equal(type_of_tensor(test_data("checkpoints/falcon-mamba"), DM_DTYPE_AUTO, name),
                     30);
    (void)state;
}

static double apart(const struct gguf_tensor *tensor, struct dm_weight weight) {
    const struct dm_block_kind *kind = tensor->type == 8 ? &dm_blocks_q8_0 : &dm_blocks_q4_k;
    size_t n = tensor->shape[0], row_bytes = dm_blocks_bytes(kind, n);
    float *theirs = some(n, sizeof *theirs), *ours = some(n, sizeof *ours);
    double error = 0, square = 0;
    for (size_t row = 0; row < tensor->shape[1]; row++) {
        dm_blocks_to_floats(kind, tensor->data + row * row_bytes, 0, n, theirs);
        dm_weight_to_float(weight, row * n, n, ours);
        for (size_t i = 0; i < n; i++) {
            error += pow((double)theirs[i] - (double)ours[i], 2);
            square += (double)ours[i] * (double)ours[i];
        }
    }
    free(theirs);
    free(ours);
    return sqrt(error / square);
}

/* In blocks of 256 where rows are so long, of 32 where they are not; what is computed in float32 stays
 * so. llama.cpp reads such files (llama-cpp-python 0.3.36): logits of models/books in q4 are 6.9% of
 * their spread from those in float32, in int8 1.5%; the numbers that the blocks hold, in float32, 6.5
 * and 0.9. */
static void writes_blocks(void **state) {
    static const struct {
        const char *name;
        size_t layer, index;
        uint32_t types[2]; /* in q4, in int8 */
    } cases[] = {{"token_embd.weight", DM_NO_LAYER, DM_EMBEDDING, {8, 8}},
                 {"blk.1.ssm_in.weight", 1, IN_PROJ, {8, 8}},
                 {"blk.1.ssm_out.weight", 1, OUT_PROJ, {12, 8}},
                 {"blk.0.ssm_x.weight", 0, X_PROJ, {0, 0}},
                 {"blk.0.ssm_dt.weight", 0, DT_PROJ, {0, 0}}};
    static const dm_dtype dtypes[] = {DM_DTYPE_Q4, DM_DTYPE_INT8};
    dm_error error;
    test_write_text(inside("shape.json"), "{\"d_model\": 128, \"n_layer\": 2, \"vocab_size\": 96}");
    assert_int_equal(dm_checkpoint_init(inside("shape.json"), inside("in"), 0, 1, &error), DM_OK);
    for (int d = 0; d < 2; d++) {
        struct dm_checkpoint *checkpoint;
        struct gguf_file file;
        export(inside("in"), inside("out.gguf"), dtypes[d]);
        gguf_read(&file, inside("out.gguf"));
        assert_int_equal(dm_checkpoint_open(inside("in"), &checkpoint, NULL), DM_OK);
        const struct gguf_key *type = gguf_find_key(&file, "general.file_type", 17);
        assert_int_equal(type->value[0], d ? 7 : 14);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            const struct gguf_tensor *tensor =
                gguf_find_tensor(&file, cases[i].name, strlen(cases[i].name));
            struct dm_weight weight =
                dm_checkpoint_weight(checkpoint, cases[i].layer, cases[i].index);
            assert_non_null(tensor);
            assert_int_equal(tensor->type, cases[i].types[d]);
            assert_true(!tensor->type ||
                        apart(tensor, weight) < (tensor->type == 8 ? 0.006 : 0.075));
        }
        dm_checkpoint_close(checkpoint);
        gguf_free(&file);
    }
    test_write_text(inside("shape.json"), "{\"d_model\": 48, \"n_layer\": 2, \"vocab_size\": 96}");
    assert_int_equal(dm_checkpoint_init(inside("shape.json"), inside("odd"), 0, 1, &error), DM_OK);
    assert_int_equal(type_of_tensor(inside("odd"), DM_DTYPE_Q4, "blk.1.ssm_in.weight"), 0);
    assert_int_equal(type_of_tensor(inside("odd"), DM_DTYPE_Q4, "blk.1.ssm_out.weight"), 8);
    (void)state;
}

/* A model directory in test_directory: the weights of golden/tiny-a with a tokenizer. */
static void make_input(const char *tokenizer) {
    static const char *const names[] = {"config.json", "model.safetensors"};
    mkdir(inside("in"), 0777);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        test_copy_file(test_join(test_data("golden/tiny-a"), names[i]),
                       test_join(inside("in"), names[i]));
    test_write_text(inside("in/tokenizer.json"), tokenizer);
}

/* A tokenizer of two tokens, split as `words` says. */
static const char *small_tokenizer(const char *words, const char *added) {
    static char text[1024];
    snprintf(text, sizeof text,
             "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1}, \"merges\": []},"
             "\"pre_tokenizer\": {\"type\": \"ByteLevel\", %s},"
             "\"decoder\": {\"type\": \"ByteLevel\"}, \"added_tokens\": [%s]}",
             words, added);
    return text;
}

#define PLAIN "\"add_prefix_space\": false"
#define ADDED                                                                    \
    "{\"id\": 2, \"content\": \"<|endoftext|>\", \"single_word\": false, "       \
    "\"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": " \
    "true}"

static void names_all_that_llama_cpp_asks_for(void **state) {
    static const char *const names[] = {"tokenizer.ggml.merges", "tokenizer.ggml.eos_token_id"};
    struct gguf_file file;
    make_input(small_tokenizer(PLAIN, ""));
    export(inside("in"), inside("out.gguf"), 0);
    gguf_read(&file, inside("out.gguf"));
    const struct gguf_key *merges = gguf_find_key(&file, names[0], strlen(names[0]));
    static const unsigned char empty[] = {8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    assert_non_null(merges);
    assert_int_equal(merges->n_value, sizeof empty);
    assert_memory_equal(merges->value, empty, sizeof empty);
    assert_null(gguf_find_key(&file, names[1], strlen(names[1])));
    gguf_free(&file);
    make_input(small_tokenizer(PLAIN, ADDED));
    export(inside("in"), inside("out.gguf"), 0);
    gguf_read(&file, inside("out.gguf"));
    const struct gguf_key *end = gguf_find_key(&file, names[1], strlen(names[1]));
    assert_non_null(end);
    assert_int_equal(end->value[0], 2);
    gguf_free(&file);
    (void)state;
}

/* Exports the model of make_input. */
static void export_input(struct gguf_file *file) {
    export(inside("in"), inside("out.gguf"), 0);
    gguf_read(file, inside("out.gguf"));
}

/* The number of a key; -1: it is not there. */
static int number_of(const struct gguf_file *file, const char *name) {
    const struct gguf_key *key = gguf_find_key(file, name, strlen(name));
    return key ? key->value[0] : -1;
}

static void expect_text(const struct gguf_file *file, const char *name, const char *text) {
    const struct gguf_key *key = gguf_find_key(file, name, strlen(name));
    if (!text) {
        assert_null(key);
        return;
    }
    assert_non_null(key);
    assert_int_equal(key->n_value, 8 + strlen(text));
    assert_int_equal(key->value[0], strlen(text));
    assert_memory_equal(key->value + 8, text, strlen(text));
}

static void names_every_token_to_stop_at(void **state) {
    static const struct {
        const char *generation, *settings;
        int ends[3], pad; /* ends of text, of turn, of message */
    } cases[] = {
        {"{}", "{}", {-1, -1, -1}, -1},
        {"{\"eos_token_id\": [5, 0, 3], \"pad_token_id\": 4}", "{}", {5, 0, 3}, 4},
        /* that of the tokenizer goes first, where it is one */
        {"{\"eos_token_id\": [5, 1]}", "{\"eos_token\": \"b\"}", {1, 5, -1}, -1},
        {"{\"eos_token_id\": 5}", "{\"eos_token\": \"b\"}", {5, -1, -1}, -1},
        {"{}", "{\"eos_token\": \"b\"}", {1, -1, -1}, -1},
        /* no row of the model */
        {"{\"eos_token_id\": [96, 95, 1, 0], \"pad_token_id\": 96}", "{}", {95, 1, 0}, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gguf_file file;
        make_input(small_tokenizer(PLAIN, ""));
        test_write_text(inside("in/generation_config.json"), cases[i].generation);
        test_write_text(inside("in/tokenizer_config.json"), cases[i].settings);
        export_input(&file);
        assert_int_equal(number_of(&file, "tokenizer.ggml.eos_token_id"), cases[i].ends[0]);
        assert_int_equal(number_of(&file, "tokenizer.ggml.eot_token_id"), cases[i].ends[1]);
        assert_int_equal(number_of(&file, "tokenizer.ggml.eom_token_id"), cases[i].ends[2]);
        assert_int_equal(number_of(&file, "tokenizer.ggml.padding_token_id"), cases[i].pad);
        gguf_free(&file);
    }
    test_write_text(inside("in/generation_config.json"), "{\"eos_token_id\": [0, 1, 2, 3]}");
    expect_failure(inside("in"), inside("new"), 0, DM_ERROR_UNSUPPORTED,
                   "in: \"eos_token_id\" lists more tokens than the 3 that GGUF has places for");
    (void)state;
}

static void holds_the_chat_templates(void **state) {
    static const char usual[] = "tokenizer.chat_template", names[] = "tokenizer.chat_templates";
    struct gguf_file file;
    make_input(small_tokenizer(PLAIN, ""));
    test_write_text(inside("in/tokenizer_config.json"), "{\"chat_template\": \"{{ one }}\\n\"}");
    export_input(&file);
    expect_text(&file, usual, "{{ one }}\n");
    gguf_free(&file);
    test_write_text(inside("in/tokenizer_config.json"),
                    "{\"chat_template\": ["
                    "{\"name\": \"tool-use\", \"template\": \"{{ tools }}\"}, {\"name\": 3}, "
                    "{\"name\": \"default\", \"template\": \"{{ first }}\"}, "
                    "{\"name\": \"default\", \"template\": \"{{ messages }}\"}]}");
    export_input(&file);
    expect_text(&file, usual, "{{ messages }}");
    expect_text(&file, "tokenizer.chat_template.tool_use", "{{ tools }}");
    const struct gguf_key *list = gguf_find_key(&file, names, strlen(names));
    static const char expected[] = "\x08\0\0\0\1\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0tool_use";
    assert_non_null(list);
    assert_int_equal(list->n_value, sizeof expected - 1);
    assert_memory_equal(list->value, expected, sizeof expected - 1);
    gguf_free(&file);
    /* the file goes before the key */
    test_write_text(inside("in/chat_template.jinja"), "{% for m in messages %}\n{% endfor %}\n");
    export_input(&file);
    expect_text(&file, usual, "{% for m in messages %}\n{% endfor %}\n");
    expect_text(&file, "tokenizer.chat_template.tool_use", NULL);
    gguf_free(&file);
    test_write_file(inside("in/chat_template.jinja"), "", 0);
    export_input(&file);
    expect_text(&file, usual, "");
    gguf_free(&file);
    (void)state;
}

/* A model with room for a thousand tokens, without a tokenizer. */
static void make_wide_input(void) {
    dm_error error;
    test_write_text(inside("shape.json"), "{\"d_model\": 8, \"n_layer\": 1, \"vocab_size\": 1000}");
    if (access(inside("in"), F_OK) == 0)
        test_remove_directory(inside("in"));
    assert_int_equal(dm_checkpoint_init(inside("shape.json"), inside("in"), 0, 1, &error), DM_OK);
}

/* The kinds that llama.cpp has a name for, by which it makes the same ids of 2,800 nasty strings each
 * (llama-cpp-python 0.3.36), but where NFC or a newer Unicode has its say; "dbrx" is "llama-bpe" without
 * ignore_merges. */
static void names_ways_to_split(void **state) {
    static const struct {
        const char *kind, *model, *split; /* NULL: none */
        const char *words;
        int add_bos;
    } kinds[] = {
        {"falcon", "gpt2", "falcon", NULL, 0},
        {"llama3", "gpt2", "llama-bpe", NULL, 1},
        {"qwen2", "gpt2", "qwen2", NULL, 0},
        {"starcoder", "gpt2", "starcoder", NULL, 0},
        {"tekken", NULL, NULL, "parts that it has no name for", 0},
        {"deepseek", NULL, NULL, "parts that it has no name for", 0},
        {"llama2", NULL, NULL, "\"normalizer\" that changes spaces", 0},
        {"metaspace", NULL, NULL, "llama.cpp does not split", 0},
        {"never", NULL, NULL, "\"add_prefix_space\": true", 0},
        {"pieces", NULL, NULL, "the user-defined piece 5 in text: it has spaces", 0},
        {"pieces-unknown", NULL, NULL, "a piece for each byte", 0},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        bool pieces = strncmp(kinds[i].kind, "pieces", 6) == 0;
        const char *name = pieces ? "tokenizer.model" : "tokenizer.json";
        char from[TEST_MAX_PATH];
        make_wide_input();
        snprintf(from, sizeof from, "%s/%s", test_join(test_data("tokenizer/kinds"), kinds[i].kind),
                 name);
        test_copy_file(from, test_join(inside("in"), name));
        if (!kinds[i].split) {
            expect_failure(inside("in"), inside("out.gguf"), 0, DM_ERROR_UNSUPPORTED,
                           kinds[i].words);
            continue;
        }
        struct gguf_file file;
        export_input(&file);
        expect_text(&file, "tokenizer.ggml.model", kinds[i].model);
        expect_text(&file, "tokenizer.ggml.pre", kinds[i].split);
        assert_int_equal(number_of(&file, "tokenizer.ggml.add_bos_token"), kinds[i].add_bos);
        gguf_free(&file);
    }
    (void)state;
}

/* Pieces have scores and types; what the tokenizer puts before a text is named. */
static void holds_pieces(void **state) {
    static const char *const names[] = {"tokenizer.ggml.scores", "tokenizer.ggml.token_type"};
    static const unsigned char first_types[] = {2, 0, 0, 0, 3, 0, 0, 0, 3, 0,
                                                0, 0, 4, 0, 0, 0, 6, 0, 0, 0};
    size_t n_byte;
    struct gguf_file file;
    unsigned char *seed =
        test_read_file(test_source("fuzz/corpus/tokenizer_json/pieces_bytes"), &n_byte);
    make_wide_input();
    test_write_file(inside("in/tokenizer.model"), seed + 1, n_byte - 1);
    free(seed);
    export_input(&file);
    expect_text(&file, "tokenizer.ggml.model", "llama");
    const struct gguf_key *scores = gguf_find_key(&file, names[0], strlen(names[0])),
                          *types = gguf_find_key(&file, names[1], strlen(names[1]));
    const size_t head = 12; /* the elements' type and number */
    float score;
    assert_int_equal(scores->n_value, head + 1000 * sizeof score);
    memcpy(&score, scores->value + head + 260 * sizeof score, sizeof score);
    assert_true(score == -50);
    assert_memory_equal(types->value + head, first_types, sizeof first_types);
    assert_int_equal(number_of(&file, "tokenizer.ggml.add_bos_token"), 1);
    assert_int_equal(number_of(&file, "tokenizer.ggml.bos_token_id"), 1);
    assert_int_equal(number_of(&file, "tokenizer.ggml.eos_token_id"), 2);
    assert_int_equal(number_of(&file, "tokenizer.ggml.unknown_token_id"), 0);
    assert_int_equal(number_of(&file, "tokenizer.ggml.add_space_prefix"), 1);
    gguf_free(&file);
    (void)state;
}

static void refuses_what_llama_cpp_does_not_read(void **state) {
    const char *out = inside("out.gguf");
    expect_failure(test_data("checkpoints/mamba-biases-f16"), out, 0, DM_ERROR_UNSUPPORTED,
                   "biases");
    make_input(small_tokenizer("\"add_prefix_space\": true", ""));
    expect_failure(inside("in"), out, 0, DM_ERROR_UNSUPPORTED, "\"add_prefix_space\": true");
    make_input(small_tokenizer(PLAIN ", \"use_regex\": false", ""));
    expect_failure(inside("in"), out, 0, DM_ERROR_UNSUPPORTED, "\"use_regex\": false");
    test_copy_file(test_data("tokenizer/bytes/tokenizer.json"), inside("in/tokenizer.json"));
    expect_failure(inside("in"), out, 0, DM_ERROR_MISMATCH,
                   "ids up to 255, but the model's vocabulary has 96");
    static const char *const flags[] = {"lstrip", "rstrip", "single_word"};
    for (size_t i = 0; i < 3; i++) {
        make_input(small_tokenizer(PLAIN, ADDED));
        char plain[32], set[32];
        snprintf(plain, sizeof plain, "\"%s\": false", flags[i]);
        snprintf(set, sizeof set, "\"%s\": true", flags[i]);
        test_replace(inside("in/tokenizer.json"), plain, set);
        expect_failure(inside("in"), out, 0, DM_ERROR_UNSUPPORTED, set);
        expect_failure(inside("in"), out, 0, DM_ERROR_UNSUPPORTED, "2, <|endoftext|>");
    }
    make_input("{");
    expect_failure(inside("in"), out, 0, DM_ERROR_FORMAT, "tokenizer.json");
    make_input(small_tokenizer(PLAIN, ""));
    test_write_file(inside("in/tokenizer_config.json"), "[", 1);
    expect_failure(inside("in"), out, 0, DM_ERROR_FORMAT, "tokenizer_config.json");
    (void)state;
}

/* What Mamba-2 can be that llama.cpp's cannot: it would compute something else, or nothing. */
static void refuses_what_llama_cpps_mamba2_lacks(void **state) {
    static const struct {
        const char *input, *part;
    } cases[] = {
        {"mamba2/mlp", "no place for an MLP beside the scan"},
        {"mamba2/channels", "no place for a norm before the gate"},
        {"mamba2/gate", "biases of in_proj and out_proj"},
        {"transformers/mamba2-groups", "biases of in_proj and out_proj"},
        {"transformers/mamba2-limits", "no place for limits of dt"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_failure(test_data(cases[i].input), inside("out.gguf"), 0, DM_ERROR_UNSUPPORTED,
                       cases[i].part);
}

static void warns_of_what_llama_cpp_does_without(void **state) {
    make_input(small_tokenizer(PLAIN, ADDED));
    test_hear_warnings();
    export(inside("in"), inside("out.gguf"), 0);
    assert_string_equal(test_warnings(), "");
    test_replace(inside("in/tokenizer.json"), "{", "{\"normalizer\": {\"type\": \"NFC\"}, ");
    test_write_text(inside("out.gguf.decimamba.json"), "{}");
    export(inside("in"), inside("out.gguf"), 0);
    assert_non_null(strstr(test_warnings(), "in/tokenizer.json: llama.cpp does not bring text to "
                                            "NFC"));
    assert_non_null(strstr(test_warnings(), "out.gguf.decimamba.json: left from an earlier"));
    (void)state;
}

/* As most tokenizers of Hugging Face say that they have no limit. */
static void reads_pythons_long_numbers(void **state) {
    make_input(small_tokenizer(PLAIN, ADDED));
    test_write_text(inside("in/tokenizer_config.json"),
                    "{\"model_max_length\": 1000000000000000019884624838656}");
    export(inside("in"), inside("out.gguf"), 0);
    (void)state;
}

static void refuses_another_width(void **state) {
    static const char shape[] = "{\"d_model\": 8, \"n_layer\": 1, \"vocab_size\": 8, "
                                "\"ssm_cfg\": {\"expand\": 3}}";
    dm_error error;
    test_write_text(inside("shape.json"), shape);
    assert_int_equal(dm_checkpoint_init(inside("shape.json"), inside("wide"), 0, 1, &error), DM_OK);
    expect_failure(inside("wide"), inside("out.gguf"), 0, DM_ERROR_UNSUPPORTED, "24 and 8");
    (void)state;
}

static void writes_nothing_it_cannot_finish(void **state) {
    char input[TEST_MAX_PATH];
    snprintf(input, sizeof input, "%s", test_data("golden/tiny-a"));
    expect_failure(test_data("golden"), inside("out"), 0, DM_ERROR_IO, "config.json");
    expect_failure(input, inside("missing/out"), 0, DM_ERROR_IO, "missing/out: cannot write");
    expect_failure(input, test_directory, 0, DM_ERROR_IO, "cannot write");
    for (size_t size = 0; size < 180000; size += 20001) {
        test_limit_file_size(size);
        expect_failure(input, inside("out"), DM_DTYPE_F32, DM_ERROR_IO, "cannot write");
        test_lift_file_size_limit();
    }
    (void)state;
}

static void survives_short_memory(void **state) {
    static const struct {
        const char *input;
        dm_dtype dtype;
        size_t least; /* allocations */
    } cases[] = {{"gguf/tokens", DM_DTYPE_AUTO, 30}, {"golden/tiny-a", DM_DTYPE_INT8, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char input[TEST_MAX_PATH];
        size_t live = dm_memory_live(), n = 1;
        bool head_failed = false;
        snprintf(input, sizeof input, "%s", test_data(cases[i].input));
        for (;; n++) {
            dm_error error = {0};
            test_hear_warnings();
            dm_memory_fail_at(n);
            dm_status status = dm_gguf_export(input, inside("out"), cases[i].dtype, &error);
            dm_memory_fail_at(0);
            assert_int_equal(dm_memory_live(), live);
            if (!status)
                break;
            assert_int_not_equal(error.status, DM_OK);
            assert_int_equal(test_count_entries(test_directory), 0);
            head_failed |= strstr(error.message, "the head of a GGUF file") != NULL;
        }
        assert_true(n > cases[i].least && head_failed);
        assert_int_equal(unlink(inside("out")), 0);
    }
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(writes_what_llama_cpp_does),
        TEST(holds_two_epsilons),
        TEST(keeps_the_stored_type),
        TEST(writes_blocks),
        TEST(names_all_that_llama_cpp_asks_for),
        TEST(names_every_token_to_stop_at),
        TEST(holds_the_chat_templates),
        TEST(names_ways_to_split),
        TEST(holds_pieces),
        TEST(refuses_what_llama_cpp_does_not_read),
        TEST(refuses_what_llama_cpps_mamba2_lacks),
        TEST(warns_of_what_llama_cpp_does_without),
        TEST(reads_pythons_long_numbers),
        TEST(refuses_another_width),
        TEST(writes_nothing_it_cannot_finish),
        TEST(survives_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
