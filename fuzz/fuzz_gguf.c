/* A GGUF file: as it lies, as a model, and as a tokenizer. */
#include "base/gguf_file.h"

#include <string.h>

#include "base/memory.h"
#include "base/model_folder.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/stop_tokens.h"
#include "fuzz.h"

/* Tensors lie in the file, one after the other, with the size that their shape gives. */
static void check_tensors(const struct dm_gguf_file *gguf) {
    const unsigned char *next = gguf->file.bytes;
    for (size_t i = 0; i < gguf->n_tensor; i++) {
        const struct dm_gguf_entry *tensor = &gguf->tensors[i];
        size_t n_element = 1;
        MUST(tensor->n_dim <= DM_GGUF_MAX_DIM && strlen(tensor->name) > 0);
        for (size_t k = 0; k < tensor->n_dim; k++)
            MUST(dm_size_mul(n_element, tensor->shape[k], &n_element));
        MUST(n_element == tensor->n_element && dm_gguf_tensor_type_name(tensor->type));
        MUST(tensor->data >= next);
        next = tensor->data + tensor->n_byte;
        MUST(next <= gguf->file.bytes + gguf->file.n_byte);
        fuzz_touch(tensor->data, tensor->n_byte);
    }
}

static void check_keys(const struct dm_gguf_file *gguf) {
    for (size_t i = 0; i < gguf->n_key; i++) {
        const struct dm_gguf_value *value = &gguf->keys[i].value;
        fuzz_touch(gguf->keys[i].name.bytes, gguf->keys[i].name.n_byte);
        const unsigned char *at = value->bytes;
        for (size_t n = 0; n < value->n && value->type == DM_GGUF_TEXT; n++) {
            struct dm_gguf_text text = dm_gguf_next_text(&at);
            fuzz_touch(text.bytes, text.n_byte);
        }
        for (size_t n = 0; n < value->n && value->type == DM_GGUF_I32; n++)
            MUST(dm_gguf_whole(value, n) <= INT32_MAX);
        for (size_t n = 0; n < value->n && value->type == DM_GGUF_F32; n++)
            fuzz_touch(&(float){dm_gguf_float(value, n)}, sizeof(float));
    }
}

static void read_file(const char *path) {
    struct dm_gguf_file gguf;
    dm_error error = fuzz_error_new();
    dm_status status = dm_gguf_open(&gguf, path, false, &error);
    fuzz_check_error(status, &error);
    if (status)
        return;
    check_tensors(&gguf);
    check_keys(&gguf);
    dm_gguf_close(&gguf);
}

static void read_model(const char *path) {
    struct dm_checkpoint *checkpoint;
    dm_error error = fuzz_error_new();
    char hash[33];
    dm_status status = dm_checkpoint_open(path, &checkpoint, &error);
    fuzz_check_error(status, &error);
    if (status)
        return;
    const struct dm_parameters *parameters = dm_checkpoint_parameters(checkpoint);
    for (size_t i = 0; i < parameters->n; i++) {
        const struct dm_parameter *parameter = &parameters->list[i];
        struct dm_weight weight =
            dm_checkpoint_weight(checkpoint, parameter->layer, parameter->index);
        float last;
        MUST(weight.data && weight.n_element == parameter->n_element && weight.n_element);
        dm_weight_to_float(weight, weight.n_element - 1, 1, &last);
        fuzz_touch(weight.data, dm_weight_bytes(weight));
    }
    dm_checkpoint_hash(checkpoint, hash);
    status = dm_checkpoint_check_finite(checkpoint, NULL);
    MUST(status == DM_OK || status == DM_ERROR_NUMBER);
    dm_checkpoint_close(checkpoint);
}

/* What it encodes it decodes, or says that a pattern takes too long. */
static void read_tokenizer(const char *path) {
    static const char text[] = "A caf\xc3\xa9:  12 <s>naive\xf0\x9f\xa6\x86 'll <|endoftext|>";
    dm_tokenizer *tokenizer;
    dm_error error = fuzz_error_new();
    int32_t *ids;
    char *decoded;
    size_t n_id, n_byte;
    dm_status status = dm_tokenizer_load(path, &tokenizer, &error);
    fuzz_check_error(status, &error);
    if (status)
        return;
    status = dm_tokenizer_encode(tokenizer, text, sizeof text - 1, &ids, &n_id, &error);
    MUST(status == DM_OK || status == DM_ERROR_UNSUPPORTED);
    if (!status) {
        MUST(!dm_tokenizer_decode(tokenizer, ids, n_id, 1, &decoded, &n_byte, &error));
        dm_free(decoded);
        dm_free(ids);
    }
    dm_tokenizer_free(tokenizer);
}

static void read_settings(const char *path) {
    struct dm_token_list stops;
    json_t *settings = NULL;
    dm_error error = fuzz_error_new();
    dm_status status = dm_model_json(path, "tokenizer_config.json", &settings, &error);
    fuzz_check_error(status, &error);
    MUST(!settings == !!status);
    json_decref(settings);
    error = fuzz_error_new();
    fuzz_check_error(dm_stop_tokens_read(path, -1, &stops, &error), &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t live = dm_memory_live();
    char path[FUZZ_MAX_PATH];
    fuzz_write("input.gguf", data, size, path);
    read_file(path);
    read_model(path);
    read_tokenizer(path);
    read_settings(path);
    MUST(dm_memory_live() == live);
    return 0;
}
