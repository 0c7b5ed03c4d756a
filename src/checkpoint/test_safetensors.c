#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_support.h"

#include "base/memory.h"
#include "checkpoint/safetensors.h"

static const char *path_of_case(void) {
    return test_join(test_directory, "case.safetensors");
}

/* Writes length, header and `n_data` zeros. */
static void write_case(const char *header, uint64_t length, size_t n_data) {
    FILE *file = fopen(path_of_case(), "wb");
    for (int i = 0; i < 8; i++)
        fputc((int)(length >> 8 * i & 0xff), file);
    fputs(header, file);
    while (n_data--)
        fputc(0, file);
    assert_int_equal(fclose(file), 0);
}

static void expect_refused(const char *part) {
    struct dm_safetensors tensors;
    dm_error error;
    size_t live = dm_memory_live();
    dm_status status = dm_safetensors_open(&tensors, path_of_case(), &error);
    assert_int_not_equal(status, DM_OK);
    test_expect_error(&error, DM_ERROR_FORMAT, part);
    assert_non_null(strstr(error.message, "case.safetensors"));
    assert_int_equal(dm_memory_live(), live);
}

#define A(dtype, shape, begin, end) \
    "\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void refuses_faulty_headers(void **state) {
    static const struct {
        const char *header;
        size_t n_data;
        const char *part;
    } cases[] = {
        {"[1]", 0, "not a JSON object"},
        {" {}", 0, "not a JSON object"},
        {"{", 0, "not valid JSON"},
        {"{}x", 0, "not valid JSON"},
        {"{\"a\":NaN}", 0, "not valid JSON"},
        {"{\"a\":-Infinity}", 0, "not valid JSON"},
        {"{\"a\":1}", 0, "must be an object"},
        {"{}", 1, "belong to no tensor"},
        {"{\"__metadata__\":[]}", 0, "__metadata__"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__"},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"dtype\""},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "\"shape\""},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "\"data_offsets\""},
        {"{" A("F31", "[1]", "0", "4") "}", 4, "unknown dtype"},
        {"{" A("F32\\u0000", "[1]", "0", "4") "}", 4, "unknown dtype"},
        {"{" A("F32", "1", "0", "4") "}", 4, "\"shape\" must be"},
        {"{" A("F32", "[-1]", "0", "4") "}", 4, "whole number"},
        {"{" A("F32", "[1.0]", "0", "4") "}", 4, "whole number"},
        {"{" A("F32", "[2]", "0", "4") "}", 4, "need 8 bytes, its offsets give 4"},
        {"{" A("F32", "[]", "0", "8") "}", 8, "need 4 bytes, its offsets give 8"},
        {"{" A("F4", "[1]", "0", "0") "}", 0, "its offsets give 0"},
        {"{" A("F32", "[4611686018427387904, 4]", "0", "0") "}", 0, "too large"},
        {"{" A("F32", "[1]", "0", "4") "}", 3, "cut short"},
        {"{" A("F32", "[1]", "4", "0") "}", 4, "damaged"},
        {"{" A("F32", "[1]", "-4", "0") "}", 4, "whole numbers"},
        {"{" A("F32", "[1]", "0", "4,5") "}", 4, "two whole numbers"},
        {"{" A("F32", "[1]", "9223372036854775804", "9223372036854775807") "}", 4, "damaged"},
        {"{" A("F32", "[1]", "0", "9223372036854775808") "}", 4, "not valid JSON"},
        {"{" A("F32", "[1]", "0", "4") "," A("F32", "[1]", "4", "8") "}", 8, "not valid JSON"},
        {"{" A("F32", "[2]", "0", "8") ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],"
                                       "\"data_offsets\":[4,8]}}",
         8, "overlaps"},
        {"{" A("F32", "[1]", "4", "8") "}", 8, "bytes before it belong to no tensor"},
        {"{" A("F32", "[1]", "0", "4") ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],"
                                       "\"data_offsets\":[8,12]}}",
         12, "bytes before it belong to no tensor"},
        {"{" A("F32", "[1]", "0", "4") "}", 5, "belong to no tensor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_case(cases[i].header, strlen(cases[i].header), cases[i].n_data);
        expect_refused(cases[i].part);
    }
    (void)state;
}

static void refuses_wrong_lengths(void **state) {
    static const uint64_t lengths[] = {0, 3, 100000001, UINT64_MAX, UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        write_case("{}", lengths[i], 0);
        expect_refused("header");
    }
    for (size_t n = 0; n < 8; n++) {
        test_write_file(path_of_case(), "\2\0\0\0\0\0\0\0", n);
        expect_refused("too short");
    }
    (void)state;
}

