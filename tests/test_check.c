/* dm_model_options.check: what is not finite is found and named, in weights and in what the layers
 * compute; a session that met it works again after a reset. */
#include "engine.h"

#include <float.h>

#include "base/half.h"
#include "base/memory.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 3,
                                   .d_model = 12,
                                   .expand = 2,
                                   .d_state = 3,
                                   .d_conv = 4,
                                   .dt_rank = 2,
                                   .vocab_size = 32};
enum { d_model = 12, d_inner = 24, vocab_size = 32, n_id = 1200, bad_id = 7, bad_place = 1000 };

static char parent[TEST_MAX_PATH];
static int32_t ids[n_id];

/* The shape of every model here, under a name of its own. */
static struct shape name_shape(const char *name) {
    struct shape named = shape;
    named.name = name;
    return named;
}

/* A text without the bad id. */
static int set_up(void **state) {
    (void)state;
    test_make_directory(parent);
    for (int i = 0; i < n_id; i++)
        ids[i] = bad_id + 1 + i * 5 % (vocab_size - bad_id - 1);
    make_checkpoint(parent, &shape, 4);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_remove_directory(parent);
    return 0;
}

static dm_status load(const char *path, int check, dm_model **model, dm_error *error) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    options.n_thread = 2;
    options.check = check;
    return dm_model_load(path, &options, model, error);
}

static dm_model *load_checked(const char *path) {
    dm_model *model;
    dm_error error;
    require(load(path, 1, &model, &error), &error);
    return model;
}

/* ---- Weights ---- */

static void expect_weight(const char *path, const char *part) {
    dm_model *model = NULL;
    dm_error error;
    size_t live = dm_memory_live();
    assert_int_equal(load(path, 1, &model, &error), DM_ERROR_NUMBER);
    test_expect_error(&error, DM_ERROR_NUMBER, part);
    assert_non_null(strstr(error.message, "model.safetensors"));
    assert_int_equal(dm_memory_live(), live);
    require(load(path, 0, &model, &error), &error);
    dm_model_free(model);
}

/* Each tensor, from the last that a text meets to the first: the first is named. */
static void test_weights_are_named(void **state) {
    static const struct {
        const char *tensor;
        size_t index;
        float value;
        const char *part;
    } cases[] = {
        {"lm_head.weight", 12 * 31 + 11, NAN, "tensor lm_head.weight is NaN at [31, 11]"},
        {"backbone.norm_f.weight", 11, -INFINITY, "backbone.norm_f.weight is -infinity at [11]"},
        {"backbone.layers.2.mixer.out_proj.weight", 24, NAN,
         "backbone.layers.2.mixer.out_proj.weight is NaN at [1, 0]"},
        {"backbone.layers.2.mixer.D", 3, INFINITY, "backbone.layers.2.mixer.D is infinity at [3]"},
        {"backbone.layers.2.mixer.A_log", 5, NAN, "backbone.layers.2.mixer.A_log is NaN at [1, 2]"},
        {"backbone.layers.2.mixer.dt_proj.bias", 0, NAN, "layers.2.mixer.dt_proj.bias is NaN at"},
        {"backbone.layers.2.mixer.dt_proj.weight", 47, NAN, "dt_proj.weight is NaN at [23, 1]"},
        {"backbone.layers.2.mixer.x_proj.weight", 25, NAN, "x_proj.weight is NaN at [1, 1]"},
        {"backbone.layers.2.mixer.conv1d.bias", 1, NAN, "conv1d.bias is NaN at [1]"},
        {"backbone.layers.2.mixer.conv1d.weight", 6, NAN, "conv1d.weight is NaN at [1, 0, 2]"},
        {"backbone.layers.2.mixer.in_proj.weight", 575, NAN, "in_proj.weight is NaN at [47, 11]"},
        {"backbone.layers.2.norm.weight", 11, NAN, "backbone.layers.2.norm.weight is NaN at [11]"},
        {"backbone.layers.0.mixer.D", 23, NAN, "backbone.layers.0.mixer.D is NaN at [23]"},
        {"backbone.embeddings.weight", 100, INFINITY, "embeddings.weight is infinity at [8, 4]"},
    };
    (void)state;
    const struct shape named = name_shape("weights");
    char path[TEST_MAX_PATH];
    snprintf(path, sizeof path, "%s", make_checkpoint(parent, &named, 1));
    dm_model_free(load_checked(path));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_weights(path, cases[i].tensor, cases[i].index, 1, cases[i].value);
        expect_weight(path, cases[i].part);
    }
}

