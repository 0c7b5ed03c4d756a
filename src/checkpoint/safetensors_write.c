#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/safetensors.h"

enum { alignment = 64, max_header = 100000000 };

/* {"dtype": ..., "shape": [...], "data_offsets": [begin, end]}; NULL: memory is short. */
static json_t *describe(const struct dm_named_tensor *tensor, size_t begin) {
    size_t end = begin + tensor->n_byte;
    json_t *shape = json_array();
    for (size_t i = 0; i < tensor->n_dim; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]))) {
            json_decref(shape);
            return NULL;
        }
    /* takes `shape` over, NULL included */
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dm_element_name(tensor->element), "shape",
                     shape, "data_offsets", (json_int_t)begin, (json_int_t)end);
}

/* The header as text, NULL: memory is short. */
static char *make_header(const struct dm_named_tensor *list, size_t n_tensor,
                         const json_t *metadata) {
    json_t *header = json_object();
    bool whole = header && (!metadata || !json_object_set(header, "__metadata__",
                                                          (json_t *)metadata)); /* shared */
    size_t begin = 0;
    for (size_t i = 0; whole && i < n_tensor; i++) {
        whole = !json_object_set_new(header, list[i].name, describe(&list[i], begin));
        begin += list[i].n_byte;
    }
    char *text = whole ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    return text;
}

static dm_status write_header(struct dm_file_writer *writer, const char *text, dm_error *error) {
    size_t n_text = strlen(text), n_length = sizeof(uint64_t),
           n_padding = alignment - 1 - (n_length + n_text + alignment - 1) % alignment;
    if (n_text + n_padding > max_header)
        return dm_fail(error, DM_ERROR_ARGUMENT, "%s: too many tensors for one file", writer->path);
    unsigned char length[sizeof(uint64_t)];
    for (size_t i = 0; i < n_length; i++)
        length[i] = (unsigned char)((n_text + n_padding) >> 8 * i);
    char padding[alignment];
    memset(padding, ' ', sizeof padding);
    dm_status status = dm_file_writer_write(writer, length, n_length, error);
    if (!status)
        status = dm_file_writer_write(writer, text, n_text, error);
    if (!status)
        status = dm_file_writer_write(writer, padding, n_padding, error);
    return status;
}

dm_status dm_safetensors_write_header(struct dm_file_writer *writer,
                                      const struct dm_named_tensor *list, size_t n_tensor,
                                      const json_t *metadata, dm_error *error) {
    char *text = make_header(list, n_tensor, metadata);
    dm_status status =
        text ? write_header(writer, text, error) : dm_fail_memory(error, writer->path);
    free(text);
    return status;
}

dm_status dm_safetensors_begin(struct dm_file_writer *writer, const char *path,
                               const struct dm_named_tensor *list, size_t n_tensor,
                               const json_t *metadata, dm_error *error) {
    dm_status status = dm_file_writer_open(writer, path, error);
    if (status)
        return status;
    status = dm_safetensors_write_header(writer, list, n_tensor, metadata, error);
    if (status)
        dm_file_writer_abort(writer);
    return status;
}
