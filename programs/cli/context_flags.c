#include "context_flags.h"

#include <math.h>
#include <string.h>

#include "fail.h"
#include "json_output.h"

/* In the order of dm_context_method and dm_score. */
static const char *const method_names[] = {"none", "decimate", "keep-last", NULL};
static const char *const score_names[] = {"norm", "mean", "global", "random", "token-norm", NULL};

void context_flags_table(struct context_flags *flags, struct option table[n_context_option]) {
    *flags = (struct context_flags){0};
    const struct option options[n_context_option] = {
        {OPTION_CHOICE, "context", &flags->method, "METHOD",
         .help =
             "decimate keeps the tokens with the best score, keep-last the most recent ones (at "
             "layer 0 unless --layers says otherwise), none is plain Mamba, and the default",
         .choices = method_names, .given = &flags->method_given},
        {OPTION_SIZES, "layers", &flags->layers, "LIST",
         .help = "layers where tokens are dropped, counted from 0, the lowest first, with commas "
                 "between; implies --context decimate",
         .given = &flags->layers_given},
        {OPTION_SIZE, "base-length", &flags->base_length, "N",
         .help =
             "most tokens kept at the first of these layers (default 2000; of keep-last the length "
             "that the model was trained on, where that is known). With 0 the min length decides",
         .given = &flags->base_length_given},
        {OPTION_REAL, "beta", &flags->beta, "X",
         .help = "each next layer keeps this share of it, in (0, 1] (default 0.5)", .least = 1e-9,
         .most = 1, .given = &flags->beta_given},
        {OPTION_SIZE, "min-length", &flags->min_length, "N",
         .help = "no layer keeps fewer than this (default 20)", .given = &flags->min_length_given},
        {OPTION_SIZE, "keep-tail", &flags->keep_tail, "N",
         .help = "so many last tokens are always kept (default 1)", .least = 1, .most = INFINITY,
         .given = &flags->keep_tail_given},
        {OPTION_CHOICE, "score", &flags->score, "NAME",
         .help =
             "what decides which tokens stay: norm of Delta (the official code), mean of Delta "
             "(the paper), or global, its norm over the global channels, which decimamba calibrate "
             "finds; as baselines random, a hash of the token's position in the layer's input, and "
             "token-norm, the norm of what enters the layer for the token (default norm)",
         .choices = score_names, .given = &flags->score_given},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

/* The library takes them in any order, and each keeps less than the one before: where a higher layer
 * comes first, a lower one starves it. Nobody means that. `name`: who lists them. */
static bool check_layers(const dm_context_options *context, size_t n_layer, const char *name) {
    for (size_t i = 0; i < context->n_layer; i++) {
        if (context->layers[i] >= n_layer)
            return fail("%s: there is no layer %zu: the model has layers 0 to %zu", name,
                        context->layers[i], n_layer - 1);
        for (size_t j = 0; j < i; j++)
            if (context->layers[j] == context->layers[i])
                return fail("%s: layer %zu is named twice", name, context->layers[i]);
        if (i && context->layers[i] < context->layers[i - 1])
            return fail("%s: %zu comes after %zu: list the lowest layer first, as each next one "
                        "keeps a share (beta) of the one before",
                        name, context->layers[i], context->layers[i - 1]);
    }
    return true;
}

/* Which method and which layers. What keep-last keeps is what the model was trained to read; the
 * model's own base length says what decimation is to leave. */
static bool apply_method(const struct context_flags *flags, size_t trained,
                         dm_context_options *context) {
    dm_context_method before = context->method;
    if (flags->method_given)
        context->method = (dm_context_method)flags->method;
    else if (flags->layers_given)
        context->method = DM_CONTEXT_DECIMATE;
    if (context->method == DM_CONTEXT_NONE && flags->layers_given)
        return fail("--layers: --context none drops no tokens");
    if (context->method == DM_CONTEXT_NONE) {
        context->layers = NULL;
        context->n_layer = 0;
    } else if (flags->layers_given) {
        context->layers = flags->layers.items;
        context->n_layer = flags->layers.n;
    } else if (context->method == DM_CONTEXT_KEEP_LAST && before != DM_CONTEXT_KEEP_LAST) {
        context->layers = &flags->first_layer;
        context->n_layer = 1;
    }
    if (context->method == DM_CONTEXT_KEEP_LAST && before != DM_CONTEXT_KEEP_LAST && trained)
        context->base_length = trained;
    if (context->method == DM_CONTEXT_DECIMATE && !context->n_layer)
        return fail("--context decimate: --layers is missing, and the model has no default");
    return true;
}

static bool apply(const struct context_flags *flags, size_t n_layer, size_t trained,
                  dm_context_options *context) {
    if (!apply_method(flags, trained, context) ||
        !check_layers(context, n_layer,
                      flags->layers_given ? "--layers" : "decimamba.json: \"layers\""))
        return false;
    if (flags->score_given)
        context->score = (dm_score)flags->score;
    if (flags->base_length_given)
        context->base_length = flags->base_length;
    if (flags->beta_given)
        context->beta = flags->beta;
    if (flags->min_length_given)
        context->min_length = flags->min_length;
    if (flags->keep_tail_given)
        context->keep_tail = flags->keep_tail;
    if (context->method != DM_CONTEXT_NONE)
        return true;
    const char *idle = flags->score_given         ? "score"
                       : flags->base_length_given ? "base-length"
                       : flags->beta_given        ? "beta"
                       : flags->min_length_given  ? "min-length"
                                                  : NULL;
    return !idle || fail("--%s: nothing is dropped without --layers or --context keep-last", idle);
}

bool context_flags_apply(const struct context_flags *flags, size_t n_layer,
                         dm_context_options *context) {
    return apply(flags, n_layer, 0, context);
}

bool context_flags_resolve(const struct context_flags *flags, const dm_model *model,
                           dm_context_options *context) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_error error;
    *context = (dm_context_options)DM_CONTEXT_OPTIONS_INIT;
    if (dm_model_default_context(model, context, &error) || dm_model_get_info(model, &info, &error))
        return fail("%s", error.message);
    return apply(flags, info.n_layer, flags->trained ? flags->trained : info.trained_length,
                 context);
}

void context_flags_spare(const struct context_flags *flags, const char **settings) {
    if (flags->method_given && flags->method == DM_CONTEXT_NONE && !*settings)
        *settings = "";
}

bool context_flags_need_tail(const struct context_flags *flags, size_t needed,
                             dm_context_options *context) {
    if (!flags->keep_tail_given)
        context->keep_tail = needed;
    return context->keep_tail >= needed ||
           fail("--keep-tail %zu: the last %zu tokens are looked at", context->keep_tail, needed);
}

bool context_flags_choose(const struct context_flags *flags) {
    return flags->method_given || flags->layers_given;
}

bool context_flags_any(const struct context_flags *flags) {
    return context_flags_choose(flags) || flags->score_given || flags->base_length_given ||
           flags->beta_given || flags->min_length_given || flags->keep_tail_given;
}

const char *method_name(dm_context_method method) {
    return method_names[method];
}

const char *score_name(dm_score score) {
    return score_names[score];
}

json_t *context_to_json(const dm_context_options *context) {
    if (context->method == DM_CONTEXT_NONE)
        return json_pack("{ss}", "method", "none");
    json_t *layers = json_array();
    for (size_t i = 0; i < context->n_layer; i++)
        json_array_append_new(layers, json_integer((json_int_t)context->layers[i]));
    json_t *object = json_pack("{ss so so sf so so}", "method", method_name(context->method),
                               "layers", layers, "base_length", json_size(context->base_length),
                               "beta", context->beta, "min_length", json_size(context->min_length),
                               "keep_tail", json_size(context->keep_tail));
    if (context->method == DM_CONTEXT_DECIMATE)
        json_object_set_new(object, "score", json_string(score_name(context->score)));
    return object;
}
