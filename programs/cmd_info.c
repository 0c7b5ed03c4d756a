/* decimamba info: what a checkpoint is, and what it takes to run it. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/method_flags.h"
#include "cli/model_flags.h"
#include "commands.h"
#include "decimamba.h"

struct report {
    const dm_model_info *info;
    dm_method_options method;
    size_t session_bytes; /* before the first token */
    size_t session_bound; /* the most that it grows to */
};

static void print_bytes(const char *label, size_t n_byte) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double amount = (double)n_byte;
    int unit = 0;
    while (amount >= 1024 && unit < 6) {
        amount /= 1024;
        unit++;
    }
    printf(unit ? "%-20s%.1f %s\n" : "%-20s%.0f %s\n", label, amount, units[unit]);
}

static void print_method(const dm_method_options *method) {
    char values[2048];
    method_values_text(method, values, sizeof values);
    printf("%-20s%s%s", "method", dm_method_name(method->kind), values);
    if (method->kind == DM_METHOD_NONE) {
        printf(" (plain Mamba)\n");
        return;
    }
    if (!dm_method_drops_tokens(method->kind)) {
        putchar('\n');
        return;
    }
    printf(", layers ");
    for (size_t i = 0; i < method->n_layer; i++)
        printf("%s%zu", i ? "," : "", method->layers[i]);
    printf(", base length %zu, beta %g, min length %zu, keep tail %zu", method->base_length,
           method->beta, method->min_length, method->keep_tail);
    if (method->kind == DM_METHOD_DECIMATE)
        printf(", score %s", score_name(method->score));
    putchar('\n');
}

/* Of blocks, the kind that most weights are in. */
static const char *stored_name(const dm_model_info *info) {
    return info->stored_dtype == DM_DTYPE_AUTO ? info->stored_type : dtype_name(info->stored_dtype);
}

/* Blocks are multiplied as they are stored. */
static const char *computed_name(const dm_model_info *info) {
    return info->compute_dtype == DM_DTYPE_AUTO ? info->stored_type
                                                : dtype_name(info->compute_dtype);
}

static bool print_text(const struct report *report) {
    const dm_model_info *info = report->info;
    printf("%-20s%s\n", "family", info->model_type ? info->model_type : "mixed layers");
    printf("%-20s%zu\n", "layers", info->n_layer);
    printf("%-20s%zu (inner %zu, state %zu, convolution %zu", "width", info->d_model, info->d_inner,
           info->d_state, info->d_conv);
    if (info->dt_rank)
        printf(", dt rank %zu", info->dt_rank);
    if (info->n_head)
        printf(", heads %zu, groups %zu", info->n_head, info->n_group);
    printf(")\n");
    printf("%-20s%zu (%s head)\n", "vocabulary", info->vocab_size,
           info->tied_head ? "tied" : "separate");
    printf("%-20s%zu\n", "parameters", info->n_parameter);
    printf("%-20s%s stored, %s computed (%s, %zu thread%s)\n", "type", stored_name(info),
           computed_name(info), info->cpu, info->n_thread, info->n_thread == 1 ? "" : "s");
    print_bytes("weights, stored", info->weight_bytes);
    print_bytes("weights, packed", info->packed_bytes);
    print_bytes("workspace", info->workspace_bytes);
    print_bytes("session, new", report->session_bytes);
    print_bytes("session, at most", report->session_bound);
    print_method(&report->method);
    printf("%-20s%s\n", "decimamba.json", info->has_defaults ? "yes" : "no");
    return flush_output();
}

static bool print_object(const struct report *report) {
    const dm_model_info *info = report->info;
    return print_json(json_pack(
        "{ss? so so so so so so so so so so so so so ss ss ss so so so sb sb so}", "model_type",
        info->model_type, "n_layer", json_size(info->n_layer), "d_model", json_size(info->d_model),
        "d_inner", json_size(info->d_inner), "d_state", json_size(info->d_state), "d_conv",
        json_size(info->d_conv), "dt_rank", json_size(info->dt_rank), "n_head",
        json_size(info->n_head), "n_group", json_size(info->n_group), "vocab_size",
        json_size(info->vocab_size), "n_parameter", json_size(info->n_parameter), "weight_bytes",
        json_size(info->weight_bytes), "packed_bytes", json_size(info->packed_bytes),
        "workspace_bytes", json_size(info->workspace_bytes), "stored_dtype", stored_name(info),
        "compute_dtype", computed_name(info), "cpu", info->cpu, "n_thread",
        json_size(info->n_thread), "session_bytes", json_size(report->session_bytes),
        "session_bytes_at_most", json_size(report->session_bound), "tied_head", info->tied_head,
        "has_defaults", info->has_defaults, "method", method_options_to_json(&report->method)));
}

static int run(int n_argument, char **arguments) {
    struct model_flags model_flags;
    struct method_flags method_flags;
    struct option model_options[n_model_option], method_options[n_method_option];
    bool json = false;
    model_flags_table(&model_flags, model_options);
    method_flags_table(&method_flags, method_options);
    const struct option options[] = {
        {OPTION_FLAG, "json", &json, .help = "print one JSON object"},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Options", options}, {METHOD_TITLE, method_options}, {"Model", model_options}, {0}};
    const char *operands[1];
    enum options_result result =
        options_read(&info_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);

    dm_model *model = NULL;
    dm_session *session = NULL;
    dm_model_info info;
    struct report report = {.info = &info};
    dm_error error;
    bool fine = load_model(operands[0], &model_flags, &model, &info) &&
                method_flags_resolve(&method_flags, model, &report.method);
    if (fine && dm_session_new(model, &report.method, &session, &error))
        fine = fail("%s", error.message);
    if (fine) {
        report.session_bytes = dm_session_memory(session);
        report.session_bound = dm_session_bound(session);
        fine = (json ? print_object : print_text)(&report);
    }
    dm_session_free(session);
    dm_model_free(model);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command info_command = {
    .name = "info",
    .operands = "MODEL",
    .summary = "Shows a model's sizes, and the memory that it takes to run.",
    .notes = "Shows its sizes, types, the memory that its weights and a session take, and the "
             "method settings. Method flags show what a session with these would take.",
    .example = "decimamba info mamba-130m\n"
               "decimamba info mamba-130m --layers 12 --base-length 4000",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
