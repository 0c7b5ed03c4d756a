/* States that sequences of a training start from: a text in two parts has the loss of one text, other
 * states are what they are said to be, and a saved training goes on with them to the same bits. */
#include "engine.h"

#include "training/trainer.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 3,
                                   .d_model = 24,
                                   .expand = 2,
                                   .d_state = 4,
                                   .d_conv = 4,
                                   .dt_rank = 3,
                                   .vocab_size = 40};
enum { N_TOKEN = 200, N_SEQUENCE = 3 };
static const size_t whole[N_SEQUENCE + 1] = {0, 90, 93, N_TOKEN};
static const size_t middle[N_SEQUENCE] = {50, 92, 130}; /* where their second parts begin */

struct scene {
    char model[TEST_MAX_PATH];
    int32_t ids[N_TOKEN], parts[2][N_TOKEN];
    size_t starts[2][N_SEQUENCE + 1]; /* of the parts */
    dm_trainer_options options;
};

static void fill(struct scene *scene) {
    struct dm_random random;
    dm_random_seed(&random, 12);
    *scene = (struct scene){.options = DM_TRAINER_OPTIONS_INIT};
    snprintf(scene->model, sizeof scene->model, "%s", make_checkpoint(test_directory, &shape, 6));
    for (size_t t = 0; t < N_TOKEN; t++)
        scene->ids[t] = (int32_t)dm_random_below(&random, shape.vocab_size);
    for (int part = 0; part < 2; part++)
        for (size_t s = 0; s < N_SEQUENCE; s++) {
            size_t first = part ? middle[s] : whole[s], end = part ? whole[s + 1] : middle[s];
            size_t *start = scene->starts[part];
            memcpy(scene->parts[part] + start[s], scene->ids + first,
                   (end - first) * sizeof *scene->ids);
            start[s + 1] = start[s] + end - first;
        }
    scene->options.carry = DM_CARRY_STATE;
    scene->options.learning_rate = 3e-3;
    scene->options.n_thread = 2;
}

static dm_trainer *new_trainer(const struct scene *scene) {
    dm_trainer *trainer;
    dm_error error;
    require(dm_trainer_new(scene->model, &scene->options, &trainer, &error), &error);
    return trainer;
}

static dm_training_batch part_of(const struct scene *scene, int part) {
    dm_training_batch batch = DM_TRAINING_BATCH_INIT;
    batch.n_sequence = N_SEQUENCE;
    batch.start = scene->starts[part], batch.ids = scene->parts[part];
    return batch;
}

static dm_training_loss accumulate(dm_trainer *trainer, const dm_training_batch *batch) {
    dm_training_loss loss = DM_TRAINING_LOSS_INIT;
    dm_error error;
    require(dm_trainer_accumulate(trainer, batch, &loss, &error), &error);
    return loss;
}

static void step(dm_trainer *trainer) {
    dm_error error;
    require(dm_trainer_step(trainer, NULL, &error), &error);
}

static void expect_same_values(const dm_trainer *a, const dm_trainer *b) {
    const struct dm_tensors *x = &a->trained.tensors, *y = &b->trained.tensors;
    assert_int_equal(x->n, y->n);
    for (size_t i = 0; i < x->n; i++)
        assert_memory_equal(x->list[i].value, y->list[i].value, x->list[i].n * sizeof(float));
}

/* ---- A text in two parts ---- */

/* The whole texts' loss on their second parts, but for the first token of these. */
static dm_training_loss loss_of_ends(const struct scene *scene) {
    static float weight[N_TOKEN];
    dm_training_batch batch = DM_TRAINING_BATCH_INIT;
    for (size_t s = 0; s < N_SEQUENCE; s++)
        for (size_t t = whole[s]; t < whole[s + 1]; t++)
            weight[t] = t > middle[s];
    batch.n_sequence = N_SEQUENCE, batch.start = whole, batch.ids = scene->ids;
    batch.weight = weight;
    dm_trainer *trainer = new_trainer(scene);
    dm_training_loss loss = accumulate(trainer, &batch);
    dm_trainer_free(trainer);
    return loss;
}

static void check_reading_on(struct scene *scene, size_t n_thread, int recompute) {
    const dm_training_batch first = part_of(scene, 0), second = part_of(scene, 1);
    dm_training_loss alone = DM_TRAINING_LOSS_INIT;
    dm_error error;
    scene->options.learning_rate = 0; /* the step changes nothing but the states */
    scene->options.n_thread = n_thread, scene->options.recompute = recompute;
    const dm_training_loss expected = loss_of_ends(scene);
    dm_trainer *trainer = new_trainer(scene);
    accumulate(trainer, &first);
    step(trainer);
    const dm_training_loss loss = accumulate(trainer, &second);
    assert_int_equal(loss.n_prediction, expected.n_prediction);
    assert_true(loss.sum == expected.sum);
    require(dm_trainer_evaluate(trainer, &second, &alone, &error), &error);
    assert_true(fabs(alone.sum / loss.sum - 1) > 1e-5); /* which starts from zero */
    dm_trainer_free(trainer);
}

