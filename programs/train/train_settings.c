#include "train_settings.h"

#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/options_json.h"
#include "train_curriculum.h"
#include "train_table.h"

static const struct train_settings defaults = {
    .trainer = DM_TRAINER_OPTIONS_INIT,
    .held_out = 64,
    .length = 512,
    .length_over = 1,
    .documents = 12,
    .documents_over = 1,
    .batch_tokens = 4096,
    .accumulate = 1,
    .labels = 1,
    .chunks = 1,
    .mention_weight = 1,
    .steps = 1000,
    .kept_share_over = 1,
    .evaluate_every = 100,
    .save_every = 100,
    .keep = 1,
};

static bool check_source(const struct train_settings *s) {
    if (!s->model == !s->config)
        return fail_usage("train: give %s--model or --config", s->model ? "only one of " : "");
    if (!s->output)
        return fail_usage("train: --output is missing");
    if (!s->text.n && !s->jsonl.n && s->task != TASK_RETRIEVAL)
        return fail_usage("train: nothing to learn from: give --text or --jsonl");
    return true;
}

static bool check_passkey(const struct train_settings *s) {
    if (s->task != TASK_PASSKEY)
        return !s->shortest_given || fail_usage("train: --shortest is for --task passkey");
    return (s->text.n && !s->jsonl.n && !s->held_out_jsonl.n) ||
           fail_usage("train: --task passkey hides its keys in --text, and knows no --jsonl");
}

static bool check_retrieval(const struct train_settings *s) {
    if (s->task != TASK_RETRIEVAL) {
        const char *flag = s->squad                   ? "squad"
                           : s->held_out_squad        ? "held-out-squad"
                           : s->documents_given       ? "documents"
                           : s->documents_start_given ? "documents-start"
                           : s->documents_over_given  ? "documents-over"
                                                      : NULL;
        return !flag || fail_usage("train: --%s is for --task retrieval", flag);
    }
    if (!s->squad || s->text.n || s->jsonl.n || s->held_out_text.n || s->held_out_jsonl.n)
        return fail_usage("train: --task retrieval takes its questions from --squad and "
                          "--held-out-squad, and knows no text or lines");
    if (s->length_start_given)
        return fail_usage("train: --length-start: the prompts of --task retrieval grow from "
                          "--documents-start");
    return !s->documents_start_given || s->documents_start <= s->documents ||
           fail_usage("train: --documents-start %zu is more than --documents %zu",
                      s->documents_start, s->documents);
}

static bool check_lengths(const struct train_settings *s) {
    if (s->batch_tokens < s->length)
        return fail_usage("train: --batch-tokens %zu holds no sequence of --length %zu",
                          s->batch_tokens, s->length);
    if (s->length_start_given && s->length_start > s->length)
        return fail_usage("train: --length-start %zu is more than --length %zu", s->length_start,
                          s->length);
    if (s->shortest_given && s->shortest > s->length)
        return fail_usage("train: --shortest %zu is more than --length %zu", s->shortest,
                          s->length);
    return true;
}

/* The first pass of the shortest window that may be drawn has a label. */
static bool check_chunks(const struct train_settings *s) {
    size_t shortest = s->length_start_given ? s->length_start : s->length;
    return shortest / 2 >= s->chunks ||
           fail_usage(
               "train: --chunks %zu: sequences of --length%s %zu cannot be read in that many "
               "pieces",
               s->chunks, s->length_start_given ? "-start" : "", shortest);
}

static bool check_loss(const struct train_settings *s) {
    bool last = s->loss == LOSS_LAST;
    if (s->task != TASK_NONE && (s->loss_given || s->chunks > 1))
        return fail_usage("train: --%s: the loss of --task %s is on its answers",
                          s->loss_given ? "loss" : "chunks",
                          s->task == TASK_PASSKEY ? "passkey" : "retrieval");
    if (s->labels_given && !last)
        return fail_usage("train: --labels has no meaning without --loss last");
    if (s->chunks > 1 && last)
        return fail_usage(
            "train: --chunks says itself which labels are last: leave out --loss last");
    if (s->loss == LOSS_ALL && s->text_weight_given)
        return fail_usage("train: --text-weight: with --loss all, every token is a label");
    return !last || s->labels < s->length ||
           fail_usage("train: --labels %zu: a sequence of --length %zu has fewer", s->labels,
                      s->length);
}

