/* The section "decoder" of a tokenizer.json. */
#include <string.h>

#include "text/loading.h"

static const char section_name[] = "decoder";

/* What sees tokens one by one must not come after what joins them, or gives them piece by piece. */
static dm_status check_whole(const struct dm_loading *loading, const json_t *part) {
    const struct dm_tokenizer *tokenizer = loading->tokenizer;
    for (size_t i = 0; i < tokenizer->n_decoder; i++) {
        const struct dm_decode_part *before = &tokenizer->decoders[i];
        if (before->decode == dm_decode_byte_level || before->decode == dm_decode_fuse ||
            before->decode == dm_decode_metaspace ||
            (before->decode == dm_decode_strip && before->n_stop))
            return dm_loading_refuse(loading, section_name, part,
                                     " after ByteLevel, Fuse, Metaspace or Strip");
    }
    return DM_OK;
}

static dm_status load_byte_level(struct dm_loading *loading, const json_t *part) {
    struct dm_decode_part *made;
    dm_status status = check_whole(loading, part);
    return status ? status : dm_loading_decoder(loading, dm_decode_byte_level, &made);
}

static dm_status load_byte_fallback(struct dm_loading *loading, const json_t *part) {
    struct dm_decode_part *made;
    dm_status status = check_whole(loading, part);
    return status ? status : dm_loading_decoder(loading, dm_decode_byte_fallback, &made);
}

static dm_status load_fuse(struct dm_loading *loading, const json_t *part) {
    struct dm_decode_part *made;
    (void)part;
    return dm_loading_decoder(loading, dm_decode_fuse, &made);
}

static dm_status load_metaspace(struct dm_loading *loading, const json_t *part) {
    const char *scheme = "always";
    bool prefix = true;
    struct dm_decode_part *made;
    dm_status status =
        dm_json_get_text(part, "prepend_scheme", loading->path, &scheme, loading->error);
    if (!status)
        status = dm_json_get_bool(part, "add_prefix_space", loading->path, &prefix, loading->error);
    if (!status)
        status = dm_loading_decoder(loading, dm_decode_metaspace, &made);
    if (status)
        return status;
    made->drop_first = prefix && strcmp(scheme, "never") != 0;
    return dm_loading_text(loading, section_name, part, "replacement", &made->text, &made->n_text);
}

static dm_status load_replace(struct dm_loading *loading, const json_t *part) {
    struct dm_decode_part *made;
    dm_status status = dm_loading_decoder(loading, dm_decode_replace, &made);
    if (!status)
        status = dm_loading_literal(loading, section_name, part, &made->text, &made->n_text);
    return status ? status
                  : dm_loading_content(loading, section_name, part, &made->other, &made->n_other);
}

static dm_status load_strip(struct dm_loading *loading, const json_t *part) {
    struct dm_decode_part *made;
    dm_status status = dm_loading_decoder(loading, dm_decode_strip, &made);
    if (!status)
        status = dm_json_get_size(part, "start", loading->path, &made->n_start, loading->error);
    if (!status)
        status = dm_json_get_size(part, "stop", loading->path, &made->n_stop, loading->error);
    return status ? status
                  : dm_loading_text(loading, section_name, part, "content", &made->text,
                                    &made->n_text);
}

static const struct dm_part_kind kinds[] = {
    {"ByteLevel", load_byte_level},
    {"ByteFallback", load_byte_fallback},
    {"Fuse", load_fuse},
    {"Metaspace", load_metaspace},
    {"Replace", load_replace},
    {"Strip", load_strip},
};

dm_status dm_load_decoders(struct dm_loading *loading, const json_t *section) {
    return dm_loading_section(loading, section, section_name, "decoders", kinds,
                              sizeof kinds / sizeof *kinds);
}
