/* Text through the tokenizer of GPT-NeoX, at once and in pieces, and back; and the same bytes as a
 * sequence of ids. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "decimamba.h"
#include "fuzz.h"
#include "text/normalize.h"
#include "text/unicode.h"

static const dm_tokenizer *tokenizer;

/* Valid UTF-8, as utf8proc sees it? `*wall`: a character in it is normalized otherwise there. */
static bool is_valid(const uint8_t *data, size_t size, bool *wall) {
    utf8proc_ssize_t length;
    for (size_t i = 0; i < size; i += (size_t)length) {
        utf8proc_int32_t code_point;
        length = utf8proc_iterate(data + i, (utf8proc_ssize_t)(size - i), &code_point);
        if (length <= 0)
            return false;
        *wall = *wall || dm_unicode_is_wall((uint32_t)code_point);
    }
    return true;
}

/* ---- What a text should come back as ---- */

struct expected {
    char *bytes;
    size_t n_byte;
    struct dm_normalizer normalizer;
    bool wall;
};

static void expect_normal(struct expected *expected, const char *text, size_t n_byte) {
    const char *normal;
    size_t n_normal;
    MUST(dm_normalize_nfc(&expected->normalizer, text, n_byte, &normal, &n_normal));
    if (!expected->wall) {
        utf8proc_uint8_t *other = NULL;
        utf8proc_ssize_t n_other =
            utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n_byte, &other,
                         (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
        MUST(n_other >= 0 && (size_t)n_other == n_normal);
        MUST(n_normal == 0 || memcmp(other, normal, n_normal) == 0);
        free(other);
    }
    if (n_normal)
        memcpy(expected->bytes + expected->n_byte, normal, n_normal);
    expected->n_byte += n_normal;
}

/* The length of the special token at the start of the text, or 0. */
static size_t special_at(const char *text, size_t n_byte) {
    static const char *const special[] = {"<|endoftext|>", "<|padding|>"};
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(special[i]);
        if (n_byte >= length && memcmp(text, special[i], length) == 0)
            return length;
    }
    return 0;
}

/* NFC between the special tokens, which are found in the text as it comes. */
static void expect(struct expected *expected, const char *text, size_t n_byte) {
    expected->bytes = malloc(3 * n_byte + 1); /* NFC makes UTF-8 at most three times as long */
    MUST(expected->bytes);
    size_t done = 0;
    for (size_t i = 0; i < n_byte; i++) {
        size_t length = special_at(text + i, n_byte - i);
        if (!length)
            continue;
        expect_normal(expected, text + done, i - done);
        memcpy(expected->bytes + expected->n_byte, text + i, length);
        expected->n_byte += length;
        done = i + length;
        i = done - 1;
    }
    expect_normal(expected, text + done, n_byte - done);
    dm_normalizer_close(&expected->normalizer);
}

/* ---- Decoding ---- */

/* Decoding id by id gives whole characters, and in all what decoding at once gives: that, and its
 * length, is returned. */
static char *decode(const int32_t *ids, size_t n_id, int keep_special, size_t *n_byte) {
    char *whole = NULL;
    const char *part;
    size_t n_part, n_streamed = 0;
    bool wall = false;
    dm_decoder *decoder;
    dm_error error = fuzz_error_new();
    MUST(!dm_tokenizer_decode(tokenizer, ids, n_id, keep_special, &whole, n_byte, &error));
    MUST(!dm_decoder_new(tokenizer, keep_special, &decoder, &error));
    for (size_t i = 0; i <= n_id; i++) {
        if (i < n_id)
            MUST(!dm_decoder_push(decoder, ids[i], &part, &n_part, &error));
        else
            MUST(!dm_decoder_finish(decoder, &part, &n_part, &error));
        MUST(is_valid((const uint8_t *)part, n_part, &wall));
        MUST(n_part <= *n_byte - n_streamed);
        MUST(n_part == 0 || memcmp(whole + n_streamed, part, n_part) == 0);
        n_streamed += n_part;
    }
    MUST(n_streamed == *n_byte && whole[n_streamed] == '\0');
    dm_decoder_free(decoder);
    return whole;
}

