/* libdecimamba: read texts far longer than a Mamba language model was trained on.
 *
 * A whole program:
 *
 *     dm_error error;
 *     dm_model *model;
 *     dm_session *session;
 *     dm_method_options method = DM_METHOD_OPTIONS_INIT;
 *     size_t layer = 12;
 *     method.kind = DM_METHOD_DECIMATE, method.layers = &layer, method.n_layer = 1;
 *     if (dm_model_load("mamba-130m", NULL, &model, &error) ||
 *         dm_session_new(model, &method, &session, &error) ||
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
 *   Options    Structs that may grow begin with `struct_size` and start from their DM_..._INIT, those
 *              that are filled too. A shorter one, of an older header, is taken with the defaults
 *              for what it lacks, and filled as far as it goes. A longer one, of a newer header, is
 *              taken if all that this library does not know is 0, else it is DM_ERROR_ARGUMENT; what
 *              it does not know of one to be filled stays as it was.
 *   Threads    dm_model and dm_tokenizer are immutable: any number of threads may share one.
 *              A dm_session, dm_encoder, dm_decoder or dm_sampler serves one thread at a time. A thread that
 *              calls needs a stack of 256 KB.
 *   fork       A child has none of the threads of its parent's models and trainers: it must not use
 *              or free those. It may load its own, where no other thread of the parent was in a call
 *              while it forked. To exec is always fine: no file stays open across it.
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
    DM_ERROR_MISMATCH,    /* two sound things do not belong together (a session and a model, ...) */
    DM_ERROR_NUMBER,      /* a number is not finite (dm_model_options.check, training), or, in
                             training, far out of line */
    DM_CANCELLED          /* the caller's dm_progress ended the call */
} dm_status;

typedef struct dm_error {
    dm_status status;
    char message[512]; /* one line, no newline at its end */
} dm_error;

DM_API void dm_free(void *pointer);

/* What loading and exporting take as harmless, but a user should know of: a tensor that no weight of
 * the model is, or what a file format has no place for. One line, as in dm_error, valid during the
 * call, which must not call into the library. */
typedef void (*dm_warning)(const char *line, void *user);
/* Who is told of the warnings of this thread's calls; NULL, as at first: nobody. */
DM_API void dm_set_warning(dm_warning tell, void *user);

/* ---- Models ---- */

/* Type of a stored weight, or of the operands of the large matrix products. */
typedef enum dm_dtype {
    DM_DTYPE_AUTO = 0, /* bf16 where the checkpoint is, but with cpu "reference"; else f32 */
    DM_DTYPE_F32,
    DM_DTYPE_BF16,
    DM_DTYPE_F16,  /* storage only: products of an f16 checkpoint run in f32 */
    DM_DTYPE_INT8, /* weights in 8 bits with a scale for each output, rounded when a model is loaded;
                      activations too, with a scale for each token. Stored in GGUF only, as Q8_0 */
    DM_DTYPE_Q4,   /* weights in 4 bits with a scale and a minimum for each 32 inputs (GGUF's Q4_K),
                      rounded when a model is loaded; activations in 8 bits with a scale for each 32.
                      Stored in GGUF only */
    DM_DTYPE_BF16X3 /* products only: float32 as the sum of three bf16, which AMX multiplies faster;
                       within 1e-5 of f32. Without AMX: f32 */
} dm_dtype;

typedef struct dm_model dm_model;

typedef struct dm_model_options {
    size_t struct_size;
    size_t n_thread; /* 0: as many processors as the process may run on, or has a CPU quota for */
    dm_dtype dtype;  /* of matrix products; everything else is float32 */
    const char *cpu; /* NULL: the best there is; or one of the names of dm_model_info */
    const char *settings; /* a decimamba.json; "": none; NULL: the directory's, if there is one */
    int profile;          /* keep the time of every operation: dm_model_get_profile */
    int check; /* NaN or infinity is DM_ERROR_NUMBER and named: in a weight, by dm_model_load; in
                  what the model computes, by what reads. A session must be reset then; logits may
                  have been written */
    size_t no_map; /* 1: files are read into memory, not mapped; whatever is done to them later, the
                      model stays what it was */
    size_t
        limit_steps; /* 1: limits of Mamba-2's Delta (dt_limit, time_step_limit) hold in steps too,
                           which are then what reading gives; 0: only while a text is read, as in
                           transformers and mamba_ssm */
} dm_model_options;
#define DM_MODEL_OPTIONS_INIT \
    { sizeof(dm_model_options), 0, DM_DTYPE_AUTO, NULL, NULL, 0, 0, 0, 0 }

