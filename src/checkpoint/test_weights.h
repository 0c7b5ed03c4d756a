/* What tests of checkpoints share. */
#ifndef DM_CHECKPOINT_TEST_WEIGHTS_H
#define DM_CHECKPOINT_TEST_WEIGHTS_H

#include "test_support.h"

#include "checkpoint/checkpoint.h"

struct dm_checkpoint *test_open_checkpoint(const char *path);
/* Opening fails, leaks nothing and leaves the output alone. */
void test_refuse_checkpoint(const char *path, dm_status status, const char *part);
/* Both have the same config, types and bytes. */
void test_same_weights(const char *a, const char *b);
/* test_directory gets one file of a committed checkpoint. */
void test_bring(const char *checkpoint, const char *file);
/* Replaces the first `from` in a file of test_directory by `to`. */
void test_edit(const char *file, const char *from, const char *to);

#endif
