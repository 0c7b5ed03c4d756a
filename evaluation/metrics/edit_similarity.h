/* How alike two lines are, as fuzzywuzzy's `fuzz.ratio` has it on difflib's SequenceMatcher: 2 m /
 * n, m characters in matching blocks of n in both, rounded to a whole percent.
 *
 * The longest common run is matched first, then what is left and right of it in the same way. In a
 * second line of 200 characters or more, those that make up over 1% of it do not start a run
 * (difflib's `autojunk`). So the result is neither symmetric nor an edit distance. */
#ifndef DECIMAMBA_EVALUATION_METRICS_EDIT_SIMILARITY_H
#define DECIMAMBA_EVALUATION_METRICS_EDIT_SIMILARITY_H

#include "code_points.h"

/* 0 .. 1; equal lines are 1, even empty ones, and an empty one is 0 beside any other. False: memory
 * is short. */
bool edit_similarity(const struct code_points *a, const struct code_points *b, double *similarity);

#endif
