/* Prompts of the pass-key task with their answers, as a model is trained on them. For models with a
 * token per byte. */
#ifndef DECIMAMBA_EVALUATION_PASSKEY_TRAINING_H
#define DECIMAMBA_EVALUATION_PASSKEY_TRAINING_H

#include "passkey.h"

/* Draws example `number`, of `shortest` to `longest` tokens, the answer included: lengths and
 * depths of the needle are uniform. It depends on these and the task alone. The prompt's `length`
 * is its own, without the answer. */
dm_status passkey_draw_example(const struct passkey_source *source, size_t number, size_t shortest,
                               size_t longest, struct passkey_prompt *prompt, dm_error *error);

/* Writes the prompt and its answer, prompt->length + passkey_key_length tokens, and the weight of
 * each in the loss: 1 in the answer, `mention` where the needle repeats the key (which can be
 * predicted from its first mention), and `text` elsewhere. */
dm_status passkey_write_example(const struct passkey_source *source,
                                const struct passkey_prompt *prompt, float mention, float text,
                                int32_t *ids, float *weight, dm_error *error);

#endif
