/* The values of a GGUF file's keys. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/gguf_file.h"
#include "base/half.h"

static uint64_t little_endian(const unsigned char *bytes, size_t n_byte) {
    uint64_t value = 0;
    for (size_t i = n_byte; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static size_t whole_bytes(enum dm_gguf_type type) { /* 0: no type of whole numbers */
    switch (type) {
    case DM_GGUF_U8:
    case DM_GGUF_I8:
        return 1;
    case DM_GGUF_U16:
    case DM_GGUF_I16:
        return 2;
    case DM_GGUF_U32:
    case DM_GGUF_I32:
        return 4;
    case DM_GGUF_U64:
    case DM_GGUF_I64:
        return 8;
    default:
        return 0;
    }
}

int64_t dm_gguf_whole(const struct dm_gguf_value *wholes, size_t i) {
    size_t n_byte = whole_bytes(wholes->type);
    uint64_t bits = little_endian(wholes->bytes + i * n_byte, n_byte);
    switch (wholes->type) {
    case DM_GGUF_I8:
        return (int8_t)bits;
    case DM_GGUF_I16:
        return (int16_t)bits;
    case DM_GGUF_I32:
        return (int32_t)bits;
    case DM_GGUF_I64:
        return (int64_t)bits;
    default:
        return bits > INT64_MAX ? -1 : (int64_t)bits;
    }
}

static float float_at(const unsigned char *bytes) {
    return dm_float_from_bits((uint32_t)little_endian(bytes, sizeof(float)));
}

float dm_gguf_float(const struct dm_gguf_value *floats, size_t i) {
    return float_at(floats->bytes + i * sizeof(float));
}

struct dm_gguf_text dm_gguf_next_text(const unsigned char **at) {
    enum { length = 8 };
    struct dm_gguf_text text = {(const char *)*at + length, (size_t)little_endian(*at, length)};
    *at += length + text.n_byte;
    return text;
}

bool dm_gguf_text_is(struct dm_gguf_text text, const char *other) {
    return text.n_byte == strlen(other) && !memcmp(text.bytes, other, text.n_byte);
}

/* ---- Keys ---- */

static int compare_texts(struct dm_gguf_text a, struct dm_gguf_text b) {
    size_t n = a.n_byte < b.n_byte ? a.n_byte : b.n_byte;
    int order = n ? memcmp(a.bytes, b.bytes, n) : 0;
    return order ? order : (a.n_byte > b.n_byte) - (a.n_byte < b.n_byte);
}

int dm_gguf_compare_keys(const void *a, const void *b) {
    return compare_texts(((const struct dm_gguf_key *)a)->name,
                         ((const struct dm_gguf_key *)b)->name);
}

const struct dm_gguf_value *dm_gguf_find(const struct dm_gguf_file *gguf, const char *key) {
    const struct dm_gguf_key wanted = {.name = {key, strlen(key)}};
    const struct dm_gguf_key *found =
        gguf->n_key ? bsearch(&wanted, gguf->keys, gguf->n_key, sizeof wanted, dm_gguf_compare_keys)
                    : NULL;
    return found ? &found->value : NULL;
}

static dm_status refuse(const struct dm_gguf_file *gguf, const char *key, const char *wanted,
                        dm_error *error) {
    return dm_fail(error, DM_ERROR_FORMAT, "%s: key %s must be %s", gguf->file.path, key, wanted);
}

dm_status dm_gguf_get_size(const struct dm_gguf_file *gguf, const char *key, size_t *size,
                           dm_error *error) {
    const struct dm_gguf_value *value = dm_gguf_find(gguf, key);
    if (!value)
        return DM_OK;
    if (value->is_array || !whole_bytes(value->type) || dm_gguf_whole(value, 0) < 0)
        return refuse(gguf, key, "a whole number >= 0", error);
    *size = (size_t)dm_gguf_whole(value, 0);
    return DM_OK;
}

/* The decimal number of fewest digits that rounds to this float32: what was meant by 1e-5. */
static double shortest(float value) {
    double magnitude = fabs((double)value), scale = 1;
    int n_digit = magnitude > 0 ? 1 - (int)floor(log10(magnitude)) : 1;
    for (int i = 0; i < n_digit - 1; i++)
        scale *= 10;
    for (; n_digit > 0 && scale <= 1e22; n_digit++, scale *= 10) { /* so far, exact */
        double decimal = round(magnitude * scale) / scale;
        if ((float)decimal == (float)magnitude)
            return copysign(decimal, (double)value);
    }
    return (double)value;
}

dm_status dm_gguf_get_real(const struct dm_gguf_file *gguf, const char *key, double *real,
                           dm_error *error) {
    const struct dm_gguf_value *value = dm_gguf_find(gguf, key);
    double number = NAN;
    if (!value)
        return DM_OK;
    if (value->type == DM_GGUF_F32) {
        number = shortest(float_at(value->bytes));
    } else if (value->type == DM_GGUF_F64) {
        uint64_t bits = little_endian(value->bytes, sizeof number);
        memcpy(&number, &bits, sizeof number);
    }
    if (value->is_array || !isfinite(number))
        return refuse(gguf, key, "a finite number", error);
    *real = number;
    return DM_OK;
}

dm_status dm_gguf_get_bool(const struct dm_gguf_file *gguf, const char *key, bool *result,
                           dm_error *error) {
    const struct dm_gguf_value *value = dm_gguf_find(gguf, key);
    if (!value)
        return DM_OK;
    if (value->is_array || value->type != DM_GGUF_BOOL)
        return refuse(gguf, key, "true or false", error);
    *result = *value->bytes;
    return DM_OK;
}

dm_status dm_gguf_get_text(const struct dm_gguf_file *gguf, const char *key,
                           struct dm_gguf_text *text, dm_error *error) {
    const struct dm_gguf_value *value = dm_gguf_find(gguf, key);
    if (!value)
        return DM_OK;
    if (value->is_array || value->type != DM_GGUF_TEXT)
        return refuse(gguf, key, "a text", error);
    const unsigned char *at = value->bytes;
    *text = dm_gguf_next_text(&at);
    return DM_OK;
}

dm_status dm_gguf_get_texts(const struct dm_gguf_file *gguf, const char *key,
                            const struct dm_gguf_value **texts, dm_error *error) {
    *texts = dm_gguf_find(gguf, key);
    return !*texts || ((*texts)->is_array && (*texts)->type == DM_GGUF_TEXT)
               ? DM_OK
               : refuse(gguf, key, "an array of texts", error);
}

dm_status dm_gguf_get_wholes(const struct dm_gguf_file *gguf, const char *key,
                             const struct dm_gguf_value **wholes, dm_error *error) {
    *wholes = dm_gguf_find(gguf, key);
    return !*wholes || ((*wholes)->is_array && whole_bytes((*wholes)->type))
               ? DM_OK
               : refuse(gguf, key, "an array of whole numbers", error);
}

dm_status dm_gguf_get_floats(const struct dm_gguf_file *gguf, const char *key,
                             const struct dm_gguf_value **floats, dm_error *error) {
    *floats = dm_gguf_find(gguf, key);
    return !*floats || ((*floats)->is_array && (*floats)->type == DM_GGUF_F32)
               ? DM_OK
               : refuse(gguf, key, "an array of float32", error);
}
