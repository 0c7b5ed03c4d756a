/* The method and its settings that a request asks for, in place of the defaults. */
#ifndef DECIMAMBA_SERVE_METHOD_REQUEST_H
#define DECIMAMBA_SERVE_METHOD_REQUEST_H

#include "api_error.h"
#include "cli/method_flags.h"

struct request_method {
    struct method_flags flags;
    dm_method_options options; /* what it points at is in `flags`, or in the model */
    json_t *json;              /* {"name": ..., ...}: reads as the same settings */
    char *key;                 /* its text: the same for settings that are the same */
};

/* `value`: a method's name; or an object with its "name" and the settings that its flags have, with '_'
 * for '-'. They are laid over the model's own. */
bool request_method_read(struct request_method **method, const json_t *value, const dm_model *model,
                         struct api_error *error);
/* What flags say that were read already. Faults print their line. */
struct request_method *request_method_of_flags(const struct method_flags *flags,
                                               const dm_model *model);
void request_method_free(struct request_method *method);

#endif
