/* What is wrong with a GGUF file as a model, in one line that names it; and files in parts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_support.h"
#include "test_warnings.h"

#include "base/gguf_file.h"
#include "base/memory.h"
#include "checkpoint/checkpoint.h"

static const char *inside(const char *name) {
    return test_join(test_directory, name);
}

/* Replaces the bytes at the `skip`-th place (from 0) where `from` is. */
static void replace(unsigned char *bytes, size_t n_byte, size_t skip, const void *from, size_t n,
                    const void *to) {
    for (size_t i = 0; i + n <= n_byte; i++)
        if (!memcmp(bytes + i, from, n) && skip-- == 0) {
            memcpy(bytes + i, to, n);
            return;
        }
    fail_msg("the seed does not hold it");
}

/* The file of a model of one layer, 32 channels wide, with a change of bytes. */
static void write_changed(const void *from, size_t n, const void *to) {
    size_t n_byte;
    unsigned char *bytes = test_read_file(test_source("fuzz/corpus/gguf/olmo"), &n_byte);
    if (n)
        replace(bytes, n_byte, 0, from, n, to);
    test_write_file(inside("x.gguf"), bytes, n_byte);
    free(bytes);
}

static void refuse(dm_status status, const char *part) {
    struct dm_checkpoint *checkpoint;
    dm_error error = {0};
    size_t live = dm_memory_live();
    assert_int_equal(dm_checkpoint_open(inside("x.gguf"), &checkpoint, &error), status);
    test_expect_error(&error, status, part);
    assert_memory_equal(error.message, inside("x.gguf"), strlen(inside("x.gguf")));
    assert_int_equal(dm_memory_live(), live);
}

static void says_what_is_wrong(void **state) {
    static const struct {
        const char *from, *to; /* of the same length */
        dm_status status;
        const char *part;
    } cases[] = {
        {"general.architecture", "general.architectura", DM_ERROR_FORMAT,
         "key general.architecture is missing"},
        {"mamba.block_count", "mamba.block_counx", DM_ERROR_FORMAT,
         "key mamba.block_count is missing"},
        {"mamba.ssm.state_size", "mamba.ssm.state_sizx", DM_ERROR_FORMAT,
         "key mamba.ssm.state_size is missing"},
        {"layer_norm_rms_epsilon", "layer_norm_rms_epsilox", DM_ERROR_FORMAT,
         "key mamba.attention.layer_norm_rms_epsilon is missing"},
        {"token_embd.weight", "token_embx.weight", DM_ERROR_FORMAT,
         "tensor token_embd.weight is missing"},
        {"output_norm.weight", "output_norx.weight", DM_ERROR_FORMAT,
         "tensor output_norm.weight is missing"},
        {"blk.0.ssm_a", "blk.0.ssm_b", DM_ERROR_FORMAT, "tensor blk.0.ssm_a is missing"},
        {"blk.0.ssm_dt.bias", "blk.1.ssm_dt.bias", DM_ERROR_FORMAT,
         "tensor blk.0.ssm_dt.bias is missing"},
        {"blk.0.ssm_dt.bias", "blk.00ssm_dt.bias", DM_ERROR_FORMAT,
         "tensor blk.0.ssm_dt.bias is missing"},
        {"blk.0.ssm_dt.bias", "blk.0.ssm_dt.bia\xff", DM_ERROR_FORMAT,
         "tensor blk.0.ssm_dt.bias is missing"},
        {"blk.0.ssm_dt.bias", "token_embd.weight", DM_ERROR_FORMAT,
         "tensor token_embd.weight appears twice"},
    };
    test_hear_warnings();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].from);
        assert_int_equal(n, strlen(cases[i].to));
        write_changed(cases[i].from, n, cases[i].to);
        refuse(cases[i].status, cases[i].part);
    }
    (void)state;
}

/* A key and its type, then its number. */
static void write_number(const char *key, uint32_t type, uint32_t number) {
    unsigned char from[80] = {0}, to[80];
    size_t n = strlen(key), n_byte;
    unsigned char *bytes = test_read_file(test_source("fuzz/corpus/gguf/olmo"), &n_byte);
    for (size_t i = 0; i + n + 8 <= n_byte; i++)
        if (!memcmp(bytes + i, key, n)) {
            memcpy(from, bytes + i, n + 8);
            break;
        }
    memcpy(to, from, n + 8);
    for (size_t i = 0; i < 4; i++) {
        to[n + i] = (unsigned char)(type >> 8 * i);
        to[n + 4 + i] = (unsigned char)(number >> 8 * i);
    }
    free(bytes);
    write_changed(from, n + 8, to);
}

