/* decimamba logits: the logits of a text's last tokens, and which tokens were kept, as a file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/fail.h"
#include "cli/method_flags.h"
#include "cli/model_flags.h"
#include "cli/output_file.h"
#include "cli/read_tokens.h"
#include "cli/write_safetensors.h"
#include "commands.h"
#include "decimamba.h"

struct settings {
    const char *directory, *ids, *output;
    size_t n_last;
    struct model_flags model;
    struct method_flags method;
};

/* Copies the positions that layer `layer` kept into a tensor. */
static bool take_kept(const dm_session *session, size_t layer, struct tensor *tensor) {
    const size_t *positions;
    size_t n;
    dm_error error;
    if (dm_session_kept(session, layer, &positions, &n, &error))
        return fail("%s", error.message);
    int64_t *copy = malloc((n ? n : 1) * sizeof *copy);
    if (!copy)
        return fail_memory();
    for (size_t i = 0; i < n; i++)
        copy[i] = (int64_t)positions[i];
    *tensor = (struct tensor){
        .dtype = "I64", .n_axis = 1, .shape = {n}, .n_byte = n * sizeof *copy, .data = copy};
    snprintf(tensor->name, sizeof tensor->name, "kept.%zu", layer);
    return true;
}

static bool write_result(const struct settings *settings, const dm_session *session,
                         const dm_method_options *method, const float *logits, size_t vocab_size) {
    struct tensor *tensors = calloc(method->n_layer + 1, sizeof *tensors);
    size_t n = 0;
    bool fine = tensors || fail_memory();
    while (fine && n < method->n_layer &&
           (fine = take_kept(session, method->layers[n], &tensors[n])))
        n++;
    if (fine) {
        tensors[n] = (struct tensor){.name = "logits",
                                     .dtype = "F32",
                                     .n_axis = 2,
                                     .shape = {settings->n_last, vocab_size},
                                     .n_byte = settings->n_last * vocab_size * sizeof *logits,
                                     .data = logits};
        fine = write_safetensors(settings->output, tensors, n + 1);
    }
    for (size_t i = 0; i < n; i++)
        free((void *)tensors[i].data);
    free(tensors);
    return fine;
}

static bool read_and_write(struct settings *settings, const dm_model *model,
                           const dm_model_info *info, struct token_source *ids) {
    dm_method_options method;
    dm_session *session = NULL;
    dm_error error;
    size_t n_byte;
    if (!method_flags_resolve(&settings->method, model, &method) ||
        !method_flags_need_tail(&settings->method, settings->n_last, &method))
        return false;
    if (__builtin_mul_overflow(settings->n_last, info->vocab_size * sizeof(float), &n_byte))
        return fail_memory();
    float *logits = malloc(n_byte);
    bool fine = logits || fail_memory();
    if (fine && dm_session_new(model, &method, &session, &error))
        fine = fail("%s", error.message);
    fine = fine && read_tokens(session, NULL, ids);
    if (fine && settings->n_last > ids->n_id)
        fine = fail("%s: %zu id%s, fewer than --last %zu", settings->ids, ids->n_id,
                    ids->n_id == 1 ? "" : "s", settings->n_last);
    if (fine)
        tell_of_plain_reading(settings->directory, info, method_flags_choose(&settings->method),
                              ids->n_id, 0);
    if (fine && dm_session_logits(session, settings->n_last, logits, &error))
        fine = fail("%s", error.message);
    fine = fine && write_result(settings, session, &method, logits, info->vocab_size);
    dm_session_free(session);
    free(logits);
    return fine;
}

static int run(int n_argument, char **arguments) {
    struct settings settings = {.n_last = 1};
    struct option model_options[n_model_option], method_options[n_method_option];
    model_flags_table(&settings.model, model_options);
    method_flags_table(&settings.method, method_options);
    const struct option options[] = {
        {OPTION_TEXT, "ids", &settings.ids, "FILE", .help = "decimal ids with white space between"},
        {OPTION_SIZE, "last", &settings.n_last, "N",
         .help = "tokens at the end whose logits are wanted; --keep-tail is N unless it is given",
         .min = 1, .max = 1e15},
        {OPTION_TEXT, "output", &settings.output, "FILE",
         .help = "the .safetensors file to write, whole or not at all"},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Options", options}, {METHOD_TITLE, method_options}, {"Model", model_options}, {0}};
    const char *operands[1];
    enum options_result result =
        options_read(&logits_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);
    settings.directory = operands[0];
    if (!settings.ids || !settings.output) {
        fail_usage("logits: %s is missing", settings.ids ? "--output" : "--ids");
        return EXIT_FAILURE;
    }
    method_flags_spare(&settings.method, &settings.model.settings);
    dm_model *model = NULL;
    dm_model_info info;
    struct token_source ids = {0};
    bool fine = output_possible(settings.output) &&
                load_model(settings.directory, &settings.model, &model, &info) &&
                token_source_open_ids(&ids, "list of ids", NULL, settings.ids, info.vocab_size) &&
                read_and_write(&settings, model, &info, &ids);
    token_source_close(&ids);
    dm_model_free(model);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command logits_command = {
    .name = "logits",
    .operands = "MODEL --ids FILE --output FILE",
    .summary = "Writes the logits of a text's last tokens to a file.",
    .notes = "The file holds logits, F32 [N, vocabulary], and for each layer l that drops tokens "
             "kept.l, I64: the positions it kept, in its own input.",
    .example = "decimamba logits mamba-130m --ids ids.txt --last 16 --layers 12 \\\n"
               "    --output logits.safetensors",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
