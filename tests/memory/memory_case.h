/* One call of decimamba.h under memory that runs short: how to come to it, the call, and what it
 * gave. */
#ifndef DM_TESTS_MEMORY_CASE_H
#define DM_TESTS_MEMORY_CASE_H

#include "engine.h"

enum { case_vocab = 32, case_n_id = 90, case_tail = 3, n_case_session = 2 };

/* What calls fill. It holds a pattern before; a call that fails leaves it so. */
struct outputs {
    dm_model *model;
    dm_tokenizer *tokenizer;
    dm_encoder *encoder;
    dm_decoder *decoder;
    dm_chat_template *chat;
    dm_session *session;
    dm_trainer *trainer;
    dm_sampler *sampler;
    int32_t *ids;
    const int32_t *settled;
    char *text;
    void *bytes;
    dm_operation_time *times;
    const char *part;
    const size_t *positions;
    const float *values, *gradient;
    size_t n, m, counts[4];
    int32_t id;
    float logits[n_case_session * case_tail * case_vocab];
    double log_decay[128];
    dm_method_options method;
};

/* What a case works with; all is released with it. `directory` is empty at first. */
struct scene {
    const char *checkpoint; /* of a small model; cases do not change it */
    char directory[TEST_MAX_PATH];
    dm_model *model;
    dm_tokenizer *tokenizer;
    dm_encoder *encoder;
    dm_decoder *decoder;
    dm_chat_template *chat;
    dm_session *sessions[n_case_session];
    dm_trainer *trainer;
    dm_sampler *sampler;
    unsigned char *bytes; /* [n_byte] of a file */
    size_t n_byte;
    struct outputs out;
};

struct memory_case {
    const char *call; /* the function, as decimamba.h names it */
    const char *what;
    void (*prepare)(struct scene *scene); /* NULL: nothing to do */
    dm_status (*act)(struct scene *scene, dm_error *error);
    /* After success: adds to the digest what was given, and what the objects do afterwards, and
     * releases what was made. */
    void (*use)(struct scene *scene, uint64_t *digest);
    /* A failure may leave the sessions broken: resets them, and does again what `prepare` did.
     * NULL: they may not be. */
    void (*mend)(struct scene *scene);
    bool frugal; /* allocates nothing, so never fails */
    bool zip;    /* opens a zip: libzip 1.7.3 leaks when its own allocations fail while it opens an
                    entry (zip_fopen_index), so what lies below is not counted */
};

/* Ended by an empty one. */
extern const struct memory_case memory_cases_text[], memory_cases_reading[],
    memory_cases_training[];

/* The text of all cases, and the settings of all sessions and trainers. */
extern int32_t case_ids[case_n_id];
dm_method_options case_method(void);

/* FNV-1a. */
static inline void digest_bytes(uint64_t *digest, const void *bytes, size_t n_byte) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < n_byte; i++)
        *digest = (*digest ^ byte[i]) * 0x100000001b3;
}

static inline void digest_size(uint64_t *digest, size_t size) {
    digest_bytes(digest, &size, sizeof size);
}

#endif
