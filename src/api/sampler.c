/* dm_sampler_* and dm_negative_log_likelihood: arguments are checked here. */
#include "session/sampler.h"

#include <math.h>
#include <string.h>

#include "api/options.h"
#include "backends/cpu.h"
#include "base/cpu_features.h"
#include "base/memory.h"

static dm_status check_options(const dm_sampler_options *options, dm_error *error) {
    if (!(options->temperature >= 0) || isinf(options->temperature))
        return dm_fail(error, DM_ERROR_ARGUMENT, "temperature %g: must be >= 0 and finite",
                       options->temperature);
    if (!(options->top_p > 0 && options->top_p <= 1))
        return dm_fail(error, DM_ERROR_ARGUMENT, "top_p %g: must be in (0, 1]", options->top_p);
    if (!(options->min_p >= 0 && options->min_p <= 1))
        return dm_fail(error, DM_ERROR_ARGUMENT, "min_p %g: must be in [0, 1]", options->min_p);
    if (!(options->repetition_penalty > 0) || isinf(options->repetition_penalty))
        return dm_fail(error, DM_ERROR_ARGUMENT, "repetition_penalty %g: must be > 0 and finite",
                       options->repetition_penalty);
    return DM_OK;
}

dm_status dm_sampler_new(size_t vocab_size, const dm_sampler_options *options, dm_sampler **sampler,
                         dm_error *error) {
    dm_sampler_options own = DM_SAMPLER_OPTIONS_INIT;
    if (!sampler)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_sampler_new: no place for the sampler");
    if (vocab_size < 1 || vocab_size > INT32_MAX)
        return dm_fail(error, DM_ERROR_ARGUMENT, "vocab_size %zu: must be in 1 .. %d", vocab_size,
                       INT32_MAX);
    dm_status status = dm_options_take(DM_KIND(dm_sampler_options), &own, options, error);
    if (!status)
        status = check_options(&own, error);
    if (status)
        return status;
    struct dm_sampler *made = dm_memory_array(1, sizeof *made);
    if (!made)
        return dm_fail_memory(error, "a sampler");
    status = dm_sampler_init(made, vocab_size, &own, error);
    if (status)
        dm_memory_free(made);
    else
        *sampler = made;
    return status;
}

void dm_sampler_free(dm_sampler *sampler) {
    if (!sampler)
        return;
    dm_sampler_release(sampler);
    dm_memory_free(sampler);
}

dm_status dm_sampler_accept(dm_sampler *sampler, const int32_t *ids, size_t n_id, dm_error *error) {
    if (!sampler || (!ids && n_id))
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_sampler_accept: no sampler or no ids");
    for (size_t i = 0; i < n_id; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= sampler->vocab_size)
            return dm_fail(error, DM_ERROR_ARGUMENT, "ids[%zu] = %d: must be in 0 .. %zu", i,
                           (int)ids[i], sampler->vocab_size - 1);
    for (size_t i = 0; i < n_id; i++)
        sampler->seen[ids[i]] = true;
    sampler->accepted = sampler->random;
    return DM_OK;
}

void dm_sampler_set_seed(dm_sampler *sampler, uint64_t seed) {
    if (sampler && seed != sampler->options.seed)
        dm_sampler_start(sampler, seed);
}

dm_status dm_sampler_rewind(dm_sampler *sampler, const dm_sampler *mark, dm_error *error) {
    if (!sampler || !mark)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_sampler_rewind: no sampler or no mark");
    if (sampler->vocab_size != mark->vocab_size)
        return dm_fail(error, DM_ERROR_ARGUMENT, "the sampler is for %zu ids, its mark for %zu",
                       sampler->vocab_size, mark->vocab_size);
    memmove(sampler->seen, mark->seen, mark->vocab_size * sizeof *mark->seen);
    sampler->options.seed = mark->options.seed;
    sampler->random = mark->random;
    sampler->accepted = mark->accepted;
    return DM_OK;
}

dm_status dm_sampler_draw(dm_sampler *sampler, const float *logits, size_t n_allowed, int32_t *id,
                          dm_error *error) {
    if (!sampler || !logits || !id)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_sampler_draw: no sampler, no logits or no place for the id");
    if (n_allowed < 1 || n_allowed > sampler->vocab_size)
        return dm_fail(error, DM_ERROR_ARGUMENT, "n_allowed %zu: must be in 1 .. %zu", n_allowed,
                       sampler->vocab_size);
    return dm_sampler_choose(sampler, logits, n_allowed, id, error);
}

double dm_negative_log_likelihood(const float *logits, size_t vocab_size, int32_t id) {
    if (!logits || id < 0 || (size_t)id >= vocab_size)
        return NAN;
    struct dm_ops ops;
    dm_cpu_plain_ops(&ops, dm_cpu_features());
    return ops.cross_entropy(logits, vocab_size, id);
}
