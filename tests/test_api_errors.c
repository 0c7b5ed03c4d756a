/* Errors of the public calls: one line that names the fault, and nothing has changed. */
#include "engine.h"

#include <limits.h>

#include "base/memory.h"

static const struct shape shape = {.name = "model",
                                   .n_layer = 4,
                                   .d_model = 12,
                                   .expand = 2,
                                   .d_state = 3,
                                   .d_conv = 3,
                                   .dt_rank = 2,
                                   .vocab_size = 32,
                                   .tied = true};
static const struct shape other = {.name = "other",
                                   .n_layer = 4,
                                   .d_model = 12,
                                   .expand = 2,
                                   .d_state = 3,
                                   .d_conv = 3,
                                   .dt_rank = 2,
                                   .vocab_size = 32,
                                   .tied = true};
enum { vocab_size = 32, n_id = 60 };

static char parent[TEST_MAX_PATH];
static dm_model *model, *stranger;
static int32_t ids[n_id];
static dm_error error;

static int set_up(void **state) {
    (void)state;
    test_make_directory(parent);
    model = load_model(make_checkpoint(parent, &shape, 1), NULL, 1);
    stranger = load_model(make_checkpoint(parent, &other, 2), NULL, 1);
    for (int i = 0; i < n_id; i++)
        ids[i] = i * 7 % vocab_size;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dm_model_free(model);
    dm_model_free(stranger);
    test_remove_directory(parent);
    return 0;
}

/* The call has failed so; its error is cleared for the next. */
static void expect(dm_status status, dm_status expected, const char *part) {
    assert_int_equal(status, expected);
    test_expect_error(&error, expected, part);
    assert_null(strchr(error.message, '\n'));
    error = (dm_error){0};
}

#define REFUSED(call, part) expect(call, DM_ERROR_ARGUMENT, part)

static dm_method_options decimating(const size_t *layers, size_t n_layer) {
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = DM_METHOD_DECIMATE;
    method.layers = layers;
    method.n_layer = n_layer;
    method.base_length = 10;
    method.min_length = 2;
    method.keep_tail = 3;
    return method;
}

