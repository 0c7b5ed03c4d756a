/* What training promises beyond right gradients: it reads as a session does, packing and threads
 * change nothing, frozen stays frozen, LoRA is what its merged model computes, and a saved training
 * goes on to the same bits. */
#include "engine.h"

#include "base/memory.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 3,
                                   .d_model = 24,
                                   .expand = 2,
                                   .d_state = 4,
                                   .d_conv = 4,
                                   .dt_rank = 3,
                                   .vocab_size = 40};
enum { N_TOKEN = 160, N_SEQUENCE = 4, N_STEP = 6 };
static const size_t start[N_SEQUENCE + 1] = {0, 70, 71, 90, N_TOKEN};
static const size_t tails[N_SEQUENCE] = {9, 1, 30, 4};
static const size_t layers[] = {1, 2};

struct scene {
    char model[TEST_MAX_PATH];
    int32_t ids[N_TOKEN];
    float weight[N_TOKEN];
    dm_method_options method;
    dm_trainer_options options;
    dm_training_batch batch;
};

static void fill(struct scene *scene) {
    struct dm_random random;
    dm_random_seed(&random, 8);
    *scene = (struct scene){.method = DM_METHOD_OPTIONS_INIT,
                            .options = DM_TRAINER_OPTIONS_INIT,
                            .batch = DM_TRAINING_BATCH_INIT};
    snprintf(scene->model, sizeof scene->model, "%s", make_checkpoint(test_directory, &shape, 5));
    for (size_t t = 0; t < N_TOKEN; t++) {
        scene->ids[t] = (int32_t)dm_random_below(&random, shape.vocab_size);
        scene->weight[t] = t % 5 == 0 ? 0 : (float)(t % 7) / 4;
    }
    scene->method.kind = DM_METHOD_DECIMATE;
    scene->method.layers = layers, scene->method.n_layer = 2;
    scene->method.base_length = 20, scene->method.beta = 0.5, scene->method.min_length = 3;
    scene->options.method = &scene->method;
    scene->options.learning_rate = 3e-3;
    scene->options.n_thread = 2;
    scene->batch.n_sequence = N_SEQUENCE, scene->batch.start = start;
    scene->batch.ids = scene->ids, scene->batch.weight = scene->weight;
    scene->batch.keep_tail = tails;
}

static dm_trainer *new_trainer(const struct scene *scene) {
    dm_trainer *trainer;
    dm_error error;
    require(dm_trainer_new(scene->model, &scene->options, &trainer, &error), &error);
    return trainer;
}

static void take_step(dm_trainer *trainer, const dm_training_batch *batch, dm_step_stats *stats) {
    dm_error error;
    require(dm_trainer_accumulate(trainer, batch, NULL, &error), &error);
    require(dm_trainer_step(trainer, stats, &error), &error);
}

static const char *const names[] = {"backbone.embeddings.weight",
                                    "backbone.layers.0.mixer.in_proj.weight",
                                    "backbone.layers.1.mixer.A_log",
                                    "backbone.layers.1.mixer.conv1d.bias",
                                    "backbone.layers.1.mixer.conv1d.weight",
                                    "backbone.layers.1.mixer.out_proj.weight",
                                    "backbone.norm_f.weight",
                                    "lm_head.weight"};
enum { n_name = sizeof names / sizeof *names };

static void get(const dm_trainer *trainer, const char *name, const float **values,
                const float **gradient, size_t *n) {
    dm_error error;
    require(dm_trainer_parameter(trainer, name, values, gradient, n, &error), &error);
}

static void expect_same_values(const dm_trainer *a, const dm_trainer *b) {
    for (int i = 0; i < n_name; i++) {
        const float *x, *y;
        size_t n, m;
        get(a, names[i], &x, NULL, &n);
        get(b, names[i], &y, NULL, &m);
        assert_int_equal(n, m);
        assert_memory_equal(x, y, n * sizeof *x);
    }
}

