#include "read_input.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "fail.h"

bool input_open(struct input *input, const char *what, const char *operand, const char *file) {
    struct stat info;
    *input = (struct input){0};
    if (operand && file)
        return fail("the %s is given twice: as an argument and with --file", what);
    if (operand) {
        *input =
            (struct input){.name = "the argument", .n_byte = strlen(operand), .operand = operand};
        return true;
    }
    if (!file && isatty(STDIN_FILENO))
        return fail("no %s: give it as an argument, with --file, or on standard input", what);
    bool piped = !file || !strcmp(file, "-");
    input->name = piped ? "standard input" : file;
    input->stream = piped ? stdin : fopen(file, "rb");
    if (!input->stream)
        return fail("%s: cannot read: %s", file, strerror(errno));
    if (!fstat(fileno(input->stream), &info) && S_ISREG(info.st_mode) && info.st_size > 0)
        input->n_byte = (size_t)info.st_size;
    return true;
}

void input_close(struct input *input) {
    if (input->stream && input->stream != stdin)
        fclose(input->stream);
    *input = (struct input){0};
}

dm_status input_next(struct input *input, char *bytes, size_t size, size_t *n_byte,
                     dm_error *error) {
    if (input->stream) {
        *n_byte = fread(bytes, 1, size, input->stream);
        if (ferror(input->stream) && errno != EINTR) {
            return dm_fail(error, DM_ERROR_IO, "%s: cannot read: %s", input->name, strerror(errno));
        }
        input->ended = feof(input->stream);
        if (ferror(input->stream))
            clearerr(input->stream);
    } else {
        size_t left = input->n_byte - input->n_read;
        *n_byte = left < size ? left : size;
        memcpy(bytes, input->operand + input->n_read, *n_byte);
        input->ended = *n_byte == left;
    }
    input->n_read += *n_byte;
    return DM_OK;
}

static bool read_all(struct input *input, struct text *text) {
    size_t capacity = 1 << 16, n = 0, got;
    char *bytes = malloc(capacity);
    dm_error error;
    dm_status status = DM_OK;
    while (bytes && !input->ended &&
           !(status = input_next(input, bytes + n, capacity - 1 - n, &got, &error))) {
        n += got;
        if (n < capacity - 1)
            continue;
        char *larger = capacity <= SIZE_MAX / 2 ? realloc(bytes, capacity *= 2) : NULL;
        if (!larger)
            free(bytes);
        bytes = larger;
    }
    if (!bytes)
        return fail_memory();
    if (status) {
        free(bytes);
        return fail("%s", error.message);
    }
    bytes[n] = 0;
    *text = (struct text){bytes, n, input->name};
    return true;
}

bool read_text(const char *what, const char *operand, const char *file, struct text *text) {
    struct input input;
    if (!input_open(&input, what, operand, file))
        return false;
    bool fine = read_all(&input, text);
    input_close(&input);
    return fine;
}
