#include "text/byte_alphabet.h"

#include "base/utf8.h"

int dm_alphabet_byte(uint32_t code_point) {
    if ((code_point >= 33 && code_point <= 126) || (code_point >= 161 && code_point <= 255))
        return code_point == 173 ? -1 : (int)code_point;
    if (code_point < 256 || code_point > 323)
        return -1;
    uint32_t place = code_point - 256; /* among 0..32, 127..160 and 173 */
    return (int)(place <= 32 ? place : place <= 66 ? place - 33 + 127 : 173);
}

size_t dm_alphabet_encode(unsigned char byte, char *character) {
    unsigned place = byte <= 32 ? byte : byte <= 160 ? byte - 127u + 33 : 67;
    bool plain = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    unsigned code_point = plain ? byte : 256 + place;
    if (code_point < 0x80) {
        *character = (char)code_point;
        return 1;
    }
    character[0] = (char)(0xc0 | code_point >> 6);
    character[1] = (char)(0x80 | (code_point & 0x3f));
    return 2;
}

bool dm_alphabet_holds(const char *text, size_t n_byte) {
    size_t length;
    for (size_t i = 0; i < n_byte; i += length)
        if (dm_alphabet_byte(dm_utf8_decode(text + i, &length)) < 0)
            return false;
    return true;
}
