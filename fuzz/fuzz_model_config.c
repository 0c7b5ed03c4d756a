/* A config.json: what is accepted has sizes in their ranges, and is read back from what is written
 * of it. */
#include <string.h>

#include "checkpoint/config_file.h"

#include "fuzz.h"

static bool in_range(size_t size) {
    return size >= 1 && size < (size_t)1 << 31;
}

static void check_tokens(const struct dm_token_list *tokens) {
    MUST(tokens->n <= DM_MAX_TOKEN_LIST);
    for (size_t i = 0; i < tokens->n; i++)
        MUST(tokens->ids[i] >= 0);
}

static void check_ranges(const struct dm_model_config *config) {
    MUST(in_range(config->n_layer) && in_range(config->d_model) && in_range(config->vocab_size));
    MUST(config->rms_norm_eps >= 0 && config->rms_norm_eps < 1);
    check_tokens(&config->bos);
    check_tokens(&config->eos);
    check_tokens(&config->pad);
    MUST(config->n_sort >= 1 && config->n_sort <= DM_MAX_SORT);
    for (size_t sort = 0; sort < config->n_sort; sort++) {
        const struct dm_layer_config *layer = &config->sorts[sort];
        for (size_t i = 0; i < layer->kind->n_size; i++)
            MUST(layer->kind->sizes[i].is_switch
                     ? layer->size[i] <= 1 || layer->size[i] == DM_UNSAID
                     : in_range(layer->size[i]));
        for (size_t i = 0; i < DM_MAX_REAL; i++)
            MUST(layer->real[i] >= 0 && layer->real[i] < 1);
    }
}

/* A switch that was not said is written as off. */
static bool same_layers(const struct dm_layer_config *a, const struct dm_layer_config *b) {
    for (size_t i = 0; i < DM_MAX_SIZE; i++)
        if ((a->size[i] == DM_UNSAID ? 0 : a->size[i]) != b->size[i])
            return false;
    return a->kind == b->kind && !memcmp(a->real, b->real, sizeof a->real);
}

static bool equal_tokens(const struct dm_token_list *a, const struct dm_token_list *b) {
    return a->n == b->n && !memcmp(a->ids, b->ids, a->n * sizeof *a->ids);
}

static bool equal(const struct dm_model_config *a, const struct dm_model_config *b) {
    bool same = a->n_layer == b->n_layer && a->d_model == b->d_model &&
                a->vocab_size == b->vocab_size && a->rms_norm_eps == b->rms_norm_eps &&
                a->tie_word_embeddings == b->tie_word_embeddings &&
                equal_tokens(&a->bos, &b->bos) && equal_tokens(&a->eos, &b->eos) &&
                equal_tokens(&a->pad, &b->pad) && a->n_sort == b->n_sort;
    for (size_t sort = 0; sort < a->n_sort && same; sort++)
        same = same_layers(&a->sorts[sort], &b->sorts[sort]);
    return same;
}

static void check_round_trip(const struct dm_model_config *config) {
    struct dm_model_config again;
    dm_error error = fuzz_error_new();
    json_t *written = dm_model_config_to_json(config, DM_DTYPE_BF16);
    MUST(written);
    MUST(dm_model_config_from_json(written, "written", &again, &error) == DM_OK);
    MUST(equal(config, &again));
    json_decref(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *object = NULL;
    struct dm_model_config config;
    dm_error error = fuzz_error_new();
    dm_status status = dm_json_parse_python((const char *)data, size, "input", &object, &error);
    if (!status)
        status = dm_model_config_from_json(object, "input", &config, &error);
    fuzz_check_error(status, &error);
    if (!status) {
        check_ranges(&config);
        check_round_trip(&config);
    }
    json_decref(object);
    return 0;
}
