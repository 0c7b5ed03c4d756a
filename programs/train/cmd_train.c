/* decimamba train: a model learns from texts, or from prompts with answers. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/fail.h"
#include "cli/model_flags.h"
#include "cli/options_json.h"
#include "cli/paths.h"
#include "cli/read_tokens.h"
#include "commands.h"
#include "train_checkpoint.h"
#include "train_loop.h"
#include "train_settings.h"
#include "train_tokenizer.h"

/* Everything that a training holds while it runs. */
struct work {
    struct train_settings settings;
    struct train_folder folder;
    char *tokenizer_path;
    dm_tokenizer *tokenizer;
    struct train_data data, held_out;
    struct train_loop loop;
    size_t n_vocab;
    char *last; /* the checkpoint to go on from; NULL: none */
};

/* What a model lacks is said as other commands say it. */
static bool check_tokenizer(struct work *work, const char *path) {
    const char *model = work->settings.tokenizer ? NULL : work->settings.model;
    if (access(path, R_OK) == 0)
        return true;
    int fault = errno;
    return (!model || load_tokenizer(model, &work->tokenizer)) &&
           fail("%s: cannot read: %s", path, strerror(fault));
}

static bool open_tokenizer(struct work *work) {
    char *path = work->tokenizer_path = train_tokenizer_path(&work->settings);
    if (!path)
        return fail_memory();
    if (!check_tokenizer(work, path))
        return false;
    work->settings.tokenizer = path;
    return load_tokenizer(path, &work->tokenizer);
}

/* The checkpoint that `last` points to, if there is one. */
static bool find_last(struct work *work) {
    if (!train_folder_has(&work->folder, "last"))
        return true;
    char *link = train_folder_at(&work->folder, "last");
    work->last = link ? realpath(link, NULL) : NULL;
    bool fine = work->last || (link && fail("%s: %s", link, strerror(errno)));
    free(link);
    return fine;
}

static bool write_settings(const json_t *settings, const char *path) {
    dm_error error;
    return !dm_json_write(path, settings, &error) || fail("%s", error.message);
}

