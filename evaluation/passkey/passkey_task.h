/* The pass-key task as `evaluate passkey` asks it: keys at several depths of contexts of several
 * lengths, with their answers judged. */
#ifndef DECIMAMBA_EVALUATION_PASSKEY_TASK_H
#define DECIMAMBA_EVALUATION_PASSKEY_TASK_H

#include "passkey.h"
#include "task.h"

struct passkey_task_options {
    struct passkey_source source; /* what it points to is borrowed */
    const size_t *lengths;        /* [n_length] tokens of a prompt */
    size_t n_length;
    size_t n_depth; /* evenly from 0 to 1 */
    size_t n_key;   /* prompts for each length and depth */
    bool by_loss;   /* the loss of the key's tokens behind the prompt, none being generated */
};

/* Prompts are numbered by length, then depth, then key. An answer is right when it
 * begins with the key's five digits and no sixth one; five tokens are generated. DM_ERROR_ARGUMENT
 * where the text is too short for a length, DM_ERROR_UNSUPPORTED as passkey_encode_key has it. */
dm_status passkey_task_new(const struct passkey_task_options *options, struct task **task,
                           dm_error *error);

#endif
