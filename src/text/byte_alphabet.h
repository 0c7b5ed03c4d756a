/* The alphabet of byte-level tokenizers: each byte is written as one printable character. The bytes
 * 33..126, 161..172 and 174..255 stand for themselves, the other 68, in order, are U+0100 and up
 * (Radford et al. 2019, "bytes_to_unicode"). */
#ifndef DM_TEXT_BYTE_ALPHABET_H
#define DM_TEXT_BYTE_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The byte that the character stands for, or -1. */
int dm_alphabet_byte(uint32_t code_point);
/* Writes the character that stands for the byte, one or two bytes of UTF-8; gives their number. */
size_t dm_alphabet_encode(unsigned char byte, char *character);
/* Whether all characters of the valid UTF-8 text are in the alphabet. */
bool dm_alphabet_holds(const char *text, size_t n_byte);

#endif
