/* LongBench and LongBench-E (Bai et al. 2024): English questions, summaries, few-shot tasks,
 * synthetic tasks and code, from files in the official format, with the official prompts, limits
 * and metrics. Rows of the table are the data sets, columns the official classes of `length`.
 *
 * A folder FOLDER, or FOLDER/longbench where there is one, holds data/NAME.jsonl (the official
 * archive) or NAME.jsonl, and dataset2prompt.json and dataset2maxlen.json there, in config/ or in
 * data/. */
#ifndef DECIMAMBA_EVALUATION_LONGBENCH_H
#define DECIMAMBA_EVALUATION_LONGBENCH_H

#include "task.h"

struct longbench_options {
    const char *folder;
    const dm_tokenizer *tokenizer; /* borrowed: it must outlive the task */
    const char *const *sets;       /* [n_set] names, each once; NULL: all that are there */
    size_t n_set;
    bool extended;      /* LongBench-E: 13 data sets, in files NAME_e.jsonl */
    size_t max_length;  /* tokens: a longer prompt is cut in its middle (see longbench_prompt.h);
                          0: none is; not 1 */
    size_t max_prompts; /* prompts of each data set, the first ones; 0: all */
};

/* Prompts are numbered by data set, then as in its file. All files are read here, so that an error
 * in a row that is asked for shows at once: DM_ERROR_FORMAT, or DM_ERROR_IO where a file is
 * missing, and DM_ERROR_ARGUMENT for a data set that LongBench's English part does not have.
 *
 * An answer is scored against the gold answers by the data set's metric, the best counts; that of
 * trec, triviaqa and samsum is its first line that is not empty. Of samsum generation, too, ends at
 * a line break, which may not be its first token. What the official evaluation does for chat models
 * (wrapping the prompt) is not done. */
dm_status longbench_task_new(const struct longbench_options *options, struct task **task,
                             dm_error *error);

#endif
