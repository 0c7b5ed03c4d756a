/* A training on disk: the model as any other checkpoint, and beside it what goes on needs.
 *
 *     optimizer.safetensors   m.NAME, v.NAME of what is trained; with LoRA, value.NAME of its
 *                             matrices and of those that they adapt, as the model's are merged;
 *                             carry.NAME of the states that sequences start from
 *     trainer.json            counts, and the caller's note; numbers that are not whole as the
 *                             hexadecimal digits of their bits */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "checkpoint/model_writer.h"
#include "checkpoint/output_directory.h"
#include "checkpoint/safetensors.h"
#include "training/lora.h"
#include "training/trainer.h"

enum { format_version = 1, max_name = DM_MAX_NAME + 8 };
static const char format_name[] = "decimamba-trainer";

/* ---- The model ---- */

struct model_source {
    const struct dm_trained_network *trained;
    dm_real *merged;              /* room for any adapted weight */
    const struct dm_tensor *held; /* the one that is there */
};

static void read_weight(void *context, const struct dm_parameter *parameter, size_t first, size_t n,
                        float *out) {
    struct model_source *source = context;
    const struct dm_trained_network *trained = source->trained;
    const struct dm_tensor *tensor =
        dm_tensors_find(&trained->tensors, parameter->layer, parameter->index);
    const dm_real *values = tensor->value;
    if (dm_lora_has(&trained->lora, tensor)) {
        if (source->held != tensor)
            dm_lora_merge(&trained->lora, &trained->tensors, tensor, source->merged);
        source->held = tensor;
        values = source->merged;
    }
    memcpy(out, values + first, n * sizeof *out);
}

static dm_status write_calibration(const struct dm_trainer *trainer, const char *directory,
                                   dm_error *error) {
    if (*trainer->method->custom.name)
        dm_warn(
            "the training's score \"%s\" is a function of the caller's: decimamba.json does not "
            "name it",
            trainer->method->custom.name);
    if (!trainer->calibration)
        return DM_OK;
    char *path = dm_path_join(directory, "decimamba.json");
    dm_status status = path ? dm_calibration_write(trainer->calibration, path, error)
                            : dm_fail_memory(error, "a file name");
    dm_memory_free(path);
    return status;
}

/* Into a directory that exists. */
static dm_status write_model(const struct dm_trainer *trainer, const char *directory,
                             dm_dtype dtype, dm_error *error) {
    const struct dm_trained_network *trained = &trainer->trained;
    size_t most = 0;
    for (size_t i = 0; i < trained->tensors.n; i++)
        if (dm_lora_has(&trained->lora, &trained->tensors.list[i]) &&
            trained->tensors.list[i].n > most)
            most = trained->tensors.list[i].n;
    struct model_source source = {trained, dm_memory_array(most, sizeof *source.merged), NULL};
    if (!source.merged)
        return dm_fail_memory(error, "a weight");
    const struct dm_weight_source weights = {read_weight, &source};
    dm_status status = dm_model_write(directory, &trained->network.config, dtype, &weights, error);
    dm_memory_free(source.merged);
    if (!status)
        status = dm_companions_write(&trainer->companions, directory, error);
    return status ? status : write_calibration(trainer, directory, error);
}

/* ---- What the optimizer holds ---- */

struct entry {
    char name[max_name];
    dm_real *values;
    size_t n;
};

struct entries {
    size_t n;
    struct entry *list;
};

static void add_entry(struct entries *entries, const char *kind, const struct dm_tensor *tensor,
                      dm_real *values) {
    struct entry *entry = &entries->list[entries->n++];
    *entry = (struct entry){.values = values, .n = tensor->n};
    snprintf(entry->name, sizeof entry->name, "%s.%s", kind, tensor->name);
}

