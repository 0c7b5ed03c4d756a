#include "train_loop.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/read_tokens.h"
#include "train_checkpoint.h"
#include "train_curriculum.h"

enum { max_skipped_in_row = 10 };

bool train_is_finished(const struct train_settings *settings, const struct train_state *state,
                       size_t step) {
    return step >= settings->steps || (settings->patience && state->n_worse >= settings->patience);
}

/* The library's fault, on a line of its own. */
static bool report(struct train_loop *loop, const dm_error *error) {
    progress_clear(&loop->watch.progress);
    return fail("%s", error->message);
}

/* Sets how much is kept, where it changes. */
static bool use_base_length(struct train_loop *loop, size_t base_length) {
    dm_error error;
    if (!dm_method_drops_tokens(loop->method.kind) || base_length == loop->base_length)
        return true;
    dm_method_options method = loop->method;
    method.base_length = base_length;
    if (dm_trainer_set_method(loop->trainer, &method, &error))
        return report(loop, &error);
    loop->base_length = base_length;
    return true;
}

/* Fills the batch with examples from *number on. */
static bool fill(struct train_loop *loop, size_t size, uint64_t *number) {
    struct example example;
    train_batch_clear(&loop->batch);
    while (train_example(loop->data, *number, size, &example)) {
        if (!train_batch_fits(&loop->batch, &example))
            return true;
        if (!train_batch_add(&loop->batch, loop->data, &example))
            return false;
        ++*number;
    }
    return false;
}

enum outcome { STEP_DONE, STEP_BAD_NUMBER, STEP_INTERRUPTED, STEP_FAILED };

static dm_status count_kept(struct train_loop *loop, dm_error *error) {
    dm_status status = dm_trainer_kept(loop->trainer, loop->kept_once, loop->n_layer, error);
    for (size_t i = 0; !status && i < loop->n_layer; i++)
        loop->kept[i] += loop->kept_once[i];
    return status;
}

static dm_training_batch batch_of(const struct train_loop *loop) {
    dm_training_batch batch = train_batch_view(&loop->batch);
    batch.by_sequence = loop->settings->average == AVERAGE_SEQUENCES;
    return batch;
}

/* Accumulates one step's batches, or draws those that are left after a bad number and forgets
 * them. */
static enum outcome accumulate(struct train_loop *loop, struct train_state *after,
                               dm_error *error) {
    enum outcome outcome = STEP_DONE;
    size_t size = train_size_at(loop->settings, dm_trainer_step_count(loop->trainer));
    memset(loop->kept, 0, loop->n_layer * sizeof *loop->kept);
    for (size_t i = 0; i < loop->settings->accumulate; i++) {
        if (interrupted())
            return STEP_INTERRUPTED;
        if (!fill(loop, size, &after->n_example))
            return STEP_FAILED;
        if (outcome == STEP_BAD_NUMBER)
            continue;
        dm_training_batch batch = batch_of(loop);
        dm_status status = dm_trainer_accumulate(loop->trainer, &batch, NULL, error);
        if (!status)
            status = count_kept(loop, error);
        if (status && status != DM_ERROR_NUMBER) {
            report(loop, error);
            return STEP_FAILED;
        }
        outcome = status ? STEP_BAD_NUMBER : STEP_DONE;
        after->n_token += batch.start[batch.n_sequence];
    }
    return outcome;
}

static enum outcome take_step(struct train_loop *loop, struct train_state *after,
                              dm_step_stats *stats, dm_error *error) {
    size_t step = dm_trainer_step_count(loop->trainer);
    *after = loop->state;
    if (!use_base_length(loop, train_base_length_at(loop->settings, &loop->method, step)))
        return STEP_FAILED;
    enum outcome outcome = accumulate(loop, after, error);
    if (outcome != STEP_DONE) {
        dm_trainer_forget(loop->trainer);
        return outcome;
    }
    *stats = (dm_step_stats)DM_STEP_STATS_INIT;
    dm_status status = dm_trainer_step(loop->trainer, stats, error);
    if (status && status != DM_ERROR_NUMBER) {
        report(loop, error);
        return STEP_FAILED;
    }
    return status ? STEP_BAD_NUMBER : STEP_DONE;
}

/* Leaves the step's data out, or ends the training. */
static bool pass_over(struct train_loop *loop, const struct train_state *after,
                      const dm_error *error) {
    size_t step = dm_trainer_step_count(loop->trainer) + 1;
    struct train_state *state = &loop->state;
    if (loop->settings->on_nan == ON_NAN_STOP || state->n_skipped_in_row == max_skipped_in_row) {
        progress_clear(&loop->watch.progress);
        if (!train_checkpoint_save(loop, false))
            return false;
        return loop->settings->on_nan == ON_NAN_STOP
                   ? fail("step %zu: %s; %s/last is what was before it, --on-nan skip goes on "
                          "without the step's data",
                          step, error->message, loop->folder->path)
                   : fail("step %zu: %s; it has been so %d times in a row; %s/last is what was "
                          "before",
                          step, error->message, max_skipped_in_row + 1, loop->folder->path);
    }
    train_watch_say(&loop->watch, "step %zu: %s: its data is left out", step, error->message);
    state->n_example = after->n_example;
    state->n_skipped++;
    state->n_skipped_in_row++;
    return true;
}