/* ---- Encoding in pieces ---- */

/* The same ids, in pieces whose lengths the text's own bytes say. */
static void check_pieces(const char *text, size_t n_byte, const int32_t *whole, size_t n_whole) {
    dm_encoder *encoder;
    const int32_t *ids;
    size_t n_id, n_seen = 0, done = 0;
    dm_error error = fuzz_error_new();
    MUST(!dm_encoder_new(tokenizer, &encoder, &error));
    for (bool last = false; !last;) {
        last = done == n_byte;
        size_t n = last ? 0 : 1 + (unsigned char)text[n_byte - 1 - done] % 7;
        n = n < n_byte - done ? n : n_byte - done;
        if (last)
            MUST(!dm_encoder_finish(encoder, &ids, &n_id, &error));
        else
            MUST(!dm_encoder_push(encoder, text + done, n, &ids, &n_id, &error));
        MUST(n_id <= n_whole - n_seen);
        MUST(n_id == 0 || memcmp(whole + n_seen, ids, n_id * sizeof *ids) == 0);
        n_seen += n_id;
        done += n;
    }
    MUST(n_seen == n_whole);
    dm_encoder_free(encoder);
}

static void check_text(const char *text, size_t n_byte, bool wall) {
    struct expected expected = {.wall = wall};
    int32_t *ids = NULL;
    size_t n_id = 0, n_decoded = 0;
    dm_error error = fuzz_error_new();
    MUST(dm_tokenizer_encode(tokenizer, text, n_byte, &ids, &n_id, &error) == DM_OK);
    check_pieces(text, n_byte, ids, n_id);
    char *decoded = decode(ids, n_id, 1, &n_decoded);
    expect(&expected, text, n_byte);
    MUST(n_decoded == expected.n_byte && memcmp(decoded, expected.bytes, n_decoded) == 0);
    free(expected.bytes);
    dm_free(decoded);
    dm_free(ids);
}

static void check_refused(const char *text, size_t n_byte) {
    int32_t *ids = NULL;
    const int32_t *settled = NULL;
    size_t n_id;
    dm_encoder *encoder;
    dm_error error = fuzz_error_new(), other = fuzz_error_new();
    dm_status status = dm_tokenizer_encode(tokenizer, text, n_byte, &ids, &n_id, &error);
    MUST(status == DM_ERROR_FORMAT && !ids);
    fuzz_check_error(status, &error);
    MUST(!dm_encoder_new(tokenizer, &encoder, &other));
    status = DM_OK;
    for (size_t i = 0; i <= n_byte && !status; i++)
        status = i < n_byte ? dm_encoder_push(encoder, text + i, 1, &settled, &n_id, &other)
                            : dm_encoder_finish(encoder, &settled, &n_id, &other);
    MUST(status == DM_ERROR_FORMAT && strcmp(error.message, other.message) == 0);
    dm_encoder_free(encoder);
}

/* Any sequence of ids decodes to valid text: two bytes make an id. */
static void check_ids(const uint8_t *data, size_t size) {
    size_t n_id = size / 2, n_byte, vocab_size = dm_tokenizer_vocab_size(tokenizer);
    int32_t *ids = malloc(n_id * sizeof *ids + !n_id);
    bool wall = false;
    MUST(ids);
    for (size_t i = 0; i < n_id; i++)
        ids[i] = (int32_t)((data[2 * i] + 256U * data[2 * i + 1]) % vocab_size);
    char *text = decode(ids, n_id, 0, &n_byte);
    MUST(is_valid((const uint8_t *)text, n_byte, &wall));
    dm_free(text);
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool wall = false;
    tokenizer = fuzz_tokenizer("neox");
    size_t live = dm_memory_live();
    if (is_valid(data, size, &wall))
        check_text((const char *)data, size, wall);
    else
        check_refused((const char *)data, size);
    check_ids(data, size);
    MUST(dm_memory_live() == live);
    return 0;
}
