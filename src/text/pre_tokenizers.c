/* The section "pre_tokenizer" of a tokenizer.json. */
#include <string.h>

#include "base/memory.h"
#include "text/classes.h"
#include "text/loading.h"

static const char section_name[] = "pre_tokenizer";

static dm_status add_split(struct dm_loading *loading, const char *pattern, size_t n_pattern,
                           enum dm_split_behavior behavior, bool invert) {
    struct dm_part *made;
    dm_status status = dm_loading_part(loading, dm_feed_split, &made);
    if (status)
        return status;
    made->behavior = behavior;
    made->invert = invert;
    status = dm_loading_copy(loading, pattern, n_pattern, &made->text, &made->n_text);
    return status
               ? status
               : dm_pattern_open(&made->pattern, pattern, n_pattern, loading->path, loading->error);
}

/* Of the members of a class in brackets, which are PCRE2's. */
static dm_status add_class(struct dm_loading *loading, const char *members,
                           enum dm_split_behavior behavior) {
    struct dm_bytes pattern = {0};
    dm_status status = DM_OK;
    if (!dm_bytes_append(&pattern, "[", 1) ||
        !dm_bytes_append(&pattern, members, strlen(members)) || !dm_bytes_append(&pattern, "]", 1))
        status = dm_loading_fail_memory(loading);
    else
        status = add_split(loading, pattern.bytes, pattern.n_byte, behavior, false);
    dm_memory_free(pattern.bytes);
    return status;
}

static dm_status add_prefix(struct dm_loading *loading, const char *prefix, size_t n_prefix,
                            enum dm_prepend when) {
    struct dm_part *made;
    dm_status status = dm_loading_part(loading, dm_feed_prepend, &made);
    if (status)
        return status;
    made->prepend = when;
    return dm_loading_copy(loading, prefix, n_prefix, &made->text, &made->n_text);
}

static dm_status load_byte_level(struct dm_loading *loading, const json_t *part) {
    bool prefix = true, words = true;
    struct dm_part *made;
    dm_status status =
        dm_json_get_bool(part, "add_prefix_space", loading->path, &prefix, loading->error);
    if (!status)
        status = dm_json_get_bool(part, "use_regex", loading->path, &words, loading->error);
    if (!status && prefix)
        status = add_prefix(loading, " ", 1, DM_PREPEND_UNLESS_THERE);
    if (!status && words)
        status =
            add_split(loading, dm_pattern_gpt2, strlen(dm_pattern_gpt2), DM_SPLIT_ISOLATED, false);
    return status ? status : dm_loading_part(loading, dm_feed_alphabet, &made);
}

static dm_status read_behavior(const struct dm_loading *loading, const json_t *part,
                               enum dm_split_behavior *behavior) {
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    const char *name = NULL;
    dm_status status = dm_json_get_text(part, "behavior", loading->path, &name, loading->error);
    if (status || !name)
        return status;
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(names[i], name) == 0) {
            *behavior = (enum dm_split_behavior)i;
            return DM_OK;
        }
    return dm_loading_refuse(loading, section_name, part, " with this \"behavior\"");
}

/* A text as a pattern that matches it and no other. */
static dm_status add_literal(struct dm_loading *loading, const char *text, size_t n_text,
                             enum dm_split_behavior behavior, bool invert) {
    struct dm_bytes pattern = {0};
    bool fine = true;
    for (size_t i = 0; i < n_text && fine; i++)
        fine = (!strchr("\\[](){}.*+?|^$-", text[i]) || dm_bytes_append(&pattern, "\\", 1)) &&
               dm_bytes_append(&pattern, text + i, 1);
    dm_status status = fine ? add_split(loading, pattern.bytes, pattern.n_byte, behavior, invert)
                            : dm_loading_fail_memory(loading);
    dm_memory_free(pattern.bytes);
    return status;
}

static dm_status load_split(struct dm_loading *loading, const json_t *part) {
    const json_t *pattern = json_object_get(part, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex"),
                 *literal = json_object_get(pattern, "String");
    enum dm_split_behavior behavior = DM_SPLIT_ISOLATED;
    bool invert = false;
    dm_status status = read_behavior(loading, part, &behavior);
    if (!status)
        status = dm_json_get_bool(part, "invert", loading->path, &invert, loading->error);
    if (status)
        return status;
    if (json_string_length(regex))
        return add_split(loading, json_string_value(regex), json_string_length(regex), behavior,
                         invert);
    if (json_string_length(literal))
        return add_literal(loading, json_string_value(literal), json_string_length(literal),
                           behavior, invert);
    return dm_loading_refuse(loading, section_name, part, " without a \"pattern\"");
}

static dm_status load_digits(struct dm_loading *loading, const json_t *part) {
    bool single = false;
    dm_status status =
        dm_json_get_bool(part, "individual_digits", loading->path, &single, loading->error);
    return status ? status
                  : add_class(loading, dm_class_numeric,
                              single ? DM_SPLIT_ISOLATED : DM_SPLIT_CONTIGUOUS);
}

static dm_status load_punctuation(struct dm_loading *loading, const json_t *part) {
    enum dm_split_behavior behavior = DM_SPLIT_ISOLATED;
    dm_status status = read_behavior(loading, part, &behavior);
    return status ? status : add_class(loading, dm_class_punctuation, behavior);
}

/* Files of before "prepend_scheme" say "add_prefix_space". */
static dm_status load_metaspace(struct dm_loading *loading, const json_t *part) {
    bool prefix = true, split = true;
    const char *scheme = "always";
    struct dm_part *made;
    dm_status status =
        dm_json_get_bool(part, "add_prefix_space", loading->path, &prefix, loading->error);
    if (!status)
        status = dm_json_get_bool(part, "split", loading->path, &split, loading->error);
    if (!status)
        status = dm_json_get_text(part, "prepend_scheme", loading->path, &scheme, loading->error);
    if (!status)
        status = dm_loading_part(loading, dm_feed_replace, &made);
    if (!status)
        status = dm_loading_text(loading, section_name, part, "replacement", &made->other,
                                 &made->n_other);
    if (!status)
        status = dm_loading_copy(loading, " ", 1, &made->text, &made->n_text);
    if (status)
        return status;
    const char *mark = made->other;
    size_t n_mark = made->n_other;
    if (strcmp(scheme, "always") != 0 && strcmp(scheme, "first") != 0 &&
        strcmp(scheme, "never") != 0)
        return dm_loading_refuse(loading, section_name, part, " with this \"prepend_scheme\"");
    if (prefix && strcmp(scheme, "never") != 0)
        status = add_prefix(loading, mark, n_mark,
                            strcmp(scheme, "first") == 0 ? DM_PREPEND_AT_START
                                                         : DM_PREPEND_UNLESS_THERE);
    return status || !split ? status
                            : add_literal(loading, mark, n_mark, DM_SPLIT_MERGED_WITH_NEXT, false);
}

static const struct dm_part_kind kinds[] = {
    {"ByteLevel", load_byte_level},    {"Split", load_split},         {"Digits", load_digits},
    {"Punctuation", load_punctuation}, {"Metaspace", load_metaspace},
};

dm_status dm_load_pre_tokenizers(struct dm_loading *loading, const json_t *section) {
    return dm_loading_is_absent(section)
               ? DM_OK
               : dm_loading_section(loading, section, section_name, "pretokenizers", kinds,
                                    sizeof kinds / sizeof *kinds);
}
