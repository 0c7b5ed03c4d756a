/* A tokenizer.json, or, behind a byte that is no JSON's, a SentencePiece model: one that is accepted
 * encodes any text, in pieces too, to ids that it decodes, or says that a pattern takes too long. */
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "decimamba.h"
#include "fuzz.h"

static const char text[] =
    "A caf\xc3\xa9, e\xcc\x81:  12 <s>naive</s>\n\t\xf0\x9f\xa6\x86 'll\0 ab ";

/* The same ids, in pieces of 1 to 7 bytes. */
static void check_pieces(const dm_tokenizer *tokenizer, const int32_t *whole, size_t n_whole) {
    dm_encoder *encoder;
    const int32_t *ids;
    size_t n_id, n_seen = 0, done = 0, n = 1;
    dm_error error = fuzz_error_new();
    MUST(!dm_encoder_new(tokenizer, &encoder, &error));
    for (bool last = false; !last; n = n % 7 + 1) {
        last = done == sizeof text - 1;
        n = n < sizeof text - 1 - done ? n : sizeof text - 1 - done;
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

static void encode_and_decode(const dm_tokenizer *tokenizer) {
    int32_t *ids = NULL;
    size_t n_id = 0, n_byte = 0, vocab_size = dm_tokenizer_vocab_size(tokenizer);
    dm_error error = fuzz_error_new();
    dm_status status = dm_tokenizer_encode(tokenizer, text, sizeof text - 1, &ids, &n_id, &error);
    fuzz_check_error(status, &error);
    if (status == DM_ERROR_UNSUPPORTED)
        return;
    MUST(status == DM_OK);
    check_pieces(tokenizer, ids, n_id);
    for (size_t i = 0; i < n_id; i++)
        MUST(ids[i] >= 0 && (size_t)ids[i] < vocab_size);
    for (int keep_special = 0; keep_special < 2; keep_special++) {
        char *decoded = NULL;
        MUST(!dm_tokenizer_decode(tokenizer, ids, n_id, keep_special, &decoded, &n_byte, &error));
        MUST(decoded[n_byte] == '\0' && dm_utf8_valid_prefix(decoded, n_byte) == n_byte);
        dm_free(decoded);
    }
    dm_free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t live = dm_memory_live();
    dm_tokenizer *tokenizer = NULL;
    dm_error error = fuzz_error_new();
    char path[FUZZ_MAX_PATH];
    bool is_model = size && data[0] == 0xff;
    if (is_model)
        fuzz_write("tokenizer.model", data + 1, size - 1, path);
    dm_status status =
        dm_tokenizer_load(is_model ? path : fuzz_file(data, size), &tokenizer, &error);
    fuzz_check_error(status, &error);
    MUST(!tokenizer == !!status);
    if (!status) {
        encode_and_decode(tokenizer);
        MUST(dm_tokenizer_find(tokenizer, "no such token") < (int32_t)(1 << 20));
        dm_tokenizer_free(tokenizer);
    }
    MUST(dm_memory_live() == live);
    return 0;
}
