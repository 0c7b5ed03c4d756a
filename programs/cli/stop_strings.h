/* Finding stop strings in text that comes in pieces: what may be the beginning of one is held
 * back until more has come. */
#ifndef DECIMAMBA_CLI_STOP_STRINGS_H
#define DECIMAMBA_CLI_STOP_STRINGS_H

#include "options.h"

struct stop_strings {
    const struct text_list *list;
    const char *found; /* the one that ended the text, or NULL */
    char *text;        /* what has been shown last, then what is held back */
    size_t n_byte, n_shown, capacity;
};

void stop_strings_init(struct stop_strings *stops, const struct text_list *list);
void stop_strings_free(struct stop_strings *stops);
/* Takes more text; `*shown` (valid until the next call) is what is certain now. Where a stop string
 * is complete, `found` is set and only the text before the first one comes out. */
bool stop_strings_push(struct stop_strings *stops, const char *text, size_t n_byte,
                       const char **shown, size_t *n_shown);
/* What is held back at the end of the text. */
void stop_strings_finish(struct stop_strings *stops, const char **shown, size_t *n_shown);

#endif
