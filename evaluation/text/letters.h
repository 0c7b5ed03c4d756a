/* Letters and their case, as Unicode's properties have it: what the splitting of sentences goes by.
 * For decimal digits and white space see metrics/code_points.h. */
#ifndef DECIMAMBA_EVALUATION_LETTERS_H
#define DECIMAMBA_EVALUATION_LETTERS_H

#include <stdbool.h>
#include <stdint.h>

/* What words are made of, but for digits: letters, marks, and connectors such as "_". */
bool letter_is_any(int32_t c);
/* Lowercase and Uppercase, which hold more than letters: "ª", "Ⅳ". */
bool letter_is_lower(int32_t c);
bool letter_is_upper(int32_t c);

#endif
