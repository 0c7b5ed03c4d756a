/* A pytorch_model.bin beyond 4 GiB: a zip64 with a storage of more than 2^31 elements, and entries
 * and a directory behind it. The storage is a hole in the file. */
#include <stdio.h>
#include <string.h>

#include "test_support.h"

#include "checkpoint/torch_bin.h"

/* {"w": float32 [2^31 + 10]}: LONG1 holds the number in 5 bytes. */
#define N_ELEMENT "\x8a\5\x0a\0\0\x80\0"
static const unsigned char pickle[] =
    "\x80\x02}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n"
    "X\1\0\0\0000X\3\0\0\0cpu" N_ELEMENT "tQK\0" N_ELEMENT "\x85K\1\x85\x89}tRs.";
static const size_t n_element = ((size_t)1 << 31) + 10;

enum { n_entry = 2, capacity = 1024 };

struct entry {
    const char *name;
    size_t n_byte, offset; /* of its local header */
    unsigned crc;
};

/* Bytes that will stand at `offset` of the file. */
struct piece {
    size_t offset, n;
    unsigned char bytes[capacity];
};

static void put(struct piece *piece, size_t number, size_t n_byte) {
    assert_true(piece->n + n_byte <= capacity);
    for (size_t i = 0; i < n_byte; i++)
        piece->bytes[piece->n++] = (unsigned char)(number >> 8 * i);
}

static void put_bytes(struct piece *piece, const void *bytes, size_t n_byte) {
    assert_true(piece->n + n_byte <= capacity);
    memcpy(piece->bytes + piece->n, bytes, n_byte);
    piece->n += n_byte;
}

static void write_piece(const char *path, const struct piece *piece) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseeko(file, (off_t)piece->offset, SEEK_SET), 0);
    assert_int_equal(fwrite(piece->bytes, 1, piece->n, file), piece->n);
    assert_int_equal(fclose(file), 0);
}

static unsigned crc_of(const unsigned char *bytes, size_t n) {
    unsigned crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* What a local header and one of the directory share: version 4.5, stored, the date 1980-01-01;
 * sizes are in the zip64 field. */
static void put_common(struct piece *piece, const struct entry *entry, size_t n_extra) {
    put(piece, 45, 2);
    put(piece, 0, 4);
    put(piece, 0, 2);
    put(piece, 0x21, 2);
    put(piece, entry->crc, 4);
    put(piece, 0xffffffff, 4);
    put(piece, 0xffffffff, 4);
    put(piece, strlen(entry->name), 2);
    put(piece, n_extra, 2);
}

static void put_sizes(struct piece *piece, const struct entry *entry, size_t n_byte) {
    put(piece, 1, 2);
    put(piece, n_byte, 2);
    put(piece, entry->n_byte, 8);
    put(piece, entry->n_byte, 8);
}

/* Gives where the entry's bytes begin. */
static size_t write_local_header(const char *path, const struct entry *entry) {
    struct piece piece = {.offset = entry->offset};
    put_bytes(&piece, "PK\3\4", 4);
    put_common(&piece, entry, 20);
    put_bytes(&piece, entry->name, strlen(entry->name));
    put_sizes(&piece, entry, 16);
    write_piece(path, &piece);
    return entry->offset + piece.n;
}

static void write_directory(const char *path, const struct entry *entries, size_t offset) {
    struct piece piece = {.offset = offset};
    for (size_t i = 0; i < n_entry; i++) {
        put_bytes(&piece, "PK\1\2", 4);
        put(&piece, 45, 2);
        put_common(&piece, &entries[i], 28);
        put(&piece, 0, 6); /* comment, disk, inner attributes */
        put(&piece, 0, 4); /* attributes */
        put(&piece, 0xffffffff, 4);
        put_bytes(&piece, entries[i].name, strlen(entries[i].name));
        put_sizes(&piece, &entries[i], 24);
        put(&piece, entries[i].offset, 8);
    }
    size_t n_directory = piece.n;
    put_bytes(&piece, "PK\6\6", 4);
    put(&piece, 44, 8);
    put(&piece, 45, 2);
    put(&piece, 45, 2);
    put(&piece, 0, 8); /* disks */
    put(&piece, n_entry, 8);
    put(&piece, n_entry, 8);
    put(&piece, n_directory, 8);
    put(&piece, offset, 8);
    put_bytes(&piece, "PK\6\7", 4);
    put(&piece, 0, 4);
    put(&piece, offset + n_directory, 8);
    put(&piece, 1, 4);
    put_bytes(&piece, "PK\5\6", 4);
    put(&piece, 0, 4);
    put(&piece, n_entry, 2);
    put(&piece, n_entry, 2);
    put(&piece, n_directory, 4);
    put(&piece, 0xffffffff, 4);
    put(&piece, 0, 2);
    write_piece(path, &piece);
}

static void reads_a_large_file(void **state) {
    static const float last[] = {1.5f, -2};
    (void)state;
    struct entry entries[n_entry] = {
        {"m/data/0", n_element * sizeof(float), 0, 0}, /* the CRC of a stored one is not read */
        {"m/data.pkl", sizeof pickle - 1, 0, crc_of(pickle, sizeof pickle - 1)}};
    char path[TEST_MAX_PATH];
    snprintf(path, sizeof path, "%s", test_join(test_directory, "pytorch_model.bin"));
    test_write_file(path, "", 0);
    size_t end = write_local_header(path, &entries[0]) + entries[0].n_byte;
    struct piece values = {.offset = end - sizeof last}, text = {0};
    put_bytes(&values, last, sizeof last);
    write_piece(path, &values);
    entries[1].offset = end;
    text.offset = write_local_header(path, &entries[1]);
    put_bytes(&text, pickle, sizeof pickle - 1);
    write_piece(path, &text);
    write_directory(path, entries, text.offset + text.n);

    struct dm_torch_bin bin;
    dm_error error;
    if (dm_torch_bin_open(&bin, path, &error))
        fail_msg("%s", error.message);
    assert_int_equal(bin.n_tensor, 1);
    assert_string_equal(bin.tensors[0].name, "w");
    assert_int_equal(bin.tensors[0].shape[0], n_element);
    assert_int_equal(bin.tensors[0].n_byte, n_element * sizeof(float));
    assert_memory_equal(bin.tensors[0].data + bin.tensors[0].n_byte - sizeof last, last,
                        sizeof last);
    dm_torch_bin_close(&bin);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_a_large_file, test_set_up, test_tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
