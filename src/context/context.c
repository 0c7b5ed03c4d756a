#include "context/context.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static const struct dm_context_hooks *const methods[] = {&dm_decimation, &dm_keep_last};
static const char *const score_names[] = {"norm", "mean", "global", "random", "token-norm"};

enum {
    n_method = sizeof methods / sizeof *methods,
    n_score = sizeof score_names / sizeof *score_names
};

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

static const struct dm_context_hooks *find_method(dm_context_method method) {
    for (int i = 0; i < n_method; i++)
        if (methods[i]->method == method)
            return methods[i];
    return NULL;
}

const char *dm_method_name(dm_context_method method) {
    const struct dm_context_hooks *hooks = find_method(method);
    return hooks ? hooks->name : "none";
}

bool dm_method_from_name(const char *name, dm_context_method *method) {
    *method = DM_CONTEXT_NONE;
    for (int i = 0; i < n_method; i++)
        if (strcmp(name, methods[i]->name) == 0)
            *method = methods[i]->method;
    return *method != DM_CONTEXT_NONE || strcmp(name, "none") == 0;
}

static dm_status check_numbers(const dm_context_options *options, dm_error *error) {
    if (!(options->beta > 0 && options->beta <= 1))
        return dm_fail(error, DM_ERROR_ARGUMENT, "beta is %g: must be above 0 and at most 1",
                       options->beta);
    if (options->keep_tail == 0)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "keep_tail is 0: the last token is always needed, so at least 1");
    if ((unsigned)options->score >= n_score)
        return dm_fail(error, DM_ERROR_ARGUMENT, "unknown score %d", (int)options->score);
    if (options->method != DM_CONTEXT_NONE && !find_method(options->method))
        return dm_fail(error, DM_ERROR_ARGUMENT, "unknown context method %d", (int)options->method);
    return DM_OK;
}

static dm_status check_layers(const dm_context_options *options, size_t n_layer, dm_error *error) {
    if (options->n_layer == 0 || !options->layers)
        return dm_fail(error, DM_ERROR_ARGUMENT, "context %s needs at least one layer",
                       dm_method_name(options->method));
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

static dm_status check_channels(const dm_context_options *options,
                                const struct dm_calibration *calibration, dm_error *error) {
    if (options->method != DM_CONTEXT_DECIMATE || options->score != DM_SCORE_GLOBAL)
        return DM_OK;
    for (size_t i = 0; i < options->n_layer; i++)
        if (!calibration || !calibration->layers[options->layers[i]].n_channel)
            return dm_fail(error, DM_ERROR_ARGUMENT,
                           "score global needs the channels of layer %zu: run decimamba calibrate "
                           "on the model first",
                           options->layers[i]);
    return DM_OK;
}

static void fill_stages(struct dm_context *context, const dm_context_options *options,
                        const struct dm_calibration *calibration) {
    for (size_t place = 0; place < options->n_layer; place++) {
        struct dm_stage stage = {.layer = options->layers[place], .place = place};
        if (context->hooks->score && options->score == DM_SCORE_GLOBAL) {
            stage.channels = calibration->layers[stage.layer].channels;
            stage.n_channel = calibration->layers[stage.layer].n_channel;
        }
        size_t at = place; /* insertion, by layer */
        for (; at > 0 && context->stages[at - 1].layer > stage.layer; at--)
            context->stages[at] = context->stages[at - 1];
        context->stages[at] = stage;
    }
    context->n_stage = options->n_layer;
}

dm_status dm_context_new(const dm_context_options *options, size_t n_layer,
                         const struct dm_calibration *calibration, struct dm_context **result,
                         dm_error *error) {
    bool plain = options->method == DM_CONTEXT_NONE;
    dm_status status = check_numbers(options, error);
    if (!status && !plain)
        status = check_layers(options, n_layer, error);
    if (!status)
        status = check_channels(options, calibration, error);
    if (status)
        return status;
    struct dm_context *context = dm_memory_zeroed(1, sizeof *context);
    struct dm_stage *stages = dm_memory_zeroed(plain ? 0 : options->n_layer, sizeof *stages);
    if (!context || !stages) {
        dm_memory_free(context);
        dm_memory_free(stages);
        return dm_fail_memory(error, "the context settings");
    }
    *context = (struct dm_context){
        .hooks = find_method(options->method),
        .score = options->score,
        .base_length = options->base_length,
        .min_length = options->min_length,
        .keep_tail = options->keep_tail,
        .beta = options->beta,
        .stages = stages,
    };
    if (!plain)
        fill_stages(context, options, calibration);
    *result = context;
    return DM_OK;
}

void dm_context_free(struct dm_context *context) {
    if (context)
        dm_memory_free(context->stages);
    dm_memory_free(context);
}

static bool same_stage(const struct dm_stage *a, const struct dm_stage *b) {
    return a->layer == b->layer && a->place == b->place && a->n_channel == b->n_channel &&
           (a->channels == b->channels ||
            !memcmp(a->channels, b->channels, a->n_channel * sizeof *a->channels));
}

bool dm_context_equal(const struct dm_context *a, const struct dm_context *b) {
    if (a->hooks != b->hooks || a->keep_tail != b->keep_tail)
        return false;
    if (!a->hooks)
        return true;
    if (a->score != b->score || a->base_length != b->base_length || a->beta != b->beta ||
        a->min_length != b->min_length || a->n_stage != b->n_stage)
        return false;
    for (size_t i = 0; i < a->n_stage; i++)
        if (!same_stage(&a->stages[i], &b->stages[i]))
            return false;
    return true;
}

size_t dm_context_budget(const struct dm_context *context, const struct dm_stage *stage, size_t n) {
    double budget = (double)context->base_length * pow(context->beta, (double)stage->place);
    size_t k = budget < (double)n ? (size_t)budget : n;
    k = k > context->min_length ? k : context->min_length;
    return k < n ? k : n;
}
