/* The gradient of a whole network, in double, against central differences: two layers that both
 * decimate, ragged sequences, weights of every kind on the labels. */
#include "ops/gradient_check.h"

#include <stdio.h>

#include "checkpoint/config_file.h"
#include "layers/adjust.h"
#include "layers/kinds.h"
#include "training/lora.h"
#include "training/pass.h"

enum { N_SEQUENCE = 4, N_TOKEN = 50, N_LAYER = 2, VOCAB = 11 };
enum { SEED = 37 };

static const size_t start[N_SEQUENCE + 1] = {0, 20, 21, 21, N_TOKEN};
static const size_t both_layers[] = {0, 1};

#define UNTIED ", \"tie_word_embeddings\": false"

struct setting {
    const char *name;
    const char *model_type, *more; /* of config.json */
    dm_method_kind method;
    dm_score score;
    bool recompute, given_tails;
    bool extends; /* by mamba-extend */
    bool started; /* from states that are not 0 */
    size_t lora_rank;
    uint64_t seed; /* such that no choice of tokens turns within the differences' steps; 0: SEED */
};

static const struct setting settings[] = {
    {.name = "plain", .model_type = "mamba", .more = UNTIED},
    {.name = "plain, recomputed",
     .model_type = "mamba",
     .more = ", \"use_conv_bias\": false",
     .recompute = true},
    {.name = "norm",
     .model_type = "mamba",
     .more = "",
     .method = DM_METHOD_DECIMATE,
     .score = DM_SCORE_NORM,
     .given_tails = true},
    {.name = "mean, recomputed",
     .model_type = "mamba",
     .more = UNTIED ", \"use_bias\": true",
     .method = DM_METHOD_DECIMATE,
     .score = DM_SCORE_MEAN,
     .recompute = true,
     .seed = 1},
    {.name = "keep-last", .model_type = "mamba", .more = UNTIED, .method = DM_METHOD_KEEP_LAST},
    {.name = "mamba-extend", .model_type = "mamba", .more = UNTIED, .extends = true},
    {.name = "mamba-extend, recomputed",
     .model_type = "mamba",
     .more = UNTIED,
     .extends = true,
     .recompute = true},
    {.name = "falcon",
     .model_type = "falcon_mamba",
     .more = UNTIED,
     .method = DM_METHOD_DECIMATE,
     .score = DM_SCORE_NORM},
    {.name = "falcon, recomputed",
     .model_type = "falcon_mamba",
     .more = UNTIED,
     .method = DM_METHOD_DECIMATE,
     .score = DM_SCORE_NORM,
     .recompute = true},
    {.name = "lora",
     .model_type = "mamba",
     .more = UNTIED,
     .method = DM_METHOD_DECIMATE,
     .score = DM_SCORE_NORM,
     .lora_rank = 2},
    {.name = "started", .model_type = "mamba", .more = UNTIED, .started = true},
    {.name = "started, recomputed",
     .model_type = "mamba",
     .more = UNTIED,
     .started = true,
     .recompute = true},
    {.name = "started, norm",
     .model_type = "mamba",
     .more = UNTIED,
     .method = DM_METHOD_DECIMATE,
     .score = DM_SCORE_NORM,
     .started = true,
     .seed = 1},
    {.name = "started, norm, recomputed, lora",
     .model_type = "mamba",
     .more = UNTIED,
     .method = DM_METHOD_DECIMATE,
     .score = DM_SCORE_NORM,
     .started = true,
     .recompute = true,
     .lora_rank = 2,
     .seed = 2},
};

static const double scales[N_LAYER] = {0.6, 1.7};
static const dm_method_value delta_scale = {"delta-scale", scales, N_LAYER};

/* The setting's config; layer i is of kind number `first` + i of those there are. */
static struct dm_model_config config_of(const struct setting *setting, size_t first) {
    struct dm_model_config config;
    char text[512];
    json_t *object;
    dm_error error;
    int n = snprintf(text, sizeof text,
                     "{\"model_type\": \"%s\", \"layer_types\": [\"%s\", \"%s\"], \"hidden_size\": "
                     "6, \"num_hidden_layers\": %d, \"intermediate_size\": 9, \"expand\": 1.5, "
                     "\"layer_norm_epsilon\": 0.1, \"num_heads\": 3, \"head_dim\": 3, "
                     "\"n_groups\": 1, \"state_size\": 3, "
                     "\"conv_kernel\": 4, \"time_step_rank\": 2, \"vocab_size\": "
                     "%d%s}",
                     setting->model_type, dm_layer_kinds[first % dm_n_layer_kind]->name,
                     dm_layer_kinds[(first + 1) % dm_n_layer_kind]->name, N_LAYER, VOCAB,
                     setting->more);
    assert_int_equal(dm_json_parse(text, (size_t)n, setting->name, &object, &error), DM_OK);
    assert_int_equal(dm_model_config_from_json(object, setting->name, &config, &error), DM_OK);
    json_decref(object);
    return config;
}

