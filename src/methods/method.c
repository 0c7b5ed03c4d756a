#include "methods/method.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static const char *const score_names[] = {"norm",   "mean",       "global",
                                          "random", "token-norm", "custom"};

enum { n_score = sizeof score_names / sizeof *score_names };

const char *dm_score_name(dm_score score) {
    return score_names[score];
}

bool dm_score_from_name(const char *name, dm_score *score) {
    for (int i = 0; i < n_score; i++)
        if (strcmp(name, score_names[i]) == 0) {
            *score = (dm_score)i;
            return true;
        }
    return false;
}

const struct dm_method_hooks *dm_method_hooks_of(dm_method_kind kind) {
    return kind > DM_METHOD_NONE && (size_t)kind <= dm_n_method ? dm_methods[kind - 1] : NULL;
}

const char *dm_method_kind_name(dm_method_kind kind) {
    const struct dm_method_hooks *hooks = dm_method_hooks_of(kind);
    return hooks ? hooks->name : "none";
}

bool dm_method_from_name(const char *name, dm_method_kind *kind) {
    size_t i = 0;
    while (i < dm_n_method && strcmp(name, dm_methods[i]->name) != 0)
        i++;
    *kind = i < dm_n_method ? (dm_method_kind)(i + 1) : DM_METHOD_NONE;
    return i < dm_n_method || strcmp(name, "none") == 0;
}

bool dm_method_is_custom(const dm_method_options *options) {
    const struct dm_method_hooks *hooks = dm_method_hooks_of(options->kind);
    return hooks && hooks->score && options->score == DM_SCORE_CUSTOM;
}

dm_status dm_method_check_function(const dm_method_options *options, dm_error *error) {
    if (dm_method_is_custom(options) && !options->score_function)
        return dm_fail(error, DM_ERROR_ARGUMENT, "score custom: score_function is missing");
    return DM_OK;
}

dm_status dm_method_check_ready(const struct dm_method *method, dm_error *error) {
    if (*method->custom.name && !method->custom.function)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "the session was restored without its score \"%s\", a function of the "
                       "caller's: dm_session_set_score",
                       method->custom.name);
    return DM_OK;
}

static dm_status check_numbers(const dm_method_options *options, dm_error *error) {
    if (!(options->beta > 0 && options->beta <= 1))
        return dm_fail(error, DM_ERROR_ARGUMENT, "beta is %g: must be above 0 and at most 1",
                       options->beta);
    if (options->keep_tail == 0)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "keep_tail is 0: the last token is always needed, so at least 1");
    if ((unsigned)options->score >= n_score)
        return dm_fail(error, DM_ERROR_ARGUMENT, "unknown score %d", (int)options->score);
    if (options->kind != DM_METHOD_NONE && !dm_method_hooks_of(options->kind))
        return dm_fail(error, DM_ERROR_ARGUMENT, "unknown method %d", (int)options->kind);
    return DM_OK;
}

static dm_status check_layers(const dm_method_options *options, size_t n_layer, dm_error *error) {
    const struct dm_method_hooks *hooks = dm_method_hooks_of(options->kind);
    if (!hooks)
        return DM_OK;
    if (!hooks->drops_tokens && options->n_layer)
        return dm_fail(error, DM_ERROR_ARGUMENT, "method %s drops no tokens: it takes no layers",
                       hooks->name);
    if (!hooks->drops_tokens)
        return DM_OK;
    if (options->n_layer == 0 || !options->layers)
        return dm_fail(error, DM_ERROR_ARGUMENT, "method %s needs at least one layer",
                       dm_method_kind_name(options->kind));
    for (size_t i = 0; i < options->n_layer; i++) {
        if (options->layers[i] >= n_layer)
            return dm_fail(error, DM_ERROR_ARGUMENT, "layer %zu: the model's layers are 0 to %zu",
                           options->layers[i], n_layer - 1);
        for (size_t j = 0; j < i; j++)
            if (options->layers[i] == options->layers[j])
                return dm_fail(error, DM_ERROR_ARGUMENT, "layer %zu is named twice",
                               options->layers[i]);
    }
    return DM_OK;
}

static dm_status check_channels(const dm_method_options *options,
                                const struct dm_calibration *calibration, dm_error *error) {
    const struct dm_method_hooks *hooks = dm_method_hooks_of(options->kind);
    if (!hooks || !hooks->score || options->score != DM_SCORE_GLOBAL)
        return DM_OK;
    for (size_t i = 0; i < options->n_layer; i++)
        if (!calibration || !calibration->layers[options->layers[i]].n_channel)
            return dm_fail(error, DM_ERROR_ARGUMENT,
                           "score global needs the channels of layer %zu: run decimamba calibrate "
                           "on the model first",
                           options->layers[i]);
    return DM_OK;
}

/* The caller's own score, whose function may be missing yet. */
static dm_status take_custom_score(const dm_method_options *options, struct dm_custom_score *custom,
                                   dm_error *error) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *name = options->score_name ? options->score_name : "";
    size_t n = strlen(name);
    *custom = (struct dm_custom_score){.function = NULL};
    if (!dm_method_is_custom(options))
        return DM_OK;
    if (!n || n >= sizeof custom->name || strspn(name, letters) != n)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "score_name \"%.80s\": must be 1 to %d letters, digits, '-', '_' and '.'",
                       name, DM_SCORE_NAME - 1);
    memcpy(custom->name, name, n + 1);
    custom->function = options->score_function;
    custom->user = options->score_user;
    return DM_OK;
}

