#include "test_support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/blocks.h"

static const struct dm_block_kind *const kinds[] = {
    &dm_blocks_q4_0, &dm_blocks_q8_0, &dm_blocks_q4_k, &dm_blocks_q5_k, &dm_blocks_q6_k};
enum { n_kind = sizeof kinds / sizeof *kinds };

static size_t take_u32(const unsigned char **at) {
    size_t value =
        (size_t)(*at)[0] | (size_t)(*at)[1] << 8 | (size_t)(*at)[2] << 16 | (size_t)(*at)[3] << 24;
    *at += 4;
    return value;
}

/* Bit for bit what Python's `gguf` makes of blocks of random bytes, whole and in pieces
 * (scripts/make_gguf_reading_cases.py). */
static void are_what_gguf_makes_of_them(void **state) {
    enum { most = 4096 };
    float all[most], piece[most];
    size_t n_byte, n_seen = 0;
    unsigned char *bytes = test_read_file(test_data("gguf/blocks.bin"), &n_byte);
    for (const unsigned char *at = bytes; at < bytes + n_byte; n_seen++) {
        size_t number = take_u32(&at), n_block_byte = take_u32(&at), n = take_u32(&at);
        assert_true(n_seen < n_kind && kinds[n_seen]->number == number && n <= most);
        const struct dm_block_kind *kind = kinds[n_seen];
        assert_int_equal(dm_blocks_bytes(kind, n), n_block_byte);
        const unsigned char *blocks = at, *weights = at + n_block_byte;
        dm_blocks_to_floats(kind, blocks, 0, n, all);
        for (size_t i = 0; i < n; i++) {
            float expected;
            memcpy(&expected, weights + i * sizeof expected, sizeof expected);
            assert_true(isfinite(expected));
            if (all[i] != expected)
                fail_msg("%s: weight %zu is %.9g, not %.9g", kind->name, i, all[i], expected);
        }
        for (size_t first = 0, length = 1; first + length <= n; first += 7, length = first % 300) {
            dm_blocks_to_floats(kind, blocks, first, length, piece);
            assert_memory_equal(piece, all + first, length * sizeof *piece);
        }
        at = weights + n * sizeof(float);
    }
    assert_int_equal(n_seen, n_kind);
    free(bytes);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(are_what_gguf_makes_of_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
