/* decimamba calibrate: which channels of each layer hold a memory over the whole text. */
#include <stdlib.h>

#include "commands.h"
#include "context_flags.h"
#include "decimamba.h"
#include "fail.h"
#include "model_flags.h"
#include "read_input.h"

struct settings {
    const char *text;
    size_t length, n_passage;
    double share;
    struct model_flags model;
    struct context_flags context;
};

static bool calibrate(const struct settings *settings, const char *directory, const dm_model *model,
                      const dm_model_info *info, const int32_t *ids, size_t n_id) {
    size_t middle = info->n_layer / 2;
    dm_context_options context = DM_CONTEXT_OPTIONS_INIT;
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    dm_error error;
    context.method = DM_CONTEXT_DECIMATE;
    context.score = DM_SCORE_GLOBAL;
    context.layers = &middle;
    context.n_layer = 1;
    context.base_length = settings->length;
    if (!context_flags_apply(&settings->context, info->n_layer, &context))
        return false;
    options.length = settings->length;
    options.n_passage = settings->n_passage;
    options.share = settings->share;
    options.context = &context;
    return dm_calibrate(model, ids, n_id, &options, directory, &error) == DM_OK ||
           fail("%s", error.message);
}

static bool encode_and_calibrate(const struct settings *settings, const char *directory) {
    dm_tokenizer *tokenizer = NULL;
    dm_model *model = NULL;
    dm_model_info info;
    struct text text = {0};
    int32_t *ids = NULL;
    size_t n_id;
    dm_error error;
    bool fine =
        load_tokenizer(directory, &tokenizer) && read_text("text", NULL, settings->text, &text);
    if (fine && dm_tokenizer_encode(tokenizer, text.bytes, text.n_byte, &ids, &n_id, &error))
        fine = fail("%s: %s", text.name, error.message);
    fine = fine && load_model(directory, &settings->model, &model, &info) &&
           calibrate(settings, directory, model, &info, ids, n_id);
    dm_free(ids);
    free(text.bytes);
    dm_model_free(model);
    dm_tokenizer_free(tokenizer);
    return fine;
}

static int run(int n_argument, char **arguments) {
    struct settings settings = {.length = 2048, .n_passage = 4, .share = 0.1};
    struct option model_options[n_model_option], context_options[n_context_option];
    model_flags_table(&settings.model, model_options);
    context_flags_table(&settings.context, context_options);
    const struct option options[] = {
        {OPTION_TEXT, "text", &settings.text, "FILE",
         .help = "text like the one that the model was trained on; -: standard input"},
        {OPTION_SIZE, "length", &settings.length, "N",
         "tokens in a passage: the length that the model was trained on", .least = 1, .most = 1e15},
        {OPTION_SIZE, "passages", &settings.n_passage, "N", "passages, spread over the text",
         .least = 1, .most = 1e6},
        {OPTION_REAL, "share", &settings.share, "X",
         "share of a layer's channels that are global, in (0, 1]", .least = 1e-9, .most = 1},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {
        {"Options", options},
        {"Context (the defaults to write down; --base-length is --length unless it is given)",
         context_options},
        {"Model", model_options},
        {0}};
    const char *operands[1];
    enum options_result result =
        options_read(&calibrate_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);
    if (!settings.text) {
        complain("calibrate: --text is missing");
        return EXIT_FAILURE;
    }
    return encode_and_calibrate(&settings, operands[0]) ? EXIT_SUCCESS : EXIT_FAILURE;
}

const struct command calibrate_command = {
    .name = "calibrate",
    .operands = "MODEL --text FILE",
    .summary = "Finds a model's global channels and writes its decimamba.json.",
    .notes = "The channels whose state decays slowest over texts of the training length are the "
             "global ones: --score global looks only at them. Without context flags the defaults "
             "written are: decimate at the middle layer by the global score, with the base length "
             "of a passage.",
    .example = "decimamba calibrate models/passkey-bytes-512 --text book.txt \\\n"
               "    --length 512 --layers 3",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