typedef struct dm_model_info {
    size_t struct_size;
    size_t n_layer, d_model, d_inner, d_state, d_conv, dt_rank;
    size_t vocab_size;      /* rows of the head: the padded vocabulary */
    size_t n_parameter;     /* a tied head counts once */
    size_t weight_bytes;    /* as stored in the checkpoint */
    size_t packed_bytes;    /* weights as this model holds them in memory, beside the file */
    size_t workspace_bytes; /* for each thread of the caller that reads at the same time */
    size_t n_thread;
    dm_dtype stored_dtype; /* of the embedding; DM_DTYPE_AUTO: in blocks, see stored_type */
    dm_dtype
        compute_dtype; /* DM_DTYPE_F32, _BF16, _INT8, _Q4 or _BF16X3; _AUTO: blocks as stored */
    const char *cpu;   /* "reference", "avx2", "avx512", "amx", "neon"; static */
    int tied_head;
    int has_defaults;        /* there is a decimamba.json: the directory's, or options->settings */
    size_t trained_length;   /* tokens: the training length, where decimamba.json says it; else 0 */
    const char *stored_type; /* of most weights: "f32", "bf16", "f16", "q4_K", ...; static */
    size_t
        n_step; /* of a token's Delta in a layer, the most: channels of Mamba, heads of Mamba-2 */
    size_t n_head, n_group; /* of Mamba-2; else 0 */
    const char
        *model_type; /* as transformers has it: "falcon_mamba", ...; static. NULL: of several */
} dm_model_info;
#define DM_MODEL_INFO_INIT                                                                       \
    {                                                                                            \
        sizeof(dm_model_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, DM_DTYPE_AUTO, DM_DTYPE_AUTO, \
            NULL, 0, 0, 0, NULL, 0, 0, 0, NULL                                                   \
    }

/* Loads a checkpoint directory: config.json (state-spaces or transformers dialect), then
 * model.safetensors or pytorch_model.bin, whole or in shards; and decimamba.json where there is one, or
 * options->settings. The directory of a PEFT adapter (adapter_config.json) is that of the model which
 * it belongs to, with LoRA merged, and with the adapter's own files where it has them.
 * Or a GGUF file (version 2 or 3; of a split one, the first): of the architecture mamba or mamba2, in F32, F16,
 * BF16, Q8_0, Q4_0, Q4_K, Q5_K or Q6_K. Blocks are multiplied as they are, unless options->dtype says
 * otherwise. Its decimamba.json is that whose name is the file's with ".decimamba.json" behind it. What
 * takes a model's directory takes such a file too.
 * Weights are mapped; the matrices of the products are packed once for the processor. What is read
 * of the mapped files later is the embedding, and all of them when a session is saved or restored.
 * To replace or remove them meanwhile is fine. Where one is written to, loading, saving and
 * restoring say so (DM_ERROR_IO), and what is read is unspecified; where one is cut shorter, reading
 * may end the process by SIGBUS, which a library cannot mend: options->no_map is for files that
 * others write to. */
DM_API dm_status dm_model_load(const char *directory, const dm_model_options *options,
                               dm_model **model, dm_error *error);
DM_API void dm_model_free(dm_model *model);
DM_API dm_status dm_model_get_info(const dm_model *model, dm_model_info *info, dm_error *error);

/* Where the time went: what one operation took of all threads together. */
typedef struct dm_operation_time {
    const char *name; /* "scan", "in_proj", ...; static */
    double seconds;
    uint64_t n_call; /* pieces of work, each on one thread, or whole products */
} dm_operation_time;
/* Of all sessions since the model was loaded, in the order of a layer; `*times` is allocated. Where
 * threads wait is in none of them, but for waits inside a whole product (x_proj and the head).
 * DM_ERROR_ARGUMENT where options->profile was 0. */
DM_API dm_status dm_model_get_profile(const dm_model *model, dm_operation_time **times,
                                      size_t *n_time, dm_error *error);

/* Writes `output`, a directory in transformers' dialect (config.json, model.safetensors, and the
 * tokenizer's files, chat templates, generation_config.json and decimamba.json where the input has
 * them), with the large matrices and the
 * embedding in `dtype` (DM_DTYPE_AUTO: as stored, or float32 of blocks). `output` must not exist, or be
 * empty. Of a GGUF file, the tokenizer and the settings are made of its keys. */
DM_API dm_status dm_checkpoint_convert(const char *input, const char *output, dm_dtype dtype,
                                       dm_error *error);
/* Writes `path`, a GGUF file that llama.cpp reads, with the large matrices and the embedding in
 * `dtype` (DM_DTYPE_AUTO: as stored) and, where the directory has a tokenizer.json or a
 * tokenizer.model, the tokenizer, the tokens at which the model stops and its chat template.
 * DM_ERROR_UNSUPPORTED for what llama.cpp has no place for: biases of the projections, a d_inner that
 * is not twice d_model, a way to split text that it has no name for, added tokens that take white
 * space or stand alone (lstrip, rstrip, single_word), more than three tokens to stop at. A warning
 * says so where the tokenizer's NFC is not a part of the file. The model's decimamba.json is copied to
 * path.decimamba.json, where this library looks for it: llama.cpp reads plain Mamba. */
DM_API dm_status dm_checkpoint_export_gguf(const char *directory, const char *path, dm_dtype dtype,
                                           dm_error *error);
/* Writes a checkpoint with random weights of the shape in `config_path` (a config.json in either
 * dialect), drawn as the official Mamba initialisation draws them; with an "initializer_range" in
 * config.json, the embedding and the input projections as transformers draws them. The same seed,
 * the same bytes. */
DM_API dm_status dm_checkpoint_init(const char *config_path, const char *output, dm_dtype dtype,
                                    uint64_t seed, dm_error *error);

/* ---- Tokenizers (BPE, from tokenizer.json or a SentencePiece model) ---- */

typedef struct dm_tokenizer dm_tokenizer;

/* `path`: a tokenizer.json, a tokenizer.model or a GGUF file, or a directory that holds one of the first
 * two: tokenizer.json goes first. A file whose name has ".model" in it is a SentencePiece model. */
DM_API dm_status dm_tokenizer_load(const char *path, dm_tokenizer **tokenizer, dm_error *error);
DM_API void dm_tokenizer_free(dm_tokenizer *tokenizer);
/* One more than the highest id. */
DM_API size_t dm_tokenizer_vocab_size(const dm_tokenizer *tokenizer);
/* The token that ends a text: the "eos_token" that tokenizer_config.json, or special_tokens_map.json,
 * beside tokenizer.json names (as transformers picks it), else <|endoftext|>; -1: the vocabulary has
 * none. What is trained to end, ends with it. */
DM_API int32_t dm_tokenizer_end(const dm_tokenizer *tokenizer);
/* The id whose content is exactly `token` (a special token, or an entry as stored), or -1. */
DM_API int32_t dm_tokenizer_find(const dm_tokenizer *tokenizer, const char *token);
/* The tokens that the tokenizer puts before a text and after it (BOS, EOS), as transformers does with
 * add_special_tokens and llama.cpp with what a model reads. Encoding gives the text's own ids alone: who
 * has a whole text read puts these around it. Owned by the tokenizer; there may be none. */
DM_API void dm_tokenizer_template(const dm_tokenizer *tokenizer, const int32_t **before,
                                  size_t *n_before, const int32_t **after, size_t *n_after);
/* Encodes UTF-8 text of `n_byte` bytes (NUL bytes are text). `*ids` is allocated. Text that is not
 * UTF-8 is DM_ERROR_FORMAT, naming the byte. */
DM_API dm_status dm_tokenizer_encode(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                                     int32_t **ids, size_t *n_id, dm_error *error);
/* Encodes piece by piece: a text of any length, in memory that does not grow with it. */
typedef struct dm_encoder dm_encoder;
DM_API dm_status dm_encoder_new(const dm_tokenizer *tokenizer, dm_encoder **encoder,
                                dm_error *error);
DM_API void dm_encoder_free(dm_encoder *encoder);
/* `*ids` (owned by the encoder, valid until its next call) receives what no later piece can change.
 * Wherever the text is cut, within a character too, all ids together are those that
 * dm_tokenizer_encode gives for the whole. What is held back is as a rule the last word; memory
 * grows with the longest run of text that has to be seen whole: a word (with merges, some 60 bytes
 * for each of its own) or the part of it that merges may join, marks on one letter, white space
 * beside an added token that takes it. A pattern that takes too many steps on a text is
 * DM_ERROR_UNSUPPORTED.
 * A piece is copied while it is encoded: 64 KB are a good size.
 * Text that is not UTF-8 is DM_ERROR_FORMAT, naming the byte of the whole text. After an error the
 * encoder is as it was before the call. */
DM_API dm_status dm_encoder_push(dm_encoder *encoder, const char *text, size_t n_byte,
                                 const int32_t **ids, size_t *n_id, dm_error *error);
/* The ids of what was held back. The encoder is ready for another text then. */
DM_API dm_status dm_encoder_finish(dm_encoder *encoder, const int32_t **ids, size_t *n_id,
                                   dm_error *error);
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
/* What is left at the end: U+FFFD for an unfinished character, text that a later token could have
 * changed, or nothing. */
DM_API dm_status dm_decoder_finish(dm_decoder *decoder, const char **text, size_t *n_byte,
                                   dm_error *error);

/* The tokens at which the model in `directory` stops: "eos_token_id", a number or a list, of
 * generation_config.json, else of config.json, else dm_tokenizer_end (`tokenizer` NULL: none); of a GGUF
 * file, the ends of a text, of a turn and of a message.
 * `*ids` is allocated; there may be none. */
DM_API dm_status dm_checkpoint_stop_tokens(const char *directory, const dm_tokenizer *tokenizer,
                                           int32_t **ids, size_t *n_id, dm_error *error);

/* ---- Chats ---- */

/* How messages become the text that a model was tuned on: its chat template (Jinja, of which this knows
 * the part that chat templates use). Immutable, as a tokenizer. */
typedef struct dm_chat_template dm_chat_template;

typedef struct dm_chat_message {
    const char *role;    /* "system", "user", "assistant" */
    const char *content; /* UTF-8 */
} dm_chat_message;

/* Of the model in `directory`: chat_template.jinja, else "chat_template" of tokenizer_config.json (of
 * several the one named "default"). No template, and one that uses what this does not know, are
 * DM_ERROR_UNSUPPORTED. */
DM_API dm_status dm_chat_template_load(const char *directory, dm_chat_template **chat,
                                       dm_error *error);
DM_API void dm_chat_template_free(dm_chat_template *chat);
/* As transformers' apply_chat_template, without tools: the text of the messages, with what an answer
 * begins with behind it where `add_generation_prompt` is not 0. `*text` is allocated and ends with a
 * NUL that `*n_byte` does not count. It has the special tokens in it, so it is encoded without
 * dm_tokenizer_template. What the template refuses, such as roles that do not alternate, is
 * DM_ERROR_ARGUMENT with its words. */
DM_API dm_status dm_chat_template_render(const dm_chat_template *chat,
                                         const dm_chat_message *messages, size_t n_message,
                                         int add_generation_prompt, char **text, size_t *n_byte,
                                         dm_error *error);

/* ---- Extending the context ---- */

/* The kind of a method: 0 .. dm_method_count() - 1. Methods without a constant here, such as
 * "mamba-extend", are found by name: dm_method_find. */
typedef enum dm_method_kind {
    DM_METHOD_NONE = 0, /* plain Mamba */
    DM_METHOD_DECIMATE, /* DeciMamba: keep the tokens with the best score */
    DM_METHOD_KEEP_LAST /* keep the most recent tokens */
} dm_method_kind;

/* How many methods there are, DM_METHOD_NONE included. */
DM_API size_t dm_method_count(void);
/* "none", "decimate", ...; static. NULL: there is no such method. */
DM_API const char *dm_method_name(dm_method_kind kind);
/* The method of this name; DM_ERROR_ARGUMENT where there is none. */
DM_API dm_status dm_method_find(const char *name, dm_method_kind *kind, dm_error *error);
/* Does it drop tokens at options->layers? */
DM_API int dm_method_drops_tokens(dm_method_kind kind);

/* Methods may have settings of their own beside the members of dm_method_options. A setting is a
 * number, or one for each layer; dm_method_get_setting says what it may be, and
 * dm_method_options.values sets it. */
typedef enum dm_setting_type {
    DM_SETTING_REAL = 0,
    DM_SETTING_SIZE,  /* a whole number */
    DM_SETTING_CHOICE /* an index into `choices` */
} dm_setting_type;
typedef struct dm_method_setting {
    size_t struct_size;
    const char *name;            /* "delta-scale"; its key in files has '_' for '-' */
    const char *argument, *help; /* as --help shows them */
    dm_setting_type type;
    int per_layer;              /* one number for all layers, or one for each; else one */
    double min, max, value;     /* the range, both ends included, and the default */
    const char *const *choices; /* ends with NULL */
} dm_method_setting;
#define DM_METHOD_SETTING_INIT \
    { sizeof(dm_method_setting), NULL, NULL, NULL, DM_SETTING_REAL, 0, 0, 0, 0, NULL }
DM_API size_t dm_method_n_setting(dm_method_kind kind);
/* Setting number i; what it points at is static. */
DM_API dm_status dm_method_get_setting(dm_method_kind kind, size_t i, dm_method_setting *setting,
                                       dm_error *error);

/* A value for one of the method's own settings; those that are not given have their defaults. */
typedef struct dm_method_value {
    const char *name;
    const double *numbers; /* [n]; of a DM_SETTING_CHOICE the index of the choice */
    size_t n;              /* 1: for all layers; or, where per_layer is set, the model's layers */
} dm_method_value;

typedef enum dm_score {
    DM_SCORE_NORM = 0, /* L2 norm of Delta over the channels (the official code) */
    DM_SCORE_MEAN,     /* mean of Delta over the channels (the paper) */
    DM_SCORE_GLOBAL,   /* L2 norm of Delta over the layer's slow channels (from calibration) */
    DM_SCORE_RANDOM,   /* a hash of the token's position in the layer's own input: a baseline */
    DM_SCORE_TOKEN_NORM, /* L2 norm of what enters the layer for the token: at layer 0, its embedding */
    DM_SCORE_CUSTOM      /* dm_method_options.score_function */
} dm_score;

/* What a score of the caller's own sees: a run of tokens of one text, as they enter a layer where
 * tokens are dropped. */
typedef struct dm_score_view {
    size_t struct_size;
    size_t layer, n_token;
    size_t first_position; /* of the first of them, as dm_session_kept counts: in the layer's own
                              input */
    size_t d_model, d_inner;
    const float *residual; /* [n_token, d_model]: what enters the layer, before its norm */
    const float
        *delta; /* [n_token, d_inner], positive: a step for each channel or, in Mamba-2, each
                              head; of a kind of layers without Delta NULL, and d_inner is 0 */
} dm_score_view;
/* Fills score [n_token]: tokens with the largest are kept, the earlier where two are equal; NaN is
 * below everything. How a text is cut into runs depends on the calls that read it, and on the texts
 * beside it. So the function must give a token what its own row and its position say, and nothing
 * else (no other rows, no state that calls change): then any split and any batch keep the same
 * tokens, and training those that reading keeps.
 * It runs on the thread that called the library, which waits for it; sessions that other threads read
 * may call it at the same time. It must not call into that session or trainer. What the view points
 * at is valid during the call; `user` must be for as long as the session or trainer is used. */
typedef void (*dm_score_function)(const dm_score_view *view, float *score, void *user);

/* How to read a text: a method and its settings. A method that drops tokens does so at its layers: at
 * layer layers[s] (0-based), of the n = L - keep_tail tokens before the tail,
 *     K = min(n, max(floor(min(n, base_length * beta^s)), min_length))
 * are kept: those with the best score, the earlier one where scores are equal. */
typedef struct dm_method_options {
    size_t struct_size;
    dm_method_kind kind;
    dm_score score;
    const size_t *layers; /* [n_layer] distinct layers; s is the place in this list, as in the
                             official code: of {2, 1} the lower layer keeps beta of the higher's */
    size_t n_layer;
    size_t base_length; /* L_base */
    double beta;        /* in (0, 1] */
    size_t min_length;
    size_t keep_tail; /* >= 1: the last tokens, this many, are always kept, and have logits */
    const dm_method_value *values; /* [n_value], each once: the method's own settings */
    size_t n_value;
    /* Of DM_SCORE_CUSTOM: the function, what it is given, and its name, which session files keep: 1 to
     * 63 ASCII letters, digits, '-', '_' and '.'. */
    dm_score_function score_function;
    void *score_user;
    const char *score_name;
} dm_method_options;
#define DM_METHOD_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(dm_method_options), DM_METHOD_NONE, DM_SCORE_NORM, NULL, 0, 2000, 0.5, 20, 1, NULL, \
            0, NULL, NULL, NULL                                                                    \
    }

