/* A session file for a small model: what is restored works. The checkpoint's hash in the input is
 * replaced by the model's, so that it is never what is wrong. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/checkpoint.h"
#include "decimamba.h"
#include "fuzz.h"
#include "model/language_model.h"

/* The sizes that the corpus was saved with. */
static const char config[] =
    "{\"model_type\": \"mamba\", \"hidden_size\": 4, \"num_hidden_layers\": 3, \"state_size\": 2, "
    "\"conv_kernel\": 2, \"expand\": 1, \"time_step_rank\": 1, \"vocab_size\": 8}";
static const char calibration[] =
    "{\"version\": 1, \"global_channels\": {\"0\": [0, 2], \"2\": [1]}}";
enum { vocab_size = 8, n_hash = 32, spare = 8 };

static dm_model *model;
static char hash[n_hash + 1];

static void release_model(void) {
    dm_model_free(model);
}

static void make_model(void) {
    char config_path[FUZZ_MAX_PATH], calibration_path[FUZZ_MAX_PATH], path[FUZZ_MAX_PATH];
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_error error = fuzz_error_new();
    options.n_thread = 1;
    fuzz_write("config.json", config, sizeof config - 1, config_path);
    fuzz_path("model", path);
    MUST(dm_checkpoint_init(config_path, path, DM_DTYPE_F32, 1, &error) == DM_OK);
    fuzz_write("model/decimamba.json", calibration, sizeof calibration - 1, calibration_path);
    MUST(dm_model_load(path, &options, &model, &error) == DM_OK);
    dm_checkpoint_hash(model->checkpoint, hash);
    atexit(release_model);
}

static void put_hash(uint8_t *bytes, size_t size) {
    static const char key[] = "\"checkpoint\":\"";
    const size_t n_key = sizeof key - 1;
    for (size_t i = 0; i + n_key + n_hash <= size; i++)
        if (memcmp(bytes + i, key, n_key) == 0)
            memcpy(bytes + i + n_key, hash, n_hash);
}

/* Calls may refuse (a state may hold anything), but not crash; and a reset mends all. Whatever the
 * file made of the sampler, it draws. */
static void use(dm_session *session, dm_sampler *sampler) {
    const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 0, 1};
    const size_t n_id = sizeof ids / sizeof *ids, *kept;
    size_t n_kept;
    float logits[vocab_size] = {0};
    int32_t id;
    dm_error error = fuzz_error_new();
    MUST(dm_sampler_draw(sampler, logits, vocab_size, &id, &error) == DM_OK);
    MUST(id >= 0 && id < vocab_size);
    dm_session_next_logits(session, logits, NULL);
    dm_session_step(session, id, NULL, NULL);
    dm_session_next_logits(session, logits, NULL);
    dm_session_logits(session, 1, logits, NULL);
    dm_session_step(session, 1, logits, NULL);
    dm_session_append(session, ids, n_id, NULL);
    dm_session_logits(session, 1, logits, NULL);
    for (size_t layer = 0; layer < 3; layer++)
        if (!dm_session_kept(session, layer, &kept, &n_kept, NULL))
            fuzz_touch(kept, n_kept * sizeof *kept);
    dm_session_step(session, 2, logits, NULL);
    dm_session_step(session, 3, logits, NULL);
    MUST(dm_session_memory(session) <= dm_session_bound(session));
    dm_session_reset(session);
    MUST(dm_session_append(session, ids, n_id, &error) == DM_OK);
    MUST(dm_session_logits(session, 1, logits, &error) == DM_OK);
}

static dm_sampler *new_sampler(void) {
    dm_sampler *sampler;
    dm_error error = fuzz_error_new();
    dm_sampler_options options = DM_SAMPLER_OPTIONS_INIT;
    options.temperature = 1;
    options.repetition_penalty = 2;
    MUST(dm_sampler_new(vocab_size, &options, &sampler, &error) == DM_OK);
    return sampler;
}

/* In memory the bytes are what they are in a file. What is restored, or forked of that, has the same
 * bytes, and may be gone back to. */
static void try_memory(const uint8_t *bytes, size_t size, dm_session *from_file,
                       const dm_sampler *sampler, dm_status expected) {
    dm_session *session = NULL, *fork;
    dm_sampler *own = new_sampler();
    dm_error error = fuzz_error_new();
    dm_status status =
        dm_generation_restore_buffer(model, bytes, size, &session, own, NULL, &error);
    fuzz_check_error(status, &error);
    MUST(status == expected && !session == !!status);
    if (!status) {
        MUST(dm_session_fork(session, &fork, &error) == DM_OK);
        const dm_session *const all[] = {from_file, session, fork};
        const dm_sampler *const samplers[] = {sampler, own, own};
        void *saved[3];
        size_t n_byte[3];
        for (int i = 0; i < 3; i++) {
            MUST(dm_generation_save_buffer(all[i], samplers[i], &saved[i], &n_byte[i], &error) ==
                 DM_OK);
            MUST(n_byte[i] == n_byte[0] && memcmp(saved[i], saved[0], n_byte[0]) == 0);
        }
        for (int i = 0; i < 3; i++)
            dm_free(saved[i]);
        use(session, own);
        MUST(dm_session_rewind(session, fork, &error) == DM_OK);
        MUST(dm_session_n_token(session) == dm_session_n_token(fork));
        use(session, own);
        dm_session_free(fork);
    }
    dm_session_free(session);
    dm_sampler_free(own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!model)
        make_model();
    uint8_t *bytes = malloc(size + 1);
    MUST(bytes);
    if (size)
        memcpy(bytes, data, size);
    put_hash(bytes, size);
    size_t live = dm_memory_live();
    dm_session *session = NULL;
    dm_sampler *sampler = new_sampler();
    dm_error error = fuzz_error_new();
    dm_status status =
        dm_generation_restore(model, fuzz_file(bytes, size), &session, sampler, NULL, &error);
    fuzz_check_error(status, &error);
    MUST(!session == !!status);
    try_memory(bytes, size, session, sampler, status);
    if (!status)
        use(session, sampler);
    dm_session_free(session);
    dm_sampler_free(sampler);
    MUST(dm_memory_live() <= live + spare); /* the model keeps workspaces for the next session */
    free(bytes);
    return 0;
}
