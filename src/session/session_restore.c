/* Restoring a session from a file: every value is checked before a session is made of it. */
#include "session/session_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/memory.h"
#include "checkpoint/safetensors.h"

enum { name_size = dm_session_name_size };

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

static dm_status get_bits(const struct reader *reader, const char *key, uint64_t *bits) {
    const char *text = get_text(reader, key);
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return bad(reader, key);
    *bits = strtoull(text, NULL, 16);
    return DM_OK;
}

static dm_status get_real(const struct reader *reader, const char *key, double *value) {
    uint64_t bits;
    dm_status status = get_bits(reader, key, &bits);
    if (!status)
        memcpy(value, &bits, sizeof bits);
    return status;
}

/* The tensors, which lie one after the other to the file's end, against the hash that the writer took;
 * files of earlier versions have none. */
static dm_status check_data(const struct reader *reader) {
    const struct dm_safetensors *file = &reader->file;
    uint64_t expected;
    if (!*get_text(reader, "data_hash") || !file->n_tensor)
        return DM_OK;
    dm_status status = get_bits(reader, "data_hash", &expected);
    if (status)
        return status;
    const unsigned char *first = file->tensors[0].data, *end = file->file.bytes + file->file.n_byte;
    for (size_t i = 1; i < file->n_tensor; i++)
        first = file->tensors[i].data < first ? file->tensors[i].data : first;
    return XXH3_64bits(first, (size_t)(end - first)) == expected
               ? DM_OK
               : bad(reader, "its numbers are damaged");
}

static dm_status check_origin(const struct reader *reader, const struct dm_model *model) {
    size_t found;
    if (strcmp(get_text(reader, "format"), DM_SESSION_FORMAT) != 0)
        return bad(reader, "another kind of safetensors file");
    if (!*get_text(reader, "version"))
        return bad(reader, "no version");
    dm_status status = get_size(reader, "version", &found);
    if (status)
        return status;
    if (found != dm_session_version)
        return dm_fail(reader->error, DM_ERROR_UNSUPPORTED,
                       "%s: version %zu, this library reads %d", reader->path, found,
                       dm_session_version);
    char hash[33];
    status = dm_session_hash_checkpoint(model, hash, reader->error);
    if (status)
        return status;
    if (strcmp(get_text(reader, "checkpoint"), hash) != 0)
        return dm_fail(reader->error, DM_ERROR_MISMATCH,
                       "%s: saved with another checkpoint than the one that is loaded",
                       reader->path);
    return check_data(reader);
}

/* What the options of a file point at. */
struct pointed {
    size_t *layers;
    dm_method_value *values;
    double *numbers;
};

static void free_pointed(struct pointed *pointed) {
    dm_memory_free(pointed->layers);
    dm_memory_free(pointed->values);
    dm_memory_free(pointed->numbers);
}

/* The settings of the method's own. */
static dm_status read_values(const struct reader *reader, size_t n_model_layer,
                             struct pointed *pointed, dm_method_options *options) {
    const struct dm_method_hooks *hooks = dm_method_hooks_of(options->kind);
    size_t n = hooks ? hooks->n_setting : 0;
    pointed->values = dm_memory_zeroed(n, sizeof *pointed->values);
    pointed->numbers = dm_memory_array(n * n_model_layer, sizeof *pointed->numbers);
    if (!pointed->values || !pointed->numbers)
        return dm_fail_memory(reader->error, "a session");
    for (size_t i = 0; i < n; i++) {
        double *numbers = pointed->numbers + i * n_model_layer;
        for (size_t layer = 0; layer < n_model_layer; layer++) {
            char key[dm_session_setting_size];
            dm_session_setting_key(hooks, i, layer, key);
            dm_status status = get_real(reader, key, &numbers[layer]);
            if (status)
                return status;
        }
        pointed->values[i] = (dm_method_value){hooks->settings[i].name, numbers,
                                               hooks->settings[i].per_layer ? n_model_layer : 1};
    }
    options->values = pointed->values;
    options->n_value = n;
    return DM_OK;
}

