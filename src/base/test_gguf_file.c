#include "test_support.h"

#include <stdlib.h>
#include <string.h>

#include "base/gguf_file.h"
#include "base/memory.h"

/* ---- Building files ---- */

struct builder {
    unsigned char bytes[8192];
    size_t n;
};

static void put(struct builder *builder, const void *bytes, size_t n_byte) {
    assert_true(n_byte <= sizeof builder->bytes - builder->n);
    if (n_byte)
        memcpy(builder->bytes + builder->n, bytes, n_byte);
    builder->n += n_byte;
}

static void put_number(struct builder *builder, uint64_t value, size_t n_byte) {
    for (size_t i = 0; i < n_byte; i++) {
        unsigned char byte = (unsigned char)(value >> 8 * i);
        put(builder, &byte, 1);
    }
}

static void put_text(struct builder *builder, const char *text) {
    put_number(builder, strlen(text), 8);
    put(builder, text, strlen(text));
}

static void begin(struct builder *builder, uint64_t version, uint64_t n_tensor, uint64_t n_key) {
    builder->n = 0;
    put(builder, "GGUF", 4);
    put_number(builder, version, 4);
    put_number(builder, n_tensor, 8);
    put_number(builder, n_key, 8);
}

static void put_key(struct builder *builder, const char *name, enum dm_gguf_type type) {
    put_text(builder, name);
    put_number(builder, type, 4);
}

static void put_whole(struct builder *builder, const char *name, enum dm_gguf_type type,
                      uint64_t value) {
    static const size_t sizes[DM_N_GGUF_TYPE] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    put_key(builder, name, type);
    put_number(builder, value, sizes[type]);
}

static void put_array(struct builder *builder, const char *name, enum dm_gguf_type type,
                      uint64_t n) {
    put_key(builder, name, DM_GGUF_ARRAY);
    put_number(builder, type, 4);
    put_number(builder, n, 8);
}

/* Of one dimension, or of two (`n_row` not 0). */
static void put_tensor(struct builder *builder, const char *name, uint64_t n, uint64_t n_row,
                       uint32_t type, uint64_t place) {
    put_text(builder, name);
    put_number(builder, n_row ? 2 : 1, 4);
    put_number(builder, n, 8);
    if (n_row)
        put_number(builder, n_row, 8);
    put_number(builder, type, 4);
    put_number(builder, place, 8);
}

static void put_data(struct builder *builder, size_t alignment, size_t n_byte) {
    while (builder->n % alignment)
        put_number(builder, 0, 1);
    for (size_t i = 0; i < n_byte; i++)
        put_number(builder, i, 1);
}

static const char *path(void) {
    return test_join(test_directory, "file.gguf");
}

static dm_status open_built(const struct builder *builder, struct dm_gguf_file *gguf,
                            dm_error *error) {
    test_write_file(path(), builder->bytes, builder->n);
    return dm_gguf_open(gguf, path(), false, error);
}

/* ---- What is read ---- */

static void put_values(struct builder *builder) {
    put_whole(builder, "u8", DM_GGUF_U8, 250);
    put_whole(builder, "i8", DM_GGUF_I8, 0x85);
    put_whole(builder, "u16", DM_GGUF_U16, 65000);
    put_whole(builder, "i16", DM_GGUF_I16, 12345);
    put_whole(builder, "u32", DM_GGUF_U32, 4000000000);
    put_whole(builder, "i32", DM_GGUF_I32, 0xffffffff);
    put_whole(builder, "u64", DM_GGUF_U64, UINT64_C(1) << 63);
    put_whole(builder, "i64", DM_GGUF_I64, UINT64_C(1) << 40);
    put_whole(builder, "f32", DM_GGUF_F32, 0x3727c5ac); /* 1e-5 */
    put_whole(builder, "f64", DM_GGUF_F64, UINT64_C(0x3ff8000000000000));
    put_whole(builder, "yes", DM_GGUF_BOOL, 1);
    put_key(builder, "text", DM_GGUF_TEXT);
    put_text(builder, "hello");
    put_array(builder, "texts", DM_GGUF_TEXT, 3);
    put_text(builder, "a");
    put_text(builder, "");
    put_text(builder, "ccc");
    put_array(builder, "wholes", DM_GGUF_I32, 2);
    put_number(builder, 7, 4);
    put_number(builder, 0xfffffffe, 4);
    put_array(builder, "nested", DM_GGUF_ARRAY, 2);
    for (int i = 0; i < 2; i++) {
        put_number(builder, DM_GGUF_U8, 4);
        put_number(builder, 3, 8);
        put(builder, "abc", 3);
    }
    put_array(builder, "floats", DM_GGUF_F32, 1);
    put_number(builder, 0xbf800000, 4);
}

