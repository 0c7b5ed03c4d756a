#include "lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/status.h"
#include "json_lines.h"
#include "metrics/answer_metrics.h"

static const struct {
    enum answer_metric metric;
    enum task_measure measure;
    const char *name;
} metrics[] = {
    [LINES_EXACT] = {METRIC_SQUAD_EXACT, TASK_RIGHT, "exact match"},
    [LINES_CONTAINS] = {METRIC_CONTAINS, TASK_RIGHT, "contains"},
    [LINES_F1] = {METRIC_SQUAD_F1, TASK_SCORE, "F1"},
    [LINES_ROUGE_L] = {METRIC_ROUGE_L, TASK_SCORE, "ROUGE-L"},
};

struct line {
    json_t *object;
    const json_t *prompt, *answers; /* a text; a list of texts, or one */
    size_t group, number;
};

struct state {
    struct lines_options options;
    char *path; /* as messages name it */
    struct line *lines;
    size_t n_line, line_capacity;
    const char **groups; /* [n_group], in the lines' objects */
    size_t n_group, group_capacity;
    const char *column;
};

/* ---- The task ---- */

static void cell_of(const struct task *task, size_t i, size_t *column, size_t *row) {
    const struct state *state = task->data;
    *column = 0;
    *row = state->lines[i].group;
}

static dm_status build(const struct task *task, size_t i, struct task_prompt *prompt,
                       dm_error *error) {
    const struct state *state = task->data;
    const struct lines_options *options = &state->options;
    const struct line *line = &state->lines[i];
    const struct json_lines place = {.name = state->path, .number = line->number};
    dm_error fault;
    int32_t *ids;
    size_t n_id;
    if (dm_tokenizer_encode(options->tokenizer, json_string_value(line->prompt),
                            json_string_length(line->prompt), &ids, &n_id, &fault))
        return json_lines_fail(&place, fault.status, error, "%s", fault.message);
    int32_t *copy = calloc(n_id + !n_id, sizeof *copy);
    if (copy && n_id)
        memcpy(copy, ids, n_id * sizeof *copy);
    dm_free(ids);
    if (!copy)
        return dm_fail_memory(error, "a prompt");
    *prompt = (struct task_prompt){.ids = copy,
                                   .n_id = n_id,
                                   .n_new = options->n_new,
                                   .keep_tail = 1,
                                   .stop = options->stop && *options->stop ? options->stop : NULL};
    return DM_OK;
}

static struct utf8 utf8_of(const json_t *text) {
    return (struct utf8){json_string_value(text), json_string_length(text)};
}

static dm_status judge(const struct task *task, size_t i, const char *answer, size_t n_byte,
                       double *score, dm_error *error) {
    const struct state *state = task->data;
    const json_t *answers = state->lines[i].answers;
    size_t n = json_is_array(answers) ? json_array_size(answers) : 1;
    struct utf8 *texts = calloc(n, sizeof *texts);
    for (size_t k = 0; texts && k < n; k++)
        texts[k] = utf8_of(json_is_array(answers) ? json_array_get(answers, k) : answers);
    const struct gold_answers gold = {.answers = texts, .n_answer = n};
    bool fine = texts && answer_score(metrics[state->options.metric].metric,
                                      &(struct utf8){answer, n_byte}, &gold, score);
    free(texts);
    return fine ? DM_OK : dm_fail_memory(error, "an answer");
}

static bool describe(const struct task *task, size_t i, json_t *object) {
    const struct line *line = &((const struct state *)task->data)->lines[i];
    json_t *id = json_object_get(line->object, "id");
    return !json_object_set_new(object, "line", json_integer((json_int_t)line->number)) &&
           (!id || !json_object_set(object, "id", id)) &&
           !json_object_set(object, "answers", (json_t *)(uintptr_t)line->answers);
}

static void free_task(struct task *task) {
    struct state *state = task->data;
    for (size_t i = 0; i < state->n_line; i++)
        json_decref(state->lines[i].object);
    free(state->lines);
    free(state->groups);
    free(state->path);
    free(state);
    free(task);
}

/* ---- Reading ---- */

