#include "draw.h"

/* A Feistel network over the numbers of 2 * `half` bits, hence a permutation of them. */
static uint64_t permute(uint64_t key, uint64_t number, unsigned half) {
    uint64_t mask = ((uint64_t)1 << half) - 1, left = number >> half, right = number & mask;
    for (uint64_t round = 0; round < 4; round++) {
        uint64_t state = key ^ right;
        uint64_t mixed = left ^ (draw_bits(&state, round) & mask);
        left = right;
        right = mixed;
    }
    return left << half | right;
}

uint64_t draw_shuffled(uint64_t key, uint64_t index, uint64_t count) {
    unsigned half = 1;
    while (half < 32 && (count - 1) >> 2 * half)
        half++;
    do /* those outside are passed over: on average fewer than three of four */
        index = permute(key, index, half);
    while (index >= count);
    return index;
}
