#include "sentences.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/grow.h"
#include "base/status.h"
#include "letters.h"
#include "metrics/code_points.h"

/* A text as characters: place i is that of character i. */
struct characters {
    int32_t *code; /* [n] */
    size_t *at;    /* [n + 1] byte of the text */
    size_t n;
};

static dm_status decode(const char *text, size_t n_byte, struct characters *characters,
                        dm_error *error) {
    size_t byte = 0, n = 0;
    while (byte < n_byte) {
        utf8proc_int32_t code;
        size_t left = n_byte - byte; /* a character has at most four bytes */
        utf8proc_ssize_t n_used = utf8proc_iterate((const utf8proc_uint8_t *)text + byte,
                                                   left < 4 ? (utf8proc_ssize_t)left : 4, &code);
        if (n_used <= 0) {
            return dm_fail(error, DM_ERROR_FORMAT, "byte %zu is not UTF-8", byte);
        }
        characters->code[n] = code;
        characters->at[n++] = byte;
        byte += (size_t)n_used;
    }
    characters->at[n] = n_byte;
    characters->n = n;
    return DM_OK;
}

/* The sentences' [begin, end), as places. */
struct spans {
    struct text_span *items;
    size_t n, capacity;
};

static bool add_span(struct spans *spans, size_t begin, size_t end) {
    struct text_span *items = dm_grow(spans->items, spans->n, 1, &spans->capacity, sizeof *items);
    if (!items)
        return false;
    spans->items = items;
    spans->items[spans->n++] = (struct text_span){begin, end};
    return true;
}

