#include "checkpoint/torch_bin.h"

#include <string.h>

#include "base/memory.h"
#include "checkpoint/torch_pickle.h"
#include "checkpoint/torch_zip.h"

enum {
    max_pickle = 1 << 24, /* a hundred times what a large model needs */
    max_copied = 4,       /* times the file's size: views of a storage may overlap, but not so */
    max_unpacked = 64     /* times the file's size: no trained weights pack so well */
};

/* While a file is being opened. */
struct opening {
    struct dm_torch_bin *bin;
    struct dm_torch_zip zip;
    const struct dm_torch_zip_entry *pickle; /* <folder>/data.pkl: all entries have this folder */
    size_t n_prefix;                         /* of its name, with the slash */
    size_t n_copied, n_unpacked;             /* bytes */
};

static dm_status find_pickle(struct opening *opening, dm_error *error) {
    const char *path = opening->bin->file.path;
    for (size_t i = 0; i < opening->zip.n_entry; i++) {
        const struct dm_torch_zip_entry *entry = &opening->zip.entries[i];
        const char *slash = strchr(entry->name, '/');
        if (!slash || strcmp(slash, "/data.pkl") != 0)
            continue;
        if (opening->pickle)
            return dm_fail(error, DM_ERROR_FORMAT, "%s: the zip has more than one data.pkl", path);
        opening->pickle = entry;
        opening->n_prefix = (size_t)(slash + 1 - entry->name);
    }
    if (!opening->pickle)
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: a zip without data.pkl: torch.save did not write it", path);
    if (opening->pickle->n_byte > max_pickle)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: its data.pkl is too large", path);
    return DM_OK;
}

/* prefix + folder + name. `*entry` NULL: the zip has no such entry. */
static dm_status find_entry(const struct opening *opening, const char *folder,
                            struct dm_pickle_text name, const struct dm_torch_zip_entry **entry,
                            dm_error *error) {
    size_t n_folder = strlen(folder), n = opening->n_prefix + n_folder + name.n_byte;
    char *full = dm_memory_array(n + 1, 1);
    if (!full)
        return dm_fail_memory(error, opening->bin->file.path);
    memcpy(full, opening->pickle->name, opening->n_prefix);
    memcpy(full + opening->n_prefix, folder, n_folder);
    memcpy(full + opening->n_prefix + n_folder, name.bytes, name.n_byte);
    full[n] = 0;
    *entry = strlen(full) == n ? dm_torch_zip_find(&opening->zip, full) : NULL;
    dm_memory_free(full);
    return DM_OK;
}

/* Unpacks an entry into memory of its own. */
static dm_status unpack(const struct opening *opening, const struct dm_torch_zip_entry *entry,
                        unsigned char **bytes, dm_error *error) {
    unsigned char *copy = dm_memory_array(entry->n_byte, 1);
    if (!copy)
        return dm_fail_memory(error, opening->bin->file.path);
    dm_status status = dm_torch_zip_read(&opening->zip, entry, copy, error);
    if (status)
        dm_memory_free(copy);
    else
        *bytes = copy;
    return status;
}

/* Storages are in the byte order of the machine that wrote them; it says so in an entry. */
static dm_status check_byte_order(const struct opening *opening, dm_error *error) {
    static const char little[] = {'l', 'i', 't', 't', 'l', 'e'};
    unsigned char order[sizeof little] = {0};
    const struct dm_torch_zip_entry *entry = NULL;
    dm_status status =
        find_entry(opening, "", (struct dm_pickle_text){"byteorder", 9}, &entry, error);
    if (!status && entry && entry->n_byte == sizeof order)
        status = dm_torch_zip_read(&opening->zip, entry, order, error);
    if (status || !entry || !memcmp(order, little, sizeof little))
        return status;
    return dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: its storages are not little-endian",
                   opening->bin->file.path);
}

static dm_status bad_tensor(const struct opening *opening, const struct dm_pickle_tensor *tensor,
                            const char *reason, dm_error *error) {
    enum { shown = 100 };
    return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %.*s: %s", opening->bin->file.path,
                   (int)(tensor->name.n_byte < shown ? tensor->name.n_byte : shown),
                   tensor->name.bytes, reason);
}

/* Keeps `copy` until the file is closed; there is room for one per tensor, twice. */
static void keep(struct dm_torch_bin *bin, void *copy) {
    bin->copies[bin->n_copy++] = copy;
}

