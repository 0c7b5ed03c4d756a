/* Models, checkpoints, calibration and sessions. */
#include "memory_case.h"

static const size_t layers[] = {1, 2};

dm_method_options case_method(void) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = DM_METHOD_DECIMATE;
    method.layers = layers;
    method.n_layer = 2;
    method.base_length = 30;
    method.min_length = 5;
    method.keep_tail = case_tail;
    return method;
}

/* ---- What a model or a session does ---- */

static void digest_logits(dm_session *session, uint64_t *digest) {
    const dm_method_options method = case_method();
    struct outcome outcome = outcome_of(session, &method, case_vocab);
    for (size_t i = 0; i < outcome.n_stage; i++)
        digest_bytes(digest, outcome.kept[i], outcome.n_kept[i] * sizeof(size_t));
    digest_bytes(digest, outcome.logits, outcome.n_logit * sizeof *outcome.logits);
    free_outcome(&outcome);
}

static void digest_session(dm_session *session, uint64_t *digest) {
    float logits[case_vocab];
    dm_error error;
    digest_size(digest, dm_session_n_token(session));
    read_text(session, case_ids, 20);
    digest_logits(session, digest);
    require(dm_session_step(session, 7, logits, &error), &error);
    digest_bytes(digest, logits, sizeof logits);
}

static void digest_model(const dm_model *model, uint64_t *digest) {
    const dm_method_options method = case_method();
    dm_session *session = new_session(model, &method);
    read_text(session, case_ids, case_n_id);
    digest_session(session, digest);
    dm_session_free(session);
}

static void prepare_model(struct scene *scene) {
    scene->model = load_model(scene->checkpoint, NULL, 1);
}

/* ---- dm_model_*, dm_checkpoint_*, dm_calibrate ---- */

static dm_status load_from(const char *path, struct scene *scene, dm_error *error) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    options.n_thread = 2;
    return dm_model_load(path, &options, &scene->out.model, error);
}

static dm_status act_load(struct scene *scene, dm_error *error) {
    return load_from(scene->checkpoint, scene, error);
}

static void use_load(struct scene *scene, uint64_t *digest) {
    digest_model(scene->out.model, digest);
    dm_model_free(scene->out.model);
}

static dm_status act_load_reference(struct scene *scene, dm_error *error) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    options.n_thread = 1;
    options.cpu = "reference";
    return dm_model_load(scene->checkpoint, &options, &scene->out.model, error);
}

static dm_status act_load_shards(struct scene *scene, dm_error *error) {
    return load_from(test_data("checkpoints/mamba-sharded"), scene, error);
}

static dm_status act_load_bin(struct scene *scene, dm_error *error) {
    return load_from(test_data("checkpoints/official-strided-bin"), scene, error);
}

static dm_status act_load_compressed(struct scene *scene, dm_error *error) {
    return load_from(test_data("checkpoints/official-compressed-bin"), scene, error);
}

static dm_status act_load_falcon(struct scene *scene, dm_error *error) {
    return load_from(test_data("checkpoints/falcon-mamba"), scene, error);
}

static dm_status act_load_gguf(struct scene *scene, dm_error *error) {
    return load_from(test_source("fuzz/corpus/gguf/olmo"), scene, error);
}

static dm_status act_load_mamba2(struct scene *scene, dm_error *error) {
    return load_from(test_data("mamba2/mlp"), scene, error);
}

static void prepare_adapter(struct scene *scene) {
    static const char *const names[] = {"adapter_config.json", "adapter_model.safetensors"};
    for (size_t i = 0; i < 2; i++)
        test_copy_file(test_join(test_data("peft/projections"), names[i]),
                       test_join(scene->directory, names[i]));
    test_replace(test_join(scene->directory, names[0]), "mamba-tied-bf16",
                 test_data("transformers/mamba-tied-bf16"));
}

static dm_status act_load_adapter(struct scene *scene, dm_error *error) {
    return load_from(scene->directory, scene, error);
}

