#include "text/test_tokenizer_cases.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mapped_file.h"
#include "base/memory.h"
#include "test_support.h"

dm_tokenizer *tokenizer_cases_load(const char *path) {
    dm_error error = {0};
    dm_tokenizer *tokenizer = NULL;
    if (dm_tokenizer_load(path, &tokenizer, &error))
        fail_msg("%s", error.message);
    return tokenizer;
}

static void check_ids(const dm_tokenizer *tokenizer, const json_t *text, const int32_t *expected,
                      size_t n_expected) {
    int32_t *ids;
    size_t n_id;
    dm_error error;
    if (dm_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), &ids,
                            &n_id, &error))
        fail_msg("%s", error.message);
    if (n_id != n_expected || memcmp(ids, expected, n_id * sizeof *ids) != 0)
        fail_msg("other ids for: %s", json_string_value(text));
    dm_memory_free(ids);
}

static void check_text(const dm_tokenizer *tokenizer, const int32_t *ids, size_t n_id, int keep,
                       const json_t *expected) {
    char *text;
    size_t n_byte, n_streamed = 0;
    assert_int_equal(dm_tokenizer_decode(tokenizer, ids, n_id, keep, &text, &n_byte, NULL), DM_OK);
    assert_int_equal(n_byte, json_string_length(expected));
    assert_memory_equal(text, json_string_value(expected), n_byte + 1);

    dm_decoder *decoder;
    assert_int_equal(dm_decoder_new(tokenizer, keep, &decoder, NULL), DM_OK);
    for (size_t i = 0; i <= n_id; i++) {
        const char *part;
        size_t n_part;
        assert_int_equal(i < n_id ? dm_decoder_push(decoder, ids[i], &part, &n_part, NULL)
                                  : dm_decoder_finish(decoder, &part, &n_part, NULL),
                         DM_OK);
        assert_true(n_streamed + n_part <= n_byte);
        assert_memory_equal(text + n_streamed, part, n_part);
        assert_int_equal(part[n_part], '\0');
        n_streamed += n_part;
        assert_true(((unsigned char)text[n_streamed] & 0xc0) != 0x80); /* a whole character */
    }
    assert_int_equal(n_streamed, n_byte);
    dm_decoder_free(decoder);
    dm_memory_free(text);
}

static void check_list(const json_t *expected, const int32_t *ids, size_t n_id) {
    assert_int_equal(n_id, json_array_size(expected));
    for (size_t i = 0; i < n_id; i++)
        assert_int_equal(ids[i], json_integer_value(json_array_get(expected, i)));
}

/* What the template puts around a text. */
static void check_template(const dm_tokenizer *tokenizer, const json_t *expected) {
    const int32_t *before, *after;
    size_t n_before, n_after;
    dm_tokenizer_template(tokenizer, &before, &n_before, &after, &n_after);
    check_list(json_object_get(expected, "before"), before, n_before);
    check_list(json_object_get(expected, "after"), after, n_after);
}