/* The loss of one sequence as sessions read it, over its always-kept tail. */
static double session_loss(const struct scene *scene, const dm_model *model, size_t s,
                           double *weight) {
    size_t n = start[s + 1] - start[s], n_last = tails[s] < n ? tails[s] : n;
    size_t vocab_size = vocab_of(model);
    dm_method_options method = scene->method;
    method.keep_tail = n_last;
    dm_session *session = new_session(model, &method);
    float *logits = some(n_last * vocab_size, sizeof *logits);
    read_text(session, scene->ids + start[s], n);
    close_text(session, n_last, logits);
    double sum = 0;
    for (size_t i = 0; i + 1 < n_last; i++) {
        size_t next = start[s + 1] - n_last + i + 1;
        sum += (double)scene->weight[next] *
               dm_negative_log_likelihood(logits + i * vocab_size, vocab_size, scene->ids[next]);
        *weight += (double)scene->weight[next];
    }
    dm_session_free(session);
    free(logits);
    return sum;
}

static void test_reads_as_a_session(void **state) {
    (void)state;
    struct scene scene;
    dm_model *model;
    dm_error error;
    dm_training_loss loss = DM_TRAINING_LOSS_INIT;
    double sum = 0, weight = 0;
    fill(&scene);
    for (size_t s = 0; s < N_SEQUENCE; s++) /* the sessions have logits of the tail alone */
        for (size_t t = start[s]; t < start[s + 1]; t++)
            if (t - start[s] + tails[s] <= start[s + 1] - start[s])
                scene.weight[t] = 0;
    require(dm_model_load(scene.model, NULL, &model, &error), &error);
    for (size_t s = 0; s < N_SEQUENCE; s++)
        sum += session_loss(&scene, model, s, &weight);
    for (int recompute = 0; recompute < 2; recompute++) {
        scene.options.recompute = recompute;
        dm_trainer *trainer = new_trainer(&scene);
        require(dm_trainer_evaluate(trainer, &scene.batch, &loss, &error), &error);
        assert_true(fabs(loss.weight - weight) < 1e-6 * weight);
        assert_true(fabs(loss.sum - sum) < 1e-5 * sum);
        double evaluated = loss.sum;
        require(dm_trainer_accumulate(trainer, &scene.batch, &loss, &error), &error);
        assert_true(fabs(loss.sum - evaluated) < 1e-6 * evaluated);
        dm_trainer_free(trainer);
    }
    dm_model_free(model);
}

/* Sequence by sequence, accumulated, gives the gradient of all at once. */
static void test_packing(void **state) {
    (void)state;
    struct scene scene;
    dm_error error;
    fill(&scene);
    dm_trainer *packed = new_trainer(&scene), *single = new_trainer(&scene);
    require(dm_trainer_accumulate(packed, &scene.batch, NULL, &error), &error);
    for (size_t s = 0; s < N_SEQUENCE; s++) {
        const size_t alone[] = {0, start[s + 1] - start[s]};
        dm_training_batch batch = scene.batch;
        batch.n_sequence = 1, batch.start = alone, batch.ids += start[s];
        batch.weight += start[s], batch.keep_tail += s;
        require(dm_trainer_accumulate(single, &batch, NULL, &error), &error);
    }
    for (int i = 0; i < n_name; i++) {
        const float *a, *b;
        size_t n;
        get(packed, names[i], NULL, &a, &n);
        get(single, names[i], NULL, &b, &n);
        assert_true(difference(a, b, n) < 2e-5);
    }
    dm_trainer_free(packed);
    dm_trainer_free(single);
}

/* By sequence, the loss is the sum of each one's mean over what counts of it, the second has a
 * single token and so none, and the gradient is that of this sum, in one batch or in several. */
