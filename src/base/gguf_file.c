#include "base/gguf_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"

static const char magic[] = "GGUF";
enum { n_magic = 4, max_depth = 8 }; /* of arrays in arrays */
/* The fewest bytes of a key, and of a tensor in the list. */
enum { least_key = 8 + 4 + 1, least_tensor = 8 + 4 + 4 + 8 };

static const size_t value_bytes[DM_N_GGUF_TYPE] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

static const struct tensor_type {
    uint32_t number;
    const char *name;
    size_t n_element, n_byte; /* of a block */
} tensor_types[] = {
    {0, "F32", 1, 4},         {1, "F16", 1, 2},         {2, "Q4_0", 32, 18},
    {3, "Q4_1", 32, 20},      {6, "Q5_0", 32, 22},      {7, "Q5_1", 32, 24},
    {8, "Q8_0", 32, 34},      {9, "Q8_1", 32, 40},      {10, "Q2_K", 256, 84},
    {11, "Q3_K", 256, 110},   {12, "Q4_K", 256, 144},   {13, "Q5_K", 256, 176},
    {14, "Q6_K", 256, 210},   {15, "Q8_K", 256, 292},   {16, "IQ2_XXS", 256, 66},
    {17, "IQ2_XS", 256, 74},  {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50},
    {20, "IQ4_NL", 32, 18},   {21, "IQ3_S", 256, 110},  {22, "IQ2_S", 256, 82},
    {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},         {25, "I16", 1, 2},
    {26, "I32", 1, 4},        {27, "I64", 1, 8},        {28, "F64", 1, 8},
    {29, "IQ1_M", 256, 56},   {30, "BF16", 1, 2},       {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66},   {39, "MXFP4", 32, 17},    {40, "NVFP4", 64, 36},
};

static const struct tensor_type *type_of(uint32_t number) {
    for (size_t i = 0; i < sizeof tensor_types / sizeof *tensor_types; i++)
        if (tensor_types[i].number == number)
            return &tensor_types[i];
    return NULL;
}

const char *dm_gguf_tensor_type_name(uint32_t type) {
    const struct tensor_type *found = type_of(type);
    return found ? found->name : NULL;
}

/* ---- Reading on ---- */

/* A place in the head of a file; once something did not fit, nothing more is there. */
struct cursor {
    const unsigned char *at, *end;
    bool broken;
};

static const unsigned char *take(struct cursor *cursor, uint64_t n_byte) {
    const unsigned char *taken = cursor->at;
    if (n_byte > (size_t)(cursor->end - cursor->at)) {
        cursor->broken = true;
        cursor->at = cursor->end;
        return NULL;
    }
    cursor->at += n_byte;
    return taken;
}

