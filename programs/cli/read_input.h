/* Reading what a command works on: bytes from the command line, a file or standard input, in pieces
 * or whole. */
#ifndef DECIMAMBA_CLI_READ_INPUT_H
#define DECIMAMBA_CLI_READ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "decimamba.h"

struct input {
    const char *name; /* where it comes from, for messages; borrowed */
    size_t n_read;    /* bytes, so far */
    size_t n_byte;    /* in all; 0: unknown, as of a pipe */
    bool ended;       /* there are no more */
    FILE *stream;     /* NULL: all of it is `operand` */
    const char *operand;
};

/* Exactly one source: the operand, else `file` ("-": standard input), else standard input. Both an
 * operand and a file, or a terminal as standard input without asking for it, are faults that call
 * the text `what`, and print their line. The bytes are as they stand: nothing is trimmed. */
bool input_open(struct input *input, const char *what, const char *operand, const char *file);
void input_close(struct input *input); /* harmless on zeros */
/* As many bytes as there are, up to `size`; fewer where a signal came. */
dm_status input_next(struct input *input, char *bytes, size_t size, size_t *n_byte,
                     dm_error *error);

struct text {
    char *bytes; /* allocated; ends with a NUL that n_byte does not count */
    size_t n_byte;
    const char *name; /* as of an input */
};

/* All of an input at once. Faults print their line. */
bool read_text(const char *what, const char *operand, const char *file, struct text *text);

#endif
