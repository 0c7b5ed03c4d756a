/* One line for each kind of layer. */
#include "layers/kinds.h"
#include "layers/mamba/mamba.h"

const struct dm_layer_kind *const dm_layer_kinds[] = {
    &dm_mamba,
};
const size_t dm_n_layer_kind = sizeof dm_layer_kinds / sizeof *dm_layer_kinds;