static void test_by_sequence(void **state) {
    (void)state;
    struct scene scene;
    dm_error error;
    dm_training_loss loss = DM_TRAINING_LOSS_INIT, one = DM_TRAINING_LOSS_INIT;
    double sum = 0, n_counted = 0;
    fill(&scene);
    dm_trainer *packed = new_trainer(&scene), *single = new_trainer(&scene),
               *split = new_trainer(&scene);
    dm_training_batch batch = scene.batch, part;
    batch.by_sequence = 1;
    require(dm_trainer_accumulate(packed, &batch, &loss, &error), &error);
    float *mean[n_name];
    for (int i = 0; i < n_name; i++) {
        size_t n;
        get(single, names[i], NULL, NULL, &n);
        mean[i] = some(n, sizeof **mean);
    }
    for (size_t s = 0; s < N_SEQUENCE; s++) {
        const size_t alone[] = {0, start[s + 1] - start[s]};
        part = scene.batch;
        part.n_sequence = 1, part.start = alone, part.ids += start[s];
        part.weight += start[s], part.keep_tail += s;
        require(dm_trainer_accumulate(single, &part, &one, &error), &error);
        part.by_sequence = 1;
        require(dm_trainer_accumulate(split, &part, NULL, &error), &error);
        for (int i = 0; i < n_name && one.weight > 0; i++) {
            const float *gradient;
            size_t n;
            get(single, names[i], NULL, &gradient, &n);
            for (size_t j = 0; j < n; j++)
                mean[i][j] += gradient[j] / (float)one.weight;
        }
        sum += one.weight > 0 ? one.sum / one.weight : 0;
        n_counted += one.weight > 0;
        dm_trainer_forget(single);
    }
    assert_true(n_counted == N_SEQUENCE - 1);
    assert_true(fabs(loss.weight - n_counted) < 1e-6 && fabs(loss.sum - sum) < 1e-5 * sum);
    for (int i = 0; i < n_name; i++) {
        const float *a, *b;
        size_t n;
        get(packed, names[i], NULL, &a, &n);
        get(split, names[i], NULL, &b, &n);
        assert_true(difference(a, mean[i], n) < 2e-5);
        assert_true(difference(b, mean[i], n) < 2e-5);
        free(mean[i]);
    }
    dm_step_stats stats = DM_STEP_STATS_INIT;
    require(dm_trainer_step(split, &stats, &error), &error);
    assert_true(fabs(stats.loss - sum / n_counted) < 1e-5 * stats.loss);
    dm_trainer_free(packed);
    dm_trainer_free(single);
    dm_trainer_free(split);
}

static void test_threads(void **state) {
    (void)state;
    static const size_t counts[] = {1, 2, 5};
    struct scene scene;
    dm_trainer *trainers[3];
    fill(&scene);
    for (int i = 0; i < 3; i++) {
        scene.options.n_thread = counts[i];
        trainers[i] = new_trainer(&scene);
        for (int step = 0; step < N_STEP; step++)
            take_step(trainers[i], &scene.batch, NULL);
    }
    expect_same_values(trainers[0], trainers[1]);
    expect_same_values(trainers[0], trainers[2]);
    for (int i = 0; i < 3; i++)
        dm_trainer_free(trainers[i]);
}

/* Saved after some steps and resumed, it ends where the one that went on ends. */
static void check_resume(struct scene *scene, const char *name) {
    char saved[TEST_MAX_PATH];
    snprintf(saved, sizeof saved, "%s", test_join(test_directory, name));
    dm_error error;
    dm_step_stats stats = DM_STEP_STATS_INIT, again = DM_STEP_STATS_INIT;
    dm_trainer *trainer = new_trainer(scene), *resumed;
    char *note = NULL;
    for (int step = 0; step < N_STEP / 2; step++)
        take_step(trainer, &scene->batch, NULL);
    require(dm_trainer_save(trainer, saved, "{\"a\": 1}", &error), &error);
    require(dm_trainer_resume(saved, &scene->options, &resumed, &note, &error), &error);
    assert_string_equal(note, "{\"a\": 1}");
    dm_free(note);
    assert_int_equal(dm_trainer_step_count(resumed), N_STEP / 2);
    for (int step = N_STEP / 2; step < N_STEP; step++) {
        take_step(trainer, &scene->batch, &stats);
        take_step(resumed, &scene->batch, &again);
        assert_memory_equal(&stats, &again, sizeof stats);
    }
    expect_same_values(trainer, resumed);
    dm_trainer_free(trainer);
    dm_trainer_free(resumed);
}

static void test_resume(void **state) {
    (void)state;
    struct scene scene;
    dm_trainer *trainer;
    dm_error error;
    fill(&scene);
    check_resume(&scene, "saved");
    scene.options.spike = 50, scene.options.warmup = 2, scene.options.n_step = N_STEP;
    scene.options.schedule = DM_SCHEDULE_COSINE;
    check_resume(&scene, "saved-cosine");
    scene.options.lora_rank = 2;
    check_resume(&scene, "saved-lora");
    /* what does not fit is refused */
    scene.options.lora_rank = 3;
    assert_int_equal(dm_trainer_resume(test_join(test_directory, "saved-lora"), &scene.options,
                                       &trainer, NULL, &error),
                     DM_ERROR_MISMATCH);
    scene.options.lora_rank = 0;
    const char *const frozen[] = {"*A_log"};
    scene.options.frozen = frozen, scene.options.n_frozen = 1;
    assert_int_equal(dm_trainer_resume(test_join(test_directory, "saved"), &scene.options, &trainer,
                                       NULL, &error),
                     DM_ERROR_MISMATCH);
}