/* A model of other sizes: what it gives, in plain Mamba. */
static void use_load_other(struct scene *scene, uint64_t *digest) {
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    const int32_t ids[] = {1, 0, 2};
    dm_session *session = new_session(scene->out.model, &plain);
    size_t n = vocab_of(scene->out.model);
    float *logits = some(n, sizeof *logits);
    read_text(session, ids, 3);
    close_text(session, 1, logits);
    digest_bytes(digest, logits, n * sizeof *logits);
    free(logits);
    dm_session_free(session);
    dm_model_free(scene->out.model);
}

static dm_status act_get_info(struct scene *scene, dm_error *error) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_status status = dm_model_get_info(scene->model, &info, error);
    if (!status)
        scene->out.n = info.n_parameter;
    return status;
}

static void use_n(struct scene *scene, uint64_t *digest) {
    digest_size(digest, scene->out.n);
}

static dm_status act_default_method(struct scene *scene, dm_error *error) {
    scene->out.method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    return dm_model_default_method(scene->model, &scene->out.method, error);
}

static void use_default_method(struct scene *scene, uint64_t *digest) {
    digest_size(digest, scene->out.method.base_length);
}

static dm_status act_global_channels(struct scene *scene, dm_error *error) {
    const uint32_t *channels;
    return dm_model_global_channels(scene->model, 0, &channels, &scene->out.n, error);
}

static dm_status act_find(struct scene *scene, dm_error *error) {
    scene->out.method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    return dm_method_find("mamba-extend", &scene->out.method.kind, error);
}

static dm_status act_setting(struct scene *scene, dm_error *error) {
    dm_method_setting setting = DM_METHOD_SETTING_INIT;
    dm_status status = act_find(scene, error);
    return status ? status : dm_method_get_setting(scene->out.method.kind, 0, &setting, error);
}

static void use_found(struct scene *scene, uint64_t *digest) {
    digest_size(digest, (size_t)scene->out.method.kind);
}

static void prepare_profile(struct scene *scene) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_error error;
    options.n_thread = 1;
    options.profile = 1;
    require(dm_model_load(scene->checkpoint, &options, &scene->model, &error), &error);
}

static dm_status act_profile(struct scene *scene, dm_error *error) {
    return dm_model_get_profile(scene->model, &scene->out.times, &scene->out.n, error);
}

static void use_profile(struct scene *scene, uint64_t *digest) {
    for (size_t i = 0; i < scene->out.n; i++)
        digest_size(digest, scene->out.times[i].n_call);
    dm_free(scene->out.times);
}

static dm_status act_load_profile(struct scene *scene, dm_error *error) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    options.n_thread = 1;
    options.profile = 1;
    return dm_model_load(scene->checkpoint, &options, &scene->out.model, error);
}

static dm_status act_export_gguf(struct scene *scene, dm_error *error) {
    return dm_checkpoint_export_gguf(scene->checkpoint, test_join(scene->directory, "out.gguf"),
                                     DM_DTYPE_BF16, error);
}

/* What is written shows in the directory, which every case's digest takes in. */
static void use_directory(struct scene *scene, uint64_t *digest) {
    (void)scene, (void)digest;
}

static dm_status act_convert(struct scene *scene, dm_error *error) {
    return dm_checkpoint_convert(test_data("checkpoints/official-strided-bin"),
                                 test_join(scene->directory, "out"), DM_DTYPE_BF16, error);
}

static dm_status act_convert_gguf(struct scene *scene, dm_error *error) {
    return dm_checkpoint_convert(test_source("fuzz/corpus/gguf/pieces"),
                                 test_join(scene->directory, "out"), DM_DTYPE_AUTO, error);
}

/* Of a Mamba-2 with limits, and with what only state-spaces' class has. */
static dm_status act_convert_mamba2(struct scene *scene, dm_error *error) {
    return dm_checkpoint_convert(test_data("mamba2/gate"), test_join(scene->directory, "out"),
                                 DM_DTYPE_BF16, error);
}