static size_t size_of(const struct dm_gguf_file *gguf, const char *key) {
    size_t size = 99;
    require(dm_gguf_get_size(gguf, key, &size, NULL), NULL);
    return size;
}

static void reads_every_type_of_value(void **state) {
    struct builder builder;
    struct dm_gguf_file gguf;
    dm_error error;
    double real = 0;
    bool yes = false;
    struct dm_gguf_text text;
    const struct dm_gguf_value *array;
    for (uint64_t version = 2; version <= 3; version++) {
        begin(&builder, version, 0, 16);
        put_values(&builder);
        require(open_built(&builder, &gguf, &error), &error);
        assert_int_equal(size_of(&gguf, "u8"), 250);
        assert_int_equal(size_of(&gguf, "u16"), 65000);
        assert_int_equal(size_of(&gguf, "i16"), 12345);
        assert_int_equal(size_of(&gguf, "u32"), 4000000000);
        assert_int_equal(size_of(&gguf, "i64"), UINT64_C(1) << 40);
        assert_int_equal(size_of(&gguf, "missing"), 99);
        require(dm_gguf_get_real(&gguf, "f32", &real, &error), &error);
        assert_true(real == 1e-5); /* not what the float32 is exactly */
        require(dm_gguf_get_real(&gguf, "f64", &real, &error), &error);
        assert_true(real == 1.5);
        require(dm_gguf_get_bool(&gguf, "yes", &yes, &error), &error);
        assert_true(yes);
        require(dm_gguf_get_text(&gguf, "text", &text, &error), &error);
        assert_true(dm_gguf_text_is(text, "hello"));
        require(dm_gguf_get_texts(&gguf, "texts", &array, &error), &error);
        const unsigned char *at = array->bytes;
        assert_true(dm_gguf_text_is(dm_gguf_next_text(&at), "a"));
        assert_true(dm_gguf_text_is(dm_gguf_next_text(&at), ""));
        assert_true(dm_gguf_text_is(dm_gguf_next_text(&at), "ccc"));
        require(dm_gguf_get_wholes(&gguf, "wholes", &array, &error), &error);
        assert_int_equal(array->n, 2);
        assert_int_equal(dm_gguf_whole(array, 0), 7);
        assert_int_equal(dm_gguf_whole(array, 1), -2);
        require(dm_gguf_get_floats(&gguf, "floats", &array, &error), &error);
        assert_true(dm_gguf_float(array, 0) == -1);
        dm_gguf_close(&gguf);
    }
    (void)state;
}

