/* libdecimamba: read texts far longer than a Mamba language model was trained on.
 *
 * A whole program:
 *
 *     dm_error error;
 *     dm_model *model;
 *     dm_session *session;
 *     dm_context_options context = DM_CONTEXT_OPTIONS_INIT;
 *     size_t layer = 12;
 *     context.method = DM_CONTEXT_DECIMATE, context.layers = &layer, context.n_layer = 1;
 *     if (dm_model_load("mamba-130m", NULL, &model, &error) ||
 *         dm_session_new(model, &context, &session, &error) ||
 *         dm_session_append(session, ids, n_id, &error) ||      // any number of times
 *         dm_session_logits(session, 1, logits, &error))        // float[vocab_size]
 *         puts(error.message);
 *
 * Conventions
 *   Errors     Fallible functions return DM_OK (0) or a status, and then fill `error` (may be NULL)
 *              with the status and one line that names the file, key or argument. Outputs are
 *              untouched on error. The library never prints, exits or aborts.
 *   Ownership  What a function makes, the matching `_free` releases; freeing NULL is fine. Text and
 *              arrays that are said to be "allocated" are released by dm_free.
 *   Arrays     Row-major float32; shapes are written [rows, columns]. Token ids are int32_t.
 *   Options    Option structs begin with `struct_size` and start from their DM_..._INIT.
 *   Threads    dm_model and dm_tokenizer are immutable: any number of threads may share one.
 *              A dm_session, dm_decoder or dm_sampler serves one thread at a time.
 *   Numbers    Results do not depend on the number of threads, bit for bit.
 */
#ifndef DECIMAMBA_H
#define DECIMAMBA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DM_API __attribute__((visibility("default")))
#else
#define DM_API
#endif

#define DM_VERSION_MAJOR 0
#define DM_VERSION_MINOR 1
#define DM_VERSION_PATCH 0

/* "0.1.0" */
DM_API const char *dm_version(void);

/* ---- Errors ---- */

typedef enum dm_status {
    DM_OK = 0,
    DM_ERROR_ARGUMENT,    /* an argument is out of its range */
    DM_ERROR_MEMORY,      /* an allocation failed */
    DM_ERROR_IO,          /* a file could not be read or written */
    DM_ERROR_FORMAT,      /* a file is damaged or not what it claims to be */
    DM_ERROR_UNSUPPORTED, /* a file is sound, but asks for what this library does not do */
    DM_ERROR_MISMATCH     /* two sound things do not belong together (a session and a model, ...) */
} dm_status;

typedef struct dm_error {
    dm_status status;
    char message[512]; /* one line, no newline at its end */
} dm_error;

DM_API void dm_free(void *pointer);

/* ---- Models ---- */

/* Type of a stored weight, or of the operands of the large matrix products. */
typedef enum dm_dtype {
    DM_DTYPE_AUTO = 0, /* bf16 where the checkpoint is bf16 and the processor has it, else f32 */
    DM_DTYPE_F32,
    DM_DTYPE_BF16,
    DM_DTYPE_F16 /* storage only: products of an f16 checkpoint run in f32 */
} dm_dtype;

typedef struct dm_model dm_model;

typedef struct dm_model_options {
    size_t struct_size;
    size_t n_thread; /* 0: as many as the process may run on */
    dm_dtype dtype;  /* of matrix products; everything else is float32 */
    const char *cpu; /* NULL: the best this processor has; else "reference", "avx2" or "avx512" */
} dm_model_options;
#define DM_MODEL_OPTIONS_INIT \
    { sizeof(dm_model_options), 0, DM_DTYPE_AUTO, NULL }

