/* An index, of model.safetensors and of pytorch_model.bin, beside two shards of its kind: "1" with
 * tensors a and b, "2" with c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "checkpoint/weight_files.h"
#include "fuzz.h"
#include "stored_zip.h"

static void make_safetensors(const char *name, const char *header) {
    char path[FUZZ_MAX_PATH], bytes[256] = {0};
    size_t n_header = strlen(header); /* below 128 */
    bytes[0] = (char)n_header;
    snprintf(bytes + 8, sizeof bytes - 8, "%s", header);
    fuzz_write(name, bytes, 8 + n_header + 8, path);
}

static void make_bin(const char *name, const char *pickle, size_t n_pickle) {
    static const unsigned char storage[8] = {0, 0, 128, 63};
    const struct zip_entry entries[] = {{"m/data.pkl", pickle, n_pickle},
                                        {"m/data/0", storage, sizeof storage}};
    char path[FUZZ_MAX_PATH];
    size_t n_byte;
    unsigned char *zip = stored_zip(entries, sizeof entries / sizeof *entries, &n_byte);
    fuzz_write(name, zip, n_byte, path);
    free(zip);
}

/* A directory whose index is the file that holds the input. */
static void make_directory(const char *name, const char *index, const char *input) {
    char path[FUZZ_MAX_PATH];
    fuzz_path(name, path);
    MUST(mkdir(path, 0777) == 0);
    fuzz_path(index, path);
    MUST(symlink(input, path) == 0);
}

#define TEXT(n, text) "X" n "\0\0\0" text
#define TENSOR(type, n, view)                                                                \
    "ctorch._utils\n_rebuild_tensor_v2\n((" TEXT("\7", "storage") "ctorch\n" type "\n" TEXT( \
        "\1", "0") TEXT("\3", "cpu") "K" n "tQ" view "\x89}tR"

static void make_directories(const char *input) {
    static const char first[] =
        "\x80\2}(" TEXT("\1", "a") TENSOR("FloatStorage", "\2", "K\0K\1\x85K\1\x85") TEXT("\1", "b")
            TENSOR("FloatStorage", "\2", "K\1K\1\x85K\1\x85") "u.",
                      second[] =
                          "\x80\2}" TEXT("\1", "c") TENSOR("LongStorage", "\1", "K\0))") "s.";
    make_directory("safetensors", "safetensors/model.safetensors.index.json", input);
    make_safetensors("safetensors/1",
                     "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}");
    make_safetensors("safetensors/2",
                     "{\"c\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}");
    make_directory("bins", "bins/pytorch_model.bin.index.json", input);
    make_bin("bins/1", first, sizeof first - 1);
    make_bin("bins/2", second, sizeof second - 1);
}

/* The map says where each tensor lies, and nothing else. */
static void check_files(const struct dm_weight_files *files, const uint8_t *data, size_t size) {
    json_t *index;
    MUST(dm_json_parse_python((const char *)data, size, "index", &index, NULL) == DM_OK);
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

static dm_status check_opened(const char *name, bool copy, const uint8_t *data, size_t size) {
    struct dm_weight_files files;
    char directory[FUZZ_MAX_PATH];
    dm_error error = fuzz_error_new();
    fuzz_path(name, directory);
    dm_status status = dm_weight_files_open(&files, directory, copy, &error);
    fuzz_check_error(status, &error);
    if (!status) {
        check_files(&files, data, size);
        MUST(dm_weight_files_check(&files, &error) == DM_OK);
        dm_weight_files_close(&files);
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool are_made;
    const char *input = fuzz_file(data, size);
    if (!are_made)
        make_directories(input);
    are_made = true;
    size_t live = dm_memory_live();
    dm_status status = check_opened("safetensors", false, data, size);
    MUST(check_opened("safetensors", true, data, size) == status);
    MUST(check_opened("bins", false, data, size) == status);
    MUST(check_opened("bins", true, data, size) == status);
    MUST(dm_memory_live() == live);
    return 0;
}
