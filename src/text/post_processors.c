/* The section "post_processor" of a tokenizer.json: the tokens that go around a text. */
#include <string.h>

#include "text/loading.h"

static const char section_name[] = "post_processor";

/* Offsets only. */
static dm_status load_byte_level(struct dm_loading *loading, const json_t *part) {
    (void)loading;
    (void)part;
    return DM_OK;
}

/* The ids of a special token of the template, appended. */
static dm_status add_special(struct dm_loading *loading, const json_t *part, const json_t *special,
                             struct dm_ids *ids) {
    const char *name = json_string_value(json_object_get(special, "id"));
    const json_t *listed =
        json_object_get(json_object_get(json_object_get(part, "special_tokens"), name), "ids");
    if (!name || !json_array_size(listed))
        return dm_loading_refuse(loading, section_name, part,
                                 " with a token that \"special_tokens\" has no \"ids\" for");
    for (size_t i = 0; i < json_array_size(listed); i++) {
        const json_t *id = json_array_get(listed, i);
        json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
        if (value < 0 || (size_t)value >= loading->tokenizer->n_token ||
            !loading->tokenizer->tokens[value].text)
            return dm_fail(loading->error, DM_ERROR_FORMAT,
                           "%s: \"post_processor\": no token has the id of \"%s\"", loading->path,
                           name);
        if (!dm_ids_append(ids, (int32_t)value))
            return dm_loading_fail_memory(loading);
    }
    return DM_OK;
}

/* What it makes of a single text: tokens before and after it. */
static dm_status load_template(struct dm_loading *loading, const json_t *part) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    const json_t *single = json_object_get(part, "single");
    size_t n_text = 0;
    dm_status status = DM_OK;
    if (tokenizer->before.n_id || tokenizer->after.n_id)
        return dm_loading_refuse(loading, section_name, part, " twice");
    for (size_t i = 0; i < json_array_size(single) && !status; i++) {
        const json_t *item = json_array_get(single, i),
                     *special = json_object_get(item, "SpecialToken");
        if (special)
            status = add_special(loading, part, special,
                                 n_text ? &tokenizer->after : &tokenizer->before);
        else
            n_text += json_is_object(json_object_get(item, "Sequence")) ? 1 : 2;
    }
    if (!status && n_text != 1)
        status = dm_loading_refuse(loading, section_name, part, " that does not hold one text");
    return status;
}

static const struct dm_part_kind kinds[] = {
    {"ByteLevel", load_byte_level},
    {"TemplateProcessing", load_template},
};

dm_status dm_load_post_processors(struct dm_loading *loading, const json_t *section) {
    return dm_loading_is_absent(section)
               ? DM_OK
               : dm_loading_section(loading, section, section_name, "processors", kinds,
                                    sizeof kinds / sizeof *kinds);
}
