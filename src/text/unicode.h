/* Classes of code points, as Hugging Face `tokenizers` 0.23.3 sees them. */
#ifndef DM_TEXT_UNICODE_H
#define DM_TEXT_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

bool dm_unicode_is_space(uint32_t code_point); /* White_Space */
/* A character of a word (Unicode 16): a letter, mark, decimal digit, letter number, connecting
 * punctuation, joiner, or another alphabetic symbol. */
bool dm_unicode_is_word(uint32_t code_point);
/* A character that NFC leaves where it is, moving and combining nothing across it: a mark that came
 * after Unicode 9 (the version of NFC in `tokenizers`), or U+11A7, which composes with nothing. */
bool dm_unicode_is_wall(uint32_t code_point);
/* A character before which NFC may be cut: it neither moves before nor composes with what comes
 * before it. Every character but marks and the later letters of Hangul is one (some of those are
 * too: they are not told apart). */
bool dm_unicode_starts_afresh(uint32_t code_point);

#endif
