/* Sizes and counts that do not fit 32 bits, and models of any shape. */
#include "engine.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"
#include "checkpoint/checkpoint.h"
#include "ops/embedding/embedding.h"
#include "session/session.h"
#include "text/added_tokens.h"
#include "text/pattern.h"

static char parent[TEST_MAX_PATH];

static int set_up(void **state) {
    (void)state;
    test_make_directory(parent);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_remove_directory(parent);
    return 0;
}

/* ---- Tensors of more than 2^31 elements, and offsets beyond 2^32, in a file with holes ---- */

enum { vast_vocabulary = 1100000, vast_model = 2048 };

struct tensor_text {
    const char *name, *dtype, *shape;
    size_t n_byte;
};
static const struct tensor_text vast_tensors[] = {
    {"backbone.embeddings.weight", "BF16", "[1100000, 2048]", 4505600000},
    {"lm_head.weight", "F32", "[1100000, 2048]", 9011200000},
    {"backbone.layers.0.norm.weight", "F32", "[2048]", 8192},
    {"backbone.layers.0.mixer.in_proj.weight", "F32", "[8, 2048]", 65536},
    {"backbone.layers.0.mixer.conv1d.weight", "F32", "[4, 1, 2]", 32},
    {"backbone.layers.0.mixer.conv1d.bias", "F32", "[4]", 16},
    {"backbone.layers.0.mixer.x_proj.weight", "F32", "[3, 4]", 48},
    {"backbone.layers.0.mixer.dt_proj.weight", "F32", "[4, 1]", 16},
    {"backbone.layers.0.mixer.dt_proj.bias", "F32", "[4]", 16},
    {"backbone.layers.0.mixer.A_log", "F32", "[4, 1]", 16},
    {"backbone.layers.0.mixer.D", "F32", "[4]", 16},
    {"backbone.layers.0.mixer.out_proj.weight", "F32", "[2048, 4]", 32768},
    {"backbone.norm_f.weight", "F32", "[2048]", 8192},
};
enum { n_vast = sizeof vast_tensors / sizeof *vast_tensors };

static void write_at(const char *path, size_t index, const void *bytes, size_t n_byte) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseeko(file, (off_t)index, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, n_byte, file), n_byte);
    assert_int_equal(fclose(file), 0);
}

/* Header and holes; gives where the data begins. */
static size_t write_vast(const char *path) {
    char header[4096];
    size_t n = 8, end = 0;
    for (size_t i = 0; i < n_vast; i++) {
        const struct tensor_text *one = &vast_tensors[i];
        n += (size_t)snprintf(header + n, sizeof header - n,
                              "%s\"%s\": {\"dtype\": \"%s\", \"shape\": %s, \"data_offsets\": "
                              "[%zu, %zu]}",
                              i ? ", " : "{", one->name, one->dtype, one->shape, end,
                              end + one->n_byte);
        end += one->n_byte;
    }
    n += (size_t)snprintf(header + n, sizeof header - n, "}");
    assert_true(n < sizeof header);
    for (size_t i = 0; i < 8; i++)
        header[i] = (char)((n - 8) >> 8 * i);
    test_write_file(path, header, n);
    assert_int_equal(truncate(path, (off_t)(n + end)), 0);
    return n;
}

static void expect_end(const struct dm_checkpoint *checkpoint, size_t layer, size_t index,
                       size_t n_element, const float *expected, size_t n) {
    float values[4];
    struct dm_weight weight = dm_checkpoint_weight(checkpoint, layer, index);
    assert_int_equal(weight.n_element, n_element);
    dm_weight_to_float(weight, n_element - n, n, values);
    assert_memory_equal(values, expected, n * sizeof *values);
}

