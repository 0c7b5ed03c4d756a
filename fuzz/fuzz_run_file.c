/* A run file of `decimamba train`, and the run.json that a training finds in its folder. Settings
 * that are accepted are written as a run file that is read back as the same settings. */
#include <string.h>

#include "complaints.h"
#include "methods/method.h"
#include "train/train_settings.h"

static const struct command command = {.name = "train", .operands = "[RUN.json]", .max_operand = 1};
enum { n_layer = 3 };

static bool read_settings(const char *path, struct train_settings *settings) {
    char name[] = "train", file[FUZZ_MAX_PATH];
    char *arguments[] = {name, file};
    MUST(strlen(path) < sizeof file);
    strcpy(file, path);
    enum options_result result = train_settings_read(&command, 2, arguments, settings);
    MUST(result != OPTIONS_HELP);
    fuzz_check_complaints(result == OPTIONS_READ);
    return result == OPTIONS_READ;
}

static void check_ranges(const struct train_settings *settings) {
    MUST(settings->output && !settings->model != !settings->config);
    MUST(settings->length >= 2 && settings->length <= settings->batch_tokens);
    MUST(settings->steps >= 1 && settings->accumulate >= 1 && settings->keep >= 1);
    MUST(settings->trainer.beta1 >= 0 && settings->trainer.beta1 < 1 &&
         settings->trainer.beta2 >= 0 && settings->trainer.beta2 < 1);
    MUST(settings->text.n <= list_capacity && settings->method.layers.n <= list_capacity);
    for (size_t i = 0; i < settings->text.n; i++)
        fuzz_touch(settings->text.items[i], strlen(settings->text.items[i]));
}

/* What the library is told of decimation: it takes that, or says why not. */
static void check_method(struct train_settings *settings) {
    dm_method_options options;
    struct dm_method *method = NULL;
    dm_error error = fuzz_error_new();
    bool ok = train_settings_method(settings, n_layer, &options);
    fuzz_check_complaints(ok);
    if (!ok)
        return;
    dm_status status = dm_method_new(&options, n_layer, NULL, &method, &error);
    fuzz_check_error(status, &error);
    MUST(!status || options.score == DM_SCORE_GLOBAL); /* which needs a calibration */
    dm_method_free(method);
}

static void check_round_trip(struct train_settings *settings) {
    const char *folder = fuzz_directory();
    struct train_settings again;
    char path[FUZZ_MAX_PATH];
    json_t *written = train_settings_to_json(settings, folder);
    char *text = written ? json_dumps(written, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    MUST(text);
    fuzz_write("run.json", text, strlen(text), path);
    MUST(read_settings(path, &again));
    json_t *rewritten = train_settings_to_json(&again, folder);
    MUST(json_equal(written, rewritten));
    MUST(train_settings_agree(&again, written, rewritten, path));
    fuzz_check_complaints(true);
    json_decref(rewritten);
    train_settings_free(&again);
    json_decref(written);
    free(text);
}

/* The settings of a training that is there are whatever the folder's file holds. */
static void check_agree(struct train_settings *settings, const uint8_t *data, size_t size) {
    json_t *before = json_loadb((const char *)data, size, 0, NULL);
    json_t *now = train_settings_to_json(settings, fuzz_directory());
    if (before && now)
        fuzz_check_complaints(train_settings_agree(settings, before, now, "run.json"));
    json_decref(before);
    json_decref(now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct train_settings settings;
    if (read_settings(fuzz_file(data, size), &settings)) {
        check_ranges(&settings);
        check_agree(&settings, data, size);
        check_round_trip(&settings);
        check_method(&settings);
    }
    train_settings_free(&settings);
    return 0;
}