static void test_frozen(void **state) {
    (void)state;
    static const char *const frozen[] = {"backbone.layers.0.*", "*A_log", "backbone.emb*weight"};
    struct scene scene;
    dm_error error;
    fill(&scene);
    dm_trainer *before = new_trainer(&scene), *trainer;
    scene.options.frozen = frozen, scene.options.n_frozen = 3;
    trainer = new_trainer(&scene);
    assert_true(dm_trainer_n_parameter(trainer, 1) < dm_trainer_n_parameter(trainer, 0));
    take_step(trainer, &scene.batch, NULL);
    for (int i = 0; i < n_name; i++) {
        const float *a, *b;
        size_t n;
        get(before, names[i], &a, NULL, &n);
        get(trainer, names[i], &b, NULL, &n);
        assert_int_equal(memcmp(a, b, n * sizeof *a) == 0, i < 3);
    }
    dm_trainer_free(trainer);
    dm_trainer_free(before);
    static const char *const none[] = {"*.A_lag"}, *const all[] = {"*"};
    scene.options.frozen = none, scene.options.n_frozen = 1;
    assert_int_equal(dm_trainer_new(scene.model, &scene.options, &trainer, &error),
                     DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "*.A_lag");
    scene.options.frozen = all;
    assert_int_equal(dm_trainer_new(scene.model, &scene.options, &trainer, &error),
                     DM_ERROR_ARGUMENT);
}

/* The tokens' shares of an embedding row's gradient, where the head has a matrix of its own. */
static void test_input_gradient(void **state) {
    (void)state;
    static const char *const layers_frozen[] = {"backbone.layers.*"};
    static const char *const bottom_frozen[] = {"backbone.layers.0.*", "backbone.embeddings.*"};
    struct scene scene;
    dm_error error;
    const float *gradient, *rows, *again;
    size_t n, n_token, D;
    fill(&scene);
    for (int recompute = 0; recompute < 2; recompute++) {
        scene.options.recompute = recompute;
        dm_trainer *trainer = new_trainer(&scene);
        assert_int_equal(dm_trainer_input_gradient(trainer, &gradient, &n_token, &D, &error),
                         DM_ERROR_ARGUMENT);
        require(dm_trainer_accumulate(trainer, &scene.batch, NULL, &error), &error);
        require(dm_trainer_input_gradient(trainer, &gradient, &n_token, &D, &error), &error);
        assert_int_equal(n_token, N_TOKEN);
        get(trainer, names[0], NULL, &rows, &n);
        assert_int_equal(n, shape.vocab_size * D);
        double *sums = some(n, sizeof *sums), largest = 0;
        for (size_t i = 0; i < N_TOKEN * D; i++)
            sums[(size_t)scene.ids[i / D] * D + i % D] += (double)gradient[i];
        for (size_t i = 0; i < n; i++)
            largest = fmax(largest, fabs((double)rows[i]));
        assert_true(largest > 0);
        for (size_t i = 0; i < n; i++)
            assert_true(fabs(sums[i] - (double)rows[i]) < 1e-5 * largest);
        free(sums);
        /* no layer of its own needs to be trained for it */
        scene.options.frozen = layers_frozen, scene.options.n_frozen = 1;
        dm_trainer *other = new_trainer(&scene);
        require(dm_trainer_accumulate(other, &scene.batch, NULL, &error), &error);
        require(dm_trainer_input_gradient(other, &again, NULL, NULL, &error), &error);
        assert_memory_equal(gradient, again, N_TOKEN * D * sizeof *gradient);
        dm_trainer_free(other);
        /* what was only evaluated, or ends above the embedding, has none */
        require(dm_trainer_evaluate(trainer, &scene.batch, NULL, &error), &error);
        assert_int_equal(dm_trainer_input_gradient(trainer, &gradient, NULL, NULL, &error),
                         DM_ERROR_ARGUMENT);
        dm_trainer_free(trainer);
        scene.options.frozen = bottom_frozen, scene.options.n_frozen = 2;
        trainer = new_trainer(&scene);
        require(dm_trainer_accumulate(trainer, &scene.batch, NULL, &error), &error);
        assert_int_equal(dm_trainer_input_gradient(trainer, &gradient, NULL, NULL, &error),
                         DM_ERROR_ARGUMENT);
        test_expect_error(&error, DM_ERROR_ARGUMENT, "embedding");
        dm_trainer_free(trainer);
        scene.options.n_frozen = 0;
    }
}

