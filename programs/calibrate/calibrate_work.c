#include "calibrate_work.h"

#include <stdlib.h>

#include "cli/fail.h"

bool calibrate_method(const struct calibrate_work *work, size_t *layer, dm_method_options *method) {
    *layer = work->layer;
    *method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    method->kind = DM_METHOD_DECIMATE;
    method->score = work->score;
    method->layers = layer;
    method->n_layer = 1;
    method->base_length = work->length;
    return method_flags_apply(&work->settings->method, work->info.n_layer, method);
}

/* As dm_calibrate spreads passages over what it is given, it is given nothing but passages. */
bool calibrate_measure(struct calibrate_work *work, dm_calibration_options *options,
                       const char *folder) {
    size_t length = work->length, n_passage = work->settings->n_passage, last = n_passage - 1, n_id;
    size_t room = work->text.n_id - length;
    const struct token_text text = id_store_text(&work->text);
    dm_error error;
    if (__builtin_mul_overflow(length, n_passage, &n_id))
        return fail_memory();
    int32_t *ids = calloc(n_id, sizeof *ids);
    if (!ids)
        return fail_memory();
    dm_status status = DM_OK;
    for (size_t i = 0; i < n_passage && !status; i++) {
        size_t first = last ? (size_t)((double)room * (double)i / (double)last) : 0;
        status = text.read(text.user, first, length, ids + i * length, &error);
    }
    options->length = length;
    options->n_passage = n_passage;
    options->share = work->settings->share;
    if (!status)
        status = dm_calibrate(work->model, ids, n_id, options, folder, &error);
    free(ids);
    work->n_read += n_id;
    return !status || fail("%s", error.message);
}
