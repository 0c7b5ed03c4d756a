#include "official_passkey.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "draw.h"
#include "haystack.h"
#include "passkey_list.h"

enum { n_new = 10, needle_size = 2 * passkey_list_key_size + 64 };

static const char question[] = "There is an important pass key hidden inside a lot of irrelevant "
                               "text. Find it and memorize it:\n";
static const char ending[] = "\nAnswer: ";
static const double max_depth_error = 0.1;

struct ids {
    int32_t *items; /* [n]; of dm_tokenizer_encode */
    size_t n;
};

struct state {
    const dm_tokenizer *tokenizer;
    struct haystack *haystack;
    struct passkey_list keys;
    size_t *lengths;
    size_t n_key;
    uint64_t seed;
    struct ids question, ending;
};

static dm_status encode(const struct state *state, const char *text, struct ids *ids,
                        dm_error *error) {
    return dm_tokenizer_encode(state->tokenizer, text, strlen(text), &ids->items, &ids->n, error);
}

/* What is drawn for a prompt. */
struct drawn {
    size_t length;
    double depth;
    const char *key;
    size_t row;
    uint64_t slot; /* modulo the number of slots */
};

static struct drawn draw(const struct task *task, size_t i) {
    const struct state *state = task->data;
    size_t column, row, number = i % state->n_key;
    task_cell_evenly(task, i, &column, &row);
    struct drawn drawn = {.length = state->lengths[column], .depth = task->rows.values[row]};
    uint64_t bits = state->seed;
    draw_bits(&bits, drawn.length);
    draw_bits(&bits, (uint64_t)(drawn.depth * 1e6 + 0.5));
    drawn.key = state->keys.items[draw_shuffled(bits, number % state->keys.n, state->keys.n)];
    draw_bits(&bits, number);
    drawn.row = (size_t)(draw_bits(&bits, 1) % haystack_row_count(state->haystack));
    drawn.slot = draw_bits(&bits, 2);
    return drawn;
}

static dm_status encode_needle(const struct state *state, const char *key, struct ids *needle,
                               dm_error *error) {
    char text[needle_size];
    snprintf(text, sizeof text, "The pass key is %s. Remember it. %s is the pass key. ", key, key);
    return encode(state, text, needle, error);
}

/* The token of the haystack, whose sentences begin at `starts`, that the needle goes before. */
static size_t choose_slot(const struct drawn *drawn, size_t n_needle, const size_t *starts,
                          size_t n_start) {
    double length = (double)drawn->length;
    size_t first = (size_t)(length * fmax(0, drawn->depth - max_depth_error));
    size_t end = (size_t)(length * fmin(1, drawn->depth + max_depth_error));
    double wanted = drawn->depth * (double)(drawn->length - n_needle);
    size_t right = 0, n_right = 0, nearest = 0;
    for (size_t s = 0; s < n_start; s++) {
        if (starts[s] >= first && starts[s] + n_needle < end && n_right++ == 0)
            right = s;
        if (fabs((double)starts[s] - wanted) < fabs((double)starts[nearest] - wanted))
            nearest = s;
    }
    return starts[n_right ? right + drawn->slot % n_right : nearest];
}

/* Fills the prompt's ids (there is room for them), and gives the token that the needle begins
 * at. */
static dm_status fill(const struct state *state, const struct drawn *drawn,
                      const struct ids *needle, int32_t *ids, size_t *needle_at, dm_error *error) {
    size_t n_hay = drawn->length - needle->n, *starts, n_start;
    int32_t *context = ids + state->question.n;
    dm_status status =
        haystack_read(state->haystack, drawn->row, context, n_hay, &starts, &n_start, error);
    if (status)
        return status;
    size_t slot = choose_slot(drawn, needle->n, starts, n_start);
    free(starts);
    memcpy(ids, state->question.items, state->question.n * sizeof *ids);
    memmove(context + slot + needle->n, context + slot, (n_hay - slot) * sizeof *ids);
    memcpy(context + slot, needle->items, needle->n * sizeof *ids);
    memcpy(context + drawn->length, state->ending.items, state->ending.n * sizeof *ids);
    *needle_at = state->question.n + slot;
    return DM_OK;
}

static dm_status write_prompt(const struct state *state, const struct drawn *drawn, int32_t **ids,
                              size_t *n_id, size_t *needle_at, dm_error *error) {
    struct ids needle;
    dm_status status = encode_needle(state, drawn->key, &needle, error);
    if (status)
        return status;
    *n_id = state->question.n + drawn->length + state->ending.n;
    *ids = calloc(*n_id, sizeof **ids);
    status = *ids ? fill(state, drawn, &needle, *ids, needle_at, error)
                  : dm_fail_memory(error, "the pass-key task");
    dm_free(needle.items);
    if (status)
        free(*ids);
    return status;
}

