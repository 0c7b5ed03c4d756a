#include "checkpoint/weight_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/memory.h"
#include "base/path.h"

/* A tensor's name without wrappers. */
static const char *skip_wrappers(const char *name) {
    static const char *const wrappers[] = {"base_model.model.", "module.", "_orig_mod.",
                                           "backbone."};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers;) {
        size_t n = strlen(wrappers[i]);
        if (strncmp(name, wrappers[i], n) != 0) {
            i++;
            continue;
        }
        name += n;
        i = 0; /* they come in any order, and more than once */
    }
    return name;
}

static int compare_entries(const void *a, const void *b) {
    const struct dm_weight_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static const struct dm_mapped_file *file_of(const struct dm_weight_file *shard) {
    return shard->bin.file.path         ? &shard->bin.file
           : shard->gguf.gguf.file.path ? &shard->gguf.gguf.file
                                        : &shard->safetensors.file;
}

static const struct dm_named_tensor *tensors_of(const struct dm_weight_file *shard, size_t *n) {
    bool is_bin = shard->bin.file.path, is_gguf = shard->gguf.gguf.file.path;
    *n = is_bin    ? shard->bin.n_tensor
         : is_gguf ? shard->gguf.gguf.n_tensor
                   : shard->safetensors.n_tensor;
    return is_bin ? shard->bin.tensors : is_gguf ? shard->gguf.tensors : shard->safetensors.tensors;
}

static void add_entries(struct dm_weight_files *files, const struct dm_weight_file *shard) {
    size_t n;
    const struct dm_named_tensor *tensors = tensors_of(shard, &n);
    for (size_t i = 0; i < n; i++) {
        struct dm_weight_entry *entry = &files->entries[files->n_entry++];
        bool is_gguf = shard->gguf.names;
        *entry = (struct dm_weight_entry){.tensor = &tensors[i], .path = file_of(shard)->path};
        entry->name = skip_wrappers(is_gguf ? shard->gguf.names[i] : tensors[i].name);
        entry->back = is_gguf ? shard->gguf.back[i] : NULL;
    }
}

dm_status dm_weight_files_list(struct dm_weight_files *files, dm_error *error) {
    size_t n = 0, n_own;
    for (size_t i = 0; i < files->n_shard; i++, n += n_own)
        tensors_of(&files->shards[i], &n_own);
    files->entries = dm_memory_array(n, sizeof *files->entries);
    if (!files->entries)
        return dm_fail_memory(error, files->path);
    for (size_t i = 0; i < files->n_shard; i++)
        add_entries(files, &files->shards[i]);
    qsort(files->entries, n, sizeof *files->entries, compare_entries);
    for (size_t i = 1; i < n; i++)
        if (!compare_entries(&files->entries[i - 1], &files->entries[i]))
            return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s appears twice",
                           files->entries[i].path, files->entries[i].tensor->name);
    return DM_OK;
}

/* Opens one more shard; `shards` has room for it. */
static dm_status open_shard(struct dm_weight_files *files, const char *path, bool is_bin,
                            dm_error *error) {
    struct dm_weight_file *shard = &files->shards[files->n_shard];
    dm_status status;
    if (is_bin)
        status = files->copy ? dm_torch_bin_read(&shard->bin, path, error)
                             : dm_torch_bin_open(&shard->bin, path, error);
    else
        status = files->copy ? dm_safetensors_read(&shard->safetensors, path, error)
                             : dm_safetensors_open(&shard->safetensors, path, error);
    if (!status)
        files->n_shard++;
    return status;
}

static dm_status open_inside(struct dm_weight_files *files, const char *directory, const char *name,
                             bool is_bin, dm_error *error) {
    char *path = dm_path_join(directory, name);
    if (!path)
        return dm_fail_memory(error, "a file name");
    dm_status status = open_shard(files, path, is_bin, error);
    dm_memory_free(path);
    return status;
}

/* The file name at the end of a shard's path. */
static const char *file_name(const char *path) {
    return strrchr(path, '/') + 1; /* paths are joined: there is a slash */
}

