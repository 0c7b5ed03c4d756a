/* A tokenizer.json: one that is accepted encodes any text, to ids that it decodes. */

#include "base/memory.h"
#include "decimamba.h"
#include "fuzz.h"
#include "text/utf8.h"

static const char text[] =
    "A caf\xc3\xa9, e\xcc\x81:  12 <s>naive</s>\n\t\xf0\x9f\xa6\x86 'll\0 ab ";

static void encode_and_decode(const dm_tokenizer *tokenizer) {
    int32_t *ids = NULL;
    size_t n_id = 0, n_byte = 0, vocab_size = dm_tokenizer_vocab_size(tokenizer);
    dm_error error = fuzz_error_new();
    MUST(dm_tokenizer_encode(tokenizer, text, sizeof text - 1, &ids, &n_id, &error) == DM_OK);
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
    dm_status status = dm_tokenizer_load(fuzz_file(data, size), &tokenizer, &error);
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
