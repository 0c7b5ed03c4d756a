#include "edit_similarity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct matcher {
    const int32_t *a, *b;
    size_t n_a, n_b;
    bool *frequent; /* [n_b] too frequent in b to start a run */
    size_t *run;    /* [n_b + 1] length of the common run that ends before j in b, and at a's row */
};

struct block {
    size_t a, b, n;
};

/* What is still to be matched: a[a_from .. a_to) with b[b_from .. b_to). */
struct part {
    size_t a_from, a_to, b_from, b_to;
};

static int compare(const void *left, const void *right) {
    int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

/* Reduces sorted characters to those that occur more than `max` times, once each. */
static size_t keep_frequent(int32_t *sorted, size_t n, size_t max) {
    size_t n_kept = 0, first = 0;
    for (size_t i = 1; i <= n; i++) {
        if (i < n && sorted[i] == sorted[first])
            continue;
        if (i - first > max)
            sorted[n_kept++] = sorted[first];
        first = i;
    }
    return n_kept;
}

static bool find_frequent(struct matcher *matcher) {
    size_t n = matcher->n_b;
    if (n < 200)
        return true;
    int32_t *sorted = malloc(n * sizeof *sorted);
    if (!sorted)
        return false;
    memcpy(sorted, matcher->b, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    size_t n_frequent = keep_frequent(sorted, n, n / 100 + 1);
    for (size_t j = 0; j < n; j++)
        matcher->frequent[j] = bsearch(&matcher->b[j], sorted, n_frequent, sizeof *sorted, compare);
    free(sorted);
    return true;
}

/* The longest run without frequent characters, the first in a and then in b of equal ones. */
static struct block find_longest(struct matcher *matcher, const struct part *part) {
    struct block best = {part->a_from, part->b_from, 0};
    size_t *run = matcher->run;
    memset(run + part->b_from, 0, (part->b_to - part->b_from + 1) * sizeof *run);
    for (size_t i = part->a_from; i < part->a_to; i++) {
        size_t before = 0; /* of the row above, at j */
        for (size_t j = part->b_from; j < part->b_to; j++) {
            bool same = matcher->a[i] == matcher->b[j] && !matcher->frequent[j];
            size_t n = same ? before + 1 : 0;
            before = run[j + 1];
            run[j + 1] = n;
            if (n > best.n)
                best = (struct block){i + 1 - n, j + 1 - n, n};
        }
    }
    return best;
}

/* Frequent characters beside a run belong to it. */
static void extend(const struct matcher *matcher, const struct part *part, struct block *block) {
    const int32_t *a = matcher->a, *b = matcher->b;
    while (block->a > part->a_from && block->b > part->b_from &&
           a[block->a - 1] == b[block->b - 1]) {
        block->a--;
        block->b--;
        block->n++;
    }
    while (block->a + block->n < part->a_to && block->b + block->n < part->b_to &&
           a[block->a + block->n] == b[block->b + block->n])
        block->n++;
}

/* Characters in matching blocks. `parts` has room for n_a + 2: those that wait do not overlap. */
static size_t match(struct matcher *matcher, struct part *parts) {
    size_t n_part = 1, n_match = 0;
    parts[0] = (struct part){0, matcher->n_a, 0, matcher->n_b};
    while (n_part) {
        struct part part = parts[--n_part];
        struct block block = find_longest(matcher, &part);
        extend(matcher, &part, &block);
        n_match += block.n;
        if (!block.n)
            continue;
        if (part.a_from < block.a && part.b_from < block.b)
            parts[n_part++] = (struct part){part.a_from, block.a, part.b_from, block.b};
        if (block.a + block.n < part.a_to && block.b + block.n < part.b_to)
            parts[n_part++] =
                (struct part){block.a + block.n, part.a_to, block.b + block.n, part.b_to};
    }
    return n_match;
}

bool edit_similarity(const struct code_points *a, const struct code_points *b, double *similarity) {
    if (code_points_equal(a, b) || !a->n || !b->n) {
        *similarity = code_points_equal(a, b);
        return true;
    }
    struct matcher matcher = {.a = a->at,
                              .b = b->at,
                              .n_a = a->n,
                              .n_b = b->n,
                              .frequent = calloc(b->n, sizeof *matcher.frequent),
                              .run = calloc(b->n + 1, sizeof *matcher.run)};
    struct part *parts = calloc(a->n + 2, sizeof *parts);
    bool ok = matcher.frequent && matcher.run && parts && find_frequent(&matcher);
    if (ok) {
        double ratio = 2.0 * (double)match(&matcher, parts) / ((double)a->n + (double)b->n);
        *similarity = rint(100 * ratio) / 100; /* of two whole percents the even one, as Python */
    }
    free(matcher.frequent);
    free(matcher.run);
    free(parts);
    return ok;
}
