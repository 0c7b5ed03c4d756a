/* A small deterministic generator: the same seed gives the same draws everywhere. */
#ifndef DM_BASE_RANDOM_H
#define DM_BASE_RANDOM_H

#include <stdint.h>

struct dm_random {
    uint64_t state[4]; /* xoshiro256++ (Blackman & Vigna 2019), seeded through splitmix64 */
};

void dm_random_seed(struct dm_random *random, uint64_t seed);
uint64_t dm_random_bits(struct dm_random *random);
double dm_random_uniform(struct dm_random *random);                 /* in [0, 1) */
double dm_random_normal(struct dm_random *random);                  /* mean 0, deviation 1 */
uint64_t dm_random_below(struct dm_random *random, uint64_t bound); /* in [0, bound), bound > 0 */

#endif
