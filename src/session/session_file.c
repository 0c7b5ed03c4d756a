/* A session in a file: safetensors with the reading state, and in its metadata the settings, the
 * version of the format and the hash of the checkpoint that it belongs to. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/safetensors.h"
#include "session/session.h"

static const char format_name[] = "decimamba-session";
enum { version = 1, fixed_tensor = 6, name_size = 32 };

/* ---- What a file holds ---- */

struct contents {
    struct dm_named_tensor *list; /* [n] */
    char (*names)[name_size];
    size_t n;
    float *tail; /* the ring's rows, in order */
};

static void free_contents(struct contents *contents) {
    dm_memory_free(contents->list);
    dm_memory_free(contents->names);
    dm_memory_free(contents->tail);
}

/* Elements of a tensor of these sizes are 4 or 8 bytes; the sizes come from memory that exists. */
static void add(struct contents *contents, const char *name, enum dm_element element, size_t n_dim,
                const size_t *shape, const void *data) {
    struct dm_named_tensor *tensor = &contents->list[contents->n];
    snprintf(contents->names[contents->n], name_size, "%s", name);
    *tensor = (struct dm_named_tensor){.name = contents->names[contents->n],
                                       .element = element,
                                       .n_dim = n_dim,
                                       .n_byte = dm_element_size(element),
                                       .data = data};
    for (size_t i = 0; i < n_dim; i++) {
        tensor->shape[i] = shape[i];
        tensor->n_byte *= shape[i];
    }
    contents->n++;
}

/* Lists the session's tensors; they point into it. */
static dm_status describe(const struct dm_session *session, struct contents *contents,
                          dm_error *error) {
    const struct dm_model_config *config = &session->model->network.config;
    const struct dm_token_pool *pool = &session->pool;
    const struct dm_row_ring *tail = &session->tail;
    size_t n_stage = session->context->n_stage, most = fixed_tensor + 2 * n_stage;
    *contents = (struct contents){
        .list = dm_memory_zeroed(most, sizeof *contents->list),
        .names = dm_memory_zeroed(most, sizeof *contents->names),
        .tail = dm_memory_array(tail->n, tail->width * sizeof(float)),
    };
    if (!contents->list || !contents->names || !contents->tail) {
        free_contents(contents);
        return dm_fail_memory(error, "a session file");
    }
    dm_row_ring_range(tail, tail->n, tail->n, contents->tail);
    const size_t conv[] = {config->n_layer, config->d_conv - 1, config->d_inner};
    const size_t ssm[] = {config->n_layer, config->d_state, config->d_inner};
    const size_t last[] = {tail->n, tail->width}, rows[] = {pool->n, pool->row_width};
    add(contents, "conv_state", DM_ELEMENT_F32, 3, conv, session->state.conv);
    add(contents, "ssm_state", DM_ELEMENT_F32, 3, ssm, session->state.ssm);
    add(contents, "tail", DM_ELEMENT_F32, 2, last, contents->tail);
    if (!n_stage)
        return DM_OK;
    add(contents, "pool.position", DM_ELEMENT_I64, 1, rows, pool->position);
    add(contents, "pool.score", DM_ELEMENT_F32, 1, rows, pool->score);
    add(contents, "pool.rows", DM_ELEMENT_F32, 2, rows, pool->rows);
    for (size_t i = 0; i < n_stage; i++) {
        const struct dm_stage *stage = &session->context->stages[i];
        char name[name_size];
        snprintf(name, sizeof name, "kept.%zu", stage->layer);
        add(contents, name, DM_ELEMENT_I64, 1, &session->kept[i].n, session->kept[i].positions);
        if (!stage->channels)
            continue;
        snprintf(name, sizeof name, "channels.%zu", stage->layer);
        add(contents, name, DM_ELEMENT_I32, 1, &stage->n_channel, stage->channels);
    }
    return DM_OK;
}

/* ---- The checkpoint that it belongs to ---- */

/* What the files hold now must be what the session was read with. Looked at before as well: to touch
 * one that was cut ends the process. */
static dm_status hash_checkpoint(const struct dm_model *model, char hash[33], dm_error *error) {
    dm_status status = dm_checkpoint_check(model->checkpoint, error);
    if (status)
        return status;
    dm_checkpoint_hash(model->checkpoint, hash);
    return dm_checkpoint_check(model->checkpoint, error);
}

/* ---- Writing ---- */

struct metadata {
    json_t *object;
    bool fine; /* all that was set is there */
};

static void set_text(struct metadata *metadata, const char *key, const char *text) {
    metadata->fine &= !json_object_set_new(metadata->object, key, json_string(text));
}