static dm_status act_convert_own(struct scene *scene, dm_error *error) {
    return dm_checkpoint_convert(scene->checkpoint, test_join(scene->directory, "out"),
                                 DM_DTYPE_AUTO, error);
}

static dm_status act_init(struct scene *scene, dm_error *error) {
    return dm_checkpoint_init(test_join(scene->checkpoint, "config.json"),
                              test_join(scene->directory, "out"), DM_DTYPE_F32, 3, error);
}

static dm_status act_calibrate(struct scene *scene, dm_error *error) {
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    options.length = 30;
    options.log_decay = scene->out.log_decay;
    return dm_calibrate(scene->model, case_ids, case_n_id, &options, scene->directory, error);
}

static void use_calibrate(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.log_decay, sizeof scene->out.log_decay);
    digest_model(scene->model, digest);
}

/* ---- dm_session_* ---- */

static void make_sessions(struct scene *scene) {
    const dm_method_options method = case_method();
    prepare_model(scene);
    for (int i = 0; i < n_case_session; i++)
        scene->sessions[i] = new_session(scene->model, &method);
}

static void read_some(struct scene *scene) {
    for (int i = 0; i < n_case_session; i++)
        read_text(scene->sessions[i], case_ids + i, 40);
}

static void prepare_sessions(struct scene *scene) {
    make_sessions(scene);
    read_some(scene);
}

/* One of them keeps fewer tokens: they are no packed batch. */
static void prepare_unequal(struct scene *scene) {
    dm_method_options other = case_method();
    other.base_length--;
    make_sessions(scene);
    dm_session_free(scene->sessions[1]);
    scene->sessions[1] = new_session(scene->model, &other);
    read_some(scene);
}

static void mend_sessions(struct scene *scene) {
    for (int i = 0; i < n_case_session; i++)
        dm_session_reset(scene->sessions[i]);
    read_some(scene);
}

static void digest_sessions(struct scene *scene, uint64_t *digest) {
    for (int i = 0; i < n_case_session; i++)
        digest_session(scene->sessions[i], digest);
}

static dm_status act_new(struct scene *scene, dm_error *error) {
    const dm_method_options method = case_method();
    return dm_session_new(scene->model, &method, &scene->out.session, error);
}

/* It drops nothing, so nothing is kept to be told of. */
static void use_scaled(struct scene *scene, uint64_t *digest) {
    float logits[case_vocab];
    dm_error error;
    read_text(scene->out.session, case_ids, 20);
    require(dm_session_step(scene->out.session, 7, logits, &error), &error);
    digest_bytes(digest, logits, sizeof logits);
    dm_session_free(scene->out.session);
}

/* By a method with settings of its own. */
static dm_status act_new_scaled(struct scene *scene, dm_error *error) {
    static const double scale = 0.9;
    static const dm_method_value value = {"delta-scale", &scale, 1};
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    dm_status status = dm_method_find("mamba-extend", &method.kind, error);
    method.values = &value, method.n_value = 1;
    return status ? status : dm_session_new(scene->model, &method, &scene->out.session, error);
}

static void score_own(const dm_score_view *view, float *score, void *user) {
    for (size_t t = 0; t < view->n_token; t++)
        score[t] = view->delta[t * view->d_inner] - view->residual[t * view->d_model];
    (void)user;
}

/* By a score of the caller's own. */
static dm_status act_new_scored(struct scene *scene, dm_error *error) {
    dm_method_options method = case_method();
    method.score = DM_SCORE_CUSTOM;
    method.score_function = score_own, method.score_name = "own";
    return dm_session_new(scene->model, &method, &scene->out.session, error);
}

/* In the place of session 0, as its file gives it. */
static void prepare_scored(struct scene *scene) {
    dm_session **session = &scene->sessions[0];
    const char *path = test_join(scene->directory, "session");
    dm_error error;
    make_sessions(scene);
    dm_session_free(*session);
    require(act_new_scored(scene, &error), &error);
    require(dm_session_save(scene->out.session, path, &error), &error);
    dm_session_free(scene->out.session);
    require(dm_session_restore(scene->model, path, session, &error), &error);
}

