#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "test_support.h"

#include "base/memory.h"
#include "base/random.h"
#include "checkpoint/torch_bin.h"
#include "checkpoint/torch_pickle.h"
#include "checkpoint/torch_zip.h"

/* A pickle as a literal, with its length. */
#define P(text) (const unsigned char *)(text), sizeof(text) - 1

#define HEAD "\x80\x02"
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"
#define ID(type, key, n) \
    "(X\x07\0\0\0storagectorch\n" type "\nX\x01\0\0\0" key "X\x03\0\0\0cpuK" n "tQ"
#define DICT "ccollections\nOrderedDict\n)R"
#define PARAMETER "ctorch._utils\n_rebuild_parameter\n"
#define WITH_STATE "ctorch._utils\n_rebuild_parameter_with_state\n"
#define FLAG "}X\x10\0\0\0_no_weight_decay\x88s"
/* The six floats of storage 0. */
#define SIX REBUILD "(" ID("FloatStorage", "0", "\6") "K\0K\6\x85K\1\x85\x89" DICT "tR"

static dm_status run(const unsigned char *pickle, size_t n_byte, dm_error *error) {
    struct dm_pickle_tensor *tensors;
    size_t n_tensor, live = dm_memory_live();
    dm_status status = dm_torch_pickle_read(pickle, n_byte, "x.bin", &tensors, &n_tensor, error);
    if (!status)
        dm_memory_free(tensors);
    assert_int_equal(dm_memory_live(), live);
    return status;
}

static void never_calls_anything(void **state) {
    static const struct {
        const unsigned char *pickle;
        size_t n_byte;
        const char *part;
    } cases[] = {
        {P(HEAD "cos\nsystem\nX\x04\0\0\0true\x85R."), "os.system"},
        {P(HEAD "cposix\nsystem\nX\x04\0\0\0true\x85R."), "posix.system"},
        {P(HEAD "c__builtin__\neval\nX\x01\0\0\0001\x85R."), "__builtin__.eval"},
        {P(HEAD "cbuiltins\nexec\n."), "builtins.exec"},
        {P(HEAD "cbuiltins\ngetattr\n."), "builtins.getattr"},
        {P(HEAD "ctorch\nload\n."), "torch.load"},
        {P(HEAD "ctorch\nFloatStorage.__init__\n."), "torch.FloatStorage.__init__"},
        {P(HEAD "ctorch._utils\n_rebuild_wrapper_subclass\n."),
         "torch._utils._rebuild_wrapper_subclass"},
        {P(HEAD "ccollections\nOrderedDict.update\n."), "OrderedDict.update"},
        {P(HEAD "X\x02\0\0\0osX\x06\0\0\0system\x93."), "0x93"}, /* STACK_GLOBAL */
        {P(HEAD "(X\x04\0\0\0trueios\nsystem\n."), "0x69"},      /* INST */
        {P(HEAD "(cos\nsystem\no."), "os.system"},               /* OBJ */
        {P(HEAD "(ccollections\nOrderedDict\no."), "0x6f"},      /* OBJ */
        {P(HEAD "ccollections\nOrderedDict\n)\x81."), "0x81"},   /* NEWOBJ */
        {P(HEAD "\x82\x01."), "0x82"},                           /* EXT1 */
        {P(HEAD "\x83\x01\0."), "0x83"},                         /* EXT2 */
        {P(HEAD "\x84\x01\0\0\0."), "0x84"},                     /* EXT4 */
        {P(HEAD "Pos.system\n."), "0x50"},                       /* PERSID */
        {P("\x80\x04}."), "protocol"},
        {P(HEAD "ctorch\nFloatStorage\n)R."), "no tensor and no empty OrderedDict"},
        {P(HEAD "ccollections\nOrderedDict\n}\x85R."), "no tensor and no empty OrderedDict"},
        {P(HEAD "})R."), "no function"},
        {P(HEAD "ccollections\nOrderedDict\n}R."), "no tuple"},
        {P(HEAD "}}X\x09\0\0\0_metadata}sb."), "_metadata of an OrderedDict"},
        {P(HEAD DICT "}X\x09\0\0\0__class__}sb."), "_metadata of an OrderedDict"},
        {P(HEAD DICT "}X\x09\0\0\0_metadata}sX\x01\0\0\0a}sb."), "_metadata of an OrderedDict"},
        {P(HEAD DICT ")b."), "from no dict"},
        {P(HEAD "ccollections\nOrderedDict\n}b."), "something that is no dict"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dm_error error = {0};
        assert_int_not_equal(run(cases[i].pickle, cases[i].n_byte, &error), DM_OK);
        if (!strstr(error.message, cases[i].part) || !strstr(error.message, "x.bin"))
            fail_msg("case %zu: %s", i, error.message);
    }
    (void)state;
}

static void refuses_every_other_opcode(void **state) {
    static const char known[] = "().JKMNQRXbchjqrstu}\x80\x85\x86\x87\x88\x89\x8a";
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        unsigned char pickle[] = {0x80, 2, (unsigned char)opcode, '.'};
        char name[8];
        dm_error error;
        if (opcode && strchr(known, (char)opcode))
            continue;
        snprintf(name, sizeof name, "0x%02x", opcode);
        assert_int_equal(run(pickle, sizeof pickle, &error), DM_ERROR_UNSUPPORTED);
        test_expect_error(&error, DM_ERROR_UNSUPPORTED, name);
    }
    (void)state;
}