/* The bytes of a storage, unpacked once if it is compressed. */
static dm_status find_storage(struct opening *opening, const struct dm_pickle_tensor *tensor,
                              const unsigned char **bytes, dm_error *error) {
    const struct dm_torch_zip_entry *entry = NULL;
    size_t n_byte;
    dm_status status = find_entry(opening, "data/", tensor->storage, &entry, error);
    if (status)
        return status;
    if (!entry || !dm_size_mul(tensor->n_storage, dm_element_size(tensor->element), &n_byte) ||
        entry->n_byte != n_byte)
        return bad_tensor(opening, tensor, "its storage is missing, or has another size", error);
    *bytes = entry->bytes;
    if (*bytes)
        return DM_OK;
    if (!dm_size_add(opening->n_unpacked, n_byte, &opening->n_unpacked) ||
        opening->n_unpacked / max_unpacked > opening->bin->file.n_byte)
        return bad_tensor(opening, tensor, "its storage unpacks to far more than a file's", error);
    unsigned char *copy = NULL;
    status = unpack(opening, entry, &copy, error);
    if (status)
        return status;
    keep(opening->bin, copy);
    opening->zip.entries[entry - opening->zip.entries].bytes = copy;
    *bytes = copy;
    return DM_OK;
}

/* The number of elements; fails where a view leaves its storage or repeats elements. */
static dm_status check_view(const struct opening *opening, const struct dm_pickle_tensor *tensor,
                            size_t *n_element, bool *is_contiguous, dm_error *error) {
    static const char outside[] = "it leaves its storage";
    size_t n = 1, last = tensor->offset, span;
    *is_contiguous = true;
    for (size_t i = tensor->n_dim; i--;) {
        size_t size = tensor->shape[i];
        if (size > 1 && tensor->stride[i] != n)
            *is_contiguous = false;
        if (!dm_size_mul(n, size, &n))
            return bad_tensor(opening, tensor, outside, error);
        if (size &&
            (!dm_size_mul(size - 1, tensor->stride[i], &span) || !dm_size_add(last, span, &last)))
            return bad_tensor(opening, tensor, outside, error);
    }
    if (n ? last >= tensor->n_storage : tensor->offset > tensor->n_storage)
        return bad_tensor(opening, tensor, outside, error);
    if (n > tensor->n_storage)
        return bad_tensor(opening, tensor, "its strides repeat elements", error);
    *n_element = n;
    return DM_OK;
}

/* Gathers the elements of a view in row-major order. Strides of dimensions of size 1 may be
 * anything: they wrap around and back. */
static void gather(const struct dm_pickle_tensor *tensor, const unsigned char *storage,
                   size_t n_element, unsigned char *out) {
    size_t size = dm_element_size(tensor->element), index[DM_TENSOR_MAX_DIM] = {0},
           from = tensor->offset;
    for (size_t n = 0; n < n_element; n++) {
        memcpy(out + n * size, storage + from * size, size);
        for (size_t i = tensor->n_dim; i--;) {
            from += tensor->stride[i];
            if (++index[i] < tensor->shape[i])
                break;
            from -= tensor->stride[i] * tensor->shape[i];
            index[i] = 0;
        }
    }
}

static dm_status bind_data(struct opening *opening, const struct dm_pickle_tensor *tensor,
                           struct dm_named_tensor *out, dm_error *error) {
    const unsigned char *storage = NULL;
    size_t n_element = 0, size = dm_element_size(tensor->element);
    bool is_contiguous = true;
    if (!size)
        return DM_OK; /* listed, never used */
    dm_status status = find_storage(opening, tensor, &storage, error);
    if (!status)
        status = check_view(opening, tensor, &n_element, &is_contiguous, error);
    if (status)
        return status;
    out->n_byte = n_element * size;
    out->data = storage + tensor->offset * size;
    if (is_contiguous || !n_element)
        return DM_OK;
    opening->n_copied += out->n_byte;
    if (opening->n_copied / max_copied > opening->bin->file.n_byte)
        return bad_tensor(opening, tensor, "too many tensors share one storage", error);
    unsigned char *copy = dm_memory_array(n_element, size);
    if (!copy)
        return dm_fail_memory(error, opening->bin->file.path);
    gather(tensor, storage, n_element, copy);
    keep(opening->bin, copy);
    out->data = copy;
    return DM_OK;
}

