/* The flags that say how a model runs, and opening what a command works with. */
#ifndef DECIMAMBA_CLI_MODEL_FLAGS_H
#define DECIMAMBA_CLI_MODEL_FLAGS_H

#include "decimamba.h"
#include "options.h"

struct model_flags {
    size_t n_thread;
    int dtype;
    const char *cpu, *settings; /* settings: a decimamba.json for the model's own; "": none;
                                   NULL: that */
    const char *tokenizer;      /* a file, or a folder that holds one; NULL: the model's own */
    bool check, no_map, limit_steps;
    bool profile; /* of no flag: keep the time of every operation */
};

/* The rows of --threads and --cpu, which commands without the other model flags have too. */
struct option threads_option(size_t *n_thread);
struct option cpu_option(const char **cpu);

enum { n_model_option = 9 };
/* Of commands that work on text, and of those that do without: they have no --tokenizer. */
void text_model_flags_table(struct model_flags *flags, struct option table[n_model_option]);
void model_flags_table(struct model_flags *flags, struct option table[n_model_option]);

dm_dtype model_flags_dtype(const struct model_flags *flags);
bool load_model(const char *directory, const struct model_flags *flags, dm_model **model,
                dm_model_info *info);
/* Prints the line of a model that could not be opened, which is of more help where it is named as on
 * a hub. False. */
bool fail_model(const char *directory, const dm_error *error);
/* `path`: a file, or a folder that holds one. */
bool load_tokenizer(const char *path, dm_tokenizer **tokenizer);
/* The one of a model, or of --tokenizer. */
bool load_model_tokenizer(const char *directory, const struct model_flags *flags,
                          dm_tokenizer **tokenizer);
/* Where the folder's tokenizer is: tokenizer.json, or tokenizer.model where that alone is there;
 * allocated. NULL: memory is short. */
/* Of a GGUF file: itself. */
char *tokenizer_path(const char *folder);
/* As load_model_tokenizer, but NULL and no fault where the directory holds no tokenizer, or one that
 * cannot be read and is not needed: then a line says so. */
bool load_tokenizer_if_any(const char *directory, const struct model_flags *flags, bool needed,
                           dm_tokenizer **tokenizer);

/* Where standard error is a terminal, says that a text of `n_token` was read by plain Mamba for want
 * of a decimamba.json, and what mends it: unless the method was `chosen`, or the text is no
 * longer than the model was trained on (`trained`; 0: not known, so 2,048 as most are). */
void tell_of_plain_reading(const char *directory, const dm_model_info *info, bool chosen,
                           size_t n_token, size_t trained);

/* Ids that a tokenizer (may be NULL) and a model both know. */
size_t shared_vocabulary(const dm_tokenizer *tokenizer, const dm_model_info *info);

const char *dtype_name(dm_dtype dtype);

#endif
