/* Filling the table of operations for a processor. */
#ifndef DM_BACKENDS_CPU_H
#define DM_BACKENDS_CPU_H

#include "ops/ops.h"

/* `cpu`: "reference" (plain loops for everything), "avx2" or "avx512"; NULL: the best there is. One
 * that this processor lacks is DM_ERROR_ARGUMENT. Released by dm_cpu_ops_free. */
dm_status dm_cpu_ops(const char *cpu, struct dm_ops *ops, dm_error *error);
/* The operations without matrix products, for the processor's flags (base/cpu_features.h). */
void dm_cpu_plain_ops(struct dm_ops *ops, unsigned flags);
/* Can products run in `dtype`? DM_DTYPE_AUTO can. */
dm_status dm_cpu_check_dtype(const struct dm_ops *ops, dm_dtype dtype, dm_error *error);
void dm_cpu_ops_free(struct dm_ops *ops);

#endif
