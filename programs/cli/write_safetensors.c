#include "write_safetensors.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "output_file.h"

/* NULL: memory is short. */
static char *make_header(json_t *metadata, const struct tensor *tensors, size_t n_tensor) {
    json_t *header = json_object();
    size_t offset = 0;
    bool whole = !metadata || !json_object_set(header, "__metadata__", metadata);
    for (size_t i = 0; i < n_tensor; i++) {
        json_t *shape = json_array();
        for (size_t axis = 0; axis < tensors[i].n_axis; axis++)
            whole &=
                !json_array_append_new(shape, json_integer((json_int_t)tensors[i].shape[axis]));
        size_t end = offset + tensors[i].n_byte;
        whole &= !json_object_set_new(header, tensors[i].name,
                                      json_pack("{ss so s[II]}", "dtype", tensors[i].dtype, "shape",
                                                shape, "data_offsets", (json_int_t)offset,
                                                (json_int_t)end));
        offset = end;
    }
    char *text = whole ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    return text;
}

bool write_safetensors(const char *path, const struct tensor *tensors, size_t n_tensor) {
    return write_safetensors_with(path, NULL, tensors, n_tensor, &(size_t){0});
}

bool write_safetensors_with(const char *path, json_t *metadata, const struct tensor *tensors,
                            size_t n_tensor, size_t *start) {
    struct output_file file;
    char *header = make_header(metadata, tensors, n_tensor);
    if (!header)
        return fail_memory();
    bool fine = output_open(&file, path);
    if (fine) {
        size_t length = strlen(header), padding = -length & 7;
        unsigned char prefix[8];
        for (int i = 0; i < 8; i++)
            prefix[i] = (unsigned char)((uint64_t)(length + padding) >> 8 * i);
        output_write(&file, prefix, sizeof prefix);
        output_write(&file, header, length);
        output_write(&file, "       ", padding);
        *start = sizeof prefix + length + padding;
        for (size_t i = 0; i < n_tensor; i++)
            output_write(&file, tensors[i].data, tensors[i].n_byte);
        fine = output_commit(&file);
    }
    free(header);
    return fine;
}
