/* The parts that change text, and the one that finds added tokens in it. */
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/encoder.h"

/* Gives the ids of the added tokens in what is held, and on what lies between them. */
static dm_status find_added(struct dm_encoder *encoder, size_t stage, bool last) {
    struct dm_stage_state *state = &encoder->state.stages[stage];
    const struct dm_added_tokens *added = encoder->parts[stage].added;
    struct dm_added_scan *scan = &state->scan;
    size_t n_byte;
    const char *text = dm_stage_text(encoder, stage, &n_byte);
    dm_status status = DM_OK;
    scan->text = text;
    scan->n_byte = n_byte;
    scan->open = !last;
    while (!status && dm_added_scan_next(scan, added)) {
        size_t n = state->given < scan->begin ? scan->begin - state->given : 0;
        status = dm_stage_give(encoder, stage, text + state->given, n, true);
        if (!status && !dm_ids_append(&encoder->ids, scan->id))
            status = dm_stage_fail_memory(encoder);
        encoder->state.past_start = true;
        state->given = scan->end;
    }
    if (status)
        return status;
    size_t settled = last ? n_byte : dm_added_scan_settled(scan, added);
    size_t n = state->given < settled ? settled - state->given : 0;
    status = dm_stage_give(encoder, stage, text + state->given, n, last);
    state->given += n;
    size_t done = state->given < scan->search ? state->given : scan->search;
    if (last)
        done = n_byte;
    else if (done)
        done -= dm_utf8_length_before(text, done);
    dm_added_scan_drop(scan, done);
    state->given -= done;
    dm_stage_let_go(encoder, stage, done);
    if (last) {
        *scan = (struct dm_added_scan){0};
        state->given = 0;
    }
    return status;
}

dm_status dm_feed_added(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                        bool last) {
    dm_status status = dm_stage_hold(encoder, stage, text, n_byte);
    if (status || !dm_stage_has_enough(encoder, stage, last))
        return status;
    return find_added(encoder, stage, last);
}

dm_status dm_feed_nfc(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                      bool last) {
    dm_status status = dm_stage_hold(encoder, stage, text, n_byte);
    if (status || !dm_stage_has_enough(encoder, stage, last))
        return status;
    const char *normal;
    size_t n_raw, n_normal;
    const char *raw = dm_stage_text(encoder, stage, &n_raw);
    if (!last)
        n_raw = dm_normalize_cut(raw, n_raw);
    if (!dm_normalize_nfc(&encoder->normalizer, raw, n_raw, &normal, &n_normal))
        return dm_stage_fail_memory(encoder);
    dm_stage_let_go(encoder, stage, n_raw);
    return dm_stage_give(encoder, stage, normal, n_normal, last);
}

/* What is put before is a single character wherever it matters how the text begins. */
static bool wants_prefix(const struct dm_encoder *encoder, size_t stage, const char *text,
                         size_t n_byte) {
    const struct dm_part *part = &encoder->parts[stage];
    if (part->prepend == DM_PREPEND_ALWAYS)
        return true;
    if (n_byte >= part->n_text && memcmp(text, part->text, part->n_text) == 0)
        return false;
    return part->prepend == DM_PREPEND_UNLESS_THERE ||
           (!encoder->state.past_start && !encoder->state.stages[stage].used);
}

dm_status dm_feed_prepend(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                          bool last) {
    const struct dm_part *part = &encoder->parts[stage];
    struct dm_stage_state *state = &encoder->state.stages[stage];
    bool first = n_byte && !state->begun;
    dm_status status = DM_OK;
    if (first && wants_prefix(encoder, stage, text, n_byte))
        status = dm_stage_give(encoder, stage, part->text, part->n_text, false);
    state->used = state->used || first;
    state->begun = !last && (first || state->begun);
    return status ? status : dm_stage_give(encoder, stage, text, n_byte, last);
}

/* The end of the text that no match of `pattern` begins in and goes beyond. */
static size_t before_cut(const char *text, size_t n_byte, const char *pattern, size_t n_pattern) {
    size_t n = n_pattern - 1 < n_byte ? n_pattern - 1 : n_byte;
    while (n && memcmp(text + n_byte - n, pattern, n) != 0)
        n--;
    return n_byte - n;
}

