/* A packed batch of some sessions' tokens on its way through the network. */
#ifndef DM_SESSION_UBATCH_H
#define DM_SESSION_UBATCH_H

#include "session/session.h"

struct dm_ubatch {
    const struct dm_model *model;
    struct dm_batch batch;
    struct dm_session **active; /* [batch.n_sequence]: whose sequences they are */
    struct dm_state **states;   /* [batch.n_sequence] */
    size_t *first_position;     /* [batch.n_sequence] */
    size_t *done;               /* [n_session]: tokens of each session already packed */
    bool began;                 /* the matrix products hold memory for this ubatch */
};

/* For up to `n_session` sessions; takes activations from the model. */
dm_status dm_ubatch_new(const struct dm_model *model, size_t n_session, struct dm_ubatch **ubatch,
                        dm_error *error);
void dm_ubatch_free(struct dm_ubatch *ubatch);
/* An empty batch; then sequences, one by one: of `n_token` tokens from position
 * session->chunk_first on, whose rows, or ids, the caller fills in. */
void dm_ubatch_clear(struct dm_ubatch *ubatch);
void dm_ubatch_add(struct dm_ubatch *ubatch, struct dm_session *session, size_t n_token);

#endif