/* The settings in the model's decimamba.json; DM_METHOD_OPTIONS_INIT's where there is none.
 * `method` starts from that too. `layers` and `values` point into the model. */
DM_API dm_status dm_model_default_method(const dm_model *model, dm_method_options *method,
                                         dm_error *error);
/* A layer's global channels (DM_SCORE_GLOBAL) by the model's decimamba.json: ascending, owned by the
 * model; `*n_channel` is 0 where it names none. */
DM_API dm_status dm_model_global_channels(const dm_model *model, size_t layer,
                                          const uint32_t **channels, size_t *n_channel,
                                          dm_error *error);

/* Finds each layer's global channels, those with the slowest state over texts of the training
 * length: D_c = sum_t Delta_t[c] * min_n |A[c,n]|, averaged over `n_passage` passages of `length`
 * tokens spread over `ids`; the `share` of the channels with the smallest D_c are global.
 * Writes `directory`/decimamba.json, or options->path: the channels, and `method` as the default
 * settings (NULL: decimate at layer n_layer / 2 by the global score, base_length = length). A score
 * of the caller's own cannot be written: DM_ERROR_ARGUMENT. */
typedef struct dm_calibration_options {
    size_t struct_size;
    size_t length;    /* tokens in a passage: the length that the model was trained on */
    size_t n_passage; /* default 4 */
    double share;     /* default 0.10 */
    const dm_method_options *method;
    double *log_decay; /* [n_layer, n_step]: filled with D_c; NULL: not wanted */
    const char *path;  /* the file to write; NULL: directory/decimamba.json */
} dm_calibration_options;
#define DM_CALIBRATION_OPTIONS_INIT \
    { sizeof(dm_calibration_options), 2048, 4, 0.10, NULL, NULL, NULL }