dm_status dm_feed_replace(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                          bool last) {
    const struct dm_part *part = &encoder->parts[stage];
    dm_status status = dm_stage_hold(encoder, stage, text, n_byte);
    if (status)
        return status;
    size_t n_held, begin = 0;
    const char *held = dm_stage_text(encoder, stage, &n_held), *found;
    while (!status &&
           (found = dm_bytes_find(held + begin, n_held - begin, part->text, part->n_text))) {
        status = dm_stage_give(encoder, stage, held + begin, (size_t)(found - held) - begin, false);
        if (!status)
            status = dm_stage_give(encoder, stage, part->other, part->n_other, false);
        begin = (size_t)(found - held) + part->n_text;
    }
    size_t end =
        last ? n_held : begin + before_cut(held + begin, n_held - begin, part->text, part->n_text);
    if (!status)
        status = dm_stage_give(encoder, stage, held + begin, end - begin, last);
    dm_stage_let_go(encoder, stage, end);
    return status;
}

/* ---- Splitting ---- */

/* Whether an item begins a word of its own, or goes on with that of the item before it. */
static bool begins_word(enum dm_split_behavior behavior, bool is_match, bool was_match) {
    switch (behavior) {
    case DM_SPLIT_CONTIGUOUS:
        return is_match != was_match;
    case DM_SPLIT_MERGED_WITH_PREVIOUS:
        return !is_match || was_match;
    case DM_SPLIT_MERGED_WITH_NEXT:
        return is_match || !was_match;
    default:
        return true;
    }
}

/* A match, or a piece of what lies before one: `whole` where its end is known. */
static dm_status give_item(struct dm_encoder *encoder, size_t stage, bool is_match,
                           const char *text, size_t n_byte, bool whole) {
    const struct dm_part *part = &encoder->parts[stage];
    struct dm_stage_state *state = &encoder->state.stages[stage];
    bool counts = is_match != part->invert, goes_on = state->in_gap;
    dm_status status = DM_OK;
    if (!n_byte && !goes_on)
        return DM_OK;
    if (!goes_on && state->begun && begins_word(part->behavior, counts, state->was_match))
        status = dm_stage_give(encoder, stage, "", 0, true);
    state->begun = true;
    state->was_match = counts;
    state->in_gap = !whole;
    if (status)
        return status;
    if (part->behavior == DM_SPLIT_REMOVED && counts) {
        encoder->state.past_start = true;
        return DM_OK;
    }
    /* A word alone ends at once; others may go on. */
    bool last = whole && part->behavior == DM_SPLIT_ISOLATED;
    state->begun = !last;
    return dm_stage_give(encoder, stage, text, n_byte, last);
}

dm_status dm_feed_split(struct dm_encoder *encoder, size_t stage, const char *text, size_t n_byte,
                        bool last) {
    struct dm_stage_state *state = &encoder->state.stages[stage];
    if (encoder->parts[stage].idle)
        return dm_stage_give(encoder, stage, text, n_byte, last);
    dm_status status = dm_stage_hold(encoder, stage, text, n_byte);
    if (status || !dm_stage_has_enough(encoder, stage, last))
        return status;
    size_t n_held, begin = 0, at, end;
    const char *held = dm_stage_text(encoder, stage, &n_held);
    while (!status && begin < n_held) {
        status = dm_pattern_find(&encoder->scan, &encoder->parts[stage].pattern, held, n_held,
                                 !last, begin, &at, &end, encoder->error);
        bool found = !status && end > at;
        if (!status)
            status = give_item(encoder, stage, false, held + begin, at - begin, found || last);
        if (!status && found)
            status = give_item(encoder, stage, true, held + at, end - at, true);
        if (status)
            return status;
        begin = end;
        if (!found)
            break;
    }
    dm_stage_let_go(encoder, stage, begin);
    if (!last)
        return DM_OK;
    bool open = state->begun;
    state->begun = state->in_gap = state->was_match = false;
    return open ? dm_stage_give(encoder, stage, "", 0, true) : DM_OK;
}

/* ---- The byte alphabet ---- */

dm_status dm_feed_alphabet(struct dm_encoder *encoder, size_t stage, const char *text,
                           size_t n_byte, bool last) {
    char written[512];
    size_t n = 0;
    for (size_t i = 0; i < n_byte; i++) {
        n += dm_alphabet_encode((unsigned char)text[i], written + n);
        if (n < sizeof written - 1 || i + 1 == n_byte)
            continue;
        dm_status status = dm_stage_give(encoder, stage, written, n, false);
        if (status)
            return status;
        n = 0;
    }
    return dm_stage_give(encoder, stage, written, n, last);
}