static void reads_on(void **state) {
    (void)state;
    struct scene scene;
    fill(&scene);
    for (int i = 0; i < 4; i++)
        check_reading_on(&scene, i % 2 ? 3 : 1, i / 2);
}

/* Sequences are numbered through a step's batches, and what is forgotten leaves no trace. */
static void counts_through_a_step(void **state) {
    (void)state;
    struct scene scene;
    fill(&scene);
    scene.options.learning_rate = 0;
    const dm_training_batch first = part_of(&scene, 0), second = part_of(&scene, 1);
    const dm_training_loss expected = loss_of_ends(&scene);
    dm_trainer *trainer = new_trainer(&scene);
    dm_training_batch one = first;
    one.n_sequence = 1;
    for (size_t s = 0; s < N_SEQUENCE; s++) {
        const size_t start[] = {0, first.start[s + 1] - first.start[s]};
        one.start = start, one.ids = first.ids + first.start[s];
        accumulate(trainer, &one);
    }
    step(trainer);
    for (int i = 0; i < 2; i++) { /* it starts where it did */
        assert_true(accumulate(trainer, &second).sum == expected.sum);
        dm_trainer_forget(trainer);
    }
    dm_trainer_free(trainer);
}

static void starts_from_zero_where_asked(void **state) {
    (void)state;
    static const unsigned char all[N_SEQUENCE] = {1, 1, 1}, some_of_them[N_SEQUENCE] = {0, 0, 1};
    struct scene scene;
    fill(&scene);
    scene.options.learning_rate = 0;
    dm_training_batch batch = part_of(&scene, 0);
    dm_trainer *trainer = new_trainer(&scene);
    double fresh = accumulate(trainer, &batch).sum; /* nothing is there yet */
    step(trainer);
    batch.from_zero = some_of_them;
    double mixed = accumulate(trainer, &batch).sum;
    dm_trainer_forget(trainer);
    batch.from_zero = all;
    assert_true(accumulate(trainer, &batch).sum == fresh);
    assert_true(fabs(mixed / fresh - 1) > 1e-6);
    for (size_t e = 0; e < trainer->carry.state_size; e++)
        assert_true(trainer->carry.first[2 * trainer->carry.state_size + e] == 0);
    dm_trainer_free(trainer);
}

/* ---- Decimation: what follows the lowest layer that drops tokens starts from zero ---- */

static void carries_up_to_the_cut(void **state) {
    (void)state;
    static const size_t layers[] = {1, 2};
    struct scene scene;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    fill(&scene);
    method.kind = DM_METHOD_DECIMATE;
    method.layers = layers, method.n_layer = 2;
    method.base_length = 20, method.beta = 0.5, method.min_length = 3;
    scene.options.method = &method;
    const dm_training_batch first = part_of(&scene, 0), second = part_of(&scene, 1);
    dm_trainer *trainer = new_trainer(&scene);
    accumulate(trainer, &first);
    step(trainer);
    accumulate(trainer, &second);
    const struct dm_carry *carry = &trainer->carry;
    for (size_t layer = 0; layer < shape.n_layer; layer++) {
        const struct dm_layer_config *config = dm_layer_config_of(carry->config, layer);
        for (size_t i = 0; i < config->kind->n_state; i++) {
            size_t from = dm_state_offset(carry->config, layer, i);
            size_t n = dm_shape_n_element(config->kind->state_shape(config, i)), n_other = 0;
            bool carried = layer == 0 || (layer == 1 && !config->kind->states[i].after_cut);
            for (size_t e = from; e < from + n; e++) {
                assert_true(carry->slots[e] != 0);
                n_other += carry->first[e] != (carried ? carry->slots[e] : 0);
            }
            assert_int_equal(n_other, 0);
        }
    }
    dm_trainer_free(trainer);
}

/* ---- Noise ---- */

struct moments {
    double mean, deviation;
    size_t n;
};

/* Of (states - mean) / deviation in the recurrent states of all sequences of the last batch; other
 * states are 0. */