static dm_status list_entries(const struct dm_trainer *trainer, struct entries *entries,
                              dm_error *error) {
    const struct dm_tensors *tensors = &trainer->trained.tensors;
    const struct dm_carry *carry = &trainer->carry;
    *entries = (struct entries){0, dm_memory_array(3 * tensors->n + 3, sizeof *entries->list)};
    if (!entries->list)
        return dm_fail_memory(error, "the optimizer's state");
    for (size_t i = 0; i < tensors->n; i++) {
        const struct dm_tensor *tensor = &tensors->list[i];
        if (i >= tensors->n_model || dm_lora_has(&trainer->trained.lora, tensor))
            add_entry(entries, "value", tensor, tensor->value);
        if (tensor->trained) {
            add_entry(entries, "m", tensor, tensor->m);
            add_entry(entries, "v", tensor, tensor->v);
        }
    }
    if (carry->n_slot)
        entries->list[entries->n++] =
            (struct entry){"carry.slots", carry->slots, carry->n_slot * carry->state_size};
    if (carry->kind == DM_CARRY_FITTED) {
        entries->list[entries->n++] = (struct entry){"carry.mean", carry->mean, carry->state_size};
        entries->list[entries->n++] =
            (struct entry){"carry.variance", carry->variance, carry->state_size};
    }
    return DM_OK;
}

static dm_status write_entries(const struct entries *entries, const char *path, dm_error *error) {
    struct dm_file_writer writer;
    struct dm_named_tensor *list = dm_memory_zeroed(entries->n, sizeof *list);
    if (!list)
        return dm_fail_memory(error, path);
    for (size_t i = 0; i < entries->n; i++)
        list[i] = (struct dm_named_tensor){.name = entries->list[i].name,
                                           .element = DM_ELEMENT_F32,
                                           .n_dim = 1,
                                           .shape = {entries->list[i].n},
                                           .n_byte = entries->list[i].n * sizeof(float)};
    dm_status status = dm_safetensors_begin(&writer, path, list, entries->n, NULL, error);
    dm_memory_free(list);
    if (status)
        return status;
    for (size_t i = 0; i < entries->n && !status; i++)
        status = dm_file_writer_write(&writer, entries->list[i].values,
                                      entries->list[i].n * sizeof(float), error);
    if (!status)
        return dm_file_writer_commit(&writer, error);
    dm_file_writer_abort(&writer);
    return status;
}

static dm_status read_entries(const struct entries *entries, const char *path, dm_error *error) {
    struct dm_safetensors file = {0};
    dm_status status = dm_safetensors_open(&file, path, error);
    if (status)
        return status;
    if (file.n_tensor != entries->n)
        status = dm_fail(error, DM_ERROR_MISMATCH,
                         "%s: holds %zu tensors, but what is trained now has %zu (other frozen "
                         "parameters, or LoRA)",
                         path, file.n_tensor, entries->n);
    for (size_t i = 0; i < entries->n && !status; i++) {
        const struct entry *entry = &entries->list[i];
        const struct dm_named_tensor *tensor = dm_safetensors_find(&file, entry->name);
        if (!tensor || tensor->element != DM_ELEMENT_F32 ||
            tensor->n_byte != entry->n * sizeof(float))
            status = dm_fail(error, DM_ERROR_MISMATCH, "%s: no tensor %s of %zu float32 numbers",
                             path, entry->name, entry->n);
        else
            memcpy(entry->values, tensor->data, tensor->n_byte);
    }
    dm_safetensors_close(&file);
    return status;
}

/* ---- Counts ---- */

enum { bits_digits = 16 };

/* A double to the last bit, whatever the locale. */
static void write_bits(double value, char text[bits_digits + 1]) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    snprintf(text, bits_digits + 1, "%016" PRIx64, bits);
}

static dm_status read_bits(const json_t *counts, const char *key, const char *path, double *value,
                           dm_error *error) {
    const char *text = "";
    dm_status status = dm_json_get_text(counts, key, path, &text, error);
    if (status)
        return status;
    uint64_t bits = strtoull(text, NULL, 16);
    double number;
    memcpy(&number, &bits, sizeof number);
    if (strspn(text, "0123456789abcdef") != bits_digits || text[bits_digits] || !(number >= 0) ||
        isinf(number))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: %s: not the bits of a number", path, key);
    *value = number;
    return DM_OK;
}

