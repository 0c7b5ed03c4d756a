/* Damaged and unusual tokenizer.json files: each fault gives its status and one line that names it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_writer.h"
#include "base/memory.h"
#include "decimamba.h"
#include "test_support.h"

/* The parts of a small file; NULL: as in `sound`. */
struct parts {
    const char *normalizer, *pre_tokenizer, *post_processor, *decoder, *added, *vocab, *merges,
        *options;     /* more keys of the model */
    const char *more; /* more keys of the file */
};

static const struct parts sound = {
    "null",      "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}",
    "null",      "{\"type\":\"ByteLevel\"}",
    "[]",        "{\"a\":0,\"b\":1,\"ab\":2,\"c\":3}",
    "[\"a b\"]", "",
    ""};

#define PICK(part) (parts->part ? parts->part : sound.part)
#define ADDED(id, content)                                                               \
    "{\"id\":" id ",\"content\":\"" content "\",\"single_word\":false,\"lstrip\":false," \
    "\"rstrip\":false,\"normalized\":true,\"special\":false}"

static char path[TEST_MAX_PATH];

static dm_status load_text(const char *text, size_t n_byte, dm_tokenizer **tokenizer,
                           dm_error *error) {
    assert_int_equal(dm_file_write(path, text, n_byte, NULL), DM_OK);
    return dm_tokenizer_load(path, tokenizer, error);
}

static dm_status load_parts(const struct parts *parts, dm_tokenizer **tokenizer, dm_error *error) {
    char text[4096];
    int n = snprintf(text, sizeof text,
                     "{\"normalizer\":%s,\"pre_tokenizer\":%s,\"post_processor\":%s,\"decoder\":%s,"
                     "\"added_tokens\":%s,\"model\":{\"type\":\"BPE\",\"vocab\":%s,\"merges\":%s%s}"
                     "%s}",
                     PICK(normalizer), PICK(pre_tokenizer), PICK(post_processor), PICK(decoder),
                     PICK(added), PICK(vocab), PICK(merges), PICK(options), PICK(more));
    assert_in_range(n, 1, sizeof text - 1);
    return load_text(text, (size_t)n, tokenizer, error);
}

static void check_fault(dm_status status, dm_status expected, const dm_error *error,
                        const char *words) {
    if (status != expected || error->status != expected || !strstr(error->message, words) ||
        strncmp(error->message, path, strlen(path)) != 0)
        fail_msg("wanted %d with \"%s\", got %d: %s", expected, words, status, error->message);
    assert_int_equal(dm_memory_live(), 0);
}

