#include "body.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/grow.h"
#include "cli/scratch_folder.h"

enum { longest_in_memory = 1 << 16 };

static bool move_to_file(struct body *body) {
    body->file = scratch_file();
    bool fine = body->file && fwrite(body->bytes, 1, body->n, body->file) == body->n;
    free(body->bytes);
    body->bytes = NULL;
    return fine;
}

bool body_add(struct body *body, const char *bytes, size_t n) {
    if (!body->file && body->n + n > longest_in_memory && !move_to_file(body))
        return false;
    if (body->file) {
        body->n += n;
        return fwrite(bytes, 1, n, body->file) == n;
    }
    char *room = dm_grow(body->bytes, body->n, n, &body->capacity, 1);
    if (!room)
        return false;
    body->bytes = room;
    memcpy(body->bytes + body->n, bytes, n);
    body->n += n;
    return true;
}

bool body_finish(struct body *body) {
    if (!body->file)
        return body->bytes || (body->bytes = calloc(1, 1));
    if (fflush(body->file))
        return false;
    void *mapped = mmap(NULL, body->n, PROT_READ, MAP_PRIVATE, fileno(body->file), 0);
    body->bytes = mapped == MAP_FAILED ? NULL : mapped;
    return body->bytes != NULL;
}

void body_free(struct body *body) {
    if (body->file) {
        if (body->bytes)
            munmap(body->bytes, body->n);
        fclose(body->file);
    } else {
        free(body->bytes);
    }
    *body = (struct body){.bytes = NULL};
}