/* The mean loss of the held-out labels; what is kept is as at the end of the curriculum. */
static bool evaluate(struct train_loop *loop, double *loss) {
    size_t n = train_data_held_out(loop->held_out), i = 0;
    double sum = 0, weight = 0;
    struct example example;
    dm_error error;
    if (!use_base_length(
            loop, train_base_length_at(loop->settings, &loop->method, loop->settings->steps)))
        return false;
    while (i < n) {
        for (train_batch_clear(&loop->batch); i < n; i++) {
            if (!train_example_held_out(loop->held_out, i, &example))
                return false;
            if (!train_batch_fits(&loop->batch, &example))
                break;
            if (!train_batch_add(&loop->batch, loop->held_out, &example))
                return false;
        }
        dm_training_batch batch = batch_of(loop);
        dm_training_loss part = DM_TRAINING_LOSS_INIT;
        dm_status status = dm_trainer_evaluate(loop->trainer, &batch, &part, &error);
        if (status) {
            progress_clear(&loop->watch.progress);
            return fail("held-out data: %s", error.message);
        }
        sum += part.sum;
        weight += part.weight;
    }
    *loss = sum / weight;
    return weight > 0 || fail("held-out data: none of its labels is left after decimation");
}

/* Looks at the held-out data, when it is time, and keeps count of the best. */
static bool look(struct train_loop *loop, struct train_glance *glance) {
    const struct train_settings *settings = loop->settings;
    struct train_state *state = &loop->state;
    if (!loop->held_out ||
        (glance->step % settings->evaluate_every != 0 && glance->step != settings->steps))
        return true;
    if (!evaluate(loop, &glance->held_out))
        return false;
    glance->has_held_out = true;
    glance->is_best = !state->best_step || glance->held_out < state->best_loss;
    state->n_worse++;
    if (glance->is_best) {
        state->best_loss = glance->held_out;
        state->best_step = glance->step;
        state->n_worse = 0;
    }
    return true;
}

static json_t *metrics_line(const struct train_loop *loop, const struct train_glance *glance,
                            const dm_step_stats *stats) {
    json_t *kept = json_array();
    for (size_t i = 0; i < loop->n_layer; i++)
        json_array_append_new(kept, json_size(loop->kept[i]));
    json_t *line = json_pack(
        "{so sf sf sf so sI so so}", "step", json_size(glance->step), "loss", stats->loss,
        "gradient_norm", stats->gradient_norm, "learning_rate", stats->learning_rate, "length",
        json_size(train_length_at(loop->settings, glance->step - 1)), "tokens",
        (json_int_t)loop->state.n_token, "skipped", json_size(loop->state.n_skipped), "kept", kept);
    if (loop->settings->task == TASK_RETRIEVAL)
        json_object_set_new(line, "documents",
                            json_size(train_size_at(loop->settings, glance->step - 1)));
    if (glance->has_held_out)
        json_object_set_new(line, "held_out", json_real(glance->held_out));
    json_object_set_new(line, "tokens_per_second",
                        json_integer((json_int_t)(glance->tokens_per_second + 0.5)));
    json_object_set_new(line, "time", json_integer((json_int_t)time(NULL)));
    return line;
}

/* After a step that is done: look, tell, save. */
static bool conclude(struct train_loop *loop, const dm_step_stats *stats, double seconds,
                     uint64_t n_token_before) {
    const struct train_settings *settings = loop->settings;
    struct train_glance glance = {.step = dm_trainer_step_count(loop->trainer),
                                  .loss = stats->loss};
    uint64_t n_token = loop->state.n_token - n_token_before;
    glance.tokens_per_second = seconds > 0 ? (double)n_token / seconds : 0;
    if (!look(loop, &glance) ||
        !train_metrics_write(&loop->metrics, metrics_line(loop, &glance, stats)))
        return false;
    bool last = train_is_finished(settings, &loop->state, glance.step);
    train_watch_step(&loop->watch, &glance, glance.has_held_out || last);
    return !(last || glance.is_best || glance.step % settings->save_every == 0 || interrupted()) ||
           train_checkpoint_save(loop, glance.is_best);
}

static enum train_end run(struct train_loop *loop) {
    struct train_state after;
    dm_step_stats stats;
    dm_error error;
    while (!train_is_finished(loop->settings, &loop->state, dm_trainer_step_count(loop->trainer))) {
        double started = seconds_now();
        uint64_t n_token = loop->state.n_token;
        switch (take_step(loop, &after, &stats, &error)) {
        case STEP_FAILED:
            return TRAIN_FAILED;
        case STEP_INTERRUPTED:
            return train_checkpoint_save(loop, false) ? TRAIN_INTERRUPTED : TRAIN_FAILED;
        case STEP_BAD_NUMBER:
            if (!pass_over(loop, &after, &error))
                return TRAIN_FAILED;
            break;
        case STEP_DONE:
            loop->state = after;
            loop->state.n_skipped_in_row = 0;
            if (!conclude(loop, &stats, seconds_now() - started, n_token))
                return TRAIN_FAILED;
            break;
        }
    }
    return TRAIN_FINISHED;
}

enum train_end train_loop_run(struct train_loop *loop) {
    enum train_end end = TRAIN_FAILED;
    size_t step = dm_trainer_step_count(loop->trainer);
    loop->kept = calloc(loop->n_layer, sizeof *loop->kept);
    loop->kept_once = calloc(loop->n_layer, sizeof *loop->kept_once);
    train_watch_start(&loop->watch, loop->settings->steps, step);
    loop->metrics.progress = &loop->watch.progress;
    if (!loop->kept || !loop->kept_once) {
        fail_memory();
    } else if (train_batch_init(&loop->batch, loop->settings->batch_tokens)) {
        if (loop->data->reads_on)
            loop->batch.most = train_batch_chunks(loop->settings);
        end = run(loop);
    }
    progress_clear(&loop->watch.progress);
    train_batch_free(&loop->batch);
    free(loop->kept);
    free(loop->kept_once);
    return end;
}
