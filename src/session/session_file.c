/* A session in a file: safetensors with the reading state, and in its metadata the settings, the
 * version of the format and the hash of the checkpoint that it belongs to. Parts that came to
 * version 1 later may be missing: "tail_at_tip", "data_hash", and all that begins with "sampler.". */
#define XXH_STATIC_LINKING_ONLY /* the state by value: no allocation that could fail */
#include <xxhash.h>

#include "session/session_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/safetensors.h"

enum { fixed_tensor = 5, name_size = dm_session_name_size };

/* ---- What a file holds ---- */

struct contents {
    struct dm_named_tensor *list; /* [n] */
    char (*names)[name_size];
    size_t n;
    float *tail;   /* the ring's rows, in order */
    int32_t *seen; /* the ids that the sampler knows, ascending */
};

static void free_contents(struct contents *contents) {
    dm_memory_free(contents->list);
    dm_memory_free(contents->names);
    dm_memory_free(contents->tail);
    dm_memory_free(contents->seen);
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

/* The ids that the repetition penalty knows. */
static dm_status add_seen(struct contents *contents, const struct dm_sampler *sampler,
                          dm_error *error) {
    size_t n = 0;
    contents->seen = dm_memory_array(sampler->vocab_size, sizeof *contents->seen);
    if (!contents->seen)
        return dm_fail_memory(error, "a session file");
    for (size_t id = 0; id < sampler->vocab_size; id++)
        if (sampler->seen[id])
            contents->seen[n++] = (int32_t)id;
    add(contents, "sampler.seen", DM_ELEMENT_I32, 1, &n, contents->seen);
    return DM_OK;
}

struct dm_state_tensor dm_state_tensor_of(const struct dm_model_config *config, size_t sort,
                                          size_t state) {
    const struct dm_layer_config *layer = &config->sorts[sort];
    struct dm_shape own = layer->kind->state_shape(layer, state);
    struct dm_state_tensor tensor = {.shape = {.n_dim = 1 + own.n_dim},
                                     .place = dm_state_sort_offset(config, sort, state)};
    tensor.shape.size[0] = dm_sort_count(config, sort);
    for (size_t i = 0; i < own.n_dim; i++)
        tensor.shape.size[1 + i] = own.size[i];
    if (config->n_sort > 1)
        snprintf(tensor.name, name_size, "%s.%s", layer->kind->name,
                 layer->kind->states[state].name);
    else
        snprintf(tensor.name, name_size, "%s", layer->kind->states[state].name);
    return tensor;
}

/* Lists the session's tensors; they point into it. */
static dm_status describe(const struct dm_session *session, struct contents *contents,
                          dm_error *error) {
    const struct dm_model_config *config = &session->model->network.config;
    const struct dm_token_pool *pool = &session->pool;
    const struct dm_row_ring *tail = &session->tail;
    size_t n_stage = session->method->n_stage;
    size_t most = fixed_tensor + config->n_sort * DM_MAX_STATE + 2 * n_stage;
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
    const size_t last[] = {tail->n, tail->width}, rows[] = {pool->n, pool->row_width};
    for (size_t sort = 0; sort < config->n_sort; sort++)
        for (size_t i = 0; i < config->sorts[sort].kind->n_state; i++) {
            struct dm_state_tensor state = dm_state_tensor_of(config, sort, i);
            add(contents, state.name, DM_ELEMENT_F32, state.shape.n_dim, state.shape.size,
                session->state.values + state.place);
        }
    add(contents, "tail", DM_ELEMENT_F32, 2, last, contents->tail);
    if (!n_stage)
        return DM_OK;
    add(contents, "pool.position", DM_ELEMENT_I64, 1, rows, pool->position);
    add(contents, "pool.score", DM_ELEMENT_F32, 1, rows, pool->score);
    add(contents, "pool.rows", DM_ELEMENT_F32, 2, rows, pool->rows);
    for (size_t i = 0; i < n_stage; i++) {
        const struct dm_stage *stage = &session->method->stages[i];
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

/* Looked at before as well: to touch a file that was cut ends the process. */
dm_status dm_session_hash_checkpoint(const struct dm_model *model, char hash[33], dm_error *error) {
    dm_status status = dm_checkpoint_check(model->checkpoint, error);
    if (status)
        return status;
    dm_checkpoint_hash(model->checkpoint, hash);
    return dm_checkpoint_check(model->checkpoint, error);
}

/* ---- Writing ---- */

void dm_session_setting_key(const struct dm_method_hooks *hooks, size_t i, size_t layer,
                            char key[dm_session_setting_size]) {
    snprintf(key, dm_session_setting_size, "setting.%s.%zu", hooks->settings[i].name, layer);
}

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

static void set_bits(struct metadata *metadata, const char *key, uint64_t bits) {
    char text[32];
    snprintf(text, sizeof text, "%016" PRIx64, bits);
    set_text(metadata, key, text);
}

/* A double by its bits: text would depend on the locale. */
static void set_real(struct metadata *metadata, const char *key, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    set_bits(metadata, key, bits);
}

static void set_sampler(struct metadata *metadata, const struct dm_sampler *sampler) {
    set_bits(metadata, "sampler.seed", sampler->options.seed);
    for (int i = 0; i < 4; i++) {
        char key[name_size];
        snprintf(key, sizeof key, "sampler.random.%d", i);
        set_bits(metadata, key, sampler->accepted.state[i]);
    }
}

/* The layers in the order of their places, as a session was given them. */
static void set_layers(struct metadata *metadata, const struct dm_method *method) {
    set_size(metadata, "n_layer", method->n_stage);
    for (size_t i = 0; i < method->n_stage; i++) {
        char key[name_size];
        snprintf(key, sizeof key, "layer.%zu", method->stages[i].place);
        set_size(metadata, key, method->stages[i].layer);
    }
}

/* Of the method's own settings, layer by layer; older methods have none. */
static void set_values(struct metadata *metadata, const struct dm_method *method) {
    size_t n_setting = method->hooks ? method->hooks->n_setting : 0;
    for (size_t i = 0; i < n_setting; i++)
        for (size_t layer = 0; layer < method->n_layer; layer++) {
            char key[dm_session_setting_size];
            dm_session_setting_key(method->hooks, i, layer, key);
            set_real(metadata, key, dm_method_value_of(method, i, layer));
        }
}

/* Of all tensors' bytes, one after the other: as they lie in the file. */
static void set_data_hash(struct metadata *metadata, const struct contents *contents) {
    XXH3_state_t state;
    char text[17];
    XXH3_64bits_reset(&state);
    for (size_t i = 0; i < contents->n; i++)
        XXH3_64bits_update(&state, contents->list[i].data, contents->list[i].n_byte);
    snprintf(text, sizeof text, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(&state));
    set_text(metadata, "data_hash", text);
}

/* NULL: memory is short. */
static json_t *settings(const struct dm_session *session, const struct dm_sampler *sampler,
                        const char *hash, const struct contents *contents) {
    const struct dm_method *method = session->method;
    struct metadata made = {json_object(), true}, *metadata = &made;
    set_text(metadata, "format", DM_SESSION_FORMAT);
    set_size(metadata, "version", dm_session_version);
    set_text(metadata, "checkpoint", hash);
    set_data_hash(metadata, contents);
    set_text(metadata, "context", method->hooks ? method->hooks->name : "none");
    set_text(metadata, "score", dm_score_name(method->score));
    if (*method->custom.name)
        set_text(metadata, "score_name", method->custom.name);
    set_layers(metadata, method);
    set_size(metadata, "base_length", method->base_length);
    set_real(metadata, "beta", method->beta);
    set_size(metadata, "min_length", method->min_length);
    set_size(metadata, "keep_tail", method->keep_tail);
    set_values(metadata, method);
    set_size(metadata, "n_token", session->n_token);
    set_size(metadata, "tip", session->can_step);
    set_size(metadata, "closed", session->logits_valid);
    set_size(metadata, "tail_at_tip", session->can_step && session->tail.n);
    set_size(metadata, "pool.full", session->pool.full);
    set_real(metadata, "pool.threshold", session->pool.threshold);
    if (sampler)
        set_sampler(metadata, sampler);
    if (made.fine)
        return made.object;
    json_decref(made.object);
    return NULL;
}

static dm_status write_contents(const struct contents *contents, struct dm_file_writer *writer,
                                const json_t *metadata, dm_error *error) {
    dm_status status =
        dm_safetensors_write_header(writer, contents->list, contents->n, metadata, error);
    for (size_t i = 0; i < contents->n && !status; i++)
        status =
            dm_file_writer_write(writer, contents->list[i].data, contents->list[i].n_byte, error);
    return status;
}

static dm_status write_all(const struct dm_session *session, const struct dm_sampler *sampler,
                           struct dm_file_writer *writer, dm_error *error) {
    struct contents contents;
    char hash[33];
    dm_status status = describe(session, &contents, error);
    if (status)
        return status;
    if (sampler)
        status = add_seen(&contents, sampler, error);
    if (!status)
        status = dm_session_hash_checkpoint(session->model, hash, error);
    if (!status) {
        json_t *metadata = settings(session, sampler, hash, &contents);
        status = metadata ? write_contents(&contents, writer, metadata, error)
                          : dm_fail_memory(error, "a session file");
        json_decref(metadata);
    }
    free_contents(&contents);
    return status;
}

dm_status dm_session_write(const struct dm_session *session, const struct dm_sampler *sampler,
                           const char *path, dm_error *error) {
    struct dm_file_writer writer;
    dm_status status = dm_file_writer_open(&writer, path, error);
    if (status)
        return status;
    status = write_all(session, sampler, &writer, error);
    if (!status)
        return dm_file_writer_commit(&writer, error);
    dm_file_writer_abort(&writer);
    return status;
}

dm_status dm_session_write_buffer(const struct dm_session *session,
                                  const struct dm_sampler *sampler, void **bytes, size_t *n_byte,
                                  dm_error *error) {
    struct dm_file_writer writer;
    dm_status status = dm_file_writer_open_memory(&writer, "a session's buffer", error);
    if (status)
        return status;
    status = write_all(session, sampler, &writer, error);
    if (!status)
        dm_file_writer_take(&writer, bytes, n_byte);
    dm_file_writer_abort(&writer);
    return status;
}
