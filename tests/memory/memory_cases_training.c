/* Trainers. */
#include "memory_case.h"

static const size_t start[] = {0, 50, case_n_id}, fewer[] = {0, 8, 20};
static const char *const parameters[] = {"backbone.embeddings.weight",
                                         "backbone.layers.1.mixer.in_proj.weight",
                                         "backbone.layers.2.mixer.A_log"};
enum { n_parameter = sizeof parameters / sizeof *parameters };

static dm_training_batch batch_of(const size_t *starts) {
    dm_training_batch batch = DM_TRAINING_BATCH_INIT;
    batch.n_sequence = 2;
    batch.start = starts;
    batch.ids = case_ids;
    return batch;
}

static dm_status make_carrying(const char *directory, size_t lora_rank, dm_carry_kind carry,
                               dm_trainer **trainer, dm_error *error) {
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    const dm_method_options method = case_method();
    options.n_thread = 1;
    options.learning_rate = 1e-2;
    options.method = &method;
    options.lora_rank = lora_rank;
    options.carry = carry;
    return dm_trainer_new(directory, &options, trainer, error);
}

static dm_status make(const char *directory, size_t lora_rank, dm_trainer **trainer,
                      dm_error *error) {
    return make_carrying(directory, lora_rank, DM_CARRY_NONE, trainer, error);
}

static void accumulate(dm_trainer *trainer, const size_t *starts) {
    const dm_training_batch batch = batch_of(starts);
    dm_error error;
    require(dm_trainer_accumulate(trainer, &batch, NULL, &error), &error);
}

/* Its weights, and those after one more step. */
static void digest_trainer(dm_trainer *trainer, uint64_t *digest) {
    dm_error error;
    for (int again = 0; again < 2; again++) {
        digest_size(digest, dm_trainer_step_count(trainer));
        for (int i = 0; i < n_parameter; i++) {
            const float *values;
            size_t n;
            require(dm_trainer_parameter(trainer, parameters[i], &values, NULL, &n, &error),
                    &error);
            digest_bytes(digest, values, n * sizeof *values);
        }
        if (again)
            break;
        accumulate(trainer, fewer);
        require(dm_trainer_step(trainer, NULL, &error), &error);
    }
}

static void use_trainer(struct scene *scene, uint64_t *digest) {
    digest_trainer(scene->trainer, digest);
}

static void use_new_trainer(struct scene *scene, uint64_t *digest) {
    digest_trainer(scene->out.trainer, digest);
    dm_trainer_free(scene->out.trainer);
}

/* ---- Making ---- */

static dm_status act_new(struct scene *scene, dm_error *error) {
    return make(scene->checkpoint, 0, &scene->out.trainer, error);
}

static dm_status act_new_fitted(struct scene *scene, dm_error *error) {
    return make_carrying(scene->checkpoint, 0, DM_CARRY_FITTED, &scene->out.trainer, error);
}

static dm_status act_new_lora(struct scene *scene, dm_error *error) {
    return make(scene->checkpoint, 2, &scene->out.trainer, error);
}

static void prepare_trainer(struct scene *scene) {
    dm_error error;
    require(make(scene->checkpoint, 0, &scene->trainer, &error), &error);
}

static void prepare_lora(struct scene *scene) {
    dm_error error;
    require(make(scene->checkpoint, 2, &scene->trainer, &error), &error);
}

/* ---- Batches ---- */

static dm_status act_accumulate(struct scene *scene, dm_error *error) {
    const dm_training_batch batch = batch_of(start);
    dm_training_loss loss = DM_TRAINING_LOSS_INIT;
    dm_status status = dm_trainer_accumulate(scene->trainer, &batch, &loss, error);
    if (!status)
        scene->out.log_decay[0] = loss.sum;
    return status;
}

static dm_status act_evaluate(struct scene *scene, dm_error *error) {
    const dm_training_batch batch = batch_of(start);
    dm_training_loss loss = DM_TRAINING_LOSS_INIT;
    dm_status status = dm_trainer_evaluate(scene->trainer, &batch, &loss, error);
    if (!status)
        scene->out.log_decay[0] = loss.sum;
    return status;
}

