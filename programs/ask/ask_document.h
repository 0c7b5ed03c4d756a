/* What questions are asked about: a text that is read once, and kept as a session file. */
#ifndef DECIMAMBA_ASK_DOCUMENT_H
#define DECIMAMBA_ASK_DOCUMENT_H

#include "cli/method_flags.h"
#include "cli/model_flags.h"
#include "cli/sampling_flags.h"

struct ask_settings {
    const char *directory, *question, *file, *load_session, *cache, *format;
    bool no_cache, keep, json;
    struct sampling_flags sampling;
    struct model_flags model;
    struct method_flags method;
};

struct document {
    dm_session *session; /* after the text */
    dm_sampler *sampler; /* which knows its ids */
    char *kept;          /* the session file; NULL: there is none */
};

/* Reads settings->file, or finds it read; or takes settings->load_session. The session file of a text
 * is in settings->cache, else in decimamba/ of the user's cache folder, named by what it depends on:
 * text, model, method, numbers' type, version. So a change of any is another file. Where it cannot be
 * kept, a line says so. Faults print their line; an interrupt is none, and leaves no session. */
bool document_open(struct document *document, const struct ask_settings *settings,
                   struct method_flags *method, const dm_model *model, const dm_model_info *info,
                   const dm_tokenizer *tokenizer);
void document_close(struct document *document);

#endif
