#include "text/pretokenize.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Letters and numbers of Unicode 15 to 16, which `tokenizers` 0.23.3 knows and PCRE2 10.42
 * (Unicode 14) does not; with a later PCRE2 they say what it says. */
#define NEW_LETTERS                                                                        \
    "\\x{1c89}-\\x{1c8a}\\x{a7cb}-\\x{a7cd}\\x{a7da}-\\x{a7dc}\\x{105c0}-\\x{105f3}"       \
    "\\x{10d4a}-\\x{10d65}\\x{10d6f}-\\x{10d85}\\x{10ec2}-\\x{10ec4}\\x{1123f}-\\x{11240}" \
    "\\x{11380}-\\x{11389}\\x{1138b}\\x{1138e}\\x{11390}-\\x{113b5}\\x{113b7}\\x{113d1}"   \
    "\\x{113d3}\\x{11bc0}-\\x{11be0}\\x{11f02}\\x{11f04}-\\x{11f10}\\x{11f12}-\\x{11f33}"  \
    "\\x{1342f}\\x{13441}-\\x{13446}\\x{13460}-\\x{143fa}\\x{16100}-\\x{1611d}"            \
    "\\x{16d40}-\\x{16d6c}\\x{18cff}\\x{1b132}\\x{1b155}\\x{1df25}-\\x{1df2a}"             \
    "\\x{1e030}-\\x{1e06d}\\x{1e4d0}-\\x{1e4eb}\\x{1e5d0}-\\x{1e5ed}\\x{1e5f0}\\x{2b739}"  \
    "\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}"

#define NEW_NUMBERS                                                                        \
    "\\x{10d40}-\\x{10d49}\\x{116d0}-\\x{116e3}\\x{11bf0}-\\x{11bf9}\\x{11f50}-\\x{11f59}" \
    "\\x{16130}-\\x{16139}\\x{16d70}-\\x{16d79}\\x{1ccf0}-\\x{1ccf9}\\x{1d2c0}-\\x{1d2d3}" \
    "\\x{1e4f0}-\\x{1e4f9}\\x{1e5f1}-\\x{1e5fa}"

#define LETTERS "\\p{L}" NEW_LETTERS
#define NUMBERS "\\p{N}" NEW_NUMBERS
#define SPACES                                                                                    \
    "\\x{09}-\\x{0d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}" \
    "\\x{205f}\\x{3000}"

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * with the repeats made possessive, which changes no match and keeps a run of any length off the
 * matcher's stack. A run of spaces before something else leaves it the last one. */
static const char pattern[] = "'(?:[stmd]|re|ve|ll)"
                              "| ?[" LETTERS "]++"
                              "| ?[" NUMBERS "]++"
                              "| ?[^" SPACES LETTERS NUMBERS "]++"
                              "|(?:[" SPACES "](?=[" SPACES "]|\\z))++"
                              "|[" SPACES "]";

dm_status dm_pretokenizer_open(struct dm_pretokenizer *pretokenizer, dm_error *error) {
    int fault;
    PCRE2_SIZE offset;
    pretokenizer->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                       PCRE2_UTF | PCRE2_ANCHORED, &fault, &offset, NULL);
    if (!pretokenizer->code)
        return dm_fail_memory(error, "the pattern of a tokenizer");
    pcre2_jit_compile(pretokenizer->code, /* without it, matching is slower */
                      PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
    return DM_OK;
}

void dm_pretokenizer_close(struct dm_pretokenizer *pretokenizer) {
    pcre2_code_free(pretokenizer->code);
    pretokenizer->code = NULL;
}

dm_status dm_word_scan_open(struct dm_word_scan *scan, const struct dm_pretokenizer *pretokenizer,
                            dm_error *error) {
    scan->match = pcre2_match_data_create_from_pattern(pretokenizer->code, NULL);
    return scan->match ? DM_OK : dm_fail_memory(error, "splitting text into words");
}

void dm_word_scan_close(struct dm_word_scan *scan) {
    pcre2_match_data_free(scan->match);
    scan->match = NULL;
}

dm_status dm_word_scan_next(struct dm_word_scan *scan, const struct dm_pretokenizer *pretokenizer,
                            const char *text, size_t n_byte, bool open, size_t begin, size_t *end,
                            dm_error *error) {
    /* Some word always begins here: every character is a letter, a number, a space or another. A
     * match that has looked beyond the end of an open text is only a partial one. */
    int result =
        pcre2_match(pretokenizer->code, (PCRE2_SPTR)text, n_byte, begin,
                    PCRE2_NO_UTF_CHECK | (open ? PCRE2_PARTIAL_HARD : 0), scan->match, NULL);
    if (result < 0 && result != PCRE2_ERROR_PARTIAL)
        return dm_fail_memory(error, "splitting text into words");
    *end = result < 0 ? begin : pcre2_get_ovector_pointer(scan->match)[1];
    return DM_OK;
}
