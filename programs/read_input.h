/* Reading what a command works on: text and token ids, from the command line, a file or standard
 * input. Faults print their line. */
#ifndef DECIMAMBA_PROGRAMS_READ_INPUT_H
#define DECIMAMBA_PROGRAMS_READ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *bytes; /* allocated; ends with a NUL that n_byte does not count */
    size_t n_byte;
    const char *name; /* where it came from, for messages; borrowed */
};

struct token_ids {
    int32_t *items; /* allocated */
    size_t n;
};

/* Exactly one source: the operand, else `file` ("-": standard input), else standard input. Both an
 * operand and a file, or a terminal as standard input without asking for it, are faults that call
 * the text `what`. The bytes are as they stand: nothing is trimmed. */
bool read_text(const char *what, const char *operand, const char *file, struct text *text);

/* Decimal ids with white space between; each must be below `limit`. */
bool parse_ids(const struct text *text, size_t limit, struct token_ids *ids);
/* The file at `path` ("-": standard input) through parse_ids. */
bool read_ids(const char *path, size_t limit, struct token_ids *ids);

#endif
