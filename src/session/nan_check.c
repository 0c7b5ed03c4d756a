#include "session/nan_check.h"

#include "base/finite.h"

/* The position of a row's token in the input of the layers at work. */
static size_t position_of(const struct dm_batch *batch, size_t row) {
    const size_t *start = batch->at->start;
    size_t s = 0;
    while (row >= start[s + 1])
        s++;
    return batch->first_position[s] + row - start[s];
}

/* values [n_token, width], `what` of layer `layer`. */
static dm_status check_rows(const struct dm_batch *batch, const char *what, size_t layer,
                            const float *values, size_t width, dm_error *error) {
    size_t n = batch->n_token * width, i = dm_find_not_finite(values, n);
    if (i == n)
        return DM_OK;
    return dm_fail(error, DM_ERROR_NUMBER, "%s layer %zu: %s at token %zu, channel %zu", what,
                   layer, dm_not_finite_name(values[i]), position_of(batch, i / width), i % width);
}

dm_status dm_check_layer(const struct dm_batch *batch, size_t layer, dm_error *error) {
    const struct dm_layer_config *own = batch->network->layers[layer].config;
    const struct dm_buffers *at = batch->at;
    struct dm_buffer_row rows[DM_MAX_BUFFER];
    size_t n = dm_buffers_of_token(own, false, rows);
    dm_status status = layer ? check_rows(batch, "the residual after", layer - 1, at->residual,
                                          own->d_model, error)
                             : DM_OK; /* the embedding is a weight */
    for (size_t i = 0; i < n && !status; i++)
        if (rows[i].what)
            status = check_rows(batch, rows[i].what, layer, at->layer[i], rows[i].width, error);
    return status;
}

dm_status dm_check_residual(const struct dm_batch *batch, dm_error *error) {
    const struct dm_model_config *config = &batch->network->config;
    return check_rows(batch, "the residual after", config->n_layer - 1, batch->at->residual,
                      config->d_model, error);
}

dm_status dm_check_logits(const float *logits, size_t n_row, size_t vocab_size, dm_error *error) {
    size_t n = n_row * vocab_size, i = dm_find_not_finite(logits, n);
    if (i == n)
        return DM_OK;
    return dm_fail(error, DM_ERROR_NUMBER, "the logit of id %zu is %s", i % vocab_size,
                   dm_not_finite_name(logits[i]));
}
