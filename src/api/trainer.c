/* dm_trainer_*: arguments are checked here, the work is done in training/. */
#include "training/trainer.h"

#include <math.h>
#include <string.h>

#include "api/info.h"
#include "api/options.h"
#include "base/half.h"
#include "base/utf8.h"

/* ---- Options ---- */

static bool is_share(double x) {
    return x >= 0 && x < 1;
}
static bool is_amount(double x) {
    return x >= 0 && isfinite(x);
}

static dm_status check_numbers(const dm_trainer_options *options, dm_error *error) {
    const struct {
        const char *name;
        double value;
        bool fine;
        const char *range;
    } numbers[] = {
        {"learning_rate", options->learning_rate, is_amount(options->learning_rate), ">= 0"},
        {"beta1", options->beta1, is_share(options->beta1), "in [0, 1)"},
        {"beta2", options->beta2, is_share(options->beta2), "in [0, 1)"},
        {"epsilon", options->epsilon, is_amount(options->epsilon) && options->epsilon > 0, "> 0"},
        {"weight_decay", options->weight_decay, is_amount(options->weight_decay), ">= 0"},
        {"clip", options->clip, is_amount(options->clip), ">= 0"},
        {"final_rate", options->final_rate, is_amount(options->final_rate), ">= 0"},
        {"spike", options->spike, options->spike == 0 || options->spike > 1, "0, or above 1"},
        {"lora_alpha", options->lora_alpha, is_amount(options->lora_alpha), ">= 0"},
        {"carry_noise", options->carry_noise, is_amount(options->carry_noise), ">= 0"},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!numbers[i].fine)
            return dm_fail(error, DM_ERROR_ARGUMENT, "%s %g: must be %s", numbers[i].name,
                           numbers[i].value, numbers[i].range);
    return DM_OK;
}

static dm_status check_options(const dm_trainer_options *options, dm_error *error) {
    if (options->dtype >= DM_DTYPE_INT8)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dtype %s is for reading only: use f32 or bf16",
                       dm_dtype_name(options->dtype));
    if ((unsigned)options->dtype > DM_DTYPE_F16)
        return dm_fail(error, DM_ERROR_ARGUMENT, "unknown dtype %d", (int)options->dtype);
    if ((unsigned)options->schedule > DM_SCHEDULE_LINEAR)
        return dm_fail(error, DM_ERROR_ARGUMENT, "unknown schedule %d", (int)options->schedule);
    if (options->schedule != DM_SCHEDULE_CONSTANT && options->n_step <= options->warmup)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "n_step %zu: a schedule that falls needs more steps than the warm-up's %zu",
                       options->n_step, options->warmup);
    if ((unsigned)options->carry > DM_CARRY_FITTED)
        return dm_fail(error, DM_ERROR_ARGUMENT, "unknown carry %d", (int)options->carry);
    if (options->carry == DM_CARRY_NOISE && !(options->carry_noise > 0))
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "carry_noise %g: DM_CARRY_NOISE needs a deviation above 0",
                       options->carry_noise);
    if (options->n_frozen && !options->frozen)
        return dm_fail(error, DM_ERROR_ARGUMENT, "n_frozen %zu: frozen is NULL", options->n_frozen);
    for (size_t i = 0; i < options->n_frozen; i++)
        if (!options->frozen[i])
            return dm_fail(error, DM_ERROR_ARGUMENT, "frozen[%zu]: NULL", i);
    if (options->n_frozen && options->lora_rank)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "frozen: LoRA freezes everything but its own matrices already");
    return check_numbers(options, error);
}

/* A caller's options, and the method that they name. */
struct taken {
    dm_trainer_options options;
    dm_method_options method;
};

static dm_status take_options(const dm_trainer_options *given, struct taken *taken,
                              dm_error *error) {
    *taken = (struct taken){DM_TRAINER_OPTIONS_INIT, DM_METHOD_OPTIONS_INIT};
    dm_trainer_options *own = &taken->options;
    dm_status status = dm_options_take(DM_KIND(dm_trainer_options), own, given, error);
    if (!status)
        status = check_options(own, error);
    if (!status && own->method) {
        status = dm_options_take(DM_KIND(dm_method_options), &taken->method, own->method, error);
        own->method = &taken->method;
    }
    return status ? status : dm_method_check_function(&taken->method, error);
}

/* ---- Trainers ---- */

dm_status dm_trainer_new(const char *directory, const dm_trainer_options *options,
                         dm_trainer **trainer, dm_error *error) {
    struct taken own;
    if (!directory || !trainer)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_trainer_new: directory and trainer are needed");
    dm_status status = take_options(options, &own, error);
    return status ? status : dm_trainer_start(directory, &own.options, trainer, error);
}

