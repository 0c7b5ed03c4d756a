#include "text/normalize.h"

#include <string.h>
#include <utf8proc.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "text/unicode.h"

/* Every character below U+0300 is its own NFC, and the first that can compose with the one before
 * is U+0300, whose first byte is this. So only the runs of later characters need work, each with
 * the one character before it. */
enum { first_byte_to_check = 0xcc, longest_decomposition = 4, n_class = 256 };

static bool decompose(struct dm_normalizer *scratch, uint32_t code_point) {
    int32_t *grown = dm_grow(scratch->code_points, scratch->n_code_point, &scratch->capacity,
                             scratch->n_code_point + longest_decomposition, sizeof *grown);
    if (!grown)
        return false;
    scratch->code_points = grown;
    int32_t *parts = grown + scratch->n_code_point;
    int unused = 0;
    utf8proc_ssize_t n_part =
        utf8proc_decompose_char((int32_t)code_point, parts, longest_decomposition,
                                (utf8proc_option_t)(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE), &unused);
    if (n_part < 1 || n_part > longest_decomposition) {
        *parts = (int32_t)code_point;
        n_part = 1;
    }
    scratch->n_code_point += (size_t)n_part;
    return true;
}

static size_t class_of(int32_t code_point) {
    return (size_t)utf8proc_get_property(code_point)->combining_class % n_class;
}

/* Sorts a run of marks by their class, equal ones in the order they had: by counting, so that the
 * time is linear in the run however it is shuffled. */
static bool sort_marks(struct dm_normalizer *scratch, int32_t *marks, size_t n_mark) {
    bool sorted = true;
    for (size_t i = 1; i < n_mark && sorted; i++)
        sorted = class_of(marks[i - 1]) <= class_of(marks[i]);
    if (sorted)
        return true;
    int32_t *grown = dm_grow(scratch->sorted, 0, &scratch->sorted_capacity, n_mark, sizeof *grown);
    if (!grown)
        return false;
    scratch->sorted = grown;
    size_t place[n_class + 1] = {0};
    for (size_t i = 0; i < n_mark; i++)
        place[class_of(marks[i]) + 1]++;
    for (size_t c = 0; c < n_class; c++)
        place[c + 1] += place[c];
    for (size_t i = 0; i < n_mark; i++)
        grown[place[class_of(marks[i])]++] = marks[i];
    memcpy(marks, grown, n_mark * sizeof *marks);
    return true;
}

static bool reorder(struct dm_normalizer *scratch) {
    size_t begin = 0;
    while (begin < scratch->n_code_point) {
        size_t end = begin;
        while (end < scratch->n_code_point && class_of(scratch->code_points[end]))
            end++;
        if (!sort_marks(scratch, scratch->code_points + begin, end - begin))
            return false;
        begin = end + 1;
    }
    return true;
}

/* Composes the collected code points and appends them to the output. */
static bool flush(struct dm_normalizer *scratch) {
    if (!scratch->n_code_point)
        return true;
    if (!reorder(scratch))
        return false;
    utf8proc_ssize_t n_composed =
        utf8proc_normalize_utf32(scratch->code_points, (utf8proc_ssize_t)scratch->n_code_point,
                                 (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    scratch->n_code_point = 0;
    if (n_composed < 0)
        return false;
    for (utf8proc_ssize_t i = 0; i < n_composed; i++) {
        unsigned char encoded[4];
        utf8proc_ssize_t length = utf8proc_encode_char(scratch->code_points[i], encoded);
        if (!dm_bytes_append(&scratch->output, (const char *)encoded, (size_t)length))
            return false;
    }
    return true;
}

/* Normalizes a run: the characters of text[0 .. n_byte). */
static bool normalize_run(struct dm_normalizer *scratch, const char *text, size_t n_byte) {
    size_t length;
    for (size_t i = 0; i < n_byte; i += length) {
        uint32_t code_point = dm_utf8_decode(text + i, &length);
        bool fine = dm_unicode_is_wall(code_point)
                        ? flush(scratch) && dm_bytes_append(&scratch->output, text + i, length)
                        : decompose(scratch, code_point);
        if (!fine)
            return false;
    }
    return flush(scratch);
}

static bool needs_check(const char *text, size_t i) {
    return (unsigned char)text[i] >= first_byte_to_check;
}

bool dm_normalize_nfc(struct dm_normalizer *scratch, const char *text, size_t n_byte,
                      const char **normal, size_t *n_normal) {
    size_t i = 0, copied = 0, length;
    scratch->output.n_byte = scratch->n_code_point = 0;
    while (i < n_byte) {
        if (!needs_check(text, i)) {
            i++;
            continue;
        }
        size_t begin = i > copied ? i - dm_utf8_length_before(text, i) : i;
        for (; i < n_byte && needs_check(text, i); i += length)
            dm_utf8_decode(text + i, &length);
        if (!dm_bytes_append(&scratch->output, text + copied, begin - copied) ||
            !normalize_run(scratch, text + begin, i - begin))
            return false;
        copied = i;
    }
    if (copied && !dm_bytes_append(&scratch->output, text + copied, n_byte - copied))
        return false;
    *normal = copied ? scratch->output.bytes : text;
    *n_normal = copied ? scratch->output.n_byte : n_byte;
    return true;
}

size_t dm_normalize_cut(const char *text, size_t n_byte) {
    size_t length;
    for (size_t at = n_byte; at > 0;) {
        at -= dm_utf8_length_before(text, at);
        if (dm_unicode_starts_afresh(dm_utf8_decode(text + at, &length)))
            return at;
    }
    return 0;
}

void dm_normalizer_close(struct dm_normalizer *scratch) {
    dm_memory_free(scratch->output.bytes);
    dm_memory_free(scratch->code_points);
    dm_memory_free(scratch->sorted);
    *scratch = (struct dm_normalizer){0};
}
