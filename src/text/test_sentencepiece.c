/* Damaged and unusual SentencePiece models: each fault gives its status and one line that names it. What sound ones
 * do is in tests/data/tokenizer/kinds (test_kinds.c). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "decimamba.h"
#include "test_support.h"

/* ---- Writing models ---- */

struct message {
    unsigned char bytes[8192];
    size_t n_byte;
};

static void put_varint(struct message *message, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        message->bytes[message->n_byte++] = (unsigned char)(value | 0x80);
    message->bytes[message->n_byte++] = (unsigned char)value;
}

static void put_number(struct message *message, unsigned field, uint64_t value) {
    put_varint(message, field << 3);
    put_varint(message, value);
}

static void put_bytes(struct message *message, unsigned field, const void *bytes, size_t n_byte) {
    put_varint(message, field << 3 | 2);
    put_varint(message, n_byte);
    memcpy(message->bytes + message->n_byte, bytes, n_byte);
    message->n_byte += n_byte;
}

static void put_piece(struct message *model, const char *text, float score, unsigned type) {
    struct message piece = {.n_byte = 0};
    put_bytes(&piece, 1, text, strlen(text));
    put_varint(&piece, 2 << 3 | 5);
    memcpy(piece.bytes + piece.n_byte, &score, sizeof score);
    piece.n_byte += sizeof score;
    put_number(&piece, 3, type);
    put_bytes(model, 1, piece.bytes, piece.n_byte);
}

enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER = 4, UNUSED = 5, BYTE = 6 };

/* <unk> 0, <s> 1, </s> 2, a 3, b 4, ab 5, _ 6: all but what a test adds. */
static void begin_model(struct message *model) {
    model->n_byte = 0;
    put_piece(model, "<unk>", 0, UNKNOWN);
    put_piece(model, "<s>", 0, CONTROL);
    put_piece(model, "</s>", 0, CONTROL);
    put_piece(model, "a", -5, NORMAL);
    put_piece(model, "b", -6, NORMAL);
    put_piece(model, "ab", -1, NORMAL);
    put_piece(model, "\xe2\x96\x81", -7, NORMAL);
}

static void put_settings(struct message *model, unsigned kind, unsigned trainer_field,
                         unsigned normalizer_field, uint64_t value) {
    struct message part = {.n_byte = 0};
    put_number(&part, 3, kind);
    if (trainer_field)
        put_number(&part, trainer_field, value);
    put_bytes(model, 2, part.bytes, part.n_byte);
    part.n_byte = 0;
    if (normalizer_field != 4)
        put_number(&part, 4, 0); /* extra white space stays */
    if (normalizer_field)
        put_number(&part, normalizer_field, value);
    put_bytes(model, 3, part.bytes, part.n_byte);
}

static const char *model_path(void) {
    return test_join(test_directory, "tokenizer.model");
}

static void expect(const struct message *model, dm_status status, const char *words) {
    dm_tokenizer *tokenizer = NULL;
    dm_error error = {0};
    test_write_file(model_path(), model->bytes, model->n_byte);
    dm_status found = dm_tokenizer_load(model_path(), &tokenizer, &error);
    if (found != status || !strstr(error.message, words) ||
        strncmp(error.message, model_path(), strlen(model_path())) != 0)
        fail_msg("wanted %d with \"%s\", got %d: %s", status, words, found, error.message);
    assert_null(tokenizer);
    assert_int_equal(dm_memory_live(), 0);
}

static void test_settings(void **state) {
    static const struct {
        unsigned kind, trainer_field, normalizer_field;
        uint64_t value;
        const char *words;
    } refused[] = {
        {1, 0, 0, 0, "of the kind Unigram"},       {3, 0, 0, 0, "of the kind Word"},
        {4, 0, 0, 0, "of the kind Char"},          {9, 0, 0, 0, "of no kind"},
        {2, 24, 0, 1, "white space as a suffix"},  {2, 35, 0, 1, "byte fallback that lacks a byte"},
        {2, 0, 4, 1, "removes extra white space"},
    };
    struct message model;
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        begin_model(&model);
        put_settings(&model, refused[i].kind, refused[i].trainer_field, refused[i].normalizer_field,
                     refused[i].value);
        expect(&model, DM_ERROR_UNSUPPORTED, refused[i].words);
    }
    begin_model(&model); /* unless it is said, a model is of the kind Unigram */
    expect(&model, DM_ERROR_UNSUPPORTED, "of the kind Unigram");
    for (unsigned part = 3; part <= 5; part += 2) { /* normalizer and denormalizer */
        struct message rules = {.n_byte = 0};
        put_bytes(&rules, 2, "rules", 5);
        begin_model(&model);
        put_settings(&model, 2, 0, 0, 0);
        put_bytes(&model, part, rules.bytes, rules.n_byte);
        expect(&model, DM_ERROR_UNSUPPORTED, "rules to normalize");
    }
}

