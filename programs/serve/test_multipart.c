/* Forms as browsers, curl and RFC 7578 have them. */
#include "multipart.h"

#include <string.h>

#include "test_support.h"

static void expect_part(struct multipart *multipart, const char *name, const char *file,
                        const char *bytes) {
    struct part part;
    bool damaged;
    assert_true(multipart_next(multipart, &part, &damaged));
    assert_false(damaged);
    assert_string_equal(part.name, name);
    assert_string_equal(part.file, file);
    assert_int_equal(part.n_byte, strlen(bytes));
    assert_memory_equal(part.bytes, bytes, part.n_byte);
}

static void expect_end(struct multipart *multipart, bool expected) {
    struct part part;
    bool damaged;
    assert_false(multipart_next(multipart, &part, &damaged));
    assert_int_equal(damaged, expected);
}

static void open_form(struct multipart *multipart, const char *type, const char *body) {
    assert_true(multipart_open(multipart, type, body, strlen(body)));
}

static void test_parts(void **state) {
    (void)state;
    struct multipart multipart;
    open_form(&multipart, "multipart/form-data; boundary=----WebKitFormBoundaryx",
              "------WebKitFormBoundaryx\r\n"
              "Content-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".txt\"\r\n"
              "Content-Type: text/plain\r\n\r\n"
              "one\r\n--two\r\n------WebKitFormBoundary\r\n\r\n"
              "------WebKitFormBoundaryx\r\n"
              "content-disposition: form-data; name=method\r\n\r\n"
              "\r\n------WebKitFormBoundaryx\r\n"
              "Content-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n"
              "------WebKitFormBoundaryx--\r\n");
    expect_part(&multipart, "file", "a \"b\".txt", "one\r\n--two\r\n------WebKitFormBoundary\r\n");
    expect_part(&multipart, "method", "", "");
    expect_part(&multipart, "empty", "", "");
    expect_end(&multipart, false);
}

/* A preamble, and what follows the end, are nobody's. */
static void test_around(void **state) {
    (void)state;
    struct multipart multipart;
    open_form(&multipart, "Multipart/Form-Data;charset=utf-8; Boundary=\"a b\"",
              "before\r\n--a b\r\nX: y\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nT"
              "\r\n--a b--after");
    expect_part(&multipart, "text", "", "T");
    expect_end(&multipart, false);
}

static void test_damaged(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "",
        "--b",
        "--b\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"a\"",
        "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ntext",
        "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ntext\r\n--c--",
        "--b\r\nContent-Disposition: form-data\r\n\r\ntext\r\n--b--",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct multipart multipart;
        open_form(&multipart, "multipart/form-data; boundary=b", bodies[i]);
        expect_end(&multipart, true);
    }
    struct multipart multipart;
    assert_false(multipart_open(&multipart, "multipart/form-data", "", 0));
    assert_false(multipart_open(&multipart, "multipart/form-data; boundary=", "", 0));
    assert_false(multipart_open(&multipart, "text/plain; boundary=b", "", 0));
    char type[256] = "multipart/form-data; boundary=";
    memset(type + strlen(type), 'x', 100);
    assert_false(multipart_open(&multipart, type, "", 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_around),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
