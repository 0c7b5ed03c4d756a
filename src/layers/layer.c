#include "layers/layer.h"

#include <string.h>

size_t dm_layer_size(const struct dm_layer_config *config, const char *name) {
    for (size_t i = 0; i < config->kind->n_size; i++)
        if (!strcmp(config->kind->sizes[i].name, name))
            return config->size[i];
    return 0;
}

size_t dm_layer_n_step(const struct dm_layer_config *config) {
    return config->kind->n_step ? config->kind->n_step(config) : 0;
}

bool dm_layer_has(const struct dm_layer_config *config, size_t parameter) {
    size_t only_where = config->kind->parameters[parameter].only_where;
    return !only_where || config->size[only_where - 1] == 1;
}

size_t dm_shape_n_element(struct dm_shape shape) {
    size_t n = 1;
    for (size_t i = 0; i < shape.n_dim; i++)
        n *= shape.size[i]; /* fits: two sizes at most differ from 1, the larger below 2^33, the
                               other below 2^31 */
    return n;
}
