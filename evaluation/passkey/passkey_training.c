#include "passkey_training.h"

#include <string.h>

#include "draw.h"

dm_status passkey_draw_example(const struct passkey_source *source, size_t number, size_t shortest,
                               size_t longest, struct passkey_prompt *prompt, dm_error *error) {
    uint64_t state = source->seed;
    draw_bits(&state, number);
    size_t length = shortest + (size_t)(draw_bits(&state, 3) % (longest - shortest + 1));
    double depth = (double)(draw_bits(&state, 4) >> 11) * 0x1p-53;
    /* the answer alone does not fit: passkey_draw says so of the prompt */
    size_t n_prompt = length > passkey_key_length ? length - passkey_key_length : 0;
    int32_t *answer;
    dm_status status = passkey_draw(source, n_prompt, depth, number, prompt, error);
    if (!status)
        status = passkey_encode_key(source, prompt->key, &answer, error);
    if (!status)
        dm_free(answer);
    return status;
}

dm_status passkey_write_example(const struct passkey_source *source,
                                const struct passkey_prompt *prompt, float mention, float text,
                                int32_t *ids, float *weight, dm_error *error) {
    const size_t n_after = strlen(" is the pass key. "); /* of the needle, after the mention */
    struct passkey_needle needle;
    int32_t *answer;
    size_t n = prompt->length;
    dm_status status = passkey_encode_key(source, prompt->key, &answer, error);
    if (status)
        return status;
    memcpy(ids + n, answer, sizeof *ids * passkey_key_length);
    dm_free(answer);
    status = passkey_build(source, prompt, ids, &needle, error);
    if (status)
        return status;
    size_t second = needle.first + needle.n - n_after - passkey_key_length;
    for (size_t t = 0; t < n; t++)
        weight[t] = t >= second && t < second + passkey_key_length ? mention : text;
    for (size_t t = n; t < n + passkey_key_length; t++)
        weight[t] = 1;
    return DM_OK;
}
