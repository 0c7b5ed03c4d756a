/* For tests of tokenizers: what other libraries make of texts, and texts cut into pieces. */
#ifndef DM_TEXT_TEST_TOKENIZER_CASES_H
#define DM_TEXT_TEST_TOKENIZER_CASES_H

#include "base/random.h"
#include "decimamba.h"

dm_tokenizer *tokenizer_cases_load(const char *path); /* fails the test where it cannot */

typedef void (*tokenizer_cases_text)(dm_tokenizer *tokenizer, dm_encoder *encoder, const char *text,
                                     size_t n_byte, struct dm_random *random);
/* Goes through the lines of directory/expected.jsonl with the tokenizer there: a text, its ids, and
 * what these decode to, at once and one by one, with special tokens ("keep"; null: not known) and without ("skip");
 * left out where it is the text. Checks that, or, of each text, what `check` does. A line with "before" and "after"
 * says what the template puts around a text. Gives the number of texts. */
size_t tokenizer_cases_check(const char *directory, tokenizer_cases_text check);
/* The same with the tokenizer at `path`, and other lines. */
size_t tokenizer_cases_check_with(const char *path, const char *directory,
                                  tokenizer_cases_text check);

/* However the text is cut, its ids are those of the whole: every way of a short one, each place to cut
 * it once, byte by byte, and some at random. */
void check_cut_text(const dm_tokenizer *tokenizer, dm_encoder *encoder, const char *text,
                    size_t n_byte, struct dm_random *random);

#endif