static uint64_t take_number(struct cursor *cursor, size_t n_byte) {
    const unsigned char *bytes = take(cursor, n_byte);
    uint64_t value = 0;
    for (size_t i = n_byte; bytes && i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static uint32_t take_u32(struct cursor *cursor) {
    return (uint32_t)take_number(cursor, 4);
}

static struct dm_gguf_text take_text(struct cursor *cursor) {
    uint64_t n_byte = take_number(cursor, 8);
    const unsigned char *bytes = take(cursor, n_byte);
    return bytes ? (struct dm_gguf_text){(const char *)bytes, (size_t)n_byte}
                 : (struct dm_gguf_text){"", 0};
}

static size_t left(const struct cursor *cursor) {
    return (size_t)(cursor->end - cursor->at);
}

/* ---- Keys ---- */

static void skip_values(struct cursor *cursor, enum dm_gguf_type type, size_t n, int depth);

/* The type and the number of the elements; they come next. */
static void take_array(struct cursor *cursor, struct dm_gguf_value *array) {
    uint32_t type = take_u32(cursor);
    uint64_t n = take_number(cursor, 8);
    if (type >= DM_N_GGUF_TYPE || n > left(cursor)) { /* an element has a byte at least */
        cursor->broken = true;
        type = 0;
        n = 0;
    }
    *array = (struct dm_gguf_value){(enum dm_gguf_type)type, true, (size_t)n, cursor->at};
}

static void skip_values(struct cursor *cursor, enum dm_gguf_type type, size_t n, int depth) {
    struct dm_gguf_value inner;
    if (type != DM_GGUF_TEXT && type != DM_GGUF_ARRAY) {
        take(cursor, n * value_bytes[type]); /* at most 8 times the bytes of the file */
        return;
    }
    for (size_t i = 0; i < n && !cursor->broken; i++) {
        if (type == DM_GGUF_TEXT) {
            take_text(cursor);
            continue;
        }
        take_array(cursor, &inner);
        if (depth == max_depth)
            cursor->broken = true;
        else
            skip_values(cursor, inner.type, inner.n, depth + 1);
    }
}

static dm_status read_key(const struct dm_gguf_file *gguf, struct cursor *cursor,
                          struct dm_gguf_key *key, dm_error *error) {
    key->name = take_text(cursor);
    uint32_t type = take_u32(cursor);
    if (type >= DM_N_GGUF_TYPE)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: key %.*s is of a type that is not known: %u",
                       gguf->file.path, (int)key->name.n_byte, key->name.bytes, (unsigned)type);
    key->value = (struct dm_gguf_value){(enum dm_gguf_type)type, false, 1, cursor->at};
    if (type == DM_GGUF_ARRAY)
        take_array(cursor, &key->value);
    skip_values(cursor, key->value.type, key->value.n, 1);
    return DM_OK;
}

static dm_status read_keys(struct dm_gguf_file *gguf, struct cursor *cursor, uint64_t n_key,
                           dm_error *error) {
    const char *path = gguf->file.path;
    if (n_key > left(cursor) / least_key)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: %llu keys do not fit in it", path,
                       (unsigned long long)n_key);
    gguf->keys = dm_memory_zeroed((size_t)n_key, sizeof *gguf->keys);
    if (!gguf->keys)
        return dm_fail_memory(error, path);
    for (; gguf->n_key < n_key; gguf->n_key++) {
        dm_status status = read_key(gguf, cursor, &gguf->keys[gguf->n_key], error);
        if (cursor->broken)
            return dm_fail(error, DM_ERROR_FORMAT, "%s: damaged, or cut short, inside key %zu",
                           path, gguf->n_key);
        if (status)
            return status;
    }
    qsort(gguf->keys, gguf->n_key, sizeof *gguf->keys, dm_gguf_compare_keys);
    for (size_t i = 1; i < gguf->n_key; i++)
        if (!dm_gguf_compare_keys(&gguf->keys[i - 1], &gguf->keys[i]))
            return dm_fail(error, DM_ERROR_FORMAT, "%s: key %.*s is there twice", path,
                           (int)gguf->keys[i].name.n_byte, gguf->keys[i].name.bytes);
    return DM_OK;
}

/* ---- Tensors ---- */

static dm_status fail_tensor(const struct dm_gguf_file *gguf, const struct dm_gguf_entry *tensor,
                             const char *what, dm_error *error) {
    return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s %s", gguf->file.path, tensor->name, what);
}

static dm_status read_name(const struct dm_gguf_file *gguf, struct cursor *cursor,
                           struct dm_gguf_entry *tensor, dm_error *error) {
    struct dm_gguf_text name = take_text(cursor);
    bool is_fine =
        name.n_byte && name.n_byte <= DM_GGUF_MAX_NAME && !memchr(name.bytes, 0, name.n_byte);
    if (!cursor->broken && !is_fine)
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: the name of tensor %zu does not have 1 to %d bytes, none of them 0",
                       gguf->file.path, gguf->n_tensor, DM_GGUF_MAX_NAME);
    if (is_fine)
        memcpy(tensor->name, name.bytes, name.n_byte);
    return DM_OK;
}

