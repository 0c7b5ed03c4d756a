/* ROUGE-L of whole summaries, as the Python package `rouge` 1.0.1 has it.
 *
 * Sentences end at every '.'; each gold sentence is compared with each of the answer's by a longest
 * common subsequence of words. Precision and recall are the share of the distinct words that are in
 * any of these subsequences among the distinct words of the answer, and of the gold answer. */
#ifndef DECIMAMBA_EVALUATION_METRICS_ROUGE_H
#define DECIMAMBA_EVALUATION_METRICS_ROUGE_H

#include "code_points.h"

/* The F-score, 0 .. 1; 0 where there is no sentence in one of them. Lower case is not made. The
 * package gives up (and LongBench counts 0) where two sentences have about 1000 words together;
 * this does not. False: memory is short. */
bool rouge_l(const struct code_points *answer, const struct code_points *gold, double *score);

#endif
