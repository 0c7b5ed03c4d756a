#include "checkpoint/companions.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/model_folder.h"
#include "base/path.h"
#include "text/gguf_tokenizer.h"
#include "text/tokenizer.h"

/* What transformers and llama.cpp read of a tokenizer; what is not a tokenizer's comes last. */
enum { tokenizer_json, tokenizer_model, generation_config = DM_N_COMPANION - 1 };
static const char *const names[DM_N_COMPANION] = {"tokenizer.json",
                                                  "tokenizer.model",
                                                  "tokenizer_config.json",
                                                  "special_tokens_map.json",
                                                  "added_tokens.json",
                                                  "vocab.json",
                                                  "merges.txt",
                                                  "chat_template.jinja",
                                                  "chat_template.json",
                                                  "generation_config.json"};

/* Bytes that no file has as they are. */
static dm_status take_bytes(struct dm_companions *companions, size_t i, const char *bytes,
                            size_t n_byte, dm_error *error) {
    struct dm_mapped_file *file = &companions->files[i];
    unsigned char *copy = dm_memory_array(n_byte, 1);
    *file = (struct dm_mapped_file){
        .bytes = copy, .n_byte = n_byte, .path = dm_memory_text(names[i]), .is_copy = true};
    if (!copy || !file->path)
        return dm_fail_memory(error, names[i]);
    memcpy(copy, bytes, n_byte);
    return DM_OK;
}

static dm_status take_json(struct dm_companions *companions, size_t i, const json_t *object,
                           dm_error *error) {
    char *text = dm_json_text(object);
    size_t n_byte = text ? strlen(text) : 0;
    if (text)
        text[n_byte] = '\n'; /* where the NUL was */
    dm_status status =
        text ? take_bytes(companions, i, text, n_byte + 1, error) : dm_fail_memory(error, names[i]);
    free(text);
    return status;
}

/* What a GGUF file says in place of names[i], if it does. */
static dm_status read_settings(struct dm_companions *companions, const char *path, size_t i,
                               dm_error *error) {
    json_t *object;
    dm_status status = dm_model_json(path, names[i], &object, error);
    if (!status && json_object_size(object) && !companions->files[i].path)
        status = take_json(companions, i, object, error);
    json_decref(object);
    return status;
}

/* The tokenizer of a GGUF file, if it has one. */
static dm_status read_tokenizer(struct dm_companions *companions, const char *path,
                                dm_error *error) {
    struct dm_gguf_file gguf;
    struct dm_gguf_tokenizer tokenizer = {0};
    dm_status status = dm_gguf_open(&gguf, path, false, error);
    if (!status)
        status = dm_gguf_tokenizer_read(&gguf, &tokenizer, error);
    if (!status && tokenizer.json)
        status = take_json(companions, tokenizer_json, tokenizer.json, error);
    else if (!status && tokenizer.pieces.bytes)
        status = take_bytes(companions, tokenizer_model, tokenizer.pieces.bytes,
                            tokenizer.pieces.n_byte, error);
    dm_gguf_tokenizer_close(&tokenizer);
    dm_gguf_close(&gguf);
    return status;
}

/* Reads directory/names[i] if it exists and was not read from elsewhere. */
static dm_status read_from(struct dm_companions *companions, const char *directory, size_t i,
                           dm_error *error) {
    char *path = NULL;
    if (dm_gguf_is_file(directory))
        return read_settings(companions, directory, i, error);
    dm_status status = dm_model_file(directory, names[i], &path, error);
    if (!status && !companions->files[i].path && dm_path_exists(path))
        status = dm_mapped_file_read(&companions->files[i], path, error);
    dm_memory_free(path);
    return status;
}

dm_status dm_companions_read(struct dm_companions *companions, const char *directory,
                             const char *tokenizer, dm_error *error) {
    char *folder, *file;
    *companions = (struct dm_companions){0};
    dm_status status = dm_tokenizer_place(tokenizer ? tokenizer : directory, &folder, &file, error);
    if (status)
        return status;
    size_t kind = dm_tokenizer_is_model(file) ? tokenizer_model : tokenizer_json;
    if (dm_gguf_is_file(file))
        status = read_tokenizer(companions, file, error);
    else if (tokenizer || dm_path_exists(file))
        status = dm_mapped_file_read(&companions->files[kind], file, error);
    if (!status)
        status = read_from(companions, directory, generation_config, error);
    for (size_t i = tokenizer_json + 1; i < DM_N_COMPANION && !status; i++)
        status = read_from(companions, folder, i, error);
    dm_memory_free(folder);
    dm_memory_free(file);
    if (status)
        dm_companions_close(companions);
    return status;
}

dm_status dm_companions_write(const struct dm_companions *companions, const char *directory,
                              dm_error *error) {
    dm_status status = DM_OK;
    for (size_t i = 0; i < DM_N_COMPANION && !status; i++) {
        const struct dm_mapped_file *file = &companions->files[i];
        if (!file->path)
            continue;
        char *path = dm_path_join(directory, names[i]);
        status = path ? dm_file_write(path, file->bytes, file->n_byte, error)
                      : dm_fail_memory(error, "a file name");
        dm_memory_free(path);
    }
    return status;
}

void dm_companions_close(struct dm_companions *companions) {
    for (size_t i = 0; i < DM_N_COMPANION; i++)
        dm_mapped_file_close(&companions->files[i]);
}

/* ---- Settings ---- */

static dm_status copy_file(const char *from, const char *to, struct dm_file_writer *writer,
                           dm_error *error) {
    struct dm_mapped_file file;
    dm_status status = dm_mapped_file_read(&file, from, error);
    if (status)
        return status;
    status = dm_file_writer_open(writer, to, error);
    if (!status) {
        status = dm_file_writer_write(writer, file.bytes, file.n_byte, error);
        if (status)
            dm_file_writer_abort(writer);
    }
    dm_mapped_file_close(&file);
    return status;
}

dm_status dm_settings_copy(const char *directory, const char *path, struct dm_file_writer *writer,
                           dm_error *error) {
    char *from = NULL;
    *writer = (struct dm_file_writer){0};
    dm_status status = dm_model_file(directory, "decimamba.json", &from, error);
    if (!status && dm_path_exists(from))
        status = copy_file(from, path, writer, error);
    else if (!status && dm_path_exists(path))
        dm_warn("%s: left from an earlier file of that name, and read with the new one", path);
    dm_memory_free(from);
    return status;
}
