/* A picture of a training's course. */
#ifndef DECIMAMBA_TRAIN_PLOT_H
#define DECIMAMBA_TRAIN_PLOT_H

#include "train_folder.h"

/* Writes loss.tsv from metrics.jsonl, and loss.gp, by which gnuplot draws loss.png. */
bool train_plot_write(const struct train_folder *folder);

#endif
