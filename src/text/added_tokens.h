/* Finding added tokens in text: at the leftmost place where one begins, the longest one. */
#ifndef DM_TEXT_ADDED_TOKENS_H
#define DM_TEXT_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dm_added_token {
    size_t n_byte; /* of its content, > 0 */
    int32_t id;
    bool single_word; /* not beside a character of a word */
    bool lstrip;      /* takes the white space before it */
    bool rstrip;      /* takes the white space after it */
};

struct dm_added_node {
    uint32_t child, sibling; /* 0: none */
    int32_t token;           /* that ends here, or -1 */
    unsigned char byte;
};

/* A tree of the tokens' bytes. Immutable once filled. */
struct dm_added_tokens {
    struct dm_added_token *tokens;
    struct dm_added_node *nodes; /* nodes[0] is the root */
    size_t n_token, n_node;
    uint32_t first[256]; /* the root's children */
    bool any_lstrip;
};

/* For at most `n_token` tokens of `n_byte` (< 2^32) bytes in all; false when memory is short. */
bool dm_added_tokens_open(struct dm_added_tokens *added, size_t n_token, size_t n_byte);
void dm_added_tokens_close(struct dm_added_tokens *added); /* a zeroed struct is fine */
/* Adds a token; false when there is one with this content. */
bool dm_added_tokens_put(struct dm_added_tokens *added, const char *content,
                         struct dm_added_token token);

/* A walk through valid UTF-8 text, token by token. As in Hugging Face `tokenizers`, stripping does
 * not move the search, so that white space taken by one token may be found again as the next: then
 * `begin` is before the last `end`. */
struct dm_added_scan {
    const char *text;
    size_t n_byte;
    bool open;         /* more text may follow */
    size_t begin, end; /* of the token found; before the first: 0 */
    int32_t id;
    size_t search;                 /* where to look next */
    size_t space_begin, space_end; /* the white space that rstrip saw last */
};

/* The next token, from a scan that starts with `text`, `n_byte` and `open`; false when there is none,
 * or none that what follows an open text could not change: then `search` is where one may begin, and
 * the scan goes on once `n_byte` has grown. */
bool dm_added_scan_next(struct dm_added_scan *scan, const struct dm_added_tokens *added);
/* After that: the end of the text that no later token takes white space from. */
size_t dm_added_scan_settled(const struct dm_added_scan *scan, const struct dm_added_tokens *added);
/* Forgets the first `n_byte` of the text, all before `search`. They are not all that is before it:
 * one character there says whether a token is beside a word. */
void dm_added_scan_drop(struct dm_added_scan *scan, size_t n_byte);

#endif
