/* A pytorch_model.bin: the zip, and the pickle in it. An input that does not begin as a zip does is
 * such a pickle: it is put into a sound zip, beside three storages, as no fuzzer guesses a
 * checksum. */
#include "checkpoint/torch_bin.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fuzz.h"
#include "stored_zip.h"

static void check_tensor(const struct dm_named_tensor *tensor) {
    size_t n_byte = dm_element_size(tensor->element);
    MUST(tensor->n_dim <= DM_TENSOR_MAX_DIM);
    for (size_t i = 0; i < tensor->n_dim; i++)
        MUST(dm_size_mul(n_byte, tensor->shape[i], &n_byte));
    MUST(n_byte == tensor->n_byte);
    fuzz_touch(tensor->data, tensor->n_byte);
    fuzz_touch(tensor->name, strlen(tensor->name));
}

static void check_file(const uint8_t *data, size_t size) {
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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const unsigned char storage[64] = {0, 0, 128, 63, 1, 2, 3};
    if (size >= 2 && !memcmp(data, "PK", 2)) {
        check_file(data, size);
        return 0;
    }
    const struct zip_entry entries[] = {{"m/data.pkl", data, size},
                                        {"m/byteorder", "little", 6},
                                        {"m/data/0", storage, sizeof storage},
                                        {"m/data/1", storage, 16},
                                        {"m/data/2", storage, 0}};
    size_t n_byte;
    unsigned char *zip = stored_zip(entries, sizeof entries / sizeof *entries, &n_byte);
    check_file(zip, n_byte);
    free(zip);
    return 0;
}
