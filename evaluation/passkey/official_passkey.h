/* The pass-key task of DeciMamba's official evaluation.
 *
 *     There is an important pass key hidden inside a lot of irrelevant text. Find it and memorize
 *     it:\n<context>\nAnswer:<space>
 *
 * The context has exactly the wanted number of tokens: haystack sentences (haystack.h), with the
 * needle "The pass key is K. Remember it. K is the pass key. " before one of them. Question,
 * sentences, needle and ending are encoded one by one, and their tokens joined.
 *
 * Where the needle is. Counted in tokens of a context of `length`: it begins at the beginning of a
 * sentence, not before (depth - 0.1) * length, and ends before (depth + 0.1) * length, both clipped
 * to the context and rounded down. One of these slots is drawn. Where there is none (the context is
 * short and its sentences long; the official code stops then), the needle goes before the sentence
 * whose beginning is nearest to depth * (tokens of haystack), the earlier of two.
 *
 * What is drawn. The key, the row of the text where the haystack begins, and the slot depend on the
 * seed, length, depth and number of the prompt alone. (The official code goes on in the rows from
 * prompt to prompt, in an order of keys that no seed fixes.) Prompts of one length and depth have
 * different lines of the list of keys, as long as there are enough. */
#ifndef DECIMAMBA_EVALUATION_OFFICIAL_PASSKEY_H
#define DECIMAMBA_EVALUATION_OFFICIAL_PASSKEY_H

#include "task.h"

struct official_passkey_options {
    const dm_tokenizer *tokenizer; /* borrowed */
    const char *text;              /* UTF-8: the haystack, a row a line; borrowed */
    size_t n_text;
    const char *text_name; /* of its file, for messages; borrowed */
    const char *keys;      /* a key a line: see passkey_list.h */
    size_t n_keys;         /* bytes */
    const char *keys_name; /* of their file */
    const size_t *lengths; /* [n_length] tokens of the context; officially 1000 .. 128000 */
    size_t n_length;
    size_t n_depth; /* officially 5: 0, 0.25, 0.5, 0.75, 1 */
    size_t n_key;   /* prompts for each length and depth; officially 1 */
    uint64_t seed;
};

/* Prompts are numbered by length, then depth, then key. An answer of at most 10 tokens is right
 * when the key is one of its pieces between blanks. Building a prompt encodes the rows that were
 * not read before, and keeps them: no two threads may build at once. DM_ERROR_ARGUMENT where a
 * length has no room for the needle, DM_ERROR_FORMAT where the text or the keys are bad. */
dm_status official_passkey_task_new(const struct official_passkey_options *options,
                                    struct task **task, dm_error *error);

#endif
