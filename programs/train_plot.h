/* A picture of a training's course. */
#ifndef DECIMAMBA_PROGRAMS_TRAIN_PLOT_H
#define DECIMAMBA_PROGRAMS_TRAIN_PLOT_H

#include "train_folder.h"

/* Draws loss.png from metrics.jsonl: writes loss.tsv and loss.gp beside it, and has gnuplot run
 * the latter (gnuplot.h). */
bool train_plot(const struct train_folder *folder);

#endif
