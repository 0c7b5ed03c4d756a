#include "text/gguf_splits.h"

#include <string.h>

#define ONE_TO_THREE "\\p{N}{1,3}"
#define WORDS(numbers)                                                    \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

const char dm_gguf_numeric[] = "numeric", dm_gguf_punctuation[] = "punctuation";

/* From llama.cpp's llama-vocab.cpp. Falcon's looks for digits in the byte alphabet too, where some
 * bytes of letters look like numbers; merges of its own never join those. "olmo" is GPT-2's way, and
 * GPT-NeoX's. */
const struct dm_gguf_split dm_gguf_splits[] = {
    {"olmo", false, false, 2, {{dm_pattern_gpt2, DM_SPLIT_ISOLATED}, {NULL, 0}}},
    {"starcoder",
     false,
     false,
     3,
     {{dm_gguf_numeric, DM_SPLIT_ISOLATED}, {dm_pattern_gpt2, DM_SPLIT_ISOLATED}, {NULL, 0}}},
    {"llama-bpe", true, true, 2, {{WORDS(ONE_TO_THREE), DM_SPLIT_ISOLATED}, {NULL, 0}}},
    {"dbrx", false, false, 2, {{WORDS(ONE_TO_THREE), DM_SPLIT_ISOLATED}, {NULL, 0}}},
    {"qwen2", false, false, 2, {{WORDS("\\p{N}"), DM_SPLIT_ISOLATED}, {NULL, 0}}},
    {"falcon",
     false,
     false,
     5,
     {{dm_gguf_punctuation, DM_SPLIT_CONTIGUOUS},
      {dm_pattern_gpt2, DM_SPLIT_ISOLATED},
      {NULL, 0},
      {dm_gguf_numeric, DM_SPLIT_CONTIGUOUS},
      {"[0-9][0-9][0-9]", DM_SPLIT_ISOLATED}}},
    {"default",
     false,
     false,
     5,
     {{"[\\p{P}\\$\\+<=>\\^~\\|]+", DM_SPLIT_ISOLATED},
      {dm_pattern_gpt2, DM_SPLIT_ISOLATED},
      {"\\p{N}+", DM_SPLIT_ISOLATED},
      {"[0-9][0-9][0-9]", DM_SPLIT_ISOLATED},
      {NULL, 0}}},
};
const size_t dm_n_gguf_split = sizeof dm_gguf_splits / sizeof *dm_gguf_splits;

static const struct {
    const char *other, *name;
} others[] = {
    {"mpt", "olmo"},          {"gpt-2", "olmo"},
    {"phi-2", "olmo"},        {"jais", "olmo"},
    {"llama3", "llama-bpe"},  {"llama-v3", "llama-bpe"},
    {"falcon3", "llama-bpe"}, {"falcon-h1", "llama-bpe"},
    {"pixtral", "llama-bpe"}, {"smaug-bpe", "dbrx"},
    {"refact", "starcoder"},  {"command-r", "starcoder"},
    {"smollm", "starcoder"},  {"codeshell", "starcoder"},
    {"stablelm2", "qwen2"},   {"deepseek-r1-qwen", "qwen2"},
    {"megrez", "qwen2"},
};

const struct dm_gguf_split *dm_gguf_split_named(struct dm_gguf_text name) {
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (dm_gguf_text_is(name, others[i].other))
            name = (struct dm_gguf_text){others[i].name, strlen(others[i].name)};
    for (size_t i = 0; i < dm_n_gguf_split; i++)
        if (dm_gguf_text_is(name, dm_gguf_splits[i].name))
            return &dm_gguf_splits[i];
    return NULL;
}