typedef struct dm_model_info {
    size_t struct_size;
    size_t n_layer, d_model, d_inner, d_state, d_conv, dt_rank;
    size_t vocab_size;      /* rows of the head: the padded vocabulary */
    size_t n_parameter;     /* a tied head counts once */
    size_t weight_bytes;    /* as stored in the checkpoint */
    size_t packed_bytes;    /* weights as this model holds them in memory, beside the mapped file */
    size_t workspace_bytes; /* for each thread of the caller that reads at the same time */
    size_t n_thread;
    dm_dtype stored_dtype;  /* of the embedding */
    dm_dtype compute_dtype; /* DM_DTYPE_F32 or DM_DTYPE_BF16 */
    const char *cpu;        /* "reference", "avx2" or "avx512"; static */
    int tied_head;
    int has_defaults; /* the directory holds a decimamba.json */
} dm_model_info;
#define DM_MODEL_INFO_INIT                                                                       \
    {                                                                                            \
        sizeof(dm_model_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, DM_DTYPE_AUTO, DM_DTYPE_AUTO, \
            NULL, 0, 0                                                                           \
    }

/* Loads a checkpoint directory: config.json (state-spaces or transformers dialect), then
 * model.safetensors, its shards, or pytorch_model.bin; and decimamba.json where there is one.
 * Weights are mapped; the matrices of the products are packed once for the processor. */
DM_API dm_status dm_model_load(const char *directory, const dm_model_options *options,
                               dm_model **model, dm_error *error);
DM_API void dm_model_free(dm_model *model);
DM_API dm_status dm_model_get_info(const dm_model *model, dm_model_info *info, dm_error *error);

/* Writes `output`, a directory in transformers' dialect (config.json, model.safetensors, and the
 * tokenizer's files and decimamba.json where the input has them), with the large matrices and the
 * embedding in `dtype` (DM_DTYPE_AUTO: as stored). `output` must not exist, or be empty. */
DM_API dm_status dm_checkpoint_convert(const char *input, const char *output, dm_dtype dtype,
                                       dm_error *error);
/* Writes a checkpoint with random weights of the shape in `config_path` (a config.json in either
 * dialect), drawn as the official Mamba initialisation draws them. The same seed, the same bytes.
 */
DM_API dm_status dm_checkpoint_init(const char *config_path, const char *output, dm_dtype dtype,
                                    uint64_t seed, dm_error *error);

/* ---- Tokenizers (byte-level BPE from tokenizer.json) ---- */

typedef struct dm_tokenizer dm_tokenizer;

/* `path`: a tokenizer.json, or a directory that holds one. */
DM_API dm_status dm_tokenizer_load(const char *path, dm_tokenizer **tokenizer, dm_error *error);
DM_API void dm_tokenizer_free(dm_tokenizer *tokenizer);
/* One more than the highest id. */
DM_API size_t dm_tokenizer_vocab_size(const dm_tokenizer *tokenizer);
/* The id whose content is exactly `token` (a special token, or an entry as stored), or -1. */
DM_API int32_t dm_tokenizer_find(const dm_tokenizer *tokenizer, const char *token);
/* Encodes UTF-8 text of `n_byte` bytes (NUL bytes are text). `*ids` is allocated. Text that is not
 * UTF-8 is DM_ERROR_FORMAT, naming the byte. */
DM_API dm_status dm_tokenizer_encode(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                                     int32_t **ids, size_t *n_id, dm_error *error);
/* Decodes at once; special tokens are left out unless `keep_special`. `*text` is allocated and ends
 * with a NUL that `*n_byte` does not count. Bytes that are not UTF-8 become U+FFFD. */
DM_API dm_status dm_tokenizer_decode(const dm_tokenizer *tokenizer, const int32_t *ids, size_t n_id,
                                     int keep_special, char **text, size_t *n_byte,
                                     dm_error *error);

/* Decodes id by id, giving only whole UTF-8 characters. */
typedef struct dm_decoder dm_decoder;
DM_API dm_status dm_decoder_new(const dm_tokenizer *tokenizer, int keep_special,
                                dm_decoder **decoder, dm_error *error);
DM_API void dm_decoder_free(dm_decoder *decoder);
/* `*text` (owned by the decoder, valid until its next call) receives what became complete. */
DM_API dm_status dm_decoder_push(dm_decoder *decoder, int32_t id, const char **text, size_t *n_byte,
                                 dm_error *error);
/* What is left at the end: U+FFFD for an unfinished character, or nothing. */
DM_API dm_status dm_decoder_finish(dm_decoder *decoder, const char **text, size_t *n_byte,
                                   dm_error *error);

/* ---- Extending the context ---- */

typedef enum dm_context_method {
    DM_CONTEXT_NONE = 0, /* plain Mamba */
    DM_CONTEXT_DECIMATE, /* DeciMamba: keep the tokens with the best score of Delta */
    DM_CONTEXT_KEEP_LAST /* keep the most recent tokens */
} dm_context_method;

typedef enum dm_score {
    DM_SCORE_NORM = 0, /* L2 norm of Delta over the channels (the official code) */
    DM_SCORE_MEAN,     /* mean of Delta over the channels (the paper) */
    DM_SCORE_GLOBAL    /* L2 norm of Delta over the layer's slow channels (from calibration) */
} dm_score;

/* At layer layers[s] (0-based), of the n = L - keep_tail tokens before the tail,
 *     K = min(n, max(floor(min(n, base_length * beta^s)), min_length))
 * are kept: those with the best score, the earlier one where scores are equal. */
typedef struct dm_context_options {
    size_t struct_size;
    dm_context_method method;
    dm_score score;
    const size_t *layers; /* [n_layer] distinct layers; s is the place in this list */
    size_t n_layer;
    size_t base_length; /* L_base */
    double beta;        /* in (0, 1] */
    size_t min_length;
    size_t keep_tail; /* >= 1: so many last tokens are always kept, and have logits */
} dm_context_options;
#define DM_CONTEXT_OPTIONS_INIT \
    { sizeof(dm_context_options), DM_CONTEXT_NONE, DM_SCORE_NORM, NULL, 0, 2000, 0.5, 20, 1 }

/* The settings in the model's decimamba.json; DM_CONTEXT_OPTIONS_INIT's where there is none.
 * `layers` points into the model. */
DM_API dm_status dm_model_default_context(const dm_model *model, dm_context_options *context,
                                          dm_error *error);

/* Finds each layer's global channels, those with the slowest state over texts of the training
 * length: D_c = sum_t Delta_t[c] * min_n |A[c,n]|, averaged over `n_passage` passages of `length`
 * tokens spread over `ids`; the `share` of the channels with the smallest D_c are global.
 * Writes `directory`/decimamba.json: the channels, and `context` as the default settings
 * (NULL: decimate at layer n_layer / 2 by the global score, base_length = length). */
typedef struct dm_calibration_options {
    size_t struct_size;
    size_t length;    /* tokens in a passage: the length that the model was trained on */
    size_t n_passage; /* default 4 */
    double share;     /* default 0.10 */
    const dm_context_options *context;
} dm_calibration_options;
#define DM_CALIBRATION_OPTIONS_INIT \
    { sizeof(dm_calibration_options), 2048, 4, 0.10, NULL }
DM_API dm_status dm_calibrate(const dm_model *model, const int32_t *ids, size_t n_id,
                              const dm_calibration_options *options, const char *directory,
                              dm_error *error);

/* ---- Sessions: one text being read and continued ---- */

typedef struct dm_session dm_session;

/* `context` NULL: the model's defaults (decimamba.json), or plain Mamba without them.
 * The session keeps `model`, which must outlive it. */
DM_API dm_status dm_session_new(const dm_model *model, const dm_context_options *context,
                                dm_session **session, dm_error *error);
DM_API void dm_session_free(dm_session *session);
/* Forgets the text, keeps the settings. */
DM_API void dm_session_reset(dm_session *session);
DM_API size_t dm_session_n_token(const dm_session *session);
/* Bytes that the session holds now. */
DM_API size_t dm_session_memory(const dm_session *session);

/* Reads more of the text: any split into calls gives what one call gives. */
DM_API dm_status dm_session_append(dm_session *session, const int32_t *ids, size_t n_id,
                                   dm_error *error);
/* Closes the text read so far and gives the logits of its last `n_last` tokens,
 * [n_last, vocab_size]: 1 <= n_last <= min(keep_tail, n_token). The text may go on afterwards. */
DM_API dm_status dm_session_logits(dm_session *session, size_t n_last, float *logits,
                                   dm_error *error);
/* Reads one token as generation does (it is not decimated now; the next dm_session_logits decides
 * about it like any other) and gives its logits [vocab_size]; NULL: none wanted. */
DM_API dm_status dm_session_step(dm_session *session, int32_t id, float *logits, dm_error *error);

/* The same for several sessions (of one model, with equal context settings, each named once) as one
 * packed batch: ids[i][0 .. n_id[i]) for session i; logits [n_session, vocab_size] or NULL. */
DM_API dm_status dm_append_many(dm_session *const *sessions, size_t n_session,
                                const int32_t *const *ids, const size_t *n_id, dm_error *error);
DM_API dm_status dm_step_many(dm_session *const *sessions, size_t n_session, const int32_t *ids,
                              float *logits, dm_error *error);

/* The tokens that decimating layer `layer` kept at the last close: positions in that layer's own
 * input, ascending; owned by the session, valid until its next call. */
DM_API dm_status dm_session_kept(const dm_session *session, size_t layer, const size_t **positions,
                                 size_t *n_kept, dm_error *error);

/* What a layer computes of a run of its input tokens, shown to a probe while it reads. Positions
 * count in the layer's own input: above a decimating layer, the tokens that it kept. A decimating
 * layer is shown twice: first every token with `kept` NULL, then, at the close, the kept ones.
 * Every close shows the layers above anew, from position 0; a step shows every layer one token, at
 * its position in the whole text. */
typedef struct dm_probe_view {
    size_t struct_size;
    size_t layer, n_token, first_position, d_inner, d_state;
    const float *delta; /* [n_token, d_inner] */
    const float *A;     /* [d_state, d_inner], negative */
    const float *B;     /* rows of d_state, `stride` apart */
    const float *C;     /* the same */
    size_t stride;
    const size_t *kept; /* [n_token] positions of these tokens before the choice, or NULL */
} dm_probe_view;
typedef void (*dm_probe)(const dm_probe_view *view, void *user);
/* NULL: none. The callback must not call into the session. */
DM_API void dm_session_set_probe(dm_session *session, dm_probe probe, void *user);

/* A session file holds the reading state, the settings and a hash of the checkpoint; restoring it
 * with another model is DM_ERROR_MISMATCH. The file is written whole or not at all. */
DM_API dm_status dm_session_save(const dm_session *session, const char *path, dm_error *error);
DM_API dm_status dm_session_restore(const dm_model *model, const char *path, dm_session **session,
                                    dm_error *error);

/* ---- Choosing the next token ---- */

typedef struct dm_sampler dm_sampler;

typedef struct dm_sampler_options {
    size_t struct_size;
    double temperature;        /* 0: the best token, always */
    size_t top_k;              /* 0: off */
    double top_p;              /* 1: off */
    double min_p;              /* 0: off; else drop what is less likely than min_p * the best */
    double repetition_penalty; /* 1: off; as in CTRL (Keskar et al. 2019): divides positive logits
                                  of tokens seen, multiplies negative ones */
    uint64_t seed;
} dm_sampler_options;
#define DM_SAMPLER_OPTIONS_INIT \
    { sizeof(dm_sampler_options), 0.0, 0, 1.0, 0.0, 1.0, 0 }

DM_API dm_status dm_sampler_new(size_t vocab_size, const dm_sampler_options *options,
                                dm_sampler **sampler, dm_error *error);
DM_API void dm_sampler_free(dm_sampler *sampler);
/* Tells the repetition penalty of tokens in the text. */
DM_API dm_status dm_sampler_accept(dm_sampler *sampler, const int32_t *ids, size_t n_id,
                                   dm_error *error);
/* Draws from logits [vocab_size] (unchanged); ids >= `n_allowed` are never drawn (a padded
 * vocabulary has rows that no tokenizer knows). Logits that are all NaN: DM_ERROR_ARGUMENT. */
DM_API dm_status dm_sampler_draw(dm_sampler *sampler, const float *logits, size_t n_allowed,
                                 int32_t *id, dm_error *error);

/* nll = log(sum_v exp(logits[v])) - logits[id]: the loss of one token, in nats. */
DM_API double dm_negative_log_likelihood(const float *logits, size_t vocab_size, int32_t id);

#ifdef __cplusplus
}
#endif
#endif