/* The place of the group among those that came before; SIZE_MAX: memory is short. */
static size_t find_group(struct state *state, const char *name) {
    size_t i = 0;
    while (i < state->n_group && strcmp(state->groups[i], name) != 0)
        i++;
    if (i < state->n_group)
        return i;
    const char **room =
        dm_grow(state->groups, state->n_group, 1, &state->group_capacity, sizeof *room);
    if (!room)
        return SIZE_MAX;
    state->groups = room;
    room[state->n_group++] = name;
    return i;
}

/* Of a line that has them under "answers", as a list or a text, or under "answer". */
static dm_status find_answers(const struct json_lines *lines, const json_t *object,
                              const json_t **answers, dm_error *error) {
    const json_t *several = json_object_get(object, "answers");
    if (several && json_object_get(object, "answer"))
        return json_lines_fail(lines, DM_ERROR_FORMAT, error,
                               "keys 'answer' and 'answers': give one");
    if (json_is_string(several)) {
        *answers = several;
        return DM_OK;
    }
    return several ? json_lines_texts(lines, object, "answers", answers, error)
                   : json_lines_text(lines, object, "answer", answers, error);
}

/* A name stands in tables: it has no line break, and is not empty. */
static dm_status check_group(const struct json_lines *lines, const json_t *name, dm_error *error) {
    const char *text = json_string_value(name);
    size_t n = json_string_length(name);
    if (n && strlen(text) == n && !strpbrk(text, "\n\r\t"))
        return DM_OK;
    return json_lines_fail(lines, DM_ERROR_FORMAT, error,
                           "key 'group' must be a name of one line, and not empty");
}

/* Takes the object over, after success only. */
static dm_status add_line(struct state *state, const struct json_lines *lines, json_t *object,
                          dm_error *error) {
    struct line line = {.object = object, .number = lines->number};
    const json_t *group = NULL;
    dm_status status = json_lines_text(lines, object, "prompt", &line.prompt, error);
    if (!status && !json_string_length(line.prompt))
        status = json_lines_fail(lines, DM_ERROR_FORMAT, error, "key 'prompt' is empty");
    if (!status)
        status = find_answers(lines, object, &line.answers, error);
    if (!status && json_object_get(object, "group")) {
        status = json_lines_text(lines, object, "group", &group, error);
        if (!status)
            status = check_group(lines, group, error);
    }
    if (status)
        return status;
    line.group = find_group(state, group ? json_string_value(group) : "all");
    struct line *room =
        dm_grow(state->lines, state->n_line, 1, &state->line_capacity, sizeof *room);
    if (!room || line.group == SIZE_MAX) {
        state->lines = room ? room : state->lines;
        return dm_fail_memory(error, lines->name);
    }
    state->lines = room;
    room[state->n_line++] = line;
    return DM_OK;
}

static dm_status read_lines(struct state *state, dm_error *error) {
    struct json_lines lines;
    json_t *object;
    size_t most = state->options.max_prompts ? state->options.max_prompts : SIZE_MAX;
    dm_status status = json_lines_open(&lines, state->options.path, error);
    if (status)
        return status;
    state->path = strdup(lines.name);
    if (!state->path)
        status = dm_fail_memory(error, lines.name);
    while (!status && state->n_line < most && !(status = json_lines_next(&lines, &object, error)) &&
           object) {
        status = add_line(state, &lines, object, error);
        if (status)
            json_decref(object);
    }
    if (!status && !state->n_line)
        status = dm_fail(error, DM_ERROR_FORMAT, "%s: there is no prompt", lines.name);
    json_lines_close(&lines);
    return status;
}

dm_status lines_task_new(const struct lines_options *options, struct task **task, dm_error *error) {
    const struct task filled = {.name = "jsonl",
                                .measure = metrics[options->metric].measure,
                                .shows_rows = true,
                                .cell_of = cell_of,
                                .build = build,
                                .judge = judge,
                                .describe = describe,
                                .free = free_task};
    struct task *made = task_new(&filled, sizeof(struct state));
    if (!made)
        return dm_fail_memory(error, "the prompts");
    struct state *state = made->data;
    state->options = *options;
    state->column = metrics[options->metric].name;
    dm_status status = read_lines(state, error);
    if (status) {
        free_task(made);
        return status;
    }
    made->n_prompt = state->n_line;
    made->columns = (struct task_axis){.name = "metric", .n = 1, .names = &state->column};
    made->rows = (struct task_axis){.name = "group", .n = state->n_group, .names = state->groups};
    *task = made;
    return DM_OK;
}