static void says_which_value_is_of_another_type(void **state) {
    static const char *const no_sizes[] = {"i8", "i32", "u64", "f32", "text", "wholes", "yes"};
    struct builder builder;
    struct dm_gguf_file gguf;
    dm_error error;
    size_t size;
    double real;
    bool yes;
    struct dm_gguf_text text;
    const struct dm_gguf_value *array;
    begin(&builder, 3, 0, 16);
    put_values(&builder);
    require(open_built(&builder, &gguf, &error), &error);
    for (size_t i = 0; i < sizeof no_sizes / sizeof *no_sizes; i++) {
        assert_int_equal(dm_gguf_get_size(&gguf, no_sizes[i], &size, &error), DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, no_sizes[i]);
        test_expect_error(&error, DM_ERROR_FORMAT, "must be a whole number >= 0");
    }
    dm_gguf_get_real(&gguf, "u8", &real, &error);
    test_expect_error(&error, DM_ERROR_FORMAT, "file.gguf: key u8 must be a finite number");
    dm_gguf_get_bool(&gguf, "u8", &yes, &error);
    test_expect_error(&error, DM_ERROR_FORMAT, "key u8 must be true or false");
    dm_gguf_get_text(&gguf, "texts", &text, &error);
    test_expect_error(&error, DM_ERROR_FORMAT, "key texts must be a text");
    dm_gguf_get_texts(&gguf, "text", &array, &error);
    test_expect_error(&error, DM_ERROR_FORMAT, "key text must be an array of texts");
    dm_gguf_get_wholes(&gguf, "floats", &array, &error);
    test_expect_error(&error, DM_ERROR_FORMAT, "key floats must be an array of whole numbers");
    dm_gguf_get_floats(&gguf, "wholes", &array, &error);
    test_expect_error(&error, DM_ERROR_FORMAT, "key wholes must be an array of float32");
    dm_gguf_close(&gguf);
    (void)state;
}

static void lists_tensors(void **state) {
    struct builder builder;
    struct dm_gguf_file gguf;
    dm_error error;
    begin(&builder, 3, 3, 1);
    put_whole(&builder, "general.alignment", DM_GGUF_U32, 8);
    put_tensor(&builder, "second", 32, 2, 8, 24);
    put_tensor(&builder, "first", 3, 2, 0, 0);
    put_tensor(&builder, "none", 0, 0, 0, 96);
    put_data(&builder, 8, 24 + 68 + 4);
    for (int copy = 0; copy < 2; copy++) {
        test_write_file(path(), builder.bytes, builder.n);
        require(dm_gguf_open(&gguf, path(), copy, &error), &error);
        assert_int_equal(gguf.n_tensor, 3);
        const struct dm_gguf_entry *first = &gguf.tensors[0], *second = &gguf.tensors[1];
        assert_string_equal(first->name, "first");
        assert_string_equal(second->name, "second");
        assert_string_equal(dm_gguf_tensor_type_name(second->type), "Q8_0");
        assert_int_equal(first->n_dim, 2);
        assert_int_equal(first->shape[0], 2); /* the slowest dimension first */
        assert_int_equal(first->shape[1], 3);
        assert_int_equal(first->n_byte, 24);
        assert_int_equal(second->n_element, 64);
        assert_int_equal(second->n_byte, 68);
        assert_int_equal(second->data[0], 24);
        dm_gguf_close(&gguf);
    }
    (void)state;
}

/* ---- What is refused ---- */

static void refuse(const struct builder *builder, dm_status status, const char *part) {
    struct dm_gguf_file gguf;
    dm_error error = {0};
    size_t live = dm_memory_live();
    assert_int_equal(open_built(builder, &gguf, &error), status);
    test_expect_error(&error, status, part);
    assert_memory_equal(error.message, path(), strlen(path()));
    assert_int_equal(dm_memory_live(), live);
}

static void refuses_other_files(void **state) {
    struct builder builder = {.n = 0};
    refuse(&builder, DM_ERROR_FORMAT, "does not begin with GGUF");
    put(&builder, "GGML", 4);
    refuse(&builder, DM_ERROR_FORMAT, "does not begin with GGUF");
    begin(&builder, 3, 0, 0);
    builder.n = 12;
    refuse(&builder, DM_ERROR_FORMAT, "too short to be a GGUF file");
    begin(&builder, 1, 0, 0);
    refuse(&builder, DM_ERROR_UNSUPPORTED, "GGUF of version 1: versions 2 and 3 can be read");
    begin(&builder, 4, 0, 0);
    refuse(&builder, DM_ERROR_UNSUPPORTED, "GGUF of version 4");
    begin(&builder, 0x03000000, 0, 0);
    refuse(&builder, DM_ERROR_UNSUPPORTED, "a big-endian GGUF file cannot be read");
    (void)state;
}