DM_API dm_status dm_calibrate(const dm_model *model, const int32_t *ids, size_t n_id,
                              const dm_calibration_options *options, const char *directory,
                              dm_error *error);

/* ---- Sessions: one text being read and continued ---- */

typedef struct dm_session dm_session;

/* `method` NULL: the model's defaults (decimamba.json), or plain Mamba without them.
 * The session keeps `model`, which must outlive it. */
DM_API dm_status dm_session_new(const dm_model *model, const dm_method_options *method,
                                dm_session **session, dm_error *error);
DM_API void dm_session_free(dm_session *session);
/* Forgets the text, keeps the settings. */
DM_API void dm_session_reset(dm_session *session);
DM_API size_t dm_session_n_token(const dm_session *session);
/* Bytes that the session holds now. */
DM_API size_t dm_session_memory(const dm_session *session);
/* The most that dm_session_memory can come to, whatever is read: a long text comes to it. SIZE_MAX:
 * that, or more. */
DM_API size_t dm_session_bound(const dm_session *session);

/* Reads more of the text: any split into calls gives what one call gives. */
DM_API dm_status dm_session_append(dm_session *session, const int32_t *ids, size_t n_id,
                                   dm_error *error);
/* Finishes the text read so far (each decimating layer chooses its tokens, and the layers above read
 * them) and gives the logits of its last `n_last` tokens, [n_last, vocab_size]:
 * 1 <= n_last <= min(keep_tail, n_token). The text may go on afterwards. */
