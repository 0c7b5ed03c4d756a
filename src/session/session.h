/* One text being read and continued; see "How a long text is read" in docs/architecture.md.
 *
 * Decimating layers cut the network into stages. Stage 0, the layers up to the first decimating
 * layer's Delta, runs over tokens as they come. At a finish the tokens kept by the first decimating
 * layer go through the rest of the network, stage by stage. */
#ifndef DM_SESSION_SESSION_H
#define DM_SESSION_SESSION_H

#include "methods/method.h"
#include "model/language_model.h"
#include "model/run.h"
#include "session/row_ring.h"
#include "session/token_pool.h"

struct dm_ubatch;
struct dm_sampler;

struct dm_kept {
    size_t n, capacity;
    size_t *positions;
};

/* Room for n positions. */
dm_status dm_kept_reserve(struct dm_kept *kept, size_t n, dm_error *error);

struct dm_session {
    const struct dm_model *model;
    struct dm_method *method;
    struct dm_state state;     /* of all layers; above stage 0 as the last finish or step left it */
    struct dm_token_pool pool; /* of the first decimating layer */
    struct dm_row_ring tail;   /* residuals of the last keep_tail tokens after the last layer, as of
                                  the last finish; a step adds its own */
    struct dm_kept *kept;      /* [n_stage], at the last finish */
    size_t n_token;
    bool can_step;     /* the state above stage 0 follows the text: a step may go on from it */
    bool logits_valid; /* the tail's rows are those of a finish over all n_token tokens */
    bool in_batch;     /* of those whose arguments are being checked */
    bool invalid;      /* an error left the state half-way; only a reset helps */
    dm_probe probe;
    void *probe_user;
    size_t chunk_first; /* what a probe is told of the chunk at work: its first position, */
    const size_t
        *chunk_kept; /* and the positions before the choice at layer chunk_layer, or NULL */
    size_t chunk_layer;
};

dm_status dm_session_make(const struct dm_model *model, const dm_method_options *method,
                          struct dm_session **session, dm_error *error);
void dm_session_destroy(struct dm_session *session);
void dm_session_clear(struct dm_session *session);
/* A sound session `from`, of the same model and an equal method, into `session`, which may be
 * invalid; on error that stays what it was. It takes memory only where it has held less so far. */
dm_status dm_session_copy(struct dm_session *session, const struct dm_session *from,
                          dm_error *error);
/* A new session that is what this sound one is, without its probe. */
dm_status dm_session_split(const struct dm_session *session, struct dm_session **fork,
                           dm_error *error);
size_t dm_session_bytes(const struct dm_session *session);
/* The most that dm_session_bytes comes to, saturating. */
size_t dm_session_most_bytes(const struct dm_session *session);
/* The most tokens that a stage keeps, the tail among them; saturating. */
size_t dm_session_most_kept(const struct dm_session *session, const struct dm_stage *stage);

/* Who sees each batch once stage 0 is over it: at->residual has its rows. */
struct dm_reading_watch {
    dm_status (*see)(struct dm_ubatch *ubatch, void *user, dm_error *error);
    void *user;
};
/* Where those end that have the method settings of number `first`: each such run is a packed batch. */
size_t dm_session_run_end(struct dm_session *const *sessions, size_t first, size_t n_session);

/* Stage 0 over more tokens of each session, as packed batches; `watch` may be NULL. DM_CANCELLED
 * leaves them sound, each with the tokens of the batches before: read.c. */
dm_status dm_session_read(struct dm_session *const *sessions, size_t n_session,
                          const int32_t *const *ids, const size_t *n_id,
                          const struct dm_reading_watch *watch, dm_error *error);
/* One token for each session through the whole network; logits [n_session, vocab_size] or NULL.
 * Sessions that cannot step are finished first: step.c. */
dm_status dm_session_step_all(struct dm_session *const *sessions, size_t n_session,
                              const int32_t *ids, float *logits, dm_error *error);
/* The later stages over what stage 0 has read: finish.c. */
dm_status dm_session_finish(struct dm_session *session, dm_error *error);
/* Logits [n_last, vocab_size] of the last tokens of a finished session: step.c. */
dm_status dm_session_tail_logits(const struct dm_session *session, size_t n_last, float *logits,
                                 dm_error *error);

/* Logits [vocab_size] of the last token, as the step that read it gave them, or those of a finish:
 * step.c. */
dm_status dm_session_last_logits(struct dm_session *session, float *logits, dm_error *error);

/* Reads more tokens, n_id >= 0, and sets logprobs [n_id] of each: logprobs.c. */
dm_status dm_session_read_logprobs(struct dm_session *session, const int32_t *ids, size_t n_id,
                                   double *logprobs, dm_error *error);

/* Saves to a file, with what the next draws depend on (`sampler` NULL: without): session_file.c. */
dm_status dm_session_write(const struct dm_session *session, const struct dm_sampler *sampler,
                           const char *path, dm_error *error);
/* The same bytes in memory (dm_memory_free). */
dm_status dm_session_write_buffer(const struct dm_session *session,
                                  const struct dm_sampler *sampler, void **bytes, size_t *n_byte,
                                  dm_error *error);
/* Restores from one; `sampler` (may be NULL) stays as it is where *has_sampler becomes false:
 * session_restore.c. */
dm_status dm_session_load(const struct dm_model *model, const char *path,
                          struct dm_sampler *sampler, bool *has_sampler,
                          struct dm_session **session, dm_error *error);
/* From its bytes. */
dm_status dm_session_load_buffer(const struct dm_model *model, const void *bytes, size_t n_byte,
                                 struct dm_sampler *sampler, bool *has_sampler,
                                 struct dm_session **session, dm_error *error);

/* ---- Shared by reading, stepping and finishing ---- */

/* Where the parts of the token in row `row` lie for the pool of a layer: the residual, and what the
 * layer's kind carries. Returns how many. */
size_t dm_session_pool_parts(const struct dm_batch *batch, size_t layer, size_t row,
                             float *parts[DM_POOL_MAX_PART]);
/* Gives rows [row, row + n_token) of the batch to the pool (reserved) of the next stage; NULL, after
 * the last layer: to the session's tail. */
void dm_session_push(struct dm_session *session, const struct dm_batch *batch, size_t row,
                     size_t n_token, const struct dm_stage *next, struct dm_token_pool *pool);
void dm_session_pool_init(struct dm_token_pool *pool, const struct dm_session *session,
                          const struct dm_stage *stage);
/* Runs a decimating layer up to its Delta and scores its tokens into at->score. */
dm_status dm_session_score(const struct dm_batch *batch, const struct dm_method *method,
                           const struct dm_stage *stage, dm_error *error);

/* Logits [n_token, vocab_size] of the batch's rows, which have passed the last layer: step.c. */
dm_status dm_session_head(const struct dm_model *model, const struct dm_batch *batch, float *logits,
                          dm_error *error);

/* The batch's tokens through stage 0, and into the sessions' pools (or tails). */
dm_status dm_session_stage_0(struct dm_ubatch *ubatch, const struct dm_method *method,
                             dm_error *error);

#endif