static dm_status read_layers(const struct reader *reader, size_t n_model_layer, size_t **layers,
                             dm_method_options *options) {
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

static dm_status read_options(const struct reader *reader, size_t n_model_layer,
                              struct pointed *pointed, dm_method_options *options) {
    *options = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    if (!dm_method_from_name(get_text(reader, "context"), &options->kind))
        return bad(reader, "context");
    if (!dm_score_from_name(get_text(reader, "score"), &options->score))
        return bad(reader, "score");
    options->score_name = get_text(reader, "score_name");
    dm_status status = get_size(reader, "base_length", &options->base_length);
    if (!status)
        status = get_real(reader, "beta", &options->beta);
    if (!status)
        status = get_size(reader, "min_length", &options->min_length);
    if (!status)
        status = get_size(reader, "keep_tail", &options->keep_tail);
    if (!status)
        status = read_layers(reader, n_model_layer, &pointed->layers, options);
    return status ? status : read_values(reader, n_model_layer, pointed, options);
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
    const size_t last[] = {SIZE_MAX, config->d_model};
    const struct dm_named_tensor *tensor;
    dm_status status = DM_OK;
    for (size_t sort = 0; sort < config->n_sort; sort++)
        for (size_t i = 0; i < config->sorts[sort].kind->n_state; i++) {
            struct dm_state_tensor state = dm_state_tensor_of(config, sort, i);
            status = find(reader, state.name, DM_ELEMENT_F32, state.shape.n_dim, state.shape.size,
                          &tensor);
            if (status)
                return status;
            memcpy(session->state.values + state.place, tensor->data, tensor->n_byte);
        }
    if ((status = find(reader, "tail", DM_ELEMENT_F32, 2, last, &tensor)))
        return status;
    struct dm_row_ring *tail = &session->tail;
    size_t n = session->n_token < tail->capacity ? session->n_token : tail->capacity;
    if (tensor->shape[0] > tail->capacity || (session->logits_valid && tensor->shape[0] != n))
        return bad(reader, "tail");
    memcpy(tail->rows, tensor->data, tensor->n_byte);
    tail->n = tensor->shape[0];
    tail->next = tail->n == tail->capacity ? 0 : tail->n;
    bool at_tip = session->logits_valid;
    if (*get_text(reader, "tail_at_tip"))
        status = get_flag(reader, "tail_at_tip", &at_tip);
    if (!status && session->logits_valid && n && !at_tip)
        status = bad(reader, "tail_at_tip");
    if (!status && !at_tip) /* rows of a finish before the last steps: earlier versions kept them */
        dm_row_ring_clear(tail);
    return status;
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
    const struct dm_stage *stage = &session->method->stages[i];
    const struct dm_named_tensor *tensor;
    const size_t any[] = {SIZE_MAX};
    char name[name_size];
    snprintf(name, sizeof name, "kept.%zu", stage->layer);
    dm_status status = find(reader, name, DM_ELEMENT_I64, 1, any, &tensor);
    if (status)
        return status;
    struct dm_kept *kept = &session->kept[i];
    if (tensor->shape[0] > dm_session_most_kept(session, stage))
        return bad(reader, name);
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
        status = get_flag(reader, "tip", &session->can_step);
    if (!status)
        status = get_flag(reader, "closed", &session->logits_valid);
    if (!status && session->logits_valid && !session->can_step)
        status = bad(reader, "closed");
    if (!status && !session->method->n_stage && !session->logits_valid)
        status = bad(reader, "closed");
    if (!status)
        status = read_state(reader, session);
    if (!status && session->method->n_stage)
        status = read_pool(reader, session);
    for (size_t i = 0; i < session->method->n_stage && !status; i++)
        status = read_kept(reader, session, i);
    return status;
}

/* An id of an I32 tensor; a negative one is beyond every vocabulary. */
static size_t id_at(const struct dm_named_tensor *tensor, size_t i) {
    int32_t id;
    memcpy(&id, tensor->data + i * sizeof id, sizeof id);
    return id < 0 ? SIZE_MAX : (size_t)id;
}

/* What the file holds of a sampler, into `sampler`: all of it, or nothing. */
static dm_status read_sampler(const struct reader *reader, struct dm_sampler *sampler) {
    const struct dm_named_tensor *tensor;
    const size_t any[] = {SIZE_MAX};
    struct dm_random random;
    uint64_t seed, all = 0;
    dm_status status = find(reader, "sampler.seen", DM_ELEMENT_I32, 1, any, &tensor);
    if (!status)
        status = get_bits(reader, "sampler.seed", &seed);
    for (int i = 0; i < 4 && !status; i++) {
        char key[name_size];
        snprintf(key, sizeof key, "sampler.random.%d", i);
        status = get_bits(reader, key, &random.state[i]);
        all |= status ? 0 : random.state[i];
    }
    if (!status && !all) /* the one state that the generator never leaves */
        status = bad(reader, "sampler.random");
    if (status)
        return status;
    for (size_t i = 0; i < tensor->shape[0]; i++)
        if (id_at(tensor, i) >= sampler->vocab_size)
            return bad(reader, "sampler.seen");
    memset(sampler->seen, 0, sampler->vocab_size * sizeof *sampler->seen);
    for (size_t i = 0; i < tensor->shape[0]; i++)
        sampler->seen[id_at(tensor, i)] = true;
    sampler->options.seed = seed;
    sampler->random = sampler->accepted = random;
    return DM_OK;
}

static dm_status load(const struct reader *reader, const struct dm_model *model,
                      struct dm_sampler *sampler, struct dm_session **result) {
    dm_status status = check_origin(reader, model);
    if (status)
        return status;
    dm_method_options options;
    struct pointed pointed = {0};
    struct dm_session *session = NULL;
    status = read_options(reader, model->network.config.n_layer, &pointed, &options);
    if (!status)
        status = dm_session_make(model, &options, &session, reader->error);
    free_pointed(&pointed);
    if (!status)
        status = fill(reader, session);
    if (!status && sampler)
        status = read_sampler(reader, sampler);
    if (status)
        dm_session_destroy(session);
    else
        *result = session;
    return status;
}

static dm_status load_and_close(struct reader *reader, const struct dm_model *model,
                                struct dm_sampler *sampler, bool *has_sampler,
                                struct dm_session **session) {
    bool found = dm_safetensors_find(&reader->file, "sampler.seen") != NULL;
    dm_status status = load(reader, model, found ? sampler : NULL, session);
    if (!status)
        *has_sampler = found;
    dm_safetensors_close(&reader->file);
    return status;
}

dm_status dm_session_load(const struct dm_model *model, const char *path,
                          struct dm_sampler *sampler, bool *has_sampler,
                          struct dm_session **session, dm_error *error) {
    struct reader reader = {.path = path, .error = error};
    dm_status status = model->no_map ? dm_safetensors_read(&reader.file, path, error)
                                     : dm_safetensors_open(&reader.file, path, error);
    return status ? status : load_and_close(&reader, model, sampler, has_sampler, session);
}

dm_status dm_session_load_buffer(const struct dm_model *model, const void *bytes, size_t n_byte,
                                 struct dm_sampler *sampler, bool *has_sampler,
                                 struct dm_session **session, dm_error *error) {
    struct reader reader = {.path = "a session's buffer", .error = error};
    dm_status status = dm_safetensors_borrow(&reader.file, bytes, n_byte, reader.path, error);
    return status ? status : load_and_close(&reader, model, sampler, has_sampler, session);
}
