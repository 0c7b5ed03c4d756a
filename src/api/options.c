#include "api/options.h"

#include <string.h>

/* No struct of any version is so large: one that says so was never initialised. */
enum { max_size = 4096 };

/* Every such struct begins with its size. */
static size_t size_of(const void *given) {
    size_t size;
    memcpy(&size, given, sizeof size);
    return size;
}

dm_status dm_result_check(struct dm_struct_kind kind, const void *wanted, dm_error *error) {
    size_t size = size_of(wanted);
    if (size >= kind.min && size <= max_size)
        return DM_OK;
    return dm_fail(error, DM_ERROR_ARGUMENT,
                   "%s: struct_size is %zu, at least %zu is needed: start from its _INIT",
                   kind.name, size, kind.min);
}

dm_status dm_options_take(struct dm_struct_kind kind, void *own, const void *given,
                          dm_error *error) {
    if (!given)
        return DM_OK;
    dm_status status = dm_result_check(kind, given, error);
    if (status)
        return status;
    const unsigned char *bytes = given;
    size_t size = size_of(given);
    for (size_t i = kind.known; i < size; i++)
        if (bytes[i])
            return dm_fail(error, DM_ERROR_ARGUMENT,
                           "%s: asks for something that this library, version %d.%d.%d, does not "
                           "know: the header is newer",
                           kind.name, DM_VERSION_MAJOR, DM_VERSION_MINOR, DM_VERSION_PATCH);
    memcpy(own, given, size < kind.known ? size : kind.known);
    memcpy(own, &kind.known, sizeof kind.known);
    return DM_OK;
}

void dm_result_give(struct dm_struct_kind kind, const void *own, void *wanted) {
    if (!wanted)
        return;
    size_t size = size_of(wanted), n = size < kind.known ? size : kind.known;
    memcpy((unsigned char *)wanted + sizeof size, (const unsigned char *)own + sizeof size,
           n - sizeof size);
}
