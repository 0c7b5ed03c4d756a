/* What writing and restoring a session file share. */
#ifndef DM_SESSION_SESSION_FILE_H
#define DM_SESSION_SESSION_FILE_H

#include "session/sampler.h"
#include "session/session.h"

#define DM_SESSION_FORMAT "decimamba-session"
enum { dm_session_version = 1, dm_session_name_size = 32, dm_session_setting_size = 96 };

/* One of the states of a sort of layers, for all of these: [n_layer of the sort, the state's shape]. */
struct dm_state_tensor {
    char name[dm_session_name_size];
    struct dm_shape shape;
    size_t place; /* in the state's values */
};
struct dm_state_tensor dm_state_tensor_of(const struct dm_model_config *config, size_t sort,
                                          size_t state);

/* The hash of the checkpoint that a session belongs to. What the files hold now must be what the
 * session was read with. */
dm_status dm_session_hash_checkpoint(const struct dm_model *model, char hash[33], dm_error *error);

/* "setting.delta-scale.3": under which a method's setting i of a layer stands, by its bits. */
void dm_session_setting_key(const struct dm_method_hooks *hooks, size_t i, size_t layer,
                            char key[dm_session_setting_size]);

#endif
