/* A data set's prompt: a template of LongBench's dataset2prompt.json, and its middle cut. */
#ifndef DECIMAMBA_EVALUATION_LONGBENCH_PROMPT_H
#define DECIMAMBA_EVALUATION_LONGBENCH_PROMPT_H

#include "decimamba.h"
#include "metrics/code_points.h"

/* What is wrong with a template; NULL: nothing. It may hold {context} and {input}, and {{ and }}
 * for braces, as Python's str.format reads them. */
const char *longbench_template_error(const char *format);

/* Puts the texts into a valid template. `*prompt` is allocated with malloc.
 * False: memory is short. */
bool longbench_prompt_write(const char *format, const struct utf8 *context,
                            const struct utf8 *input, char **prompt, size_t *n_byte);

/* Encodes the text. Where it has more than max_length tokens (0: any number is fine), its first and
 * last max_length / 2 are decoded without special tokens, joined, and encoded again, as the
 * official evaluation does; that may give a few more or less than max_length. `*ids` is allocated
 * with dm_free's allocator. */
dm_status longbench_encode(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                           size_t max_length, int32_t **ids, size_t *n_id, dm_error *error);

#endif
