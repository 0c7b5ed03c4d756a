/* The tokenizer of a training, and the token that it teaches a text to end with. Faults print their
 * line. */
#ifndef DECIMAMBA_TRAIN_TOKENIZER_H
#define DECIMAMBA_TRAIN_TOKENIZER_H

#include "train_settings.h"

/* The tokenizer.json that the settings name: the file, or the folder's, or that of the folder which
 * the training starts from. Allocated; NULL: memory is short. */
char *train_tokenizer_path(const struct train_settings *settings);

/* Says which token completions and answers end with, and where generation will not stop at it.
 * settings->tokenizer is the tokenizer's file. */
bool train_tokenizer_print_end(const dm_tokenizer *tokenizer,
                               const struct train_settings *settings);

#endif
