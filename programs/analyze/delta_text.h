/* Tokens as text that can be shown: pieces of whole characters, without control characters. */
#ifndef DECIMAMBA_ANALYZE_DELTA_TEXT_H
#define DECIMAMBA_ANALYZE_DELTA_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "decimamba.h"

/* One token, or those between which a character is split. */
struct delta_piece {
    size_t token, n_token; /* the first; how many */
    size_t at, n_byte;     /* in the text */
};

struct delta_text {
    char *bytes; /* UTF-8; control characters but newline and tab stand as pictures (U+2400...) */
    struct delta_piece *pieces; /* [n_piece]; each token is in one */
    size_t n_piece;
};

/* Of ids[0 .. n_id), special tokens included. A fault prints its line; the text can be freed either
 * way. */
bool delta_text_make(const dm_tokenizer *tokenizer, const int32_t *ids, size_t n_id,
                     struct delta_text *text);
void delta_text_free(struct delta_text *text);

#endif
