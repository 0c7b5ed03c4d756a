#include "layers/kinds.h"

#include <string.h>

const struct dm_layer_kind *dm_layer_kind_named(const char *name) {
    for (size_t i = 0; i < dm_n_layer_kind; i++)
        if (!strcmp(dm_layer_kinds[i]->name, name))
            return dm_layer_kinds[i];
    return NULL;
}
