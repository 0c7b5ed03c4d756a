#include "checkpoint/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { length_size = 8, max_header = 100000000 };

/* Every dtype of the format; a few have less than a byte per element. */
static const struct {
    const char *name;
    size_t n_bit;
    enum dm_element element;
} dtypes[] = {
    {"F32", 32, DM_ELEMENT_F32},          {"BF16", 16, DM_ELEMENT_BF16},
    {"F16", 16, DM_ELEMENT_F16},          {"F64", 64, DM_ELEMENT_F64},
    {"I64", 64, DM_ELEMENT_I64},          {"I32", 32, DM_ELEMENT_I32},
    {"BOOL", 8, DM_ELEMENT_OTHER},        {"U8", 8, DM_ELEMENT_OTHER},
    {"I8", 8, DM_ELEMENT_OTHER},          {"U16", 16, DM_ELEMENT_OTHER},
    {"I16", 16, DM_ELEMENT_OTHER},        {"U32", 32, DM_ELEMENT_OTHER},
    {"U64", 64, DM_ELEMENT_OTHER},        {"C64", 64, DM_ELEMENT_OTHER},
    {"F8_E5M2", 8, DM_ELEMENT_OTHER},     {"F8_E4M3", 8, DM_ELEMENT_OTHER},
    {"F8_E8M0", 8, DM_ELEMENT_OTHER},     {"F8_E4M3FNUZ", 8, DM_ELEMENT_OTHER},
    {"F8_E5M2FNUZ", 8, DM_ELEMENT_OTHER}, {"F6_E2M3", 6, DM_ELEMENT_OTHER},
    {"F6_E3M2", 6, DM_ELEMENT_OTHER},     {"F4", 4, DM_ELEMENT_OTHER},
};
enum { n_dtype = sizeof dtypes / sizeof *dtypes };

static size_t index_of(enum dm_element element) {
    size_t i = 0;
    while (dtypes[i].element != element)
        i++;
    return i;
}

size_t dm_element_size(enum dm_element element) {
    return element == DM_ELEMENT_OTHER ? 0 : dtypes[index_of(element)].n_bit / 8;
}

const char *dm_element_name(enum dm_element element) {
    return dtypes[index_of(element)].name;
}

static dm_status bad_tensor(const char *path, const char *name, const char *reason,
                            dm_error *error) {
    return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s: %s", path, name, reason);
}

/* An integer >= 0; false: it is something else. */
static bool get_whole(const json_t *value, size_t *whole) {
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *whole = (size_t)json_integer_value(value);
    return true;
}

static dm_status read_dtype(const json_t *info, const char *path, struct dm_named_tensor *tensor,
                            size_t *n_bit, dm_error *error) {
    const json_t *dtype = json_object_get(info, "dtype");
    const char *text = json_string_value(dtype);
    if (!text)
        return bad_tensor(path, tensor->name, "\"dtype\" must be a string", error);
    for (size_t i = 0; i < n_dtype; i++)
        if (!strcmp(text, dtypes[i].name) && json_string_length(dtype) == strlen(text)) {
            tensor->element = dtypes[i].element;
            *n_bit = dtypes[i].n_bit;
            return DM_OK;
        }
    return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s: unknown dtype \"%s\"", path,
                   tensor->name, text);
}

/* The shape, and from it the size in bits. */
static dm_status read_shape(const json_t *info, const char *path, struct dm_named_tensor *tensor,
                            size_t *n_bit, dm_error *error) {
    const json_t *shape = json_object_get(info, "shape");
    if (!json_is_array(shape))
        return bad_tensor(path, tensor->name, "\"shape\" must be an array", error);
    tensor->n_dim = json_array_size(shape);
    if (tensor->n_dim > DM_TENSOR_MAX_DIM)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: tensor %s has %zu dimensions, at most %d "
                       "can be read",
                       path, tensor->name, tensor->n_dim, DM_TENSOR_MAX_DIM);
    for (size_t i = 0; i < tensor->n_dim; i++) {
        if (!get_whole(json_array_get(shape, i), &tensor->shape[i]))
            return bad_tensor(path, tensor->name, "a size is not a whole number >= 0", error);
        if (!dm_size_mul(*n_bit, tensor->shape[i], n_bit))
            return bad_tensor(path, tensor->name, "its shape is too large", error);
    }
    return DM_OK;
}

static dm_status read_tensor(const json_t *info, const struct dm_safetensors *tensors,
                             size_t data_start, struct dm_named_tensor *tensor, dm_error *error) {
    const char *path = tensors->file.path;
    size_t n_bit = 0, begin, end, available = tensors->file.n_byte - data_start;
    if (!json_is_object(info))
        return bad_tensor(path, tensor->name, "its entry must be an object", error);
    dm_status status = read_dtype(info, path, tensor, &n_bit, error);
    if (!status)
        status = read_shape(info, path, tensor, &n_bit, error);
    if (status)
        return status;
    const json_t *offsets = json_object_get(info, "data_offsets");
    if (json_array_size(offsets) != 2 || !get_whole(json_array_get(offsets, 0), &begin) ||
        !get_whole(json_array_get(offsets, 1), &end))
        return bad_tensor(path, tensor->name, "\"data_offsets\" must be two whole numbers >= 0",
                          error);
    if (begin > end || end > available)
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: tensor %s: bytes %zu to %zu of %zu: the file is damaged or cut short",
                       path, tensor->name, begin, end, available);
    tensor->n_byte = end - begin;
    if (n_bit % 8 || n_bit / 8 != tensor->n_byte)
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: tensor %s: its shape and dtype need %zu bytes, its offsets give %zu",
                       path, tensor->name, n_bit / 8, tensor->n_byte);
    tensor->data = tensors->file.bytes + data_start + begin;
    return DM_OK;
}

