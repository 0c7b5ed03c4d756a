/* States that sequences of a training start from: those that others ended with, or noise.
 *
 * Sequences are numbered within a step. What they end with is pending until the step is done, so
 * that a step that is given up leaves no trace. */
#ifndef DM_TRAINING_CARRY_H
#define DM_TRAINING_CARRY_H

#include "training/pass_parts.h"

struct dm_carry {
    dm_carry_kind kind;
    double noise;  /* of DM_CARRY_NOISE: its deviation */
    uint64_t seed; /* of noise */
    const struct dm_model_config *config;
    size_t state_size; /* reals of a sequence's states */

    /* As of the last step */
    size_t n_slot;  /* sequences that any step had, at most */
    dm_real *slots; /* [n_slot, state_size]: what the last sequence of each number ended with */
    dm_real *mean, *variance; /* [state_size], of DM_CARRY_FITTED: of the last states, ... */
    size_t n_fitted;          /* ... so many of them; the latest count most */
    size_t n_drawn;           /* sequences that noise was drawn for */

    /* The step at work */
    size_t n_pending, pending_capacity;
    dm_real *pending; /* [n_pending, state_size] */
    size_t first_capacity;
    dm_real *first; /* [n_sequence, state_size], of the batch at work */
};

/* Nothing was carried yet. `config` is borrowed. */
dm_status dm_carry_init(struct dm_carry *carry, const dm_trainer_options *options,
                        const struct dm_model_config *config, dm_error *error);
/* Room for the states of `n` numbers, those that are new being 0. */
dm_status dm_carry_reserve(struct dm_carry *carry, size_t n, dm_error *error);
void dm_carry_free(struct dm_carry *carry);

/* Sets the batch's first_states and last_states; from_zero [n_sequence], or NULL: no sequence. States
 * after the first token is dropped, in layer `cut` or above, are 0, as where a text is read. */
dm_status dm_carry_begin(struct dm_carry *carry, const unsigned char *from_zero, size_t cut,
                         struct dm_pass_batch *batch, dm_error *error);
/* The batch has run: its last states are pending. */
void dm_carry_end(struct dm_carry *carry, const struct dm_pass_batch *batch);
/* The step is done. What is not finite is not carried on. */
void dm_carry_step(struct dm_carry *carry);
void dm_carry_forget(struct dm_carry *carry);

#endif