static void fill_stages(struct dm_method *method, const dm_method_options *options,
                        const struct dm_calibration *calibration) {
    for (size_t place = 0; place < options->n_layer; place++) {
        struct dm_stage stage = {.layer = options->layers[place], .place = place};
        if (method->hooks->score && options->score == DM_SCORE_GLOBAL) {
            stage.channels = calibration->layers[stage.layer].channels;
            stage.n_channel = calibration->layers[stage.layer].n_channel;
        }
        size_t at = place; /* insertion, by layer */
        for (; at > 0 && method->stages[at - 1].layer > stage.layer; at--)
            method->stages[at] = method->stages[at - 1];
        method->stages[at] = stage;
    }
    method->n_stage = options->n_layer;
}

dm_status dm_method_new(const dm_method_options *options, size_t n_layer,
                        const struct dm_calibration *calibration, struct dm_method **result,
                        dm_error *error) {
    const struct dm_method_hooks *hooks = dm_method_hooks_of(options->kind);
    struct dm_custom_score custom;
    double *values = NULL;
    dm_status status = check_numbers(options, error);
    if (!status)
        status = check_layers(options, n_layer, error);
    if (!status)
        status = check_channels(options, calibration, error);
    if (!status)
        status = take_custom_score(options, &custom, error);
    if (!status)
        status = dm_settings_new(hooks, options, n_layer, &values, error);
    if (status)
        return status;
    bool drops = hooks && hooks->drops_tokens;
    struct dm_method *method = dm_memory_zeroed(1, sizeof *method);
    struct dm_stage *stages = dm_memory_zeroed(drops ? options->n_layer : 0, sizeof *stages);
    if (!method || !stages) {
        dm_memory_free(method);
        dm_memory_free(stages);
        dm_memory_free(values);
        return dm_fail_memory(error, "the method settings");
    }
    *method = (struct dm_method){
        .hooks = hooks,
        .score = options->score,
        .custom = custom,
        .base_length = options->base_length,
        .min_length = options->min_length,
        .keep_tail = options->keep_tail,
        .beta = options->beta,
        .stages = stages,
        .n_layer = n_layer,
        .values = values,
    };
    if (drops)
        fill_stages(method, options, calibration);
    *result = method;
    return DM_OK;
}

dm_status dm_method_copy(const struct dm_method *method, struct dm_method **result,
                         dm_error *error) {
    size_t n_value = method->hooks ? method->hooks->n_setting * method->n_layer : 0;
    struct dm_method *copy = dm_memory_zeroed(1, sizeof *copy);
    struct dm_stage *stages = dm_memory_array(method->n_stage, sizeof *stages);
    double *values = dm_memory_array(n_value, sizeof *values);
    if (!copy || !stages || !values) {
        dm_memory_free(copy);
        dm_memory_free(stages);
        dm_memory_free(values);
        return dm_fail_memory(error, "the method settings");
    }
    memcpy(stages, method->stages, method->n_stage * sizeof *stages);
    memcpy(values, method->values, n_value * sizeof *values);
    *copy = *method;
    copy->stages = stages;
    copy->values = values;
    copy->adjust = (struct dm_adjust){0};
    copy->A = NULL;
    copy->A_bytes = 0;
    *result = copy;
    return DM_OK;
}

void dm_method_free(struct dm_method *method) {
    if (!method)
        return;
    for (size_t layer = 0; method->A && layer < method->n_layer; layer++)
        dm_memory_free(method->A[layer]);
    dm_memory_free(method->A);
    dm_memory_free(method->values);
    dm_memory_free(method->stages);
    dm_memory_free(method);
}

static bool same_stage(const struct dm_stage *a, const struct dm_stage *b) {
    return a->layer == b->layer && a->place == b->place && a->n_channel == b->n_channel &&
           (a->channels == b->channels ||
            !memcmp(a->channels, b->channels, a->n_channel * sizeof *a->channels));
}

static bool same_score(const struct dm_method *a, const struct dm_method *b) {
    return a->score == b->score && a->custom.function == b->custom.function &&
           a->custom.user == b->custom.user && !strcmp(a->custom.name, b->custom.name);
}

bool dm_method_equal(const struct dm_method *a, const struct dm_method *b) {
    if (a->hooks != b->hooks || a->keep_tail != b->keep_tail)
        return false;
    if (!a->hooks)
        return true;
    if (!same_score(a, b) || a->base_length != b->base_length || a->beta != b->beta ||
        a->min_length != b->min_length || a->n_stage != b->n_stage)
        return false;
    for (size_t i = 0; i < a->hooks->n_setting * a->n_layer; i++)
        if (a->values[i] != b->values[i])
            return false;
    for (size_t i = 0; i < a->n_stage; i++)
        if (!same_stage(&a->stages[i], &b->stages[i]))
            return false;
    return true;
}

size_t dm_method_budget(const struct dm_method *method, const struct dm_stage *stage, size_t n) {
    double budget = (double)method->base_length * pow(method->beta, (double)stage->place);
    size_t k = budget < (double)n ? (size_t)budget : n;
    k = k > method->min_length ? k : method->min_length;
    return k < n ? k : n;
}
