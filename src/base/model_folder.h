/* Where the files of a model are: in its folder, or, where that is the folder of a PEFT adapter, in
 * that of the model which the adapter belongs to; or a GGUF file is the model, whose keys say what some
 * of these files would say. */
#ifndef DM_BASE_MODEL_FOLDER_H
#define DM_BASE_MODEL_FOLDER_H

#include "base/json.h"

/* adapter_config.json, which makes a folder an adapter's whatever else is in it, as for
 * transformers. `*config` NULL: it is not there. Else `*base` is its "base_model_name_or_path",
 * owned by it: a folder that is there and is no adapter's, or the call fails. */
dm_status dm_adapter_config_read(const char *directory, json_t **config, const char **base,
                                 dm_error *error);
/* file.name. Allocated; NULL: memory is short. */
char *dm_file_beside(const char *file, const char *name);
/* Where a model has a file of its own of this name, be it there or not: directory/name, or beside a GGUF
 * file, as "x.gguf.decimamba.json". Allocated; NULL: memory is short. */
char *dm_model_own_file(const char *directory, const char *name);
/* That file, but for an adapter that has none base/name where that is there. `*path` is
 * allocated. */
dm_status dm_model_file(const char *directory, const char *name, char **path, dm_error *error);
/* Reads that file as JSON, or what a GGUF file says in its place (gguf_settings.h); NULL where there is
 * none. */
dm_status dm_model_json(const char *directory, const char *name, json_t **object, dm_error *error);
/* `path` is a model's folder, or itself a file like its `name`: where the file is, and the folder
 * that it is in, both allocated. */
dm_status dm_model_place(const char *path, const char *name, char **folder, char **file,
                         dm_error *error);

#endif
