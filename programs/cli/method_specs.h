/* Methods to compare, as a user names them: "keep-last:base-length=512". */
#ifndef DECIMAMBA_CLI_METHOD_SPECS_H
#define DECIMAMBA_CLI_METHOD_SPECS_H

#include "method_flags.h"

struct method {
    char *name;                /* as it was given, and as a journal knows it; allocated */
    char *label;               /* as tables and pictures show it: the name, with its base length
                                   where the method has one and the name does not; allocated */
    dm_method_options options; /* its layers may point into `flags` */
    struct method_flags flags;
};

struct method_list {
    struct method *items; /* allocated */
    size_t n;
};

/* Those in `list` (NULL: none; blanks or semicolons between), then the `single` ones; where both
 * are empty, "none", and "default" when the model has defaults. `trained`: the training length where
 * a flag gives it, or 0. Faults print their line; the list can be freed either way. */
bool method_list_read(struct method_list *methods, const char *list, const struct text_list *single,
                      const dm_model *model, size_t trained);
void method_list_free(struct method_list *methods);

#endif