/* From the shape and the type: how many elements and bytes. */
static dm_status measure(const struct dm_gguf_file *gguf, struct dm_gguf_entry *tensor,
                         dm_error *error) {
    const struct tensor_type *type = type_of(tensor->type);
    size_t row = tensor->n_dim ? tensor->shape[tensor->n_dim - 1] : 1;
    if (!type)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: tensor %s is of a type that is not known: %u", gguf->file.path,
                       tensor->name, (unsigned)tensor->type);
    tensor->n_element = 1;
    for (size_t i = 0; i < tensor->n_dim; i++)
        if (!dm_size_mul(tensor->n_element, tensor->shape[i], &tensor->n_element))
            return fail_tensor(gguf, tensor, "is too large", error);
    if (row % type->n_element)
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: tensor %s: rows of %zu elements are no whole blocks of %s",
                       gguf->file.path, tensor->name, row, type->name);
    return dm_size_mul(tensor->n_element / type->n_element, type->n_byte, &tensor->n_byte)
               ? DM_OK
               : fail_tensor(gguf, tensor, "is too large", error);
}

/* `*place`: where in the data it begins. */
static dm_status read_tensor(const struct dm_gguf_file *gguf, struct cursor *cursor,
                             struct dm_gguf_entry *tensor, size_t *place, dm_error *error) {
    dm_status status = read_name(gguf, cursor, tensor, error);
    uint32_t n_dim = take_u32(cursor);
    if (status)
        return status;
    if (n_dim > DM_GGUF_MAX_DIM)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s has %u dimensions, more than %d",
                       gguf->file.path, tensor->name, (unsigned)n_dim, DM_GGUF_MAX_DIM);
    tensor->n_dim = n_dim;
    for (size_t i = n_dim; i-- > 0;) {
        uint64_t size = take_number(cursor, 8);
        tensor->shape[i] = (size_t)size;
        if (size > INT64_MAX)
            return fail_tensor(gguf, tensor, "is too large", error);
    }
    tensor->type = take_u32(cursor);
    *place = (size_t)take_number(cursor, 8);
    return cursor->broken ? DM_OK : measure(gguf, tensor, error);
}

static int compare_places(const void *a, const void *b) {
    const struct dm_gguf_entry *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->n_byte > y->n_byte) - (x->n_byte < y->n_byte);
}

/* Places become addresses in the data, which begin at a multiple of `alignment` as each tensor does. */
static dm_status place_tensors(struct dm_gguf_file *gguf, const struct cursor *cursor,
                               const size_t *places, size_t alignment, dm_error *error) {
    size_t head = gguf->file.n_byte - left(cursor), begin = head + (alignment - 1);
    begin -= begin % alignment;
    size_t n_byte = begin < gguf->file.n_byte ? gguf->file.n_byte - begin : 0;
    for (size_t i = 0; i < gguf->n_tensor; i++) {
        struct dm_gguf_entry *tensor = &gguf->tensors[i];
        if (places[i] % alignment)
            return dm_fail(error, DM_ERROR_FORMAT,
                           "%s: tensor %s begins at byte %zu of the data, no multiple of %zu",
                           gguf->file.path, tensor->name, places[i], alignment);
        if (places[i] > n_byte || tensor->n_byte > n_byte - places[i])
            return dm_fail(error, DM_ERROR_FORMAT,
                           "%s: tensor %s: %zu bytes from %zu of %zu: the file is damaged or cut "
                           "short",
                           gguf->file.path, tensor->name, tensor->n_byte, places[i], n_byte);
        tensor->data = gguf->file.bytes + begin + places[i];
    }
    qsort(gguf->tensors, gguf->n_tensor, sizeof *gguf->tensors, compare_places);
    for (size_t i = 1; i < gguf->n_tensor; i++)
        if (gguf->tensors[i].data < gguf->tensors[i - 1].data + gguf->tensors[i - 1].n_byte)
            return fail_tensor(gguf, &gguf->tensors[i], "overlaps another", error);
    return DM_OK;
}

