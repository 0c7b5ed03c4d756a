#include "training/trainer.h"

#include <math.h>
#include <string.h>

#include "backends/cpu.h"
#include "base/memory.h"
#include "training/lora.h"
#include "training/optimizer.h"
#include "training/pass.h"

/* ---- What is trained ---- */

/* `pattern` with "*" for anything, against the whole of `name`. */
static bool matches(const char *pattern, const char *name) {
    for (; *pattern != '*'; pattern++, name++)
        if (*pattern != *name || !*pattern)
            return *pattern == *name;
    for (;; name++) {
        if (matches(pattern + 1, name))
            return true;
        if (!*name)
            return false;
    }
}

/* Of every tensor, whether a pattern names it. */
static dm_status find_frozen(const struct dm_tensors *tensors, const dm_trainer_options *options,
                             bool *frozen, dm_error *error) {
    for (size_t p = 0; p < options->n_frozen; p++) {
        size_t n_match = 0;
        for (size_t i = 0; i < tensors->n; i++)
            if (matches(options->frozen[p], tensors->list[i].name)) {
                frozen[i] = true;
                n_match++;
            }
        if (!n_match)
            return dm_fail(error, DM_ERROR_ARGUMENT, "frozen \"%s\": no parameter has such a name",
                           options->frozen[p]);
    }
    return DM_OK;
}

static dm_status choose_trained(struct dm_tensors *tensors, const dm_trainer_options *options,
                                dm_error *error) {
    bool *frozen = dm_memory_zeroed(tensors->n, sizeof *frozen), any = false;
    if (!frozen)
        return dm_fail_memory(error, "the parameters");
    dm_status status = find_frozen(tensors, options, frozen, error);
    for (size_t i = 0; i < tensors->n && !status; i++) {
        struct dm_tensor *tensor = &tensors->list[i];
        tensor->decays = options->decay_all || tensor->parameter->row->is_matrix;
        if (!frozen[i]) {
            status = dm_tensor_train(tensor, error);
            any = true;
        }
    }
    dm_memory_free(frozen);
    if (!status && !any)
        status = dm_fail(error, DM_ERROR_ARGUMENT, "every parameter is frozen");
    return status;
}

static void load_values(const struct dm_checkpoint *checkpoint, struct dm_tensors *tensors) {
    for (size_t i = 0; i < tensors->n; i++) {
        struct dm_tensor *tensor = &tensors->list[i];
        dm_weight_to_float(
            dm_checkpoint_weight(checkpoint, tensor->parameter->layer, tensor->parameter->index), 0,
            tensor->n, tensor->value);
    }
}

/* ---- Starting ---- */

static dm_status make_network(struct dm_trainer *trainer, const struct dm_checkpoint *checkpoint,
                              dm_error *error) {
    const struct dm_model_config *config = dm_checkpoint_config(checkpoint);
    const dm_trainer_options *options = &trainer->options;
    size_t rank = options->lora_rank;
    struct dm_lora lora = {rank, rank ? (dm_real)(options->lora_alpha / (double)rank) : 0};
    struct dm_tensors tensors;
    dm_dtype compute = options->dtype == DM_DTYPE_BF16 ? DM_DTYPE_BF16 : DM_DTYPE_F32;
    dm_status status = dm_cpu_check_dtype(&trainer->ops, options->dtype, error);
    if (!status)
        status = dm_tensors_new(config, &tensors, error);
    if (status)
        return status;
    status = dm_lora_check_rank(&tensors, rank, error);
    load_values(checkpoint, &tensors);
    if (!status && !rank)
        status = choose_trained(&tensors, options, error);
    if (!status && rank) {
        struct dm_random random;
        dm_random_seed(&random, options->seed);
        status = dm_lora_add(&tensors, rank, &random, error);
    }
    if (!status)
        status = dm_trained_network_new(config, &trainer->ops, trainer->threads, compute, &lora,
                                        &tensors, &trainer->trained, error);
    dm_tensors_free(&tensors);
    return status;
}

