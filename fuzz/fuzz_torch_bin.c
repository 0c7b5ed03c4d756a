/* A pytorch_model.bin: the zip, and the pickle in it. */
#include "checkpoint/torch_bin.h"

#include <string.h>

#include "base/memory.h"
#include "fuzz.h"

static void check_tensor(const struct dm_named_tensor *tensor) {
    size_t n_byte = dm_element_size(tensor->element);
    MUST(tensor->n_dim <= DM_TENSOR_MAX_DIM);
    for (size_t i = 0; i < tensor->n_dim; i++)
        MUST(dm_size_mul(n_byte, tensor->shape[i], &n_byte));
    MUST(n_byte == tensor->n_byte);
    fuzz_touch(tensor->data, tensor->n_byte);
    fuzz_touch(tensor->name, strlen(tensor->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t live = dm_memory_live();
    struct dm_torch_bin bin;
    dm_error error = fuzz_error_new();
    dm_status status = dm_torch_bin_open(&bin, fuzz_file(data, size), &error);
    fuzz_check_error(status, &error);
    if (!status) {
        for (size_t i = 0; i < bin.n_tensor; i++)
            check_tensor(&bin.tensors[i]);
        dm_torch_bin_close(&bin);
    }
    MUST(dm_memory_live() == live);
    return 0;
}
