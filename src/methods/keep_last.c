/* The plainest way to fit a text into what a model was trained on: keep its end. */
#include "methods/method.h"

const struct dm_method_hooks dm_keep_last = {
    .name = "keep-last",
    .drops_tokens = true,
};