static void test_models(void **state) {
    (void)state;
    const char *path = test_join(parent, "model");
    dm_model *made = NULL;
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    size_t live = dm_memory_live();
    REFUSED(dm_model_load(NULL, NULL, &made, &error), "directory");
    REFUSED(dm_model_load(path, NULL, NULL, &error), "model");
    options.struct_size = 8;
    REFUSED(dm_model_load(path, &options, &made, &error), "struct_size");
    options = (dm_model_options)DM_MODEL_OPTIONS_INIT;
    options.cpu = "z80";
    REFUSED(dm_model_load(path, &options, &made, &error), "z80");
    options = (dm_model_options)DM_MODEL_OPTIONS_INIT;
    options.n_thread = 100000;
    REFUSED(dm_model_load(path, &options, &made, &error), "threads");
    options = (dm_model_options)DM_MODEL_OPTIONS_INIT;
    options.dtype = (dm_dtype)17;
    REFUSED(dm_model_load(path, &options, &made, &error), "dtype");
    options.dtype = DM_DTYPE_F16;
    REFUSED(dm_model_load(path, &options, &made, &error), "f16");
    options.dtype = DM_DTYPE_BF16;
    options.cpu = "reference";
    REFUSED(dm_model_load(path, &options, &made, &error), "bf16");
    assert_int_not_equal(dm_model_load(test_join(parent, "none"), NULL, &made, &error), DM_OK);
    assert_null(made);
    assert_int_equal(dm_memory_live(), live);

    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    REFUSED(dm_model_get_info(NULL, &info, &error), "info");
    REFUSED(dm_model_get_info(model, NULL, &error), "info");
    info.struct_size = 8;
    REFUSED(dm_model_get_info(model, &info, &error), "struct_size");
    REFUSED(dm_model_default_method(NULL, &method, &error), "model");
    REFUSED(dm_model_default_method(model, NULL, &error), "method");
    const uint32_t *channels;
    size_t n;
    REFUSED(dm_model_global_channels(NULL, 0, &channels, &n, &error), "model");
    REFUSED(dm_model_global_channels(model, 0, NULL, &n, &error), "channels");
    REFUSED(dm_model_global_channels(model, 0, &channels, NULL, &error), "n_channel");
    REFUSED(dm_model_global_channels(model, 1000, &channels, &n, &error), "layer 1000");
    assert_int_equal(dm_model_load(NULL, NULL, NULL, NULL), DM_ERROR_ARGUMENT);
    dm_model_free(NULL);
    REFUSED(dm_checkpoint_export_gguf(NULL, "out", 0, &error), "dm_checkpoint_export_gguf");
    REFUSED(dm_checkpoint_export_gguf(path, NULL, 0, &error), "dm_checkpoint_export_gguf");
    REFUSED(dm_checkpoint_export_gguf(path, "out", (dm_dtype)9, &error), "dtype");
    REFUSED(dm_checkpoint_convert(path, "out", DM_DTYPE_Q4, &error), "q4");
    REFUSED(dm_checkpoint_convert(path, "out", DM_DTYPE_INT8, &error), "int8");
    REFUSED(dm_checkpoint_init(path, "out", DM_DTYPE_INT8, 0, &error), "int8");
    dm_operation_time *times;
    size_t n_time;
    REFUSED(dm_model_get_profile(NULL, &times, &n_time, &error), "dm_model_get_profile");
    REFUSED(dm_model_get_profile(model, NULL, &n_time, &error), "dm_model_get_profile");
    REFUSED(dm_model_get_profile(model, &times, NULL, &error), "dm_model_get_profile");
    REFUSED(dm_model_get_profile(model, &times, &n_time, &error), "options.profile");
    dm_trainer_options training = DM_TRAINER_OPTIONS_INIT;
    dm_trainer *trainer;
    training.dtype = DM_DTYPE_INT8;
    REFUSED(dm_trainer_new(path, &training, &trainer, &error), "int8");
    training.dtype = DM_DTYPE_Q4;
    REFUSED(dm_trainer_new(path, &training, &trainer, &error), "q4");
}

static void test_method(void **state) {
    (void)state;
    const size_t layers[] = {1, 3, 1}, too_high[] = {4};
    dm_session *made = NULL;
    dm_method_options method = decimating(layers, 2);
    size_t live = dm_memory_live();
    REFUSED(dm_session_new(NULL, &method, &made, &error), "model");
    REFUSED(dm_session_new(model, &method, NULL, &error), "session");
#define WITH(change, part)          \
    method = decimating(layers, 2); \
    change;                         \
    REFUSED(dm_session_new(model, &method, &made, &error), part)
    WITH(method.struct_size = 0, "struct_size");
    WITH(method.n_layer = 3, "twice");
    WITH(method.n_layer = 0, "at least one layer");
    WITH(method.layers = NULL, "at least one layer");
    WITH((method.layers = too_high, method.n_layer = 1), "layer 4");
    WITH(method.beta = 0, "beta");
    WITH(method.beta = -1, "beta");
    WITH(method.beta = 1.0000001, "beta");
    WITH(method.beta = NAN, "beta");
    WITH(method.keep_tail = 0, "keep_tail");
    WITH(method.kind = (dm_method_kind)9, "method");
    WITH(method.kind = (dm_method_kind)-1, "method");
    WITH(method.score = (dm_score)(DM_SCORE_TOKEN_NORM + 1), "score");
    WITH(method.score = (dm_score)-1, "score");
    WITH(method.score = DM_SCORE_GLOBAL, "calibrate");
#undef WITH
    method = decimating(layers, 2);
    method.keep_tail = SIZE_MAX;
    expect(dm_session_new(model, &method, &made, &error), DM_ERROR_MEMORY, "tail");
    assert_null(made);
    assert_int_equal(dm_memory_live(), live);
    dm_session_free(NULL);
    dm_session_reset(NULL);
    dm_session_set_probe(NULL, NULL, NULL);
    assert_int_equal(dm_session_n_token(NULL), 0);
    assert_int_equal(dm_session_memory(NULL), 0);
    assert_int_equal(dm_session_bound(NULL), 0);
}