static void test_vast_tensors(void **state) {
    static const char config[] =
        "{\"model_type\": \"mamba\", \"hidden_size\": 2048, \"num_hidden_layers\": 1, "
        "\"state_size\": 1, \"conv_kernel\": 2, \"intermediate_size\": 4, \"time_step_rank\": 1, "
        "\"vocab_size\": 1100000, \"use_bias\": false}";
    static const uint16_t halves[] = {0x3f80, 0xc000, 0x4040};
    static const float of_halves[] = {1, -2, 3}, floats[] = {0.5f, 6, -7, 1e30f};
    (void)state;
    char directory[TEST_MAX_PATH], path[TEST_MAX_PATH];
    struct dm_checkpoint *checkpoint;
    dm_error error;
    snprintf(directory, sizeof directory, "%s", test_join(parent, "vast"));
    assert_int_equal(mkdir(directory, 0700), 0);
    snprintf(path, sizeof path, "%s", test_join(directory, "model.safetensors"));
    test_write_file(test_join(directory, "config.json"), config, sizeof config - 1);
    size_t data = write_vast(path), embedding_end = data + vast_tensors[0].n_byte;
    size_t head_end = embedding_end + vast_tensors[1].n_byte;
    write_at(path, embedding_end - sizeof halves, halves, sizeof halves);
    write_at(path, head_end - sizeof floats, floats, sizeof floats);
    write_at(path, head_end + 8192 - sizeof floats, floats, sizeof floats);
    require(dm_checkpoint_open(directory, &checkpoint, &error), &error);
    size_t n = (size_t)vast_vocabulary * vast_model;
    expect_end(checkpoint, DM_NO_LAYER, DM_EMBEDDING, n, of_halves, 3);
    expect_end(checkpoint, DM_NO_LAYER, DM_HEAD, n, floats, 4);
    expect_end(checkpoint, 0, 0 /* the norm */, vast_model, floats, 4);

    float row[vast_model];
    const int32_t last = vast_vocabulary - 1;
    struct dm_weight embedding = dm_checkpoint_weight(checkpoint, DM_NO_LAYER, DM_EMBEDDING);
    const struct dm_embedding op = {.d_model = vast_model,
                                    .weight = embedding.data,
                                    .dtype = embedding.dtype,
                                    .ids = &last,
                                    .out = row};
    dm_embedding_forward(&op, 0, 1);
    assert_memory_equal(row + vast_model - 3, of_halves, sizeof of_halves);
    dm_checkpoint_close(checkpoint);
    assert_int_equal(truncate(path, (off_t)head_end), 0);
    assert_int_equal(dm_checkpoint_open(directory, &checkpoint, &error), DM_ERROR_FORMAT);
    test_expect_error(&error, DM_ERROR_FORMAT, "cut short");
    assert_int_equal(remove(path), 0);
}

/* ---- Positions beyond 2^32 ---- */

static const struct shape small = {.name = "small",
                                   .n_layer = 3,
                                   .d_model = 8,
                                   .expand = 2,
                                   .d_state = 3,
                                   .d_conv = 4,
                                   .dt_rank = 1,
                                   .vocab_size = 32,
                                   .tied = true};
enum { n_id = 1500, vocab_size = 32 };
static const size_t far_token = ((size_t)1 << 33) + 5;

/* As if the session had read `far_token` tokens that left nothing behind. */
static void go_far(struct dm_session *session) {
    session->n_token = session->pool.n_offered = far_token;
}

static void note_first(const dm_probe_view *view, void *user) {
    if (*(size_t *)user == SIZE_MAX)
        *(size_t *)user = view->first_position;
}

/* Read, closed, saved, restored, gone on with a step and more text. */
static struct outcome read_through_file(const dm_model *model, const dm_method_options *method,
                                        const int32_t *ids, bool far) {
    char path[TEST_MAX_PATH];
    float logits[vocab_size];
    size_t first = SIZE_MAX;
    dm_error error;
    snprintf(path, sizeof path, "%s", test_join(parent, "session"));
    dm_session *session = new_session(model, method);
    if (far)
        go_far(session);
    dm_session_set_probe(session, note_first, &first);
    read_text(session, ids, 900);
    close_text(session, 1, logits);
    assert_int_equal(first, far ? far_token : 0);
    require(dm_session_save(session, path, &error), &error);
    dm_session_free(session);
    require(dm_session_restore(model, path, &session, &error), &error);
    require(dm_session_step(session, ids[900], logits, &error), &error);
    read_text(session, ids + 901, n_id - 901);
    struct outcome outcome = outcome_of(session, method, vocab_size);
    assert_int_equal(dm_session_n_token(session), (far ? far_token : 0) + n_id);
    dm_session_free(session);
    return outcome;
}

