#include "longbench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/status.h"
#include "json_lines.h"
#include "longbench_files.h"
#include "longbench_prompt.h"

static const char *const bucket_names[] = {"0-4k", "4-8k", "8k+"};
enum { n_bucket = sizeof bucket_names / sizeof *bucket_names };

/* A data set in the task. */
struct part {
    const struct longbench_set *set;
    const char *format; /* of its prompts, in the state's `formats` */
    size_t n_new;
    struct longbench_rows rows;
    size_t first; /* number of its first prompt */
};

struct state {
    const dm_tokenizer *tokenizer;
    size_t max_length;
    json_t *formats;
    struct part parts[n_longbench_set];
    size_t n_part;
    const char *names[n_longbench_set];
};

/* ---- The task ---- */

static const struct longbench_row *row_of(const struct task *task, size_t i, size_t *part) {
    const struct state *state = task->data;
    *part = 0;
    while (*part + 1 < state->n_part && i >= state->parts[*part + 1].first)
        ++*part;
    return &state->parts[*part].rows.items[i - state->parts[*part].first];
}

static void cell_of(const struct task *task, size_t i, size_t *column, size_t *row) {
    double length = row_of(task, i, row)->length;
    *column = length < 4000 ? 0 : length < 8000 ? 1 : 2;
}

/* `what` may be error->message. */
static dm_status fail_row(const struct part *part, const struct longbench_row *row,
                          dm_status status, const char *what, dm_error *error) {
    const struct json_lines lines = {.name = part->rows.path, .number = row->line};
    return json_lines_fail(&lines, status, error, "%s", what);
}

static dm_status build(const struct task *task, size_t i, struct task_prompt *prompt,
                       dm_error *error) {
    const struct state *state = task->data;
    size_t number, n_byte, n_id;
    const struct longbench_row *row = row_of(task, i, &number);
    const struct part *part = &state->parts[number];
    const struct utf8 context = longbench_text(json_object_get(row->object, "context")),
                      input = longbench_text(json_object_get(row->object, "input"));
    char *text;
    int32_t *ids, *copy;
    if (!longbench_prompt_write(part->format, &context, &input, &text, &n_byte))
        return dm_fail_memory(error, "LongBench");
    dm_status status =
        longbench_encode(state->tokenizer, text, n_byte, state->max_length, &ids, &n_id, error);
    free(text);
    if (status)
        return fail_row(part, row, error->status, error->message, error);
    if (!n_id) {
        dm_free(ids);
        return fail_row(part, row, DM_ERROR_FORMAT, "the prompt is empty", error);
    }
    copy = calloc(n_id, sizeof *copy);
    if (copy)
        memcpy(copy, ids, n_id * sizeof *ids);
    dm_free(ids);
    if (!copy)
        return dm_fail_memory(error, "LongBench");
    *prompt = (struct task_prompt){.ids = copy,
                                   .n_id = n_id,
                                   .n_new = part->n_new,
                                   .keep_tail = 1,
                                   .one_line = part->set->one_line};
    return DM_OK;
}

/* The texts of a list, to be freed; NULL: memory is short. `*n` is 0 for what is no list. */
static struct utf8 *read_texts(const json_t *list, size_t *n) {
    *n = json_array_size(list);
    struct utf8 *texts = calloc(*n + 1, sizeof *texts);
    for (size_t i = 0; texts && i < *n; i++)
        texts[i] = longbench_text(json_array_get(list, i));
    return texts;
}

static dm_status judge(const struct task *task, size_t i, const char *answer, size_t n_byte,
                       double *score, dm_error *error) {
    const struct state *state = task->data;
    size_t number, n_answer, n_class = 0;
    const struct longbench_row *row = row_of(task, i, &number);
    const struct longbench_set *set = state->parts[number].set;
    struct utf8 judged = {answer, n_byte}, *classes = NULL;
    struct utf8 *answers = read_texts(json_object_get(row->object, "answers"), &n_answer);
    bool ok = answers;
    if (ok && set->metric == METRIC_CLASSIFICATION) {
        classes = read_texts(json_object_get(row->object, "all_classes"), &n_class);
        ok = classes;
    }
    if (set->first_line)
        judged = first_line(&judged);
    const struct gold_answers gold = {answers, n_answer, classes, n_class};
    ok = ok && answer_score(set->metric, &judged, &gold, score);
    free(answers);
    free(classes);
    return ok ? DM_OK : dm_fail_memory(error, "LongBench");
}