/* Every wrong call on a session: it goes on as one that never saw them. */
static void test_sessions(void **state) {
    (void)state;
    const size_t layers[] = {2, 1};
    const dm_method_options method = decimating(layers, 2);
    dm_session *session = new_session(model, &method), *twin = new_session(model, &method);
    dm_session *foreign = new_session(stranger, &method);
    float logits[8 * vocab_size], before[8 * vocab_size];
    const size_t *positions = layers;
    size_t n = 5;
    for (int i = 0; i < 8 * vocab_size; i++)
        logits[i] = before[i] = 0.5f;
    REFUSED(dm_session_logits(session, 1, logits, &error), "empty text");
    REFUSED(dm_session_next_logits(session, logits, &error), "empty text");
    read_text(session, ids, n_id);
    read_text(twin, ids, n_id);
    size_t live = dm_memory_live();
    for (int round = 0; round < 3; round++) { /* unclosed, closed, stepped */
        const int32_t bad[] = {3, vocab_size, -1, INT32_MIN, INT32_MAX};
        REFUSED(dm_session_append(NULL, ids, 3, &error), "session");
        REFUSED(dm_session_append(session, NULL, 3, &error), "ids");
        for (int i = 1; i < 5; i++) {
            const int32_t text[] = {1, 2, bad[i]};
            REFUSED(dm_session_append(session, text, 3, &error), "0 to 31");
            REFUSED(dm_session_step(session, bad[i], logits, &error), "0 to 31");
        }
        REFUSED(dm_session_append(session, ids, SIZE_MAX, &error), "too long");
        REFUSED(dm_session_step(NULL, 1, logits, &error), "session");
        REFUSED(dm_session_logits(NULL, 1, logits, &error), "session");
        REFUSED(dm_session_logits(session, 1, NULL, &error), "room");
        REFUSED(dm_session_next_logits(NULL, logits, &error), "session");
        REFUSED(dm_session_next_logits(session, NULL, &error), "room");
        REFUSED(dm_session_logits(session, 0, logits, &error), "1 to 3");
        REFUSED(dm_session_logits(session, 4, logits, &error), "keep_tail is 3");
        REFUSED(dm_session_kept(session, 0, &positions, &n, &error), "layer 0");
        REFUSED(dm_session_kept(session, SIZE_MAX, &positions, &n, &error), "drops no tokens");
        REFUSED(dm_session_kept(NULL, 1, &positions, &n, &error), "every argument");
        REFUSED(dm_session_kept(session, 1, NULL, &n, &error), "every argument");
        REFUSED(dm_session_kept(session, 1, &positions, NULL, &error), "every argument");
        assert_true(positions == layers && n == 5);

        dm_session *const mixed[] = {session, foreign};
        dm_session *const same[] = {session, twin, session}, *const none[] = {session, NULL};
        const int32_t *const texts[] = {ids, ids, ids};
        const int32_t *const no_text[] = {ids, NULL};
        const size_t lengths[] = {1, 1, 1};
        REFUSED(dm_append_many(mixed, 2, texts, lengths, &error), "another model");
        REFUSED(dm_append_many(same, 3, texts, lengths, &error), "twice");
        REFUSED(dm_append_many(none, 2, texts, lengths, &error), "session");
        REFUSED(dm_append_many(same, 2, no_text, lengths, &error), "ids");
        REFUSED(dm_append_many(same, 2, NULL, lengths, &error), "ids");
        REFUSED(dm_append_many(same, 2, texts, NULL, &error), "ids");
        REFUSED(dm_append_many(NULL, 2, texts, lengths, &error), "no sessions");
        REFUSED(dm_append_many(same, 0, texts, lengths, &error), "no sessions");
        REFUSED(dm_step_many(mixed, 2, ids, logits, &error), "another model");
        REFUSED(dm_step_many(same, 3, ids, logits, &error), "twice");
        REFUSED(dm_step_many(same, 2, NULL, logits, &error), "ids");
        REFUSED(dm_step_many(same, 2, bad, logits, &error), "id 32");
        REFUSED(dm_session_save(NULL, "x", &error), "session");
        REFUSED(dm_session_save(session, NULL, &error), "path");
        REFUSED(dm_generation_save(NULL, NULL, "x", &error), "session");
        REFUSED(dm_generation_save(session, NULL, NULL, &error), "path");
        assert_int_not_equal(dm_session_save(session, test_join(parent, "no/such"), &error), DM_OK);
        assert_memory_equal(logits, before, sizeof logits);
        assert_int_equal(dm_session_n_token(session), dm_session_n_token(twin));
        if (round == 0) {
            assert_int_equal(dm_memory_live(), live);
            close_text(session, 3, logits + (size_t)3 * vocab_size);
            close_text(twin, 3, logits);
        } else {
            require(dm_session_step(session, 4, logits + (size_t)3 * vocab_size, &error), &error);
            require(dm_session_step(twin, 4, logits, &error), &error);
        }
        assert_memory_equal(logits, logits + (size_t)3 * vocab_size,
                            (round ? 1U : 3U) * vocab_size * sizeof *logits);
        memcpy(logits, before, sizeof logits);
        error = (dm_error){0};
    }
    dm_session_free(session);
    dm_session_free(twin);
    dm_session_free(foreign);
}

