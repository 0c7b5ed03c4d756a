#include "method_specs.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"

/* Reads "key=value,key=value" into the flags. An item without '=' goes on with the value before it:
 * a list has commas too. Changes `text`. */
static bool read_settings(const char *name, char *text, struct method_flags *flags) {
    struct option table[n_method_option];
    char message[512];
    method_flags_table(flags, table);
    const struct option_group groups[] = {{"", table}, {0}};
    char *method_end = strchr(text, ':');
    if (method_end)
        *method_end = 0;
    if (strcmp(text, "default") != 0 &&
        !options_set(groups, "method", strlen("method"), text, message, sizeof message))
        return fail("method '%.80s': there is no method '%.80s'", name, text);
    for (char *item = method_end ? method_end + 1 : NULL, *next; item && *item; item = next) {
        char *equals = strchr(item, '=');
        if (!equals)
            return fail("method '%.80s': '%.80s' has no value", name, item);
        char *end = strchr(equals, ',');
        while (end && strcspn(end + 1, "=,") == strcspn(end + 1, ","))
            end = strchr(end + 1, ',');
        next = end ? end + 1 : NULL;
        if (end)
            *end = 0;
        if (!options_set(groups, item, (size_t)(equals - item), equals + 1, message,
                         sizeof message))
            return fail("method '%.80s': %s", name, message);
    }
    return true;
}

/* "keep-last:base-length=2048" of "keep-last"; allocated. */
static char *make_label(const struct method *method) {
    const char *between = strchr(method->name, ':') ? "," : ":";
    char *label = NULL;
    if (!dm_method_drops_tokens(method->options.kind) || method->flags.base_length_given)
        return strdup(method->name);
    size_t size = strlen(method->name) + 40;
    label = malloc(size);
    if (label)
        snprintf(label, size, "%s%sbase-length=%zu", method->name, between,
                 method->options.base_length);
    return label;
}

static bool read_method(struct method *method, const char *name, size_t length,
                        const dm_model *model, size_t trained) {
    char *text = strndup(name, length);
    method->name = strndup(name, length);
    bool fine = (text && method->name) || fail_memory();
    fine = fine && read_settings(method->name, text, &method->flags);
    free(text);
    method->flags.trained = trained;
    if (!fine || !method_flags_resolve(&method->flags, model, &method->options))
        return false;
    method->label = make_label(method);
    return method->label || fail_memory();
}

/* Calls read_method for each name in a list. */
static bool read_list(struct method_list *methods, const char *list, const dm_model *model,
                      size_t trained) {
    const char *between = " \t\n;";
    list += strspn(list, between);
    while (*list) {
        size_t length = strcspn(list, between);
        if (methods->n == list_capacity)
            return fail_usage("--methods: more than %d", (int)list_capacity);
        if (!read_method(&methods->items[methods->n++], list, length, model, trained))
            return false;
        list += length;
        list += strspn(list, between);
    }
    return true;
}

bool method_list_read(struct method_list *methods, const char *list, const struct text_list *single,
                      const dm_model *model, size_t trained) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_error error;
    methods->n = 0;
    methods->items = calloc(list_capacity, sizeof *methods->items);
    if (!methods->items)
        return fail_memory();
    if (dm_model_get_info(model, &info, &error))
        return fail("%s", error.message);
    if (list && !read_list(methods, list, model, trained))
        return false;
    for (size_t i = 0; i < single->n; i++)
        if (!read_list(methods, single->items[i], model, trained))
            return false;
    return methods->n ||
           read_list(methods, info.has_defaults ? "none default" : "none", model, trained);
}

void method_list_free(struct method_list *methods) {
    for (size_t i = 0; i < methods->n; i++)
        free(methods->items[i].name), free(methods->items[i].label);
    free(methods->items);
    *methods = (struct method_list){0};
}