static int compare_places(const void *a, const void *b) {
    const struct dm_named_tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->n_byte > y->n_byte) - (x->n_byte < y->n_byte);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct dm_named_tensor *)a)->name,
                  ((const struct dm_named_tensor *)b)->name);
}

/* The tensors cover the data exactly, as the format demands; leaves them sorted by offset. */
static dm_status check_cover(struct dm_safetensors *tensors, size_t data_start, dm_error *error) {
    const unsigned char *next = tensors->file.bytes + data_start,
                        *end = tensors->file.bytes + tensors->file.n_byte;
    qsort(tensors->tensors, tensors->n_tensor, sizeof *tensors->tensors, compare_places);
    for (size_t i = 0; i < tensors->n_tensor; i++) {
        const struct dm_named_tensor *tensor = &tensors->tensors[i];
        if (tensor->data != next)
            return bad_tensor(tensors->file.path, tensor->name,
                              tensor->data < next ? "it overlaps another tensor"
                                                  : "bytes before it belong to no tensor",
                              error);
        next += tensor->n_byte;
    }
    if (next != end)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: %zu bytes at the end belong to no tensor",
                       tensors->file.path, (size_t)(end - next));
    return DM_OK;
}

static dm_status check_metadata(const struct dm_safetensors *tensors, json_t *metadata,
                                dm_error *error) {
    const char *key;
    json_t *value;
    bool sound = json_is_object(metadata);
    json_object_foreach(metadata, key, value) sound = sound && json_is_string(value);
    return sound ? DM_OK
                 : dm_fail(error, DM_ERROR_FORMAT, "%s: __metadata__ must be an object of strings",
                           tensors->file.path);
}

/* Turns the parsed header into the list of tensors. */
static dm_status list_tensors(struct dm_safetensors *tensors, size_t data_start, dm_error *error) {
    tensors->tensors =
        dm_memory_zeroed(json_object_size(tensors->header), sizeof *tensors->tensors);
    if (!tensors->tensors)
        return dm_fail_memory(error, tensors->file.path);
    const char *key;
    json_t *value;
    json_object_foreach(tensors->header, key, value) {
        dm_status status;
        if (!strcmp(key, "__metadata__")) {
            status = check_metadata(tensors, value, error);
        } else {
            struct dm_named_tensor *tensor = &tensors->tensors[tensors->n_tensor++];
            tensor->name = key;
            status = read_tensor(value, tensors, data_start, tensor, error);
        }
        if (status)
            return status;
    }
    return check_cover(tensors, data_start, error);
}

static dm_status read_header(struct dm_safetensors *tensors, dm_error *error) {
    const struct dm_mapped_file *file = &tensors->file;
    uint64_t n_header = 0;
    if (file->n_byte < length_size)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: too short to be a safetensors file",
                       file->path);
    for (int i = length_size - 1; i >= 0; i--)
        n_header = n_header << 8 | file->bytes[i];
    if (n_header > max_header || n_header > file->n_byte - length_size)
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: its header should have %llu bytes: damaged, cut short, or no "
                       "safetensors file",
                       file->path, (unsigned long long)n_header);
    const char *text = (const char *)file->bytes + length_size;
    if (!n_header || *text != '{')
        return dm_fail(error, DM_ERROR_FORMAT, "%s: its header is not a JSON object", file->path);
    dm_status status = dm_json_parse(text, n_header, file->path, &tensors->header, error);
    if (status)
        return status;
    status = list_tensors(tensors, length_size + n_header, error);
    if (!status)
        qsort(tensors->tensors, tensors->n_tensor, sizeof *tensors->tensors, compare_names);
    return status;
}

/* Takes the file, where it could be opened, apart. */
static dm_status parse(struct dm_safetensors *tensors, dm_status opened, dm_error *error) {
    dm_status status = opened ? opened : read_header(tensors, error);
    if (status)
        dm_safetensors_close(tensors);
    return status;
}

dm_status dm_safetensors_open(struct dm_safetensors *tensors, const char *path, dm_error *error) {
    *tensors = (struct dm_safetensors){0};
    return parse(tensors, dm_mapped_file_open(&tensors->file, path, error), error);
}

dm_status dm_safetensors_read(struct dm_safetensors *tensors, const char *path, dm_error *error) {
    *tensors = (struct dm_safetensors){0};
    return parse(tensors, dm_mapped_file_read(&tensors->file, path, error), error);
}

dm_status dm_safetensors_borrow(struct dm_safetensors *tensors, const void *bytes, size_t n_byte,
                                const char *name, dm_error *error) {
    *tensors = (struct dm_safetensors){0};
    return parse(tensors, dm_mapped_file_borrow(&tensors->file, bytes, n_byte, name, error), error);
}

void dm_safetensors_close(struct dm_safetensors *tensors) {
    dm_memory_free(tensors->tensors);
    json_decref(tensors->header);
    dm_mapped_file_close(&tensors->file);
    *tensors = (struct dm_safetensors){0};
}

const struct dm_named_tensor *dm_safetensors_find(const struct dm_safetensors *tensors,
                                                  const char *name) {
    struct dm_named_tensor key = {.name = name};
    return tensors->n_tensor
               ? bsearch(&key, tensors->tensors, tensors->n_tensor, sizeof key, compare_names)
               : NULL;
}

const char *dm_safetensors_metadata(const struct dm_safetensors *tensors, const char *key) {
    return json_string_value(
        json_object_get(json_object_get(tensors->header, "__metadata__"), key));
}
