/* What is printed for a person, as text that stands in a JSON object instead. */
#ifndef DECIMAMBA_CLI_CAPTURED_OUTPUT_H
#define DECIMAMBA_CLI_CAPTURED_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct captured_output {
    FILE *file; /* to which standard output goes meanwhile; NULL: nothing is captured */
    int shown;  /* where it went before */
};

/* From now on standard output goes to a file in TMPDIR. Faults print their line. */
bool captured_output_begin(struct captured_output *captured);
/* Standard output is again what it was. Harmless on zeros. */
void captured_output_end(struct captured_output *captured);
/* The same, and gives what was printed as an array of lines; NULL after a fault, whose line is
 * printed. */
json_t *captured_output_lines(struct captured_output *captured);

#endif