dm_status dm_trainer_resume(const char *directory, const dm_trainer_options *options,
                            dm_trainer **trainer, char **note, dm_error *error) {
    struct taken own;
    if (!directory || !trainer)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_trainer_resume: directory and trainer are needed");
    dm_status status = take_options(options, &own, error);
    return status ? status : dm_trainer_continue(directory, &own.options, trainer, note, error);
}

void dm_trainer_free(dm_trainer *trainer) {
    dm_trainer_release(trainer);
}

static size_t weight_bytes(const struct dm_tensor *tensor) {
    size_t n_array = 1 + (tensor->gradient != NULL) + 2 * (size_t)tensor->trained;
    return n_array * tensor->n * sizeof(dm_real);
}

dm_status dm_trainer_get_info(const dm_trainer *trainer, dm_model_info *info, dm_error *error) {
    if (!trainer || !info)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_trainer_get_info: trainer and info are needed");
    dm_status status = dm_result_check(DM_KIND(dm_model_info), info, error);
    if (status)
        return status;
    size_t bytes = 0;
    for (size_t i = 0; i < trainer->trained.tensors.n; i++)
        bytes += weight_bytes(&trainer->trained.tensors.list[i]);
    dm_model_info own = dm_network_info(&trainer->trained.network);
    own.n_parameter = dm_trainer_n_parameter(trainer, 0);
    own.weight_bytes = bytes;
    own.packed_bytes = dm_trained_network_packed_bytes(&trainer->trained);
    own.workspace_bytes = trainer->pass.n_byte;
    own.stored_dtype = DM_DTYPE_F32;
    own.compute_dtype = trainer->trained.compute;
    own.has_defaults = trainer->calibration != NULL;
    own.trained_length = trainer->calibration ? trainer->calibration->length : 0;
    own.stored_type = dm_dtype_name(DM_DTYPE_F32);
    dm_result_give(DM_KIND(dm_model_info), &own, info);
    return DM_OK;
}

/* ---- Batches ---- */

static dm_status check_sequences(const dm_training_batch *batch, dm_error *error) {
    if (batch->n_sequence == 0 || !batch->start || batch->start[0] != 0)
        return dm_fail(error, DM_ERROR_ARGUMENT, "a batch needs sequences, and start[0] = 0");
    for (size_t s = 0; s < batch->n_sequence; s++) {
        if (batch->start[s + 1] < batch->start[s])
            return dm_fail(error, DM_ERROR_ARGUMENT, "a batch's start[%zu] is below start[%zu]",
                           s + 1, s);
        if (batch->keep_tail && batch->keep_tail[s] == 0)
            return dm_fail(error, DM_ERROR_ARGUMENT, "keep_tail[%zu]: must be at least 1", s);
    }
    return DM_OK;
}

static dm_status check_batch(const dm_trainer *trainer, const dm_training_batch *batch,
                             dm_error *error) {
    dm_status status = check_sequences(batch, error);
    if (status)
        return status;
    size_t vocab_size = trainer->trained.network.config.vocab_size;
    size_t n = batch->start[batch->n_sequence];
    if (n == 0 || !batch->ids)
        return dm_fail(error, DM_ERROR_ARGUMENT, "a batch needs tokens");
    for (size_t t = 0; t < n; t++) {
        if (batch->ids[t] < 0 || (size_t)batch->ids[t] >= vocab_size)
            return dm_fail(error, DM_ERROR_ARGUMENT, "token id %d at %zu: the model knows 0 to %zu",
                           (int)batch->ids[t], t, vocab_size - 1);
        if (batch->weight && !is_amount((double)batch->weight[t]))
            return dm_fail(error, DM_ERROR_ARGUMENT, "weight %g at %zu: must be >= 0 and finite",
                           (double)batch->weight[t], t);
    }
    return DM_OK;
}

static dm_status run(dm_trainer *trainer, const dm_training_batch *batch, bool backward,
                     dm_training_loss *loss, dm_error *error) {
    struct dm_pass_loss result;
    dm_training_batch own = DM_TRAINING_BATCH_INIT;
    if (!trainer || !batch)
        return dm_fail(error, DM_ERROR_ARGUMENT, "a trainer and a batch are needed");
    dm_status status = dm_options_take(DM_KIND(dm_training_batch), &own, batch, error);
    if (!status && loss)
        status = dm_result_check(DM_KIND(dm_training_loss), loss, error);
    if (!status)
        status = check_batch(trainer, &own, error);
    if (status)
        return status;
    const struct dm_pass_batch packed = {.n_sequence = own.n_sequence,
                                         .start = own.start,
                                         .ids = own.ids,
                                         .weight = own.weight,
                                         .keep_tail = own.keep_tail,
                                         .by_sequence = own.by_sequence != 0};
    status = dm_trainer_run(trainer, &packed, own.from_zero, backward, &result, error);
    if (!status) {
        const dm_training_loss all = {sizeof all, result.sum, result.weight, result.n_prediction};
        dm_result_give(DM_KIND(dm_training_loss), &all, loss);
    }
    return status;
}