static void test_faults(void **state) {
    (void)state;
    static const struct {
        struct parts parts;
        dm_status status;
        const char *words;
    } faults[] = {
        {{.vocab = "[]"}, DM_ERROR_FORMAT, "\"model.vocab\" must be an object"},
        {{.merges = "7"}, DM_ERROR_FORMAT, "\"model.merges\" must be an array"},
        {{.added = "{}"}, DM_ERROR_FORMAT, "\"added_tokens\" must be an array"},
        {{.vocab = "{\"a\":0,\"b\":0,\"ab\":2}"}, DM_ERROR_FORMAT, "two tokens have the id 0"},
        {{.vocab = "{\"a\":0,\"a\":1}"}, DM_ERROR_FORMAT, "duplicate"},
        {{.vocab = "{\"a\":-1}"}, DM_ERROR_FORMAT, "whole number from 0"},
        {{.vocab = "{\"a\":1.5}"}, DM_ERROR_FORMAT, "whole number from 0"},
        {{.vocab = "{\"a\":\"0\"}"}, DM_ERROR_FORMAT, "model.vocab: an id"},
        {{.vocab = "{\"a\":1048576}"}, DM_ERROR_FORMAT, "that of \"a\""},
        {{.vocab = "{\"a\":99999999999999999999}"},
         DM_ERROR_FORMAT,
         "an id must be a whole number"},
        {{.merges = "[\"a x\"]"}, DM_ERROR_FORMAT, "merges[0]: its second half is not in the voc"},
        {{.merges = "[\"a b\",\"x b\"]"}, DM_ERROR_FORMAT, "merges[1]: its first half is not"},
        {{.merges = "[\"a c\"]"}, DM_ERROR_FORMAT, "what it makes is not in the vocabulary: ac"},
        {{.merges = "[\"ab\"]"}, DM_ERROR_FORMAT, "model.merges[0]: must be"},
        {{.merges = "[\"a b c\"]"}, DM_ERROR_FORMAT, "model.merges[0]: must be"},
        {{.merges = "[[\"a\"]]"}, DM_ERROR_FORMAT, "model.merges[0]: must be"},
        {{.merges = "[[\"a\",1]]"}, DM_ERROR_FORMAT, "model.merges[0]: must be"},
        {{.merges = "[{\"a\":\"b\"}]"}, DM_ERROR_FORMAT, "model.merges[0]: must be"},
        {{.merges = "[null]"}, DM_ERROR_FORMAT, "model.merges[0]: must be"},
        {{.added = "[3]"}, DM_ERROR_FORMAT, "added_tokens[0]: \"content\" must be"},
        {{.added = "[" ADDED("4", "") "]"},
         DM_ERROR_FORMAT,
         "added_tokens[0]: \"content\" must be"},
        {{.added = "[" ADDED("null", "x") "]"}, DM_ERROR_FORMAT, "added_tokens: an id"},
        {{.added = "[" ADDED("9", "x") "]"}, DM_ERROR_FORMAT, "the id is 9, but must be 4"},
        {{.added = "[" ADDED("4", "a") "]"}, DM_ERROR_FORMAT, "the id is 4, but must be 0"},
        {{.added = "[" ADDED("4", "x") "," ADDED("4", "y") "]"}, DM_ERROR_FORMAT, "must be 5"},
        {{.added = "[" ADDED("4", "x") "," ADDED("4", "x") "]"}, DM_ERROR_FORMAT, "there twice"},
        {{.added = "[" ADDED("4", "\u212b") "," ADDED("5", "\u00c5") "]",
          .normalizer = "{\"type\":\"NFC\"}"},
         DM_ERROR_FORMAT,
         "added_tokens[1] is the same as another in NFC"},
        {{.vocab = "{\"a\":0,\"b\":2}", .merges = "[]", .added = "[" ADDED("2", "x") "]"},
         DM_ERROR_FORMAT,
         "two tokens have the id 2"},
        {{.added = "[{\"id\":4,\"content\":\"x\",\"single_word\":false,\"rstrip\":false}]"},
         DM_ERROR_FORMAT,
         "added_tokens[0]: \"lstrip\" must be true or false"},
        {{.options = ",\"dropout\":0.1"}, DM_ERROR_UNSUPPORTED, "\"model.dropout\""},
        {{.options = ",\"byte_fallback\":1"}, DM_ERROR_FORMAT, "\"byte_fallback\""},
        {{.options = ",\"ignore_merges\":1"}, DM_ERROR_FORMAT, "\"ignore_merges\""},
        {{.options = ",\"unk_token\":\"x\""}, DM_ERROR_FORMAT, "\"model.unk_token\""},
        {{.options = ",\"unk_token\":1"}, DM_ERROR_FORMAT, "\"unk_token\""},
        {{.options = ",\"end_of_word_suffix\":\"</w>\""}, DM_ERROR_UNSUPPORTED, "end_of_word"},
        {{.options = ",\"continuing_subword_prefix\":\"##\""}, DM_ERROR_UNSUPPORTED, "subword"},
        {{.normalizer = "{\"type\":\"NFD\"}"}, DM_ERROR_UNSUPPORTED, "\"normalizer\""},
        {{.normalizer = "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"}]}"},
         DM_ERROR_UNSUPPORTED,
         "\"normalizer\""},
        {{.normalizer = "{\"type\":\"Sequence\"}"}, DM_ERROR_UNSUPPORTED, "\"normalizer\""},
        {{.pre_tokenizer = "null"}, DM_ERROR_UNSUPPORTED, "\"pre_tokenizer\""},
        {{.pre_tokenizer = "{\"type\":\"Whitespace\"}"}, DM_ERROR_UNSUPPORTED, "\"pre_tokenizer\""},
        {{.pre_tokenizer = "{\"type\":\"ByteLevel\",\"use_regex\":\"no\"}"},
         DM_ERROR_FORMAT,
         "\"use_regex\""},
        {{.decoder = "null"}, DM_ERROR_UNSUPPORTED, "\"decoder\""},
        {{.decoder = "{\"type\":\"Metaspace\"}"}, DM_ERROR_UNSUPPORTED, "\"decoder\""},
        {{.post_processor = "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{}},"
                            "{\"Sequence\":{}}]}"},
         DM_ERROR_UNSUPPORTED,
         "no \"ids\" for"},
        {{.normalizer = "{\"type\":\"NFKC\"}"},
         DM_ERROR_UNSUPPORTED,
         "\"normalizer\" is not supported as \"NFKC\""},
        {{.normalizer = "{\"type\":\"Lowercase\"}"},
         DM_ERROR_UNSUPPORTED,
         "\"normalizer\" is not supported as \"Lowercase\""},
        {{.normalizer = "{\"type\":\"StripAccents\"}"},
         DM_ERROR_UNSUPPORTED,
         "\"normalizer\" is not supported as \"StripAccents\""},
        {{.normalizer = "{\"type\":\"Precompiled\"}"},
         DM_ERROR_UNSUPPORTED,
         "\"normalizer\" is not supported as \"Precompiled\""},
        {{.normalizer = "{\"type\":\"BertNormalizer\"}"},
         DM_ERROR_UNSUPPORTED,
         "\"normalizer\" is not supported as \"BertNormalizer\""},
        {{.normalizer = "{\"type\":\"Prepend\"}"}, DM_ERROR_UNSUPPORTED, "without a \"prepend\""},
        {{.normalizer = "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a\"},\"content\":\"b\"}"},
         DM_ERROR_UNSUPPORTED,
         "no \"String\""},
        {{.normalizer = "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"b\"}"},
         DM_ERROR_UNSUPPORTED,
         "no \"String\""},
        {{.normalizer = "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"}}"},
         DM_ERROR_UNSUPPORTED,
         "without a \"content\""},
        {{.normalizer = "{\"type\":\"Replace\",\"pattern\":{\"String\":\"x\"},\"content\":\"\"}",
          .added = "[" ADDED("4", "x") "]"},
         DM_ERROR_UNSUPPORTED,
         "nothing is left of \"x\""},
        {{.pre_tokenizer = "{\"type\":\"BertPreTokenizer\"}"},
         DM_ERROR_UNSUPPORTED,
         "not supported as \"BertPreTokenizer\""},
        {{.pre_tokenizer = "{\"type\":\"CharDelimiterSplit\"}"},
         DM_ERROR_UNSUPPORTED,
         "not supported as \"CharDelimiterSplit\""},
        {{.pre_tokenizer = "{\"type\":\"UnicodeScripts\"}"},
         DM_ERROR_UNSUPPORTED,
         "not supported as \"UnicodeScripts\""},
        {{.pre_tokenizer = "{\"type\":\"WhitespaceSplit\"}"},
         DM_ERROR_UNSUPPORTED,
         "not supported as \"WhitespaceSplit\""},
        {{.pre_tokenizer = "{\"type\":\"Sequence\"}"},
         DM_ERROR_UNSUPPORTED,
         "without a list of parts"},
        {{.pre_tokenizer = "{\"type\":\"Split\"}"}, DM_ERROR_UNSUPPORTED, "without a \"pattern\""},
        {{.pre_tokenizer = "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?<=a)b\"}}"},
         DM_ERROR_UNSUPPORTED,
         "\"(?<\" in a pattern"},
        {{.pre_tokenizer = "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a*\"}}"},
         DM_ERROR_UNSUPPORTED,
         "can match nothing"},
        {{.pre_tokenizer =
              "{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},\"behavior\":\"Odd\"}"},
         DM_ERROR_UNSUPPORTED,
         "this \"behavior\""},
        {{.pre_tokenizer = "{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},\"invert\":1}"},
         DM_ERROR_FORMAT,
         "\"invert\""},
        {{.pre_tokenizer = "{\"type\":\"Digits\",\"individual_digits\":1}"},
         DM_ERROR_FORMAT,
         "\"individual_digits\""},
        {{.pre_tokenizer = "{\"type\":\"Metaspace\"}"},
         DM_ERROR_UNSUPPORTED,
         "without a \"replacement\""},
        {{.pre_tokenizer =
              "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"odd\"}"},
         DM_ERROR_UNSUPPORTED,
         "this \"prepend_scheme\""},
        {{.pre_tokenizer =
              "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"},{\"type\":"
              "\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{"
              "\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":"
              "\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{"
              "\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":"
              "\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{"
              "\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":"
              "\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{"
              "\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":\"Digits\"},{\"type\":"
              "\"Digits\"},{\"type\":\"Digits\"}]}"},
         DM_ERROR_UNSUPPORTED,
         "more than 32 parts"},
        {{.decoder = "{\"type\":\"WordPiece\"}"},
         DM_ERROR_UNSUPPORTED,
         "\"decoder\" is not supported as \"WordPiece\""},
        {{.decoder = "{\"type\":\"BPEDecoder\"}"},
         DM_ERROR_UNSUPPORTED,
         "\"decoder\" is not supported as \"BPEDecoder\""},
        {{.decoder = "{\"type\":\"CTC\"}"},
         DM_ERROR_UNSUPPORTED,
         "\"decoder\" is not supported as \"CTC\""},
        {{.decoder = "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":"
                     "\"ByteFallback\"}]}"},
         DM_ERROR_UNSUPPORTED,
         "\"ByteFallback\" after"},
        {{.decoder = "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteLevel\"},{\"type\":"
                     "\"ByteLevel\"}]}"},
         DM_ERROR_UNSUPPORTED,
         "\"ByteLevel\" after"},
        {{.decoder = "{\"type\":\"Strip\",\"content\":\" \",\"start\":-1,\"stop\":0}"},
         DM_ERROR_FORMAT,
         "\"start\""},
        {{.decoder = "{\"type\":\"Strip\",\"start\":1,\"stop\":0}"},
         DM_ERROR_UNSUPPORTED,
         "without a \"content\""},
        {{.decoder = "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a\"},\"content\":\"\"}"},
         DM_ERROR_UNSUPPORTED,
         "no \"String\""},
        {{.post_processor = "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{"
                            "\"id\":\"a\"}}],\"special_tokens\":{\"a\":{\"ids\":[0]}}}"},
         DM_ERROR_UNSUPPORTED,
         "does not hold one text"},
        {{.post_processor = "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":"
                            "\"A\"}},{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{}}"},
         DM_ERROR_UNSUPPORTED,
         "does not hold one text"},
        {{.post_processor =
              "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"a\"}},{"
              "\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"a\":{\"ids\":[9]}}}"},
         DM_ERROR_FORMAT,
         "no token has the id of \"a\""},
        {{.post_processor =
              "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"a\"}},{"
              "\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"a\":{\"ids\":[]}}}"},
         DM_ERROR_UNSUPPORTED,
         "no \"ids\" for"},
        {{.post_processor = "{\"type\":\"RobertaProcessing\"}"},
         DM_ERROR_UNSUPPORTED,
         "\"post_processor\" is not supported as \"Roberta"},
        {{.post_processor = "{\"type\":\"BertProcessing\"}"}, DM_ERROR_UNSUPPORTED, "\"post_proc"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        dm_tokenizer *tokenizer = NULL;
        dm_error error = {0};
        dm_status status = load_parts(&faults[i].parts, &tokenizer, &error);
        check_fault(status, faults[i].status, &error, faults[i].words);
        assert_null(tokenizer);
    }
}

