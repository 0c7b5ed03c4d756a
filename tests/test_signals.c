/* A host's signal handler, which runs wherever the library is at work, changes nothing: not even
 * where it takes much of the stack that it interrupts. */
#include "engine.h"

#include <signal.h>
#include <sys/time.h>

static const struct shape shape = {.name = "model",
                                   .n_layer = 2,
                                   .d_model = 64,
                                   .expand = 2,
                                   .d_state = 16,
                                   .d_conv = 4,
                                   .dt_rank = 4,
                                   .vocab_size = 96,
                                   .tied = true};
enum { N_TOKEN = 700, N_STEP = 6, EVERY = 500 /* microseconds */ };

static volatile sig_atomic_t n_signal;

static void on_alarm(int number) {
    volatile char stack[4096];
    for (size_t i = 0; i < sizeof stack; i++)
        stack[i] = (char)number;
    n_signal++;
}

static void set_alarm(long microseconds) {
    const struct itimerval every = {{0, microseconds}, {0, microseconds}};
    assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
}

/* A training's embedding after some steps; and the logits of a text. */
static void train(const char *model, const int32_t *ids, float *embedding) {
    const size_t start[] = {0, N_TOKEN};
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_training_batch batch = DM_TRAINING_BATCH_INIT;
    dm_trainer *trainer;
    const float *values, *gradient;
    size_t n;
    dm_error error;
    options.n_thread = 1;
    options.learning_rate = 1e-3;
    batch.n_sequence = 1, batch.start = start, batch.ids = ids;
    require(dm_trainer_new(model, &options, &trainer, &error), &error);
    for (int i = 0; i < N_STEP; i++) {
        require(dm_trainer_accumulate(trainer, &batch, NULL, &error), &error);
        require(dm_trainer_step(trainer, NULL, &error), &error);
    }
    require(
        dm_trainer_parameter(trainer, "backbone.embeddings.weight", &values, &gradient, &n, &error),
        &error);
    memcpy(embedding, values, n * sizeof *values);
    dm_trainer_free(trainer);
}

static void test_signals(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 3);
    const char *model = make_checkpoint(test_directory, &shape, 4);
    char path[TEST_MAX_PATH];
    snprintf(path, sizeof path, "%s", model);
    int32_t *ids = random_ids(&random, N_TOKEN, shape.vocab_size);
    size_t n = (size_t)shape.vocab_size * shape.d_model;
    float *quiet = some(n, sizeof *quiet), *struck = some(n, sizeof *struck);
    const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    train(path, ids, quiet);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    set_alarm(EVERY);
    for (int i = 0; i < 4; i++) {
        train(path, ids, struck);
        assert_memory_equal(struck, quiet, n * sizeof *quiet);
    }
    set_alarm(0);
    assert_true(n_signal > 0);
    free(ids);
    free(quiet);
    free(struck);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_signals, test_set_up, test_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
