/* LongBench's files in a folder: prompts, limits, and data sets. Files are untrusted; every error
 * is one line that names the file, and the line or the key. */
#ifndef DECIMAMBA_EVALUATION_LONGBENCH_FILES_H
#define DECIMAMBA_EVALUATION_LONGBENCH_FILES_H

#include <jansson.h>

#include "decimamba.h"
#include "longbench_sets.h"

/* Reads dataset2prompt.json or dataset2maxlen.json, whose name is `name`, from `folder`, its
 * config/ or its data/. `*path` is allocated with malloc. Release the object with json_decref. */
dm_status longbench_config_read(const char *folder, const char *name, char **path, json_t **config,
                                dm_error *error);

struct longbench_row {
    json_t *object; /* with texts "context" and "input", and the list of texts "answers"; of a
                       classification, "all_classes" too */
    size_t line;
    double length; /* words and such, as the file says */
};

struct longbench_rows {
    char *path; /* of the file */
    struct longbench_row *items;
    size_t n;
};

/* The data set's file: NAME.jsonl (extended: NAME_e.jsonl) in the folder's data/, or in the folder.
 * `*path` is allocated with malloc, and NULL where there is none. */
dm_status longbench_find(const char *folder, const struct longbench_set *set, bool extended,
                         char **path, dm_error *error);
/* Reads the file at `path`, which `rows` takes over: its first `max_rows` rows, 0: all of them. A
 * file without rows is an error. Nothing is left allocated after an error. */
dm_status longbench_rows_read(char *path, const struct longbench_set *set, size_t max_rows,
                              struct longbench_rows *rows, dm_error *error);
void longbench_rows_free(struct longbench_rows *rows);

/* The text that the list or object holds there. */
struct utf8 longbench_text(const json_t *text);

#endif