static dm_status act_set_score(struct scene *scene, dm_error *error) {
    return dm_session_set_score(scene->sessions[0], "own", score_own, NULL, error);
}

static void use_scored(struct scene *scene, uint64_t *digest) {
    digest_session(scene->sessions[0], digest);
}

static void use_session(struct scene *scene, uint64_t *digest) {
    digest_session(scene->out.session, digest);
    dm_session_free(scene->out.session);
}

static dm_status act_append(struct scene *scene, dm_error *error) {
    return dm_session_append(scene->sessions[0], case_ids + 40, case_n_id - 40, error);
}

static void look_on(const dm_probe_view *view, void *user) {
    (void)view, (void)user;
}

static void prepare_probe(struct scene *scene) {
    prepare_sessions(scene);
    dm_session_set_probe(scene->sessions[0], look_on, NULL);
}

static dm_status act_append_many(struct scene *scene, dm_error *error) {
    const int32_t *ids[] = {case_ids + 40, case_ids};
    const size_t n_id[] = {case_n_id - 40, 30};
    return dm_append_many(scene->sessions, n_case_session, ids, n_id, error);
}

static void use_sessions(struct scene *scene, uint64_t *digest) {
    digest_sessions(scene, digest);
}

static dm_status act_logits(struct scene *scene, dm_error *error) {
    return dm_session_logits(scene->sessions[0], case_tail, scene->out.logits, error);
}

static void use_logits(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.logits, case_tail * case_vocab * sizeof(float));
    digest_sessions(scene, digest);
}

static dm_status act_next_logits(struct scene *scene, dm_error *error) {
    return dm_session_next_logits(scene->sessions[0], scene->out.logits, error);
}

static dm_status act_step(struct scene *scene, dm_error *error) {
    return dm_session_step(scene->sessions[0], 5, scene->out.logits, error);
}

static void use_step(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.logits, case_vocab * sizeof(float));
    digest_sessions(scene, digest);
}

static dm_status act_step_many(struct scene *scene, dm_error *error) {
    const int32_t ids[] = {5, 6};
    return dm_step_many(scene->sessions, n_case_session, ids, scene->out.logits, error);
}

static void use_step_many(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.logits, n_case_session * case_vocab * sizeof(float));
    digest_sessions(scene, digest);
}

static void prepare_closed(struct scene *scene) {
    prepare_sessions(scene);
    close_text(scene->sessions[0], case_tail, scene->out.logits);
}

static dm_status act_kept(struct scene *scene, dm_error *error) {
    return dm_session_kept(scene->sessions[0], 1, &scene->out.positions, &scene->out.n, error);
}

static void use_kept(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.positions, scene->out.n * sizeof(size_t));
}

static dm_status act_save(struct scene *scene, dm_error *error) {
    return dm_session_save(scene->sessions[0], test_join(scene->directory, "session"), error);
}

static void use_save(struct scene *scene, uint64_t *digest) {
    dm_session *restored;
    dm_error error;
    require(
        dm_session_restore(scene->model, test_join(scene->directory, "session"), &restored, &error),
        &error);
    digest_session(restored, digest);
    dm_session_free(restored);
    digest_sessions(scene, digest);
}

static void prepare_file(struct scene *scene) {
    dm_error error;
    prepare_closed(scene);
    require(act_save(scene, &error), &error);
}

static dm_status act_restore(struct scene *scene, dm_error *error) {
    return dm_session_restore(scene->model, test_join(scene->directory, "session"),
                              &scene->out.session, error);
}

static void make_sampler(struct scene *scene) {
    dm_sampler_options options = DM_SAMPLER_OPTIONS_INIT;
    dm_error error;
    options.temperature = 1;
    options.repetition_penalty = 2;
    require(dm_sampler_new(case_vocab, &options, &scene->sampler, &error), &error);
}