/* ---- decimamba.json ---- */

static void test_calibrate(void **state) {
    (void)state;
    const size_t layers[] = {9};
    dm_method_options method = decimating(layers, 1);
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    char directory[TEST_MAX_PATH];
    int32_t text[n_id];
    memcpy(text, ids, sizeof text);
    test_make_directory(directory);
    options.length = 20;
#define WITH(change, part)                                                           \
    {                                                                                \
        dm_calibration_options saved = options;                                      \
        change;                                                                      \
        REFUSED(dm_calibrate(model, text, n_id, &options, directory, &error), part); \
        options = saved;                                                             \
    }
    REFUSED(dm_calibrate(NULL, ids, n_id, &options, directory, &error), "model");
    REFUSED(dm_calibrate(model, NULL, n_id, &options, directory, &error), "ids");
    REFUSED(dm_calibrate(model, ids, n_id, &options, NULL, &error), "directory");
    REFUSED(dm_calibrate(model, ids, 19, &options, directory, &error), "19 tokens");
    REFUSED(dm_calibrate(model, ids, n_id, NULL, directory, &error), "2048");
    WITH(options.struct_size = 1, "struct_size");
    WITH(options.length = 0, "passages");
    WITH(options.n_passage = 0, "passages");
    WITH(options.share = 0, "share");
    WITH(options.share = 1.5, "share");
    WITH(options.share = NAN, "share");
    WITH(options.method = &method, "layer 9");
    method.layers = NULL;
    WITH(options.method = &method, "at least one layer");
    method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    method.n_layer = 1; /* plain Mamba takes no notice of layers */
    method.base_length = SIZE_MAX;
    WITH(options.method = &method, "base_length");
    method.struct_size = 3;
    WITH(options.method = &method, "struct_size");
    text[19] = vocab_size;
    WITH((void)0, "id 32");
#undef WITH
    assert_int_equal(test_count_entries(directory), 0);
    assert_int_not_equal(
        dm_calibrate(model, ids, n_id, &options, test_join(directory, "none"), &error), DM_OK);
    test_remove_directory(directory);
}

