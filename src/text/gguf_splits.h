/* The ways to split text into words that llama.cpp has names for, as rows of parts. */
#ifndef DM_TEXT_GGUF_SPLITS_H
#define DM_TEXT_GGUF_SPLITS_H

#include "base/gguf_file.h"
#include "text/part.h"

/* A part of a row: a split by a pattern, or by a class that is named here; or the byte alphabet. */
struct dm_gguf_step {
    const char *pattern; /* NULL: the byte alphabet */
    enum dm_split_behavior behavior;
};
extern const char dm_gguf_numeric[], dm_gguf_punctuation[]; /* the classes */

enum { DM_GGUF_MAX_STEP = 5 };
struct dm_gguf_split {
    const char *name;
    bool ignore_merges;
    bool begins; /* a text begins with the token for that, where no key says otherwise */
    size_t n_step;
    struct dm_gguf_step steps[DM_GGUF_MAX_STEP];
};

extern const struct dm_gguf_split dm_gguf_splits[];
extern const size_t dm_n_gguf_split;
/* By its name, or another of llama.cpp's for the same; NULL: none that is known. */
const struct dm_gguf_split *dm_gguf_split_named(struct dm_gguf_text name);

#endif
