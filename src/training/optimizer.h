/* What an accumulated gradient does to the parameters. */
#ifndef DM_TRAINING_OPTIMIZER_H
#define DM_TRAINING_OPTIMIZER_H

#include "ops/ops.h"
#include "training/tensors.h"

/* The rate of step `step`, which counts from 1: rising in a straight line over `warmup` steps, then
 * as the schedule has it, down to final_rate * learning_rate at step n_step and after. */
double dm_learning_rate(const dm_trainer_options *options, size_t step);

/* The norm of all trained tensors' gradients together, in an order that does not depend on the
 * number of threads. */
double dm_gradient_norm(const struct dm_tensors *tensors, const struct dm_ops *ops,
                        struct dm_threads *threads);

/* AdamW on every trained tensor; `op` gives everything but the arrays, its weight_decay taken where
 * the tensor decays. */
void dm_optimizer_step(const struct dm_tensors *tensors, const struct dm_adamw *op,
                       const struct dm_ops *ops, struct dm_threads *threads);

#endif
