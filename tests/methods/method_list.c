/* The list of methods with the tests' own: see src/methods/method_list.c. */
#include "methods/method.h"

#define METHODS(METHOD)     \
    METHOD(dm_decimation)   \
    METHOD(dm_keep_last)    \
    METHOD(dm_mamba_extend) \
    METHOD(dm_test_filter)  \
    METHOD(dm_test_power)   \
    METHOD(dm_test_cap)     \
    METHOD(dm_test_whole_cap)

#define DECLARE(hooks) extern const struct dm_method_hooks hooks;
METHODS(DECLARE)
#define ADDRESS(hooks) &(hooks),
const struct dm_method_hooks *const dm_methods[] = {METHODS(ADDRESS)};
const size_t dm_n_method = sizeof dm_methods / sizeof *dm_methods;
