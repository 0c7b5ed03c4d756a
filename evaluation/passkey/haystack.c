#include "haystack.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/status.h"
#include "metrics/code_points.h"
#include "text/sentences.h"

enum { min_tokens = 10 };

struct row {
    size_t begin, end; /* bytes of the text */
    bool is_encoded;
    int32_t *ids; /* of its sentences, one behind the other */
    size_t *ends; /* [n_sentence] */
    size_t n_sentence;
};

struct haystack {
    const dm_tokenizer *tokenizer;
    const char *text, *name;
    struct row *rows; /* [n_row] */
    size_t n_row;
};

static size_t find_row_end(const char *text, size_t begin, size_t n_byte) {
    const char *line_feed = memchr(text + begin, '\n', n_byte - begin);
    return line_feed ? (size_t)(line_feed - text) + 1 : n_byte;
}

static dm_status find_rows(struct haystack *haystack, size_t n_byte, dm_error *error) {
    size_t n = 0;
    for (size_t begin = 0; begin < n_byte; begin = find_row_end(haystack->text, begin, n_byte))
        n++;
    haystack->rows = calloc(n ? n : 1, sizeof *haystack->rows);
    if (!haystack->rows)
        return dm_fail_memory(error, "the noise sentences");
    haystack->n_row = n;
    for (size_t r = 0, begin = 0; r < n; begin = haystack->rows[r++].end) {
        haystack->rows[r].begin = begin;
        haystack->rows[r].end = find_row_end(haystack->text, begin, n_byte);
    }
    return DM_OK;
}

/* Checked up front, so that no prompt fails after others have been answered. */
static dm_status check_utf8(const struct haystack *haystack, dm_error *error) {
    for (size_t r = 0; r < haystack->n_row; r++) {
        const struct utf8 row = {haystack->text + haystack->rows[r].begin,
                                 haystack->rows[r].end - haystack->rows[r].begin};
        for (size_t i = 0, n_byte; i < row.n_byte; i += n_byte)
            if (code_point_at(&row, i, &n_byte) == 0xFFFD && n_byte == 1) {
                return dm_fail(error, DM_ERROR_FORMAT, "%s:%zu: byte %zu is not UTF-8",
                               haystack->name, r + 1, i);
            }
    }
    return DM_OK;
}

/* Encodes a sentence, and appends it to the row's. */
static dm_status add_sentence(const struct haystack *haystack, struct row *row,
                              const char *sentence, size_t n_byte, dm_error *error) {
    size_t n_before = row->n_sentence ? row->ends[row->n_sentence - 1] : 0, n_id;
    int32_t *ids, *joined = row->ids;
    dm_status status =
        dm_tokenizer_encode(haystack->tokenizer, sentence, n_byte, &ids, &n_id, error);
    if (status)
        return status;
    if (n_id >= min_tokens) {
        joined = realloc(row->ids, (n_before + n_id) * sizeof *joined);
        if (joined) {
            memcpy(joined + n_before, ids, n_id * sizeof *ids);
            row->ids = joined;
            row->ends[row->n_sentence++] = n_before + n_id;
        }
    }
    dm_free(ids);
    return joined || n_id < min_tokens ? DM_OK : dm_fail_memory(error, "the noise sentences");
}

static dm_status encode_row(const struct haystack *haystack, struct row *row, dm_error *error) {
    struct text_span *spans;
    size_t n_span;
    const char *text = haystack->text + row->begin;
    dm_status status = sentences_split(text, row->end - row->begin, &spans, &n_span, error);
    if (status)
        return status;
    row->ends = calloc(n_span ? n_span : 1, sizeof *row->ends);
    if (!row->ends)
        status = dm_fail_memory(error, "the noise sentences");
    for (size_t s = 0; !status && s < n_span; s++)
        status = add_sentence(haystack, row, text + spans[s].begin, spans[s].end - spans[s].begin,
                              error);
    free(spans);
    if (status) {
        free(row->ids);
        free(row->ends);
        *row = (struct row){.begin = row->begin, .end = row->end};
    } else {
        row->is_encoded = true;
    }
    return status;
}

static dm_status check_length(struct haystack *haystack, dm_error *error) {
    for (size_t r = 0; r < haystack->n_row; r++) {
        dm_status status = encode_row(haystack, &haystack->rows[r], error);
        if (status || haystack->rows[r].n_sentence)
            return status;
    }
    return dm_fail(error, DM_ERROR_FORMAT, "%s: no sentence has %d tokens or more", haystack->name,
                   min_tokens);
}

dm_status haystack_new(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                       const char *name, struct haystack **haystack, dm_error *error) {
    struct haystack *made = calloc(1, sizeof *made);
    if (!made)
        return dm_fail_memory(error, "the noise sentences");
    *made = (struct haystack){.tokenizer = tokenizer, .text = text, .name = name};
    dm_status status = find_rows(made, n_byte, error);
    if (!status)
        status = check_utf8(made, error);
    if (!status)
        status = check_length(made, error);
    if (status)
        haystack_free(made);
    else
        *haystack = made;
    return status;
}

void haystack_free(struct haystack *haystack) {
    if (!haystack)
        return;
    for (size_t r = 0; r < haystack->n_row; r++) {
        free(haystack->rows[r].ids);
        free(haystack->rows[r].ends);
    }
    free(haystack->rows);
    free(haystack);
}

size_t haystack_row_count(const struct haystack *haystack) {
    return haystack->n_row;
}

struct starts {
    size_t *items;
    size_t n, capacity;
};

static bool add_start(struct starts *starts, size_t start) {
    size_t *items = dm_grow(starts->items, starts->n, 1, &starts->capacity, sizeof *items);
    if (!items)
        return false;
    starts->items = items;
    starts->items[starts->n++] = start;
    return true;
}

/* Appends the row's sentences to the n_done tokens, as far as they fit. */
static bool copy_row(const struct row *row, int32_t *ids, size_t n_id, size_t *n_done,
                     struct starts *starts) {
    for (size_t s = 0; s < row->n_sentence && *n_done < n_id; s++) {
        size_t begin = s ? row->ends[s - 1] : 0, n = row->ends[s] - begin;
        if (!add_start(starts, *n_done))
            return false;
        if (n > n_id - *n_done)
            n = n_id - *n_done;
        memcpy(ids + *n_done, row->ids + begin, n * sizeof *ids);
        *n_done += n;
    }
    return true;
}

dm_status haystack_read(struct haystack *haystack, size_t row, int32_t *ids, size_t n_id,
                        size_t **starts, size_t *n_start, dm_error *error) {
    struct starts found = {0};
    dm_status status = DM_OK;
    for (size_t n_done = 0; !status && n_done < n_id; row = (row + 1) % haystack->n_row) {
        if (!haystack->rows[row].is_encoded)
            status = encode_row(haystack, &haystack->rows[row], error);
        if (!status && !copy_row(&haystack->rows[row], ids, n_id, &n_done, &found))
            status = dm_fail_memory(error, "the noise sentences");
    }
    if (status) {
        free(found.items);
        return status;
    }
    *starts = found.items;
    *n_start = found.n;
    return DM_OK;
}
