#include "method_request.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/options_json.h"

/* Moves the value of a key to another; false: memory is short. */
static bool rename_key(json_t *object, const char *from, const char *to) {
    json_t *value = json_incref(json_object_get(object, from));
    return !value || (!json_object_set_new(object, to, value) && !json_object_del(object, from));
}

/* The object as a run file has it: its "name" is a "method" there. */
static json_t *as_run_file(const json_t *value) {
    json_t *object =
        json_is_string(value) ? json_pack("{sO}", "name", value) : json_deep_copy(value);
    if (object && rename_key(object, "name", "method"))
        return object;
    json_decref(object);
    return NULL;
}

static bool describe(struct request_method *method) {
    method->json = method_options_to_json(&method->options);
    bool fine = method->json && rename_key(method->json, "method", "name");
    method->key = fine ? json_dumps(method->json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    return method->key || fail_memory();
}

static bool read_flags(struct method_flags *flags, const json_t *value) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the table has text of its own */
    struct option table[n_method_option];
    const struct option_group groups[] = {{"", table}, {0}};
    json_t *object = as_run_file(value);
    pthread_mutex_lock(&lock);
    method_flags_table(flags, table);
    bool fine = (object || fail_memory()) && options_take_json(groups, "method", object);
    pthread_mutex_unlock(&lock);
    json_decref(object);
    return fine;
}

/* A line about flags becomes one about keys: "--base-length: ..." is "base_length: ...". */
static void say_keys(char *line) {
    char *to = line;
    bool in_flag = false;
    for (const char *at = line; *at;) {
        if (!strncmp(at, "--", 2) && (at == line || at[-1] == ' ')) {
            in_flag = true;
            at += 2;
            continue;
        }
        in_flag = in_flag && (*at == '-' || (*at >= 'a' && *at <= 'z'));
        *to++ = (char)(in_flag && *at == '-' ? '_' : *at);
        at++;
    }
    *to = 0;
}

bool request_method_read(struct request_method **result, const json_t *value, const dm_model *model,
                         struct api_error *error) {
    char line[400] = "";
    if (!json_is_string(value) && !json_is_object(value))
        return refuse(error, "method", "method: must be a name or an object");
    if (json_object_get(value, "method"))
        return refuse(error, "method", "method: its name is the key \"name\"");
    struct request_method *method = calloc(1, sizeof *method);
    if (!method)
        return refuse_memory(error);
    catch_complaints(line, sizeof line);
    bool fine = read_flags(&method->flags, value) &&
                method_flags_resolve(&method->flags, model, &method->options) && describe(method);
    catch_complaints(NULL, 0);
    if (fine) {
        *result = method;
        return true;
    }
    request_method_free(method);
    say_keys(line);
    return refuse(error, "method", strncmp(line, "method:", 7) ? "method: %s" : "%s", line);
}

struct request_method *request_method_of_flags(const struct method_flags *flags,
                                               const dm_model *model) {
    struct request_method *method = calloc(1, sizeof *method);
    if (method)
        method->flags = *flags;
    else
        fail_memory();
    if (method && method_flags_resolve(&method->flags, model, &method->options) && describe(method))
        return method;
    request_method_free(method);
    return NULL;
}

void request_method_free(struct request_method *method) {
    if (!method)
        return;
    json_decref(method->json);
    free(method->key);
    free(method);
}