static struct moments moments_of(const struct dm_carry *carry, const float *mean,
                                 const float *variance) {
    struct moments m = {0, 0, 0};
    for (size_t s = 0; s < N_SEQUENCE; s++)
        for (size_t layer = 0; layer < shape.n_layer; layer++) {
            const struct dm_layer_config *config = dm_layer_config_of(carry->config, layer);
            for (size_t i = 0; i < config->kind->n_state; i++) {
                size_t from = dm_state_offset(carry->config, layer, i);
                size_t end = from + dm_shape_n_element(config->kind->state_shape(config, i));
                for (size_t e = from; e < end; e++) {
                    double x = (double)carry->first[s * carry->state_size + e];
                    if (!config->kind->states[i].after_cut || config->kind->states[i].scales) {
                        assert_true(x == 0);
                        continue;
                    }
                    x = mean ? (x - (double)mean[e]) / sqrt((double)variance[e]) : x;
                    m.mean += x, m.deviation += x * x, m.n++;
                }
            }
        }
    m.mean /= (double)m.n;
    m.deviation = sqrt(m.deviation / (double)m.n - m.mean * m.mean);
    return m;
}

static void draws_noise(void **state) {
    (void)state;
    struct scene scene;
    fill(&scene);
    scene.options.carry = DM_CARRY_NOISE, scene.options.carry_noise = 0.25;
    const dm_training_batch batch = part_of(&scene, 0);
    dm_trainer *trainer = new_trainer(&scene);
    const struct dm_carry *carry = &trainer->carry;
    size_t n = carry->state_size;
    accumulate(trainer, &batch);
    const struct moments m = moments_of(carry, NULL, NULL);
    double bound = 4 / sqrt((double)m.n); /* four of the mean's deviations */
    assert_true(fabs(m.mean) < bound * 0.25 && fabs(m.deviation / 0.25 - 1) < bound);
    assert_true(memcmp(carry->first, carry->first + n, n * sizeof *carry->first) != 0);
    float *before = some(n, sizeof *before);
    memcpy(before, carry->first, n * sizeof *before);
    dm_trainer_forget(trainer);
    accumulate(trainer, &batch); /* once more what was forgotten, ... */
    assert_memory_equal(before, carry->first, n * sizeof *before);
    step(trainer);
    accumulate(trainer, &batch); /* ... and other noise in another step */
    assert_true(memcmp(before, carry->first, n * sizeof *before) != 0);
    free(before);
    dm_trainer_free(trainer);
}

static void fits_noise(void **state) {
    (void)state;
    struct scene scene;
    fill(&scene);
    const dm_training_batch batch = part_of(&scene, 0), other = part_of(&scene, 1);
    dm_trainer *states = new_trainer(&scene);
    scene.options.carry = DM_CARRY_FITTED;
    dm_trainer *trainer = new_trainer(&scene);
    accumulate(states, &batch);
    double from_zero = accumulate(states, &batch).sum;
    dm_trainer_forget(states);
    accumulate(states, &batch);
    assert_true(accumulate(trainer, &batch).sum == from_zero); /* nothing to fit to yet */
    step(states);
    step(trainer);
    const struct dm_carry *fitted = &trainer->carry;
    float *slots = states->carry.slots; /* what these sequences ended with */
    for (size_t s = 0; s < N_SEQUENCE; s++) {
        struct dm_state end = {slots + s * fitted->state_size};
        dm_state_apply_scales(fitted->config, &end);
    }
    for (size_t e = 0, n = fitted->state_size; e < n; e++) {
        double mean = 0, variance = 0;
        for (size_t s = 0; s < N_SEQUENCE; s++)
            mean += (double)slots[s * n + e] / N_SEQUENCE;
        for (size_t s = 0; s < N_SEQUENCE; s++)
            variance += pow((double)slots[s * n + e] - mean, 2) / N_SEQUENCE;
        assert_true(fabs((double)fitted->mean[e] - mean) < 1e-6 * (1 + fabs(mean)));
        assert_true(fabs((double)fitted->variance[e] - variance) < 1e-5 * (1 + variance));
    }
    accumulate(trainer, &other);
    const struct moments m = moments_of(fitted, fitted->mean, fitted->variance);
    double bound = 4 / sqrt((double)m.n);
    assert_true(fabs(m.mean) < bound && fabs(m.deviation - 1) < bound);
    dm_trainer_free(states);
    dm_trainer_free(trainer);
}

