/* A safetensors file. */
#include "checkpoint/safetensors.h"

#include <string.h>

#include "base/memory.h"
#include "fuzz.h"

/* Tensors lie side by side in the file, with the size that their shape gives. */
static void check_tensor(const struct dm_safetensors *file, const struct dm_named_tensor *tensor) {
    size_t n_byte = dm_element_size(tensor->element);
    MUST(tensor->n_dim <= DM_TENSOR_MAX_DIM);
    for (size_t i = 0; i < tensor->n_dim; i++)
        MUST(dm_size_mul(n_byte, tensor->shape[i], &n_byte));
    MUST(tensor->element == DM_ELEMENT_OTHER || n_byte == tensor->n_byte);
    MUST(tensor->data >= file->file.bytes + 8);
    MUST(tensor->data + tensor->n_byte <= file->file.bytes + file->file.n_byte);
    MUST(dm_safetensors_find(file, tensor->name) == tensor);
    fuzz_touch(tensor->data, tensor->n_byte);
}

static void check_metadata(const struct dm_safetensors *file) {
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(file->header, "__metadata__"), key, value) {
        const char *text = dm_safetensors_metadata(file, key);
        MUST(text && text == json_string_value(value));
        fuzz_touch(text, strlen(text));
    }
    MUST(!dm_safetensors_metadata(file, "no such key\x7f"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t live = dm_memory_live();
    struct dm_safetensors file;
    dm_error error = fuzz_error_new();
    dm_status status = dm_safetensors_open(&file, fuzz_file(data, size), &error);
    fuzz_check_error(status, &error);
    size_t n_byte = 0;
    for (size_t i = 0; !status && i < file.n_tensor; i++) {
        MUST(i == 0 || strcmp(file.tensors[i - 1].name, file.tensors[i].name) < 0);
        check_tensor(&file, &file.tensors[i]);
        n_byte += file.tensors[i].n_byte;
    }
    if (!status) {
        MUST(n_byte <= size - 8);
        check_metadata(&file);
        dm_safetensors_close(&file);
    }
    MUST(dm_memory_live() == live);
    return 0;
}