static bool describe(const struct task *task, size_t i, json_t *object) {
    size_t number;
    const struct longbench_row *row = row_of(task, i, &number);
    const struct longbench_set *set = ((const struct state *)task->data)->parts[number].set;
    json_t *id = json_object_get(row->object, "_id"); /* rows have one, but it is optional */
    return !json_object_set_new(object, "dataset", json_string(set->name)) &&
           (!json_is_string(id) || !json_object_set(object, "_id", id)) &&
           !json_object_set(object, "length", json_object_get(row->object, "length")) &&
           !json_object_set(object, "answers", json_object_get(row->object, "answers"));
}

static void free_task(struct task *task) {
    struct state *state = task->data;
    for (size_t i = 0; i < state->n_part; i++)
        longbench_rows_free(&state->parts[i].rows);
    json_decref(state->formats);
    free(state);
    free(task);
}

/* ---- Making it ---- */

static dm_status find_set(const char *name, bool extended, const struct longbench_set **set,
                          dm_error *error) {
    char known[300] = "";
    for (size_t i = 0; i < n_longbench_set; i++) {
        if (extended && !longbench_sets[i].in_extended)
            continue;
        if (!strcmp(longbench_sets[i].name, name)) {
            *set = &longbench_sets[i];
            return DM_OK;
        }
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", longbench_sets[i].name);
    }
    return dm_fail(error, DM_ERROR_ARGUMENT, "'%.60s' is no English data set of LongBench%s: %s",
                   name, extended ? "-E" : "", known);
}

/* Adds the data set if its file exists, and sets `found`. */
static dm_status add_part(struct state *state, const struct longbench_options *options,
                          const char *folder, const struct longbench_set *set, bool *found,
                          dm_error *error) {
    char *path;
    struct part *part = &state->parts[state->n_part];
    dm_status status = longbench_find(folder, set, options->extended, &path, error);
    *found = !status && path;
    if (!*found)
        return status;
    status = longbench_rows_read(path, set, options->max_prompts, &part->rows, error);
    if (status)
        return status;
    part->set = set;
    state->names[state->n_part++] = set->name;
    return DM_OK;
}

static dm_status add_parts(struct state *state, const struct longbench_options *options,
                           const char *folder, dm_error *error) {
    const char *ending = options->extended ? "_e" : "";
    const struct longbench_set *set;
    dm_status status = DM_OK;
    bool found;
    for (size_t i = 0; !status && !options->sets && i < n_longbench_set; i++)
        if (longbench_sets[i].in_extended || !options->extended)
            status = add_part(state, options, folder, &longbench_sets[i], &found, error);
    for (size_t i = 0; !status && options->sets && i < options->n_set; i++) {
        status = find_set(options->sets[i], options->extended, &set, error);
        for (size_t k = 0; !status && k < state->n_part; k++)
            if (state->parts[k].set == set)
                status =
                    dm_fail(error, DM_ERROR_ARGUMENT, "data set '%s' is given twice", set->name);
        if (!status)
            status = add_part(state, options, folder, set, &found, error);
        if (!status && !found)
            status = dm_fail(error, DM_ERROR_IO,
                             "%.300s: neither data/%s%s.jsonl nor %s%s.jsonl is here", folder,
                             set->name, ending, set->name, ending);
    }
    if (!status && !state->n_part)
        status = dm_fail(error, DM_ERROR_IO,
                         "%.300s: no data set of LongBench%s is here, such as data/qasper%s.jsonl",
                         folder, options->extended ? "-E" : "", ending);
    return status;
}

/* An error of a key. */
static dm_status fail_key(const char *path, const char *key, const char *what, dm_error *error) {
    return dm_fail(error, DM_ERROR_FORMAT, "%.300s: key '%s' %s", path, key, what);
}