DM_API dm_status dm_session_logits(dm_session *session, size_t n_last, float *logits,
                                   dm_error *error);
/* Reads one token as generation does (it is not decimated now; the next dm_session_logits decides
 * about it like any other) and gives its logits [vocab_size]; NULL: none wanted. */
DM_API dm_status dm_session_step(dm_session *session, int32_t id, float *logits, dm_error *error);
/* The logits [vocab_size] that generation goes on from: what the last step gave, bit for bit, though
 * it was asked for none, or came before the session was saved and restored; after dm_session_append,
 * what dm_session_logits gives of the last token. */
DM_API dm_status dm_session_next_logits(dm_session *session, float *logits, dm_error *error);

/* The same for several sessions of one model, each named once: ids[i][0 .. n_id[i]) for session i;
 * logits [n_session, vocab_size] or NULL. Sessions beside each other with equal method settings are one
 * packed batch, so list them by method; the results are those of a call for each, bit for bit. After an
 * error but DM_CANCELLED, those that had moved are to be reset. */
DM_API dm_status dm_append_many(dm_session *const *sessions, size_t n_session,
                                const int32_t *const *ids, const size_t *n_id, dm_error *error);
DM_API dm_status dm_step_many(dm_session *const *sessions, size_t n_session, const int32_t *ids,
                              float *logits, dm_error *error);

/* The tokens that decimating layer `layer` kept at the last finish: positions in that layer's own
 * input, ascending; owned by the session, valid until its next call. */
DM_API dm_status dm_session_kept(const dm_session *session, size_t layer, const size_t **positions,
                                 size_t *n_kept, dm_error *error);

/* What a layer computes of a run of its input tokens, shown to a probe while it reads. Positions
 * count in the layer's own input: above a decimating layer, the tokens that it kept. A decimating
 * layer is shown twice: first every token with `kept` NULL, then, at the finish, the kept ones.
 * Every finish shows the layers above anew, from position 0; a step shows every layer one token, at
 * its position in the whole text. */
typedef struct dm_probe_view {
    size_t struct_size;
    size_t layer, n_token, first_position;
    size_t d_inner; /* steps of a token's Delta: one for each channel or, in Mamba-2, each head */
    size_t d_state;
    const float *delta; /* [n_token, d_inner] */
    const float *A;     /* [A_rows, d_inner], negative */
    const float *B;     /* rows of n_group * d_state, `stride` apart */
    const float *C;     /* the same */
    size_t stride;
    const size_t *kept; /* [n_token] positions of these tokens before the choice, or NULL */
    size_t A_rows;      /* d_state; or 1, where a step's states decay alike (Mamba-2) */
    size_t n_group; /* steps in so many equal groups have B and C of their own: 1 but in Mamba-2 */
} dm_probe_view;
typedef void (*dm_probe)(const dm_probe_view *view, void *user);
/* NULL: none. The callback must not call into the session. */
DM_API void dm_session_set_probe(dm_session *session, dm_probe probe, void *user);

/* A new session that goes on from where this one stands, by the same calls to the same bits; it has
 * no probe. The two share nothing but the model. It costs a copy: dm_session_memory says how much. */
DM_API dm_status dm_session_fork(const dm_session *session, dm_session **fork, dm_error *error);
/* Goes back to a mark: a fork that was made where the text is to go on from, for a state has no way
 * back by itself. `session` becomes what `mark` is, keeping its probe, even where an error left it
 * half-way; `mark` stays, for as often as it is wanted. It takes no memory, and cannot fail, where
 * `mark` is an earlier fork of `session`. Any session of the same model and equal method settings
 * will do, else DM_ERROR_ARGUMENT; where memory is short, `session` stays as it was. */