static bool check_carry(const struct train_settings *s) {
    if (s->carry_noise_given != (s->carry == CARRY_NOISE))
        return fail_usage(s->carry_noise_given
                              ? "train: --carry-noise is the deviation of --carry-state noise"
                              : "train: --carry-state noise: --carry-noise, its deviation, is "
                                "missing");
    if (s->carry_reset_given && !s->carry)
        return fail_usage("train: --carry-reset: without --carry-state every sequence starts from "
                          "zero");
    if (s->carry != CARRY_NEXT)
        return true;
    if (s->task != TASK_NONE)
        return fail_usage("train: --carry-state next: a prompt of --task %s is no chunk of a text",
                          s->task == TASK_PASSKEY ? "passkey" : "retrieval");
    if (s->chunks_given)
        return fail_usage("train: --carry-state next: with --chunks, a pass begins at the "
                          "beginning of its window");
    return !s->length_start_given ||
           fail_usage("train: --carry-state next: its chunks are of --length tokens, and know no "
                      "--length-start");
}

bool train_settings_held_out(const struct train_settings *settings) {
    return settings->held_out_text.n || settings->held_out_jsonl.n || settings->held_out_squad;
}

static bool check_run(const struct train_settings *s) {
    if (s->patience && !train_settings_held_out(s))
        return fail_usage("train: --patience needs held-out data: --held-out-%s",
                          s->task == TASK_RETRIEVAL ? "squad" : "text or --held-out-jsonl");
    if (s->schedule && s->trainer.warmup >= s->steps)
        return fail_usage("train: --warmup %zu leaves none of --steps %zu for the rate to fall",
                          s->trainer.warmup, s->steps);
    if (s->kept_share_given && s->method.base_length_given)
        return fail_usage("train: --kept-share and --base-length say the same: give one");
    return !s->kept_share_start_given || s->kept_share_given ||
           fail_usage("train: --kept-share-start goes to --kept-share, which is missing");
}

/* The command line is read twice: it names the run file, and is then laid over it. */
static enum options_result read_twice(const struct command *command,
                                      const struct option_group *groups, int n_argument,
                                      char **arguments, struct train_settings *settings,
                                      struct train_table *table) {
    const char *file;
    enum options_result result = options_read(command, groups, n_argument, arguments, &file);
    if (result != OPTIONS_READ || !file)
        return result;
    *settings = defaults;
    settings->run_file = file;
    train_table_make(settings, table);
    return options_read_json(groups, file, &settings->file)
               ? options_read(command, groups, n_argument, arguments, &file)
               : OPTIONS_FAILED;
}

enum options_result train_settings_read(const struct command *command, int n_argument,
                                        char **arguments, struct train_settings *settings) {
    struct train_table table;
    *settings = defaults;
    train_table_make(settings, &table);
    enum options_result result =
        read_twice(command, table.groups, n_argument, arguments, settings, &table);
    if (result != OPTIONS_READ)
        return result;
    if (!check_source(settings) || !check_passkey(settings) || !check_retrieval(settings) ||
        !check_lengths(settings) || !check_chunks(settings) || !check_loss(settings) ||
        !check_carry(settings) || !check_run(settings))
        return OPTIONS_FAILED;
    settings->carry_given = settings->carry != CARRY_NONE;
    if (!settings->text_weight_given && settings->loss != LOSS_ALL) {
        settings->text_weight = settings->task == TASK_PASSKEY ? 0.2 : 0;
        settings->text_weight_given = true;
    }
    /* of tasks, and with --loss last, 1 says nothing */
    settings->chunks_given &= settings->task == TASK_NONE && settings->loss != LOSS_LAST;
    if (!settings->average_given && settings->chunks_given)
        settings->average = AVERAGE_SEQUENCES;
    settings->average_given = true;
    settings->documents_given = settings->task == TASK_RETRIEVAL;
    return OPTIONS_READ;
}

void train_settings_free(struct train_settings *settings) {
    json_decref(settings->file);
    settings->file = NULL;
}

/* The table for settings that are there already. */
static void table_of(struct train_settings *settings, struct train_table *table) {
    struct method_flags method = settings->method;
    train_table_make(settings, table);
    settings->method = method;
}

json_t *train_settings_to_json(struct train_settings *settings, const char *folder) {
    struct train_table table;
    table_of(settings, &table);
    return options_to_json(table.groups, folder);
}

/* Whether a training with another value of the key is another one. Data is told by its hash, not
 * by its name, and the number of steps only matters where something is stretched over them. */
