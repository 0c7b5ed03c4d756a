#include "text/pattern.h"

#include <stdint.h>

#include "base/memory.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* A match may take so many steps, and more for each byte that it can look at: sound patterns take a
 * few for each. */
enum { base_limit = 100000, limit_per_byte = 16 };

/*     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * with the repeats made possessive, which changes no match. A run of spaces before something else
 * leaves it the last one. */
const char dm_pattern_gpt2[] = "'(?:[stmd]|re|ve|ll)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++"
                               "|(?:\\s(?=\\s|\\z))++|\\s";

static dm_status compile(struct dm_pattern *pattern, const char *translated, const char *name,
                         dm_error *error) {
    int fault;
    PCRE2_SIZE offset;
    uint32_t matches_nothing = 0;
    /* In Oniguruma a line ends with a line feed, which a dot does not match. */
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return dm_fail_memory(error, name);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pattern->code = pcre2_compile((PCRE2_SPTR)translated, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &fault,
                                  &offset, context);
    pcre2_compile_context_free(context);
    if (!pattern->code) {
        PCRE2_UCHAR said[120] = {0};
        if (fault == PCRE2_ERROR_HEAP_FAILED)
            return dm_fail_memory(error, name);
        pcre2_get_error_message(fault, said, sizeof said);
        return dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: PCRE2 does not take the pattern: %s", name,
                       (const char *)said);
    }
    pcre2_pattern_info(pattern->code, PCRE2_INFO_MATCHEMPTY, &matches_nothing);
    if (matches_nothing)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: a pattern that can match nothing is not supported", name);
    pcre2_jit_compile(pattern->code, /* without it, matching is slower */
                      PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
    return DM_OK;
}

dm_status dm_pattern_open(struct dm_pattern *pattern, const char *text, size_t n_byte,
                          const char *name, dm_error *error) {
    struct dm_bytes translated = {0};
    dm_status status = dm_pattern_translate(text, n_byte, name, &translated, error);
    if (!status)
        status = compile(pattern, translated.bytes, name, error);
    dm_memory_free(translated.bytes);
    return status;
}

void dm_pattern_close(struct dm_pattern *pattern) {
    pcre2_code_free(pattern->code);
    pattern->code = NULL;
}

dm_status dm_pattern_scan_open(struct dm_pattern_scan *scan, dm_error *error) {
    scan->match = pcre2_match_data_create(1, NULL);
    scan->limits = pcre2_match_context_create(NULL);
    return scan->match && scan->limits ? DM_OK : dm_fail_memory(error, "splitting text into words");
}

void dm_pattern_scan_close(struct dm_pattern_scan *scan) {
    pcre2_match_data_free(scan->match);
    pcre2_match_context_free(scan->limits);
    *scan = (struct dm_pattern_scan){0};
}

static int match(struct dm_pattern_scan *scan, const struct dm_pattern *pattern, const char *text,
                 size_t n_byte, size_t begin, uint32_t options) {
    return pcre2_match(pattern->code, (PCRE2_SPTR)text, n_byte, begin, options, scan->match,
                       scan->limits);
}

dm_status dm_pattern_find(struct dm_pattern_scan *scan, const struct dm_pattern *pattern,
                          const char *text, size_t n_byte, bool open, size_t begin, size_t *at,
                          size_t *end, dm_error *error) {
    size_t limit = base_limit + limit_per_byte * (n_byte - begin);
    pcre2_set_match_limit(scan->limits, limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX);
    /* A match that has looked beyond the end of an open text is only a partial one. */
    uint32_t options = PCRE2_NO_UTF_CHECK | (open ? PCRE2_PARTIAL_HARD : 0);
    int result = match(scan, pattern, text, n_byte, begin, options);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT)
        result = match(scan, pattern, text, n_byte, begin, options | PCRE2_NO_JIT);
    if (result == PCRE2_ERROR_NOMATCH) {
        *at = *end = n_byte;
        return DM_OK;
    }
    if (result == PCRE2_ERROR_MATCHLIMIT || result == PCRE2_ERROR_DEPTHLIMIT ||
        result == PCRE2_ERROR_HEAPLIMIT)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "a pattern of the tokenizer takes too many steps on this text");
    if (result < 0 && result != PCRE2_ERROR_PARTIAL)
        return dm_fail_memory(error, "splitting text into words");
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(scan->match);
    *at = found[0];
    *end = result == PCRE2_ERROR_PARTIAL ? found[0] : found[1];
    return DM_OK;
}
