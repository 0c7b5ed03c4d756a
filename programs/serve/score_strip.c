#include "score_strip.h"

#include <math.h>

#include "cli/json_output.h"
#include "delta_map.h"

bool score_strip_begin(struct score_strip *strip, const dm_model *model,
                       const dm_method_options *method) {
    size_t layer = 0;
    if (method->kind != DM_METHOD_DECIMATE || !method->n_layer ||
        (method->score != DM_SCORE_NORM && method->score != DM_SCORE_MEAN &&
         method->score != DM_SCORE_GLOBAL))
        return false;
    layer = method->layers[0];
    for (size_t i = 1; i < method->n_layer; i++)
        layer = method->layers[i] < layer ? method->layers[i] : layer;
    *strip =
        (struct score_strip){.model = model, .score = method->score, .layer = layer, .width = 1};
    return true;
}

/* Two numbers become one. */
static void halve(struct score_strip *strip) {
    for (size_t i = 0; i < max_bin / 2; i++)
        strip->max[i] = fmaxf(strip->max[2 * i], strip->max[2 * i + 1]);
    for (size_t i = max_bin / 2; i < max_bin; i++)
        strip->max[i] = NAN;
    strip->width *= 2;
}

void score_strip_restore(struct score_strip *strip, const json_t *scores, size_t n_token) {
    const json_t *list = json_object_get(scores, "max");
    json_int_t width = json_integer_value(json_object_get(scores, "width"));
    for (size_t i = 0; i < max_bin; i++) {
        const json_t *score = json_array_get(list, i);
        strip->max[i] = json_is_number(score) ? (float)json_number_value(score) : NAN;
    }
    strip->width = width > 0 && (size_t)width <= n_token ? (size_t)width : 1;
    while (n_token > max_bin * strip->width)
        halve(strip);
    strip->n_token = n_token;
}

void score_strip_see(const dm_probe_view *view, void *user) {
    struct score_strip *strip = user;
    if (view->layer != strip->layer || view->kept)
        return;
    for (size_t t = 0; t < view->n_token; t++, strip->n_token++) {
        if (strip->n_token == max_bin * strip->width)
            halve(strip);
        size_t bin = strip->n_token / strip->width;
        float score = delta_score(view, t, strip->model, strip->score);
        bool first = strip->n_token % strip->width == 0;
        strip->max[bin] = first ? score : fmaxf(strip->max[bin], score);
    }
}

json_t *score_strip_json(const struct score_strip *strip) {
    json_t *list = json_array();
    for (size_t i = 0; i * strip->width < strip->n_token; i++) {
        double rounded = round((double)strip->max[i] * 1e4) / 1e4;
        json_array_append_new(list, json_number_or_null(rounded));
    }
    return json_pack("{so so so}", "layer", json_size(strip->layer), "width",
                     json_size(strip->width), "max", list);
}