static bool matters(const struct train_settings *settings, const struct option *option) {
    if (option->value == &settings->model || option->value == &settings->config)
        return true;
    if (option->value == &settings->steps)
        return settings->schedule || settings->length_start_given ||
               settings->documents_start_given || settings->kept_share_start_given;
    return !option->path;
}

static char *shown(const json_t *value) {
    return value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(10))
                 : strdup("not given");
}

static bool refuse(const char *file, const char *key, const json_t *before, const json_t *now) {
    char *old = shown(before), *new = shown(now);
    complain("%s: \"%s\" is %.80s there, and %.80s now: a training is resumed as it began; give "
             "another --output for a new one",
             file, key, old ? old : "?", new ? new : "?");
    free(old);
    free(new);
    return false;
}

void train_settings_use_new_names(struct train_settings *settings, json_t *before) {
    struct train_table table;
    table_of(settings, &table);
    for (const struct option_group *group = table.groups; group->title; group++)
        for (const struct option *option = group->options; option->kind != OPTION_END; option++) {
            json_t *value = option->was ? json_object_get(before, option->was) : NULL;
            if (value && !json_object_get(before, option->name)) {
                json_object_set(before, option->name, value);
                json_object_del(before, option->was);
            }
        }
}

bool train_settings_agree(struct train_settings *settings, const json_t *before, const json_t *now,
                          const char *file) {
    struct train_table table;
    char key[64];
    table_of(settings, &table);
    for (int group = 0; group < TRAIN_RUN; group++)
        for (const struct option *option = table.options[group]; option->kind != OPTION_END;
             option++) {
            option_key(option, key, sizeof key);
            const json_t *a = json_object_get(before, key), *b = json_object_get(now, key);
            bool equal = a && b ? json_equal(a, b) : a == b;
            if (!equal && matters(settings, option))
                return refuse(file, key, a, b);
        }
    return true;
}

/* States after the first drop of tokens start from zero: is anything left to be carried? */
static bool check_carried(const struct train_settings *settings, const dm_method_options *method) {
    bool first = method->kind != DM_METHOD_DECIMATE; /* other methods drop before layer 0 */
    for (size_t i = 0; i < method->n_layer; i++)
        first |= method->layers[i] == 0;
    return !settings->carry || !first ||
           fail_usage("train: --carry-state: where layer 0 drops tokens, no state is carried");
}

bool train_settings_method(struct train_settings *settings, size_t n_layer,
                           dm_method_options *method) {
    struct method_flags *flags = &settings->method;
    *method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    if (flags->method_given && flags->kind == DM_METHOD_DECIMATE && !flags->layers_given)
        return fail_usage(
            "--method decimate: --layers is missing, and training does not take them from "
            "the model's decimamba.json");
    if (!method_flags_apply(flags, n_layer, method))
        return false;
    if (!dm_method_drops_tokens(method->kind))
        return !settings->kept_share_given ||
               fail_usage(
                   "--kept-share: nothing is dropped without --layers or --method keep-last");
    if (!check_carried(settings, method))
        return false;
    /* from now on they are what they are taken for */
    flags->kind = (int)method->kind;
    flags->score = (int)method->score;
    flags->base_length = method->base_length;
    flags->beta = method->beta;
    flags->min_length = method->min_length;
    flags->method_given = flags->score_given = flags->beta_given = flags->min_length_given = true;
    flags->base_length_given = !settings->kept_share_given;
    method->base_length = train_base_length_at(settings, method, settings->steps);
    return true;
}

dm_trainer_options train_settings_options(const struct train_settings *settings,
                                          const dm_method_options *method) {
    static const dm_carry_kind carries[] = {DM_CARRY_NONE, DM_CARRY_STATE, DM_CARRY_STATE,
                                            DM_CARRY_NOISE, DM_CARRY_FITTED};
    dm_trainer_options options = settings->trainer;
    options.carry = carries[settings->carry];
    options.dtype = settings->dtype ? DM_DTYPE_BF16 : DM_DTYPE_F32;
    options.method = method->kind == DM_METHOD_NONE ? NULL : method;
    options.recompute = settings->recompute;
    options.decay_all = settings->decay == 0;
    options.schedule = (dm_schedule)settings->schedule;
    options.n_step = settings->steps;
    options.frozen = settings->freeze.items;
    options.n_frozen = settings->freeze.n;
    options.seed = settings->seed;
    return options;
}