struct scene {
    struct dm_model_config config;
    struct dm_ops ops;
    struct dm_trained_network trained;
    struct dm_method *method;
    struct dm_pass pass;
    struct dm_pass_batch batch;
    int32_t ids[N_TOKEN];
    float weight[N_TOKEN];
    size_t tails[N_SEQUENCE];
    dm_real *first_states, *last_states; /* NULL: not started */
    bool refused;                        /* the tests' own kind lets nobody change its Delta */
};

static void require(dm_status status, const dm_error *error) {
    if (status)
        fail_msg("%s", error->message);
}

static void fill_batch(struct scene *scene, struct dm_random *random) {
    for (size_t t = 0; t < N_TOKEN; t++) {
        scene->ids[t] = (int32_t)dm_random_below(random, VOCAB);
        scene->weight[t] = t % 3 == 0 ? 0 : (float)dm_random_uniform(random);
    }
    for (size_t s = 0; s < N_SEQUENCE; s++)
        scene->tails[s] = 1 + s;
    scene->batch = (struct dm_pass_batch){
        .n_sequence = N_SEQUENCE, .start = start, .ids = scene->ids, .weight = scene->weight};
}

/* What follows is drawn alike however many numbers a state has. */
static void fill_states(struct scene *scene, struct dm_random random) {
    size_t n_state = dm_state_size(&scene->config), n = N_SEQUENCE * n_state;
    scene->batch.first_states = scene->first_states = zero_reals(n);
    scene->batch.last_states = scene->last_states = zero_reals(n);
    for (size_t i = 0; i < n; i++)
        scene->first_states[i] = (dm_real)dm_random_normal(&random);
    for (size_t s = 0; s < N_SEQUENCE; s++) { /* as if they had no scales */
        struct dm_state state = {scene->first_states + s * n_state};
        dm_state_apply_scales(&scene->config, &state);
    }
}

static void fill_tensors(struct dm_tensors *tensors, bool train, struct dm_random *random) {
    dm_error error;
    for (size_t i = 0; i < tensors->n; i++) {
        struct dm_tensor *tensor = &tensors->list[i];
        for (size_t j = 0; j < tensor->n; j++)
            tensor->value[j] = (dm_real)(0.5 * dm_random_normal(random));
        if (train)
            require(dm_tensor_train(tensor, &error), &error);
    }
}

static void scene_new(struct scene *scene, const struct setting *setting,
                      const struct dm_model_config *config, uint64_t seed) {
    struct dm_random random;
    struct dm_tensors tensors;
    dm_error error;
    dm_random_seed(&random, seed);
    *scene = (struct scene){.config = *config};
    dm_reference_ops(&scene->ops);
    fill_batch(scene, &random);
    if (setting->given_tails)
        scene->batch.keep_tail = scene->tails;
    if (setting->started)
        fill_states(scene, random);
    require(dm_tensors_new(config, &tensors, &error), &error);
    fill_tensors(&tensors, !setting->lora_rank, &random);
    const struct dm_lora lora = {setting->lora_rank, 0.7};
    if (lora.rank)
        require(dm_lora_add(&tensors, lora.rank, &random, &error), &error);
    for (size_t i = tensors.n_model; i < tensors.n; i++) /* B is 0 at first: nothing would show */
        for (size_t j = 0; j < tensors.list[i].n; j++)
            tensors.list[i].value[j] = (dm_real)dm_random_normal(&random);
    require(dm_trained_network_new(config, &scene->ops, NULL, DM_DTYPE_F32, &lora, &tensors,
                                   &scene->trained, &error),
            &error);
    dm_method_options options = DM_METHOD_OPTIONS_INIT;
    options.kind = setting->method, options.score = setting->score;
    if (setting->extends)
        assert_true(dm_method_from_name("mamba-extend", &options.kind));
    else
        options.layers = both_layers, options.n_layer = N_LAYER;
    options.values = &delta_scale, options.n_value = setting->extends;
    options.base_length = 9, options.beta = 0.6, options.min_length = 2, options.keep_tail = 3;
    require(dm_method_new(&options, N_LAYER, NULL, &scene->method, &error), &error);
    require(dm_method_check_training(scene->method, &error), &error);
    dm_status attached = dm_method_attach(scene->method, &scene->trained.network, &error);
    scene->refused = false;
    for (size_t sort = 0; sort < config->n_sort; sort++)
        scene->refused |=
            setting->extends && !(config->sorts[sort].kind->adjusts & DM_ADJUST_DELTA);
    if (scene->refused) {
        assert_int_equal(attached, DM_ERROR_ARGUMENT);
        assert_non_null(strstr(error.message, "is of kind gated, whose Delta it cannot change"));
    } else {
        require(attached, &error);
    }
    scene->pass.trained = &scene->trained;
    scene->pass.method = scene->method;
    scene->pass.recompute = setting->recompute;
}