static void set_size(struct metadata *metadata, const char *key, size_t value) {
    char text[32];
    snprintf(text, sizeof text, "%zu", value);
    set_text(metadata, key, text);
}

/* A double by its bits: text would depend on the locale. */
static void set_real(struct metadata *metadata, const char *key, double value) {
    uint64_t bits;
    char text[32];
    memcpy(&bits, &value, sizeof bits);
    snprintf(text, sizeof text, "%016" PRIx64, bits);
    set_text(metadata, key, text);
}

/* The layers in the order of their places, as a session was given them. */
static void set_layers(struct metadata *metadata, const struct dm_context *context) {
    set_size(metadata, "n_layer", context->n_stage);
    for (size_t i = 0; i < context->n_stage; i++) {
        char key[name_size];
        snprintf(key, sizeof key, "layer.%zu", context->stages[i].place);
        set_size(metadata, key, context->stages[i].layer);
    }
}

/* NULL: memory is short. */
static json_t *settings(const struct dm_session *session, const char *hash) {
    const struct dm_context *context = session->context;
    struct metadata made = {json_object(), true}, *metadata = &made;
    set_text(metadata, "format", format_name);
    set_size(metadata, "version", version);
    set_text(metadata, "checkpoint", hash);
    set_text(metadata, "context", context->hooks ? context->hooks->name : "none");
    set_text(metadata, "score", dm_score_name(context->score));
    set_layers(metadata, context);
    set_size(metadata, "base_length", context->base_length);
    set_real(metadata, "beta", context->beta);
    set_size(metadata, "min_length", context->min_length);
    set_size(metadata, "keep_tail", context->keep_tail);
    set_size(metadata, "n_token", session->n_token);
    set_size(metadata, "tip", session->tip);
    set_size(metadata, "closed", session->closed);
    set_size(metadata, "pool.full", session->pool.full);
    set_real(metadata, "pool.threshold", session->pool.threshold);
    if (made.fine)
        return made.object;
    json_decref(made.object);
    return NULL;
}

static dm_status write_contents(const struct contents *contents, const char *path,
                                const json_t *metadata, dm_error *error) {
    struct dm_file_writer writer;
    dm_status status =
        dm_safetensors_begin(&writer, path, contents->list, contents->n, metadata, error);
    if (status)
        return status;
    for (size_t i = 0; i < contents->n && !status; i++)
        status =
            dm_file_writer_write(&writer, contents->list[i].data, contents->list[i].n_byte, error);
    if (status) {
        dm_file_writer_abort(&writer);
        return status;
    }
    return dm_file_writer_commit(&writer, error);
}

dm_status dm_session_write(const struct dm_session *session, const char *path, dm_error *error) {
    struct contents contents;
    dm_status status = describe(session, &contents, error);
    if (status)
        return status;
    char hash[33];
    status = hash_checkpoint(session->model, hash, error);
    if (!status) {
        json_t *metadata = settings(session, hash);
        status = metadata ? write_contents(&contents, path, metadata, error)
                          : dm_fail_memory(error, "a session file");
        json_decref(metadata);
    }
    free_contents(&contents);
    return status;
}

/* ---- Reading: every value is checked before a session is made of it ---- */

struct reader {
    struct dm_safetensors file;
    const char *path;
    dm_error *error;
};

static const char *get_text(const struct reader *reader, const char *key) {
    const char *text = dm_safetensors_metadata(&reader->file, key);
    return text ? text : "";
}

static dm_status bad(const struct reader *reader, const char *what) {
    return dm_fail(reader->error, DM_ERROR_FORMAT, "%s: not a sound session file: %s", reader->path,
                   what);
}

static dm_status get_size(const struct reader *reader, const char *key, size_t *value) {
    const char *text = get_text(reader, key);
    char *end;
    uintmax_t number = strtoumax(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || number >= SIZE_MAX)
        return bad(reader, key);
    *value = (size_t)number;
    return DM_OK;
}

static dm_status get_flag(const struct reader *reader, const char *key, bool *value) {
    size_t number;
    dm_status status = get_size(reader, key, &number);
    if (status || number > 1)
        return bad(reader, key);
    *value = number == 1;
    return DM_OK;
}

static dm_status get_real(const struct reader *reader, const char *key, double *value) {
    const char *text = get_text(reader, key);
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return bad(reader, key);
    uint64_t bits = strtoull(text, NULL, 16);
    memcpy(value, &bits, sizeof bits);
    return DM_OK;
}

