#include "json_output.h"

#include <math.h>

#include "fail.h"

json_t *json_number_or_null(double number) {
    return isfinite(number) ? json_real(number) : json_null();
}

json_t *json_size(size_t size) {
    return size <= INT64_MAX ? json_integer((json_int_t)size) : json_null();
}

json_t *json_ids(const int32_t *ids, size_t n_id) {
    json_t *array = json_array();
    for (size_t i = 0; i < n_id; i++)
        json_array_append_new(array, json_integer(ids[i]));
    return array;
}

bool print_json(json_t *object) {
    if (!object)
        return fail_memory();
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10));
    json_decref(object);
    putchar('\n');
    return flush_output();
}
