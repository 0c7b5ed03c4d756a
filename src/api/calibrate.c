/* Calibration: plain sessions read passages while a probe adds up each channel's log-decay. */
#include <math.h>

#include "api/options.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/progress.h"
#include "methods/method.h"
#include "model/language_model.h"

struct decay {
    size_t n_step;
    double *sum;     /* [n_layer, n_step]: sum_t Delta_t[c] * slowest[c] */
    double *slowest; /* [n_layer, n_step]: min_n |A[c,n]| */
};

static void find_slowest(const struct dm_model *model, size_t n_step, double *slowest) {
    const struct dm_network *network = &model->network;
    for (size_t layer = 0; layer < network->config.n_layer; layer++)
        if (dm_layer_kind_of(network, layer)->slowest_decay)
            dm_layer_kind_of(network, layer)
                ->slowest_decay(&network->layers[layer], slowest + layer * n_step);
}

static void add_up(const dm_probe_view *view, void *user) {
    struct decay *decay = user;
    for (size_t t = 0; t < view->n_token; t++)
        for (size_t c = 0; c < view->d_inner; c++) {
            size_t at = view->layer * decay->n_step + c;
            decay->sum[at] += view->delta[t * view->d_inner + c] * decay->slowest[at];
        }
}

/* Reads the passages, spread evenly over the text. */
static dm_status measure(const struct dm_model *model, const int32_t *ids, size_t n_id,
                         const dm_calibration_options *options, struct decay *decay,
                         dm_error *error) {
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    dm_session *session;
    dm_status status = dm_session_new(model, &plain, &session, error);
    if (status)
        return status;
    dm_session_set_probe(session, add_up, decay);
    size_t room = n_id - options->length, last = options->n_passage - 1;
    size_t n_token = options->n_passage * options->length;
    for (size_t i = 0; i < options->n_passage && !status; i++) {
        size_t first = last ? (size_t)((double)room * (double)i / (double)last) : 0;
        struct dm_progress_part part;
        dm_session_reset(session);
        dm_progress_enter(&part, i * options->length, options->length, n_token);
        status = dm_session_append(session, ids + first, options->length, error);
        dm_progress_leave(&part);
    }
    dm_session_free(session);
    return status;
}

static dm_status fill(struct dm_calibration *calibration, const struct dm_model *model,
                      const dm_calibration_options *options, const struct decay *decay,
                      dm_error *error) {
    calibration->length = options->length;
    calibration->n_passage = options->n_passage;
    calibration->share = options->share;
    dm_status status = DM_OK;
    for (size_t layer = 0; layer < model->network.config.n_layer && !status; layer++) {
        const struct dm_layer_config *own = model->network.layers[layer].config;
        if (own->kind->slowest_decay)
            status = dm_calibration_choose(calibration, layer, decay->sum + layer * decay->n_step,
                                           dm_layer_n_step(own), options->share, error);
    }
    size_t middle = model->network.config.n_layer / 2;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = DM_METHOD_DECIMATE;
    method.score = DM_SCORE_GLOBAL;
    method.layers = &middle;
    method.n_layer = 1;
    method.base_length = options->length;
    if (!status)
        status = dm_calibration_set_method(calibration, options->method ? options->method : &method,
                                           error);
    return status;
}

/* The settings must be such that a session takes them, once the channels are there. */
static dm_status check_settings(const struct dm_model *model, const dm_method_options *options,
                                dm_error *error) {
    struct dm_method *method;
    if (!options)
        return DM_OK;
    if (dm_method_is_custom(options))
        return dm_fail(
            error, DM_ERROR_ARGUMENT,
            "score custom: a function of the caller's, which decimamba.json cannot hold");
    dm_method_options settings = *options;
    if (settings.score == DM_SCORE_GLOBAL)
        settings.score = DM_SCORE_NORM;
    dm_status status =
        dm_method_new(&settings, model->network.config.n_layer, NULL, &method, error);
    if (!status)
        dm_method_free(method);
    return status;
}

static dm_status calibrate(const struct dm_model *model, const int32_t *ids, size_t n_id,
                           const dm_calibration_options *options, const char *path,
                           struct decay *decay, dm_error *error) {
    struct dm_calibration *calibration;
    dm_status status = dm_calibration_new(model->network.config.n_layer, &calibration, error);
    if (status)
        return status;
    find_slowest(model, decay->n_step, decay->slowest);
    status = measure(model, ids, n_id, options, decay, error);
    if (!status)
        status = fill(calibration, model, options, decay, error);
    if (!status)
        status = dm_calibration_write(calibration, path, error);
    size_t n = model->network.config.n_layer * decay->n_step;
    for (size_t i = 0; i < n && !status && options->log_decay; i++)
        options->log_decay[i] = decay->sum[i] / (double)options->n_passage;
    dm_calibration_free(calibration);
    return status;
}

static dm_status check(size_t n_id, const dm_calibration_options *options, dm_error *error) {
    if (!options->length || !options->n_passage)
        return dm_fail(error, DM_ERROR_ARGUMENT, "calibration needs passages of tokens");
    if (!(options->share > 0 && options->share <= 1))
        return dm_fail(error, DM_ERROR_ARGUMENT, "share is %g: must be above 0 and at most 1",
                       options->share);
    if (n_id < options->length)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "the text has %zu tokens, fewer than the %zu of a passage", n_id,
                       options->length);
    return DM_OK;
}

dm_status dm_calibrate(const dm_model *model, const int32_t *ids, size_t n_id,
                       const dm_calibration_options *options, const char *directory,
                       dm_error *error) {
    dm_calibration_options own = DM_CALIBRATION_OPTIONS_INIT;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    dm_status status = dm_options_take(DM_KIND(dm_calibration_options), &own, options, error);
    if (!status)
        status = dm_options_take(DM_KIND(dm_method_options), &method, own.method, error);
    if (own.method)
        own.method = &method;
    if (!status && (!model || !ids || (!directory && !own.path)))
        status =
            dm_fail(error, DM_ERROR_ARGUMENT, "dm_calibrate: model, ids, directory are needed");
    if (!status)
        status = check(n_id, &own, error);
    if (!status)
        status = check_settings(model, own.method, error);
    if (status)
        return status;
    size_t n_step = dm_model_n_step(&model->network.config);
    size_t n = model->network.config.n_layer * n_step;
    struct decay decay = {n_step, dm_memory_zeroed(n, sizeof(double)),
                          dm_memory_array(n, sizeof(double))};
    char *path = own.path ? dm_memory_text(own.path) : dm_path_join(directory, "decimamba.json");
    status = decay.sum && decay.slowest && path
                 ? calibrate(model, ids, n_id, &own, path, &decay, error)
                 : dm_fail_memory(error, "a calibration");
    dm_memory_free(decay.sum);
    dm_memory_free(decay.slowest);
    dm_memory_free(path);
    return status;
}
