/* decimamba bench: how fast a model reads and generates here, and where the time goes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/system.h"
#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/method_flags.h"
#include "cli/model_flags.h"
#include "cli/progress.h"
#include "commands.h"
#include "decimamba.h"

enum { max_repeats = 99, append_tokens = 4096 };

/* What is measured: a text of so many tokens read, or so many tokens generated. */
struct measure {
    const char *name;
    size_t n_token, n_session;
    double median, spread; /* seconds of a run; slowest / fastest */
    dm_operation_time *times;
    size_t n_time; /* 0: no breakdown */
    double total;  /* seconds of all runs, which `times` is of */
};

struct bench {
    const dm_model *model;
    dm_model_info info;
    dm_method_options method;
    size_t n_repeat;
    bool breakdown;
    dm_session **sessions;
    size_t n_session;
    int32_t *ids; /* of the longest text */
    float *logits;
};

/* ---- Running ---- */

static bool read_once(const struct bench *bench, const struct measure *measure, double *seconds) {
    dm_error error;
    dm_session *session = bench->sessions[0];
    dm_session_reset(session);
    double begin = seconds_now();
    dm_status status = DM_OK;
    for (size_t done = 0, n; done < measure->n_token && !status; done += n) {
        n = measure->n_token - done;
        n = n < append_tokens ? n : append_tokens;
        status = dm_session_append(session, bench->ids + done, n, &error);
    }
    if (!status)
        status = dm_session_logits(session, 1, bench->logits, &error);
    *seconds = seconds_now() - begin;
    return !status || fail("%s", error.message);
}