static void check_case(const dm_tokenizer *tokenizer, const json_t *expected) {
    const json_t *text = json_object_get(expected, "text"), *ids = json_object_get(expected, "ids");
    const json_t *keep = json_object_get(expected, "keep"),
                 *skip = json_object_get(expected, "skip");
    size_t n_id = json_array_size(ids);
    int32_t *values = dm_memory_array(n_id, sizeof *values);
    for (size_t i = 0; i < n_id; i++)
        values[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    if (text)
        check_ids(tokenizer, text, values, n_id);
    if (!json_is_null(keep))
        check_text(tokenizer, values, n_id, 1, keep ? keep : text);
    check_text(tokenizer, values, n_id, 0, skip ? skip : text);
    dm_memory_free(values);
}

size_t tokenizer_cases_check(const char *directory, tokenizer_cases_text check) {
    return tokenizer_cases_check_with(directory, directory, check);
}

size_t tokenizer_cases_check_with(const char *tokenizer_path, const char *directory,
                                  tokenizer_cases_text check) {
    struct dm_mapped_file file;
    struct dm_random random;
    dm_tokenizer *tokenizer = tokenizer_cases_load(tokenizer_path);
    dm_encoder *encoder;
    const char *path = test_join(directory, "expected.jsonl");
    dm_random_seed(&random, 7);
    assert_int_equal(dm_encoder_new(tokenizer, &encoder, NULL), DM_OK);
    assert_int_equal(dm_mapped_file_open(&file, path, NULL), DM_OK);
    size_t n_text = 0;
    const char *line = (const char *)file.bytes, *end = line + file.n_byte, *newline;
    for (; line < end; line = newline + 1) {
        json_t *expected;
        dm_error error;
        newline = memchr(line, '\n', (size_t)(end - line));
        if (dm_json_parse(line, (size_t)(newline - line), path, &expected, &error))
            fail_msg("%s", error.message);
        const json_t *text = json_object_get(expected, "text");
        n_text += text != NULL;
        if (json_object_get(expected, "before"))
            check_template(tokenizer, expected);
        else if (!check)
            check_case(tokenizer, expected);
        else if (text)
            check(tokenizer, encoder, json_string_value(text), json_string_length(text), &random);
        json_decref(expected);
    }
    dm_mapped_file_close(&file);
    dm_encoder_free(encoder);
    dm_tokenizer_free(tokenizer);
    assert_int_equal(dm_memory_live(), 0);
    return n_text;
}

/* ---- Cutting ---- */

struct whole {
    const char *text;
    size_t n_byte;
    int32_t *ids;
    size_t n_id;
};

static void fail_text(const struct whole *whole, const char *what) {
    char shown[1200];
    size_t n = 0;
    for (size_t i = 0; i < whole->n_byte && n < sizeof shown - 8; i++)
        n += (size_t)snprintf(shown + n, sizeof shown - n, "\\x%02x",
                              (unsigned)(unsigned char)whole->text[i]);
    fail_msg("%s: %s", what, shown);
}

/* `*n_seen` ids have come before. */
static void expect_next(const struct whole *whole, const int32_t *ids, size_t n_id,
                        size_t *n_seen) {
    if (n_id > whole->n_id - *n_seen ||
        (n_id && memcmp(whole->ids + *n_seen, ids, n_id * sizeof *ids) != 0))
        fail_text(whole, "other ids than those of the whole");
    *n_seen += n_id;
}

/* Pieces that end at each place that `ends` says, and at the end. */
static void check_cuts(dm_encoder *encoder, const struct whole *whole, const size_t *ends,
                       size_t n_end) {
    const int32_t *ids;
    size_t n_id, n_seen = 0, begin = 0;
    for (size_t i = 0; i <= n_end; i++) {
        size_t end = i < n_end ? ends[i] : whole->n_byte;
        char *piece = malloc(end - begin + 1); /* of its own, so that nothing reads beyond it */
        memcpy(piece, whole->text + begin, end - begin);
        assert_int_equal(dm_encoder_push(encoder, piece, end - begin, &ids, &n_id, NULL), DM_OK);
        free(piece);
        expect_next(whole, ids, n_id, &n_seen);
        begin = end;
    }
    assert_int_equal(dm_encoder_finish(encoder, &ids, &n_id, NULL), DM_OK);
    expect_next(whole, ids, n_id, &n_seen);
    if (n_seen != whole->n_id)
        fail_text(whole, "fewer ids than those of the whole");
}

static void check_two_pieces(dm_encoder *encoder, const struct whole *whole) {
    for (size_t end = 0; end <= whole->n_byte; end++)
        check_cuts(encoder, whole, &end, 1);
}

static void check_bytes(dm_encoder *encoder, const struct whole *whole) {
    size_t *ends = malloc((whole->n_byte + 1) * sizeof *ends);
    for (size_t i = 0; i < whole->n_byte; i++)
        ends[i] = i;
    check_cuts(encoder, whole, ends, whole->n_byte);
    free(ends);
}

static void check_random(dm_encoder *encoder, const struct whole *whole, struct dm_random *random) {
    size_t *ends = malloc((whole->n_byte + 1) * sizeof *ends), n = 0;
    size_t most = 1 + dm_random_below(random, 16);
    for (size_t end = 0; end < whole->n_byte; end += dm_random_below(random, most + 1) + !n)
        if (n < whole->n_byte)
            ends[n++] = end;
        else
            break;
    check_cuts(encoder, whole, ends, n);
    free(ends);
}

/* Every way to cut a text of at most 11 bytes. */
static void check_all_cuts(dm_encoder *encoder, const struct whole *whole) {
    for (size_t cuts = 0; whole->n_byte && cuts >> (whole->n_byte - 1) == 0; cuts++) {
        size_t ends[16], n = 0;
        for (size_t i = 0; i + 1 < whole->n_byte; i++)
            if (cuts >> i & 1)
                ends[n++] = i + 1;
        check_cuts(encoder, whole, ends, n);
    }
}

void check_cut_text(const dm_tokenizer *tokenizer, dm_encoder *encoder, const char *text,
                    size_t n_byte, struct dm_random *random) {
    struct whole whole = {text, n_byte, NULL, 0};
    assert_int_equal(dm_tokenizer_encode(tokenizer, text, n_byte, &whole.ids, &whole.n_id, NULL),
                     DM_OK);
    if (n_byte <= 11)
        check_all_cuts(encoder, &whole);
    check_two_pieces(encoder, &whole);
    check_bytes(encoder, &whole);
    for (int i = 0; i < 4; i++)
        check_random(encoder, &whole, random);
    dm_free(whole.ids);
}