/* What is not finite would spoil all that comes after it. */
static void drops_what_is_not_finite(void **state) {
    (void)state;
    struct scene scene;
    fill(&scene);
    const dm_training_batch batch = part_of(&scene, 0);
    dm_trainer *trainer = new_trainer(&scene);
    size_t n = trainer->carry.state_size;
    accumulate(trainer, &batch);
    trainer->carry.pending[n + 3] = INFINITY;
    step(trainer);
    for (size_t e = 0; e < n; e++) {
        assert_true(trainer->carry.slots[e] != 0);
        assert_true(trainer->carry.slots[n + e] == 0);
    }
    dm_trainer_free(trainer);
    scene.options.carry = DM_CARRY_FITTED;
    trainer = new_trainer(&scene);
    accumulate(trainer, &batch);
    trainer->carry.pending[3] = NAN;
    step(trainer);
    assert_int_equal(trainer->carry.n_fitted, N_SEQUENCE - 1);
    dm_trainer_free(trainer);
}

/* ---- On disk ---- */

static void take_steps(const struct scene *scene, dm_trainer *trainer, size_t n) {
    static const unsigned char last[N_SEQUENCE] = {0, 0, 1};
    for (size_t i = 0; i < n; i++) {
        dm_training_batch batch = part_of(scene, 0), other = part_of(scene, 1);
        other.from_zero = last;
        accumulate(trainer, &batch);
        if (i % 2 == 0) /* steps have other numbers of sequences */
            accumulate(trainer, &other);
        step(trainer);
    }
}

static void check_resume(struct scene *scene, const char *name) {
    char saved[TEST_MAX_PATH];
    dm_error error;
    snprintf(saved, sizeof saved, "%s", test_join(test_directory, name));
    dm_trainer *trainer = new_trainer(scene), *resumed;
    take_steps(scene, trainer, 3);
    dm_training_batch batch = part_of(scene, 1);
    accumulate(trainer, &batch);
    dm_trainer_forget(trainer); /* as where a step is interrupted, and the state before it saved */
    require(dm_trainer_save(trainer, saved, NULL, &error), &error);
    scene->options.n_thread = 3 - scene->options.n_thread;
    require(dm_trainer_resume(saved, &scene->options, &resumed, NULL, &error), &error);
    take_steps(scene, trainer, 3);
    take_steps(scene, resumed, 3);
    expect_same_values(trainer, resumed);
    dm_trainer_free(trainer);
    dm_trainer_free(resumed);
}

static void resumes(void **state) {
    (void)state;
    struct scene scene;
    dm_trainer *trainer;
    dm_error error;
    fill(&scene);
    check_resume(&scene, "states");
    scene.options.lora_rank = 2, scene.options.recompute = 1;
    check_resume(&scene, "states-lora");
    scene.options.lora_rank = 0;
    scene.options.carry = DM_CARRY_NOISE, scene.options.carry_noise = 1.0 / 3;
    check_resume(&scene, "noise");
    scene.options.carry = DM_CARRY_FITTED;
    check_resume(&scene, "fitted");
    /* another kind is another training */
    static const char *const names[] = {"states", "noise", "fitted"};
    for (int i = 0; i < 3; i++) {
        scene.options.carry = DM_CARRY_NONE;
        assert_int_equal(dm_trainer_resume(test_join(test_directory, names[i]), &scene.options,
                                           &trainer, NULL, &error),
                         DM_ERROR_MISMATCH);
        test_expect_error(&error, DM_ERROR_MISMATCH, "asked for 0");
    }
    scene.options.carry = DM_CARRY_NOISE, scene.options.carry_noise = 0.3;
    assert_int_equal(dm_trainer_resume(test_join(test_directory, "noise"), &scene.options, &trainer,
                                       NULL, &error),
                     DM_ERROR_MISMATCH);
    test_expect_error(&error, DM_ERROR_MISMATCH, "carry_noise 0.3333");
}

static void refuses_what_is_none(void **state) {
    (void)state;
    struct scene scene;
    dm_trainer *trainer;
    dm_error error;
    fill(&scene);
    scene.options.carry = DM_CARRY_NOISE;
    dm_trainer_new(scene.model, &scene.options, &trainer, &error);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "carry_noise 0: DM_CARRY_NOISE needs");
    scene.options.carry_noise = -1, scene.options.carry = DM_CARRY_STATE;
    dm_trainer_new(scene.model, &scene.options, &trainer, &error);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "carry_noise -1: must be >= 0");
    scene.options.carry_noise = 1, scene.options.carry = (dm_carry_kind)4;
    dm_trainer_new(scene.model, &scene.options, &trainer, &error);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "unknown carry 4");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)
        TEST(reads_on),
        TEST(counts_through_a_step),
        TEST(starts_from_zero_where_asked),
        TEST(carries_up_to_the_cut),
        TEST(draws_noise),
        TEST(fits_noise),
        TEST(drops_what_is_not_finite),
        TEST(resumes),
        TEST(refuses_what_is_none),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
