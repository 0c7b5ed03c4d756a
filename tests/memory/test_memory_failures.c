/* Every allocation of every fallible call of decimamba.h fails once, alone and with all that
 * follow: the call says DM_ERROR_MEMORY and leaves its outputs and the disk as they were, nothing
 * leaks, and the same call then gives, bit for bit, what it gives in peace; or the session says
 * that it must be reset. Where a failure does no harm (something is only slower), the call succeeds
 * with the same bits. So with the library's own allocations, and with those of the libraries below
 * it. And every call does with a small stack. */
#include "memory_case.h"

#include <dirent.h>
#include <pthread.h>

#include "base/memory.h"
#include "system_memory.h"

enum { max_allocations = 20000, pattern = 0x5a, small_stack = 256 << 10 };

static const struct memory_case *const tables[] = {memory_cases_text, memory_cases_reading,
                                                   memory_cases_training};
enum { n_table = sizeof tables / sizeof *tables };

int32_t case_ids[case_n_id];
static char parent[TEST_MAX_PATH], checkpoint[TEST_MAX_PATH];

/* The small model has a decimamba.json. */
static int set_up(void **state) {
    (void)state;
    static const struct shape shape = {.name = "model",
                                       .n_layer = 3,
                                       .d_model = 12,
                                       .expand = 2,
                                       .d_state = 3,
                                       .d_conv = 3,
                                       .dt_rank = 2,
                                       .vocab_size = case_vocab};
    struct dm_random random;
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    dm_error error;
    system_memory_begin();
    dm_random_seed(&random, 5);
    int32_t *ids = random_ids(&random, case_n_id, case_vocab);
    memcpy(case_ids, ids, sizeof case_ids);
    free(ids);
    test_make_directory(parent);
    snprintf(checkpoint, sizeof checkpoint, "%s", make_checkpoint(parent, &shape, 1));
    dm_model *model = load_model(checkpoint, NULL, 1);
    options.length = 30;
    require(dm_calibrate(model, case_ids, case_n_id, &options, checkpoint, &error), &error);
    dm_model_free(model);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_remove_directory(parent);
    return 0;
}

/* ---- Scenes ---- */

static void open_scene(struct scene *scene, const struct memory_case *item) {
    *scene = (struct scene){.checkpoint = checkpoint};
    test_make_directory(scene->directory);
    if (item->prepare)
        item->prepare(scene);
    memset(&scene->out, pattern, sizeof scene->out);
}

static void close_scene(struct scene *scene) {
    for (int i = 0; i < n_case_session; i++)
        dm_session_free(scene->sessions[i]);
    dm_encoder_free(scene->encoder);
    dm_decoder_free(scene->decoder);
    dm_chat_template_free(scene->chat);
    dm_tokenizer_free(scene->tokenizer);
    dm_sampler_free(scene->sampler);
    dm_trainer_free(scene->trainer);
    dm_model_free(scene->model);
    free(scene->bytes);
    test_remove_directory(scene->directory);
}

/* Names and contents of all that is in a directory. */
static void digest_directory(const char *path, uint64_t *digest) {
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        char inner[2 * TEST_MAX_PATH];
        snprintf(inner, sizeof inner, "%s/%s", path, name);
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            digest_bytes(digest, name, strlen(name) + 1);
            if (entries[i]->d_type == DT_DIR) {
                digest_directory(inner, digest);
            } else {
                size_t n_byte;
                unsigned char *bytes = test_read_file(inner, &n_byte);
                digest_bytes(digest, bytes, n_byte);
                free(bytes);
            }
        }
        free(entries[i]);
    }
    free(entries);
}

static uint64_t digest_success(struct scene *scene, const struct memory_case *item) {
    uint64_t digest = 0;
    digest_directory(scene->directory, &digest);
    item->use(scene, &digest);
    return digest;
}

/* ---- Whose allocations fail, and which ---- */

/* Of some only every `step`-th is tried, unless DM_THOROUGH is set: there are thousands. */
struct failing {
    const char *whose;
    size_t step;
    void (*arm)(size_t n);
    bool (*has_failed)(void);
};