/* Whether `path` is the run file that the user wrote, which is not to be overwritten. */
static bool is_own_run_file(const struct train_settings *settings, const char *path) {
    struct stat a, b;
    return settings->run_file && stat(settings->run_file, &a) == 0 && stat(path, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Whether the training in the folder is the one that is asked for; `now` are its settings. */
static bool check_settings(struct work *work, const json_t *now, const char *path) {
    if (!work->last && !is_own_run_file(&work->settings, path))
        return true;
    json_t *before = json_read(path);
    train_settings_use_new_names(&work->settings, before);
    bool fine =
        before && (work->last ? train_settings_agree(&work->settings, before, now, path)
                              : json_equal(before, now) ||
                                    fail("%s: the settings in effect would overwrite this file: "
                                         "give another --output",
                                         path));
    json_decref(before);
    return fine;
}

/* Checks the settings against the folder's run.json, or writes that. */
static bool keep_settings(struct work *work, bool write) {
    json_t *now = train_settings_to_json(&work->settings, work->folder.path);
    char *path = train_folder_at(&work->folder, "run.json");
    bool fine = path && (now || fail_memory()) &&
                (write ? write_settings(now, path) : check_settings(work, now, path));
    json_decref(now);
    free(path);
    return fine;
}

/* A trainer that starts from random weights. They go to a temporary folder: should this be killed,
 * there is no run.json yet that says whose folder it is. */
static bool start_random(struct work *work, const dm_trainer_options *options) {
    char *start = train_folder_at(&work->folder, "start.tmp");
    dm_error error;
    bool fine = start;
    if (fine && (dm_checkpoint_init(work->settings.config, start, DM_DTYPE_F32, work->settings.seed,
                                    &error) ||
                 dm_trainer_new(start, options, &work->loop.trainer, &error)))
        fine = fail("%s", error.message);
    free(start);
    return output_folder_remove(&work->folder.output, "start.tmp") && fine;
}

static bool resume(struct work *work, const dm_trainer_options *options) {
    char *note;
    dm_error error;
    if (dm_trainer_resume(work->last, options, &work->loop.trainer, &note, &error))
        return fail("%s", error.message);
    bool fine = train_state_read(&work->loop.state, note, work->last);
    dm_free(note);
    work->loop.saved_step = dm_trainer_step_count(work->loop.trainer);
    return fine;
}

static bool open_trainer(struct work *work) {
    struct train_loop *loop = &work->loop;
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_error error;
    dm_trainer_options options = train_settings_options(&work->settings, &loop->method);
    if (!work->last) /* a checkpoint has the tokenizer's files of the start */
        options.tokenizer = work->tokenizer_path;
    bool fine = work->last              ? resume(work, &options)
                : work->settings.config ? start_random(work, &options)
                                        : dm_trainer_new(work->settings.model, &options,
                                                         &loop->trainer, &error) == DM_OK ||
                                              fail("%s", error.message);
    if (fine && dm_trainer_get_info(loop->trainer, &info, &error))
        fine = fail("%s", error.message);
    loop->n_layer = info.n_layer;
    work->n_vocab = info.vocab_size;
    return fine;
}

static bool check_ids(const struct work *work, const struct train_data *data) {
    int32_t id = train_data_highest_id(data);
    return id < 0 || (size_t)id < work->n_vocab ||
           fail("%s: its id %d occurs in the data, and the model knows only %zu",
                work->tokenizer_path, (int)id, work->n_vocab);
}

static void print_left_out(const struct train_data *data, const struct train_settings *settings) {
    bool one = data->n_too_long == 1;
    if (data->n_too_long)
        printf("left out: %zu %s%s that with %s %s%s %s longer than %zu tokens\n", data->n_too_long,
               data->squad ? "question" : "prompt", one ? "" : "s", one ? "its" : "their",
               data->squad ? "paragraph" : "completion", one && !data->squad ? "" : "s",
               one ? "is" : "are", settings->length);
    if (data->n_too_short)
        printf("left out: %zu end%s of texts too short for --chunks %zu\n", data->n_too_short,
               data->n_too_short == 1 ? "" : "s", settings->chunks);
}

static bool read_data(struct work *work) {
    const struct train_settings *settings = &work->settings;
    struct train_loop *loop = &work->loop;
    bool has_held_out = train_settings_held_out(settings);
    if (!train_data_read(&work->data, settings, work->tokenizer, false) ||
        (has_held_out && !train_data_read(&work->held_out, settings, work->tokenizer, true)))
        return false;
    if (!check_ids(work, &work->data) || (has_held_out && !check_ids(work, &work->held_out)))
        return false;
    loop->data = &work->data;
    loop->held_out = has_held_out ? &work->held_out : NULL;
    uint64_t hash = train_data_hash(&work->held_out, train_data_hash(&work->data, 1));
    if (work->last && hash != loop->state.data_hash)
        return fail("%s: this training began with other data or another tokenizer; give another "
                    "--output for a new one",
                    settings->output);
    loop->state.data_hash = hash;
    print_left_out(&work->data, settings);
    return true;
}

static void print_start(const struct work *work) {
    const struct train_loop *loop = &work->loop;
    printf("%s: %zu of %zu parameters are trained, on ", work->settings.output,
           dm_trainer_n_parameter(loop->trainer, 1), dm_trainer_n_parameter(loop->trainer, 0));
    if (work->data.squad)
        printf("%zu questions about %zu paragraphs", work->data.documents.n_question,
               work->data.squad->n_paragraph);
    else
        printf("%zu tokens", work->data.corpus.n_id);
    if (work->data.n_window)
        printf(" in %zu sequence%s", work->data.n_window, work->data.n_window == 1 ? "" : "s");
    size_t n_held_out = loop->held_out ? train_data_held_out(loop->held_out) : 0;
    if (n_held_out)
        printf("; %zu sequence%s held out", n_held_out, n_held_out == 1 ? "" : "s");
    printf("\n");
    if (work->settings.chunks_given && work->settings.chunks == 1 && loop->method.n_layer &&
        !work->settings.method.keep_tail_given)
        printf("--chunks 1: a text is read once, and all of it is its tail: nothing is dropped\n");
    if (work->last)
        printf("%s: going on after step %zu of %zu\n", work->settings.output,
               dm_trainer_step_count(loop->trainer), work->settings.steps);
    fflush(stdout);
}

/* Has the trainer hold what the best checkpoint holds. */
static bool go_back_to_best(struct work *work) {
    struct train_loop *loop = &work->loop;
    size_t best = loop->state.best_step;
    if (!best || best == dm_trainer_step_count(loop->trainer))
        return true;
    char *directory = train_folder_step(&work->folder, best);
    dm_trainer_options options = train_settings_options(&work->settings, &loop->method);
    dm_error error;
    dm_trainer_free(loop->trainer); /* memory for one of them only */
    loop->trainer = NULL;
    bool fine = directory;
    if (fine && dm_trainer_resume(directory, &options, &loop->trainer, NULL, &error))
        fine = fail("%s", error.message);
    free(directory);
    return fine;
}

/* The model's decimamba.json is to say what the training led to. */
static bool set_final_method(struct train_loop *loop) {
    dm_error error;
    return loop->method.kind == DM_METHOD_NONE ||
           dm_trainer_set_method(loop->trainer, &loop->method, &error) == DM_OK ||
           fail("%s", error.message);
}

static bool finish(struct work *work) {
    const struct train_state *state = &work->loop.state;
    size_t step = dm_trainer_step_count(work->loop.trainer);
    train_metrics_close(&work->loop.metrics);
    if (!train_metrics_table(&work->folder))
        return false;
    /* without a picture the model is one, too */
    bool drawn = train_metrics_draw(work->folder.path);
    if (!go_back_to_best(work) || !set_final_method(&work->loop) ||
        !train_export(&work->folder, work->loop.trainer))
        return false;
    if (state->n_skipped)
        printf("left out as not finite or too large: the data of %zu step%s\n", state->n_skipped,
               state->n_skipped == 1 ? "" : "s");
    printf("%s/model: after %zu step%s", work->settings.output, step, step == 1 ? "" : "s");
    if (state->best_step)
        printf(", the best, of step %zu: held out %.4f", state->best_step, state->best_loss);
    putchar('\n');
    return drawn;
}

static enum train_end train(struct work *work) {
    struct train_loop *loop = &work->loop;
    const struct train_settings *settings = &work->settings;
    /* which layers there are is known to the trainer, which will say so */
    if (!train_settings_method(&work->settings, SIZE_MAX, &loop->method) || !open_tokenizer(work) ||
        !train_folder_open(&work->folder, settings->output) || !find_last(work) ||
        !keep_settings(work, false) || !open_trainer(work))
        return TRAIN_FAILED;
    size_t step = dm_trainer_step_count(loop->trainer);
    bool finished = train_is_finished(settings, &loop->state, step);
    if (finished && train_folder_has(&work->folder, "model")) {
        printf("%s: this training is finished, after %zu step%s; its model is %s/model\n",
               settings->output, step, step == 1 ? "" : "s", settings->output);
        return TRAIN_FINISHED;
    }
    if (!read_data(work) || !keep_settings(work, true))
        return TRAIN_FAILED;
    loop->settings = settings;
    loop->folder = &work->folder;
    print_start(work);
    if (train_data_teaches_end(&work->data) &&
        !train_tokenizer_print_end(work->tokenizer, settings))
        return TRAIN_FAILED;
    if ((!finished && !output_folder_remove(&work->folder.output, "model")) ||
        (loop->state.best_step &&
         !train_folder_link(&work->folder, "best", loop->state.best_step)) ||
        !train_metrics_open(&loop->metrics, &work->folder, step))
        return TRAIN_FAILED;
    /* one that was killed may not have come to this */
    train_folder_prune(&work->folder, settings->keep, step, loop->state.best_step);
    catch_interrupt("the batch at hand, then for the checkpoint");
    catch_termination();
    enum train_end end = train_loop_run(loop);
    if (end == TRAIN_INTERRUPTED)
        printf("%s: interrupted after step %zu; the same command resumes it\n", settings->output,
               dm_trainer_step_count(loop->trainer));
    return end == TRAIN_FINISHED && !finish(work) ? TRAIN_FAILED : end;
}

static int run(int n_argument, char **arguments) {
    struct work work = {.loop = {.saved_step = SIZE_MAX}};
    enum options_result result =
        train_settings_read(&train_command, n_argument, arguments, &work.settings);
    enum train_end end = TRAIN_FAILED;
    if (result == OPTIONS_READ) {
        end = train(&work);
        train_metrics_close(&work.loop.metrics);
        dm_trainer_free(work.loop.trainer);
        train_data_free(&work.data);
        train_data_free(&work.held_out);
        dm_tokenizer_free(work.tokenizer);
        free(work.tokenizer_path);
        free(work.last);
        train_folder_close(&work.folder);
    }
    train_settings_free(&work.settings);
    if (result != OPTIONS_READ)
        return options_status(result);
    return end == TRAIN_FINISHED      ? EXIT_SUCCESS
           : end == TRAIN_INTERRUPTED ? EXIT_INTERRUPTED
                                      : EXIT_FAILURE;
}

const struct command train_command = {
    .name = "train",
    .operands = "[RUN.json]",
    .summary = "Trains a model on texts, or on prompts with their answers.",
    .notes =
        "RUN.json is an object whose keys are the flags below with _ for -, as {\"learning_rate\": "
        "0.002}; a flag overrides the file, and names of files in it are relative to its "
        "folder.\n\nThe output folder receives run.json (the settings), checkpoints (step-N, with "
        "the links last and best), metrics.jsonl, events/ for TensorBoard, and at the end "
        "loss.tsv, loss.png (by gnuplot) and model/. The same command resumes a training that "
        "was interrupted or killed, and ends with the same bits. docs/training.md has "
        "recipes.",
    .example = "decimamba train run.json\ndecimamba train --config config.json --text books/ "
               "--output out \\\n    --learning-rate 2e-3 --length 512 --steps 2000",
    .min_operand = 0,
    .max_operand = 1,
    .run = run,
};