static void refuses_deep_nesting(void **state) {
    enum { depth = 100000 };
    char *header = malloc(2 * depth + 16);
    size_t n = (size_t)sprintf(header, "{\"a\":");
    memset(header + n, '[', depth);
    header[n + depth] = 0;
    write_case(header, n + depth, 0);
    expect_refused("not valid JSON");
    free(header);
    (void)state;
}

static void refuses_too_many_dimensions(void **state) {
    struct dm_safetensors tensors;
    dm_error error;
    const char *header = "{" A("F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}";
    write_case(header, strlen(header), 4);
    assert_int_equal(dm_safetensors_open(&tensors, path_of_case(), &error), DM_ERROR_UNSUPPORTED);
    test_expect_error(&error, DM_ERROR_UNSUPPORTED, "9 dimensions");
    (void)state;
}

static void reads_every_dtype_and_empty_tensors(void **state) {
    struct dm_safetensors tensors;
    const char *header = "{\"z\":{\"dtype\":\"U8\",\"shape\":[0,5],\"data_offsets\":[2,2]},"
                         "\"__metadata__\":{\"format\":\"pt\"},"
                         "\"s\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[0,2]},"
                         "\"f\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[2,4]}}   ";
    write_case(header, strlen(header), 4);
    assert_int_equal(dm_safetensors_open(&tensors, path_of_case(), NULL), DM_OK);
    assert_int_equal(tensors.n_tensor, 3);
    const struct dm_named_tensor *scalar = dm_safetensors_find(&tensors, "s");
    assert_int_equal(scalar->n_dim, 0);
    assert_int_equal(scalar->element, DM_ELEMENT_BF16);
    assert_int_equal(dm_safetensors_find(&tensors, "z")->n_byte, 0);
    assert_int_equal(dm_safetensors_find(&tensors, "f")->element, DM_ELEMENT_OTHER);
    assert_null(dm_safetensors_find(&tensors, "g"));
    assert_string_equal(dm_safetensors_metadata(&tensors, "format"), "pt");
    assert_null(dm_safetensors_metadata(&tensors, "other"));
    dm_safetensors_close(&tensors);
    dm_safetensors_close(&tensors); /* a zeroed one */
    (void)state;
}

static void writes_what_it_reads(void **state) {
    const float a[6] = {1, 2, 3, 4, 5, 6};
    const uint16_t b[3] = {7, 8, 9};
    const struct dm_named_tensor list[] = {
        {.name = "a \"quoted\"",
         .element = DM_ELEMENT_F32,
         .n_dim = 2,
         .shape = {2, 3},
         .n_byte = sizeof a},
        {.name = "b", .element = DM_ELEMENT_BF16, .n_dim = 1, .shape = {3}, .n_byte = sizeof b}};
    for (int with_metadata = 0; with_metadata < 2; with_metadata++) {
        struct dm_file_writer writer;
        json_t *metadata = with_metadata ? json_pack("{s:s}", "key", "value") : NULL;
        assert_int_equal(dm_safetensors_begin(&writer, path_of_case(), list, 2, metadata, NULL),
                         DM_OK);
        json_decref(metadata);
        assert_int_equal(dm_file_writer_write(&writer, a, sizeof a, NULL), DM_OK);
        assert_int_equal(dm_file_writer_write(&writer, b, sizeof b, NULL), DM_OK);
        assert_int_equal(dm_file_writer_commit(&writer, NULL), DM_OK);
        struct dm_safetensors tensors;
        assert_int_equal(dm_safetensors_open(&tensors, path_of_case(), NULL), DM_OK);
        assert_int_equal(tensors.n_tensor, 2);
        const struct dm_named_tensor *first = dm_safetensors_find(&tensors, list[0].name);
        assert_memory_equal(first->data, a, sizeof a);
        assert_int_equal((first->data - tensors.file.bytes) % 64, 0);
        assert_int_equal(first->n_dim, 2);
        assert_int_equal(first->shape[1], 3);
        assert_memory_equal(dm_safetensors_find(&tensors, "b")->data, b, sizeof b);
        const char *value = dm_safetensors_metadata(&tensors, "key");
        assert_true(with_metadata ? value && !strcmp(value, "value") : !value);
        dm_safetensors_close(&tensors);
    }
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_faulty_headers),
        cmocka_unit_test(refuses_wrong_lengths),
        cmocka_unit_test(refuses_deep_nesting),
        cmocka_unit_test(refuses_too_many_dimensions),
        cmocka_unit_test(reads_every_dtype_and_empty_tensors),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}