static void test_not_a_tokenizer(void **state) {
    (void)state;
    static const struct {
        const char *text;
        dm_status status;
        const char *words;
    } files[] = {
        {"", DM_ERROR_FORMAT, "JSON"},
        {"{\"model\":", DM_ERROR_FORMAT, "JSON"},
        {"[]", DM_ERROR_FORMAT, "not a JSON object"},
        {"\"text\"", DM_ERROR_FORMAT, "not a JSON object"},
        {"{}", DM_ERROR_UNSUPPORTED, "\"decoder\""},
        {"{\"decoder\":{\"type\":\"ByteLevel\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}",
         DM_ERROR_FORMAT, "\"model\" must be an object"},
        {"{\"decoder\":{\"type\":\"ByteLevel\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\"},"
         "\"model\":{\"type\":\"Unigram\"}}",
         DM_ERROR_UNSUPPORTED, "\"model.type\""},
        {"{\"decoder\":{\"type\":\"ByteLevel\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\"},"
         "\"model\":{\"type\":\"BPE\"}}",
         DM_ERROR_FORMAT, "\"model.vocab\""},
        {"{\"a\":\"\xff\"}", DM_ERROR_FORMAT, "JSON"},
    };
    dm_tokenizer *tokenizer = NULL;
    dm_error error;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        error = (dm_error){0};
        dm_status status = load_text(files[i].text, strlen(files[i].text), &tokenizer, &error);
        check_fault(status, files[i].status, &error, files[i].words);
    }
    enum { depth = 100000 };
    char *deep = dm_memory_array(depth, 1);
    memset(deep, '[', depth);
    dm_status status = load_text(deep, depth, &tokenizer, &error);
    dm_memory_free(deep);
    check_fault(status, DM_ERROR_FORMAT, &error, "JSON");
    assert_null(tokenizer);
    assert_int_equal(dm_tokenizer_load("/nonexistent", &tokenizer, &error), DM_ERROR_IO);
    assert_int_equal(remove(path), 0);
    assert_int_equal(dm_tokenizer_load(test_directory, &tokenizer, &error), DM_ERROR_IO);
    assert_non_null(strstr(error.message, path));
}

