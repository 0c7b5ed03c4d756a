/* Strings of chat templates as Python's str has them: UTF-8 here, positions count characters. Every
 * json_t is new; NULL: memory is short. */
#ifndef DM_CHAT_STRINGS_H
#define DM_CHAT_STRINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* `before` and the value of a literal whose inside is text[0 .. n_byte). */
json_t *dm_string_literal(const json_t *before, const char *text, size_t n_byte);
json_t *dm_string_add(const json_t *a, const json_t *b);
/* Characters of a string. */
size_t dm_string_length(const json_t *string);
/* The characters [from, end), step 1. */
json_t *dm_string_part(const json_t *string, size_t from, size_t end);
/* str.strip: without white space, or (`set` not NULL) the characters of `set`, at either end. */
json_t *dm_string_strip(const json_t *string, const json_t *set, bool left, bool right);
/* str.replace and str.split: by `separator`, or, where it is NULL, white space; at most `n` times. */
json_t *dm_string_replace(const json_t *string, const json_t *from, const json_t *to);
json_t *dm_string_split(const json_t *string, const json_t *separator, size_t n);
json_t *dm_string_join(const json_t *separator, const json_t *list);
bool dm_string_contains(const json_t *string, const json_t *part);
bool dm_string_begins(const json_t *string, const json_t *part);
bool dm_string_ends(const json_t *string, const json_t *part);
int dm_string_compare(const json_t *a, const json_t *b);

enum dm_letters {
    DM_LETTERS_UPPER,
    DM_LETTERS_LOWER,
    DM_LETTERS_TITLE, /* Python's: after anything but a letter */
    DM_LETTERS_WORDS, /* Jinja's: after white space, "-" and opening brackets */
    DM_LETTERS_CAPITALIZE
};
/* With letters turned; false: there are letters beyond ASCII, and `*result` is NULL. */
bool dm_string_turn(const json_t *string, enum dm_letters letters, json_t **result);

#endif