/* What is carried from step to step; a training that carries nothing says nothing. */
static bool put_carry(const struct dm_carry *carry, json_t *counts) {
    char noise[bits_digits + 1];
    write_bits(carry->noise, noise);
    return carry->kind == DM_CARRY_NONE ||
           !json_object_set_new(counts, "carry",
                                json_pack("{s:i, s:s, s:I, s:I, s:I}", "kind", (int)carry->kind,
                                          "noise", noise, "slots", (json_int_t)carry->n_slot,
                                          "fitted", (json_int_t)carry->n_fitted, "drawn",
                                          (json_int_t)carry->n_drawn));
}

static dm_status take_carry(const json_t *counts, const char *path, struct dm_carry *carry,
                            dm_error *error) {
    const json_t *object = json_object_get(counts, "carry");
    size_t kind = DM_CARRY_NONE, n_slot = 0;
    double noise = carry->noise;
    dm_status status = dm_json_get_size(object, "kind", path, &kind, error);
    if (!status && object)
        status = read_bits(object, "noise", path, &noise, error);
    if (!status)
        status = dm_json_get_size(object, "slots", path, &n_slot, error);
    if (!status)
        status = dm_json_get_size(object, "fitted", path, &carry->n_fitted, error);
    if (!status)
        status = dm_json_get_size(object, "drawn", path, &carry->n_drawn, error);
    if (status)
        return status;
    if (kind != (size_t)carry->kind || (kind == DM_CARRY_NOISE && noise != carry->noise))
        return dm_fail(error, DM_ERROR_MISMATCH,
                       "%s: trained with carry %zu and carry_noise %.17g, asked for %d and %.17g",
                       path, kind, noise, (int)carry->kind, carry->noise);
    if (n_slot && kind != DM_CARRY_STATE)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: slots: carry %zu has none", path, kind);
    return dm_carry_reserve(carry, n_slot, error);
}

static dm_status write_counts(const struct dm_trainer *trainer, const char *path, const char *note,
                              dm_error *error) {
    char norm[bits_digits + 1], alpha[bits_digits + 1];
    write_bits(trainer->mean_norm, norm);
    write_bits(trainer->options.lora_alpha, alpha);
    json_t *counts = json_pack(
        "{s:s, s:i, s:I, s:s, s:I, s:s, s:s?}", "format", format_name, "version", format_version,
        "step", (json_int_t)trainer->n_step, "mean_gradient_norm", norm, "lora_rank",
        (json_int_t)trainer->options.lora_rank, "lora_alpha", alpha, "note", note);
    dm_status status = counts && put_carry(&trainer->carry, counts)
                           ? dm_json_write(path, counts, error)
                           : dm_fail_memory(error, path);
    json_decref(counts);
    return status;
}

static dm_status take_counts(const json_t *counts, const char *path, struct dm_trainer *trainer,
                             char **note, dm_error *error) {
    const dm_trainer_options *options = &trainer->options;
    const char *format = "", *text = NULL;
    size_t rank = 0;
    double alpha = options->lora_alpha;
    dm_status status = dm_json_get_text(counts, "format", path, &format, error);
    if (!status && strcmp(format, format_name) != 0)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: not a trainer's file", path);
    if (!status)
        status = dm_json_check_version(counts, path, format_version, error);
    if (!status)
        status = dm_json_get_size(counts, "step", path, &trainer->n_step, error);
    if (!status)
        status = read_bits(counts, "mean_gradient_norm", path, &trainer->mean_norm, error);
    if (!status)
        status = dm_json_get_size(counts, "lora_rank", path, &rank, error);
    if (!status)
        status = read_bits(counts, "lora_alpha", path, &alpha, error);
    if (!status)
        status = dm_json_get_text(counts, "note", path, &text, error);
    if (status)
        return status;
    if (rank != options->lora_rank || (rank && alpha != options->lora_alpha))
        return dm_fail(error, DM_ERROR_MISMATCH,
                       "%s: trained with LoRA of rank %zu and alpha %.17g, asked for %zu and %.17g",
                       path, rank, alpha, options->lora_rank, options->lora_alpha);
    status = take_carry(counts, path, &trainer->carry, error);
    if (status)
        return status;
    if (text && note && !(*note = dm_memory_text(text)))
        return dm_fail_memory(error, "the note");
    return DM_OK;
}