static void says_which_number_is_wrong(void **state) {
    enum { U32 = 4, I32 = 5, F32 = 6 };
    static const struct {
        const char *key;
        uint32_t type, number;
        dm_status status;
        const char *part;
    } cases[] = {
        {"mamba.block_count", U32, 0, DM_ERROR_FORMAT,
         "key mamba.block_count must be in 1 .. 2^31 - 1"},
        {"mamba.block_count", U32, 0x80000000, DM_ERROR_FORMAT, "must be in 1 .. 2^31 - 1"},
        {"mamba.block_count", U32, 0x7fffffff, DM_ERROR_FORMAT,
         "12 tensors, but its head says 2147483647 layers"},
        {"mamba.block_count", U32, 2, DM_ERROR_FORMAT, "tensor blk.1.attn_norm.weight is missing"},
        {"mamba.block_count", I32, 0xffffffff, DM_ERROR_FORMAT, "must be a whole number >= 0"},
        {"mamba.block_count", F32, 0, DM_ERROR_FORMAT, "must be a whole number >= 0"},
        {"mamba.ssm.inner_size", U32, 0x7fffffff, DM_ERROR_FORMAT,
         "is [128, 32], but its head says"},
        {"mamba.ssm.state_size", U32, 3, DM_ERROR_FORMAT,
         "tensor blk.0.ssm_x.weight is [3, 64], but its head says [7, 64]"},
        {"mamba.embedding_length", U32, 31, DM_ERROR_FORMAT,
         "tensor token_embd.weight is [99, 32], but its head says [99, 31]"},
        {"mamba.attention.layer_norm_rms_epsilon", F32, 0x40000000, DM_ERROR_FORMAT,
         "\"layer_norm_epsilon\" must be in [0, 1)"},
        {"mamba.attention.layer_norm_rms_epsilon", F32, 0x7fc00000, DM_ERROR_FORMAT,
         "must be a finite number"},
        {"tokenizer.ggml.eos_token_id", F32, 0, DM_ERROR_FORMAT, "must be a whole number >= 0"},
    };
    test_hear_warnings();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_number(cases[i].key, cases[i].type, cases[i].number);
        refuse(cases[i].status, cases[i].part);
    }
    (void)state;
}

static void refuses_what_cannot_be_run(void **state) {
    const float positive = 1, minus = -1;
    size_t n_byte;
    write_changed("\5\0\0\0\0\0\0\0mamba", 13, "\5\0\0\0\0\0\0\0llama");
    refuse(DM_ERROR_UNSUPPORTED, "models of the architecture llama cannot be run");
    /* in_proj in Q2_K, whose rows would have to be of 256 */
    write_changed("ssm_out.weight\2\0\0\0\x40\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\x1e", 35,
                  "ssm_out.weight\2\0\0\0\x40\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\x19");
    refuse(DM_ERROR_UNSUPPORTED, "tensor blk.0.ssm_out.weight is of the type I16: F32, F16, BF16, "
                                 "Q8_0, Q4_0, Q4_K, Q5_K and Q6_K can be read");
    /* the last of A, which is the file's last tensor */
    unsigned char *bytes = test_read_file(test_source("fuzz/corpus/gguf/olmo"), &n_byte);
    assert_memory_equal(bytes + n_byte - sizeof minus, &minus, sizeof minus);
    memcpy(bytes + n_byte - sizeof positive, &positive, sizeof positive);
    test_write_file(inside("x.gguf"), bytes, n_byte);
    free(bytes);
    refuse(DM_ERROR_FORMAT, "tensor blk.0.ssm_a holds 1, which cannot be there");
    test_write_text(inside("x.gguf"), "{}");
    refuse(DM_ERROR_FORMAT, "not a GGUF file: it does not begin with GGUF");
    (void)state;
}

/* A tensor outside the model is left out, with a warning; one that looks like a part of it is not. */
static void leaves_out_other_tensors(void **state) {
    struct dm_checkpoint *checkpoint;
    dm_error error;
    size_t n_byte;
    unsigned char *bytes = test_read_file(test_data("gguf/types/model.gguf"), &n_byte);
    replace(bytes, n_byte, 0, "output.weight", 13, "others.weight");
    test_write_file(inside("x.gguf"), bytes, n_byte);
    test_hear_warnings();
    require(dm_checkpoint_open(inside("x.gguf"), &checkpoint, &error), &error);
    assert_true(dm_checkpoint_config(checkpoint)->tie_word_embeddings);
    dm_checkpoint_close(checkpoint);
    assert_non_null(strstr(test_warnings(), "tensor others.weight belongs to no weight of the "
                                            "model: left out"));
    replace(bytes, n_byte, 0, "others.weight", 13, "blk.0.attn_qk");
    test_write_file(inside("x.gguf"), bytes, n_byte);
    free(bytes);
    refuse(DM_ERROR_FORMAT, "tensor blk.0.attn_qk belongs to no weight of the model in its head");
    (void)state;
}

