/* The pass-key task on a token stream: a five-digit key hidden in a long text, asked for at its
 * end.
 *
 *     Find the pass key:\n<context>\nAnswer:<space>
 *
 * The context is a passage of a given text with the needle " The pass key is K. Remember it. K is
 * the pass key. " at a depth between 0 (its beginning) and 1 (its end). A prompt has exactly the
 * wanted number of tokens: bytes, for a byte-level model. */
#ifndef DECIMAMBA_EVALUATION_PASSKEY_H
#define DECIMAMBA_EVALUATION_PASSKEY_H

#include "token_text.h"

enum { passkey_key_length = 5 };

struct passkey_prompt {
    size_t length; /* tokens */
    double depth;
    size_t number; /* which of the keys at this length and depth */
    size_t start;  /* of the passage in the text */
    char key[passkey_key_length + 1];
};

struct passkey_source {
    const dm_tokenizer *tokenizer;
    struct token_text text;
    uint64_t seed;
};

/* Draws the key and the passage: they depend on the seed, length, depth and number alone, and on
 * how long the text is. DM_ERROR_ARGUMENT where the text or the length is too short. */
dm_status passkey_draw(const struct passkey_source *source, size_t length, double depth,
                       size_t number, struct passkey_prompt *prompt, dm_error *error);

/* Writes the prompt's tokens into ids[prompt->length], and where among them the needle is. */
struct passkey_needle {
    size_t first, n;
};
dm_status passkey_build(const struct passkey_source *source, const struct passkey_prompt *prompt,
                        int32_t *ids, struct passkey_needle *needle, dm_error *error);

/* The key's passkey_key_length tokens, allocated; DM_ERROR_UNSUPPORTED where the tokenizer does not
 * make one of each of its characters. */
dm_status passkey_encode_key(const struct passkey_source *source, const char *key, int32_t **ids,
                             dm_error *error);

#endif
