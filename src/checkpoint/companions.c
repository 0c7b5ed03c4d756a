#include "checkpoint/companions.h"

#include "base/file_writer.h"
#include "base/memory.h"
#include "base/model_folder.h"
#include "base/path.h"
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
    dm_status status = dm_tokenizer_place(tokenizer ? tokenizer : directory, &folder, &file, error);
    if (status)
        return status;
    size_t kind = dm_tokenizer_is_model(file) ? tokenizer_model : tokenizer_json;
    if (tokenizer || dm_path_exists(file))
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
