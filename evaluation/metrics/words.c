#include "words.h"

#include <stdlib.h>
#include <string.h>

bool words_split(const struct code_points *text, struct words *words) {
    size_t n = 0;
    struct word *items = calloc(text->n / 2 + 1, sizeof *items); /* a word and a space are two */
    for (size_t i = 0; items && i < text->n; i++) {
        if (code_point_is_space(text->at[i]))
            continue;
        if (!i || code_point_is_space(text->at[i - 1]))
            items[n++].at = text->at + i;
        items[n - 1].n++;
    }
    *words = (struct words){items, n};
    return items;
}

/* By length, then by code points: an order, whichever. */
static int compare(const void *left, const void *right) {
    const struct word *a = *(struct word *const *)left, *b = *(struct word *const *)right;
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    return a->n ? memcmp(a->at, b->at, a->n * sizeof *a->at) : 0;
}

size_t words_number(struct words *a, struct words *b) {
    size_t n = a->n + b->n, number = 0;
    struct word **sorted = calloc(n + 1, sizeof *sorted);
    if (!sorted)
        return SIZE_MAX;
    for (size_t i = 0; i < n; i++)
        sorted[i] = i < a->n ? a->items + i : b->items + (i - a->n);
    qsort(sorted, n, sizeof *sorted, compare);
    for (size_t i = 0; i < n; i++) {
        number += i && compare(&sorted[i - 1], &sorted[i]) != 0;
        sorted[i]->number = number;
    }
    free(sorted);
    return n ? number + 1 : 0;
}
