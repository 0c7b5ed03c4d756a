/* The list of kinds with the tests' own: see src/layers/kind_list.c. */
#include "gated/gated.h"
#include "layers/kinds.h"

extern const struct dm_layer_kind dm_mamba, dm_mamba2;

const struct dm_layer_kind *const dm_layer_kinds[] = {
    &dm_mamba,
    &dm_mamba2,
    &dm_gated,
};
const size_t dm_n_layer_kind = sizeof dm_layer_kinds / sizeof *dm_layer_kinds;
