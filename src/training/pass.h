/* One packed batch through the network, and its gradient back.
 *
 * Decimating layers cut the tokens on the way: between two of them lies a span, the tokens that are
 * still there. The choice itself is not differentiated, and what was dropped gets no gradient from
 * above; the residual is cut like the rest (official code). How many tokens each span has is known
 * before the first product, so all memory is laid out at once. */
#ifndef DM_TRAINING_PASS_H
#define DM_TRAINING_PASS_H

#include "training/pass_parts.h"

/* The loss; with `backward`, the gradients of its sum are added to the tensors'. A loss that is not
 * finite is DM_ERROR_NUMBER. */
dm_status dm_pass_run(struct dm_pass *pass, const struct dm_pass_batch *batch, bool backward,
                      struct dm_pass_loss *loss, dm_error *error);

#endif