/* Pairs of halves, written as one float: the second, and the first. */
static void test_sixteen_bits(void **state) {
    (void)state;
    const struct shape named = name_shape("halves");
    char path[TEST_MAX_PATH], f16[TEST_MAX_PATH], bf16[TEST_MAX_PATH];
    dm_error error;
    snprintf(path, sizeof path, "%s", make_checkpoint(parent, &named, 1));
    snprintf(f16, sizeof f16, "%s", test_join(parent, "f16"));
    snprintf(bf16, sizeof bf16, "%s", test_join(parent, "bf16"));
    require(dm_checkpoint_convert(path, f16, DM_DTYPE_F16, &error), &error);
    require(dm_checkpoint_convert(path, bf16, DM_DTYPE_BF16, &error), &error);
    dm_model_free(load_checked(f16));
    dm_model_free(load_checked(bf16));
    set_weights(f16, "backbone.layers.1.mixer.in_proj.weight", 7, 1,
                dm_float_from_bits(0xfc000000));
    set_weights(bf16, "backbone.layers.2.mixer.in_proj.weight", 0, 1, dm_float_from_bits(0x7f80));
    expect_weight(f16, "layers.1.mixer.in_proj.weight is -infinity at [1, 3]");
    expect_weight(bf16, "layers.2.mixer.in_proj.weight is infinity at [0, 0]");
}

/* ---- Activations ---- */

static const size_t every_layer[] = {0, 1, 2};

static dm_method_options decimating(const size_t *layers, size_t n_layer) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = n_layer ? DM_METHOD_DECIMATE : DM_METHOD_NONE;
    method.layers = layers;
    method.n_layer = n_layer;
    method.base_length = 40;
    return method;
}

static void expect_number(dm_status status, const dm_error *error, const char *part) {
    assert_int_equal(status, DM_ERROR_NUMBER);
    test_expect_error(error, DM_ERROR_NUMBER, part);
    assert_null(strchr(error->message, '\n'));
}

/* Reading and closing meets it, stepping does, and a batch does, wherever tokens are dropped. */
static void expect_activation(const char *path, const char *part) {
    dm_model *model = load_checked(path);
    for (size_t n_layer = 0; n_layer <= 3; n_layer++) {
        const dm_method_options method = decimating(every_layer, n_layer);
        dm_session *session = new_session(model, &method), *other = new_session(model, &method);
        const dm_session *const both[] = {session, other};
        const int32_t *texts[] = {ids, ids};
        const size_t n[] = {20, 20};
        float logits[2 * vocab_size];
        dm_error error;
        dm_status status = dm_session_append(session, ids, 100, &error);
        if (!status)
            status = dm_session_logits(session, 1, logits, &error);
        expect_number(status, &error, part);
        dm_session_reset(session);
        expect_number(dm_session_step(session, ids[0], logits, &error), &error, part);
        dm_session_reset(session);
        status = dm_append_many((dm_session *const *)both, 2, texts, n, &error);
        if (!status)
            status = dm_step_many((dm_session *const *)both, 2, ids, logits, &error);
        expect_number(status, &error, part);
        dm_session_free(session);
        dm_session_free(other);
    }
    dm_model_free(model);
}

/* Weights that are finite, and too large for their sums: from the last to the first. Where `part`
 * is NULL, the next case is not yet complete. */
