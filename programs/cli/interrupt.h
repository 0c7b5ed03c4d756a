/* Ctrl-C, and SIGTERM: what is under way ends in good order. */
#ifndef DECIMAMBA_CLI_INTERRUPT_H
#define DECIMAMBA_CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on the first Ctrl-C only makes interrupted() true, and says on a terminal what is waited
 * for (`awaited`, short; NULL: nothing that takes a while); a second one ends the program. */
void catch_interrupt(const char *awaited);
/* The same of SIGTERM. */
void catch_termination(void);
/* Both end the program at once again. */
void catch_no_more(void);
bool interrupted(void);
/* Waits for another Ctrl-C. */
void forget_interrupt(void);

#endif