static void prepare_generation(struct scene *scene) {
    dm_error error;
    prepare_closed(scene);
    make_sampler(scene);
    require(dm_sampler_accept(scene->sampler, case_ids, 9, &error), &error);
}

static void digest_draws(dm_sampler *sampler, uint64_t *digest) {
    const float logits[case_vocab] = {0};
    int32_t id;
    dm_error error;
    for (int i = 0; i < 20; i++) {
        require(dm_sampler_draw(sampler, logits, case_vocab, &id, &error), &error);
        digest_bytes(digest, &id, sizeof id);
    }
}

static dm_status act_save_generation(struct scene *scene, dm_error *error) {
    return dm_generation_save(scene->sessions[0], scene->sampler,
                              test_join(scene->directory, "session"), error);
}

static void prepare_generation_file(struct scene *scene) {
    dm_error error;
    prepare_generation(scene);
    require(act_save_generation(scene, &error), &error);
    dm_sampler_free(scene->sampler);
    make_sampler(scene);
}

static dm_status act_restore_generation(struct scene *scene, dm_error *error) {
    return dm_generation_restore(scene->model, test_join(scene->directory, "session"),
                                 &scene->out.session, scene->sampler, NULL, error);
}

static void use_generation(struct scene *scene, uint64_t *digest) {
    digest_draws(scene->sampler, digest);
    use_session(scene, digest);
}

/* ---- Forks, marks and memory ---- */

static dm_status act_sampler_rewind(struct scene *scene, dm_error *error) {
    return dm_sampler_rewind(scene->sampler, scene->sampler, error);
}

static void use_sampler_rewind(struct scene *scene, uint64_t *digest) {
    digest_draws(scene->sampler, digest);
}

static dm_status act_fork(struct scene *scene, dm_error *error) {
    return dm_session_fork(scene->sessions[0], &scene->out.session, error);
}

static void use_fork(struct scene *scene, uint64_t *digest) {
    use_session(scene, digest);
    digest_sessions(scene, digest);
}

/* What a method with settings of its own holds is copied too. */
static void prepare_scaled(struct scene *scene) {
    dm_error error;
    prepare_model(scene);
    require(act_new_scaled(scene, &error), &error);
    scene->sessions[0] = scene->out.session;
}

/* To a mark that holds more than the session ever did. */
static void prepare_mark(struct scene *scene) {
    prepare_closed(scene);
    dm_session_free(scene->sessions[1]);
    const dm_method_options method = case_method();
    scene->sessions[1] = new_session(scene->model, &method);
    read_text(scene->sessions[1], case_ids, 3);
}

static dm_status act_rewind(struct scene *scene, dm_error *error) {
    return dm_session_rewind(scene->sessions[1], scene->sessions[0], error);
}

/* Back to where it was: it holds enough already. */
static void prepare_own_mark(struct scene *scene) {
    dm_error error;
    prepare_closed(scene);
    dm_session_free(scene->sessions[1]);
    require(dm_session_fork(scene->sessions[0], &scene->sessions[1], &error), &error);
    read_text(scene->sessions[0], case_ids, 10);
}

static dm_status act_rewind_own(struct scene *scene, dm_error *error) {
    return dm_session_rewind(scene->sessions[0], scene->sessions[1], error);
}

static dm_status act_append_logprobs(struct scene *scene, dm_error *error) {
    double logprobs[20]; /* which a failure may have filled in part */
    dm_status status =
        dm_session_append_logprobs(scene->sessions[0], case_ids + 40, 20, logprobs, error);
    if (!status)
        memcpy(scene->out.log_decay, logprobs, sizeof logprobs);
    return status;
}

static void use_logprobs(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.log_decay, 20 * sizeof *scene->out.log_decay);
    digest_sessions(scene, digest);
}

static dm_status act_save_buffer(struct scene *scene, dm_error *error) {
    return dm_session_save_buffer(scene->sessions[0], &scene->out.bytes, &scene->out.n, error);
}

