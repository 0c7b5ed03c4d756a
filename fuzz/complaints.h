/* Stands in for programs/cli/fail.c, so that a target sees what the program would have printed. */
#ifndef DM_FUZZ_COMPLAINTS_H
#define DM_FUZZ_COMPLAINTS_H

#include "fuzz.h"

/* Since the last check, a call that is `ok` said nothing, and one that failed said one line. */
void fuzz_check_complaints(bool ok);

#endif
