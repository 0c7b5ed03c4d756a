/* What writing and restoring a session file share. */
#ifndef DM_SESSION_SESSION_FILE_H
#define DM_SESSION_SESSION_FILE_H

#include "session/sampler.h"
#include "session/session.h"

#define DM_SESSION_FORMAT "decimamba-session"
enum { dm_session_version = 1, dm_session_name_size = 32 };

/* The hash of the checkpoint that a session belongs to. What the files hold now must be what the
 * session was read with. */
dm_status dm_session_hash_checkpoint(const struct dm_model *model, char hash[33], dm_error *error);

#endif