/* The loss of an exported model read by sessions is that of the trainer. */
static double exported_loss(struct scene *scene, const char *directory) {
    dm_model *model;
    dm_error error;
    double weight = 0, sum = 0;
    require(dm_model_load(directory, NULL, &model, &error), &error);
    for (size_t s = 0; s < N_SEQUENCE; s++)
        sum += session_loss(scene, model, s, &weight);
    dm_model_free(model);
    return sum;
}

static void check_export(struct scene *scene, const char *name) {
    dm_training_loss loss = DM_TRAINING_LOSS_INIT;
    dm_error error;
    char path[TEST_MAX_PATH];
    snprintf(path, sizeof path, "%s", test_join(test_directory, name));
    dm_trainer *trainer = new_trainer(scene);
    double first = exported_loss(scene, scene->model);
    for (int step = 0; step < 3; step++)
        take_step(trainer, &scene->batch, NULL);
    require(dm_trainer_evaluate(trainer, &scene->batch, &loss, &error), &error);
    require(dm_trainer_export(trainer, path, DM_DTYPE_F32, &error), &error);
    double last = exported_loss(scene, path);
    assert_true(last < first - 0.5); /* it learns */
    assert_true(fabs(last - loss.sum) < 2e-5 * last);
    assert_int_equal(dm_trainer_export(trainer, path, DM_DTYPE_F32, &error), DM_ERROR_IO);
    dm_trainer_free(trainer);
}

static void test_export(void **state) {
    (void)state;
    struct scene scene;
    dm_model *model;
    dm_error error;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    fill(&scene);
    for (size_t s = 0; s < N_SEQUENCE; s++)
        for (size_t t = start[s]; t < start[s + 1]; t++)
            if (t - start[s] + tails[s] <= start[s + 1] - start[s])
                scene.weight[t] = 0;
    check_export(&scene, "exported");
    scene.options.lora_rank = 4, scene.options.learning_rate = 3e-2;
    check_export(&scene, "exported-lora");
    /* how it was trained is how it is read by default */
    require(dm_model_load(test_join(test_directory, "exported"), NULL, &model, &error), &error);
    require(dm_model_default_method(model, &method, &error), &error);
    assert_int_equal(method.kind, DM_METHOD_DECIMATE);
    assert_int_equal(method.n_layer, 2);
    assert_int_equal(method.base_length, 20);
    assert_int_equal(method.keep_tail, 1);
    dm_model_free(model);
}

static void test_schedule(void **state) {
    (void)state;
    static const double expected[3][8] = {{1, 2, 2, 2, 2, 2, 2, 2},
                                          {1, 2, 1.82, 1.3, 0.7, 0.2, 0.2, 0.2},
                                          {1, 2, 1.55, 1.1, 0.65, 0.2, 0.2, 0.2}};
    struct scene scene;
    fill(&scene);
    scene.options.learning_rate = 2e-4, scene.options.warmup = 2, scene.options.n_step = 6;
    scene.options.final_rate = 0.1;
    for (int schedule = 0; schedule < 3; schedule++) {
        scene.options.schedule = (dm_schedule)schedule;
        dm_trainer *trainer = new_trainer(&scene);
        for (int step = 0; step < 8; step++) {
            dm_step_stats stats = DM_STEP_STATS_INIT;
            take_step(trainer, &scene.batch, &stats);
            double rate = expected[schedule][step];
            if (schedule == DM_SCHEDULE_COSINE && step > 1 && step < 5) /* 4 steps of a half turn */
                rate = 0.2 + 1.8 * (1 + cos((step - 1) * 3.14159265358979 / 4)) / 2;
            assert_true(fabs(stats.learning_rate - 1e-4 * rate) < 1e-12);
        }
        dm_trainer_free(trainer);
    }
}