static void use_loss(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.log_decay, sizeof *scene->out.log_decay);
    digest_trainer(scene->trainer, digest);
}

/* Packs the weights anew first. */
static void prepare_stepped(struct scene *scene) {
    dm_error error;
    prepare_trainer(scene);
    accumulate(scene->trainer, fewer);
    require(dm_trainer_step(scene->trainer, NULL, &error), &error);
}

static void prepare_carrying(struct scene *scene) {
    dm_error error;
    require(make_carrying(scene->checkpoint, 0, DM_CARRY_STATE, &scene->trainer, &error), &error);
}

static void prepare_accumulated(struct scene *scene) {
    prepare_trainer(scene);
    accumulate(scene->trainer, start);
}

static void prepare_accumulated_lora(struct scene *scene) {
    prepare_lora(scene);
    accumulate(scene->trainer, start);
}

static dm_status act_step(struct scene *scene, dm_error *error) {
    dm_step_stats stats = DM_STEP_STATS_INIT;
    dm_status status = dm_trainer_step(scene->trainer, &stats, error);
    if (!status)
        scene->out.log_decay[0] = stats.gradient_norm;
    return status;
}

static dm_status act_input_gradient(struct scene *scene, dm_error *error) {
    return dm_trainer_input_gradient(scene->trainer, &scene->out.gradient, &scene->out.n,
                                     &scene->out.m, error);
}

static void use_gradient(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.gradient, scene->out.n * scene->out.m * sizeof(float));
}

static dm_status act_kept(struct scene *scene, dm_error *error) {
    return dm_trainer_kept(scene->trainer, scene->out.counts, 3, error);
}

static void use_kept(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.counts, 3 * sizeof *scene->out.counts);
}

static dm_status act_get_info(struct scene *scene, dm_error *error) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_status status = dm_trainer_get_info(scene->trainer, &info, error);
    if (!status)
        scene->out.n = info.n_parameter;
    return status;
}

static void use_n(struct scene *scene, uint64_t *digest) {
    digest_size(digest, scene->out.n);
}

static dm_status act_parameter(struct scene *scene, dm_error *error) {
    return dm_trainer_parameter(scene->trainer, parameters[1], &scene->out.values,
                                &scene->out.gradient, &scene->out.n, error);
}

static void use_parameter(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.values, scene->out.n * sizeof(float));
    digest_bytes(digest, scene->out.gradient, scene->out.n * sizeof(float));
}

static dm_status act_set_method(struct scene *scene, dm_error *error) {
    dm_method_options method = case_method();
    method.base_length = 20;
    return dm_trainer_set_method(scene->trainer, &method, error);
}

/* ---- Files ---- */

static dm_status act_save(struct scene *scene, dm_error *error) {
    return dm_trainer_save(scene->trainer, test_join(scene->directory, "saved"), "a note", error);
}

static void save_trainer(struct scene *scene) {
    dm_error error;
    require(act_save(scene, &error), &error);
}

static void prepare_saved(struct scene *scene) {
    prepare_stepped(scene);
    save_trainer(scene);
}

static void prepare_saved_lora(struct scene *scene) {
    prepare_lora(scene);
    save_trainer(scene);
}

static void prepare_saved_carrying(struct scene *scene) {
    dm_error error;
    prepare_carrying(scene);
    accumulate(scene->trainer, fewer);
    require(dm_trainer_step(scene->trainer, NULL, &error), &error);
    save_trainer(scene);
}

static dm_status resume(struct scene *scene, size_t lora_rank, dm_carry_kind carry,
                        dm_error *error) {
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    const dm_method_options method = case_method();
    options.n_thread = 1;
    options.learning_rate = 1e-2;
    options.method = &method;
    options.lora_rank = lora_rank;
    options.carry = carry;
    return dm_trainer_resume(test_join(scene->directory, "saved"), &options, &scene->out.trainer,
                             &scene->out.text, error);
}

