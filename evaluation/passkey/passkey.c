#include "passkey.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "draw.h"

static dm_status refuse(dm_error *error, size_t length, const char *what, size_t n) {
    return dm_fail(error, DM_ERROR_ARGUMENT, "a prompt of %zu tokens: %s %zu", length, what, n);
}

/* The parts of a prompt around the haystack. */
enum { part_question, part_needle, part_answer, n_part };
struct parts {
    int32_t *ids[n_part];
    size_t n_id[n_part];
};

static void free_parts(struct parts *parts) {
    for (int i = 0; i < n_part; i++)
        dm_free(parts->ids[i]);
}

static dm_status encode_parts(const dm_tokenizer *tokenizer, const char *key, struct parts *parts,
                              dm_error *error) {
    char needle[96];
    snprintf(needle, sizeof needle, " The pass key is %s. Remember it. %s is the pass key. ", key,
             key);
    const char *texts[n_part] = {"Find the pass key:\n", needle, "\nAnswer: "};
    *parts = (struct parts){0};
    for (int i = 0; i < n_part; i++) {
        dm_status status = dm_tokenizer_encode(tokenizer, texts[i], strlen(texts[i]),
                                               &parts->ids[i], &parts->n_id[i], error);
        if (status) {
            free_parts(parts);
            return status;
        }
    }
    return DM_OK;
}

static size_t count_parts(const struct parts *parts) {
    return parts->n_id[part_question] + parts->n_id[part_needle] + parts->n_id[part_answer];
}

dm_status passkey_draw(const struct passkey_source *source, size_t length, double depth,
                       size_t number, struct passkey_prompt *prompt, dm_error *error) {
    uint64_t state = source->seed;
    draw_bits(&state, length);
    draw_bits(&state, (uint64_t)(depth * 1e6 + 0.5));
    draw_bits(&state, number);
    *prompt = (struct passkey_prompt){.length = length, .depth = depth, .number = number};
    snprintf(prompt->key, sizeof prompt->key, "%05u", (unsigned)(draw_bits(&state, 1) % 100000));

    struct parts parts;
    dm_status status = encode_parts(source->tokenizer, prompt->key, &parts, error);
    if (status)
        return status;
    size_t n_fixed = count_parts(&parts);
    free_parts(&parts);
    size_t n_hay = length - n_fixed;
    if (length < n_fixed)
        return refuse(error, length, "question, fact and answer alone take", n_fixed);
    if (n_hay > source->text.n_id)
        return refuse(error, length, "the text is too short, with", source->text.n_id);
    prompt->start = (size_t)(draw_bits(&state, 2) % (source->text.n_id - n_hay + 1));
    return DM_OK;
}

dm_status passkey_build(const struct passkey_source *source, const struct passkey_prompt *prompt,
                        int32_t *ids, struct passkey_needle *needle, dm_error *error) {
    struct parts parts;
    dm_status status = encode_parts(source->tokenizer, prompt->key, &parts, error);
    if (status)
        return status;
    size_t n_hay = prompt->length - count_parts(&parts);
    size_t n_before = (size_t)(prompt->depth * (double)n_hay + 0.5);
    *needle =
        (struct passkey_needle){parts.n_id[part_question] + n_before, parts.n_id[part_needle]};
    const struct {
        const int32_t *ids; /* NULL: of the haystack */
        size_t n;
    } runs[] = {{parts.ids[part_question], parts.n_id[part_question]},
                {NULL, n_before},
                {parts.ids[part_needle], parts.n_id[part_needle]},
                {NULL, n_hay - n_before},
                {parts.ids[part_answer], parts.n_id[part_answer]}};
    size_t haystack = prompt->start;
    for (size_t i = 0; i < sizeof runs / sizeof *runs && !status; i++) {
        if (runs[i].ids) {
            memcpy(ids, runs[i].ids, runs[i].n * sizeof *ids);
        } else {
            status = source->text.read(source->text.user, haystack, runs[i].n, ids, error);
            haystack += runs[i].n;
        }
        ids += runs[i].n;
    }
    free_parts(&parts);
    return status;
}

dm_status passkey_encode_key(const struct passkey_source *source, const char *key, int32_t **ids,
                             dm_error *error) {
    size_t n;
    dm_status status =
        dm_tokenizer_encode(source->tokenizer, key, passkey_key_length, ids, &n, error);
    if (status || n == passkey_key_length)
        return status;
    dm_free(*ids);
    return dm_fail(
        error, DM_ERROR_UNSUPPORTED,
        "the pass-key task is for tokenizers with a token per byte: this one makes %zu of %s", n,
        key);
}
