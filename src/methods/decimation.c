/* DeciMamba (arXiv:2406.14528): the tokens whose Delta is large are kept; baselines, which choose by
 * what Delta does not know; and whatever the caller scores by. */
#include "methods/method.h"
#include "ops/select_tokens/token_hash.h"

static void score_positions(const struct dm_stage_input *input, dm_real *score) {
    for (size_t s = 0; s < input->n_sequence; s++)
        dm_token_hash(input->first_position ? input->first_position[s] : 0,
                      input->start[s + 1] - input->start[s], score + input->start[s]);
}

static void score_by_caller(const struct dm_method *method, const struct dm_stage *stage,
                            const struct dm_stage_input *input, dm_real *score) {
    for (size_t s = 0; s < input->n_sequence; s++) {
        size_t row = input->start[s];
        /* dm_real is float; where it is double, in some of the tests, nobody has scores of their own. */
        const void *residual = input->residual + row * input->d_model;
        const void *delta = input->delta ? input->delta + row * input->n_step : NULL;
        void *own = score + row;
        const dm_score_view view = {
            .struct_size = sizeof view,
            .layer = stage->layer,
            .n_token = input->start[s + 1] - row,
            .first_position = input->first_position ? input->first_position[s] : 0,
            .d_model = input->d_model,
            .d_inner = input->n_step,
            .residual = residual,
            .delta = delta,
        };
        if (view.n_token)
            method->custom.function(&view, own, method->custom.user);
    }
}

static void score_tokens(const struct dm_method *method, const struct dm_stage *stage,
                         const struct dm_stage_input *input, const struct dm_ops *ops,
                         dm_real *score) {
    bool by_token = method->score == DM_SCORE_TOKEN_NORM;
    const struct dm_token_score op = {
        .width = by_token ? input->d_model : input->n_step,
        .squared = method->score != DM_SCORE_MEAN,
        .values = by_token ? input->residual : input->delta,
        .channels = method->score == DM_SCORE_GLOBAL ? stage->channels : NULL,
        .n_channel = stage->n_channel,
        .score = score,
    };
    if (method->score == DM_SCORE_CUSTOM)
        score_by_caller(method, stage, input, score);
    else if (method->score == DM_SCORE_RANDOM)
        score_positions(input, score);
    else
        ops->token_score(&op, 0, input->n_token);
}

const struct dm_method_hooks dm_decimation = {
    .name = "decimate",
    .drops_tokens = true,
    .score = score_tokens,
};