static void test_pieces(void **state) {
    static const struct {
        const char *text;
        float score;
        unsigned type;
        dm_status status;
        const char *words;
    } faults[] = {
        {"a", 0, NORMAL, DM_ERROR_FORMAT, "piece 7 is there twice"},
        {"", 0, NORMAL, DM_ERROR_FORMAT, "piece 7 has no text"},
        {"\xff", 0, NORMAL, DM_ERROR_FORMAT, "piece 7 is not UTF-8"},
        {"ba", NAN, NORMAL, DM_ERROR_FORMAT, "piece 7 has the score NaN"},
        {"bb", 0, UNUSED, DM_ERROR_UNSUPPORTED, "piece 7 is of the type Unused"},
        {"bb", 0, 7, DM_ERROR_UNSUPPORTED, "piece 7 is of a type that is not known"},
        {"bb", 0, UNKNOWN, DM_ERROR_FORMAT, "piece 7 is of the type Unknown, as another"},
        {"bc", 0, NORMAL, DM_ERROR_UNSUPPORTED, "piece 7 has a character that is no piece"},
    };
    struct message model;
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        begin_model(&model);
        put_piece(&model, faults[i].text, faults[i].score, faults[i].type);
        put_settings(&model, 2, 0, 0, 0);
        expect(&model, faults[i].status, faults[i].words);
    }
    model.n_byte = 0;
    put_settings(&model, 2, 0, 0, 0);
    expect(&model, DM_ERROR_FORMAT, "has no pieces");
    put_piece(&model, "a", 0, NORMAL);
    expect(&model, DM_ERROR_UNSUPPORTED, "without a piece for the unknown");
}

/* Cut anywhere, a model is no model, or one of fewer pieces. */
static void test_cut(void **state) {
    struct message model;
    dm_tokenizer *tokenizer;
    dm_error error;
    (void)state;
    begin_model(&model);
    put_settings(&model, 2, 0, 0, 0);
    for (size_t n = 0; n < model.n_byte; n++) {
        test_write_file(model_path(), model.bytes, n);
        assert_true(dm_tokenizer_load(model_path(), &tokenizer, &error) != DM_OK);
        assert_int_equal(dm_memory_live(), 0);
    }
}

/* The folder will do; tokenizer.json goes first; tokenizer_config.json says what goes around a text. */
static void test_folder(void **state) {
    static const struct {
        const char *settings;
        int32_t before, after, end; /* -1: none */
    } cases[] = {
        {NULL, 1, -1, 2},
        {"{\"add_bos_token\":false}", -1, -1, 2},
        {"{\"add_eos_token\":true}", 1, 2, 2},
        {"{\"eos_token\":\"<s>\"}", 1, -1, 1},
    };
    struct message model;
    dm_tokenizer *tokenizer;
    dm_error error;
    (void)state;
    begin_model(&model);
    put_settings(&model, 2, 0, 0, 0);
    test_write_file(model_path(), model.bytes, model.n_byte);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int32_t *before, *after;
        size_t n_before, n_after, n_id;
        int32_t *ids;
        if (cases[i].settings)
            test_write_text(test_join(test_directory, "tokenizer_config.json"), cases[i].settings);
        assert_int_equal(dm_tokenizer_load(test_directory, &tokenizer, &error), DM_OK);
        dm_tokenizer_template(tokenizer, &before, &n_before, &after, &n_after);
        assert_int_equal(n_before, cases[i].before >= 0);
        assert_int_equal(n_after, cases[i].after >= 0);
        assert_true(!n_before || before[0] == cases[i].before);
        assert_true(!n_after || after[0] == cases[i].after);
        assert_int_equal(dm_tokenizer_end(tokenizer), cases[i].end);
        assert_int_equal(dm_tokenizer_encode(tokenizer, "ab a", 4, &ids, &n_id, &error), DM_OK);
        assert_int_equal(n_id, 4);
        assert_memory_equal(ids, ((int32_t[]){6, 5, 6, 3}), 4 * sizeof *ids);
        dm_free(ids);
        dm_tokenizer_free(tokenizer);
    }
    test_copy_file(test_data("tokenizer/bytes/tokenizer.json"),
                   test_join(test_directory, "tokenizer.json"));
    assert_int_equal(dm_tokenizer_load(test_directory, &tokenizer, &error), DM_OK);
    assert_int_equal(dm_tokenizer_vocab_size(tokenizer), 256);
    dm_tokenizer_free(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_folder),
    };
    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}