static void test_sound_variants(void **state) {
    (void)state;
    static const char two[] = "{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"bc\":4}";
    const struct {
        const char *text;
        struct parts parts;
        size_t n_id;
        int32_t ids[4];
    } variants[] = {
        {"abcab", {0}, 3, {2, 3, 2}},
        {"abcab", {.merges = "[[\"a\",\"b\"]]"}, 3, {2, 3, 2}},
        {"abab", {.merges = "[]"}, 4, {0, 1, 0, 1}},
        /* Bytes that the vocabulary lacks are lost, and their neighbours meet. */
        {"azbz", {0}, 1, {2}},
        /* A pair named twice has its last rank. */
        {"abc", {.vocab = two, .merges = "[\"a b\",\"b c\"]"}, 2, {3, 2}},
        {"abc", {.vocab = two, .merges = "[\"a b\",\"b c\",\"a b\"]"}, 2, {0, 4}},
        {"ab",
         {.options = ",\"dropout\":0.0,\"unk_token\":null,\"fuse_unk\":false,"
                     "\"ignore_merges\":false,\"end_of_word_suffix\":\"\""},
         1,
         {2}},
        {"ab",
         {.post_processor = "{\"type\":\"TemplateProcessing\",\"single\":"
                            "[{\"Sequence\":{\"id\":\"A\"}}]}"},
         1,
         {2}},
        {"xab", {.added = "[" ADDED("4", "x") "]"}, 2, {4, 2}},
        /* What the vocabulary lacks is the unknown token, alone or fused; bytes where they are there. */
        {"azzb", {.options = ",\"unk_token\":\"c\""}, 4, {0, 3, 3, 1}},
        {"azzb", {.options = ",\"unk_token\":\"c\",\"fuse_unk\":true"}, 3, {0, 3, 1}},
        {"azb",
         {.vocab = "{\"a\":0,\"b\":1,\"<0x7A>\":2}",
          .merges = "[]",
          .options = ",\"byte_fallback\":true"},
         3,
         {0, 2, 1}},
        /* A word of the vocabulary before its merges. */
        {"abc", {.vocab = "{\"a\":0,\"b\":1,\"ab\":2,\"c\":3,\"abc\":4}"}, 2, {2, 3}},
        {"abc",
         {.vocab = "{\"a\":0,\"b\":1,\"ab\":2,\"c\":3,\"abc\":4}",
          .options = ",\"ignore_merges\":true"},
         1,
         {4}},
        /* The text's own ids: what the template puts around them is asked for. */
        {"ab",
         {.post_processor =
              "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{"
              "\"id\":\"c\"}},{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"c\":"
              "{\"id\":\"c\",\"ids\":[3]}}}"},
         1,
         {2}},
        {"ab", {.more = ",\"truncation\":null,\"padding\":null,\"other\":1"}, 1, {2}},
        /* Of a batch, and off where transformers encodes a text. */
        {"cba",
         {.more = ",\"truncation\":{\"direction\":\"Right\",\"max_length\":2,\"stride\":0,"
                  "\"strategy\":\"LongestFirst\"},\"padding\":{\"strategy\":{\"Fixed\":8},"
                  "\"direction\":\"Left\",\"pad_id\":0,\"pad_token\":\"a\"}"},
         3,
         {3, 1, 0}},
    };
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        dm_tokenizer *tokenizer;
        int32_t *ids;
        size_t n_id;
        dm_error error;
        if (load_parts(&variants[i].parts, &tokenizer, &error))
            fail_msg("%s", error.message);
        assert_int_equal(dm_tokenizer_encode(tokenizer, variants[i].text, strlen(variants[i].text),
                                             &ids, &n_id, &error),
                         DM_OK);
        assert_int_equal(n_id, variants[i].n_id);
        assert_memory_equal(ids, variants[i].ids, n_id * sizeof *ids);
        dm_memory_free(ids);
        dm_tokenizer_free(tokenizer);
    }
}