static dm_status read_format(struct part *part, const json_t *formats, const char *path,
                             dm_error *error) {
    char said[100];
    const json_t *format = json_object_get(formats, part->set->name);
    if (!json_is_string(format))
        return fail_key(path, part->set->name, format ? "is not a text" : "is missing", error);
    part->format = json_string_value(format);
    const char *what = longbench_template_error(part->format);
    if (!what)
        return DM_OK;
    snprintf(said, sizeof said, "has %s", what);
    return fail_key(path, part->set->name, said, error);
}

static dm_status read_limit(struct part *part, const json_t *limits, const char *path,
                            dm_error *error) {
    const json_t *limit = json_object_get(limits, part->set->name);
    json_int_t value = json_integer_value(limit); /* 0 for what is none */
    if (value < 1 || value > INT32_MAX)
        return fail_key(path, part->set->name,
                        limit ? "is not a number of tokens from 1 on" : "is missing", error);
    part->n_new = (size_t)value;
    return DM_OK;
}

static dm_status read_configs(struct state *state, const char *folder, dm_error *error) {
    char *format_path = NULL, *limit_path = NULL;
    json_t *limits = NULL;
    dm_status status =
        longbench_config_read(folder, "dataset2prompt.json", &format_path, &state->formats, error);
    if (!status)
        status = longbench_config_read(folder, "dataset2maxlen.json", &limit_path, &limits, error);
    for (size_t i = 0; !status && i < state->n_part; i++) {
        status = read_format(&state->parts[i], state->formats, format_path, error);
        if (!status)
            status = read_limit(&state->parts[i], limits, limit_path, error);
    }
    json_decref(limits);
    free(format_path);
    free(limit_path);
    return status;
}

/* 0, or the errno of looking at this folder. */
static int folder_error(const char *path) {
    struct stat kind;
    if (stat(path, &kind))
        return errno;
    return S_ISDIR(kind.st_mode) ? 0 : ENOTDIR;
}

/* FOLDER/longbench if that is a folder, else FOLDER; allocated. */
static dm_status find_folder(const char *folder, char **found, dm_error *error) {
    int code = folder_error(folder);
    if (code)
        return dm_fail(error, DM_ERROR_IO, "%.300s: cannot read: %s", folder, strerror(code));
    size_t size = strlen(folder) + sizeof "/longbench";
    char *path = malloc(size);
    if (!path)
        return dm_fail_memory(error, "LongBench");
    snprintf(path, size, "%s/longbench", folder);
    if (folder_error(path))
        memcpy(path, folder, strlen(folder) + 1);
    *found = path;
    return DM_OK;
}

static dm_status fill(struct state *state, const struct longbench_options *options,
                      dm_error *error) {
    char *folder = NULL;
    dm_status status = find_folder(options->folder, &folder, error);
    if (status)
        return status;
    status = add_parts(state, options, folder, error);
    if (!status)
        status = read_configs(state, folder, error);
    free(folder);
    return status;
}

dm_status longbench_task_new(const struct longbench_options *options, struct task **task,
                             dm_error *error) {
    if (options->max_length == 1)
        return dm_fail(error, DM_ERROR_ARGUMENT, "a prompt cannot be cut to 1 token");
    const struct task filled = {.name = options->extended ? "longbench-e" : "longbench",
                                .measure = TASK_SCORE,
                                .mean_of_rows = true,
                                .columns = {.name = "length", .n = n_bucket, .names = bucket_names},
                                .cell_of = cell_of,
                                .build = build,
                                .judge = judge,
                                .describe = describe,
                                .free = free_task};
    struct task *made = task_new(&filled, sizeof(struct state));
    if (!made)
        return dm_fail_memory(error, "LongBench");
    struct state *state = made->data;
    state->tokenizer = options->tokenizer;
    state->max_length = options->max_length;
    dm_status status = fill(state, options, error);
    if (status) {
        free_task(made);
        return status;
    }
    for (size_t i = 0; i < state->n_part; i++) {
        state->parts[i].first = made->n_prompt;
        made->n_prompt += state->parts[i].rows.n;
    }
    made->rows = (struct task_axis){.name = "data set", .n = state->n_part, .names = state->names};
    *task = made;
    return DM_OK;
}
