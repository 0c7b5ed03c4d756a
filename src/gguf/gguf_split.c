#include "gguf/gguf_split.h"

#include <string.h>

#include "text/classes.h"
#include "text/gguf_splits.h"

/* Whether the part splits by this pattern; classes are in brackets there. */
static bool has_pattern(const struct dm_part *part, const char *pattern) {
    const char *members = pattern == dm_gguf_numeric       ? dm_class_numeric
                          : pattern == dm_gguf_punctuation ? dm_class_punctuation
                                                           : NULL;
    if (!members)
        return part->n_text == strlen(pattern) && memcmp(part->text, pattern, part->n_text) == 0;
    return part->n_text == strlen(members) + 2 &&
           memcmp(part->text + 1, members, part->n_text - 2) == 0;
}

static bool is_step(const struct dm_part *part, const struct dm_gguf_step *step) {
    if (!step->pattern)
        return part->feed == dm_feed_alphabet;
    return part->feed == dm_feed_split && part->behavior == step->behavior && !part->invert &&
           has_pattern(part, step->pattern);
}

static const char *find_row(const struct dm_tokenizer *tokenizer) {
    size_t first = tokenizer->n_normalizer + 2; /* two parts find added tokens */
    for (size_t r = 0; r < dm_n_gguf_split; r++) {
        const struct dm_gguf_split *row = &dm_gguf_splits[r];
        bool same = tokenizer->n_part - first == row->n_step &&
                    tokenizer->bpe.ignore_merges == row->ignore_merges;
        for (size_t i = 0; same && i < row->n_step; i++)
            same = is_step(&tokenizer->parts[first + i], &row->steps[i]);
        if (same)
            return row->name;
    }
    return NULL;
}

/* What a row that has no name differs by from those that have one. */
static const char *say_difference(const struct dm_tokenizer *tokenizer) {
    bool splits = false, in_alphabet = false;
    for (size_t i = 1; i < tokenizer->n_part; i++) {
        const struct dm_part *part = &tokenizer->parts[i];
        if (part->feed == dm_feed_prepend || part->feed == dm_feed_replace)
            return i <= tokenizer->n_normalizer ? "\"normalizer\" that changes spaces"
                                                : "\"add_prefix_space\": true";
        splits = splits || part->feed == dm_feed_split;
        in_alphabet = in_alphabet || part->feed == dm_feed_alphabet;
    }
    return !in_alphabet ? "\"pre_tokenizer\" without ByteLevel"
           : !splits    ? "\"use_regex\": false"
                        : "\"pre_tokenizer\" of parts that it has no name for";
}

dm_status dm_gguf_split_name(const struct dm_tokenizer *tokenizer, const char *path,
                             const char **name, dm_error *error) {
    *name = NULL;
    bool plain = tokenizer->n_normalizer == 0 || tokenizer->parts[1].feed == dm_feed_nfc;
    if (plain && tokenizer->n_normalizer <= 1)
        *name = find_row(tokenizer);
    return *name ? DM_OK
                 : dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: llama.cpp does not split text so: %s",
                           path, say_difference(tokenizer));
}
