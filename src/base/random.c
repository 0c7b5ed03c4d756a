#include "base/random.h"

#include <math.h>

static uint64_t rotate(uint64_t x, int k) {
    return x << k | x >> (64 - k);
}

void dm_random_seed(struct dm_random *random, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        random->state[i] = z ^ z >> 31;
    }
}

uint64_t dm_random_bits(struct dm_random *random) {
    uint64_t *s = random->state, result = rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double dm_random_uniform(struct dm_random *random) {
    return (double)(dm_random_bits(random) >> 11) * 0x1p-53;
}

double dm_random_normal(struct dm_random *random) {
    /* Box-Muller; 1 - u is never 0 */
    double radius = sqrt(-2 * log(1 - dm_random_uniform(random)));
    return radius * cos(6.283185307179586 * dm_random_uniform(random));
}

uint64_t dm_random_below(struct dm_random *random, uint64_t bound) {
    uint64_t limit = -bound % bound, bits; /* 2^64 mod bound: rejected, so that all are as likely */
    do
        bits = dm_random_bits(random);
    while (bits < limit);
    return bits % bound;
}