static bool is_plain(const char *name) {
    return name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Opens every file of the map once. A linear search is enough: there are few files, and neighbours
 * in the map mostly name the same one. */
static dm_status open_shards(struct dm_weight_files *files, const char *directory, json_t *map,
                             bool are_bins, dm_error *error) {
    const char *tensor;
    json_t *value;
    json_object_foreach(map, tensor, value) {
        const char *name = json_string_value(value);
        if (!is_plain(name) || strlen(name) != json_string_length(value))
            return dm_fail(error, DM_ERROR_FORMAT,
                           "%s: tensor %s must map to the name of a file in the same directory",
                           files->path, tensor);
        size_t i = files->n_shard;
        while (i && strcmp(file_name(file_of(&files->shards[i - 1])->path), name) != 0)
            i--;
        dm_status status = i ? DM_OK : open_inside(files, directory, name, are_bins, error);
        if (status)
            return status;
    }
    return DM_OK;
}

/* Each tensor lies in the file that the map says. */
static dm_status check_map(const struct dm_weight_files *files, json_t *map, dm_error *error) {
    for (size_t i = 0; i < files->n_entry; i++) {
        const struct dm_weight_entry *entry = &files->entries[i];
        const char *file = json_string_value(json_object_get(map, entry->tensor->name));
        if (!file || strcmp(file, file_name(entry->path)) != 0)
            return dm_fail(error, DM_ERROR_FORMAT, "%s: holds tensor %s, which %s puts in %s",
                           entry->path, entry->tensor->name, files->path, file ? file : "no file");
    }
    const char *tensor;
    json_t *value;
    json_object_foreach(map, tensor, value) {
        const struct dm_weight_entry *entry = dm_weight_files_find(files, tensor);
        if (!entry || strcmp(entry->tensor->name, tensor) != 0)
            return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s is not in %s", files->path,
                           tensor, json_string_value(value));
    }
    return DM_OK;
}

static dm_status open_map(struct dm_weight_files *files, const char *directory, json_t *map,
                          bool are_bins, dm_error *error) {
    if (!json_is_object(map))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"weight_map\" must be an object", files->path);
    files->shards = dm_memory_zeroed(json_object_size(map), sizeof *files->shards);
    if (!files->shards)
        return dm_fail_memory(error, files->path);
    dm_status status = open_shards(files, directory, map, are_bins, error);
    if (!status)
        status = dm_weight_files_list(files, error);
    return status ? status : check_map(files, map, error);
}

static dm_status open_index(struct dm_weight_files *files, const char *directory, bool of_bins,
                            dm_error *error) {
    json_t *index = NULL;
    dm_status status = dm_json_read(files->path, &index, error);
    if (!status)
        status = open_map(files, directory, json_object_get(index, "weight_map"), of_bins, error);
    json_decref(index);
    return status;
}

static dm_status open_single(struct dm_weight_files *files, bool is_bin, dm_error *error) {
    files->shards = dm_memory_zeroed(1, sizeof *files->shards);
    if (!files->shards)
        return dm_fail_memory(error, files->path);
    dm_status status = open_shard(files, files->path, is_bin, error);
    return status ? status : dm_weight_files_list(files, error);
}

/* How weights may lie in a directory. */
struct layout {
    const char *name;
    bool is_index, is_bin;
};

/* Opens the first of the layouts that is there. */
static dm_status open_first(struct dm_weight_files *files, const char *directory, bool copy,
                            const struct layout *layouts, size_t n_layout, const char *missing,
                            dm_error *error) {
    *files = (struct dm_weight_files){.copy = copy};
    size_t i;
    for (i = 0; i < n_layout; i++) {
        files->path = dm_path_join(directory, layouts[i].name);
        if (!files->path)
            return dm_fail_memory(error, "a file name");
        if (dm_path_exists(files->path))
            break;
        dm_memory_free(files->path);
        files->path = NULL;
    }
    if (i == n_layout)
        return dm_fail(error, DM_ERROR_IO, "%s: holds %s", directory, missing);
    dm_status status = layouts[i].is_index ? open_index(files, directory, layouts[i].is_bin, error)
                                           : open_single(files, layouts[i].is_bin, error);
    if (status)
        dm_weight_files_close(files);
    return status;
}

dm_status dm_weight_files_open(struct dm_weight_files *files, const char *directory, bool copy,
                               dm_error *error) {
    static const struct layout layouts[] = {{"model.safetensors", false, false},
                                            {"model.safetensors.index.json", true, false},
                                            {"pytorch_model.bin", false, true},
                                            {"pytorch_model.bin.index.json", true, true}};
    return open_first(files, directory, copy, layouts, sizeof layouts / sizeof *layouts,
                      "no model.safetensors, no pytorch_model.bin, and no .index.json of either",
                      error);
}