/* What a model was trained with becomes the default of those who read with it. Plain Mamba needs
 * no word, unless there is a default already; a score of the caller's own cannot have one. */
static dm_status keep_as_default(struct dm_trainer *trainer, const dm_method_options *options,
                                 dm_error *error) {
    dm_method_options method = *options;
    struct dm_calibration *calibration = trainer->calibration;
    method.keep_tail = 1;
    dm_status status = DM_OK;
    if ((!calibration && method.kind == DM_METHOD_NONE) || dm_method_is_custom(options))
        return DM_OK;
    if (!calibration)
        status = dm_calibration_new(trainer->trained.network.config.n_layer, &calibration, error);
    if (!status)
        status = dm_calibration_set_method(calibration, &method, error);
    if (!status)
        trainer->calibration = calibration;
    else if (!trainer->calibration)
        dm_calibration_free(calibration);
    return status;
}

dm_status dm_trainer_use_method(struct dm_trainer *trainer, const dm_method_options *options,
                                dm_error *error) {
    const dm_method_options none = DM_METHOD_OPTIONS_INIT;
    struct dm_method *method;
    options = options ? options : &none;
    dm_status status = dm_method_new(options, trainer->trained.network.config.n_layer,
                                     trainer->calibration, &method, error);
    if (status)
        return status;
    status = dm_method_check_training(method, error);
    if (!status)
        status = dm_method_attach(method, &trainer->trained.network, error);
    if (!status)
        status = keep_as_default(trainer, options, error);
    if (status) {
        dm_method_free(method);
        return status;
    }
    dm_method_free(trainer->method);
    trainer->method = method;
    trainer->pass.method = method;
    return DM_OK;
}

dm_status dm_trainer_start(const char *directory, const dm_trainer_options *options,
                           struct dm_trainer **result, dm_error *error) {
    struct dm_trainer *trainer = dm_memory_zeroed(1, sizeof *trainer);
    struct dm_checkpoint *checkpoint = NULL;
    if (!trainer)
        return dm_fail_memory(error, "a trainer");
    trainer->options = *options;
    dm_status status = dm_cpu_ops(options->cpu, &trainer->ops, error);
    if (!status)
        status = dm_threads_new(options->n_thread, &trainer->threads, error);
    if (!status)
        status = dm_checkpoint_open(directory, &checkpoint, error);
    if (!status) {
        const struct dm_model_config *config = dm_checkpoint_config(checkpoint);
        status = dm_calibration_find(directory, options->settings, config->n_layer,
                                     dm_model_n_step(config), &trainer->calibration, error);
    }
    if (!status)
        status = dm_companions_read(&trainer->companions, directory, options->tokenizer, error);
    if (!status)
        status = make_network(trainer, checkpoint, error);
    if (!status)
        status = dm_checkpoint_check(checkpoint, error);
    dm_checkpoint_close(checkpoint);
    if (!status)
        status = dm_carry_init(&trainer->carry, options, &trainer->trained.network.config, error);
    trainer->pass.trained = &trainer->trained;
    trainer->pass.recompute = options->recompute != 0;
    if (!status)
        status = dm_trainer_use_method(trainer, options->method, error);
    if (status) {
        dm_trainer_release(trainer);
        return status;
    }
    *result = trainer;
    return DM_OK;
}

void dm_trainer_release(struct dm_trainer *trainer) {
    if (!trainer)
        return;
    dm_pass_free(&trainer->pass);
    dm_carry_free(&trainer->carry);
    dm_method_free(trainer->method);
    dm_trained_network_free(&trainer->trained);
    dm_calibration_free(trainer->calibration);
    dm_companions_close(&trainer->companions);
    dm_threads_free(trainer->threads);
    dm_cpu_ops_free(&trainer->ops);
    dm_memory_free(trainer);
}

/* ---- Steps ---- */

void dm_trainer_forget(struct dm_trainer *trainer) {
    if (!trainer)
        return;
    dm_tensors_clear_gradients(&trainer->trained.tensors);
    dm_carry_forget(&trainer->carry);
    trainer->loss_sum = trainer->loss_weight = 0;
}

