/* The files of a model besides its sizes and weights, which are copied with it unchanged. */
#ifndef DM_CHECKPOINT_COMPANIONS_H
#define DM_CHECKPOINT_COMPANIONS_H

#include "base/file_writer.h"
#include "base/mapped_file.h"

enum { DM_N_COMPANION = 10 };

struct dm_companions {
    struct dm_mapped_file files[DM_N_COMPANION]; /* in memory; no path: there is no such file */
};

/* generation_config.json of the directory, and the tokenizer's files: the directory's, or, of
 * `tokenizer` (a tokenizer.json, .model or .gguf, or a folder that holds one; NULL: the
 * directory), that one and what lies beside it, which may then be a generation_config.json too.
 * Of a GGUF file, what its keys say in place of such files. Closed either way. */
dm_status dm_companions_read(struct dm_companions *companions, const char *directory,
                             const char *tokenizer, dm_error *error);
/* Into a directory that exists. */
dm_status dm_companions_write(const struct dm_companions *companions, const char *directory,
                              dm_error *error);
void dm_companions_close(struct dm_companions *companions);

/* A copy of the model's decimamba.json at `path`, whole but for its commit. A zeroed writer: the model has
 * none. */
dm_status dm_settings_copy(const char *directory, const char *path, struct dm_file_writer *writer,
                           dm_error *error);

#endif
