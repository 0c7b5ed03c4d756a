#include "passkey_training.h"

#include <stdio.h>
#include <string.h>

#include "draw.h"

static const char after_mention[] = " is the pass key. ";

dm_status passkey_draw_example(const struct passkey_task *task, size_t number, size_t shortest,
                               size_t longest, struct passkey_prompt *prompt, dm_error *error) {
    uint64_t state = task->seed;
    draw_bits(&state, number);
    size_t length = shortest + (size_t)(draw_bits(&state, 3) % (longest - shortest + 1));
    double depth = (double)(draw_bits(&state, 4) >> 11) * 0x1p-53;
    /* the answer alone does not fit: passkey_draw says so of the prompt */
    size_t n_prompt = length > passkey_key_length ? length - passkey_key_length : 0;
    return passkey_draw(task, n_prompt, depth, number, prompt, error);
}

dm_status passkey_write_example(const struct passkey_task *task,
                                const struct passkey_prompt *prompt, float mention, float text,
                                int32_t *ids, float *weight, dm_error *error) {
    struct passkey_fact fact;
    int32_t *answer;
    size_t n_answer, n = prompt->length;
    dm_status status = dm_tokenizer_encode(task->tokenizer, prompt->key, passkey_key_length,
                                           &answer, &n_answer, error);
    if (status)
        return status;
    if (n_answer == passkey_key_length) {
        status = passkey_build(task, prompt, ids, &fact, error);
        memcpy(ids + n, answer, sizeof *ids * passkey_key_length);
    } else {
        status = error->status = DM_ERROR_UNSUPPORTED;
        snprintf(error->message, sizeof error->message,
                 "the pass-key task is for tokenizers with a token per byte: this one makes %zu of "
                 "the key %s",
                 n_answer, prompt->key);
    }
    dm_free(answer);
    if (status)
        return status;
    size_t second = fact.first + fact.n - (sizeof after_mention - 1) - passkey_key_length;
    for (size_t t = 0; t < n + passkey_key_length; t++)
        weight[t] = t >= n ? 1 : t >= second && t < second + passkey_key_length ? mention : text;
    return DM_OK;
}
