/* The journal of an evaluation, outcomes.jsonl in the folder that it writes:
 *
 *     {"format": "decimamba-evaluation", "version": 1, "task": ..., "model": ..., "settings": {...}}
 *     {"method": "none", "options": {"method": "none"}}
 *     {"method": "none", "prompt": 0, "column": "2048", "row": "0.25", "tokens": 2048, "score": 1.0,
 *      "answer": "12345", ...}
 *
 * A line for each method before its first outcome, then one for each outcome, in the order in which
 * they were added. It is made with the first outcome, so an evaluation that did not get so far
 * leaves nothing. Faults print their line. */
#ifndef DECIMAMBA_EVALUATE_REPORT_JOURNAL_H
#define DECIMAMBA_EVALUATE_REPORT_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/output_folder.h"

struct report_journal {
    struct output_folder folder;
    char *path;      /* NULL: there is no journal */
    json_t *header;  /* what the first line is, or will be */
    bool has_header; /* the file has it already */
    FILE *stream;    /* open once something was written */
};

/* Is given each line but the first; the object is released afterwards. False: a fault, whose line
 * was printed. */
typedef bool report_line_function(void *user, json_t *object, size_t line);

/* The first line of a new journal; takes the reference of `settings` (NULL: memory was short). */
json_t *report_journal_header(const char *task, const char *model, json_t *settings);

/* Makes the folder where it is not there and locks it; then reads the journal, if there is one. Its
 * header must be `header`, whose reference is taken (NULL: memory was short); but "model" is only a
 * label. A last line that was cut off, or that a power cut left as zeros, is taken away; any other
 * damage is refused. The journal can be closed either way. */
bool report_journal_open(struct report_journal *journal, const char *folder, json_t *header,
                         report_line_function *line, void *user);
/* Whether these objects are the same; else prints "PATH: <what>made with KEY 1, not 2: ..." */
bool report_journal_same(const struct report_journal *journal, const char *what, const json_t *then,
                         const json_t *now);
/* Appends a line, and releases it (NULL: memory was short). */
bool report_journal_write(struct report_journal *journal, json_t *object);
/* Brings what was written to the disk; nothing to do without a journal. */
bool report_journal_flush(struct report_journal *journal);
/* Unlocks the folder, and removes it where it was made here and is still empty. Harmless on zeros. */
void report_journal_close(struct report_journal *journal);

#endif