static dm_status read_alignment(const struct dm_gguf_file *gguf, size_t *alignment,
                                dm_error *error) {
    static const char key[] = "general.alignment";
    *alignment = DM_GGUF_ALIGNMENT;
    dm_status status = dm_gguf_get_size(gguf, key, alignment, error);
    bool is_power = *alignment && !(*alignment & (*alignment - 1)) && *alignment <= INT32_MAX;
    return status || is_power ? status
                              : dm_fail(error, DM_ERROR_FORMAT, "%s: key %s is no power of 2",
                                        gguf->file.path, key);
}

static dm_status list_tensors(struct dm_gguf_file *gguf, struct cursor *cursor, uint64_t n_tensor,
                              dm_error *error) {
    const char *path = gguf->file.path;
    size_t alignment;
    dm_status status = read_alignment(gguf, &alignment, error);
    if (status)
        return status;
    if (n_tensor > left(cursor) / least_tensor)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: %llu tensors do not fit in it", path,
                       (unsigned long long)n_tensor);
    size_t *places = dm_memory_array((size_t)n_tensor, sizeof *places);
    gguf->tensors = dm_memory_zeroed((size_t)n_tensor, sizeof *gguf->tensors);
    if (!places || !gguf->tensors)
        status = dm_fail_memory(error, path);
    for (; gguf->n_tensor < n_tensor && !status; gguf->n_tensor++) {
        struct dm_gguf_entry *tensor = &gguf->tensors[gguf->n_tensor];
        status = read_tensor(gguf, cursor, tensor, &places[gguf->n_tensor], error);
        if (cursor->broken)
            status = dm_fail(error, DM_ERROR_FORMAT, "%s: damaged, or cut short, inside tensor %zu",
                             path, gguf->n_tensor);
    }
    if (!status)
        status = place_tensors(gguf, cursor, places, alignment, error);
    dm_memory_free(places);
    return status;
}

/* ---- The file ---- */

static dm_status read_head(struct dm_gguf_file *gguf, dm_error *error) {
    const char *path = gguf->file.path;
    if (gguf->file.n_byte < n_magic || memcmp(gguf->file.bytes, magic, n_magic) != 0)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: not a GGUF file: it does not begin with GGUF",
                       path);
    struct cursor cursor = {gguf->file.bytes + n_magic, gguf->file.bytes + gguf->file.n_byte,
                            false};
    uint32_t version = take_u32(&cursor);
    uint64_t n_tensor = take_number(&cursor, 8), n_key = take_number(&cursor, 8);
    if (cursor.broken)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: too short to be a GGUF file", path);
    if (version && !(version & 0xffff))
        return dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: a big-endian GGUF file cannot be read",
                       path);
    if (version != 2 && version != 3)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: GGUF of version %u: versions 2 and 3 can be read", path,
                       (unsigned)version);
    dm_status status = read_keys(gguf, &cursor, n_key, error);
    return status ? status : list_tensors(gguf, &cursor, n_tensor, error);
}

bool dm_gguf_is_file(const char *path) {
    static const char ending[] = ".gguf";
    char first[n_magic];
    size_t n = strlen(path), n_ending = strlen(ending);
    if (dm_path_is_folder(path) || !dm_path_exists(path))
        return false;
    if (n > n_ending && !strcmp(path + n - n_ending, ending))
        return true;
    int descriptor = dm_path_is_special(path) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    bool is_same = descriptor >= 0 && read(descriptor, first, n_magic) == n_magic &&
                   !memcmp(first, magic, n_magic);
    if (descriptor >= 0)
        close(descriptor);
    return is_same;
}

dm_status dm_gguf_open(struct dm_gguf_file *gguf, const char *path, bool copy, dm_error *error) {
    *gguf = (struct dm_gguf_file){0};
    dm_status status = copy ? dm_mapped_file_read(&gguf->file, path, error)
                            : dm_mapped_file_open(&gguf->file, path, error);
    if (!status)
        status = read_head(gguf, error);
    if (status)
        dm_gguf_close(gguf);
    return status;
}

void dm_gguf_close(struct dm_gguf_file *gguf) {
    dm_memory_free(gguf->keys);
    dm_memory_free(gguf->tensors);
    dm_mapped_file_close(&gguf->file);
    *gguf = (struct dm_gguf_file){0};
}
