/* Products by other libraries, on one thread, where these were found at build time: what ours are
 * measured against. */
#ifndef DM_BENCHMARKS_PEERS_H
#define DM_BENCHMARKS_PEERS_H

#include <stddef.h>

/* y [n_row, n_out] = x [n_row, n_in] times the weight [n_out, n_in], in float32. */
struct peer_product {
    size_t n_row, n_in, n_out;
    const float *x, *weight;
    float *y;
};

struct peer {
    const char *name;
    void *(*open)(const struct peer_product *product); /* packs the weight; NULL: it cannot */
    void (*run)(void *state);
    void (*close)(void *state);
};

extern const struct peer *const peers[]; /* NULL ends them */

#endif
