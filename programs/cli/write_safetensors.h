/* A few tensors as a .safetensors file, whole or not at all. */
#ifndef DECIMAMBA_CLI_WRITE_SAFETENSORS_H
#define DECIMAMBA_CLI_WRITE_SAFETENSORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct tensor {
    char name[32];
    const char *dtype; /* "F32", "I64" */
    size_t n_axis, shape[2];
    size_t n_byte;
    const void *data;
};

/* They follow each other in the file as they do here: those of 8-byte elements belong first. */
bool write_safetensors(const char *path, const struct tensor *tensors, size_t n_tensor);
/* The same with a __metadata__ of strings (borrowed); `*start` is where in the file the first tensor
 * begins. */
bool write_safetensors_with(const char *path, json_t *metadata, const struct tensor *tensors,
                            size_t n_tensor, size_t *start);

#endif
