#include "checkpoint/companions.h"

#include "base/file_writer.h"
#include "base/memory.h"
#include "base/model_folder.h"
#include "base/path.h"

/* The tokenizer's files that transformers and llama.cpp read; then what is not the tokenizer's. */
enum { tokenizer_json, generation_config = DM_N_COMPANION - 1 };
static const char *const names[DM_N_COMPANION] = {"tokenizer.json",
                                                  "tokenizer_config.json",
                                                  "special_tokens_map.json",
                                                  "added_tokens.json",
                                                  "vocab.json",
                                                  "merges.txt",
                                                  "chat_template.jinja",
                                                  "chat_template.json",
                                                  "generation_config.json"};

/* Reads directory/names[i] if it exists and was not read from elsewhere. */
static dm_status read_from(struct dm_companions *companions, const char *directory, size_t i,
                           dm_error *error) {
    char *path = NULL;
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
    dm_status status = dm_model_place(tokenizer ? tokenizer : directory, names[tokenizer_json],
                                      &folder, &file, error);
    if (status)
        return status;
    if (tokenizer || dm_path_exists(file))
        status = dm_mapped_file_read(&companions->files[tokenizer_json], file, error);
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
