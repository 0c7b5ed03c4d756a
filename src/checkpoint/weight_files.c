#include "checkpoint/weight_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int compare_entries(const void *a, const void *b) {
    const struct dm_weight_entry *x = a, *y = b;
    return strcmp(x->tensor->name, y->tensor->name);
}

/* Gathers the tensors of all files, sorted by name. */
static dm_status list_entries(struct dm_weight_files *files, dm_error *error) {
    size_t n = files->bin.n_tensor;
    for (size_t i = 0; i < files->n_shard; i++)
        n += files->shards[i].n_tensor;
    files->entries = dm_memory_array(n, sizeof *files->entries);
    if (!files->entries)
        return dm_fail_memory(error, files->path);
    for (size_t i = 0; i < files->n_shard; i++)
        for (size_t j = 0; j < files->shards[i].n_tensor; j++)
            files->entries[files->n_entry++] =
                (struct dm_weight_entry){&files->shards[i].tensors[j], files->shards[i].file.path};
    for (size_t i = 0; i < files->bin.n_tensor; i++)
        files->entries[files->n_entry++] =
            (struct dm_weight_entry){&files->bin.tensors[i], files->bin.file.path};
    qsort(files->entries, n, sizeof *files->entries, compare_entries);
    for (size_t i = 1; i < n; i++)
        if (!compare_entries(&files->entries[i - 1], &files->entries[i]))
            return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s appears twice",
                           files->entries[i].path, files->entries[i].tensor->name);
    return DM_OK;
}

static dm_status open_safetensors(const struct dm_weight_files *files,
                                  struct dm_safetensors *tensors, const char *path,
                                  dm_error *error) {
    return files->copy ? dm_safetensors_read(tensors, path, error)
                       : dm_safetensors_open(tensors, path, error);
}

static dm_status open_torch_bin(struct dm_weight_files *files, dm_error *error) {
    return files->copy ? dm_torch_bin_read(&files->bin, files->path, error)
                       : dm_torch_bin_open(&files->bin, files->path, error);
}

static dm_status open_shard(struct dm_weight_files *files, const char *directory, const char *name,
                            dm_error *error) {
    char *path = dm_path_join(directory, name);
    if (!path)
        return dm_fail_memory(error, "a file name");
    dm_status status = open_safetensors(files, &files->shards[files->n_shard], path, error);
    if (!status)
        files->n_shard++;
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

/* Opens every file of the map once. Neighbours in a map mostly name the same file, and there are
 * few files: a linear search is enough. */
static dm_status open_shards(struct dm_weight_files *files, const char *directory, json_t *map,
                             dm_error *error) {
    const char *tensor;
    json_t *value;
    json_object_foreach(map, tensor, value) {
        const char *name = json_string_value(value);
        if (!is_plain(name) || strlen(name) != json_string_length(value))
            return dm_fail(error, DM_ERROR_FORMAT,
                           "%s: tensor %s must map to the name of a file in the same directory",
                           files->path, tensor);
        size_t i = files->n_shard;
        while (i && strcmp(file_name(files->shards[i - 1].file.path), name) != 0)
            i--;
        dm_status status = i ? DM_OK : open_shard(files, directory, name, error);
        if (status)
            return status;
    }
    return DM_OK;
}

/* Each tensor lies in the file that the map says. */
static dm_status check_map(const struct dm_weight_files *files, json_t *map, dm_error *error) {
    for (size_t i = 0; i < files->n_shard; i++) {
        const struct dm_safetensors *shard = &files->shards[i];
        for (size_t j = 0; j < shard->n_tensor; j++) {
            const char *file = json_string_value(json_object_get(map, shard->tensors[j].name));
            if (!file || strcmp(file, file_name(shard->file.path)) != 0)
                return dm_fail(error, DM_ERROR_FORMAT, "%s: holds tensor %s, which %s puts in %s",
                               shard->file.path, shard->tensors[j].name, files->path,
                               file ? file : "no file");
        }
    }
    const char *tensor;
    json_t *value;
    json_object_foreach(map, tensor, value) {
        size_t i = 0;
        while (i < files->n_shard && !dm_safetensors_find(&files->shards[i], tensor))
            i++;
        if (i == files->n_shard)
            return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s is not in %s", files->path,
                           tensor, json_string_value(value));
    }
    return DM_OK;
}

