#include "longbench_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/status.h"
#include "json_lines.h"

/* FOLDER/PLACENAMEENDING */
static char *join(const char *folder, const char *subfolder, const char *name, const char *ending) {
    size_t size = strlen(folder) + strlen(subfolder) + strlen(name) + strlen(ending) + 2;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s/%s%s%s", folder, subfolder, name, ending);
    return path;
}

/* The first of these subfolders that has the file; `*path` is NULL where none has. */
static dm_status find(const char *folder, const char *const *subfolders, size_t n_subfolder,
                      const char *name, const char *ending, char **path, dm_error *error) {
    *path = NULL;
    for (size_t i = 0; i < n_subfolder; i++) {
        char *tried = join(folder, subfolders[i], name, ending);
        if (!tried)
            return dm_fail_memory(error, "LongBench");
        if (!access(tried, F_OK)) {
            *path = tried;
            return DM_OK;
        }
        free(tried);
    }
    return DM_OK;
}

/* ---- Prompts and limits ---- */

static dm_status parse_config(const char *path, json_t **config, dm_error *error) {
    json_error_t json_error;
    json_t *value = json_load_file(path, JSON_REJECT_DUPLICATES, &json_error);
    const struct json_lines at = {.name = path,
                                  .number = json_error.line > 0 ? (size_t)json_error.line : 1};
    if (!value && json_error_code(&json_error) == json_error_out_of_memory)
        return dm_fail_memory(error, "LongBench");
    if (!value && json_error_code(&json_error) == json_error_cannot_open_file) {
        return dm_fail(error, DM_ERROR_IO, "%.300s: cannot read: %s", path, strerror(errno));
    }
    if (!value)
        return json_lines_fail(&at, DM_ERROR_FORMAT, error, "%s", json_error.text);
    if (!json_is_object(value)) {
        json_decref(value);
        return json_lines_fail(&at, DM_ERROR_FORMAT, error, "the file must hold a JSON object");
    }
    *config = value;
    return DM_OK;
}

dm_status longbench_config_read(const char *folder, const char *name, char **path, json_t **config,
                                dm_error *error) {
    static const char *const subfolders[] = {"", "config/", "data/"};
    char *found;
    dm_status status = find(folder, subfolders, 3, name, "", &found, error);
    if (status)
        return status;
    if (!found) {
        return dm_fail(error, DM_ERROR_IO, "%.300s: no %s here, in config/ or in data/", folder,
                       name);
    }
    status = parse_config(found, config, error);
    if (status)
        free(found);
    else
        *path = found;
    return status;
}

/* ---- Data sets ---- */

dm_status longbench_find(const char *folder, const struct longbench_set *set, bool extended,
                         char **path, dm_error *error) {
    static const char *const subfolders[] = {"data/", ""};
    return find(folder, subfolders, 2, set->name, extended ? "_e.jsonl" : ".jsonl", path, error);
}

struct utf8 longbench_text(const json_t *text) {
    return (struct utf8){json_string_value(text), json_string_length(text)};
}

static dm_status check_answers(const struct json_lines *lines, const struct longbench_set *set,
                               const json_t *object, dm_error *error) {
    const json_t *answers;
    dm_status status = json_lines_texts(lines, object, "answers", &answers, error);
    if (status || set->metric != METRIC_RETRIEVAL)
        return status;
    for (size_t i = 0; i < json_array_size(answers); i++) {
        struct utf8 answer = longbench_text(json_array_get(answers, i));
        if (!retrieval_gold_is_sound(&answer))
            return json_lines_fail(lines, DM_ERROR_FORMAT, error,
                                   "key 'answers': number %zu names no \"Paragraph N\"", i + 1);
    }
    return DM_OK;
}

static dm_status check_row(const struct json_lines *lines, const struct longbench_set *set,
                           struct longbench_row *row, dm_error *error) {
    const json_t *member;
    dm_status status = json_lines_text(lines, row->object, "input", &member, error);
    if (!status)
        status = json_lines_text(lines, row->object, "context", &member, error);
    if (!status)
        status = check_answers(lines, set, row->object, error);
    if (!status && set->metric == METRIC_CLASSIFICATION)
        status = json_lines_texts(lines, row->object, "all_classes", &member, error);
    if (!status)
        status = json_lines_number(lines, row->object, "length", &row->length, error);
    if (!status && row->length < 0)
        status = json_lines_fail(lines, DM_ERROR_FORMAT, error, "key 'length' is below 0");
    return status;
}

static dm_status add_row(struct longbench_rows *rows, size_t *capacity,
                         const struct longbench_row *row, dm_error *error) {
    struct longbench_row *items = dm_grow(rows->items, rows->n, 1, capacity, sizeof *items);
    if (!items)
        return dm_fail_memory(error, "LongBench");
    rows->items = items;
    rows->items[rows->n++] = *row;
    return DM_OK;
}

static dm_status read_rows(struct json_lines *lines, const struct longbench_set *set,
                           size_t max_rows, struct longbench_rows *rows, dm_error *error) {
    size_t capacity = 0;
    while (!max_rows || rows->n < max_rows) {
        struct longbench_row row = {0};
        dm_status status = json_lines_next(lines, &row.object, error);
        if (status || !row.object)
            return status;
        row.line = lines->number;
        status = check_row(lines, set, &row, error);
        if (!status)
            status = add_row(rows, &capacity, &row, error);
        if (status) {
            json_decref(row.object);
            return status;
        }
    }
    return DM_OK;
}

dm_status longbench_rows_read(char *path, const struct longbench_set *set, size_t max_rows,
                              struct longbench_rows *rows, dm_error *error) {
    struct json_lines lines;
    struct longbench_rows read = {.path = path};
    dm_status status = json_lines_open(&lines, path, error);
    if (!status) {
        status = read_rows(&lines, set, max_rows, &read, error);
        if (!status && !read.n) {
            status = dm_fail(error, DM_ERROR_FORMAT, "%.300s: the file has no rows", path);
        }
        json_lines_close(&lines);
    }
    if (status)
        longbench_rows_free(&read);
    else
        *rows = read;
    return status;
}

void longbench_rows_free(struct longbench_rows *rows) {
    for (size_t i = 0; i < rows->n; i++)
        json_decref(rows->items[i].object);
    free(rows->items);
    free(rows->path);
}