static void use_buffer(struct scene *scene, uint64_t *digest) {
    digest_bytes(digest, scene->out.bytes, scene->out.n);
    dm_free(scene->out.bytes);
    digest_sessions(scene, digest);
}

static dm_status act_save_generation_buffer(struct scene *scene, dm_error *error) {
    return dm_generation_save_buffer(scene->sessions[0], scene->sampler, &scene->out.bytes,
                                     &scene->out.n, error);
}

static dm_status act_restore_buffer(struct scene *scene, dm_error *error) {
    return dm_session_restore_buffer(scene->model, scene->bytes, scene->n_byte, &scene->out.session,
                                     error);
}

static void prepare_buffer(struct scene *scene) {
    prepare_generation_file(scene);
    scene->bytes = test_read_file(test_join(scene->directory, "session"), &scene->n_byte);
}

static dm_status act_restore_generation_buffer(struct scene *scene, dm_error *error) {
    return dm_generation_restore_buffer(scene->model, scene->bytes, scene->n_byte,
                                        &scene->out.session, scene->sampler, NULL, error);
}

const struct memory_case memory_cases_reading[] = {
    {.call = "dm_model_load", .act = act_load, .use = use_load},
    {.call = "dm_model_load",
     .what = "for the reference",
     .act = act_load_reference,
     .use = use_load},
    {.call = "dm_model_load", .what = "shards", .act = act_load_shards, .use = use_load_other},
    {.call = "dm_model_load",
     .what = "pytorch_model.bin",
     .act = act_load_bin,
     .zip = true,
     .use = use_load_other},
    {.call = "dm_model_load",
     .what = "compressed",
     .act = act_load_compressed,
     .zip = true,
     .use = use_load_other},
    {.call = "dm_model_load", .what = "falcon", .act = act_load_falcon, .use = use_load_other},
    {.call = "dm_model_load", .what = "GGUF", .act = act_load_gguf, .use = use_load_other},
    {.call = "dm_model_load", .what = "mamba2", .act = act_load_mamba2, .use = use_load_other},
    {.call = "dm_model_load",
     .what = "adapter",
     .prepare = prepare_adapter,
     .act = act_load_adapter,
     .use = use_load_other},
    {.call = "dm_model_get_info",
     .prepare = prepare_model,
     .act = act_get_info,
     .use = use_n,
     .frugal = true},
    {.call = "dm_model_load", .what = "profile", .act = act_load_profile, .use = use_load},
    {.call = "dm_model_get_profile",
     .prepare = prepare_profile,
     .act = act_profile,
     .use = use_profile},
    {.call = "dm_checkpoint_export_gguf", .act = act_export_gguf, .use = use_directory},
    {.call = "dm_model_default_method",
     .prepare = prepare_model,
     .act = act_default_method,
     .use = use_default_method,
     .frugal = true},
    {.call = "dm_model_global_channels",
     .prepare = prepare_model,
     .act = act_global_channels,
     .use = use_n,
     .frugal = true},
    {.call = "dm_method_find", .act = act_find, .use = use_found, .frugal = true},
    {.call = "dm_method_get_setting", .act = act_setting, .use = use_found, .frugal = true},
    {.call = "dm_checkpoint_convert", .act = act_convert, .zip = true, .use = use_directory},
    {.call = "dm_checkpoint_convert",
     .what = "of a GGUF file",
     .act = act_convert_gguf,
     .use = use_directory},
    {.call = "dm_checkpoint_convert",
     .what = "mamba2",
     .act = act_convert_mamba2,
     .use = use_directory},
    {.call = "dm_checkpoint_convert",
     .what = "with decimamba.json",
     .act = act_convert_own,
     .use = use_directory},
    {.call = "dm_checkpoint_init", .act = act_init, .use = use_directory},
    {.call = "dm_calibrate", .prepare = prepare_model, .act = act_calibrate, .use = use_calibrate},
    {.call = "dm_session_new", .prepare = prepare_model, .act = act_new, .use = use_session},
    {.call = "dm_session_new",
     .what = "with settings of its own",
     .prepare = prepare_model,
     .act = act_new_scaled,
     .use = use_scaled},
    {.call = "dm_session_new",
     .what = "with a score of the caller's own",
     .prepare = prepare_model,
     .act = act_new_scored,
     .use = use_session},
    {.call = "dm_session_set_score",
     .prepare = prepare_scored,
     .act = act_set_score,
     .use = use_scored,
     .frugal = true},
    {.call = "dm_session_append",
     .prepare = prepare_sessions,
     .act = act_append,
     .use = use_sessions,
     .mend = mend_sessions},
    {.call = "dm_session_append",
     .what = "with a probe",
     .prepare = prepare_probe,
     .act = act_append,
     .use = use_sessions,
     .mend = mend_sessions},
    {.call = "dm_append_many",
     .what = "by unequal methods",
     .prepare = prepare_unequal,
     .act = act_append_many,
     .use = use_sessions,
     .mend = mend_sessions},
    {.call = "dm_append_many",
     .prepare = prepare_sessions,
     .act = act_append_many,
     .use = use_sessions,
     .mend = mend_sessions},
    {.call = "dm_session_logits",
     .prepare = prepare_sessions,
     .act = act_logits,
     .use = use_logits},
    {.call = "dm_session_step",
     .prepare = prepare_sessions,
     .act = act_step,
     .use = use_step,
     .mend = mend_sessions},
    {.call = "dm_step_many",
     .what = "by unequal methods",
     .prepare = prepare_unequal,
     .act = act_step_many,
     .use = use_step_many,
     .mend = mend_sessions},
    {.call = "dm_step_many",
     .prepare = prepare_sessions,
     .act = act_step_many,
     .use = use_step_many,
     .mend = mend_sessions},
    {.call = "dm_session_kept",
     .prepare = prepare_closed,
     .act = act_kept,
     .use = use_kept,
     .frugal = true},
    {.call = "dm_session_save", .prepare = prepare_closed, .act = act_save, .use = use_save},
    {.call = "dm_session_restore", .prepare = prepare_file, .act = act_restore, .use = use_session},
    {.call = "dm_session_next_logits",
     .prepare = prepare_sessions,
     .act = act_next_logits,
     .use = use_logits},
    {.call = "dm_generation_save",
     .prepare = prepare_generation,
     .act = act_save_generation,
     .use = use_save},
    {.call = "dm_generation_restore",
     .prepare = prepare_generation_file,
     .act = act_restore_generation,
     .use = use_generation},
    {.call = "dm_session_fork", .prepare = prepare_closed, .act = act_fork, .use = use_fork},
    {.call = "dm_session_fork",
     .what = "with settings of its own",
     .prepare = prepare_scaled,
     .act = act_fork,
     .use = use_scaled},
    {.call = "dm_session_rewind", .prepare = prepare_mark, .act = act_rewind, .use = use_sessions},
    {.call = "dm_session_rewind",
     .what = "to a fork of its own",
     .prepare = prepare_own_mark,
     .act = act_rewind_own,
     .use = use_sessions,
     .frugal = true},
    {.call = "dm_sampler_rewind",
     .prepare = prepare_generation,
     .act = act_sampler_rewind,
     .use = use_sampler_rewind,
     .frugal = true},
    {.call = "dm_session_append_logprobs",
     .prepare = prepare_sessions,
     .act = act_append_logprobs,
     .use = use_logprobs,
     .mend = mend_sessions},
    {.call = "dm_session_save_buffer",
     .prepare = prepare_closed,
     .act = act_save_buffer,
     .use = use_buffer},
    {.call = "dm_session_restore_buffer",
     .prepare = prepare_buffer,
     .act = act_restore_buffer,
     .use = use_session},
    {.call = "dm_generation_save_buffer",
     .prepare = prepare_generation,
     .act = act_save_generation_buffer,
     .use = use_buffer},
    {.call = "dm_generation_restore_buffer",
     .prepare = prepare_buffer,
     .act = act_restore_generation_buffer,
     .use = use_generation},
    {0},
};
