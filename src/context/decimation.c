/* DeciMamba (arXiv:2406.14528): the tokens whose Delta is large are kept. */
#include "context/context.h"

static void score(const struct dm_context *context, const struct dm_stage *stage,
                  struct dm_token_score *op) {
    op->squared = context->score != DM_SCORE_MEAN;
    op->channels = context->score == DM_SCORE_GLOBAL ? stage->channels : NULL;
    op->n_channel = stage->n_channel;
}

const struct dm_context_hooks dm_decimation = {DM_CONTEXT_DECIMATE, "decimate", score};
