/* Token ids in pieces, from text or from a list of ids: what a command reads, in memory that does not
 * grow with it. */
#ifndef DECIMAMBA_CLI_TOKEN_SOURCE_H
#define DECIMAMBA_CLI_TOKEN_SOURCE_H

#include "read_input.h"
#include "token_text.h"

struct token_source {
    struct input input;
    size_t n_id;          /* given so far */
    const int32_t *first; /* ids before those of the text, not given yet */
    size_t n_first;
    dm_encoder *encoder; /* of text; NULL: the input is decimal ids with white space between, */
    size_t limit;        /* each below this */
    void (*watch)(const char *bytes, size_t n_byte,
                  void *user); /* sees all that is read; or NULL */
    void *user;
    bool finished; /* what the encoder held is given */
    char *bytes;   /* a piece */
    size_t n_byte; /* in it: the start of an id that may go on */
    int32_t *ids;  /* those of a piece */
};

/* The text of input_open through the tokenizer. Faults print their line. */
bool token_source_open_text(struct token_source *source, const char *what, const char *operand,
                            const char *file, const dm_tokenizer *tokenizer);
/* The ids begin with those that the tokenizer puts before a text (dm_tokenizer_template). */
void token_source_begin(struct token_source *source, const dm_tokenizer *tokenizer);
/* Decimal ids instead. */
bool token_source_open_ids(struct token_source *source, const char *what, const char *operand,
                           const char *file, size_t limit);
void token_source_close(struct token_source *source); /* harmless on zeros */

/* The next ids; none at the end (of zeros at once), and where a signal came. Messages begin with the input's name. */
dm_status token_source_next(struct token_source *source, const int32_t **ids, size_t *n_id,
                            dm_error *error);
/* The same source as tasks take it. */
struct token_stream token_source_stream(struct token_source *source);

#endif
