#include "text/byte_alphabet.h"

#include "text/utf8.h"

int dm_alphabet_byte(uint32_t code_point) {
    if ((code_point >= 33 && code_point <= 126) || (code_point >= 161 && code_point <= 255))
        return code_point == 173 ? -1 : (int)code_point;
    if (code_point < 256 || code_point > 323)
        return -1;
    uint32_t place = code_point - 256; /* among 0..32, 127..160 and 173 */
    return (int)(place <= 32 ? place : place <= 66 ? place - 33 + 127 : 173);
}

bool dm_alphabet_decode(const char *text, size_t n_byte, char *bytes, size_t *n_decoded) {
    size_t length;
    *n_decoded = 0;
    for (size_t i = 0; i < n_byte; i += length) {
        int byte = dm_alphabet_byte(dm_utf8_decode(text + i, &length));
        if (byte < 0)
            return false;
        bytes[(*n_decoded)++] = (char)byte;
    }
    return true;
}