DM_API dm_status dm_session_rewind(dm_session *session, const dm_session *mark, dm_error *error);

/* dm_session_append, and of each token its natural log-probability after all before it: logprobs
 * [n_id]. The first token of a text has none: NaN.
 * Where the method drops no tokens, each is what -dm_negative_log_likelihood makes of the logits of
 * dm_session_next_logits before it, bit for bit, whatever the split of the text into calls.
 * Where it drops some, dropped tokens have no logits. The text is then finished every keep_tail
 * tokens of the call (and each time at the cost of the tokens that are kept), and its last tokens
 * predict the next ones: each token is predicted from the last keep_tail tokens at most, and what is
 * kept of those before them. The call's first token is predicted by dm_session_next_logits.
 * Memory does not grow with the text. After DM_CANCELLED, `logprobs` is filled as far as the text
 * was read. After another error it holds nothing of use. */
DM_API dm_status dm_session_append_logprobs(dm_session *session, const int32_t *ids, size_t n_id,
                                            double *logprobs, dm_error *error);

/* Told how far a long call has come, before each piece of its work (some hundred tokens), from 0 on:
 * of tokens, n_done of n_total; in training, of layers there and back. Not 0: the call ends with
 * DM_CANCELLED. It may not call into what the call works with. */
typedef int (*dm_progress)(size_t n_done, size_t n_total, void *user);
/* Who is told of this thread's calls; NULL, as at first: nobody. A call that was cancelled leaves
 *   dm_session_append, _append_logprobs, dm_append_many
 *       sessions that are sound, and have read some of their tokens, from the first on: see
 *       dm_session_n_token. To append the rest gives what the whole call would have given. (To have
 *       none of them read, rewind to a mark.)
 *   dm_session_logits, _next_logits, _step, dm_step_many, where they finish a text
 *       the text as it was, but not finished: no token is said to be kept, and the next of these
 *       calls finishes it, instead of going on from earlier steps.
 *   dm_calibrate
 *       no file.
 *   dm_trainer_accumulate, dm_trainer_evaluate
 *       the weights as they were; what was accumulated is forgotten by the first of them. */
DM_API void dm_set_progress(dm_progress tell, void *user);

/* A function is no part of a session file: one that was read with a score of the caller's own
 * (DM_SCORE_CUSTOM) is restored without, and neither reads nor gives logits until it has it again.
 * DM_ERROR_MISMATCH where the session's score has another name; of a session with no such score,
 * DM_ERROR_ARGUMENT. */
DM_API dm_status dm_session_set_score(dm_session *session, const char *name,
                                      dm_score_function function, void *user, dm_error *error);

/* A session file holds the reading state, the settings (of a score of the caller's own the name:
 * dm_session_set_score) and a hash of the checkpoint; restoring it with another model is
 * DM_ERROR_MISMATCH. The file is written whole or not at all. */
DM_API dm_status dm_session_save(const dm_session *session, const char *path, dm_error *error);
DM_API dm_status dm_session_restore(const dm_model *model, const char *path, dm_session **session,
                                    dm_error *error);

/* The same bytes, in memory: `*bytes` [*n_byte] is allocated. Restoring copies what it needs of
 * them, and checks them as it does a file's. */
DM_API dm_status dm_session_save_buffer(const dm_session *session, void **bytes, size_t *n_byte,
                                        dm_error *error);
DM_API dm_status dm_session_restore_buffer(const dm_model *model, const void *bytes, size_t n_byte,
                                           dm_session **session, dm_error *error);

/* ---- Training ---- */

/* A model being trained: float32 weights, their gradients and AdamW's moments. Serves one thread of
 * the caller at a time. Of a step's calls, dm_trainer_accumulate adds gradients, any number of
 * times, and dm_trainer_step applies them:
 *
 *     while (dm_trainer_step_count(trainer) < n_step)
 *         if (dm_trainer_accumulate(trainer, &batch, NULL, &error) ||
 *             dm_trainer_step(trainer, &stats, &error))
 *             break;
 *     dm_trainer_export(trainer, "my-model", DM_DTYPE_F32, &error);
 *
 * The same calls give the same bits, whatever the number of threads. */
typedef struct dm_trainer dm_trainer;

typedef enum dm_schedule {
    DM_SCHEDULE_CONSTANT = 0, /* all after the warm-up: */
    DM_SCHEDULE_COSINE,       /* half a cosine from the peak down to final_rate at the last step */
    DM_SCHEDULE_LINEAR        /* a straight line down to it */
} dm_schedule;

/* What the states of a training's sequences are before the first token. Whatever it is, no gradient
 * passes to where it came from. (Buitrago Ruiz & Gu 2025, arXiv 2507.02782.) */
typedef enum dm_carry_kind {
    DM_CARRY_NONE = 0, /* 0 */
    DM_CARRY_STATE, /* what the sequence of the same number within the last step ended with. Where
                          that is another text: state passing; where it is what comes before in the
                          same text: truncated back-propagation through time */
    DM_CARRY_NOISE, /* of the recurrent states: Gaussian noise of deviation carry_noise */
    DM_CARRY_FITTED /* Gaussian noise again, with the mean and the variance, element by element,
                          of what sequences of the steps before ended with */
} dm_carry_kind;

