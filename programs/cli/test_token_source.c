/* Reading tokens in pieces, and keeping those of a long text: equal to the whole, wherever pieces end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "id_store.h"
#include "test_support.h"

static const char *file(const char *name) {
    return test_join(test_directory, name);
}

static dm_tokenizer *load(const char *name) {
    dm_tokenizer *tokenizer;
    assert_int_equal(dm_tokenizer_load(test_data(name), &tokenizer, NULL), DM_OK);
    return tokenizer;
}

/* A text of many pieces, and some bytes more. */
static char *make_text(size_t n_byte) {
    size_t n_book;
    unsigned char *book = test_read_file(test_source("data/books/26618.txt"), &n_book);
    char *text = malloc(n_byte);
    for (size_t i = 0; i < n_byte; i++)
        text[i] = (char)book[i % n_book];
    while (n_byte && ((unsigned char)text[n_byte - 1] & 0x80)) /* a character cut at the end */
        text[--n_byte] = '.';
    free(book);
    return text;
}

static void expect_ids(struct token_source *source, const int32_t *whole, size_t n_whole) {
    const int32_t *ids;
    size_t n_id, n_seen = 0;
    dm_error error;
    do {
        if (token_source_next(source, &ids, &n_id, &error))
            fail_msg("%s", error.message);
        assert_true(n_id <= n_whole - n_seen);
        if (n_id)
            assert_memory_equal(ids, whole + n_seen, n_id * sizeof *ids);
        n_seen += n_id;
        assert_int_equal(source->n_id, n_seen);
    } while (n_id);
    assert_int_equal(n_seen, n_whole);
    token_source_close(source);
}

static void write_ids(const char *path, const int32_t *ids, size_t n_id) {
    FILE *stream = fopen(path, "w");
    for (size_t i = 0; i < n_id; i++)
        fprintf(stream, "%d%s", (int)ids[i], i % 7 ? " " : i % 3 ? "\n" : " \t \r\n");
    fclose(stream);
}

static void test_pieces(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000};
    dm_tokenizer *tokenizer = load("tokenizer/neox");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct token_source source;
        int32_t *ids;
        size_t n_id;
        char *text = make_text(sizes[i]);
        test_write_file(file("text"), text, sizes[i]);
        assert_int_equal(dm_tokenizer_encode(tokenizer, text, sizes[i], &ids, &n_id, NULL), DM_OK);
        assert_true(token_source_open_text(&source, "text", NULL, file("text"), tokenizer));
        assert_int_equal(source.input.n_byte, sizes[i]);
        expect_ids(&source, ids, n_id);
        write_ids(file("ids"), ids, n_id);
        assert_true(token_source_open_ids(&source, "ids", NULL, file("ids"), 50277));
        expect_ids(&source, ids, n_id);
        free(text);
        dm_free(ids);
    }
    dm_tokenizer_free(tokenizer);
}

static void expect_fault(const char *bytes, size_t n_byte, const char *message) {
    struct token_source source;
    const int32_t *ids;
    size_t n_id;
    dm_error error = {DM_OK, ""};
    dm_status status;
    test_write_file(file("ids"), bytes, n_byte);
    assert_true(token_source_open_ids(&source, "ids", NULL, file("ids"), 100));
    do
        status = token_source_next(&source, &ids, &n_id, &error);
    while (!status && n_id);
    test_expect_error(&error, DM_ERROR_FORMAT, message);
    token_source_close(&source);
}

static void put(char *at, const char *bytes, size_t n_byte) {
    for (size_t i = 0; i < n_byte; i++)
        at[i] = bytes[i];
}

/* Faults are named by their place in the whole, far beyond the first piece. */
static void test_faults(void **state) {
    (void)state;
    enum { n_far = 200000 };
    char *far = malloc(n_far);
    memset(far, ' ', n_far);
    put(far, "7 8", 3);
    put(far + 150000, "99 100", 6);
    expect_fault(far, n_far, "ids: id 4 is 100: the vocabulary ends at 99");
    put(far + 150000, "99 1x9", 6);
    expect_fault(far, n_far, "ids: id 4, '1x9', is not a whole number");
    put(far + 150000, "99 1\0 ", 6);
    expect_fault(far, n_far, "ids: byte 150004 is 0");
    memset(far + 10, '1', n_far - 10); /* a word longer than a piece */
    expect_fault(far, n_far, "ids: id 3, '1111111111111111111111111111111111111111', is not");
    free(far);

    dm_tokenizer *tokenizer = load("tokenizer/neox");
    struct token_source source;
    const int32_t *ids;
    size_t n_id;
    dm_error error;
    dm_status status;
    char *text = make_text(200000);
    text[170000] = '\xff';
    test_write_file(file("text"), text, 200000);
    assert_true(token_source_open_text(&source, "text", NULL, file("text"), tokenizer));
    do
        status = token_source_next(&source, &ids, &n_id, &error);
    while (!status && n_id);
    test_expect_error(&error, DM_ERROR_FORMAT, "text: the text is not UTF-8 at byte 170000");
    token_source_close(&source);
    free(text);
    dm_tokenizer_free(tokenizer);
}

/* Any part of a text of more ids than a store holds in memory; and nothing is left in TMPDIR. */
static void test_store(void **state) {
    (void)state;
    const size_t n_byte = 5 * (1 << 19) + 123, edge = 1 << 20;
    const struct {
        size_t first, n;
    } parts[] = {{0, 0},        {0, 1},
                 {0, n_byte},   {n_byte - 1, 1},
                 {n_byte, 0},   {edge - 1, 2},
                 {edge, edge},  {edge - 5, 9},
                 {2 * edge, 5}, {2 * edge - 9, 99},
                 {77, edge},    {2 * edge, n_byte - 2 * edge}};
    dm_tokenizer *tokenizer = load("tokenizer/bytes");
    struct token_source source;
    struct id_store store;
    dm_error error;
    char *text = make_text(n_byte);
    test_write_file(file("text"), text, n_byte);
    setenv("TMPDIR", test_directory, 1);
    assert_true(token_source_open_text(&source, "text", NULL, file("text"), tokenizer));
    assert_int_equal(id_store_fill(&store, &source, &error), DM_OK);
    token_source_close(&source);
    assert_non_null(store.file);
    assert_int_equal(store.n_id, n_byte);
    assert_int_equal(id_store_text(&store).n_id, n_byte);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int32_t *ids = id_store_take(&store, parts[i].first, parts[i].n);
        assert_non_null(ids);
        for (size_t t = 0; t < parts[i].n; t++)
            assert_int_equal(ids[t], (unsigned char)text[parts[i].first + t]);
        free(ids);
    }
    assert_int_equal(test_count_entries(test_directory), 2); /* text and ids */
    id_store_free(&store);

    /* where there is no room for the file */
    setenv("TMPDIR", "/nowhere", 1);
    assert_true(token_source_open_text(&source, "text", NULL, file("text"), tokenizer));
    assert_int_equal(id_store_fill(&store, &source, &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "/nowhere: cannot keep a text's ids here: No such file");
    token_source_close(&source);
    id_store_free(&store);
    free(text);
    dm_tokenizer_free(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces), cmocka_unit_test(test_faults),
                                       cmocka_unit_test(test_store)};
    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}