static void refuses_unsound_pickles(void **state) {
    static const struct {
        const unsigned char *pickle;
        size_t n_byte;
        const char *part;
    } cases[] = {
        {P(""), "cut short"},
        {P(HEAD), "cut short"},
        {P(HEAD "}"), "cut short"},
        {P(HEAD "."), "none"},
        {P(HEAD "N."), "no dict"},
        {P(HEAD "}}."), "more than one value"},
        {P(HEAD "}.."), "bytes follow"},
        {P(HEAD "(."), "none"},
        {P(HEAD "t."), "mark"},
        {P(HEAD "u."), "mark"},
        {P(HEAD "(u."), "no dict"},
        {P(HEAD "}(Nu."), "no dict"},
        {P(HEAD "}(NNu."), "not text"},
        {P(HEAD "NNs."), "no dict"},
        {P(HEAD "}N(s."), "no dict"},
        {P(HEAD "}NNs."), "not text"},
        {P(HEAD "\x85."), "none"},
        {P(HEAD "(\x86."), "none"},
        {P(HEAD "q\0."), "none"},
        {P(HEAD "}q\1."), "out of order"},
        {P(HEAD "}r\xff\xff\xff\xff."), "out of order"},
        {P(HEAD "h\0."), "memo entry"},
        {P(HEAD "j\0\0\0\x80."), "memo entry"},
        {P(HEAD "X\xff\xff\xff\xff."), "cut short"},
        {P(HEAD "\x8a\x09"
                "123456789."),
         "64 bits"},
        {P(HEAD "ctorch"), "cut short"},
        {P(HEAD "Q."), "none"},
        {P(HEAD "NQ."), "not a tuple"},
        {P(HEAD ")Q."), "does not describe a storage"},
        {P(HEAD ID("FloatStorage", "0", "\6") "."), "no dict"},
        {P(HEAD "}X\x01\0\0\0aNs."), "no tensor"},
        {P(HEAD REBUILD ")R."), "arguments of _rebuild_tensor_v2"},
        {P(HEAD "}X\1\0\0\0w" REBUILD
                "(" ID("FloatStorage", "0", "\6") "J\xff\xff\xff\xffK\6\x85K\1\x85\x89}tRs."),
         "arguments of _rebuild_tensor_v2"},
        {P(HEAD "}X\1\0\0\0w" REBUILD
                "(" ID("FloatStorage", "0", "\6") "K\0J\xff\xff\xff\xff\x85K\1\x85\x89}tRs."),
         "whole number"},
        {P(HEAD "}X\1\0\0\0w" REBUILD "(" ID("FloatStorage", "0", "\6") "K\0K\6\x85)\x89}tRs."),
         "more sizes than strides"},
        {P(HEAD "}X\1\0\0\0w" REBUILD
                "(" ID("FloatStorage", "0", "\6") "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t)\x89}tRs."),
         "too many dimensions"},
        {P(HEAD "}X\1\0\0\0w" PARAMETER ")Rs."), "arguments of _rebuild_parameter"},
        {P(HEAD "}X\1\0\0\0w" PARAMETER "}\x88" DICT "\x87Rs."), "arguments of _rebuild_parameter"},
        {P(HEAD "}X\1\0\0\0w" PARAMETER SIX "K\1" DICT "\x87Rs."), "arguments of _rebuild_par"},
        {P(HEAD "}X\1\0\0\0w" PARAMETER SIX "\x88N\x87Rs."), "arguments of _rebuild_parameter"},
        {P(HEAD "}X\1\0\0\0w" PARAMETER "(" SIX "\x88" DICT FLAG "tRs."),
         "arguments of _rebuild_p"},
        {P(HEAD "}X\1\0\0\0w" WITH_STATE SIX "\x88" DICT "\x87Rs."), "arguments of _rebuild_par"},
        {P(HEAD "}X\1\0\0\0w" WITH_STATE "(" SIX "\x88" DICT "K\1tRs."), "arguments of _rebuild_p"},
        {P(HEAD "}X\1\0\0\0w" WITH_STATE "(" SIX "\x88" DICT "cos\nsystem\ntRs."), "os.system"},
        {P(HEAD "}X\1\0\0\0w" PARAMETER "s."), "no tensor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dm_error error = {0};
        assert_int_not_equal(run(cases[i].pickle, cases[i].n_byte, &error), DM_OK);
        if (!strstr(error.message, cases[i].part))
            fail_msg("case %zu: %s", i, error.message);
    }
    (void)state;
}

/* The pickle of a real file, cut at every byte and changed at random: never a crash. */
static void survives_damaged_pickles(void **state) {
    struct dm_mapped_file file;
    struct dm_torch_zip zip;
    dm_error error;
    assert_int_equal(
        dm_mapped_file_open(&file, test_data("checkpoints/official-strided-bin/pytorch_model.bin"),
                            NULL),
        DM_OK);
    assert_int_equal(dm_torch_zip_open(&zip, &file, NULL), DM_OK);
    const struct dm_torch_zip_entry *entry = dm_torch_zip_find(&zip, "pytorch_model/data.pkl");
    assert_non_null(entry);
    size_t n = entry->n_byte;
    unsigned char *pickle = malloc(n);
    assert_int_equal(dm_torch_zip_read(&zip, entry, pickle, NULL), DM_OK);
    assert_memory_equal(pickle, entry->bytes, n);
    assert_int_equal(run(pickle, n, &error), DM_OK);
    for (size_t cut = 0; cut < n; cut++) {
        unsigned char *part = malloc(cut + 1); /* the sanitizer sees what is read behind it */
        memcpy(part, pickle, cut);
        assert_int_not_equal(run(part, cut, &error), DM_OK);
        free(part);
    }
    struct dm_random random;
    dm_random_seed(&random, 5);
    for (int i = 0; i < 20000; i++) {
        size_t offset = dm_random_below(&random, n);
        unsigned char old = pickle[offset];
        pickle[offset] = (unsigned char)dm_random_bits(&random);
        run(pickle, n, &error);
        pickle[offset] = old;
    }
    free(pickle);
    dm_torch_zip_close(&zip);
    dm_mapped_file_close(&file);
    (void)state;
}

static const float storage[6] = {0, 1, 2, 3, 4, 5};

/* A file with one storage of six floats, and this pickle; NULL: without the entry. */
static const char *write_bin(const unsigned char *pickle, size_t n_byte, const char *extra_name,
                             const char *extra) {
    const char *path = test_join(test_directory, "case.bin");
    remove(path);
    zip_t *zip = zip_open(path, ZIP_CREATE, NULL);
    assert_non_null(zip);
    struct {
        const char *name;
        const void *bytes;
        size_t n_byte;
    } entries[] = {{"a/data.pkl", pickle, n_byte},
                   {"a/data/0", storage, sizeof storage},
                   {extra_name, extra, extra ? strlen(extra) : 0}};
    for (size_t i = 0; i < 3; i++) {
        if (!entries[i].name || !entries[i].bytes)
            continue;
        zip_int64_t index =
            zip_file_add(zip, entries[i].name,
                         zip_source_buffer(zip, entries[i].bytes, entries[i].n_byte, 0), 0);
        assert_true(index >= 0);
        assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0), 0);
    }
    assert_int_equal(zip_close(zip), 0);
    return path;
}