static void test_far_positions(void **state) {
    static const size_t layers[] = {0, 2};
    static const dm_score scores[] = {DM_SCORE_NORM, DM_SCORE_MEAN, DM_SCORE_TOKEN_NORM};
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 2);
    int32_t *ids = random_ids(&random, n_id, vocab_size);
    dm_model *model = load_model(make_checkpoint(parent, &small, 1), NULL, 1);
    for (size_t i = 0; i <= sizeof scores / sizeof *scores; i++) {
        dm_method_options method = DM_METHOD_OPTIONS_INIT;
        bool keep_last = i == sizeof scores / sizeof *scores;
        method.kind = keep_last ? DM_METHOD_KEEP_LAST : DM_METHOD_DECIMATE;
        method.score = scores[keep_last ? 0 : i];
        method.layers = layers;
        method.n_layer = 2;
        method.base_length = 200;
        method.keep_tail = 3;
        struct outcome near = read_through_file(model, &method, ids, false);
        struct outcome far = read_through_file(model, &method, ids, true);
        for (size_t t = 0; t < near.n_kept[0]; t++)
            near.kept[0][t] += far_token;
        expect_same_bits(&far, &near);
        free_outcome(&near);
        free_outcome(&far);
    }
    free(ids);
    dm_model_free(model);
}

