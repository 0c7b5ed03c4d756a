/* What the library warns of, for tests that link it. */
#ifndef DM_TEST_WARNINGS_H
#define DM_TEST_WARNINGS_H

#include <stdio.h>
#include <string.h>

#include "test_support.h"

static struct {
    char lines[4096];
    size_t n;
} test_heard;

static inline void test_hear(const char *line, void *user) {
    (void)user;
    assert_null(strchr(line, '\n'));
    int n = snprintf(test_heard.lines + test_heard.n, sizeof test_heard.lines - test_heard.n,
                     "%s\n", line);
    assert_true(n > 0 && (size_t)n < sizeof test_heard.lines - test_heard.n);
    test_heard.n += (size_t)n;
}

/* Gathers the warnings of this thread's calls, until the next of these calls. */
static inline void test_hear_warnings(void) {
    test_heard.n = 0;
    test_heard.lines[0] = 0;
    dm_set_warning(test_hear, NULL);
}

/* Those gathered since then, a line each. */
static inline const char *test_warnings(void) {
    return test_heard.lines;
}

#endif