#define TENSOR(type, key, n, view) HEAD "}X\1\0\0\0w" REBUILD "(" ID(type, key, n) view "\x89}tRs."

static void checks_views(void **state) {
    static const struct {
        const unsigned char *pickle;
        size_t n_byte;
        const char *part;
    } cases[] = {
        {P(TENSOR("FloatStorage", "1", "\6", "K\0K\6\x85K\1\x85")), "storage is missing"},
        {P(TENSOR("FloatStorage", "0", "\7", "K\0K\6\x85K\1\x85")), "has another size"},
        {P(TENSOR("DoubleStorage", "0", "\6", "K\0K\6\x85K\1\x85")), "has another size"},
        {P(TENSOR("FloatStorage", "0", "\6", "K\1K\6\x85K\1\x85")), "leaves its storage"},
        {P(TENSOR("FloatStorage", "0", "\6", "K\0K\7\x85K\1\x85")), "leaves its storage"},
        {P(TENSOR("FloatStorage", "0", "\6", "K\7K\0\x85K\1\x85")), "leaves its storage"},
        {P(TENSOR("FloatStorage", "0", "\6", "K\0K\2K\3\x86K\4K\1\x86")), "leaves its storage"},
        {P(TENSOR("FloatStorage", "0", "\6",
                  "K\0K\2K\2\x86\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\1\x86")),
         "leaves its storage"},
        {P(TENSOR("FloatStorage", "0", "\6",
                  "K\0\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\7\x86K\0K\0\x86")),
         "leaves its storage"},
        {P(TENSOR("FloatStorage", "0", "\6", "K\0K\x40K\x40\x86K\0K\0\x86")), "repeat"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dm_torch_bin bin;
        dm_error error;
        size_t live = dm_memory_live();
        const char *path = write_bin(cases[i].pickle, cases[i].n_byte, NULL, NULL);
        assert_int_equal(dm_torch_bin_open(&bin, path, &error), DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, cases[i].part);
        assert_int_equal(dm_memory_live(), live);
    }
    (void)state;
}

static void reads_views(void **state) {
    static const struct {
        const unsigned char *pickle;
        size_t n_byte;
        size_t n_element;
        float values[6];
    } cases[] = {
        {P(TENSOR("FloatStorage", "0", "\6", "K\0K\6\x85K\1\x85")), 6, {0, 1, 2, 3, 4, 5}},
        {P(TENSOR("FloatStorage", "0", "\6", "K\2))")), 1, {2}},
        {P(TENSOR("FloatStorage", "0", "\6", "K\1K\2\x85K\3\x85")), 2, {1, 4}},
        {P(TENSOR("FloatStorage", "0", "\6", "K\0K\3K\2\x86K\1K\3\x86")), 6, {0, 3, 1, 4, 2, 5}},
        {P(TENSOR("FloatStorage", "0", "\6", "K\1K\1K\2\x86K\x63K\1\x86")), 2, {1, 2}},
        {P(TENSOR("FloatStorage", "0", "\6", "K\0K\2K\2\x86K\1K\0\x86")), 4, {0, 0, 1, 1}},
        {P(TENSOR("FloatStorage", "0", "\6", "K\6K\0\x85K\1\x85")), 0, {0}},
        /* a Parameter is its tensor, whatever attributes hang on it */
        {P(HEAD "}X\1\0\0\0w" PARAMETER SIX "\x88" DICT "\x87Rs."), 6, {0, 1, 2, 3, 4, 5}},
        {P(HEAD "}X\1\0\0\0w" PARAMETER SIX "\x89}\x87Rs."), 6, {0, 1, 2, 3, 4, 5}},
        {P(HEAD "}X\1\0\0\0w" WITH_STATE "(" SIX "\x88" DICT FLAG "tRs."), 6, {0, 1, 2, 3, 4, 5}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dm_torch_bin bin;
        const char *path = write_bin(cases[i].pickle, cases[i].n_byte, NULL, NULL);
        assert_int_equal(dm_torch_bin_open(&bin, path, NULL), DM_OK);
        assert_int_equal(bin.n_tensor, 1);
        assert_string_equal(bin.tensors[0].name, "w");
        assert_int_equal(bin.tensors[0].n_byte, cases[i].n_element * sizeof(float));
        if (cases[i].n_element)
            assert_memory_equal(bin.tensors[0].data, cases[i].values, bin.tensors[0].n_byte);
        dm_torch_bin_close(&bin);
        dm_torch_bin_close(&bin); /* a zeroed one */
    }
    (void)state;
}

static void checks_the_archive(void **state) {
    static const unsigned char pickle[] = TENSOR("FloatStorage", "0", "\6", "K\0K\6\x85K\1\x85");
    struct dm_torch_bin bin;
    dm_error error;
    const char *path = write_bin(pickle, sizeof pickle - 1, "a/byteorder", "big");
    assert_int_equal(dm_torch_bin_open(&bin, path, &error), DM_ERROR_UNSUPPORTED);
    test_expect_error(&error, DM_ERROR_UNSUPPORTED, "little-endian");
    path = write_bin(pickle, sizeof pickle - 1, "a/byteorder", "little");
    assert_int_equal(dm_torch_bin_open(&bin, path, &error), DM_OK);
    dm_torch_bin_close(&bin);
    path = write_bin(pickle, sizeof pickle - 1, "b/data.pkl", "x");
    assert_int_equal(dm_torch_bin_open(&bin, path, &error), DM_ERROR_FORMAT);
    test_expect_error(&error, DM_ERROR_FORMAT, "more than one data.pkl");
    path = write_bin(NULL, 0, "x", "x");
    assert_int_equal(dm_torch_bin_open(&bin, path, &error), DM_ERROR_FORMAT);
    test_expect_error(&error, DM_ERROR_FORMAT, "without data.pkl");
    test_write_file(path, "hello world", 11);
    assert_int_equal(dm_torch_bin_open(&bin, path, &error), DM_ERROR_FORMAT);
    test_expect_error(&error, DM_ERROR_FORMAT, "not a file that torch.save writes");
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_calls_anything),
        cmocka_unit_test(refuses_every_other_opcode),
        cmocka_unit_test(refuses_unsound_pickles),
        cmocka_unit_test(survives_damaged_pickles),
        cmocka_unit_test(checks_views),
        cmocka_unit_test(reads_views),
        cmocka_unit_test(checks_the_archive),
    };
    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}
