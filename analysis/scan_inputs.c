#include "scan_inputs.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

struct collector {
    struct scan_inputs *layers;
    size_t step;
};

static float *floats(size_t rows, size_t columns) {
    size_t n;
    return __builtin_mul_overflow(rows, columns, &n) ? NULL : calloc(n, sizeof(float));
}

static bool allocate(struct scan_inputs *inputs, size_t capacity, size_t n_channel,
                     const dm_model_info *info) {
    size_t d_state = inputs->d_state = info->d_state;
    inputs->capacity = capacity;
    inputs->n_channel = n_channel;
    inputs->n_group = info->n_group ? info->n_group : 1;
    inputs->A = floats(n_channel, d_state);
    inputs->delta = floats(n_channel, capacity);
    inputs->B = floats(capacity, inputs->n_group * d_state);
    inputs->C = floats(capacity, inputs->n_group * d_state);
    inputs->group = calloc(n_channel, sizeof *inputs->group);
    inputs->positions = calloc(capacity, sizeof *inputs->positions);
    return inputs->A && inputs->delta && inputs->B && inputs->C && inputs->group &&
           inputs->positions;
}

static void collect(const struct scan_chunk *chunk, void *user) {
    const struct collector *collector = user;
    const dm_probe_view *view = chunk->view;
    struct scan_inputs *inputs = &collector->layers[view->layer];
    if (!inputs->n_channel)
        return;
    size_t first = view->first_position, N = inputs->d_state, E = view->d_inner;
    for (size_t c = 0; c < inputs->n_channel; c++) {
        size_t channel = c * collector->step;
        inputs->group[c] = channel / (E / view->n_group);
        for (size_t s = 0; s < N; s++)
            inputs->A[c * N + s] = view->A[s % view->A_rows * E + channel];
        for (size_t t = 0; t < view->n_token; t++)
            inputs->delta[c * inputs->capacity + first + t] = view->delta[t * E + channel];
    }
    size_t width = view->n_group * N;
    for (size_t t = 0; t < view->n_token; t++) {
        memcpy(inputs->B + (first + t) * width, view->B + t * view->stride,
               width * sizeof *inputs->B);
        memcpy(inputs->C + (first + t) * width, view->C + t * view->stride,
               width * sizeof *inputs->C);
        inputs->positions[first + t] = chunk->positions[t];
    }
    inputs->n_token = first + view->n_token;
}

dm_status scan_inputs_collect(const struct scan_reading *reading, const bool *wanted, size_t step,
                              struct scan_inputs **layers, dm_error *error) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_status status = dm_model_get_info(reading->model, &info, error);
    if (status)
        return status;
    struct collector collector = {calloc(info.n_layer, sizeof *collector.layers), step};
    bool room = collector.layers != NULL;
    for (size_t l = 0; room && l < info.n_layer; l++)
        if (wanted[l])
            room =
                allocate(&collector.layers[l], reading->n_id, (info.n_step - 1) / step + 1, &info);
    status = room ? scan_reading_run(reading, collect, &collector, error)
                  : dm_fail_memory(error, "the analysis");
    if (status)
        scan_inputs_free(collector.layers, info.n_layer);
    else
        *layers = collector.layers;
    return status;
}

void scan_inputs_free(struct scan_inputs *layers, size_t n_layer) {
    for (size_t l = 0; layers && l < n_layer; l++) {
        free(layers[l].A);
        free(layers[l].delta);
        free(layers[l].B);
        free(layers[l].C);
        free(layers[l].group);
        free(layers[l].positions);
    }
    free(layers);
}