static void test_activations_are_named(void **state) {
    static const struct {
        const char *tensor;
        size_t first, n;
        float value;
        const char *part;
    } cases[] = {
        {"backbone.norm_f.weight", 0, d_model, FLT_MAX, "the logit of id "},
        {"backbone.layers.2.mixer.out_proj.weight", 0, d_inner * d_model, 1e30f, NULL},
        {"backbone.layers.2.mixer.D", 0, d_inner, FLT_MAX, "the residual after layer 2: "},
        {"backbone.layers.2.mixer.x_proj.weight", 0, 2 * d_inner, 1e3f, NULL},
        {"backbone.layers.2.mixer.dt_proj.weight", 0, d_inner, FLT_MAX, NULL},
        {"backbone.layers.2.mixer.dt_proj.weight", d_inner, d_inner, -FLT_MAX,
         "Delta of layer 2: "},
        {"backbone.layers.2.mixer.conv1d.bias", 0, d_inner, 1, NULL},
        {"backbone.layers.2.mixer.x_proj.weight", 2 * d_inner, 6 * d_inner, FLT_MAX,
         "B and C of layer 2: "},
        {"backbone.layers.2.mixer.x_proj.weight", 0, 2 * d_inner, FLT_MAX, "dt of layer 2: "},
        {"backbone.layers.1.mixer.out_proj.weight", 0, d_inner * d_model, 1e30f, NULL},
        {"backbone.layers.1.mixer.D", 0, d_inner, FLT_MAX, "the residual after layer 1: "},
        {"backbone.layers.1.norm.weight", 0, d_model, FLT_MAX, "the convolution (u) of layer 1: "},
        {"backbone.layers.0.mixer.conv1d.bias", 0, d_inner, 1, NULL},
        {"backbone.layers.0.mixer.x_proj.weight", 0, 2 * d_inner, FLT_MAX, "dt of layer 0: "},
    };
    (void)state;
    const struct shape named = name_shape("activations");
    char path[TEST_MAX_PATH];
    snprintf(path, sizeof path, "%s", make_checkpoint(parent, &named, 2));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_weights(path, cases[i].tensor, cases[i].first, cases[i].n, cases[i].value);
        if (cases[i].part)
            expect_activation(path, cases[i].part);
    }
}

/* One token overflows: its position is named, and a reset gives back a session that is as new. */
static void test_one_token(void **state) {
    (void)state;
    const struct shape named = name_shape("token");
    char path[TEST_MAX_PATH];
    int32_t spoilt[n_id];
    snprintf(path, sizeof path, "%s", make_checkpoint(parent, &named, 3));
    for (size_t id = 0; id < vocab_size; id++)
        set_weights(path, "backbone.embeddings.weight", id * d_model, 1, id == bad_id ? 1 : 0);
    for (size_t c = 0; c < d_inner; c++)
        set_weights(path, "backbone.layers.0.mixer.in_proj.weight", c * d_model, 1, FLT_MAX);
    memcpy(spoilt, ids, sizeof ids);
    spoilt[bad_place] = bad_id;
    for (size_t n_layer = 0; n_layer <= 2; n_layer++) {
        const dm_method_options method = decimating(every_layer, n_layer);
        dm_model *model = load_checked(path), *fresh = load_checked(path);
        dm_session *session = new_session(model, &method), *other = new_session(fresh, &method);
        float before[vocab_size], after[vocab_size];
        dm_error error;
        read_text(session, spoilt, 300);
        expect_number(dm_session_append(session, spoilt + 300, n_id - 300, &error), &error,
                      "the convolution (u) of layer 0: ");
        assert_non_null(strstr(error.message, " at token 1000, channel "));
        assert_int_equal(dm_session_append(session, ids, 1, &error), DM_ERROR_ARGUMENT);
        test_expect_error(&error, DM_ERROR_ARGUMENT, "reset it");
        dm_session_reset(session);
        read_text(session, ids, n_id);
        close_text(session, 1, after);
        read_text(other, ids, n_id);
        close_text(other, 1, before);
        assert_memory_equal(after, before, sizeof after);
        dm_session_free(session);
        dm_session_free(other);
        dm_model_free(model);
        dm_model_free(fresh);
    }
}

/* ---- Nothing to find ---- */

static void count_views(const dm_probe_view *view, void *user) {
    (void)view;
    ++*(size_t *)user;
}

static void test_the_same_results(void **state) {
    (void)state;
    const dm_method_options method = decimating(every_layer + 1, 2);
    struct outcome outcomes[2];
    size_t n_view[2] = {0};
    for (int check = 0; check < 2; check++) {
        dm_model *model;
        dm_error error;
        require(load(test_join(parent, shape.name), check, &model, &error), &error);
        dm_session *session = new_session(model, &method);
        dm_session_set_probe(session, count_views, &n_view[check]);
        read_text(session, ids, n_id);
        outcomes[check] = outcome_of(session, &method, vocab_size);
        dm_session_free(session);
        dm_model_free(model);
    }
    expect_same_bits(&outcomes[1], &outcomes[0]);
    assert_int_equal(n_view[0], n_view[1]);
    assert_true(n_view[0] > 0);
    free_outcome(&outcomes[0]);
    free_outcome(&outcomes[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_are_named),     cmocka_unit_test(test_sixteen_bits),
        cmocka_unit_test(test_activations_are_named), cmocka_unit_test(test_one_token),
        cmocka_unit_test(test_the_same_results),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