static void arm_theirs(size_t n) {
    system_memory_fail(n, false);
}

static void arm_theirs_once(size_t n) {
    system_memory_fail(n, true);
}

static const struct failing failings[] = {
    {"the library's from the n-th on", 1, dm_memory_fail_at, dm_memory_failed},
    {"the library's n-th", 5, dm_memory_fail_once, dm_memory_failed},
    {"those below, from the n-th on", 23, arm_theirs, system_memory_failed},
    {"those below, the n-th", 23, arm_theirs_once, system_memory_failed},
};
/* Where jansson reads numbers beside names, one failure of its own can pass unseen: it does not
 * look whether the room for a long name grew, and a number takes errno back. So there, all that
 * follow fail as well. */
enum { n_failing = sizeof failings / sizeof *failings, n_own = 2, n_json = 3 };

static size_t live(const struct memory_case *item) {
    return dm_memory_live() + (item->zip ? 0 : system_memory_live());
}

struct trial {
    const struct memory_case *item;
    const struct failing *failing;
    size_t n; /* the allocation that fails */
    uint64_t expected;
    size_t n_failed, n_broken, n_harmless; /* of all so far */
};

static void complain(const struct trial *trial, const char *what, const char *more) {
    fail_msg("%s%s%s, %s (%zu): %s%s%s", trial->item->call, trial->item->what ? " " : "",
             trial->item->what ? trial->item->what : "", trial->failing->whose, trial->n, what,
             *more ? ": " : "", more);
}

static void expect_untouched(const struct trial *trial, const struct scene *scene,
                             uint64_t before) {
    const unsigned char *byte = (const unsigned char *)&scene->out;
    uint64_t after = 0;
    for (size_t i = 0; i < sizeof scene->out; i++)
        if (byte[i] != pattern)
            complain(trial, "an output was touched", "");
    digest_directory(scene->directory, &after);
    if (after != before)
        complain(trial, "something was left on the disk", "");
}

/* The same call once more, in peace. */
static void act_again(struct trial *trial, struct scene *scene) {
    dm_error error = {.message = ""};
    dm_status status = trial->item->act(scene, &error);
    if (status == DM_ERROR_ARGUMENT && trial->item->mend && strstr(error.message, "reset it")) {
        trial->n_broken++;
        trial->item->mend(scene);
        status = trial->item->act(scene, &error);
    }
    if (status)
        complain(trial, "fails afterwards", error.message);
}

/* False: the call has fewer allocations. */
static bool try(struct trial *trial) {
    struct scene scene;
    dm_error error = {.message = ""};
    uint64_t before = 0;
    size_t live_before = live(trial->item);
    open_scene(&scene, trial->item);
    digest_directory(scene.directory, &before);
    trial->failing->arm(trial->n);
    dm_status status = trial->item->act(&scene, &error);
    bool has_failed = trial->failing->has_failed();
    trial->failing->arm(0);
    if (status && (!has_failed || status != DM_ERROR_MEMORY || error.status != status))
        complain(trial, "not the right error", error.message);
    trial->n_failed += status != DM_OK;
    trial->n_harmless += has_failed && !status;
    if (status) {
        expect_untouched(trial, &scene, before);
        act_again(trial, &scene);
    }
    if (digest_success(&scene, trial->item) != trial->expected)
        complain(trial, "gives something else afterwards", "");
    close_scene(&scene);
    if (live(trial->item) != live_before)
        complain(trial, "leaks", "");
    return has_failed;
}

static void try_case(const struct memory_case *item, struct trial *trial) {
    bool own = trial->failing < failings + n_own;
    size_t step = getenv("DM_THOROUGH") ? 1 : trial->failing->step;
    trial->item = item;
    for (trial->n = 1; try(trial); trial->n += step)
        assert_true(trial->n < max_allocations);
    if (item->frugal != (trial->n == 1) && own)
        complain(trial, item->frugal ? "allocates" : "allocates nothing", "");
}