static void refuses_broken_keys(void **state) {
    struct builder builder;
    begin(&builder, 3, 0, UINT64_MAX);
    refuse(&builder, DM_ERROR_FORMAT, "18446744073709551615 keys do not fit in it");
    begin(&builder, 3, 0, 1);
    put_whole(&builder, "key", DM_N_GGUF_TYPE - 1, 0);
    builder.bytes[24 + 8 + 3] = DM_N_GGUF_TYPE;
    refuse(&builder, DM_ERROR_FORMAT, "key key is of a type that is not known: 13");
    begin(&builder, 3, 0, 2);
    put_whole(&builder, "key", DM_GGUF_U8, 0);
    put_whole(&builder, "key", DM_GGUF_U16, 0);
    refuse(&builder, DM_ERROR_FORMAT, "key key is there twice");
    static const uint64_t counts[] = {UINT64_MAX, UINT64_MAX / 8 + 1, 1 << 20, 3};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int type = 0; type < DM_N_GGUF_TYPE; type++) {
            begin(&builder, 3, 0, 2);
            put_whole(&builder, "key", DM_GGUF_U8, 0);
            put_array(&builder, "array", (enum dm_gguf_type)type, counts[i]);
            put(&builder, "\xff\xff", 2);
            refuse(&builder, DM_ERROR_FORMAT, "damaged, or cut short, inside key 1");
        }
    begin(&builder, 3, 0, 1); /* arrays in arrays without end */
    put_array(&builder, "deep", DM_GGUF_ARRAY, 1);
    for (int i = 0; i < 100; i++) {
        put_number(&builder, DM_GGUF_ARRAY, 4);
        put_number(&builder, 1, 8);
    }
    put_number(&builder, DM_GGUF_U8, 4);
    put_number(&builder, 0, 8);
    refuse(&builder, DM_ERROR_FORMAT, "damaged, or cut short, inside key 0");
    (void)state;
}

static void refuses_broken_tensors(void **state) {
    static const struct {
        uint64_t n, n_row, place;
        uint32_t type;
        dm_status status;
        const char *part;
    } cases[] = {
        {4, 0, 1, 0, DM_ERROR_FORMAT, "tensor t begins at byte 1 of the data, no multiple of 32"},
        {4, 0, 64, 0, DM_ERROR_FORMAT, "tensor t: 16 bytes from 64 of 64"},
        {17, 0, 0, 0, DM_ERROR_FORMAT, "tensor t: 68 bytes from 0 of 64"},
        {4, 0, UINT64_MAX - 31, 0, DM_ERROR_FORMAT, "tensor t: 16 bytes from 184467440737095"},
        {UINT64_MAX, 0, 0, 0, DM_ERROR_FORMAT, "tensor t is too large"},
        {INT64_MAX, 3, 0, 0, DM_ERROR_FORMAT, "tensor t is too large"},
        {INT64_MAX, 0, 0, 0, DM_ERROR_FORMAT, "tensor t is too large"},
        {4, 0, 0, 4, DM_ERROR_UNSUPPORTED, "tensor t is of a type that is not known: 4"},
        {4, 0, 0, UINT32_MAX, DM_ERROR_UNSUPPORTED, "not known: 4294967295"},
        {48, 2, 0, 8, DM_ERROR_FORMAT, "tensor t: rows of 48 elements are no whole blocks of Q8_0"},
        {4, 0, 32, 0, DM_ERROR_FORMAT, "overlaps another"},
    };
    struct builder builder;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&builder, 3, 2, 0);
        put_tensor(&builder, "u", 8, 0, 0, 32);
        put_tensor(&builder, "t", cases[i].n, cases[i].n_row, cases[i].type, cases[i].place);
        put_data(&builder, DM_GGUF_ALIGNMENT, 64);
        refuse(&builder, cases[i].status, cases[i].part);
    }
    begin(&builder, 3, 1 << 20, 0);
    refuse(&builder, DM_ERROR_FORMAT, "1048576 tensors do not fit in it");
    begin(&builder, 3, 1, 0);
    put_text(&builder, "t");
    put_number(&builder, 5, 4);
    put_data(&builder, DM_GGUF_ALIGNMENT, 64);
    refuse(&builder, DM_ERROR_FORMAT, "tensor t has 5 dimensions, more than 4");
    begin(&builder, 3, 1, 0);
    put_tensor(&builder, "", 1, 0, 0, 0);
    put_data(&builder, DM_GGUF_ALIGNMENT, 64);
    refuse(&builder, DM_ERROR_FORMAT, "the name of tensor 0 does not have 1 to 64 bytes");
    static const uint64_t alignments[] = {0, 3, UINT64_C(1) << 40};
    for (size_t i = 0; i < 3; i++) {
        begin(&builder, 3, 0, 1);
        put_whole(&builder, "general.alignment", DM_GGUF_U64, alignments[i]);
        refuse(&builder, DM_ERROR_FORMAT, "key general.alignment is no power of 2");
    }
    (void)state;
}

