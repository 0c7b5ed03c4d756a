/* One line for each kind of layer. */
#include "layers/kinds.h"

extern const struct dm_layer_kind dm_mamba, dm_mamba2; /* each in its folder */

const struct dm_layer_kind *const dm_layer_kinds[] = {
    &dm_mamba,
    &dm_mamba2,
};
const size_t dm_n_layer_kind = sizeof dm_layer_kinds / sizeof *dm_layer_kinds;
