/* A fixture for tests that read texts with one small random model. */
#ifndef DM_TESTS_ONE_MODEL_H
#define DM_TESTS_ONE_MODEL_H

#include "engine.h"

static char parent[TEST_MAX_PATH],
    model_directory[TEST_MAX_PATH]; /* model_directory: the checkpoint, in parent */
static dm_model *model;
static int32_t *ids; /* [n_id] */

static inline void make_model_and_text(const struct shape *shape, uint64_t model_seed,
                                       uint64_t text_seed, size_t n_id) {
    struct dm_random random;
    test_make_directory(parent);
    snprintf(model_directory, sizeof model_directory, "%s",
             make_checkpoint(parent, shape, model_seed));
    model = load_model(model_directory, NULL, 2);
    dm_random_seed(&random, text_seed);
    ids = random_ids(&random, n_id, shape->vocab_size);
}

static inline int remove_model_and_text(void **state) {
    (void)state;
    free(ids);
    dm_model_free(model);
    test_remove_directory(parent);
    return 0;
}

#endif
