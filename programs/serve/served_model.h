/* The model that is served, and all that answering takes of it. Immutable: any thread may look. */
#ifndef DECIMAMBA_SERVE_SERVED_MODEL_H
#define DECIMAMBA_SERVE_SERVED_MODEL_H

#include "cli/file_hash.h"
#include "cli/model_flags.h"
#include "method_request.h"

struct served_model {
    const char *directory;
    char *name; /* as requests call it */
    dm_model *model;
    dm_model_info info;
    dm_tokenizer *tokenizer;
    dm_chat_template *chat; /* NULL: it has none, */
    char no_chat[400];      /* for this reason */
    int32_t *ends;          /* [n_end] */
    size_t n_end;
    const int32_t *before; /* [n_before] that the tokenizer puts before a text */
    size_t n_before;
    struct request_method *method; /* of requests that name none */
    char hash[hash_size];          /* of what its states depend on, but for the method */
};

/* Faults print their line; to be closed either way. `name` NULL: the directory's. */
bool served_model_open(struct served_model *served, const char *directory, const char *name,
                       const struct model_flags *flags, const struct method_flags *method);
void served_model_close(struct served_model *served);

#endif