dm_status dm_weight_files_open_adapter(struct dm_weight_files *files, const char *directory,
                                       bool copy, dm_error *error) {
    static const struct layout layouts[] = {{"adapter_model.safetensors", false, false},
                                            {"adapter_model.bin", false, true}};
    return open_first(files, directory, copy, layouts, sizeof layouts / sizeof *layouts,
                      "no adapter_model.safetensors and no adapter_model.bin", error);
}

void dm_weight_files_close(struct dm_weight_files *files) {
    for (size_t i = 0; i < files->n_shard; i++) {
        dm_safetensors_close(&files->shards[i].safetensors);
        dm_torch_bin_close(&files->shards[i].bin);
        dm_gguf_weights_close(&files->shards[i].gguf);
    }
    dm_memory_free(files->shards);
    dm_memory_free(files->entries);
    dm_memory_free(files->path);
    *files = (struct dm_weight_files){0};
}

struct dm_weight_entry *dm_weight_files_find(const struct dm_weight_files *files,
                                             const char *name) {
    struct dm_weight_entry key = {.name = skip_wrappers(name)};
    return files->n_entry
               ? bsearch(&key, files->entries, files->n_entry, sizeof key, compare_entries)
               : NULL;
}

static dm_dtype stored_dtype(const struct dm_named_tensor *tensor) {
    switch (tensor->element) {
    case DM_ELEMENT_F32:
        return DM_DTYPE_F32;
    case DM_ELEMENT_BF16:
        return DM_DTYPE_BF16;
    case DM_ELEMENT_F16:
        return DM_DTYPE_F16;
    default:
        return DM_DTYPE_AUTO;
    }
}

dm_dtype dm_weight_entry_dtype(const struct dm_weight_entry *entry) {
    return entry->back ? DM_DTYPE_AUTO : stored_dtype(entry->tensor);
}

/* Makes values as a GGUF file has them the parameter's. */
static dm_status change_back(const struct dm_weight_entry *entry, size_t n, float *values,
                             dm_error *error) {
    for (size_t i = 0; i < n; i++) {
        float value = values[i];
        values[i] = entry->back(value);
        if (isnan(values[i]) && !isnan(value))
            return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s holds %g, which cannot be there",
                           entry->path, entry->tensor->name, value);
    }
    return DM_OK;
}

dm_status dm_weight_entry_read(const struct dm_weight_entry *entry, float *out, dm_error *error) {
    const struct dm_named_tensor *tensor = entry->tensor;
    const struct dm_block_kind *blocks = tensor->blocks;
    dm_dtype dtype = stored_dtype(tensor);
    size_t size = dm_element_size(tensor->element);
    if (blocks || dtype != DM_DTYPE_AUTO) {
        size_t n =
            blocks ? tensor->n_byte / blocks->n_byte * blocks->n_weight : tensor->n_byte / size;
        if (blocks)
            dm_blocks_to_floats(blocks, tensor->data, 0, n, out);
        else
            dm_floats_from(tensor->data, dtype, 0, n, out);
        return entry->back ? change_back(entry, n, out, error) : DM_OK;
    }
    if (tensor->element != DM_ELEMENT_F64)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: tensor %s is not of type F32, BF16, F16 or F64", entry->path,
                       tensor->name);
    for (size_t i = 0; i < tensor->n_byte / size; i++) {
        double value;
        memcpy(&value, tensor->data + i * size, size);
        out[i] = (float)value;
        if (isfinite(value) && !isfinite(out[i]))
            return dm_fail(error, DM_ERROR_UNSUPPORTED,
                           "%s: tensor %s has values beyond the range of f32", entry->path,
                           tensor->name);
    }
    return DM_OK;
}

dm_status dm_weight_files_check(const struct dm_weight_files *files, dm_error *error) {
    dm_status status = DM_OK;
    for (size_t i = 0; i < files->n_shard && !status; i++)
        status = dm_mapped_file_check(file_of(&files->shards[i]), error);
    return status;
}

void dm_weight_files_forget_pages(const struct dm_weight_files *files) {
    for (size_t i = 0; i < files->n_shard; i++)
        dm_mapped_file_forget_pages(file_of(&files->shards[i]));
}