static void scene_free(struct scene *scene) {
    dm_memory_free(scene->first_states);
    dm_memory_free(scene->last_states);
    dm_pass_free(&scene->pass);
    dm_method_free(scene->method);
    dm_trained_network_free(&scene->trained);
}

static double loss_of(void *opaque) {
    struct scene *scene = opaque;
    struct dm_pass_loss loss;
    dm_error error;
    require(dm_trained_network_refresh(&scene->trained, &error), &error);
    require(dm_pass_run(&scene->pass, &scene->batch, false, &loss, &error), &error);
    return loss.sum;
}

static void check_setting(const struct setting *setting, size_t first_kind) {
    const struct dm_model_config config = config_of(setting, first_kind);
    size_t live = dm_memory_live();
    struct scene scene;
    struct dm_pass_loss loss;
    dm_error error;
    char name[160];
    scene_new(&scene, setting, &config, setting->seed ? setting->seed : SEED);
    if (scene.refused) {
        scene_free(&scene);
        return;
    }
    require(dm_pass_run(&scene.pass, &scene.batch, true, &loss, &error), &error);
    dm_lora_collect(&scene.trained.lora, &scene.trained.tensors);
    assert_true(loss.n_prediction > 0 && loss.weight > 0);
    assert_true(!scene.method->n_stage ||
                scene.pass.spans[N_LAYER].n_token < scene.pass.spans[0].n_token);
    assert_true(fabs(loss_of(&scene) - loss.sum) < 1e-12 * loss.sum);
    for (size_t i = 0; i < scene.trained.tensors.n; i++) {
        struct dm_tensor *tensor = &scene.trained.tensors.list[i];
        snprintf(name, sizeof name, "%s, from %s: %s", setting->name,
                 dm_layer_kinds[first_kind]->name, tensor->name);
        if (tensor->trained)
            check_gradient(name, tensor->value, tensor->gradient, tensor->n, loss_of, &scene);
    }
    scene_free(&scene);
    assert_int_equal(dm_memory_live(), live);
}

static void test_gradients(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        for (size_t first = 0; first < dm_n_layer_kind; first++)
            check_setting(&settings[i], first);
}

/* A vocabulary in which each token of the batch has a row of its own, that of its place: the rows'
 * derivatives are those of the tokens as they are read. */
static void check_input_gradient(const struct setting *setting) {
    struct dm_model_config config = config_of(setting, 0);
    struct scene scene;
    struct dm_pass_loss loss;
    dm_error error;
    config.vocab_size = N_TOKEN;
    config.tie_word_embeddings = false;
    scene_new(&scene, setting, &config, setting->seed ? setting->seed : SEED);
    for (size_t t = 0; t < N_TOKEN; t++)
        scene.ids[t] = (int32_t)t;
    require(dm_pass_run(&scene.pass, &scene.batch, true, &loss, &error), &error);
    size_t n = N_TOKEN * config.d_model;
    dm_real *gradient = zero_reals(n);
    assert_non_null(scene.pass.input_gradient);
    memcpy(gradient, scene.pass.input_gradient, n * sizeof *gradient);
    loss_of(&scene);
    assert_null(scene.pass.input_gradient);
    struct dm_tensor *embedding =
        dm_tensors_find(&scene.trained.tensors, DM_NO_LAYER, DM_EMBEDDING);
    check_gradient(setting->name, embedding->value, gradient, n, loss_of, &scene);
    dm_memory_free(gradient);
    scene_free(&scene);
}

static void test_input_gradient(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        check_input_gradient(&settings[i]);
}

/* Twice the same batch gives twice the gradient: it accumulates. */
static void test_accumulates(void **state) {
    (void)state;
    struct scene scene;
    struct dm_pass_loss loss;
    dm_error error;
    const struct dm_model_config config = config_of(&settings[2], 0);
    scene_new(&scene, &settings[2], &config, 4);
    const struct dm_tensors *tensors = &scene.trained.tensors;
    require(dm_pass_run(&scene.pass, &scene.batch, true, &loss, &error), &error);
    dm_real *once[64];
    for (size_t i = 0; i < tensors->n; i++) {
        once[i] = zero_reals(tensors->list[i].n);
        memcpy(once[i], tensors->list[i].gradient, tensors->list[i].n * sizeof(dm_real));
    }
    require(dm_pass_run(&scene.pass, &scene.batch, true, &loss, &error), &error);
    for (size_t i = 0; i < tensors->n; i++) {
        for (size_t j = 0; j < tensors->list[i].n; j++)
            assert_true(fabs((double)(tensors->list[i].gradient[j] - 2 * once[i][j])) <=
                        1e-12 * (1 + fabs((double)once[i][j])));
        dm_memory_free(once[i]);
    }
    scene_free(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_input_gradient),
        cmocka_unit_test(test_accumulates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
