/* Classes of characters as members of a class in brackets of PCRE2, each as Hugging Face `tokenizers`
 * 0.23.3 sees it. */
#ifndef DM_TEXT_CLASSES_H
#define DM_TEXT_CLASSES_H

#include <stddef.h>

/* The members of the class that a pattern calls \p{name}; NULL: none that is known. */
const char *dm_class_members(const char *name, size_t n_name);

extern const char dm_class_spaces[];      /* \s */
extern const char dm_class_not_spaces[];  /* \S */
extern const char dm_class_numeric[];     /* of the part Digits */
extern const char dm_class_punctuation[]; /* of the part Punctuation */

#endif
