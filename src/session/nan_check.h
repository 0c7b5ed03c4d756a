/* Looking for numbers that are not finite while a text is read, for a model that was loaded with
 * `check`. The first one is DM_ERROR_NUMBER, named by what it is of, its token (a position in the
 * layer's own input) and its channel. */
#ifndef DM_SESSION_NAN_CHECK_H
#define DM_SESSION_NAN_CHECK_H

#include "model/run.h"

/* What a layer has computed when its Delta is there, and the residual that entered it. */
dm_status dm_check_layer(const struct dm_batch *batch, size_t layer, dm_error *error);
/* The residual after the last layer. */
dm_status dm_check_residual(const struct dm_batch *batch, dm_error *error);
/* logits [n_row, vocab_size]. */
dm_status dm_check_logits(const float *logits, size_t n_row, size_t vocab_size, dm_error *error);

#endif
