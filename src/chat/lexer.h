/* The words of a chat template: runs of text, and what stands between {{ }} and {% %}. White space is
 * taken off around tags as Jinja does with trim_blocks and lstrip_blocks, as transformers sets it. */
#ifndef DM_CHAT_LEXER_H
#define DM_CHAT_LEXER_H

#include <stdbool.h>
#include <stddef.h>

enum dm_word_kind {
    DM_WORD_TEXT,      /* [start, start + n_byte) of the source, as it is */
    DM_WORD_STATEMENT, /* {% */
    DM_WORD_OUTPUT,    /* {{ */
    DM_WORD_CLOSE,     /* %} or }} */
    DM_WORD_NAME,
    DM_WORD_STRING, /* with its quotes */
    DM_WORD_INTEGER,
    DM_WORD_REAL,
    DM_WORD_SIGN, /* an operator or a bracket, of one or two characters */
    DM_WORD_END,
    DM_WORD_WRONG /* `wrong` says why */
};

struct dm_lexer {
    const char *source;
    size_t n_byte, at, line;
    const char *wrong;
    /* inside a tag */
    bool in_tag, in_output;
    size_t depth;
    /* what the last tag does to the text behind it */
    bool strips, drops_newline, starts_line;
    /* the word */
    enum dm_word_kind kind;
    const char *start;
    size_t n_word;
};

void dm_lexer_begin(struct dm_lexer *lexer, const char *source, size_t n_byte);
/* Reads the next word. Text that is empty is passed over. */
void dm_lexer_next(struct dm_lexer *lexer);

#endif