static bool generate_once(const struct bench *bench, const struct measure *measure,
                          double *seconds) {
    dm_error error;
    dm_status status = DM_OK;
    double begin = seconds_now();
    for (size_t i = 0; i < measure->n_token && !status; i++)
        status =
            dm_step_many(bench->sessions, measure->n_session, bench->ids, bench->logits, &error);
    *seconds = seconds_now() - begin;
    return !status || fail("%s", error.message);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What the operations took since `measure->times`, which was taken before the runs. */
static bool take_profile(const struct bench *bench, struct measure *measure) {
    dm_operation_time *after;
    size_t n;
    dm_error error;
    if (dm_model_get_profile(bench->model, &after, &n, &error))
        return fail("%s", error.message);
    for (size_t i = 0; i < n && measure->times; i++) {
        after[i].seconds -= measure->times[i].seconds;
        after[i].n_call -= measure->times[i].n_call;
    }
    dm_free(measure->times);
    measure->times = after;
    measure->n_time = n;
    return true;
}

/* Once to warm up, then so often as was asked for. */
static bool run_measure(const struct bench *bench, struct measure *measure) {
    bool (*once)(const struct bench *, const struct measure *, double *) =
        measure->n_session ? generate_once : read_once;
    double seconds[max_repeats], warm;
    if (!once(bench, measure, &warm) || (bench->breakdown && !take_profile(bench, measure)))
        return false;
    for (size_t i = 0; i < bench->n_repeat; i++)
        if (!once(bench, measure, &seconds[i]))
            return false;
    for (size_t i = 0; i < bench->n_repeat; i++)
        measure->total += seconds[i];
    qsort(seconds, bench->n_repeat, sizeof *seconds, by_value);
    measure->median = seconds[bench->n_repeat / 2];
    measure->spread = seconds[bench->n_repeat - 1] / seconds[0];
    return !bench->breakdown || take_profile(bench, measure);
}

/* ---- Showing ---- */

static size_t sequences_of(const struct measure *measure) {
    return measure->n_session ? measure->n_session : 1; /* a text is read alone */
}

/* Tokens that one run reads or gives. */
static double tokens_of(const struct measure *measure) {
    return (double)measure->n_token * (double)sequences_of(measure);
}

static double peak_megabytes(void) {
    return dm_system_peak_memory() / (1 << 20);
}

static void print_breakdown(const struct bench *bench, const struct measure *measure) {
    double all = measure->total * (double)bench->info.n_thread, rest = all;
    double per_token = 1e6 / (tokens_of(measure) * (double)bench->n_repeat);
    printf("    %-12s%8s%14s%12s\n", "operation", "share", "us / token", "calls");
    for (size_t i = 0; i < measure->n_time; i++) {
        const dm_operation_time *time = &measure->times[i];
        rest -= time->seconds;
        if (time->n_call)
            printf("    %-12s%7.1f%%%14.2f%12llu\n", time->name, 100 * time->seconds / all,
                   per_token * time->seconds, (unsigned long long)time->n_call);
    }
    printf("    %-12s%7.1f%%%14.2f\n\n", "else, waits", 100 * rest / all, per_token * rest);
}

static void print_measure(const struct bench *bench, const struct measure *measure) {
    char name[64];
    if (measure->n_session > 1)
        snprintf(name, sizeof name, "%s %zu x %zu", measure->name, measure->n_token,
                 measure->n_session);
    else
        snprintf(name, sizeof name, "%s %zu", measure->name, measure->n_token);
    printf("%-24s%12.1f tokens/s%9.2f spread%9.0f MiB peak\n", name,
           tokens_of(measure) / measure->median, measure->spread, peak_megabytes());
    if (bench->breakdown)
        print_breakdown(bench, measure);
    fflush(stdout);
}

static json_t *breakdown_object(const struct bench *bench, const struct measure *measure) {
    json_t *list = json_object();
    double all = measure->total * (double)bench->info.n_thread;
    for (size_t i = 0; i < measure->n_time; i++)
        json_object_set_new(list, measure->times[i].name,
                            json_number_or_null(measure->times[i].seconds / all));
    return list;
}

static bool print_line(const struct bench *bench, const struct measure *measure) {
    json_t *object =
        json_pack("{ss si si sf sf sf ss ss si}", "test", measure->name, "tokens",
                  (json_int_t)measure->n_token, "sequences", (json_int_t)sequences_of(measure),
                  "tokens_per_s", tokens_of(measure) / measure->median, "spread", measure->spread,
                  "peak_mib", peak_megabytes(), "dtype", dtype_name(bench->info.compute_dtype),
                  "cpu", bench->info.cpu, "threads", (json_int_t)bench->info.n_thread);
    if (object && bench->breakdown)
        json_object_set_new(object, "breakdown", breakdown_object(bench, measure));
    return print_json(object);
}

/* ---- The command ---- */

static void free_bench(struct bench *bench) {
    for (size_t i = 0; bench->sessions && i < bench->n_session; i++)
        dm_session_free(bench->sessions[i]);
    free(bench->sessions);
    free(bench->ids);
    free(bench->logits);
}

static bool prepare(struct bench *bench, size_t longest, size_t n_session) {
    dm_error error;
    size_t n_id = longest > n_session ? longest : n_session;
    bench->n_session = n_session;
    bench->sessions = calloc(n_session, sizeof(dm_session *));
    bench->ids = calloc(n_id, sizeof *bench->ids);
    bench->logits = calloc(n_session, bench->info.vocab_size * sizeof *bench->logits);
    if (!bench->sessions || !bench->ids || !bench->logits)
        return fail_memory();
    for (size_t i = 0; i < n_id; i++) /* as unlike as can be, and the same in every run */
        bench->ids[i] = (int32_t)((i * 7919 + i / 13) % bench->info.vocab_size);
    for (size_t i = 0; i < n_session; i++)
        if (dm_session_new(bench->model, &bench->method, &bench->sessions[i], &error))
            return fail("%s", error.message);
    return true;
}

static bool run_all(const struct bench *bench, struct measure *measures, size_t n, bool json) {
    for (size_t i = 0; i < n; i++) {
        bool fine = run_measure(bench, &measures[i]);
        if (fine && json)
            fine = print_line(bench, &measures[i]);
        else if (fine)
            print_measure(bench, &measures[i]);
        dm_free(measures[i].times);
        if (!fine)
            return false;
    }
    return true;
}

static size_t largest(const struct size_list *list) {
    size_t most = 1;
    for (size_t i = 0; i < list->n; i++)
        most = list->items[i] > most ? list->items[i] : most;
    return most;
}

static int run(int n_argument, char **arguments) {
    struct model_flags model_flags;
    struct method_flags method_flags;
    struct option model_options[n_model_option], method_options[n_method_option];
    struct size_list lengths = {{512, 2048}, 2}, batches = {{1}, 1};
    size_t n_generate = 32;
    bool json = false;
    struct bench bench = {.n_repeat = 5};
    model_flags_table(&model_flags, model_options);
    method_flags_table(&method_flags, method_options);
    const struct option options[] = {
        {OPTION_SIZES, "read", &lengths, "LIST",
         .help = "read texts of this many tokens; several, separated by commas", .min = 1,
         .max = 1 << 30},
        {OPTION_SIZE, "generate", &n_generate, "N", .help = "tokens to generate; 0: none",
         .max = 1 << 20},
        {OPTION_SIZES, "batch", &batches, "LIST", .help = "generate this many sequences at a time",
         .min = 1, .max = 1 << 12},
        {OPTION_SIZE, "repeats", &bench.n_repeat, "N", .help = "runs of each test", .min = 1,
         .max = max_repeats},
        {OPTION_FLAG, "breakdown", &bench.breakdown,
         .help = "show what each operation took: its share of the time of all threads, "
                 "microseconds of a thread for each token, and calls. What is left are small "
                 "operations, hand-overs and waits"},
        {OPTION_FLAG, "json", &json, .help = "print a JSON object for each test"},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Options", options}, {METHOD_TITLE, method_options}, {"Model", model_options}, {0}};
    const char *operands[1];
    enum options_result result =
        options_read(&bench_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);

    struct measure measures[2 * list_capacity];
    size_t n = 0;
    for (size_t i = 0; i < lengths.n; i++)
        measures[n++] = (struct measure){.name = "read", .n_token = lengths.items[i]};
    for (size_t i = 0; i < batches.n && n_generate; i++)
        measures[n++] = (struct measure){
            .name = "generate", .n_token = n_generate, .n_session = batches.items[i]};
    dm_model *model = NULL;
    model_flags.profile = bench.breakdown;
    method_flags_spare(&method_flags, &model_flags.settings);
    bool fine = load_model(operands[0], &model_flags, &model, &bench.info) &&
                method_flags_resolve(&method_flags, model, &bench.method);
    bench.model = model;
    fine = fine && prepare(&bench, largest(&lengths), largest(&batches)) &&
           run_all(&bench, measures, n, json);
    free_bench(&bench);
    dm_model_free(model);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command bench_command = {
    .name = "bench",
    .operands = "MODEL",
    .summary = "Measures how fast a model reads and generates on this machine.",
    .notes =
        "Every test runs once to warm up, then --repeats times; the median counts, and the spread "
        "is the slowest run's time over the fastest one's. The method flags apply to all of it.",
    .example = "decimamba bench mamba-130m --breakdown\n"
               "decimamba bench mamba-130m --read 131072 --repeats 1 --layers 12",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
