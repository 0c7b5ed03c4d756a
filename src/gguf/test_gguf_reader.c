#include "gguf/test_gguf_reader.h"

#include <stdlib.h>
#include <string.h>

struct cursor {
    const unsigned char *bytes;
    size_t n_byte, offset;
};

static const unsigned char *take(struct cursor *cursor, uint64_t n_byte) {
    assert_true(n_byte <= cursor->n_byte - cursor->offset);
    const unsigned char *taken = cursor->bytes + cursor->offset;
    cursor->offset += n_byte;
    return taken;
}

static uint64_t number(struct cursor *cursor, size_t n_byte) {
    const unsigned char *bytes = take(cursor, n_byte);
    uint64_t value = 0;
    for (size_t i = n_byte; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static const char *text(struct cursor *cursor, size_t *n_byte) {
    *n_byte = number(cursor, 8);
    return (const char *)take(cursor, *n_byte);
}

static void skip_value(struct cursor *cursor, uint32_t type) {
    static const size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    assert_true(type < sizeof sizes / sizeof *sizes);
    if (type == 8) {
        take(cursor, number(cursor, 8));
    } else if (type == 9) {
        uint32_t element = (uint32_t)number(cursor, 4);
        assert_int_not_equal(element, 9);
        for (uint64_t n = number(cursor, 8); n > 0; n--)
            skip_value(cursor, element);
    } else {
        take(cursor, sizes[type]);
    }
}

static void read_key(struct cursor *cursor, struct gguf_key *key) {
    key->name = text(cursor, &key->n_name);
    key->type = (uint32_t)number(cursor, 4);
    key->value = cursor->bytes + cursor->offset;
    skip_value(cursor, key->type);
    key->n_value = (size_t)(cursor->bytes + cursor->offset - key->value);
}

/* Gives where in the data it begins. */
static uint64_t read_tensor(struct cursor *cursor, struct gguf_tensor *tensor) {
    tensor->name = text(cursor, &tensor->n_name);
    tensor->n_dim = (uint32_t)number(cursor, 4);
    assert_true(tensor->n_dim <= GGUF_MAX_DIM);
    tensor->n_byte = 1;
    for (size_t k = 0; k < tensor->n_dim; k++)
        tensor->n_byte *= tensor->shape[k] = number(cursor, 8);
    tensor->type = (uint32_t)number(cursor, 4);
    assert_true(tensor->type == 0 || tensor->type == 1 || tensor->type == 8 || tensor->type == 12 ||
                tensor->type == 30);
    if (tensor->type == 8 || tensor->type == 12) /* blocks of 32 or 256 */
        tensor->n_byte = tensor->type == 8 ? tensor->n_byte / 32 * 34 : tensor->n_byte / 256 * 144;
    else
        tensor->n_byte *= tensor->type == 0 ? 4 : 2;
    return number(cursor, 8);
}

static size_t padded(size_t n_byte) {
    return n_byte + (32 - n_byte % 32) % 32;
}

void gguf_read(struct gguf_file *file, const char *path) {
    uint64_t places[GGUF_MAX_TENSOR];
    *file = (struct gguf_file){0};
    file->bytes = test_read_file(path, &file->n_byte);
    struct cursor cursor = {file->bytes, file->n_byte, 0};
    assert_memory_equal(take(&cursor, 4), "GGUF", 4);
    assert_int_equal(number(&cursor, 4), 3);
    file->n_tensor = number(&cursor, 8);
    file->n_key = number(&cursor, 8);
    assert_true(file->n_tensor <= GGUF_MAX_TENSOR && file->n_key <= GGUF_MAX_KEY);
    for (size_t i = 0; i < file->n_key; i++)
        read_key(&cursor, &file->keys[i]);
    for (size_t i = 0; i < file->n_tensor; i++)
        places[i] = read_tensor(&cursor, &file->tensors[i]);
    size_t begin = padded(cursor.offset), end = 0;
    for (size_t i = 0; i < file->n_tensor; i++) {
        assert_int_equal(places[i], end);
        assert_true(begin + end + file->tensors[i].n_byte <= file->n_byte);
        file->tensors[i].data = file->bytes + begin + end;
        end += padded(file->tensors[i].n_byte);
    }
    assert_int_equal(begin + end, file->n_byte);
}

void gguf_free(struct gguf_file *file) {
    free(file->bytes);
}

const struct gguf_key *gguf_find_key(const struct gguf_file *file, const char *name,
                                     size_t n_name) {
    for (size_t i = 0; i < file->n_key; i++)
        if (file->keys[i].n_name == n_name && !memcmp(file->keys[i].name, name, n_name))
            return &file->keys[i];
    return NULL;
}

const struct gguf_tensor *gguf_find_tensor(const struct gguf_file *file, const char *name,
                                           size_t n_name) {
    for (size_t i = 0; i < file->n_tensor; i++)
        if (file->tensors[i].n_name == n_name && !memcmp(file->tensors[i].name, name, n_name))
            return &file->tensors[i];
    return NULL;
}
