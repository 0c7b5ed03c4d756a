#include "test_brute_force.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void take(const dm_probe_view *view, void *user) {
    struct whole_text *text = user;
    struct whole_layer *layer = &text->layers[view->layer];
    size_t E = view->d_inner, N = view->d_state, first = view->first_position;
    size_t width = view->n_group * N;
    if (!layer->A) {
        *layer = (struct whole_layer){.d_inner = E, .d_state = N, .n_group = view->n_group};
        layer->A = some(E * N, sizeof(float));
        layer->delta = some(text->n_id * E, sizeof(float));
        layer->B = some(text->n_id * width, sizeof(float));
        layer->C = some(text->n_id * width, sizeof(float));
        layer->positions = some(text->n_id, sizeof(size_t));
    }
    for (size_t s = 0; s < N; s++)
        memcpy(layer->A + s * E, view->A + s % view->A_rows * E, E * sizeof(float));
    memcpy(layer->delta + first * E, view->delta, view->n_token * E * sizeof(float));
    for (size_t t = 0; t < view->n_token; t++) {
        memcpy(layer->B + (first + t) * width, view->B + t * view->stride, width * sizeof(float));
        memcpy(layer->C + (first + t) * width, view->C + t * view->stride, width * sizeof(float));
    }
    /* of a layer that drops tokens, the last showing is that of the kept ones */
    layer->n_token = first + view->n_token;
}

/* Places of the tokens of every layer, from what the session says was kept. */
static void place(struct whole_text *text, dm_session *session) {
    size_t n = text->n_id, *positions = some(n, sizeof *positions);
    dm_error error;
    for (size_t i = 0; i < n; i++)
        positions[i] = i;
    for (size_t l = 0; l < text->info.n_layer; l++) {
        for (size_t i = 0; i < text->method.n_layer; i++) {
            const size_t *kept;
            if (text->method.layers[i] != l)
                continue;
            require(dm_session_kept(session, l, &kept, &n, &error), &error);
            for (size_t k = 0; k < n; k++)
                positions[k] = positions[kept[k]];
        }
        assert_int_equal(text->layers[l].n_token, n);
        memcpy(text->layers[l].positions, positions, n * sizeof *positions);
    }
    free(positions);
}

void whole_text_read(struct whole_text *text, const char *folder, const int32_t *ids, size_t n_id,
                     const dm_method_options *method) {
    dm_session *session;
    dm_error error;
    *text = (struct whole_text){.n_id = n_id, .method = *method};
    text->info = (dm_model_info)DM_MODEL_INFO_INIT;
    memcpy(text->dropping, method->layers ? method->layers : text->dropping,
           method->n_layer * sizeof *text->dropping);
    text->method.layers = text->dropping;
    text->ids = some(n_id, sizeof *ids);
    memcpy(text->ids, ids, n_id * sizeof *ids);
    require(dm_model_load(test_data(folder), NULL, &text->model, &error), &error);
    require(dm_model_get_info(text->model, &text->info, &error), &error);
    assert_in_range(text->info.n_layer, 1, max_layers);
    require(dm_session_new(text->model, &text->method, &session, &error), &error);
    dm_session_set_probe(session, take, text);
    float *logits = some(text->info.vocab_size, sizeof *logits);
    require(dm_session_append(session, ids, n_id, &error), &error);
    require(dm_session_logits(session, 1, logits, &error), &error);
    place(text, session);
    free(logits);
    dm_session_free(session);
}

void whole_text_open(struct whole_text *text, const char *folder, size_t n_id,
                     const size_t *dropping, size_t n_dropping, size_t keep_tail) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    uint64_t random = 12345, n_vocabulary = strncmp(folder, "golden/", 7) ? 45 : 90;
    int32_t *ids = some(n_id, sizeof *ids);
    for (size_t i = 0; i < n_id; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        ids[i] = (int32_t)((random >> 33) % n_vocabulary);
    }
    if (n_dropping) {
        method.kind = DM_METHOD_DECIMATE;
        method.layers = dropping;
        method.n_layer = n_dropping;
        method.base_length = 2 * n_id / 3;
        method.beta = 0.6;
        method.keep_tail = keep_tail;
    }
    whole_text_read(text, folder, ids, n_id, &method);
    free(ids);
}

void whole_text_close(struct whole_text *text) {
    for (size_t l = 0; l < max_layers; l++) {
        free(text->layers[l].A);
        free(text->layers[l].delta);
        free(text->layers[l].B);
        free(text->layers[l].C);
        free(text->layers[l].positions);
    }
    free(text->ids);
    dm_model_free(text->model);
}

double whole_product(const struct whole_layer *layer, size_t channel, size_t i, size_t j,
                     size_t s) {
    size_t group = channel * layer->n_group / layer->d_inner, width = layer->n_group;
    return (double)layer->C[(i * width + group) * layer->d_state + s] *
           (double)layer->delta[j * layer->d_inner + channel] *
           (double)layer->B[(j * width + group) * layer->d_state + s];
}

double whole_entry(const struct whole_layer *layer, size_t channel, size_t i, size_t j,
                   double *size) {
    size_t E = layer->d_inner, N = layer->d_state;
    double gap = 0, sum = 0;
    *size = 0;
    for (size_t k = j + 1; k <= i; k++)
        gap += layer->delta[k * E + channel];
    for (size_t s = 0; s < N; s++) {
        double product = whole_product(layer, channel, i, j, s);
        sum += product * exp(layer->A[s * E + channel] * gap);
        *size += fabs(product);
    }
    return sum;
}

static size_t get_size(const json_t *object, const char *key) {
    return (size_t)json_integer_value(json_object_get(object, key));
}

/* `dropping`: room for the layers. */
static dm_method_options read_method(const json_t *settings, size_t *dropping) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    const json_t *layers = json_object_get(settings, "layers");
    method.n_layer = json_array_size(layers);
    if (!method.n_layer)
        return method;
    for (size_t i = 0; i < method.n_layer; i++)
        dropping[i] = (size_t)json_integer_value(json_array_get(layers, i));
    method.kind = DM_METHOD_DECIMATE;
    method.layers = dropping;
    method.beta = json_number_value(json_object_get(settings, "beta"));
    method.base_length = get_size(settings, "base_length");
    method.min_length = get_size(settings, "min_length");
    method.keep_tail = get_size(settings, "keep_tail");
    return method;
}

void visit_cases(case_visitor *visit) {
    json_t *all = json_load_file(test_data("analysis/cases.json"), 0, NULL), *one;
    assert_non_null(all);
    const json_t *tokens = json_object_get(all, "ids");
    size_t number, n_id = json_array_size(tokens);
    int32_t *ids = some(n_id, sizeof *ids);
    for (size_t i = 0; i < n_id; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(tokens, i));
    json_array_foreach(json_object_get(all, "cases"), number, one) {
        size_t dropping[max_layers];
        dm_method_options method = read_method(json_object_get(one, "method"), dropping);
        struct whole_text text;
        whole_text_read(&text, json_string_value(json_object_get(all, "model")), ids, n_id,
                        &method);
        assert_int_equal(json_array_size(json_object_get(one, "layers")), text.info.n_layer);
        visit(&text, all, json_object_get(one, "layers"));
        whole_text_close(&text);
    }
    assert_int_equal(number, 3);
    free(ids);
    json_decref(all);
}
