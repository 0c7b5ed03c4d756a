/* The course of a training: metrics.jsonl with a line for each step, and the same numbers in an
 * event file for TensorBoard, which is made from those lines. Faults print their line. */
#ifndef DECIMAMBA_TRAIN_METRICS_H
#define DECIMAMBA_TRAIN_METRICS_H

#include <jansson.h>

#include "cli/progress.h"
#include "train_folder.h"

struct train_metrics {
    char *path;
    FILE *lines, *events;
    struct progress *progress; /* taken away before a fault's line; may be NULL */
};

/* Opens both for what comes after step `step`: later lines, and one that was cut off, are taken
 * away first, and a new event file takes the place of older ones. */
bool train_metrics_open(struct train_metrics *metrics, const struct train_folder *folder,
                        size_t step);
/* Writes a line, an object with at least "step" and "time", and releases it (NULL: memory was
 * short). */
bool train_metrics_write(struct train_metrics *metrics, json_t *line);
/* Brings all that was written to the disk. */
bool train_metrics_sync(struct train_metrics *metrics);
void train_metrics_close(struct train_metrics *metrics);

/* Writes loss.tsv from metrics.jsonl. */
bool train_metrics_table(const struct train_folder *folder);
/* Draws FOLDER/loss.png from it. */
bool train_metrics_draw(const char *folder);

#endif