static dm_status read_counts(const char *path, struct dm_trainer *trainer, char **note,
                             dm_error *error) {
    json_t *counts = NULL;
    dm_status status = dm_json_read(path, &counts, error);
    if (!status && !json_is_object(counts))
        status = dm_fail(error, DM_ERROR_FORMAT, "%s: must be an object", path);
    if (!status)
        status = take_counts(counts, path, trainer, note, error);
    json_decref(counts);
    return status;
}

/* ---- Whole ---- */

struct paths {
    char *optimizer, *counts;
};

static dm_status name_paths(const char *directory, struct paths *paths, dm_error *error) {
    paths->optimizer = dm_path_join(directory, "optimizer.safetensors");
    paths->counts = dm_path_join(directory, "trainer.json");
    return paths->optimizer && paths->counts ? DM_OK : dm_fail_memory(error, "a file name");
}

static void free_paths(struct paths *paths) {
    dm_memory_free(paths->optimizer);
    dm_memory_free(paths->counts);
}

static dm_status write_state(const struct dm_trainer *trainer, const char *directory,
                             const char *note, dm_error *error) {
    struct paths paths;
    struct entries entries = {0, NULL};
    dm_status status = name_paths(directory, &paths, error);
    if (!status)
        status = list_entries(trainer, &entries, error);
    if (!status)
        status = write_entries(&entries, paths.optimizer, error);
    if (!status)
        status = write_counts(trainer, paths.counts, note, error);
    dm_memory_free(entries.list);
    free_paths(&paths);
    return status;
}

static dm_status write_directory(const struct dm_trainer *trainer, const char *directory,
                                 dm_dtype dtype, bool state, const char *note, dm_error *error) {
    struct dm_output_directory output;
    dm_status status = dm_output_directory_open(&output, directory, error);
    if (status)
        return status;
    status = write_model(trainer, output.temporary.name, dtype, error);
    if (!status && state)
        status = write_state(trainer, output.temporary.name, note, error);
    if (!status)
        return dm_output_directory_commit(&output, error);
    dm_output_directory_abort(&output);
    return status;
}

dm_status dm_trainer_write(const struct dm_trainer *trainer, const char *directory,
                           const char *note, dm_error *error) {
    return write_directory(trainer, directory, DM_DTYPE_F32, true, note, error);
}

dm_status dm_trainer_write_model(const struct dm_trainer *trainer, const char *directory,
                                 dm_dtype dtype, dm_error *error) {
    return write_directory(trainer, directory, dtype, false, NULL, error);
}

dm_status dm_trainer_continue(const char *directory, const dm_trainer_options *options,
                              struct dm_trainer **result, char **note, dm_error *error) {
    struct dm_trainer *trainer = NULL;
    struct paths paths;
    struct entries entries = {0, NULL};
    char *text = NULL;
    dm_trainer_options own = *options;
    own.settings = NULL; /* what it began with is in the directory */
    dm_status status = name_paths(directory, &paths, error);
    if (!status)
        status = dm_trainer_start(directory, &own, &trainer, error);
    if (!status)
        status = read_counts(paths.counts, trainer, &text, error);
    if (!status)
        status = list_entries(trainer, &entries, error);
    if (!status)
        status = read_entries(&entries, paths.optimizer, error);
    dm_memory_free(entries.list);
    free_paths(&paths);
    if (status) {
        dm_memory_free(text);
        dm_trainer_release(trainer);
        return status;
    }
    trainer->stale = true;
    if (note)
        *note = text;
    else
        dm_memory_free(text);
    *result = trainer;
    return DM_OK;
}
