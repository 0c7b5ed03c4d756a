#include "states.h"

#include <stdlib.h>
#include <string.h>

/* ---- Hashes ---- */

XXH3_state_t *ids_hash_new(const struct states *states) {
    XXH3_state_t *hash = XXH3_createState();
    if (hash)
        XXH3_128bits_reset_withSeed(hash, states->seed);
    return hash;
}

void ids_hash_add(XXH3_state_t *hash, const int32_t *ids, size_t n_id) {
    XXH3_128bits_update(hash, ids, n_id * sizeof *ids);
}

/* ---- Keeping ---- */

static void drop_session(struct states *states, struct state *state) {
    dm_session_free(state->session);
    dm_sampler_free(state->sampler);
    state->session = NULL;
    state->sampler = NULL;
    states->n_byte -= state->n_byte;
    state->n_byte = 0;
}

void states_remove(struct states *states, struct state *state) {
    struct state **link = &states->first;
    while (*link != state)
        link = &(*link)->next;
    *link = state->next;
    drop_session(states, state);
    states->n--;
    free(state->method);
    free(state);
}

void states_free(struct states *states) {
    while (states->first)
        states_remove(states, states->first);
}

static struct state *least_recent(const struct states *states) {
    struct state *found = NULL;
    for (struct state *state = states->first; state; state = state->next)
        if (state->session && (!found || state->used < found->used))
            found = state;
    return found;
}

/* `kept` stays, whatever it takes. */
static void make_room(struct states *states, const struct state *kept) {
    struct state *state;
    while (states->n_byte > states->max_byte && (state = least_recent(states)) && state != kept)
        if (state->document)
            drop_session(states, state);
        else
            states_remove(states, state);
}

void states_touch(struct states *states, struct state *state) {
    state->used = ++states->clock;
    states->n_byte -= state->n_byte;
    state->n_byte = dm_session_memory(state->session);
    states->n_byte += state->n_byte;
    make_room(states, state);
}

struct state *states_add(struct states *states, const char *method, XXH128_hash_t hash,
                         size_t n_token, dm_session *session, dm_sampler *sampler,
                         struct document *document) {
    struct state *state = calloc(1, sizeof *state);
    char *own = strdup(method);
    if (!state || !own) {
        dm_session_free(session);
        dm_sampler_free(sampler);
        free(state);
        free(own);
        return NULL;
    }
    *state = (struct state){.next = states->first,
                            .n_token = n_token,
                            .hash = hash,
                            .method = own,
                            .session = session,
                            .sampler = sampler,
                            .document = document};
    states->first = state;
    states->n++;
    if (session)
        states_touch(states, state);
    return state;
}

/* ---- Finding ---- */

static int shorter_first(const void *a, const void *b) {
    const struct state *first = *(struct state *const *)a, *second = *(struct state *const *)b;
    return first->n_token < second->n_token ? -1 : first->n_token > second->n_token;
}

/* Those that may be a beginning of n_id tokens, the shortest first. */
static size_t list_candidates(const struct states *states, const char *method, size_t n_id,
                              struct state **found) {
    size_t n = 0;
    for (struct state *state = states->first; state; state = state->next)
        if (state->n_token <= n_id && !strcmp(state->method, method))
            found[n++] = state;
    qsort(found, n, sizeof *found, shorter_first);
    return n;
}

struct state *states_find(const struct states *states, const char *method, const int32_t *ids,
                          size_t n_id) {
    struct state **candidates = calloc(states->n + 1, sizeof *candidates), *found = NULL;
    XXH3_state_t *running = ids_hash_new(states);
    size_t n = candidates && running ? list_candidates(states, method, n_id, candidates) : 0;
    for (size_t i = 0, n_hashed = 0; i < n; i++) {
        ids_hash_add(running, ids + n_hashed, candidates[i]->n_token - n_hashed);
        n_hashed = candidates[i]->n_token;
        if (XXH128_isEqual(XXH3_128bits_digest(running), candidates[i]->hash))
            found = candidates[i];
    }
    XXH3_freeState(running);
    free(candidates);
    return found;
}