static dm_status add_tensor(struct opening *opening, const struct dm_pickle_tensor *tensor,
                            dm_error *error) {
    struct dm_torch_bin *bin = opening->bin;
    struct dm_named_tensor out = {.element = tensor->element, .n_dim = tensor->n_dim};
    if (memchr(tensor->name.bytes, 0, tensor->name.n_byte))
        return bad_tensor(opening, tensor, "its name contains a NUL", error);
    memcpy(out.shape, tensor->shape, sizeof out.shape);
    dm_status status = bind_data(opening, tensor, &out, error);
    if (status)
        return status;
    char *name = dm_memory_array(tensor->name.n_byte + 1, 1);
    if (!name)
        return dm_fail_memory(error, bin->file.path);
    memcpy(name, tensor->name.bytes, tensor->name.n_byte);
    name[tensor->name.n_byte] = 0;
    out.name = bin->names[bin->n_tensor] = name;
    bin->tensors[bin->n_tensor++] = out;
    return DM_OK;
}

static dm_status add_tensors(struct opening *opening, const struct dm_pickle_tensor *list,
                             size_t n_tensor, dm_error *error) {
    struct dm_torch_bin *bin = opening->bin;
    bin->tensors = dm_memory_array(n_tensor, sizeof *bin->tensors);
    bin->names = dm_memory_array(n_tensor, sizeof *bin->names);
    bin->copies = dm_memory_array(n_tensor, 2 * sizeof *bin->copies);
    if (!bin->tensors || !bin->names || !bin->copies)
        return dm_fail_memory(error, bin->file.path);
    dm_status status = DM_OK;
    for (size_t i = 0; !status && i < n_tensor; i++)
        status = add_tensor(opening, &list[i], error);
    return status;
}

static dm_status read_tensors(struct opening *opening, dm_error *error) {
    unsigned char *pickle = NULL;
    struct dm_pickle_tensor *list = NULL;
    size_t n_tensor = 0;
    dm_status status = find_pickle(opening, error);
    if (!status)
        status = check_byte_order(opening, error);
    if (!status)
        status = unpack(opening, opening->pickle, &pickle, error);
    if (!status)
        status = dm_torch_pickle_read(pickle, opening->pickle->n_byte, opening->bin->file.path,
                                      &list, &n_tensor, error);
    if (!status)
        status = add_tensors(opening, list, n_tensor, error);
    dm_memory_free(list);
    dm_memory_free(pickle);
    return status;
}

static dm_status check_kind(const struct dm_mapped_file *file, dm_error *error) {
    if (file->n_byte >= 2 && file->bytes[0] == 0x80 && file->bytes[1] <= 5)
        return dm_fail(
            error, DM_ERROR_UNSUPPORTED,
            "%s: written by torch.save before version 1.6: load and save it with a newer "
            "PyTorch first",
            file->path);
    if (file->n_byte < 4 || memcmp(file->bytes, "PK\3\4", 4) != 0)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: not a file that torch.save writes", file->path);
    return DM_OK;
}

/* Takes the file, where it could be opened, apart. */
static dm_status parse(struct dm_torch_bin *bin, dm_status opened, dm_error *error) {
    struct opening opening = {.bin = bin};
    dm_status status = opened ? opened : check_kind(&bin->file, error);
    if (!status)
        status = dm_torch_zip_open(&opening.zip, &bin->file, error);
    if (!status)
        status = read_tensors(&opening, error);
    dm_torch_zip_close(&opening.zip);
    if (status)
        dm_torch_bin_close(bin);
    return status;
}

dm_status dm_torch_bin_open(struct dm_torch_bin *bin, const char *path, dm_error *error) {
    *bin = (struct dm_torch_bin){0};
    return parse(bin, dm_mapped_file_open(&bin->file, path, error), error);
}

dm_status dm_torch_bin_read(struct dm_torch_bin *bin, const char *path, dm_error *error) {
    *bin = (struct dm_torch_bin){0};
    return parse(bin, dm_mapped_file_read(&bin->file, path, error), error);
}

void dm_torch_bin_close(struct dm_torch_bin *bin) {
    for (size_t i = 0; i < bin->n_tensor; i++)
        dm_memory_free(bin->names[i]);
    for (size_t i = 0; i < bin->n_copy; i++)
        dm_memory_free(bin->copies[i]);
    dm_memory_free(bin->names);
    dm_memory_free(bin->copies);
    dm_memory_free(bin->tensors);
    dm_mapped_file_close(&bin->file);
    *bin = (struct dm_torch_bin){0};
}