static dm_status act_resume(struct scene *scene, dm_error *error) {
    return resume(scene, 0, DM_CARRY_NONE, error);
}

static dm_status act_resume_lora(struct scene *scene, dm_error *error) {
    return resume(scene, 2, DM_CARRY_NONE, error);
}

static dm_status act_resume_carrying(struct scene *scene, dm_error *error) {
    return resume(scene, 0, DM_CARRY_STATE, error);
}

static void use_resumed(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.text, strlen(scene->out.text));
    dm_free(scene->out.text);
    use_new_trainer(scene, digest);
}

static dm_status act_export(struct scene *scene, dm_error *error) {
    return dm_trainer_export(scene->trainer, test_join(scene->directory, "out"), DM_DTYPE_BF16,
                             error);
}

const struct memory_case memory_cases_training[] = {
    {.call = "dm_trainer_new", .act = act_new, .use = use_new_trainer},
    {.call = "dm_trainer_new", .what = "LoRA", .act = act_new_lora, .use = use_new_trainer},
    {.call = "dm_trainer_new", .what = "fitted", .act = act_new_fitted, .use = use_new_trainer},
    {.call = "dm_trainer_get_info",
     .prepare = prepare_trainer,
     .act = act_get_info,
     .use = use_n,
     .frugal = true},
    {.call = "dm_trainer_accumulate",
     .prepare = prepare_trainer,
     .act = act_accumulate,
     .use = use_loss},
    {.call = "dm_trainer_accumulate",
     .what = "after a step",
     .prepare = prepare_stepped,
     .act = act_accumulate,
     .use = use_loss},
    {.call = "dm_trainer_accumulate",
     .what = "carried states",
     .prepare = prepare_carrying,
     .act = act_accumulate,
     .use = use_loss},
    {.call = "dm_trainer_accumulate",
     .what = "LoRA",
     .prepare = prepare_lora,
     .act = act_accumulate,
     .use = use_loss},
    {.call = "dm_trainer_evaluate",
     .prepare = prepare_stepped,
     .act = act_evaluate,
     .use = use_loss},
    {.call = "dm_trainer_input_gradient",
     .prepare = prepare_accumulated,
     .act = act_input_gradient,
     .use = use_gradient,
     .frugal = true},
    {.call = "dm_trainer_kept",
     .prepare = prepare_accumulated,
     .act = act_kept,
     .use = use_kept,
     .frugal = true},
    {.call = "dm_trainer_step",
     .prepare = prepare_accumulated,
     .act = act_step,
     .use = use_loss,
     .frugal = true},
    {.call = "dm_trainer_step",
     .what = "LoRA",
     .prepare = prepare_accumulated_lora,
     .act = act_step,
     .use = use_loss,
     .frugal = true},
    {.call = "dm_trainer_set_method",
     .prepare = prepare_trainer,
     .act = act_set_method,
     .use = use_trainer},
    {.call = "dm_trainer_parameter",
     .prepare = prepare_accumulated,
     .act = act_parameter,
     .use = use_parameter,
     .frugal = true},
    {.call = "dm_trainer_save", .prepare = prepare_stepped, .act = act_save, .use = use_trainer},
    {.call = "dm_trainer_save",
     .what = "LoRA",
     .prepare = prepare_accumulated_lora,
     .act = act_save,
     .use = use_trainer},
    {.call = "dm_trainer_resume", .prepare = prepare_saved, .act = act_resume, .use = use_resumed},
    {.call = "dm_trainer_resume",
     .what = "LoRA",
     .prepare = prepare_saved_lora,
     .act = act_resume_lora,
     .use = use_resumed},
    {.call = "dm_trainer_resume",
     .what = "carried states",
     .prepare = prepare_saved_carrying,
     .act = act_resume_carrying,
     .use = use_resumed},
    {.call = "dm_trainer_export",
     .prepare = prepare_stepped,
     .act = act_export,
     .use = use_trainer},
    {.call = "dm_trainer_export",
     .what = "LoRA",
     .prepare = prepare_accumulated_lora,
     .act = act_export,
     .use = use_trainer},
    {0},
};
