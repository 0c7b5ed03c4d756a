#include "method_flags.h"

#include <math.h>
#include <string.h>

#include "fail.h"
#include "json_output.h"

/* In the order of dm_method_kind and dm_score. */
static const char *const method_names[] = {"none", "decimate", "keep-last", NULL};
static const char *const score_names[] = {"norm", "mean", "global", "random", "token-norm", NULL};

void method_flags_table(struct method_flags *flags, struct option table[n_method_option]) {
    *flags = (struct method_flags){0};
    const struct option options[n_method_option] = {
        {OPTION_CHOICE, "method", &flags->kind, "METHOD",
         "decimate, keep-last, or none for plain Mamba", .choices = method_names,
         .given = &flags->method_given, .was = "context"},
        {OPTION_SIZES, "layers", &flags->layers, "LIST",
         "layers where tokens are dropped, the lowest first, as 12 or 12,13; implies --method "
         "decimate",
         .given = &flags->layers_given},
        {OPTION_SIZE, "base-length", &flags->base_length, "N",
         "most tokens kept at the first of these layers (default 2000; of keep-last the length "
         "that the model was trained on, where that is known)",
         .given = &flags->base_length_given},
        {OPTION_REAL, "beta", &flags->beta, "X",
         "each next layer keeps this share of it, in (0, 1] (default 0.5)", .least = 1e-9,
         .most = 1, .given = &flags->beta_given},
        {OPTION_SIZE, "min-length", &flags->min_length, "N",
         "no layer keeps fewer than this (default 20)", .given = &flags->min_length_given},
        {OPTION_SIZE, "keep-tail", &flags->keep_tail, "N",
         "so many last tokens are always kept (default 1)", .least = 1, .most = INFINITY,
         .given = &flags->keep_tail_given},
        {OPTION_CHOICE, "score", &flags->score, "NAME",
         "what decides which tokens stay: norm of Delta, mean of Delta, or global, its norm over "
         "the global channels; as baselines: random, or token-norm, the norm of what enters the "
         "layer (default norm)",
         .choices = score_names, .given = &flags->score_given},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

/* The library takes them in any order, and each keeps less than the one before: where a higher layer
 * comes first, a lower one starves it. Nobody means that. `name`: who lists them. */
static bool check_layers(const dm_method_options *method, size_t n_layer, const char *name) {
    for (size_t i = 0; i < method->n_layer; i++) {
        if (method->layers[i] >= n_layer)
            return fail("%s: there is no layer %zu: the model has layers 0 to %zu", name,
                        method->layers[i], n_layer - 1);
        for (size_t j = 0; j < i; j++)
            if (method->layers[j] == method->layers[i])
                return fail("%s: layer %zu is named twice", name, method->layers[i]);
        if (i && method->layers[i] < method->layers[i - 1])
            return fail("%s: %zu comes after %zu: list the lowest layer first, as each next one "
                        "keeps a share (beta) of the one before",
                        name, method->layers[i], method->layers[i - 1]);
    }
    return true;
}

/* Which method and which layers. What keep-last keeps is what the model was trained to read; the
 * model's own base length says what decimation is to leave. */
static bool apply_method(const struct method_flags *flags, size_t trained,
                         dm_method_options *method) {
    dm_method_kind before = method->kind;
    if (flags->method_given)
        method->kind = (dm_method_kind)flags->kind;
    else if (flags->layers_given)
        method->kind = DM_METHOD_DECIMATE;
    if (method->kind == DM_METHOD_NONE && flags->layers_given)
        return fail("--layers: --method none drops no tokens");
    if (method->kind == DM_METHOD_NONE) {
        method->layers = NULL;
        method->n_layer = 0;
    } else if (flags->layers_given) {
        method->layers = flags->layers.items;
        method->n_layer = flags->layers.n;
    } else if (method->kind == DM_METHOD_KEEP_LAST && before != DM_METHOD_KEEP_LAST) {
        method->layers = &flags->first_layer;
        method->n_layer = 1;
    }
    if (method->kind == DM_METHOD_KEEP_LAST && before != DM_METHOD_KEEP_LAST && trained)
        method->base_length = trained;
    if (method->kind == DM_METHOD_DECIMATE && !method->n_layer)
        return fail("--method decimate: --layers is missing, and the model has no default");
    return true;
}

static bool apply(const struct method_flags *flags, size_t n_layer, size_t trained,
                  dm_method_options *method) {
    if (!apply_method(flags, trained, method) ||
        !check_layers(method, n_layer,
                      flags->layers_given ? "--layers" : "decimamba.json: \"layers\""))
        return false;
    if (flags->score_given)
        method->score = (dm_score)flags->score;
    if (flags->base_length_given)
        method->base_length = flags->base_length;
    if (flags->beta_given)
        method->beta = flags->beta;
    if (flags->min_length_given)
        method->min_length = flags->min_length;
    if (flags->keep_tail_given)
        method->keep_tail = flags->keep_tail;
    if (method->kind != DM_METHOD_NONE)
        return true;
    const char *idle = flags->score_given         ? "score"
                       : flags->base_length_given ? "base-length"
                       : flags->beta_given        ? "beta"
                       : flags->min_length_given  ? "min-length"
                                                  : NULL;
    return !idle || fail("--%s: nothing is dropped without --layers or --method keep-last", idle);
}

bool method_flags_apply(const struct method_flags *flags, size_t n_layer,
                        dm_method_options *method) {
    return apply(flags, n_layer, 0, method);
}

bool method_flags_resolve(const struct method_flags *flags, const dm_model *model,
                          dm_method_options *method) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_error error;
    *method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    if (dm_model_default_method(model, method, &error) || dm_model_get_info(model, &info, &error))
        return fail("%s", error.message);
    return apply(flags, info.n_layer, flags->trained ? flags->trained : info.trained_length,
                 method);
}

void method_flags_spare(const struct method_flags *flags, const char **settings) {
    if (flags->method_given && flags->kind == DM_METHOD_NONE && !*settings)
        *settings = "";
}

bool method_flags_need_tail(const struct method_flags *flags, size_t needed,
                            dm_method_options *method) {
    if (!flags->keep_tail_given)
        method->keep_tail = needed;
    return method->keep_tail >= needed ||
           fail("--keep-tail %zu: the last %zu tokens are looked at", method->keep_tail, needed);
}

bool method_flags_choose(const struct method_flags *flags) {
    return flags->method_given || flags->layers_given;
}

bool method_flags_any(const struct method_flags *flags) {
    return method_flags_choose(flags) || flags->score_given || flags->base_length_given ||
           flags->beta_given || flags->min_length_given || flags->keep_tail_given;
}

const char *method_name(dm_method_kind method) {
    return method_names[method];
}

const char *score_name(dm_score score) {
    return score_names[score];
}

json_t *method_options_to_json(const dm_method_options *method) {
    if (method->kind == DM_METHOD_NONE)
        return json_pack("{ss}", "method", "none");
    json_t *layers = json_array();
    for (size_t i = 0; i < method->n_layer; i++)
        json_array_append_new(layers, json_integer((json_int_t)method->layers[i]));
    json_t *object =
        json_pack("{ss so so sf so so}", "method", method_name(method->kind), "layers", layers,
                  "base_length", json_size(method->base_length), "beta", method->beta, "min_length",
                  json_size(method->min_length), "keep_tail", json_size(method->keep_tail));
    if (method->kind == DM_METHOD_DECIMATE)
        json_object_set_new(object, "score", json_string(score_name(method->score)));
    return object;
}
