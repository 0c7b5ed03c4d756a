/* NFC (Unicode normalization form C), as Hugging Face `tokenizers` has it (Unicode 9). */
#ifndef DM_TEXT_NORMALIZE_H
#define DM_TEXT_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/grow.h"

struct dm_normalizer { /* scratch of one caller; starts zeroed */
    struct dm_bytes output;
    int32_t *code_points, *sorted;
    size_t n_code_point, capacity, sorted_capacity;
};

/* Gives the valid UTF-8 text in NFC: `*normal` is `text` itself where nothing in it can change,
 * else the scratch, valid until its next use. False when memory is short. */
bool dm_normalize_nfc(struct dm_normalizer *scratch, const char *text, size_t n_byte,
                      const char **normal, size_t *n_normal);
/* Where the last character begins before which NFC may be cut, so that what comes before it is
 * normalized alone, whatever follows; 0: there is none but the first. */
size_t dm_normalize_cut(const char *text, size_t n_byte);
void dm_normalizer_close(struct dm_normalizer *scratch);

#endif
