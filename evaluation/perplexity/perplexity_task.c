#include "perplexity_task.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "perplexity.h"

struct state {
    struct perplexity_book *books;
    size_t n_book;
    const char **names; /* [n_book] */
    size_t target, windows;
    size_t *first; /* [n_length * n_book + 1]: prompts before this length's and book's */
};

/* Windows of `length` tokens of a book. */
static size_t count_windows(const struct state *state, const struct perplexity_book *book,
                            size_t length) {
    if (book->text.n_id < length)
        return 0;
    size_t n = perplexity_window_count(book->text.n_id, length,
                                       perplexity_stride(book->text.n_id, length));
    return state->windows && state->windows < n ? state->windows : n;
}

/* The cell of prompt i: its column times n_book + its row. */
static size_t find_cell(const struct task *task, size_t i) {
    const struct state *state = task->data;
    size_t low = 0, high = task->columns.n * state->n_book;
    while (high - low > 1) { /* first[low] <= i < first[high] */
        size_t middle = low + (high - low) / 2;
        if (state->first[middle] <= i)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void cell_of(const struct task *task, size_t i, size_t *column, size_t *row) {
    const struct state *state = task->data;
    size_t cell = find_cell(task, i);
    *column = cell / state->n_book;
    *row = cell % state->n_book;
}

static size_t length_of(const struct task *task, size_t column) {
    return (size_t)task->columns.values[column];
}

/* Where the window of prompt i begins in its book. */
static size_t window_start(const struct task *task, size_t i) {
    const struct state *state = task->data;
    size_t cell = find_cell(task, i), index = i - state->first[cell];
    size_t length = length_of(task, cell / state->n_book);
    size_t n_id = state->books[cell % state->n_book].text.n_id;
    size_t stride = perplexity_stride(n_id, length);
    size_t n_all = perplexity_window_count(n_id, length, stride);
    size_t n = state->first[cell + 1] - state->first[cell];
    return (n < n_all ? (size_t)((double)index * (double)n_all / (double)n) : index) * stride;
}

static dm_status build(const struct task *task, size_t i, struct task_prompt *prompt,
                       dm_error *error) {
    const struct state *state = task->data;
    size_t column, row;
    cell_of(task, i, &column, &row);
    size_t n = length_of(task, column);
    int32_t *ids = calloc(n, sizeof *ids);
    if (!ids)
        return dm_fail_memory(error, "the books");
    const struct token_text *text = &state->books[row].text;
    dm_status status = text->read(text->user, window_start(task, i), n, ids, error);
    if (status) {
        free(ids);
        return status;
    }
    *prompt = (struct task_prompt){
        .ids = ids, .n_id = n, .n_scored = state->target, .keep_tail = state->target + 1};
    return DM_OK;
}

static bool describe(const struct task *task, size_t i, json_t *object) {
    return !json_object_set_new(object, "start", json_integer((json_int_t)window_start(task, i)));
}

static void free_task(struct task *task) {
    struct state *state = task->data;
    for (size_t i = 0; i < state->n_book; i++)
        free(state->books[i].name);
    task_axis_free(&task->columns);
    free(state->books);
    free(state->names);
    free(state->first);
    free(state);
    free(task);
}

static dm_status refuse(dm_error *error, size_t length, const char *why, size_t n) {
    return dm_fail(error, DM_ERROR_ARGUMENT, "windows of %zu tokens: %s %zu", length, why, n);
}

/* Counts the prompts, each length having some. */
static dm_status count(struct task *task, dm_error *error) {
    struct state *state = task->data;
    size_t longest = 0, *first = state->first;
    for (size_t b = 0; b < state->n_book; b++)
        longest = state->books[b].text.n_id > longest ? state->books[b].text.n_id : longest;
    for (size_t c = 0; c < task->columns.n; c++) {
        size_t length = length_of(task, c);
        if (length <= state->target)
            return refuse(error, length, "more are needed than are scored,", state->target);
        if (length > longest)
            return refuse(error, length, "the longest book has", longest);
        for (size_t b = 0; b < state->n_book; b++, first++)
            first[1] = first[0] + count_windows(state, &state->books[b], length);
    }
    task->n_prompt = *first;
    return DM_OK;
}

static dm_status fill(struct task *task, const struct perplexity_task_options *options,
                      dm_error *error) {
    struct state *state = task->data;
    size_t n_length = options->n_length, n_book = options->n_book, n_cell;
    if (__builtin_mul_overflow(n_length, n_book, &n_cell))
        return dm_fail_memory(error, "the books");
    state->first = calloc(n_cell + 1, sizeof *state->first);
    state->names = calloc(n_book, sizeof *state->names);
    if (!state->first || !state->names ||
        !task_axis_sizes(&task->columns, "tokens", options->lengths, n_length))
        return dm_fail_memory(error, "the books");
    for (size_t i = 0; i < n_book; i++)
        state->names[i] = options->books[i].name;
    task->rows = (struct task_axis){"book", n_book, state->names, NULL};
    state->books = options->books;
    state->n_book = n_book;
    dm_status status = count(task, error);
    if (status) { /* they stay the caller's */
        state->books = NULL;
        state->n_book = 0;
    }
    return status;
}

dm_status perplexity_task_new(const struct perplexity_task_options *options, struct task **task,
                              dm_error *error) {
    const struct task filled = {.name = "perplexity",
                                .measure = TASK_LOSS,
                                .cell_of = cell_of,
                                .build = build,
                                .describe = describe,
                                .free = free_task};
    struct task *made = task_new(&filled, sizeof(struct state));
    if (!made)
        return dm_fail_memory(error, "the books");
    *(struct state *)made->data =
        (struct state){.target = options->target, .windows = options->windows};
    dm_status status = fill(made, options, error);
    if (status)
        free_task(made);
    else
        *task = made;
    return status;
}