/* Numbers that are not finite stop a step and leave the weights as they were. */
static void test_numbers(void **state) {
    (void)state;
    struct scene scene;
    dm_error error;
    fill(&scene);
    scene.options.spike = 1.001;
    dm_trainer *trainer = new_trainer(&scene), *other = new_trainer(&scene);
    take_step(trainer, &scene.batch, NULL);
    take_step(other, &scene.batch, NULL);
    dm_training_batch batch = scene.batch;
    const size_t short_start[] = {0, 3}; /* another text, another norm: far out of line */
    batch.n_sequence = 1, batch.start = short_start, batch.weight = NULL;
    require(dm_trainer_accumulate(trainer, &batch, NULL, &error), &error);
    assert_int_equal(dm_trainer_step(trainer, NULL, &error), DM_ERROR_NUMBER);
    test_expect_error(&error, DM_ERROR_NUMBER, "running mean");
    assert_int_equal(dm_trainer_step_count(trainer), 1);
    expect_same_values(trainer, other);
    assert_int_equal(dm_trainer_step(trainer, NULL, &error), DM_ERROR_ARGUMENT); /* forgotten */
    float *weight = some(N_TOKEN, sizeof *weight);
    for (size_t t = 0; t < N_TOKEN; t++)
        weight[t] = 3e38f; /* finite, its products are not */
    batch = scene.batch, batch.weight = weight;
    dm_status status = dm_trainer_accumulate(trainer, &batch, NULL, &error);
    if (!status)
        status = dm_trainer_step(trainer, NULL, &error);
    assert_int_equal(status, DM_ERROR_NUMBER);
    expect_same_values(trainer, other);
    free(weight);
    dm_trainer_free(trainer);
    dm_trainer_free(other);
}

