/* A model.safetensors.index.json, beside two shards: "1" with tensors a and b, "2" with c. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "checkpoint/weight_files.h"
#include "fuzz.h"

static void make_shard(const char *name, const char *header) {
    char path[FUZZ_MAX_PATH], bytes[256] = {0};
    size_t n_header = strlen(header); /* below 128 */
    bytes[0] = (char)n_header;
    snprintf(bytes + 8, sizeof bytes - 8, "%s", header);
    fuzz_write(name, bytes, 8 + n_header + 8, path);
}

/* The directory's index is the file that holds the input. */
static const char *make_directory(const char *input) {
    char path[FUZZ_MAX_PATH];
    fuzz_path("model.safetensors.index.json", path);
    MUST(symlink(input, path) == 0);
    make_shard("1", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                    "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}");
    make_shard("2", "{\"c\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}");
    return fuzz_directory();
}

/* The map says where each tensor lies, and nothing else. */
static void check_files(const struct dm_weight_files *files, const uint8_t *data, size_t size) {
    json_t *index;
    MUST(dm_json_parse((const char *)data, size, "index", &index, NULL) == DM_OK);
    const json_t *map = json_object_get(index, "weight_map");
    MUST(files->n_entry == json_object_size(map));
    for (size_t i = 0; i < files->n_entry; i++) {
        const struct dm_weight_entry *entry = &files->entries[i];
        const char *shard = json_string_value(json_object_get(map, entry->tensor->name));
        MUST(shard && strcmp(shard, strrchr(entry->path, '/') + 1) == 0);
        MUST(dm_weight_files_find(files, entry->tensor->name) == entry);
        fuzz_touch(entry->tensor->data, entry->tensor->n_byte);
    }
    json_decref(index);
}

/* Mapped, or read into memory: `open` is the function that does it. */
static dm_status check_opened(dm_status (*open)(struct dm_weight_files *, const char *, dm_error *),
                              const char *directory, const uint8_t *data, size_t size) {
    struct dm_weight_files files;
    dm_error error = fuzz_error_new();
    dm_status status = open(&files, directory, &error);
    fuzz_check_error(status, &error);
    if (!status) {
        check_files(&files, data, size);
        MUST(dm_weight_files_check(&files, &error) == DM_OK);
        dm_weight_files_close(&files);
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *directory;
    const char *input = fuzz_file(data, size);
    if (!directory)
        directory = make_directory(input);
    size_t live = dm_memory_live();
    dm_status status = check_opened(dm_weight_files_open, directory, data, size);
    MUST(check_opened(dm_weight_files_read, directory, data, size) == status);
    MUST(dm_memory_live() == live);
    return 0;
}
