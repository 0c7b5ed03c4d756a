#include "text/added_tokens.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "text/unicode.h"

bool dm_added_tokens_open(struct dm_added_tokens *added, size_t n_token, size_t n_byte) {
    *added = (struct dm_added_tokens){0};
    added->tokens = dm_memory_array(n_token, sizeof *added->tokens);
    added->nodes = dm_memory_array(n_byte + 1, sizeof *added->nodes);
    if (!added->tokens || !added->nodes) {
        dm_added_tokens_close(added);
        return false;
    }
    added->n_node = 1;
    return true;
}

void dm_added_tokens_close(struct dm_added_tokens *added) {
    dm_memory_free(added->tokens);
    dm_memory_free(added->nodes);
    *added = (struct dm_added_tokens){0};
}

/* Of `node` and its siblings, the one with `byte`; 0: none. */
static uint32_t sibling(const struct dm_added_tokens *added, uint32_t node, unsigned char byte) {
    while (node && added->nodes[node].byte != byte)
        node = added->nodes[node].sibling;
    return node;
}

bool dm_added_tokens_put(struct dm_added_tokens *added, const char *content,
                         struct dm_added_token token) {
    uint32_t node = 0;
    for (size_t i = 0; i < token.n_byte; i++) {
        unsigned char byte = (unsigned char)content[i];
        uint32_t *link = i ? &added->nodes[node].child : &added->first[byte];
        node = sibling(added, *link, byte);
        if (node)
            continue;
        node = (uint32_t)added->n_node++;
        added->nodes[node] = (struct dm_added_node){.sibling = *link, .token = -1, .byte = byte};
        *link = node;
    }
    if (added->nodes[node].token >= 0)
        return false;
    added->nodes[node].token = (int32_t)added->n_token;
    added->tokens[added->n_token++] = token;
    added->any_lstrip = added->any_lstrip || token.lstrip;
    return true;
}

/* The longest token at text[0 .. n_byte), or NULL; `*cut`: a longer text could hold a longer one. */
static const struct dm_added_token *longest(const struct dm_added_tokens *added, const char *text,
                                            size_t n_byte, bool *cut) {
    const struct dm_added_token *found = NULL;
    uint32_t node = added->first[(unsigned char)text[0]];
    *cut = false;
    for (size_t i = 1; node; i++) {
        if (added->nodes[node].token >= 0)
            found = &added->tokens[added->nodes[node].token];
        uint32_t child = added->nodes[node].child;
        *cut = child && i == n_byte;
        node = i < n_byte ? sibling(added, child, (unsigned char)text[i]) : 0;
    }
    return found;
}

static bool touches_word(const char *text, size_t n_byte, size_t begin, size_t end) {
    size_t length;
    return (begin > 0 && dm_unicode_is_word(dm_utf8_decode(
                             text + begin - dm_utf8_length_before(text, begin), &length))) ||
           (end < n_byte && dm_unicode_is_word(dm_utf8_decode(text + end, &length)));
}

/* Where the white space that ends at `end` begins, not before `floor`. */
static size_t strip_left(const char *text, size_t floor, size_t end) {
    while (end > floor) {
        size_t length, start = end - dm_utf8_length_before(text, end);
        if (!dm_unicode_is_space(dm_utf8_decode(text + start, &length)))
            break;
        end = start;
    }
    return end;
}

/* Where the white space that begins at `begin` ends. Tokens that are themselves white space ask
 * this again and again of the same run, which is walked once. */
static size_t strip_right(struct dm_added_scan *scan, size_t begin) {
    if (begin >= scan->space_begin && begin < scan->space_end)
        return scan->space_end;
    size_t length, end = begin;
    while (end < scan->n_byte && dm_unicode_is_space(dm_utf8_decode(scan->text + end, &length)))
        end += length;
    scan->space_begin = begin;
    scan->space_end = end;
    return end;
}

bool dm_added_scan_next(struct dm_added_scan *scan, const struct dm_added_tokens *added) {
    while (scan->search < scan->n_byte) {
        bool cut;
        size_t begin = scan->search;
        const struct dm_added_token *token =
            longest(added, scan->text + begin, scan->n_byte - begin, &cut);
        if (cut && scan->open)
            return false;
        if (!token) {
            scan->search++;
            continue;
        }
        size_t end = begin + token->n_byte, stripped = token->rstrip ? strip_right(scan, end) : end;
        if (scan->open && stripped == scan->n_byte && (token->single_word || token->rstrip))
            return false;
        scan->search = end;
        if (token->single_word && touches_word(scan->text, scan->n_byte, begin, end))
            continue;
        if (token->lstrip)
            begin = begin > scan->end ? strip_left(scan->text, scan->end, begin) : scan->end;
        if (begin >= stripped)
            continue; /* all of it is white space that the token before has taken */
        scan->begin = begin;
        scan->end = stripped;
        scan->id = token->id;
        return true;
    }
    return false;
}

size_t dm_added_scan_settled(const struct dm_added_scan *scan,
                             const struct dm_added_tokens *added) {
    return scan->open && added->any_lstrip && scan->search > scan->end
               ? strip_left(scan->text, scan->end, scan->search)
               : scan->search;
}

void dm_added_scan_drop(struct dm_added_scan *scan, size_t n_byte) {
    scan->search -= n_byte;
    scan->end -= scan->end < n_byte ? scan->end : n_byte;
    scan->space_begin = scan->space_end = 0; /* it may go on */
}
