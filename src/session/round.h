/* A packed batch of some sessions' tokens on its way through the network. */
#ifndef DM_SESSION_ROUND_H
#define DM_SESSION_ROUND_H

#include "session/session.h"

struct dm_round {
    const struct dm_model *model;
    struct dm_batch batch;
    struct dm_session **active; /* [batch.n_sequence]: whose sequences they are */
    struct dm_state **states;   /* [batch.n_sequence] */
    size_t *first_position;     /* [batch.n_sequence] */
    size_t *done;               /* [n_session]: tokens of each session already packed */
    bool began;                 /* the matrix products hold memory for this round */
};

/* For up to `n_session` sessions; takes activations from the model. */
dm_status dm_round_new(const struct dm_model *model, size_t n_session, struct dm_round **round,
                       dm_error *error);
void dm_round_free(struct dm_round *round);
/* An empty batch; then sequences, one by one: of `n_token` tokens from position
 * session->chunk_first on, whose rows, or ids, the caller fills in. */
void dm_round_clear(struct dm_round *round);
void dm_round_add(struct dm_round *round, struct dm_session *session, size_t n_token);

#endif
