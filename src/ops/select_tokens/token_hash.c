#include "ops/select_tokens/token_hash.h"

#include <stdint.h>

void dm_token_hash(size_t first_position, size_t n_token, dm_real *score) {
    for (size_t t = 0; t < n_token; t++) {
        uint64_t z = ((uint64_t)first_position + t + 1) * 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        score[t] = (dm_real)(z >> 40) * (dm_real)0x1p-24;
    }
}