/* The token that ends a text, by the files beside tokenizer.json; NULL: there is none. */
static int32_t find_end(const char *config, const char *map, const char *added) {
    const char *names[] = {"tokenizer_config.json", "special_tokens_map.json"};
    const char *texts[] = {config, map};
    const struct parts parts = {.added = added};
    dm_tokenizer *tokenizer;
    dm_error error;
    for (size_t i = 0; i < 2; i++)
        if (texts[i])
            test_write_text(test_join(test_directory, names[i]), texts[i]);
    if (load_parts(&parts, &tokenizer, &error))
        fail_msg("%s", error.message);
    int32_t end = dm_tokenizer_end(tokenizer);
    dm_tokenizer_free(tokenizer);
    assert_int_equal(dm_tokenizer_load(test_directory, &tokenizer, &error), DM_OK);
    assert_int_equal(dm_tokenizer_end(tokenizer), end); /* by the folder too */
    dm_tokenizer_free(tokenizer);
    for (size_t i = 0; i < 2; i++)
        if (texts[i])
            assert_int_equal(unlink(test_join(test_directory, names[i])), 0);
    return end;
}

static void test_end(void **state) {
    (void)state;
    const char *usual = "[" ADDED("4", "<|endoftext|>") "," ADDED("5", "<|im_end|>") "]";
    const char *own = "{\"eos_token\":\"<|im_end|>\"}";
    assert_int_equal(dm_tokenizer_end(NULL), -1);
    assert_int_equal(find_end(NULL, NULL, NULL), -1);
    assert_int_equal(find_end(NULL, NULL, usual), 4);
    assert_int_equal(find_end(own, NULL, usual), 5);
    assert_int_equal(find_end(NULL, own, usual), 5);
    /* AutoTokenizer of transformers 5.24 gives these two */
    assert_int_equal(find_end("{\"eos_token\":\"c\"}", own, usual), 5);
    assert_int_equal(find_end("{\"eos_token\":\"c\",\"added_tokens_decoder\":{}}", own, usual), 3);
    assert_int_equal(find_end("{\"pad_token\":\"a\"}", own, usual), 5);
    assert_int_equal(find_end("{\"eos_token\":{\"content\":\"c\",\"lstrip\":true}}", NULL, usual),
                     3);
    assert_int_equal(find_end("{\"eos_token\":null}", NULL, usual), 4);
    assert_int_equal(find_end("{\"eos_token\":\"</s>\"}", NULL, usual), 4); /* none such */
    assert_int_equal(find_end("{\"eos_token\":\"</s>\"}", NULL, NULL), -1);
    dm_tokenizer *tokenizer;
    dm_error error;
    static const char *const broken[][2] = {
        {"{\"eos_token\":", "tokenizer_config.json:1: not valid JSON"},
        {"[]", "tokenizer_config.json: not a JSON object"}};
    for (size_t i = 0; i < 2; i++) {
        test_write_text(test_join(test_directory, "tokenizer_config.json"), broken[i][0]);
        load_parts(&sound, &tokenizer, &error);
        test_expect_error(&error, DM_ERROR_FORMAT, broken[i][1]);
        assert_int_equal(dm_memory_live(), 0);
    }
    assert_int_equal(unlink(test_join(test_directory, "tokenizer_config.json")), 0);
}

