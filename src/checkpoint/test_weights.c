#include "checkpoint/test_weights.h"

#include <string.h>

#include "base/half.h"
#include "base/memory.h"

struct dm_checkpoint *test_open_checkpoint(const char *path) {
    struct dm_checkpoint *checkpoint = NULL;
    dm_error error;
    if (dm_checkpoint_open(path, &checkpoint, &error))
        fail_msg("%s", error.message);
    return checkpoint;
}

void test_refuse_checkpoint(const char *path, dm_status status, const char *part) {
    struct dm_checkpoint *checkpoint = NULL;
    dm_error error = {0};
    size_t live = dm_memory_live();
    dm_checkpoint_open(path, &checkpoint, &error);
    test_expect_error(&error, status, part);
    assert_null(checkpoint);
    assert_int_equal(dm_memory_live(), live);
}

void test_same_weights(const char *a, const char *b) {
    struct dm_checkpoint *x = test_open_checkpoint(a), *y = test_open_checkpoint(b);
    char hash_x[33], hash_y[33];
    dm_checkpoint_hash(x, hash_x);
    dm_checkpoint_hash(y, hash_y);
    assert_string_equal(hash_x, hash_y);
    assert_int_equal(strlen(hash_x), 32);
    const struct dm_parameters *parameters = dm_checkpoint_parameters(x);
    assert_int_equal(dm_checkpoint_parameters(y)->n, parameters->n);
    for (size_t p = 0; p < parameters->n; p++) {
        const struct dm_parameter *parameter = &parameters->list[p];
        struct dm_weight u = dm_checkpoint_weight(x, parameter->layer, parameter->index),
                         v = dm_checkpoint_weight(y, parameter->layer, parameter->index);
        assert_non_null(u.data);
        assert_non_null(v.data);
        assert_int_equal(u.dtype, v.dtype);
        assert_int_equal(u.n_element, v.n_element);
        assert_int_equal(u.n_element, parameter->n_element);
        assert_memory_equal(u.data, v.data, u.n_element * dm_dtype_size(u.dtype));
    }
    dm_checkpoint_close(x);
    dm_checkpoint_close(y);
}

void test_bring(const char *checkpoint, const char *file) {
    test_copy_file(test_join(test_data(checkpoint), file), test_join(test_directory, file));
}

void test_edit(const char *file, const char *from, const char *to) {
    test_replace(test_join(test_directory, file), from, to);
}
