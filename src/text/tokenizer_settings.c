#include "text/tokenizer_settings.h"

#include <string.h>

static bool is_type(const json_t *part, const char *type) {
    const char *text = json_string_value(json_object_get(part, "type"));
    return text && strcmp(text, type) == 0;
}

static bool is_absent(const json_t *value) {
    return !value || json_is_null(value);
}

static dm_status refuse(const char *name, const char *key, const char *only, dm_error *error) {
    return dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: \"%s\" is not supported unless it is %s", name,
                   key, only);
}

static dm_status read_normalizer(const json_t *part, const char *name, bool *nfc, dm_error *error) {
    static const char only[] = "null, NFC, or a Sequence of NFC";
    if (is_absent(part))
        return DM_OK;
    if (is_type(part, "NFC")) {
        *nfc = true;
        return DM_OK;
    }
    const json_t *steps = json_object_get(part, "normalizers");
    if (!is_type(part, "Sequence") || !json_is_array(steps))
        return refuse(name, "normalizer", only, error);
    for (size_t i = 0; i < json_array_size(steps); i++)
        if (!is_type(json_array_get(steps, i), "NFC"))
            return refuse(name, "normalizer", only, error);
    *nfc = json_array_size(steps) > 0;
    return DM_OK;
}

static dm_status read_pre_tokenizer(const json_t *part, const char *name,
                                    struct dm_tokenizer *tokenizer, dm_error *error) {
    if (!is_type(part, "ByteLevel"))
        return refuse(name, "pre_tokenizer", "ByteLevel", error);
    tokenizer->add_prefix_space = tokenizer->split_words = true;
    dm_status status =
        dm_json_get_bool(part, "add_prefix_space", name, &tokenizer->add_prefix_space, error);
    return status ? status
                  : dm_json_get_bool(part, "use_regex", name, &tokenizer->split_words, error);
}

/* Whether a TemplateProcessing gives a single text as it is. */
static bool adds_nothing(const json_t *part) {
    const json_t *template = json_object_get(part, "single");
    return is_type(part, "TemplateProcessing") && json_array_size(template) == 1 &&
           json_is_object(json_object_get(json_array_get(template, 0), "Sequence"));
}

static dm_status check_model(const json_t *model, const char *name, dm_error *error) {
    static const char *const flags[] = {"byte_fallback", "ignore_merges"};
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    if (!json_is_object(model))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"model\" must be an object", name);
    if (!is_type(model, "BPE"))
        return refuse(name, "model.type", "BPE", error);
    const json_t *dropout = json_object_get(model, "dropout");
    if (!is_absent(dropout) && json_number_value(dropout) != 0.0)
        return refuse(name, "model.dropout", "null", error);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        bool set = false;
        dm_status status = dm_json_get_bool(model, flags[i], name, &set, error);
        if (status)
            return status;
        if (set)
            return refuse(name, flags[i], "false", error);
    }
    for (size_t i = 0; i < sizeof affixes / sizeof *affixes; i++) {
        const char *affix = "";
        dm_status status = dm_json_get_text(model, affixes[i], name, &affix, error);
        if (status)
            return status;
        if (*affix)
            return refuse(name, affixes[i], "null", error);
    }
    return DM_OK;
}

dm_status dm_tokenizer_read_settings(const json_t *root, const char *name,
                                     struct dm_tokenizer *tokenizer, dm_error *error) {
    if (!json_is_object(root))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: not a JSON object", name);
    const json_t *decoder = json_object_get(root, "decoder");
    if (!is_type(decoder, "ByteLevel"))
        return refuse(name, "decoder", "ByteLevel", error);
    const json_t *post = json_object_get(root, "post_processor");
    if (!is_absent(post) && !is_type(post, "ByteLevel") && !adds_nothing(post))
        return refuse(name, "post_processor",
                      "null, ByteLevel, or a TemplateProcessing that adds no token to a text",
                      error);
    dm_status status =
        read_normalizer(json_object_get(root, "normalizer"), name, &tokenizer->nfc, error);
    if (!status)
        status = read_pre_tokenizer(json_object_get(root, "pre_tokenizer"), name, tokenizer, error);
    return status ? status : check_model(json_object_get(root, "model"), name, error);
}