/* Ids without a token are inside the vocabulary, and decode to nothing. */
static void test_holes(void **state) {
    (void)state;
    dm_tokenizer *tokenizer;
    char *text;
    size_t n_byte;
    const struct parts parts = {.vocab = "{\"a\":5,\"b\":9}", .merges = "[]"};
    assert_int_equal(load_parts(&parts, &tokenizer, NULL), DM_OK);
    assert_int_equal(dm_tokenizer_vocab_size(tokenizer), 10);
    assert_int_equal(
        dm_tokenizer_decode(tokenizer, (int32_t[]){0, 9, 7, 5}, 4, 1, &text, &n_byte, NULL), DM_OK);
    assert_string_equal(text, "ba");
    dm_memory_free(text);
    dm_tokenizer_free(tokenizer);
}

/* A vocabulary with no entry at all loads, and gives no ids. */
static void test_empty_vocabulary(void **state) {
    (void)state;
    dm_tokenizer *tokenizer;
    int32_t *ids;
    size_t n_id;
    const struct parts parts = {.vocab = "{}", .merges = "[]"};
    assert_int_equal(load_parts(&parts, &tokenizer, NULL), DM_OK);
    assert_int_equal(dm_tokenizer_vocab_size(tokenizer), 0);
    assert_int_equal(dm_tokenizer_encode(tokenizer, "abc", 3, &ids, &n_id, NULL), DM_OK);
    assert_int_equal(n_id, 0);
    dm_memory_free(ids);
    dm_tokenizer_free(tokenizer);
}

static int set_up(void **state) {
    test_set_up(state);
    snprintf(path, sizeof path, "%s", test_join(test_directory, "tokenizer.json"));
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),           cmocka_unit_test(test_not_a_tokenizer),
        cmocka_unit_test(test_sound_variants),   cmocka_unit_test(test_holes),
        cmocka_unit_test(test_empty_vocabulary), cmocka_unit_test(test_end),
    };
    return cmocka_run_group_tests(tests, set_up, test_tear_down);
}