typedef struct dm_trainer_options {
    size_t struct_size;
    size_t n_thread; /* as in dm_model_options */
    dm_dtype dtype;  /* of the large products' operands: AUTO and F32 are float32, or BF16. Weights,
                        gradients, scan, norms, residual and loss are float32 always */
    const char *cpu; /* as in dm_model_options */
    const dm_method_options *method; /* decimation in the loop; NULL: none */
    int recompute; /* keep each block's input only, and compute the rest again going back: less
                      memory for a third more work */
    /* AdamW, after a clip of the gradient's global norm */
    double learning_rate; /* the peak */
    double beta1, beta2, epsilon, weight_decay;
    int decay_all; /* weight decay on every parameter (official code), else on matrices only */
    double clip;   /* largest norm; 0: no clip */
    dm_schedule schedule;
    size_t warmup;     /* steps over which the rate rises from 0 in a straight line */
    size_t n_step;     /* where the schedule ends */
    double final_rate; /* the share of learning_rate that it ends at */
    double spike;      /* a gradient norm beyond this many times its running mean fails the step;
                             0: off */
    /* What is trained */
    const char *const *frozen; /* [n_frozen] patterns of parameter names in transformers' spelling,
                                  "*" standing for anything: those that match stay as they are */
    size_t n_frozen;
    size_t lora_rank; /* > 0: everything is frozen but W + lora_alpha / lora_rank * B A for
                          in_proj and out_proj, A [rank, n_in] random, B [n_out, rank] 0 at first */
    double lora_alpha;
    uint64_t seed;        /* of A */
    const char *settings; /* as in dm_model_options, for dm_trainer_new: a checkpoint has its own */
    const char *tokenizer; /* a tokenizer.json, or a directory that holds one: what is written gets
                              the files that lie there. NULL: those of the start's directory */
    dm_carry_kind carry; /* accumulate's sequences start so. Where tokens are dropped, states after
                              the first drop start from 0, as where a text is read */
    double carry_noise;  /* > 0 for DM_CARRY_NOISE */
} dm_trainer_options;
#define DM_TRAINER_OPTIONS_INIT                                                                   \
    {                                                                                             \
        sizeof(dm_trainer_options), 0, DM_DTYPE_AUTO, NULL, NULL, 0, 1e-4, 0.9, 0.999, 1e-8, 0.1, \
            1, 1.0, DM_SCHEDULE_CONSTANT, 0, 0, 0.0, 0.0, NULL, 0, 0, 16.0, 0, NULL, NULL,        \
            DM_CARRY_NONE, 0.0                                                                    \
    }

/* Starts from the checkpoint in `directory` (of random weights: dm_checkpoint_init). The global
 * score takes its channels from the decimamba.json there. */
DM_API dm_status dm_trainer_new(const char *directory, const dm_trainer_options *options,
                                dm_trainer **trainer, dm_error *error);
DM_API void dm_trainer_free(dm_trainer *trainer);
/* As of a model; weight_bytes counts values, gradients and moments, packed_bytes the products'
 * matrices (both ways), workspace_bytes what the largest batch so far took. */
DM_API dm_status dm_trainer_get_info(const dm_trainer *trainer, dm_model_info *info,
                                     dm_error *error);

/* Ragged sequences, packed: number s is ids[start[s]] .. ids[start[s + 1] - 1]. weight[t] is what
 * predicting ids[t] from the tokens before it counts in the loss; a sequence's first token is not
 * predicted. A prediction counts as far as the token before it is still there after decimation:
 * the tail always is. */
typedef struct dm_training_batch {
    size_t struct_size;
    size_t n_sequence;
    const size_t *start;     /* [n_sequence + 1], from 0 */
    const int32_t *ids;      /* [start[n_sequence]] */
    const float *weight;     /* [start[n_sequence]], >= 0; NULL: 1 */
    const size_t *keep_tail; /* [n_sequence], >= 1; NULL: the method's. Official: labels + 1 */
    size_t by_sequence; /* 1: a sequence counts 1 whatever its labels are, as in the official code:
                           their weights are divided by the sum of those that count. 0: labels
                           count by weight alone, so a longer answer counts more */
    const unsigned char *from_zero; /* [n_sequence] not 0: its states start from 0, whatever is
                                       carried; NULL: of none */
} dm_training_batch;
#define DM_TRAINING_BATCH_INIT \
    { sizeof(dm_training_batch), 0, NULL, NULL, NULL, NULL, 0, NULL }

typedef struct dm_training_loss {
    size_t struct_size;
    double sum;          /* of weight times negative log-likelihood, in nats */
    double weight;       /* of the predictions that counted: sum / weight is the mean loss; with
                            by_sequence, how many sequences have one (but for rounding) */
    size_t n_prediction; /* with a weight above 0 */
} dm_training_loss;
#define DM_TRAINING_LOSS_INIT \
    { sizeof(dm_training_loss), 0, 0, 0 }

/* Adds the gradient of `sum` over the batch. A loss that is not finite is DM_ERROR_NUMBER. After
 * any failure but that of an argument, what was accumulated is forgotten. `loss` may be NULL. */
DM_API dm_status dm_trainer_accumulate(dm_trainer *trainer, const dm_training_batch *batch,
                                       dm_training_loss *loss, dm_error *error);
/* The loss alone; every sequence starts from zero. */
DM_API dm_status dm_trainer_evaluate(dm_trainer *trainer, const dm_training_batch *batch,
                                     dm_training_loss *loss, dm_error *error);
/* What the last accumulate's loss, the sum, would gain by a change of each token's embedding as the
 * first layer reads it: `*gradient` [n_token, d_model], by the tokens of the batch (a tied head is
 * another matter). It costs nothing beyond the pass back. A token that a layer drops still counts
 * by what the kept ones took of it up to there. Owned by the trainer, valid until the next
 * accumulate or evaluate. DM_ERROR_ARGUMENT where the last batch was not taken back so far: it was
 * evaluated, or it failed, or the embedding and the first layer are frozen. */
