/* Methods and their settings, for those who make flags and files of them. */
#include "methods/method.h"

#include "api/options.h"

size_t dm_method_count(void) {
    return 1 + dm_n_method;
}

const char *dm_method_name(dm_method_kind kind) {
    return kind == DM_METHOD_NONE || dm_method_hooks_of(kind) ? dm_method_kind_name(kind) : NULL;
}

dm_status dm_method_find(const char *name, dm_method_kind *kind, dm_error *error) {
    dm_method_kind found;
    if (!name || !kind)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_method_find: name and kind are needed");
    if (!dm_method_from_name(name, &found))
        return dm_fail(error, DM_ERROR_ARGUMENT, "there is no method \"%.80s\"", name);
    *kind = found;
    return DM_OK;
}

int dm_method_drops_tokens(dm_method_kind kind) {
    const struct dm_method_hooks *hooks = dm_method_hooks_of(kind);
    return hooks && hooks->drops_tokens;
}

size_t dm_method_n_setting(dm_method_kind kind) {
    const struct dm_method_hooks *hooks = dm_method_hooks_of(kind);
    return hooks ? hooks->n_setting : 0;
}

dm_status dm_method_get_setting(dm_method_kind kind, size_t i, dm_method_setting *setting,
                                dm_error *error) {
    if (!setting)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_method_get_setting: setting is needed");
    if (i >= dm_method_n_setting(kind))
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_method_get_setting: setting %zu: the method has %zu", i,
                       dm_method_n_setting(kind));
    dm_status status = dm_result_check(DM_KIND(dm_method_setting), setting, error);
    if (status)
        return status;
    const struct dm_setting_row *row = &dm_method_hooks_of(kind)->settings[i];
    const dm_method_setting own = {
        .struct_size = sizeof own,
        .name = row->name,
        .argument = row->argument,
        .help = row->help,
        .type = row->type,
        .per_layer = row->per_layer,
        .min = row->min,
        .max = row->max,
        .value = row->value,
        .choices = row->choices,
    };
    dm_result_give(DM_KIND(dm_method_setting), &own, setting);
    return DM_OK;
}