/* The text ends where a size_t does, in one line. */
static void test_too_long_a_text(void **state) {
    (void)state;
    const int32_t ids[5] = {0};
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    dm_model *model = load_model(make_checkpoint(parent,
                                                 &(struct shape){.name = "end",
                                                                 .n_layer = 1,
                                                                 .d_model = 4,
                                                                 .expand = 1,
                                                                 .d_state = 1,
                                                                 .d_conv = 2,
                                                                 .dt_rank = 1,
                                                                 .vocab_size = 8,
                                                                 .tied = true},
                                                 1),
                                 NULL, 1);
    dm_session *session = new_session(model, &plain);
    dm_error error;
    session->n_token = SIZE_MAX - 4;
    assert_int_equal(dm_session_append(session, ids, 5, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "the text is too long");
    require(dm_session_append(session, ids, 4, &error), &error);
    assert_int_equal(dm_session_step(session, 0, NULL, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT, "the text is too long");
    dm_session_free(session);
    dm_model_free(model);
}

/* ---- Text beyond 2^32 bytes ---- */

static void test_far_words(void **state) {
    static const char end[] = "Once, it's\xc3\xa9 <|x|>   upon";
    static const size_t ends[] = {4, 5, 8, 10, 12, 15, 16, 18, 20, 25};
    (void)state;
    size_t first = ((size_t)1 << 32) + 11, n_byte = first + sizeof end - 1;
    char *text = mmap(NULL, n_byte, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(text != MAP_FAILED);
    memcpy(text + first, end, sizeof end - 1);
    struct dm_pattern pattern;
    struct dm_pattern_scan words;
    dm_error error;
    require(dm_pattern_open(&pattern, dm_pattern_gpt2, strlen(dm_pattern_gpt2), "GPT-2", &error),
            &error);
    require(dm_pattern_scan_open(&words, &error), &error);
    size_t at = first, stop;
    for (size_t i = 0; at < n_byte; i++) {
        size_t begin = at;
        require(dm_pattern_find(&words, &pattern, text, n_byte, false, begin, &at, &stop, &error),
                &error);
        assert_int_equal(at, begin);
        at = stop;
        assert_int_equal(at - first, ends[i]);
    }
    dm_pattern_scan_close(&words);
    dm_pattern_close(&pattern);
    assert_int_equal(dm_utf8_length_before(text, first + 12), 2);

    struct dm_added_tokens added;
    const struct dm_added_token token = {.n_byte = 5, .id = 9, .lstrip = true, .rstrip = true};
    assert_true(dm_added_tokens_open(&added, 1, 5));
    assert_true(dm_added_tokens_put(&added, "<|x|>", token));
    struct dm_added_scan scan = {.text = text, .n_byte = n_byte, .search = first, .end = first};
    assert_true(dm_added_scan_next(&scan, &added));
    assert_int_equal(scan.begin - first, 12);
    assert_int_equal(scan.end - first, 21);
    assert_false(dm_added_scan_next(&scan, &added));
    dm_added_tokens_close(&added);
    assert_int_equal(munmap(text, n_byte), 0);
}

/* ---- Shapes ---- */

/* Calibrated, read with tokens dropped at its last layer and another by the global score, and from
 * a session file: on every instruction set what the reference gives. */
static void check_shape(const struct shape *shape) {
    static const char *const cpus[] = {"reference", "avx2", "avx512"};
    struct dm_random random;
    struct outcome reference = {0};
    char path[TEST_MAX_PATH], file[TEST_MAX_PATH];
    dm_error error;
    dm_random_seed(&random, shape->d_state + shape->d_conv);
    snprintf(path, sizeof path, "%s", make_checkpoint(parent, shape, 5));
    snprintf(file, sizeof file, "%s", test_join(parent, "shape-session"));
    int32_t *ids = random_ids(&random, 90, shape->vocab_size);
    ids[3] = (int32_t)shape->vocab_size - 1;
    dm_calibration_options calibration = DM_CALIBRATION_OPTIONS_INIT;
    calibration.length = 40;
    dm_model *model = load_model(path, "reference", 1);
    require(dm_calibrate(model, ids, 90, &calibration, path, &error), &error);
    dm_model_free(model);
    const size_t layers[] = {shape->n_layer - 1, (shape->n_layer - 1) / 2};
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = DM_METHOD_DECIMATE;
    method.score = DM_SCORE_GLOBAL;
    method.layers = layers;
    method.n_layer = shape->n_layer > 1 ? 2 : 1;
    method.base_length = 30;
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++) {
        if (!has_cpu(cpus[i]))
            continue;
        model = load_model(path, cpus[i], 2);
        dm_session *session = new_session(model, &method);
        read_text(session, ids, 50);
        require(dm_session_save(session, file, &error), &error);
        dm_session_free(session);
        require(dm_session_restore(model, file, &session, &error), &error);
        read_text(session, ids + 50, 40);
        struct outcome outcome = outcome_of(session, &method, shape->vocab_size);
        dm_session_free(session);
        dm_model_free(model);
        if (i == 0) {
            reference = outcome;
            continue;
        }
        expect_same_kept(&outcome, &reference);
        double apart = difference(outcome.logits, reference.logits, reference.n_logit);
        if (!(apart <= 1e-4 + 1e-6 * shape->n_layer)) /* rounding adds up */
            fail_msg("%s, %s: logits are %g apart", shape->name, cpus[i], apart);
        free_outcome(&outcome);
    }
    free_outcome(&reference);
    free(ids);
}

static void test_shapes(void **state) {
    static const struct shape shapes[] = {
        /* layers, d_model, expand, d_state, d_conv, dt_rank, vocabulary */
        {"vocabulary", 1, 8, 2, 4, 4, 1, 300000, true},
        {"vocabulary-untied", 1, 4, 2, 4, 4, 1, 300001, false},
        {"layers", 300, 8, 2, 4, 4, 1, 50, true},
        {"thousand-layers", 1012, 4, 1, 1, 2, 1, 20, true},
        {"states-7", 2, 20, 2, 7, 2, 1, 40, true},
        {"states-256", 2, 20, 2, 256, 3, 2, 40, true},
        {"one-channel", 2, 1, 1, 1, 2, 1, 10, true},
        {"taps-2", 2, 9, 2, 5, 2, 1, 40, true},
        {"taps-3", 2, 9, 2, 5, 3, 1, 40, true},
        {"taps-5", 2, 9, 2, 5, 5, 1, 40, true},
        {"taps-6", 2, 9, 2, 5, 6, 1, 40, true},
        {"taps-7", 2, 9, 2, 5, 7, 1, 40, true},
        {"taps-8", 2, 9, 2, 5, 8, 1, 40, true},
        {"taps-100", 2, 9, 2, 5, 100, 1, 40, true}, /* more than the text has tokens */
        {"rank-300", 2, 16, 2, 4, 4, 300, 40, true},
        {"wide", 1, 12, 500, 3, 4, 1, 40, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_shape(&shapes[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vast_tensors),    cmocka_unit_test(test_far_positions),
        cmocka_unit_test(test_too_long_a_text), cmocka_unit_test(test_far_words),
        cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