static void test_arguments(void **state) {
    (void)state;
    struct scene scene;
    dm_error error;
    dm_trainer *trainer;
    fill(&scene);
    trainer = new_trainer(&scene);
    dm_training_batch batch = scene.batch;
    const size_t backwards[] = {0, 5, 3, 9, 10}, late[] = {1, 2};
    const size_t no_tail[N_SEQUENCE] = {1, 0, 1, 1};
    batch.start = backwards;
    assert_int_equal(dm_trainer_accumulate(trainer, &batch, NULL, &error), DM_ERROR_ARGUMENT);
    batch.start = late, batch.n_sequence = 1;
    assert_int_equal(dm_trainer_accumulate(trainer, &batch, NULL, &error), DM_ERROR_ARGUMENT);
    batch = scene.batch, batch.keep_tail = no_tail;
    assert_int_equal(dm_trainer_accumulate(trainer, &batch, NULL, &error), DM_ERROR_ARGUMENT);
    batch = scene.batch;
    scene.ids[77] = (int32_t)shape.vocab_size;
    assert_int_equal(dm_trainer_accumulate(trainer, &batch, NULL, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "token id 40 at 77");
    scene.ids[77] = 0, scene.weight[3] = NAN;
    assert_int_equal(dm_trainer_accumulate(trainer, &batch, NULL, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "at 3");
    assert_int_equal(dm_trainer_parameter(trainer, "nothing", NULL, NULL, NULL, &error),
                     DM_ERROR_ARGUMENT);
    dm_trainer_free(trainer);
    scene.options.beta2 = 1;
    assert_int_equal(dm_trainer_new(scene.model, &scene.options, &trainer, &error),
                     DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "beta2 1");
}

/* What a review found: each was a crash, a wrong number or a training lost. */
static void test_odd_requests(void **state) {
    (void)state;
    struct scene scene;
    dm_trainer *trainer, *resumed;
    dm_error error;
    size_t n_token[3];
    float *weight = some(N_TOKEN, sizeof *weight);
    fill(&scene);
    scene.options.clip = 0;
    trainer = new_trainer(&scene);
    /* a first batch that fails for memory has no tokens to tell of */
    dm_memory_fail_at(2);
    assert_int_equal(dm_trainer_evaluate(trainer, &scene.batch, NULL, NULL), DM_ERROR_MEMORY);
    dm_memory_fail_at(0);
    assert_int_equal(dm_trainer_kept(trainer, n_token, 3, &error), DM_ERROR_ARGUMENT);
    /* weights so small that one over their sum is no float */
    dm_training_batch batch = scene.batch;
    for (size_t t = 0; t < N_TOKEN; t++)
        weight[t] = 1e-42f;
    batch.weight = weight;
    require(dm_trainer_accumulate(trainer, &batch, NULL, &error), &error);
    assert_int_equal(dm_trainer_step(trainer, NULL, &error), DM_ERROR_NUMBER);
    /* labels that decimation drops, all of them */
    const size_t one_tail[N_SEQUENCE] = {1, 1, 1, 1};
    memset(weight, 0, N_TOKEN * sizeof *weight);
    weight[N_TOKEN - 1] = 1;
    batch.keep_tail = one_tail;
    dm_status status = dm_trainer_accumulate(trainer, &batch, NULL, &error);
    if (!status && dm_trainer_step(trainer, NULL, &error))
        test_expect_error(&error, DM_ERROR_ARGUMENT, "keep_tail");
    assert_int_equal(dm_trainer_save(trainer, test_join(test_directory, "note"), "caf\xe9", &error),
                     DM_ERROR_ARGUMENT);
    /* what was decimated before is not, from now on */
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    dm_model *model;
    char exported[TEST_MAX_PATH], saved[TEST_MAX_PATH];
    snprintf(exported, sizeof exported, "%s", test_join(test_directory, "plain"));
    require(dm_trainer_set_method(trainer, NULL, &error), &error);
    require(dm_trainer_export(trainer, exported, DM_DTYPE_F32, &error), &error);
    require(dm_model_load(exported, NULL, &model, &error), &error);
    require(dm_model_default_method(model, &method, &error), &error);
    assert_int_equal(method.kind, DM_METHOD_NONE);
    dm_model_free(model);
    dm_trainer_free(trainer);
    /* an alpha with more digits than a JSON number keeps; ranks that no matrix has */
    scene.options.lora_rank = 3, scene.options.lora_alpha = 16.0 / 3;
    trainer = new_trainer(&scene);
    snprintf(saved, sizeof saved, "%s", test_join(test_directory, "alpha"));
    require(dm_trainer_save(trainer, saved, NULL, &error), &error);
    require(dm_trainer_resume(saved, &scene.options, &resumed, NULL, &error), &error);
    dm_trainer_free(resumed);
    dm_trainer_free(trainer);
    scene.options.lora_rank = (size_t)1 << 60;
    assert_int_equal(dm_trainer_new(scene.model, &scene.options, &trainer, &error),
                     DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "lora_rank");
    free(weight);
}

/* Every allocation of a training failing in turn: the documented error, and nothing leaks. */
static void run_all(const struct scene *scene, const char *directory, dm_status *status) {
    dm_trainer *trainer = NULL, *resumed = NULL;
    *status = dm_trainer_new(scene->model, &scene->options, &trainer, NULL);
    if (!*status)
        *status = dm_trainer_accumulate(trainer, &scene->batch, NULL, NULL);
    if (!*status)
        *status = dm_trainer_step(trainer, NULL, NULL);
    if (!*status)
        *status = dm_trainer_evaluate(trainer, &scene->batch, NULL, NULL);
    if (!*status)
        *status = dm_trainer_save(trainer, directory, "note", NULL);
    if (!*status)
        *status = dm_trainer_resume(directory, &scene->options, &resumed, NULL, NULL);
    dm_trainer_free(trainer);
    dm_trainer_free(resumed);
}

static void check_memory(dm_carry_kind carry) {
    struct scene scene;
    char name[48];
    dm_status status = DM_ERROR_MEMORY;
    fill(&scene);
    scene.options.n_thread = 1, scene.options.lora_rank = 1;
    scene.options.carry = carry;
    size_t live = dm_memory_live(), n;
    for (n = 1; status == DM_ERROR_MEMORY; n += 1 + n / 40) {
        snprintf(name, sizeof name, "memory-%d-%zu", (int)carry, n);
        const char *directory = test_join(test_directory, name);
        dm_memory_fail_at(n);
        run_all(&scene, directory, &status);
        dm_memory_fail_at(0);
        assert_int_equal(dm_memory_live(), live);
    }
    assert_int_equal(status, DM_OK);
    assert_true(n > 50);
}

static void test_memory(void **state) {
    (void)state;
    check_memory(DM_CARRY_STATE);
}

static void test_memory_fitted(void **state) {
    (void)state;
    check_memory(DM_CARRY_FITTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)
        TEST(test_reads_as_a_session),
        TEST(test_packing),
        TEST(test_by_sequence),
        TEST(test_threads),
        TEST(test_resume),
        TEST(test_frozen),
        TEST(test_input_gradient),
        TEST(test_export),
        TEST(test_schedule),
        TEST(test_numbers),
        TEST(test_arguments),
        TEST(test_odd_requests),
        TEST(test_memory),
        TEST(test_memory_fitted),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