static dm_status open_map(struct dm_weight_files *files, const char *directory, json_t *map,
                          dm_error *error) {
    if (!json_is_object(map))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"weight_map\" must be an object", files->path);
    files->shards = dm_memory_zeroed(json_object_size(map), sizeof *files->shards);
    if (!files->shards)
        return dm_fail_memory(error, files->path);
    dm_status status = open_shards(files, directory, map, error);
    return status ? status : check_map(files, map, error);
}

static dm_status open_index(struct dm_weight_files *files, const char *directory, dm_error *error) {
    json_t *index = NULL;
    dm_status status = dm_json_read(files->path, &index, error);
    if (!status)
        status = open_map(files, directory, json_object_get(index, "weight_map"), error);
    json_decref(index);
    return status;
}

static dm_status open_single(struct dm_weight_files *files, dm_error *error) {
    files->shards = dm_memory_zeroed(1, sizeof *files->shards);
    if (!files->shards)
        return dm_fail_memory(error, files->path);
    dm_status status = open_safetensors(files, files->shards, files->path, error);
    if (!status)
        files->n_shard = 1;
    return status;
}

static dm_status open_files(struct dm_weight_files *files, const char *directory, bool copy,
                            dm_error *error) {
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "pytorch_model.bin"};
    enum { single, sharded, torch, n_kind };
    *files = (struct dm_weight_files){.copy = copy};
    size_t kind;
    for (kind = single; kind < n_kind; kind++) {
        files->path = dm_path_join(directory, names[kind]);
        if (!files->path)
            return dm_fail_memory(error, "a file name");
        if (dm_path_exists(files->path))
            break;
        dm_memory_free(files->path);
        files->path = NULL;
    }
    if (kind == n_kind)
        return dm_fail(error, DM_ERROR_IO,
                       "%s: holds no model.safetensors, no "
                       "model.safetensors.index.json and no pytorch_model.bin",
                       directory);
    dm_status status = kind == single    ? open_single(files, error)
                       : kind == sharded ? open_index(files, directory, error)
                                         : open_torch_bin(files, error);
    if (!status)
        status = list_entries(files, error);
    if (status)
        dm_weight_files_close(files);
    return status;
}

dm_status dm_weight_files_open(struct dm_weight_files *files, const char *directory,
                               dm_error *error) {
    return open_files(files, directory, false, error);
}

dm_status dm_weight_files_read(struct dm_weight_files *files, const char *directory,
                               dm_error *error) {
    return open_files(files, directory, true, error);
}

void dm_weight_files_close(struct dm_weight_files *files) {
    for (size_t i = 0; i < files->n_shard; i++)
        dm_safetensors_close(&files->shards[i]);
    dm_memory_free(files->shards);
    dm_torch_bin_close(&files->bin);
    dm_memory_free(files->entries);
    dm_memory_free(files->path);
    *files = (struct dm_weight_files){0};
}

const struct dm_weight_entry *dm_weight_files_find(const struct dm_weight_files *files,
                                                   const char *name) {
    struct dm_named_tensor tensor = {.name = name};
    struct dm_weight_entry key = {.tensor = &tensor};
    return files->n_entry
               ? bsearch(&key, files->entries, files->n_entry, sizeof key, compare_entries)
               : NULL;
}

dm_status dm_weight_files_check(const struct dm_weight_files *files, dm_error *error) {
    dm_status status = dm_mapped_file_check(&files->bin.file, error);
    for (size_t i = 0; i < files->n_shard && !status; i++)
        status = dm_mapped_file_check(&files->shards[i].file, error);
    return status;
}

void dm_weight_files_forget_pages(const struct dm_weight_files *files) {
    for (size_t i = 0; i < files->n_shard; i++)
        dm_mapped_file_forget_pages(&files->shards[i].file);
    dm_mapped_file_forget_pages(&files->bin.file);
}