dm_status dm_trainer_accumulate(dm_trainer *trainer, const dm_training_batch *batch,
                                dm_training_loss *loss, dm_error *error) {
    return run(trainer, batch, true, loss, error);
}

dm_status dm_trainer_evaluate(dm_trainer *trainer, const dm_training_batch *batch,
                              dm_training_loss *loss, dm_error *error) {
    return run(trainer, batch, false, loss, error);
}

dm_status dm_trainer_input_gradient(const dm_trainer *trainer, const float **gradient,
                                    size_t *n_token, size_t *d_model, dm_error *error) {
    if (!trainer || !gradient)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_trainer_input_gradient: a trainer and a place for its result are "
                       "needed");
    if (!trainer->pass.input_gradient)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_trainer_input_gradient: the last batch was not taken back to the "
                       "embedding");
    *gradient = trainer->pass.input_gradient;
    if (n_token)
        *n_token = trainer->pass.spans[0].n_token;
    if (d_model)
        *d_model = trainer->trained.network.config.d_model;
    return DM_OK;
}

dm_status dm_trainer_kept(const dm_trainer *trainer, size_t *n_token, size_t n_layer,
                          dm_error *error) {
    if (!trainer || !n_token || n_layer != trainer->trained.network.config.n_layer)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_trainer_kept: a trainer and room for its layers are needed");
    if (!trainer->pass.layers)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_trainer_kept: there was no batch yet");
    for (size_t layer = 0; layer < n_layer; layer++)
        n_token[layer] = trainer->pass.layers[layer].before->n_token;
    return DM_OK;
}

dm_status dm_trainer_step(dm_trainer *trainer, dm_step_stats *stats, dm_error *error) {
    if (!trainer)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_trainer_step: a trainer is needed");
    dm_step_stats own;
    dm_status status = stats ? dm_result_check(DM_KIND(dm_step_stats), stats, error) : DM_OK;
    if (!status)
        status = dm_trainer_apply(trainer, &own, error);
    if (!status)
        dm_result_give(DM_KIND(dm_step_stats), &own, stats);
    return status;
}

size_t dm_trainer_step_count(const dm_trainer *trainer) {
    return trainer ? trainer->n_step : 0;
}

dm_status dm_trainer_set_method(dm_trainer *trainer, const dm_method_options *method,
                                dm_error *error) {
    if (!trainer)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_trainer_set_method: a trainer is needed");
    dm_method_options own = DM_METHOD_OPTIONS_INIT;
    dm_status status = dm_options_take(DM_KIND(dm_method_options), &own, method, error);
    if (!status)
        status = dm_method_check_function(&own, error);
    return status ? status : dm_trainer_use_method(trainer, &own, error);
}

/* ---- Parameters and files ---- */

dm_status dm_trainer_parameter(const dm_trainer *trainer, const char *name, const float **values,
                               const float **gradient, size_t *n_element, dm_error *error) {
    if (!trainer || !name)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_trainer_parameter: a trainer and a name are needed");
    const struct dm_tensor *tensor = dm_tensors_find_name(&trainer->trained.tensors, name);
    if (!tensor)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "parameter \"%s\": the model has none of this name", name);
    if (values)
        *values = tensor->value;
    if (gradient)
        *gradient = tensor->gradient;
    if (n_element)
        *n_element = tensor->n;
    return DM_OK;
}

size_t dm_trainer_n_parameter(const dm_trainer *trainer, int trained_only) {
    size_t n = 0;
    for (size_t i = 0; trainer && i < trainer->trained.tensors.n; i++)
        if (!trained_only || trainer->trained.tensors.list[i].trained)
            n += trainer->trained.tensors.list[i].n;
    return n;
}

dm_status dm_trainer_save(const dm_trainer *trainer, const char *directory, const char *note,
                          dm_error *error) {
    if (!trainer || !directory)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_trainer_save: a trainer and a directory are needed");
    if (note && dm_utf8_valid_prefix(note, strlen(note)) != strlen(note))
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_trainer_save: the note is not UTF-8");
    return dm_trainer_write(trainer, directory, note, error);
}

dm_status dm_trainer_export(const dm_trainer *trainer, const char *directory, dm_dtype dtype,
                            dm_error *error) {
    if (!trainer || !directory || (unsigned)dtype > DM_DTYPE_F16)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_trainer_export: a trainer, a directory and a dtype are needed");
    return dm_trainer_write_model(trainer, directory, dtype ? dtype : DM_DTYPE_F32, error);
}