DM_API dm_status dm_trainer_input_gradient(const dm_trainer *trainer, const float **gradient,
                                           size_t *n_token, size_t *d_model, dm_error *error);
/* Tokens that entered each layer in the last accumulate or evaluate: n_token [n_layer]. */
DM_API dm_status dm_trainer_kept(const dm_trainer *trainer, size_t *n_token, size_t n_layer,
                                 dm_error *error);

typedef struct dm_step_stats {
    size_t struct_size;
    size_t step;          /* counts from 1 */
    double loss;          /* mean over what was accumulated, by weight */
    double gradient_norm; /* of that mean, before the clip */
    double learning_rate;
} dm_step_stats;
#define DM_STEP_STATS_INIT \
    { sizeof(dm_step_stats), 0, 0, 0, 0 }

/* One step of AdamW with the gradient of the mean loss (what was accumulated, divided by its
 * weight), which is then forgotten; what its sequences ended with is carried on. A norm that is not
 * finite, or a spike, is DM_ERROR_NUMBER: weights and carried states stay as they were, the gradient
 * is forgotten, and the step does not count. `stats` may be NULL. */
DM_API dm_status dm_trainer_step(dm_trainer *trainer, dm_step_stats *stats, dm_error *error);
/* Forgets what was accumulated. */
DM_API void dm_trainer_forget(dm_trainer *trainer);
DM_API size_t dm_trainer_step_count(const dm_trainer *trainer);
/* The method may change between steps (one that grows, or shrinks). NULL: plain Mamba. The last one is
 * what the decimamba.json of a saved training or an exported model says, but for a score of the
 * caller's own, which no file can hold: then that file is what it was before, and a warning says so. */
DM_API dm_status dm_trainer_set_method(dm_trainer *trainer, const dm_method_options *method,
                                       dm_error *error);

/* A parameter's values and accumulated gradient (of the sum, not of the mean), in the checkpoint's
 * layout; `name` in transformers' spelling, or x.lora_A and x.lora_B for x.weight. `*gradient` is
 * NULL where the parameter is frozen. With LoRA a weight holds the gradient, of which a step makes
 * those of A and B. Owned by the trainer. */
DM_API dm_status dm_trainer_parameter(const dm_trainer *trainer, const char *name,
                                      const float **values, const float **gradient,
                                      size_t *n_element, dm_error *error);
/* Parameters, and those of them that are trained. */
DM_API size_t dm_trainer_n_parameter(const dm_trainer *trainer, int trained_only);

/* Everything a training needs to go on, bit for bit: weights, moments, counts, carried states.
 * `directory` must not exist; it is written under another name, synced, and renamed. It is itself a
 * checkpoint that dm_model_load reads. `note` (UTF-8 of the caller, NULL: none) is kept with it. */
DM_API dm_status dm_trainer_save(const dm_trainer *trainer, const char *directory, const char *note,
                                 dm_error *error);
/* Goes on from such a directory; `options` as at the start, what differs in kind (lora_rank,
 * frozen, carry) is DM_ERROR_MISMATCH. `*note`, where not NULL, is allocated, or NULL where none
 * was kept. */
DM_API dm_status dm_trainer_resume(const char *directory, const dm_trainer_options *options,
                                   dm_trainer **trainer, char **note, dm_error *error);
/* Writes the model alone, LoRA merged, as dm_checkpoint_convert does. Here and in a saved training,
 * the tokenizer's files and generation_config.json are what they were at the start. */
DM_API dm_status dm_trainer_export(const dm_trainer *trainer, const char *directory, dm_dtype dtype,
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

/* Draws go on with the random numbers of `seed`: from the first, or, where the sampler has that seed,
 * from where they stand. */
DM_API void dm_sampler_set_seed(dm_sampler *sampler, uint64_t seed);

/* `sampler` goes on as `mark`, of the same vocabulary, would: with the ids that that was told of, its
 * seed and where its random numbers stand. Its other options stay. A fork of a session and a sampler
 * that went back to its mark are a fork of a generation. */
DM_API dm_status dm_sampler_rewind(dm_sampler *sampler, const dm_sampler *mark, dm_error *error);

/* dm_session_save, and what the sampler's next draws depend on, its options aside: the ids that it
 * was told of, and its random numbers as they stood at the last dm_sampler_accept (a token that was
 * drawn and not accepted is no part of the text). */
DM_API dm_status dm_generation_save(const dm_session *session, const dm_sampler *sampler,
                                    const char *path, dm_error *error);
/* dm_session_restore, and `sampler`, of the same vocabulary, takes over what was saved of another
 * (the seed too), in place of what it had. Where nothing was (by dm_session_save, or an earlier
 * version), it stays as it is and `*has_sampler` (may be NULL) becomes 0, else 1. */
DM_API dm_status dm_generation_restore(const dm_model *model, const char *path,
                                       dm_session **session, dm_sampler *sampler, int *has_sampler,
                                       dm_error *error);

/* The same bytes, in memory: as dm_session_save_buffer and dm_session_restore_buffer. */
DM_API dm_status dm_generation_save_buffer(const dm_session *session, const dm_sampler *sampler,
                                           void **bytes, size_t *n_byte, dm_error *error);
DM_API dm_status dm_generation_restore_buffer(const dm_model *model, const void *bytes,
                                              size_t n_byte, dm_session **session,
                                              dm_sampler *sampler, int *has_sampler,
                                              dm_error *error);

/* nll = log(sum_v exp(logits[v])) - logits[id]: the loss of one token, in nats. */
DM_API double dm_negative_log_likelihood(const float *logits, size_t vocab_size, int32_t id);

#ifdef __cplusplus
}
#endif
#endif
