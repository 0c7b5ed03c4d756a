/* Log-probabilities of the tokens that a session reads. */
#include <math.h>
#include <string.h>

#include "backends/cpu.h"
#include "base/cpu_features.h"
#include "base/memory.h"
#include "base/progress.h"
#include "session/ubatch.h"

enum { max_row = 64 }; /* of logits at a time */

struct scoring {
    struct dm_ops ops;
    size_t vocab_size;
    float *logits;      /* [max_row, vocab_size] */
    const int32_t *ids; /* [n_id], */
    double *logprobs;   /* and of each */
    size_t n_id, n_read;
};

static double logprob(const struct scoring *scoring, const float *logits, size_t i) {
    return -scoring->ops.cross_entropy(logits, scoring->vocab_size, scoring->ids[i]);
}

/* Of what follows each of the batch's tokens, ids[n_read] and on, whose rows are in the residual: some
 * rows at a time, which come to its front for that. */
static dm_status score_rows(struct dm_ubatch *ubatch, void *user, dm_error *error) {
    struct scoring *scoring = user;
    struct dm_batch *batch = &ubatch->batch;
    size_t n_token = batch->n_token, d_model = batch->network->config.d_model;
    size_t n_row = scoring->n_id - scoring->n_read - 1; /* the last of all has no next one */
    n_row = n_row < n_token ? n_row : n_token;
    dm_status status = DM_OK;
    for (size_t first = 0; first < n_row && !status; first += batch->n_token) {
        batch->n_token = n_row - first < max_row ? n_row - first : max_row;
        memmove(batch->at->residual, batch->at->residual + first * d_model,
                batch->n_token * d_model * sizeof *batch->at->residual);
        status = dm_session_head(ubatch->model, batch, scoring->logits, error);
        for (size_t i = 0; i < batch->n_token && !status; i++) {
            size_t next = scoring->n_read + first + i + 1;
            scoring->logprobs[next] =
                logprob(scoring, scoring->logits + i * scoring->vocab_size, next);
        }
    }
    scoring->n_read += n_token;
    return status;
}

/* Of a finished text's last n tokens, which the tail has. */
static dm_status score_tail(struct dm_session *session, size_t n, struct scoring *scoring,
                            dm_error *error) {
    struct dm_ubatch *ubatch;
    dm_status status = dm_ubatch_new(session->model, 1, &ubatch, error);
    if (status)
        return status;
    for (size_t left = n; left && !status;) {
        size_t capacity = ubatch->batch.at->capacity, n_row = left < capacity ? left : capacity;
        dm_row_ring_range(&session->tail, left, n_row, ubatch->batch.at->residual);
        ubatch->batch.n_token = n_row;
        status = score_rows(ubatch, scoring, error);
        left -= n_row;
    }
    dm_ubatch_free(ubatch);
    return status;
}

/* n more tokens, and a finish, unless they are the last one of all. */
static dm_status read_block(struct dm_session *session, size_t n, struct scoring *scoring,
                            dm_error *error) {
    const int32_t *ids = scoring->ids + scoring->n_read;
    dm_status status = dm_session_read(&session, 1, &ids, &n, NULL, error);
    if (status || scoring->n_read + 1 == scoring->n_id)
        return status;
    status = dm_session_finish(session, error);
    return status ? status : score_tail(session, n, scoring, error);
}

/* With a method that drops tokens, those have logits that are in the tail of a finish. */
static dm_status read_blocks(struct dm_session *session, struct scoring *scoring, dm_error *error) {
    dm_status status = DM_OK;
    for (size_t first = 0; first < scoring->n_id && !status;) {
        size_t n = scoring->n_id - first, block = session->method->keep_tail;
        struct dm_progress_part silent;
        n = n < block ? n : block;
        status = dm_progress_tell(first, scoring->n_id, error);
        if (status)
            break;
        dm_progress_enter(&silent, 0, 0, 0);
        status = read_block(session, n, scoring, error);
        dm_progress_leave(&silent);
        first += n;
    }
    return status;
}

static dm_status score_first(struct dm_session *session, struct scoring *scoring, dm_error *error) {
    scoring->logprobs[0] = NAN;
    if (!session->n_token)
        return DM_OK;
    dm_status status = dm_session_last_logits(session, scoring->logits, error);
    if (!status)
        scoring->logprobs[0] = logprob(scoring, scoring->logits, 0);
    return status;
}

dm_status dm_session_read_logprobs(struct dm_session *session, const int32_t *ids, size_t n_id,
                                   double *logprobs, dm_error *error) {
    struct scoring scoring = {.vocab_size = session->model->network.config.vocab_size,
                              .ids = ids,
                              .logprobs = logprobs,
                              .n_id = n_id};
    const struct dm_reading_watch watch = {score_rows, &scoring};
    size_t row_bytes, n_before = session->n_token;
    if (!n_id)
        return DM_OK;
    dm_cpu_plain_ops(&scoring.ops, dm_cpu_features());
    if (dm_size_mul(scoring.vocab_size, sizeof *scoring.logits, &row_bytes))
        scoring.logits = dm_memory_array(n_id < max_row ? n_id : max_row, row_bytes);
    if (!scoring.logits)
        return dm_fail_memory(error, "logits");
    dm_status status = score_first(session, &scoring, error);
    if (!status)
        status = session->method->n_stage
                     ? read_blocks(session, &scoring, error)
                     : dm_session_read(&session, 1, &ids, &n_id, &watch, error);
    if (status && status != DM_CANCELLED && session->n_token != n_before)
        session->invalid = true; /* nobody can tell how far the values go */
    dm_memory_free(scoring.logits);
    return status;
}