static void test_settings_files(void **state) {
    (void)state;
    static const struct {
        const char *text;
        dm_status status;
        const char *part;
    } cases[] = {
        {"", DM_ERROR_FORMAT, "JSON"},
        {"[]", DM_ERROR_FORMAT, "object"},
        {"{}", DM_ERROR_FORMAT, "no \"version\""},
        {"{\"version\": 0}", DM_ERROR_UNSUPPORTED, "version 0"},
        {"{\"version\": 2}", DM_ERROR_UNSUPPORTED, "version 2"},
        {"{\"version\": 1.0}", DM_ERROR_FORMAT, "version"},
        {"{\"version\": 1, \"method\": \"forget\"}", DM_ERROR_FORMAT, "forget"},
        {"{\"version\": 1, \"method\": 3}", DM_ERROR_FORMAT, "method"},
        {"{\"version\": 1, \"score\": \"best\"}", DM_ERROR_FORMAT, "best"},
        {"{\"version\": 1, \"layers\": 3}", DM_ERROR_FORMAT, "layers"},
        {"{\"version\": 1, \"layers\": [4]}", DM_ERROR_FORMAT, "below 4"},
        {"{\"version\": 1, \"layers\": [-1]}", DM_ERROR_FORMAT, "below 4"},
        {"{\"version\": 1, \"layers\": [1.0]}", DM_ERROR_FORMAT, "below 4"},
        {"{\"version\": 1, \"method\": \"decimate\", \"layers\": [1, 1]}", DM_ERROR_FORMAT,
         "twice"},
        {"{\"version\": 1, \"method\": \"decimate\"}", DM_ERROR_FORMAT, "at least one layer"},
        {"{\"version\": 1, \"method\": \"decimate\", \"score\": \"global\", \"layers\": [1]}",
         DM_ERROR_FORMAT, "channels of layer 1"},
        {"{\"version\": 1, \"beta\": 0}", DM_ERROR_FORMAT, "beta"},
        {"{\"version\": 1, \"beta\": \"1\"}", DM_ERROR_FORMAT, "beta"},
        {"{\"version\": 1, \"keep_tail\": 0}", DM_ERROR_FORMAT, "keep_tail"},
        {"{\"version\": 1, \"base_length\": -1}", DM_ERROR_FORMAT, "base_length"},
        {"{\"version\": 1, \"global_channels\": {\"0\": [24]}}", DM_ERROR_FORMAT, "below 24"},
        {"{\"version\": 1, \"global_channels\": {\"0\": [3, 3]}}", DM_ERROR_FORMAT, "ascend"},
        {"{\"version\": 1, \"global_channels\": {\"0\": 3}}", DM_ERROR_FORMAT, "array"},
        {"{\"version\": 1, \"global_channels\": [3]}", DM_ERROR_FORMAT, "global_channels"},
        {"{\"version\": 1, \"calibration\": [3]}", DM_ERROR_FORMAT, "calibration"},
    };
    char path[TEST_MAX_PATH], directory[TEST_MAX_PATH];
    snprintf(directory, sizeof directory, "%s", test_join(parent, "model"));
    snprintf(path, sizeof path, "%s", test_join(directory, "decimamba.json"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dm_model *made = NULL;
        size_t live = dm_memory_live();
        test_write_text(path, cases[i].text);
        print_message("%s\n", cases[i].text);
        expect(dm_model_load(directory, NULL, &made, &error), cases[i].status, cases[i].part);
        assert_null(made);
        assert_int_equal(dm_memory_live(), live);
    }
    assert_int_equal(remove(path), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),         cmocka_unit_test(test_method),
        cmocka_unit_test(test_sessions),       cmocka_unit_test(test_calibrate),
        cmocka_unit_test(test_settings_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