static dm_status check_origin(const struct reader *reader, const struct dm_model *model) {
    size_t found;
    if (strcmp(get_text(reader, "format"), format_name) != 0)
        return bad(reader, "another kind of safetensors file");
    if (!*get_text(reader, "version"))
        return bad(reader, "no version");
    dm_status status = get_size(reader, "version", &found);
    if (status)
        return status;
    if (found != version)
        return dm_fail(reader->error, DM_ERROR_UNSUPPORTED,
                       "%s: version %zu, this library reads %d", reader->path, found, version);
    char hash[33];
    status = hash_checkpoint(model, hash, reader->error);
    if (status)
        return status;
    if (strcmp(get_text(reader, "checkpoint"), hash) != 0)
        return dm_fail(reader->error, DM_ERROR_MISMATCH,
                       "%s: saved with another checkpoint than the one that is loaded",
                       reader->path);
    return DM_OK;
}

static dm_status read_layers(const struct reader *reader, size_t n_model_layer, size_t **layers,
                             dm_context_options *options) {
    dm_status status = get_size(reader, "n_layer", &options->n_layer);
    if (!status && options->n_layer > n_model_layer)
        status = bad(reader, "n_layer");
    if (status)
        return status;
    *layers = dm_memory_array(options->n_layer, sizeof **layers);
    if (!*layers)
        return dm_fail_memory(reader->error, "a session");
    options->layers = *layers;
    for (size_t i = 0; i < options->n_layer && !status; i++) {
        char key[name_size];
        snprintf(key, sizeof key, "layer.%zu", i);
        status = get_size(reader, key, &(*layers)[i]);
    }
    return status;
}

static dm_status read_options(const struct reader *reader, size_t n_model_layer, size_t **layers,
                              dm_context_options *options) {
    *options = (dm_context_options)DM_CONTEXT_OPTIONS_INIT;
    if (!dm_method_from_name(get_text(reader, "context"), &options->method))
        return bad(reader, "context");
    if (!dm_score_from_name(get_text(reader, "score"), &options->score))
        return bad(reader, "score");
    dm_status status = get_size(reader, "base_length", &options->base_length);
    if (!status)
        status = get_real(reader, "beta", &options->beta);
    if (!status)
        status = get_size(reader, "min_length", &options->min_length);
    if (!status)
        status = get_size(reader, "keep_tail", &options->keep_tail);
    return status ? status : read_layers(reader, n_model_layer, layers, options);
}

/* The tensor `name` of this type, with `n_dim` sizes: each as in `shape`, or any where that says
 * SIZE_MAX. */
static dm_status find(const struct reader *reader, const char *name, enum dm_element element,
                      size_t n_dim, const size_t *shape, const struct dm_named_tensor **result) {
    const struct dm_named_tensor *tensor = dm_safetensors_find(&reader->file, name);
    if (!tensor || tensor->element != element || tensor->n_dim != n_dim)
        return bad(reader, name);
    for (size_t i = 0; i < n_dim; i++)
        if (shape[i] != SIZE_MAX && tensor->shape[i] != shape[i])
            return bad(reader, name);
    *result = tensor;
    return DM_OK;
}

static dm_status read_state(const struct reader *reader, struct dm_session *session) {
    const struct dm_model_config *config = &session->model->network.config;
    const size_t conv[] = {config->n_layer, config->d_conv - 1, config->d_inner};
    const size_t ssm[] = {config->n_layer, config->d_state, config->d_inner};
    const size_t last[] = {SIZE_MAX, config->d_model};
    const struct dm_named_tensor *tensor;
    dm_status status = find(reader, "conv_state", DM_ELEMENT_F32, 3, conv, &tensor);
    if (status)
        return status;
    memcpy(session->state.conv, tensor->data, tensor->n_byte);
    if ((status = find(reader, "ssm_state", DM_ELEMENT_F32, 3, ssm, &tensor)))
        return status;
    memcpy(session->state.ssm, tensor->data, tensor->n_byte);
    if ((status = find(reader, "tail", DM_ELEMENT_F32, 2, last, &tensor)))
        return status;
    struct dm_row_ring *tail = &session->tail;
    size_t n = session->n_token < tail->capacity ? session->n_token : tail->capacity;
    if (tensor->shape[0] > tail->capacity || (session->closed && tensor->shape[0] != n))
        return bad(reader, "tail");
    memcpy(tail->rows, tensor->data, tensor->n_byte);
    tail->n = tensor->shape[0];
    tail->next = tail->n == tail->capacity ? 0 : tail->n;
    return DM_OK;
}

/* Ascending positions below `bound`. */
static dm_status read_positions(const struct reader *reader, const char *name, size_t n,
                                size_t bound, const unsigned char *data, size_t *positions) {
    for (size_t i = 0; i < n; i++) {
        int64_t value;
        memcpy(&value, data + i * sizeof value, sizeof value);
        if (value < 0 || (uint64_t)value >= bound || (i && (size_t)value <= positions[i - 1]))
            return bad(reader, name);
        positions[i] = (size_t)value;
    }
    return DM_OK;
}