static dm_status build(const struct task *task, size_t i, struct task_prompt *built,
                       dm_error *error) {
    struct drawn drawn = draw(task, i);
    int32_t *ids;
    size_t n_id, needle_at;
    dm_status status = write_prompt(task->data, &drawn, &ids, &n_id, &needle_at, error);
    if (!status)
        *built = (struct task_prompt){.ids = ids, .n_id = n_id, .n_new = n_new, .keep_tail = 1};
    return status;
}

static dm_status judge(const struct task *task, size_t i, const char *answer, size_t n_byte,
                       double *score, dm_error *error) {
    (void)error;
    struct drawn drawn = draw(task, i);
    size_t n_digit = strlen(drawn.key);
    *score = 0;
    for (size_t begin = 0; begin <= n_byte;) {
        const char *blank = memchr(answer + begin, ' ', n_byte - begin);
        size_t end = blank ? (size_t)(blank - answer) : n_byte;
        if (end - begin == n_digit && !memcmp(answer + begin, drawn.key, n_digit))
            *score = 1;
        begin = end + 1;
    }
    return DM_OK;
}

static bool describe(const struct task *task, size_t i, json_t *object) {
    struct drawn drawn = draw(task, i);
    int32_t *ids;
    size_t n_id, needle_at;
    dm_error error;
    if (write_prompt(task->data, &drawn, &ids, &n_id, &needle_at, &error))
        return false;
    free(ids);
    return !json_object_set_new(object, "key", json_string(drawn.key)) &&
           !json_object_set_new(object, "first_row", json_integer((json_int_t)drawn.row)) &&
           !json_object_set_new(object, "fact_at", json_integer((json_int_t)needle_at));
}

static void free_task(struct task *task) {
    struct state *state = task->data;
    task_axis_free(&task->columns);
    task_axis_free(&task->rows);
    haystack_free(state->haystack);
    free(state->keys.items);
    free(state->lengths);
    dm_free(state->question.items);
    dm_free(state->ending.items);
    free(state);
    free(task);
}

/* The needle, which is as long as its key makes it, must leave room for haystack in every
 * prompt. */
static dm_status check_lengths(const struct task *task, dm_error *error) {
    const struct state *state = task->data;
    for (size_t i = 0; i < task->n_prompt; i++) {
        struct drawn drawn = draw(task, i);
        struct ids needle;
        dm_status status = encode_needle(state, drawn.key, &needle, error);
        if (status)
            return status;
        dm_free(needle.items);
        if (drawn.length > SIZE_MAX - state->question.n - state->ending.n)
            return dm_fail_memory(error, "the pass-key task");
        if (drawn.length <= needle.n) {
            return dm_fail(error, DM_ERROR_ARGUMENT,
                           "a context of %zu tokens: the fact alone takes %zu", drawn.length,
                           needle.n);
        }
    }
    return DM_OK;
}

static dm_status fill_task(const struct official_passkey_options *options, struct task *task,
                           dm_error *error) {
    struct state *state = task->data;
    state->lengths = calloc(options->n_length, sizeof *state->lengths);
    if (!state->lengths ||
        !task_axis_sizes(&task->columns, "tokens", options->lengths, options->n_length) ||
        !task_axis_depths(&task->rows, options->n_depth))
        return dm_fail_memory(error, "the pass-key task");
    memcpy(state->lengths, options->lengths, options->n_length * sizeof *state->lengths);
    dm_status status =
        passkey_list_read(options->keys, options->n_keys, options->keys_name, &state->keys, error);
    if (!status)
        status = encode(state, question, &state->question, error);
    if (!status)
        status = encode(state, ending, &state->ending, error);
    if (!status)
        status = haystack_new(options->tokenizer, options->text, options->n_text,
                              options->text_name, &state->haystack, error);
    return status ? status : check_lengths(task, error);
}

dm_status official_passkey_task_new(const struct official_passkey_options *options,
                                    struct task **task, dm_error *error) {
    const struct task filled = {.name = "official-passkey",
                                .measure = TASK_RIGHT,
                                .n_prompt = options->n_length * options->n_depth * options->n_key,
                                .cell_of = task_cell_evenly,
                                .build = build,
                                .judge = judge,
                                .describe = describe,
                                .free = free_task};
    struct task *made = task_new(&filled, sizeof(struct state));
    if (!made)
        return dm_fail_memory(error, "the pass-key task");
    *(struct state *)made->data = (struct state){
        .tokenizer = options->tokenizer, .n_key = options->n_key, .seed = options->seed};
    dm_status status = fill_task(options, made, error);
    if (status)
        free_task(made);
    else
        *task = made;
    return status;
}
