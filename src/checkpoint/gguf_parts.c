/* dm_weight_files_open_gguf: the parts of a GGUF file as weight files. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/weight_files.h"

/* Part `no` of a split file, beside the first, whose name ends in -00001-of-0000N.gguf. NULL: memory
 * is short; where the name is another, it is returned. */
static char *part_path(const char *first, size_t no, size_t n_part) {
    char ending[64], other[64], *path = dm_memory_text(first);
    snprintf(ending, sizeof ending, "-%05d-of-%05zu.gguf", 1, n_part);
    snprintf(other, sizeof other, "-%05zu-of-%05zu.gguf", no, n_part);
    size_t n = strlen(first), n_ending = strlen(ending);
    if (path && n > n_ending && !strcmp(path + n - n_ending, ending))
        memcpy(path + n - n_ending, other, n_ending);
    return path;
}

static dm_status read_split(const struct dm_gguf_file *gguf, size_t *no, size_t *n_part,
                            dm_error *error) {
    enum { most = 99999 }; /* as many as a name has room for */
    dm_status status = dm_gguf_get_size(gguf, "split.no", no, error);
    if (!status)
        status = dm_gguf_get_size(gguf, "split.count", n_part, error);
    if (!status && *n_part > most)
        status = dm_fail(error, DM_ERROR_FORMAT, "%s: key split.count is more than %d",
                         gguf->file.path, most);
    return status;
}

static dm_status open_part(struct dm_weight_files *files, size_t n_part, dm_error *error) {
    size_t no = 0, n = 1;
    char *path = part_path(files->path, files->n_shard + 1, n_part);
    struct dm_gguf_file *gguf = &files->shards[files->n_shard].gguf.gguf;
    dm_status status =
        path ? dm_gguf_open(gguf, path, files->copy, error) : dm_fail_memory(error, "a file name");
    dm_memory_free(path);
    if (!status)
        status = read_split(gguf, &no, &n, error);
    if (!status && files->n_shard && (no != files->n_shard || n != n_part))
        status = dm_fail(error, DM_ERROR_FORMAT, "%s: it is not part %zu of %zu of a split file",
                         gguf->file.path, files->n_shard + 1, n_part);
    files->n_shard += gguf->file.path != NULL;
    return status;
}

/* The first part, and then the others. */
static dm_status open_parts(struct dm_weight_files *files, dm_error *error) {
    size_t no = 0, n_part = 1;
    dm_status status = open_part(files, 1, error);
    if (!status)
        status = read_split(&files->shards->gguf.gguf, &no, &n_part, error);
    if (!status && no)
        status = dm_fail(error, DM_ERROR_ARGUMENT,
                         "%s: part %zu of %zu of a split GGUF file: name the first", files->path,
                         no + 1, n_part);
    if (status || n_part < 2)
        return status;
    struct dm_weight_file *grown =
        dm_memory_resize(files->shards, 1, n_part, sizeof *files->shards);
    if (!grown)
        return dm_fail_memory(error, files->path);
    files->shards = grown;
    memset(grown + 1, 0, (n_part - 1) * sizeof *grown);
    while (files->n_shard < n_part && !status)
        status = open_part(files, n_part, error);
    return status;
}

static const struct dm_gguf_entry *find_tensor(const struct dm_weight_files *files,
                                               const char *name) {
    for (size_t i = 0; i < files->n_shard; i++) {
        const struct dm_gguf_file *gguf = &files->shards[i].gguf.gguf;
        for (size_t t = 0; t < gguf->n_tensor; t++)
            if (!strcmp(gguf->tensors[t].name, name))
                return &gguf->tensors[t];
    }
    return NULL;
}

static dm_status name_parts(struct dm_weight_files *files, struct dm_model_config *config,
                            dm_error *error) {
    const char *embedding = dm_network_parameter_row(DM_EMBEDDING)->gguf,
               *head = dm_network_parameter_row(DM_HEAD)->gguf;
    dm_status status = dm_gguf_config(&files->shards->gguf.gguf, find_tensor(files, embedding),
                                      find_tensor(files, head) != NULL, config, error);
    for (size_t i = 0; i < files->n_shard && !status; i++)
        status = dm_gguf_weights_name(&files->shards[i].gguf, config, error);
    return status ? status : dm_weight_files_list(files, error);
}

dm_status dm_weight_files_open_gguf(struct dm_weight_files *files, const char *path, bool copy,
                                    struct dm_model_config *config, dm_error *error) {
    *files = (struct dm_weight_files){.copy = copy, .path = dm_memory_text(path)};
    files->shards = dm_memory_zeroed(1, sizeof *files->shards);
    dm_status status =
        files->path && files->shards ? open_parts(files, error) : dm_fail_memory(error, path);
    if (!status)
        status = name_parts(files, config, error);
    if (status)
        dm_weight_files_close(files);
    return status;
}
