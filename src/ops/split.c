#include "ops/split.h"

enum { min_elements = 1 << 14 };

struct split {
    const void *op;
    void (*run)(const void *op, size_t first, size_t n);
    size_t n, piece;
};

static void run_piece(void *context, size_t i) {
    const struct split *split = context;
    size_t first = i * split->piece, left = split->n - first;
    split->run(split->op, first, left < split->piece ? left : split->piece);
}

void dm_split(struct dm_threads *threads, const void *op,
              void (*run)(const void *op, size_t first, size_t n), size_t n, size_t block,
              size_t elements) {
    size_t n_block = min_elements / (block * (elements ? elements : 1)) + 1;
    struct split split = {op, run, n, n_block * block};
    dm_parallel_for(threads, (n + split.piece - 1) / split.piece, run_piece, &split);
}