static dm_status read_pool(const struct reader *reader, struct dm_session *session) {
    struct dm_token_pool *pool = &session->pool;
    const struct dm_named_tensor *positions, *scores, *rows;
    const size_t any[] = {SIZE_MAX, pool->row_width};
    double threshold;
    dm_status status = find(reader, "pool.position", DM_ELEMENT_I64, 1, any, &positions);
    if (status)
        return status;
    const size_t shape[] = {positions->shape[0], pool->row_width};
    status = find(reader, "pool.score", DM_ELEMENT_F32, 1, shape, &scores);
    if (!status)
        status = find(reader, "pool.rows", DM_ELEMENT_F32, 2, shape, &rows);
    if (!status)
        status = get_real(reader, "pool.threshold", &threshold);
    if (!status)
        status = get_flag(reader, "pool.full", &pool->full);
    if (!status && (shape[0] > pool->limit || shape[0] > session->n_token))
        status = bad(reader, "pool.position");
    if (!status)
        status = dm_token_pool_reserve(pool, shape[0], reader->error);
    if (!status)
        status = read_positions(reader, "pool.position", shape[0], session->n_token,
                                positions->data, pool->position);
    if (status)
        return status;
    if (shape[0]) {
        memcpy(pool->score, scores->data, scores->n_byte);
        memcpy(pool->rows, rows->data, rows->n_byte);
    }
    pool->n = shape[0];
    pool->n_offered = session->n_token;
    pool->threshold = (float)threshold;
    return DM_OK;
}

static dm_status read_kept(const struct reader *reader, struct dm_session *session, size_t i) {
    const struct dm_stage *stage = &session->context->stages[i];
    const struct dm_named_tensor *tensor;
    const size_t any[] = {SIZE_MAX};
    char name[name_size];
    snprintf(name, sizeof name, "kept.%zu", stage->layer);
    dm_status status = find(reader, name, DM_ELEMENT_I64, 1, any, &tensor);
    if (status)
        return status;
    struct dm_kept *kept = &session->kept[i];
    kept->positions = dm_memory_array(tensor->shape[0], sizeof *kept->positions);
    if (!kept->positions)
        return dm_fail_memory(reader->error, "a session");
    kept->n = kept->capacity = tensor->shape[0];
    status = read_positions(reader, name, kept->n, session->n_token, tensor->data, kept->positions);
    if (status || !stage->channels)
        return status;
    snprintf(name, sizeof name, "channels.%zu", stage->layer);
    status = find(reader, name, DM_ELEMENT_I32, 1, any, &tensor);
    if (!status && (tensor->shape[0] != stage->n_channel ||
                    memcmp(tensor->data, stage->channels, tensor->n_byte) != 0))
        return dm_fail(reader->error, DM_ERROR_MISMATCH,
                       "%s: layer %zu had other global channels: the model was calibrated anew",
                       reader->path, stage->layer);
    return status;
}

static dm_status fill(const struct reader *reader, struct dm_session *session) {
    dm_status status = get_size(reader, "n_token", &session->n_token);
    if (!status)
        status = get_flag(reader, "tip", &session->tip);
    if (!status)
        status = get_flag(reader, "closed", &session->closed);
    if (!status && session->closed && !session->tip)
        status = bad(reader, "closed");
    if (!status && !session->context->n_stage && !session->closed)
        status = bad(reader, "closed");
    if (!status)
        status = read_state(reader, session);
    if (!status && session->context->n_stage)
        status = read_pool(reader, session);
    for (size_t i = 0; i < session->context->n_stage && !status; i++)
        status = read_kept(reader, session, i);
    return status;
}

static dm_status load(const struct reader *reader, const struct dm_model *model,
                      struct dm_session **result) {
    dm_status status = check_origin(reader, model);
    if (status)
        return status;
    dm_context_options options;
    size_t *layers = NULL;
    struct dm_session *session = NULL;
    status = read_options(reader, model->network.config.n_layer, &layers, &options);
    if (!status)
        status = dm_session_make(model, &options, &session, reader->error);
    dm_memory_free(layers);
    if (!status)
        status = fill(reader, session);
    if (status)
        dm_session_destroy(session);
    else
        *result = session;
    return status;
}

dm_status dm_session_load(const struct dm_model *model, const char *path,
                          struct dm_session **session, dm_error *error) {
    struct reader reader = {.path = path, .error = error};
    dm_status status = model->no_map ? dm_safetensors_read(&reader.file, path, error)
                                     : dm_safetensors_open(&reader.file, path, error);
    if (status)
        return status;
    status = load(&reader, model, session);
    dm_safetensors_close(&reader.file);
    return status;
}