/* What the case gives in peace; the first time also fills what is made once in a process. */
static uint64_t give_in_peace(const struct memory_case *item) {
    uint64_t digest = 0;
    for (int i = 0; i < 2; i++) {
        struct scene scene;
        dm_error error;
        open_scene(&scene, item);
        require(item->act(&scene, &error), &error);
        digest = digest_success(&scene, item);
        close_scene(&scene);
    }
    return digest;
}

static void try_table(const struct memory_case *table, size_t n_kind) {
    if (!system_memory_hooked())
        n_kind = n_own;
    for (size_t kind = 0; kind < n_kind; kind++) {
        struct trial trial = {.failing = &failings[kind]};
        for (const struct memory_case *item = table; item->call; item++) {
            trial.expected = give_in_peace(item);
            try_case(item, &trial);
        }
        print_message(
            "%s: %zu calls failed, of which %zu left a session broken; %zu did not mind\n",
            failings[kind].whose, trial.n_failed, trial.n_broken, trial.n_harmless);
    }
}

static void test_text(void **state) {
    (void)state;
    try_table(memory_cases_text, n_failing);
}

static void test_reading(void **state) {
    (void)state;
    try_table(memory_cases_reading, n_json);
}

static void test_training(void **state) {
    (void)state;
    try_table(memory_cases_training, n_json);
}

/* ---- A small stack ---- */

/* The most nested JSON that jansson reads, by recursion. */
static void load_nested(void) {
    enum { depth = 2047 };
    static const char before[] = "{\"nested\": ";
    struct scene scene;
    dm_error error;
    size_t n_byte;
    open_scene(&scene, &(const struct memory_case){0});
    char *plain = (char *)test_read_file(test_join(checkpoint, "config.json"), &n_byte);
    char *nested = some(sizeof before + 2 * depth + n_byte + 1, 1), *at = nested;
    at = stpcpy(at, before);
    memset(at, '[', depth);
    memset(at += depth, ']', depth);
    *(at += depth) = ',';
    memcpy(at + 1, plain + 1, n_byte - 1); /* behind its brace */
    test_write_text(test_join(scene.directory, "config.json"), nested);
    test_copy_file(test_join(checkpoint, "model.safetensors"),
                   test_join(scene.directory, "model.safetensors"));
    require(dm_model_load(scene.directory, NULL, &scene.model, &error), &error);
    close_scene(&scene);
    free(plain);
    free(nested);
}

static void *call_all(void *unused) {
    for (int t = 0; t < n_table; t++)
        for (const struct memory_case *item = tables[t]; item->call; item++)
            give_in_peace(item);
    load_nested();
    return unused;
}

/* What overflows it reaches the guard behind it, and ends the test. Where a sanitizer is
 * (system_memory_hooked), its own calls take stack too: there it has four times as much. */
static void test_stack(void **state) {
    (void)state;
    size_t size = system_memory_hooked() ? small_stack : 4 * small_stack;
    pthread_attr_t attributes;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, size), 0);
    assert_int_equal(pthread_create(&thread, &attributes, call_all, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
}

/* ---- No call of decimamba.h is without a case ---- */

static bool has_case(const char *name, size_t n) {
    for (int t = 0; t < n_table; t++)
        for (const struct memory_case *item = tables[t]; item->call; item++)
            if (strlen(item->call) == n && !memcmp(item->call, name, n))
                return true;
    return false;
}

static void test_complete(void **state) {
    (void)state;
    static const char beginning[] = "DM_API dm_status ";
    size_t n_byte, n_call = 0;
    char *header = (char *)test_read_file(test_source("include/decimamba.h"), &n_byte);
    for (char *at = header; (at = strstr(at, beginning)); n_call++) {
        at += sizeof beginning - 1;
        size_t n = strcspn(at, "(");
        if (!has_case(at, n))
            fail_msg("%.*s: no case of it", (int)n, at);
    }
    assert_true(n_call >= 36);
    free(header);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete), cmocka_unit_test(test_stack),
        cmocka_unit_test(test_text),     cmocka_unit_test(test_reading),
        cmocka_unit_test(test_training),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
