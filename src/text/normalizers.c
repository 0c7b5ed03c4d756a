/* The section "normalizer" of a tokenizer.json. */
#include "text/loading.h"

static const char section_name[] = "normalizer";

static dm_status load_nfc(struct dm_loading *loading, const json_t *part) {
    (void)part;
    struct dm_part *made;
    return dm_loading_part(loading, dm_feed_nfc, &made);
}

static dm_status load_prepend(struct dm_loading *loading, const json_t *part) {
    struct dm_part *made;
    dm_status status = dm_loading_part(loading, dm_feed_prepend, &made);
    return status ? status
                  : dm_loading_text(loading, section_name, part, "prepend", &made->text,
                                    &made->n_text);
}

static dm_status load_replace(struct dm_loading *loading, const json_t *part) {
    struct dm_part *made;
    dm_status status = dm_loading_part(loading, dm_feed_replace, &made);
    if (!status)
        status = dm_loading_literal(loading, section_name, part, &made->text, &made->n_text);
    return status ? status
                  : dm_loading_content(loading, section_name, part, &made->other, &made->n_other);
}

static const struct dm_part_kind kinds[] = {
    {"NFC", load_nfc},
    {"Prepend", load_prepend},
    {"Replace", load_replace},
};

dm_status dm_load_normalizers(struct dm_loading *loading, const json_t *section) {
    size_t n_before = loading->tokenizer->n_part;
    if (dm_loading_is_absent(section))
        return DM_OK;
    dm_status status = dm_loading_section(loading, section, section_name, "normalizers", kinds,
                                          sizeof kinds / sizeof *kinds);
    loading->tokenizer->n_normalizer = loading->tokenizer->n_part - n_before;
    return status;
}
