/* Texts as tokens, of which there may be more than memory should hold. */
#ifndef DECIMAMBA_EVALUATION_TOKEN_TEXT_H
#define DECIMAMBA_EVALUATION_TOKEN_TEXT_H

#include <string.h>

#include "decimamba.h"

/* Read from beginning to end, in pieces; `*ids` is valid until the next call; 0 ids: the end. */
struct token_stream {
    dm_status (*next)(void *user, const int32_t **ids, size_t *n_id, dm_error *error);
    void *user;
};

/* Random access, by any thread. */
struct token_text {
    size_t n_id;
    /* ids[first .. first + n) of the text, which has them. */
    dm_status (*read)(const void *user, size_t first, size_t n, int32_t *ids, dm_error *error);
    const void *user;
};

static inline dm_status token_text_copy(const void *user, size_t first, size_t n, int32_t *ids,
                                        dm_error *error) {
    (void)error;
    if (n)
        memcpy(ids, (const int32_t *)user + first, n * sizeof *ids);
    return DM_OK;
}

/* A text that is in memory. */
static inline struct token_text token_text_of(const int32_t *ids, size_t n_id) {
    return (struct token_text){n_id, token_text_copy, ids};
}

#endif