/* However short: an error, or, where the whole head is there, all that it lists. */
static void survives_any_cut(void **state) {
    struct builder builder;
    begin(&builder, 3, 2, 16);
    put_values(&builder);
    put_tensor(&builder, "a", 8, 0, 0, 0);
    put_tensor(&builder, "b", 8, 0, 0, 32);
    put_data(&builder, DM_GGUF_ALIGNMENT, 64);
    for (size_t n = 0; n < builder.n; n++) {
        struct builder cut = builder;
        cut.n = n;
        refuse(&cut, DM_ERROR_FORMAT, "");
    }
    (void)state;
}

static void knows_its_files(void **state) {
    struct builder builder;
    begin(&builder, 3, 0, 0);
    test_write_file(path(), "", 0);
    assert_true(dm_gguf_is_file(path())); /* by its name */
    const char *other = test_join(test_directory, "blob");
    test_write_file(other, builder.bytes, builder.n);
    assert_true(dm_gguf_is_file(other)); /* by how it begins */
    test_write_text(other, "GGU");
    assert_false(dm_gguf_is_file(other));
    assert_false(dm_gguf_is_file(test_directory));
    assert_false(dm_gguf_is_file(test_join(test_directory, "none.gguf")));
    (void)state;
}

static void survives_short_memory(void **state) {
    struct builder builder;
    struct dm_gguf_file gguf;
    dm_error error;
    size_t live = dm_memory_live(), n = 1;
    begin(&builder, 3, 1, 16);
    put_values(&builder);
    put_tensor(&builder, "a", 8, 0, 0, 0);
    put_data(&builder, DM_GGUF_ALIGNMENT, 32);
    for (;; n++) {
        dm_memory_fail_at(n);
        dm_status status = open_built(&builder, &gguf, &error);
        dm_memory_fail_at(0);
        if (!status)
            break;
        assert_int_equal(status, DM_ERROR_MEMORY);
        assert_int_equal(dm_memory_live(), live);
    }
    assert_true(n > 3);
    dm_gguf_close(&gguf);
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reads_every_type_of_value),
        TEST(says_which_value_is_of_another_type),
        TEST(lists_tensors),
        TEST(refuses_other_files),
        TEST(refuses_broken_keys),
        TEST(refuses_broken_tensors),
        TEST(survives_any_cut),
        TEST(knows_its_files),
        TEST(survives_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
