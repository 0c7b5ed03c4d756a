/* One line for each method, in the order of dm_method_kind. */
#include "methods/method.h"

#define METHODS(METHOD)   \
    METHOD(dm_decimation) \
    METHOD(dm_keep_last)  \
    METHOD(dm_mamba_extend)

#define DECLARE(hooks) extern const struct dm_method_hooks hooks;
METHODS(DECLARE)
#define ADDRESS(hooks) &(hooks),
const struct dm_method_hooks *const dm_methods[] = {METHODS(ADDRESS)};
const size_t dm_n_method = sizeof dm_methods / sizeof *dm_methods;
