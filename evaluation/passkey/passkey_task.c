#include "passkey_task.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

struct state {
    struct passkey_source source;
    size_t n_key;
    bool by_loss;
};

static dm_status draw(const struct task *task, size_t i, struct passkey_prompt *prompt,
                      dm_error *error) {
    const struct state *state = task->data;
    size_t column, row;
    task_cell_evenly(task, i, &column, &row);
    return passkey_draw(&state->source, (size_t)task->columns.values[column],
                        task->rows.values[row], i % state->n_key, prompt, error);
}

static dm_status add_key(const struct state *state, const struct passkey_prompt *prompt,
                         int32_t *ids, dm_error *error) {
    int32_t *key;
    dm_status status = passkey_encode_key(&state->source, prompt->key, &key, error);
    if (status)
        return status;
    memcpy(ids + prompt->length, key, passkey_key_length * sizeof *key);
    dm_free(key);
    return DM_OK;
}

static dm_status build(const struct task *task, size_t i, struct task_prompt *built,
                       dm_error *error) {
    const struct state *state = task->data;
    struct passkey_prompt prompt;
    struct passkey_needle needle;
    dm_status status = draw(task, i, &prompt, error);
    if (status)
        return status;
    size_t n_key = state->by_loss ? passkey_key_length : 0;
    int32_t *ids = calloc(prompt.length + n_key, sizeof *ids);
    status = ids ? passkey_build(&state->source, &prompt, ids, &needle, error)
                 : dm_fail_memory(error, "the pass-key task");
    if (!status && state->by_loss)
        status = add_key(state, &prompt, ids, error);
    if (status) {
        free(ids);
        return status;
    }
    *built = (struct task_prompt){.ids = ids,
                                  .n_id = prompt.length + n_key,
                                  .n_new = state->by_loss ? 0 : passkey_key_length,
                                  .n_scored = n_key,
                                  .keep_tail = n_key + 1};
    return DM_OK;
}

static dm_status judge(const struct task *task, size_t i, const char *answer, size_t n_byte,
                       double *score, dm_error *error) {
    struct passkey_prompt prompt;
    dm_status status = draw(task, i, &prompt, error);
    if (status)
        return status;
    bool more = n_byte > passkey_key_length && answer[passkey_key_length] >= '0' &&
                answer[passkey_key_length] <= '9';
    *score =
        n_byte >= passkey_key_length && !more && !memcmp(answer, prompt.key, passkey_key_length);
    return DM_OK;
}

static bool describe(const struct task *task, size_t i, json_t *object) {
    struct passkey_prompt prompt;
    dm_error error;
    return !draw(task, i, &prompt, &error) &&
           !json_object_set_new(object, "key", json_string(prompt.key)) &&
           !json_object_set_new(object, "start", json_integer((json_int_t)prompt.start));
}

static void free_task(struct task *task) {
    task_axis_free(&task->columns);
    task_axis_free(&task->rows);
    free(task->data);
    free(task);
}

/* Draws a prompt of each length. */
static dm_status check(const struct task *task, dm_error *error) {
    const struct state *state = task->data;
    struct passkey_prompt prompt;
    dm_status status = DM_OK;
    for (size_t column = 0; !status && column < task->columns.n; column++)
        status = draw(task, column * task->rows.n * state->n_key, &prompt, error);
    return status;
}

dm_status passkey_task_new(const struct passkey_task_options *options, struct task **task,
                           dm_error *error) {
    const struct task filled = {.name = "passkey",
                                .measure = options->by_loss ? TASK_LOSS : TASK_RIGHT,
                                .shows_rows = options->by_loss,
                                .n_prompt = options->n_length * options->n_depth * options->n_key,
                                .cell_of = task_cell_evenly,
                                .build = build,
                                .judge = judge,
                                .describe = describe,
                                .free = free_task};
    struct task *made = task_new(&filled, sizeof(struct state));
    if (!made)
        return dm_fail_memory(error, "the pass-key task");
    *(struct state *)made->data = (struct state){options->source, options->n_key, options->by_loss};
    dm_status status =
        task_axis_sizes(&made->columns, "tokens", options->lengths, options->n_length) &&
                task_axis_depths(&made->rows, options->n_depth)
            ? check(made, error)
            : dm_fail_memory(error, "the pass-key task");
    if (status)
        free_task(made);
    else
        *task = made;
    return status;
}