/* The lowest layer that drops tokens; n_layer: none does. */
static size_t first_cut(const struct dm_trainer *trainer) {
    const struct dm_method *method = trainer->method;
    return method->hooks && method->n_stage ? method->stages[0].layer
                                            : trainer->trained.network.config.n_layer;
}

dm_status dm_trainer_run(struct dm_trainer *trainer, const struct dm_pass_batch *batch,
                         const unsigned char *from_zero, bool backward, struct dm_pass_loss *loss,
                         dm_error *error) {
    struct dm_pass_batch own = *batch;
    dm_status status =
        trainer->stale ? dm_trained_network_refresh(&trainer->trained, error) : DM_OK;
    trainer->stale &= status != DM_OK;
    if (!status && backward)
        status = dm_carry_begin(&trainer->carry, from_zero, first_cut(trainer), &own, error);
    if (!status)
        status = dm_pass_run(&trainer->pass, &own, backward, loss, error);
    if (!backward)
        return status;
    if (status) {
        dm_trainer_forget(trainer); /* some gradients may have been added */
        return status;
    }
    dm_carry_end(&trainer->carry, &own);
    trainer->loss_sum += loss->sum;
    trainer->loss_weight += loss->weight;
    return DM_OK;
}

/* Is the norm one to go on with? */
static dm_status check_norm(struct dm_trainer *trainer, double norm, dm_error *error) {
    if (!isfinite(norm))
        return dm_fail(error, DM_ERROR_NUMBER, "the gradient is not finite");
    double mean = trainer->mean_norm, spike = trainer->options.spike;
    if (spike > 0 && mean > 0 && norm > spike * mean)
        return dm_fail(error, DM_ERROR_NUMBER,
                       "the gradient's norm is %.4g, more than %.4g times its running mean %.4g",
                       norm, spike, mean);
    return DM_OK;
}

dm_status dm_trainer_apply(struct dm_trainer *trainer, dm_step_stats *stats, dm_error *error) {
    enum { norm_memory = 50 }; /* steps that the running mean looks back, about */
    const dm_trainer_options *options = &trainer->options;
    const struct dm_tensors *tensors = &trainer->trained.tensors;
    if (!(trainer->loss_weight > 0))
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_trainer_step: no label was accumulated, or decimation dropped them all: "
                       "a longer keep_tail keeps them");
    dm_lora_collect(&trainer->trained.lora, tensors);
    double scale = 1 / trainer->loss_weight;
    double norm = dm_gradient_norm(tensors, &trainer->ops, trainer->threads) * scale;
    /* torch.nn.utils.clip_grad_norm_ */
    double clipped =
        options->clip > 0 && norm > options->clip ? scale * options->clip / (norm + 1e-6) : scale;
    dm_status status = check_norm(trainer, norm, error);
    if (!status && !isfinite((dm_real)clipped))
        status = dm_fail(error, DM_ERROR_NUMBER, "the labels' weights sum to %g: too little",
                         trainer->loss_weight);
    if (status) {
        dm_trainer_forget(trainer);
        return status;
    }
    const struct dm_adamw op = {
        .learning_rate = dm_learning_rate(options, trainer->n_step + 1),
        .beta1 = options->beta1,
        .beta2 = options->beta2,
        .epsilon = options->epsilon,
        .weight_decay = options->weight_decay,
        .gradient_scale = clipped,
        .step = trainer->n_step + 1,
    };
    dm_optimizer_step(tensors, &op, &trainer->ops, trainer->threads);
    double share = trainer->mean_norm > 0 ? 1.0 / norm_memory : 1;
    trainer->mean_norm += share * (norm - trainer->mean_norm);
    trainer->n_step++;
    if (stats)
        *stats = (dm_step_stats){sizeof *stats, trainer->n_step,
                                 trainer->loss_sum / trainer->loss_weight, norm, op.learning_rate};
    dm_carry_step(&trainer->carry);
    dm_trainer_forget(trainer);
    trainer->stale = true;
    return DM_OK;
}
