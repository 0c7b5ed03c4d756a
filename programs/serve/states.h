/* States after texts: what completions go on from. They are found by the ids of their texts, and the
 * least recently used leave memory where it is short: those of documents are on disk too.
 * Of the engine's thread alone. */
#ifndef DECIMAMBA_SERVE_STATES_H
#define DECIMAMBA_SERVE_STATES_H

#include <stdbool.h>
#include <xxhash.h>

#include "decimamba.h"

struct state {
    struct state *next;
    size_t n_token;
    XXH128_hash_t hash;        /* of its ids */
    char *method;              /* the key of the method that it was read by */
    dm_session *session;       /* NULL: it is on disk, as that of a document */
    dm_sampler *sampler;       /* that knows its ids; NULL: who finds it knows them */
    size_t n_byte;             /* in memory */
    uint64_t used;             /* when, in order */
    struct document *document; /* NULL: of a prompt */
};

struct states {
    struct state *first;
    uint64_t seed; /* of hashes: nobody outside can make two texts have one */
    uint64_t clock;
    size_t n_byte, max_byte, n;
};

/* A hash that grows with a text. NULL: memory is short. */
XXH3_state_t *ids_hash_new(const struct states *states);
void ids_hash_add(XXH3_state_t *hash, const int32_t *ids, size_t n_id);

void states_free(struct states *states);
/* Keeps a state, which takes session and sampler, and gives it; NULL: memory is short, and they are
 * freed. What is least recently used goes where there are more bytes than max_byte. */
struct state *states_add(struct states *states, const char *method, XXH128_hash_t hash,
                         size_t n_token, dm_session *session, dm_sampler *sampler,
                         struct document *document);
void states_remove(struct states *states, struct state *state);
/* Its session is in memory (again), or has grown. */
void states_touch(struct states *states, struct state *state);
/* The state of the longest beginning of `ids`, or NULL. */
struct state *states_find(const struct states *states, const char *method, const int32_t *ids,
                          size_t n_id);

#endif
