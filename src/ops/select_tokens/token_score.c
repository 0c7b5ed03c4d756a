#include "ops/select_tokens/token_score.h"

#include <tgmath.h>

void dm_token_score_reference(const struct dm_token_score *op, size_t token, size_t n_token) {
    size_t n = op->channels ? op->n_channel : op->width;
    for (size_t t = token; t < token + n_token; t++) {
        const dm_real *values = op->values + t * op->width;
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            double d = values[op->channels ? op->channels[i] : i];
            sum += op->squared ? d * d : d;
        }
        op->score[t] = (dm_real)(op->squared ? sqrt(sum) : sum / (double)n);
    }
}
