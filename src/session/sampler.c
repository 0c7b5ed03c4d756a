#include "session/sampler.h"

#include <math.h>
#include <stdint.h>

#include "base/memory.h"

dm_status dm_sampler_init(struct dm_sampler *sampler, size_t vocab_size,
                          const dm_sampler_options *options, dm_error *error) {
    struct dm_candidate *candidates = dm_memory_array(vocab_size, sizeof *candidates);
    bool *seen = dm_memory_zeroed(vocab_size, sizeof *seen);
    if (!candidates || !seen) {
        dm_memory_free(candidates);
        dm_memory_free(seen);
        return dm_fail_memory(error, "a sampler");
    }
    *sampler = (struct dm_sampler){
        .options = *options, .vocab_size = vocab_size, .candidates = candidates, .seen = seen};
    dm_sampler_start(sampler, options->seed);
    return DM_OK;
}

void dm_sampler_start(struct dm_sampler *sampler, uint64_t seed) {
    sampler->options.seed = seed;
    dm_random_seed(&sampler->random, seed);
    sampler->accepted = sampler->random;
}

void dm_sampler_release(struct dm_sampler *sampler) {
    dm_memory_free(sampler->candidates);
    dm_memory_free(sampler->seen);
}

static double penalize(const struct dm_sampler *sampler, float logit, size_t id) {
    double penalty = sampler->options.repetition_penalty;
    if (!sampler->seen[id])
        return logit;
    return logit < 0 ? logit * penalty : logit / penalty;
}

/* Collects what may be drawn at all; scores become differences from the best. */
static dm_status collect(struct dm_sampler *sampler, const float *logits, size_t n_allowed,
                         dm_error *error) {
    struct dm_candidate *candidates = sampler->candidates;
    size_t n = 0;
    double best = -INFINITY;
    for (size_t id = 0; id < n_allowed; id++) {
        if (isnan(logits[id]) || logits[id] == -INFINITY)
            continue;
        double score = penalize(sampler, logits[id], id);
        candidates[n++] = (struct dm_candidate){.score = score, .id = (int32_t)id};
        best = score > best ? score : best;
    }
    sampler->n_candidate = n;
    if (!n)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "logits: none of the %zu allowed tokens has a finite logit", n_allowed);
    double temperature = sampler->options.temperature;
    for (size_t i = 0; i < n; i++) {
        double score = candidates[i].score;
        /* infinity less infinity: one of the best */
        score = score == best ? 0 : (score - best) / (temperature > 0 ? temperature : 1);
        candidates[i].score = score;
        candidates[i].weight = exp(score);
    }
    return DM_OK;
}

static bool comes_first(const struct dm_candidate *a, const struct dm_candidate *b) {
    return a->score > b->score || (a->score == b->score && a->id < b->id);
}

/* The heap with its root at heap[0] where only heap[i] may be out of order. */
static void sift(struct dm_candidate *heap, size_t n, size_t i) {
    struct dm_candidate moving = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && comes_first(&heap[child + 1], &heap[child]))
            child++;
        if (!comes_first(&heap[child], &moving))
            break;
        heap[i] = heap[child];
    }
    heap[i] = moving;
}

/* Moves the best of heap[0..n) to its end, heap[n - 1]. */
static void pop(struct dm_candidate *heap, size_t n) {
    struct dm_candidate best = heap[0];
    heap[0] = heap[n - 1];
    sift(heap, n - 1, 0);
    heap[n - 1] = best;
}

/* Keeps the best tokens, as many as top-k and then top-p allow. Only those that are kept are
 * sorted: they gather, best first, from the array's end. */
static void keep_top(struct dm_sampler *sampler) {
    struct dm_candidate *heap = sampler->candidates;
    size_t n = sampler->n_candidate, n_top = 0;
    size_t top_k = sampler->options.top_k ? sampler->options.top_k : SIZE_MAX;
    double total = 0, sum = 0;
    for (size_t i = n / 2; i-- > 0;)
        sift(heap, n, i);
    if (top_k < n) {
        /* a token that equals the k-th best stays too */
        while (n_top < n && (n_top < top_k || heap[0].score == heap[n - n_top].score)) {
            pop(heap, n - n_top);
            total += heap[n - ++n_top].weight;
        }
    } else {
        for (size_t i = 0; i < n; i++)
            total += heap[i].weight;
    }
    /* those before it must have less than top_p: the best is always kept */
    size_t limit = top_k < n ? n_top : n, n_kept = 0;
    while (n_kept < limit && (n_kept == 0 || sum < sampler->options.top_p * total)) {
        if (n_kept == n_top)
            pop(heap, n - n_top++);
        sum += heap[n - ++n_kept].weight;
    }
    for (size_t i = 0, j = n - 1; i < j; i++, j--) {
        struct dm_candidate other = heap[i];
        heap[i] = heap[j];
        heap[j] = other;
    }
    sampler->n_candidate = n_kept;
}

static void drop_unlikely(struct dm_sampler *sampler) {
    size_t n = 0;
    for (size_t i = 0; i < sampler->n_candidate; i++)
        if (sampler->candidates[i].weight >= sampler->options.min_p)
            sampler->candidates[n++] = sampler->candidates[i];
    sampler->n_candidate = n; /* the best has weight 1 */
}

dm_status dm_sampler_filter(struct dm_sampler *sampler, const float *logits, size_t n_allowed,
                            dm_error *error) {
    dm_status status = collect(sampler, logits, n_allowed, error);
    if (status)
        return status;
    if (sampler->options.top_k || sampler->options.top_p < 1)
        keep_top(sampler);
    if (sampler->options.min_p > 0)
        drop_unlikely(sampler);
    return DM_OK;
}

static int32_t draw(struct dm_sampler *sampler) {
    const struct dm_candidate *candidates = sampler->candidates;
    double total = 0, sum = 0;
    for (size_t i = 0; i < sampler->n_candidate; i++)
        total += candidates[i].weight;
    double target = dm_random_uniform(&sampler->random) * total;
    int32_t last = candidates[0].id;
    for (size_t i = 0; i < sampler->n_candidate; i++) {
        if (!(candidates[i].weight > 0))
            continue;
        last = candidates[i].id;
        sum += candidates[i].weight;
        if (target < sum)
            break;
    }
    return last;
}

dm_status dm_sampler_choose(struct dm_sampler *sampler, const float *logits, size_t n_allowed,
                            int32_t *id, dm_error *error) {
    if (sampler->options.temperature > 0) {
        dm_status status = dm_sampler_filter(sampler, logits, n_allowed, error);
        if (!status)
            *id = draw(sampler);
        return status;
    }
    dm_status status = collect(sampler, logits, n_allowed, error);
    if (status)
        return status;
    size_t i = 0;
    while (sampler->candidates[i].score < 0)
        i++;
    *id = sampler->candidates[i].id;
    return DM_OK;
}
