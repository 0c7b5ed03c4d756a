/* TensorBoard's event files, byte by byte. The bytes were put together by hand from the formats'
 * descriptions; TensorBoard 2 reads such files. */
#include "event_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void sums_as_the_standard_says(void **state) {
    (void)state;
    unsigned char zeros[32] = {0}, ones[32];
    memset(ones, 255, sizeof ones);
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(zeros, 32), 0x8a9136aa); /* RFC 3720, B.4 */
    assert_int_equal(crc32c(ones, 32), 0x62a8ab43);
    assert_int_equal(crc32c("", 0), 0);
}

static void writes_records(void **state) {
    (void)state;
    static const unsigned char expected[] = {
        0x18, 0,    0,    0,    0,    0,   0,   0,          /* 24 bytes */
        0xa3, 0x7f, 0x4b, 0x22,                             /* checksum of the length */
        0x09, 0,    0,    0,    0,    0,   0,   0xf8, 0x3f, /* wall_time 1.5 */
        0x1a, 13,   'b',  'r',  'a',  'i', 'n', '.',  'E',  'v', 'e', 'n',  't',  ':',
        '2',                                       /* version */
        0x2a, 0x28, 0x64, 0x6c,                    /* checksum of these */
        0x1b, 0,    0,    0,    0,    0,   0,   0, /* 27 bytes */
        0x1a, 0x0d, 0x9e, 0x13, 0x09, 0,   0,   0,    0,    0,   0,   0x04, 0x40, /* wall_time 2.5 */
        0x10, 0xac, 0x02,                                                         /* step 300 */
        0x2a, 13,                                                                 /* summary */
        0x0a, 11,                                                                 /* value */
        0x0a, 4,    'l',  'o',  's',  's',                                        /* tag */
        0x15, 0,    0,    0x40, 0x3f, /* simple_value 0.75 */
        0x0f, 0x8a, 0xcb, 0x2e,
    };
    char *bytes;
    size_t n;
    FILE *stream = open_memstream(&bytes, &n);
    assert_non_null(stream);
    assert_true(event_write_version(stream, 1.5));
    assert_true(event_write_scalar(stream, 2.5, 300, "loss", 0.75F));
    fclose(stream);
    assert_int_equal(n, sizeof expected);
    assert_memory_equal(bytes, expected, n);
    free(bytes);
}

static void cuts_long_tags_and_says_what_fails(void **state) {
    (void)state;
    char tag[400], *bytes;
    size_t n;
    memset(tag, 'x', sizeof tag);
    tag[399] = 0;
    FILE *stream = open_memstream(&bytes, &n);
    assert_non_null(stream);
    assert_true(event_write_scalar(stream, 1e300, UINT64_MAX, tag, -1));
    fclose(stream);
    /* 9 of the time, 11 of the step, 2 + 2 + 2 + 100 of the tag, 5 of the value */
    assert_int_equal((unsigned char)bytes[0], 131);
    free(bytes);
    stream = fopen("/dev/full", "wb");
    assert_non_null(stream);
    setvbuf(stream, NULL, _IONBF, 0);
    assert_false(event_write_version(stream, 0));
    fclose(stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_as_the_standard_says),
        cmocka_unit_test(writes_records),
        cmocka_unit_test(cuts_long_tags_and_says_what_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