/* ---- Parts ---- */

static void put_number(unsigned char **at, uint64_t value, size_t n_byte) {
    for (size_t i = 0; i < n_byte; i++)
        *(*at)++ = (unsigned char)(value >> 8 * i);
}

static void put_key(unsigned char **at, const char *name, uint32_t type, uint64_t value,
                    size_t n_byte) {
    put_number(at, strlen(name), 8);
    memcpy(*at, name, strlen(name));
    *at += strlen(name);
    put_number(at, type, 4);
    put_number(at, value, n_byte);
}

/* Part `no` (from 0) of `n_part`: the first is the model, with two keys more; others have a tensor that
 * is no part of it. `general.alignment` of 64 makes room for the keys. */
static void write_part(const char *name, unsigned no, unsigned n_part) {
    enum { U16 = 2, F32 = 0, head = 24, room = 256, alignment = 64 };
    size_t n_byte, n_data;
    unsigned char *bytes = test_read_file(test_source("fuzz/corpus/gguf/no_tokenizer"), &n_byte);
    unsigned char *made = some(n_byte + room, 1), *at = made + head;
    struct dm_gguf_file gguf;
    memcpy(made, bytes, head);
    put_key(&at, "split.no", U16, no, 2);
    put_key(&at, "split.count", U16, n_part, 2);
    require(dm_gguf_open(&gguf, test_source("fuzz/corpus/gguf/no_tokenizer"), false, NULL), NULL);
    const unsigned char *data = bytes + (gguf.tensors[0].data - gguf.file.bytes);
    n_data = n_byte - (size_t)(data - bytes);
    dm_gguf_close(&gguf);
    if (no) {
        made[8] = 1;
        made[16] = 2;
        put_number(&at, 5, 8);
        at += snprintf((char *)at, room, "part%u", no);
        put_number(&at, 1, 4);
        put_number(&at, 8, 8);
        put_number(&at, F32, 4);
        put_number(&at, 0, 8);
        n_data = 32;
    } else {
        made[16] = (unsigned char)(made[16] + 2);
        memcpy(at, bytes + head, (size_t)(data - bytes) - head);
        at += data - bytes - head; /* with padding, of which some may go */
        while (at[-1] == 0 && (at - made) % alignment)
            at--;
    }
    size_t begin = ((size_t)(at - made) + alignment - 1) / alignment * alignment;
    memset(at, 0, begin - (size_t)(at - made));
    memcpy(made + begin, data, n_data);
    test_write_file(inside(name), made, begin + n_data);
    free(bytes);
    free(made);
}

static void reads_parts(void **state) {
    struct dm_checkpoint *checkpoint;
    dm_error error;
    static const char first[] = "m-00001-of-00003.gguf", second[] = "m-00002-of-00003.gguf",
                      third[] = "m-00003-of-00003.gguf";
    write_part(first, 0, 3);
    write_part(second, 1, 3);
    write_part(third, 2, 3);
    test_hear_warnings();
    require(dm_checkpoint_open(inside(first), &checkpoint, &error), &error);
    dm_checkpoint_close(checkpoint);
    assert_non_null(strstr(test_warnings(), "2 tensors belong to no weight of the model"));
    assert_int_equal(dm_checkpoint_open(inside(second), &checkpoint, &error), DM_ERROR_ARGUMENT);
    test_expect_error(&error, DM_ERROR_ARGUMENT,
                      "m-00002-of-00003.gguf: part 2 of 3 of a split GGUF file: name the first");
    write_part(first, 0, 65535);
    assert_int_equal(dm_checkpoint_open(inside(first), &checkpoint, &error), DM_ERROR_FORMAT);
    test_expect_error(&error, DM_ERROR_FORMAT,
                      "m-00001-of-00003.gguf: it is not part 2 of 65535 of a split file");
    write_part(first, 0, 3);
    write_part(third, 1, 3);
    assert_int_equal(dm_checkpoint_open(inside(first), &checkpoint, &error), DM_ERROR_FORMAT);
    test_expect_error(&error, DM_ERROR_FORMAT,
                      "m-00003-of-00003.gguf: it is not part 3 of 3 of a split file");
    remove(inside(third));
    assert_int_equal(dm_checkpoint_open(inside(first), &checkpoint, &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "m-00003-of-00003.gguf: No such file");
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(says_what_is_wrong),
        TEST(says_which_number_is_wrong),
        TEST(refuses_what_cannot_be_run),
        TEST(leaves_out_other_tensors),
        TEST(reads_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