static bool is_ascii_space(int32_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_one_of(int32_t c, const char *ascii) {
    return c > 0 && c < 0x80 && strchr(ascii, c);
}

/* Curly quotes and guillemets. */
static bool is_typographic_quote(int32_t c) {
    return c == 0x2018 || c == 0x2019 || c == 0x201C || c == 0x201D || c == 0xAB || c == 0xBB;
}

/* May close a sentence after its end. */
static bool is_closing(int32_t c) {
    return is_one_of(c, "\"')]}") || is_typographic_quote(c);
}

/* No word goes on through these. */
static bool ends_words(int32_t c) {
    return is_one_of(c, ")\";}]*:@'({[!?") || is_typographic_quote(c);
}

static bool begins_words(int32_t c) {
    return !is_one_of(c, "(\"`{[:;&#*@)}]-,");
}

/* "--", "..", or ". . .", each with more of the same: one token, and no part of a word. Says
 * whether one begins at `i`; nothing counts from `end` on. */
static bool is_run(const int32_t *code, size_t i, size_t end) {
    if (i + 1 >= end || (code[i] != '-' && code[i] != '.'))
        return false;
    if (code[i + 1] == code[i])
        return true;
    return code[i] == '.' && i + 4 < end && code_point_is_space(code[i + 1]) &&
           code[i + 1] != '\n' && code[i + 2] == '.' && code_point_is_space(code[i + 3]) &&
           code[i + 3] != '\n' && code[i + 4] == '.';
}

static size_t run_end(const int32_t *code, size_t i, size_t end) {
    int32_t mark = code[i];
    if (code[i + 1] == mark) {
        while (i < end && code[i] == mark)
            i++;
        return i;
    }
    while (i + 2 < end && code_point_is_space(code[i + 1]) && code[i + 1] != '\n' &&
           code[i + 2] == mark)
        i += 2;
    return i + 1;
}

/* Whether a word that has reached `i` ends there, leaving commas aside. */
static bool is_word_end(const int32_t *code, size_t i, size_t end) {
    return i == end || code_point_is_space(code[i]) || ends_words(code[i]) || is_run(code, i, end);
}

/* Where the token that begins at `i` ends: a run, a word with the full stop at its end, or a single
 * mark. */
static size_t token_end(const int32_t *code, size_t i, size_t end) {
    if (is_run(code, i, end))
        return run_end(code, i, end);
    if (!begins_words(code[i]))
        return i + 1;
    i++;
    while (!is_word_end(code, i, end) && !(code[i] == ',' && is_word_end(code, i + 1, end)))
        i++;
    return i;
}

static size_t skip_space(const int32_t *code, size_t i, size_t end) {
    while (i < end && code_point_is_space(code[i]))
        i++;
    return i;
}

static bool is_initial(const int32_t *token, size_t n) {
    return n == 2 && token[1] == '.' && letter_is_any(token[0]);
}

/* Digits with stops, commas and hyphens between, such as "3.5." or ".5.". */
static bool is_number(const int32_t *token, size_t n) {
    size_t first = token[0] == '.';
    if (first == n || !code_point_is_digit(token[first]))
        return false;
    for (size_t i = first + 1; i < n; i++)
        if (!code_point_is_digit(token[i]) && !is_one_of(token[i], ".,-"))
            return false;
    return true;
}

/* Whether a token ends a sentence, given the next token. */
static bool is_end(const int32_t *token, size_t n, const int32_t *next, size_t n_next) {
    if (n == 1 && (token[0] == '!' || token[0] == '?'))
        return true;
    if (token[n - 1] != '.' || (n > 1 && token[n - 2] == '.'))
        return false;
    bool initial = is_initial(token, n);
    if (!initial && !is_number(token, n))
        return true;
    return !(n_next == 1 && is_one_of(next[0], ";:,.!?")) && !letter_is_lower(next[0]) &&
           !(initial && letter_is_upper(next[0]));
}

/* Whether a sentence ends within [i, end), with something of the next behind it. */
static bool has_end(const int32_t *code, size_t i, size_t end) {
    size_t last = skip_space(code, i, end);
    if (last == end)
        return false;
    for (size_t last_end = token_end(code, last, end);;) {
        size_t next = skip_space(code, last_end, end);
        if (next == end)
            return false;
        size_t next_end = token_end(code, next, end);
        if (is_end(code + last, last_end - last, code + next, next_end - next))
            return true;
        last = next;
        last_end = next_end;
    }
}

/* A mark that may end a sentence, with what is looked at to decide: [begin, end), from the
 * beginning of its word to the end of what follows. */
struct candidate {
    size_t begin, mark, end;
    size_t next; /* where the next sentence would begin */
};

/* Fills all but `begin`; false where the mark at `i` cannot end a sentence. */
static bool look_behind_mark(const struct characters *characters, size_t i,
                             struct candidate *candidate) {
    const int32_t *code = characters->code;
    size_t n = characters->n, next = i + 1;
    candidate->mark = i;
    if (next < n && ends_words(code[next])) {
        candidate->next = next;
        candidate->end = next + 1;
        return true;
    }
    candidate->next = skip_space(code, next, n);
    if (candidate->next == next || candidate->next == n)
        return false;
    candidate->end = candidate->next;
    while (candidate->end < n && !code_point_is_space(code[candidate->end]))
        candidate->end++;
    return true;
}

/* Ends the sentence that began at `*begin` if the candidate does. */
static bool try_candidate(const struct characters *characters, const struct candidate *candidate,
                          size_t *begin, struct spans *spans) {
    if (!has_end(characters->code, candidate->begin, candidate->end))
        return true;
    if (!add_span(spans, *begin, candidate->mark + 1))
        return false;
    *begin = candidate->next;
    return true;
}

/* The sentences as their ends say, quotes and brackets behind an end not yet moved over to it. Of
 * several candidates without white space between them, as in "!!!", only the last is tried, with
 * the word before the first. False: memory is short. */
static bool find_ends(const struct characters *characters, struct spans *spans) {
    const int32_t *code = characters->code;
    struct candidate last = {0}, candidate;
    bool has_last = false;
    size_t begin = 0, word = 0; /* behind the last white space */
    for (size_t i = 0; i < characters->n; i++) {
        /* white space at the very beginning counts as part of the word */
        if (is_ascii_space(code[i]) && i > 0)
            word = i + 1;
        if (!is_one_of(code[i], ".?!") || !look_behind_mark(characters, i, &candidate))
            continue;
        candidate.begin = word > last.mark ? word : last.begin;
        if (has_last && last.mark <= candidate.begin &&
            !try_candidate(characters, &last, &begin, spans))
            return false;
        last = candidate;
        has_last = true;
    }
    if (has_last && !try_candidate(characters, &last, &begin, spans))
        return false;
    size_t end = characters->n;
    while (end && code_point_is_space(code[end - 1]))
        end--;
    return add_span(spans, begin, end);
}

/* Closing quotes and brackets at the beginning of a span, where white space, "--" or the span's end
 * follows them, go to the span before; then empty spans go. */
static void move_closing_marks(const struct characters *characters, struct spans *spans) {
    const int32_t *code = characters->code;
    size_t n = 0, begin = spans->items[0].begin;
    for (size_t s = 0; s < spans->n; s++) {
        size_t end = spans->items[s].end, next_begin = 0;
        if (s + 1 < spans->n) {
            const struct text_span *next = &spans->items[s + 1];
            next_begin = next->begin;
            size_t i = next->begin;
            while (i < next->end && is_closing(code[i]))
                i++;
            bool alone = i >= next->end || code_point_is_space(code[i]) ||
                         (i + 1 < next->end && code[i] == '-' && code[i + 1] == '-');
            if (i > next->begin && alone) {
                end = i;
                next_begin = skip_space(code, i, next->end);
            }
        }
        if (begin < end)
            spans->items[n++] = (struct text_span){begin, end};
        begin = next_begin;
    }
    spans->n = n;
}

static dm_status split(const struct characters *characters, struct spans *spans, dm_error *error) {
    if (!find_ends(characters, spans))
        return dm_fail_memory(error, "the sentences");
    move_closing_marks(characters, spans);
    for (size_t s = 0; s < spans->n; s++)
        spans->items[s] = (struct text_span){characters->at[spans->items[s].begin],
                                             characters->at[spans->items[s].end]};
    return DM_OK;
}

dm_status sentences_split(const char *text, size_t n_byte, struct text_span **spans, size_t *n_span,
                          dm_error *error) {
    struct characters characters = {0};
    struct spans found = {0};
    if (n_byte >= SIZE_MAX / sizeof *characters.at)
        return dm_fail_memory(error, "the sentences");
    characters.code = malloc((n_byte + 1) * sizeof *characters.code);
    characters.at = malloc((n_byte + 1) * sizeof *characters.at);
    dm_status status = characters.code && characters.at ? decode(text, n_byte, &characters, error)
                                                        : dm_fail_memory(error, "the sentences");
    if (!status)
        status = split(&characters, &found, error);
    free(characters.code);
    free(characters.at);
    if (status || !found.n) {
        free(found.items);
        found = (struct spans){0};
    }
    *spans = found.items;
    *n_span = found.n;
    return status;
}
