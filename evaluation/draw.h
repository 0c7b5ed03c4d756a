/* Random draws that are functions of what they are drawn for: there is no generator to advance, so
 * any of them can be drawn at any time. */
#ifndef DECIMAMBA_EVALUATION_DRAW_H
#define DECIMAMBA_EVALUATION_DRAW_H

#include <stdint.h>

/* Mixes `value` into `state`, and gives 64 random bits: splitmix64 (Steele, Lea & Flood 2014). */
static inline uint64_t draw_bits(uint64_t *state, uint64_t value) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u ^ value;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return *state = z ^ z >> 31;
}

/* The position of `index` after 0 .. count - 1 are shuffled: a permutation for each `key`.
 * index < count. */
uint64_t draw_shuffled(uint64_t key, uint64_t index, uint64_t count);

#endif
