/* Axes of numbers: lengths, counts, depths. */
#ifndef DECIMAMBA_EVALUATION_TASK_AXIS_H
#define DECIMAMBA_EVALUATION_TASK_AXIS_H

#include "task.h"

/* An axis of these values, each its own name. `name` is borrowed. False, and nothing to free, when
 * memory is short. */
bool task_axis_sizes(struct task_axis *axis, const char *name, const size_t *values, size_t n);
/* n depths, evenly from 0 to 1; a single one is 0.5. */
bool task_axis_depths(struct task_axis *axis, size_t n);
/* Only for axes made here; a zeroed one is fine. */
void task_axis_free(struct task_axis *axis);

#endif
