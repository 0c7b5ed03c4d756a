#include "layers/kinds.h"

#include <string.h>

const struct dm_layer_kind *dm_layer_kind_named(const char *name) {
    for (size_t i = 0; i < dm_n_layer_kind; i++)
        if (!strcmp(dm_layer_kinds[i]->name, name))
            return dm_layer_kinds[i];
    return NULL;
}

static bool is_listed(const char *const *names, const char *name) {
    for (; names && *names; names++)
        if (!strcmp(*names, name))
            return true;
    return false;
}

const struct dm_layer_kind *dm_layer_kind_of_type(const char *model_type) {
    for (size_t i = 0; i < dm_n_layer_kind; i++)
        if (is_listed(dm_layer_kinds[i]->model_types, model_type))
            return dm_layer_kinds[i];
    return NULL;
}

const struct dm_layer_kind *dm_layer_kind_of_official(const char *layer) {
    for (size_t i = 0; i < dm_n_layer_kind; i++)
        if (dm_layer_kinds[i]->official_layer && !strcmp(dm_layer_kinds[i]->official_layer, layer))
            return dm_layer_kinds[i];
    return NULL;
}
