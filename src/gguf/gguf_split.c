#include "gguf/gguf_split.h"

#include <string.h>

#include "text/classes.h"

#define ONE_TO_THREE "\\p{N}{1,3}"
#define WORDS(numbers)                                                    \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* A part of a row: a split by a pattern, or by a class that is named here; or the byte alphabet. */
struct step {
    const char *pattern; /* NULL: the byte alphabet */
    enum dm_split_behavior behavior;
};
static const char numeric[] = "numeric", punctuation[] = "punctuation";
enum { max_steps = 5 };

/* Rows of pre-tokenizers that llama.cpp (llama-vocab.cpp) has a name for. Falcon's looks for digits in
 * the byte alphabet too, where some bytes of letters look like numbers; merges of its own never join
 * those. "olmo" is GPT-2's way, and GPT-NeoX's. */
static const struct {
    const char *name;
    bool ignore_merges;
    size_t n_step;
    struct step steps[max_steps];
} rows[] = {
    {"olmo", false, 2, {{dm_pattern_gpt2, DM_SPLIT_ISOLATED}, {NULL, 0}}},
    {"starcoder",
     false,
     3,
     {{numeric, DM_SPLIT_ISOLATED}, {dm_pattern_gpt2, DM_SPLIT_ISOLATED}, {NULL, 0}}},
    {"llama-bpe", true, 2, {{WORDS(ONE_TO_THREE), DM_SPLIT_ISOLATED}, {NULL, 0}}},
    {"dbrx", false, 2, {{WORDS(ONE_TO_THREE), DM_SPLIT_ISOLATED}, {NULL, 0}}},
    {"qwen2", false, 2, {{WORDS("\\p{N}"), DM_SPLIT_ISOLATED}, {NULL, 0}}},
    {"falcon",
     false,
     5,
     {{punctuation, DM_SPLIT_CONTIGUOUS},
      {dm_pattern_gpt2, DM_SPLIT_ISOLATED},
      {NULL, 0},
      {numeric, DM_SPLIT_CONTIGUOUS},
      {"[0-9][0-9][0-9]", DM_SPLIT_ISOLATED}}},
};

/* Whether the part splits by this pattern; classes are in brackets there. */
static bool has_pattern(const struct dm_part *part, const char *pattern) {
    const char *members = pattern == numeric       ? dm_class_numeric
                          : pattern == punctuation ? dm_class_punctuation
                                                   : NULL;
    if (!members)
        return part->n_text == strlen(pattern) && memcmp(part->text, pattern, part->n_text) == 0;
    return part->n_text == strlen(members) + 2 &&
           memcmp(part->text + 1, members, part->n_text - 2) == 0;
}

static bool is_step(const struct dm_part *part, const struct step *step) {
    if (!step->pattern)
        return part->feed == dm_feed_alphabet;
    return part->feed == dm_feed_split && part->behavior == step->behavior && !part->invert &&
           has_pattern(part, step->pattern);
}

static const char *find_row(const struct dm_tokenizer *tokenizer) {
    size_t first = tokenizer->n_normalizer + 2; /* two parts find added tokens */
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        bool same = tokenizer->n_part - first == rows[r].n_step &&
                    tokenizer->bpe.ignore_merges == rows[r].ignore_merges;
        for (size_t i = 0; same && i < rows[r].n_step; i++)
            same = is_step(&tokenizer->parts[first + i], &rows[r].steps[i]);
        if (same)
            return rows[r].name;
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
