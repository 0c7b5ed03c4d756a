/* Documents on disk: of each ID.document, a line of JSON and the text behind it; and, once it has been
 * read, ID.session, the state after it, with ID.json that says of what. A file is there whole or not at
 * all, and a document is what has its ID.document. The folder serves one process. */
#ifndef DECIMAMBA_SERVE_DOCUMENT_FILES_H
#define DECIMAMBA_SERVE_DOCUMENT_FILES_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/temporary.h"

struct document_folder {
    char *path;
    int descriptor;              /* of the folder: holds the lock */
    struct dm_temporary scratch; /* where the folder goes with the process */
    bool is_scratch;
    uint64_t seed; /* drawn when it was new */
};

/* `path` NULL: a folder for as long as this runs. Removes what a process that was killed left
 * half-written. Faults print their line; to be closed either way, of a struct of zeros. */
bool document_folder_open(struct document_folder *folder, const char *path);
void document_folder_close(struct document_folder *folder);

enum { document_id_size = 32 };

/* Each is on disk when it is true. A fault's line is printed: it has paths. */
bool document_write(const struct document_folder *folder, const char *id, const json_t *header,
                    const char *text, size_t n_byte);
/* Its state may be removed alone. */
bool document_remove(const struct document_folder *folder, const char *id);
bool document_remove_state(const struct document_folder *folder, const char *id);
bool document_write_state_note(const struct document_folder *folder, const char *id,
                               const json_t *note);
/* The file of its state, allocated; NULL: memory is short. */
char *document_state_path(const struct document_folder *folder, const char *id);

/* Opens a text, behind its header, of *n_byte. NULL after a fault. */
FILE *document_text_open(const struct document_folder *folder, const char *id, json_t **header,
                         size_t *n_byte);
/* Whether two texts are the same; false after a fault, too. */
bool document_texts_equal(const struct document_folder *folder, const char *id, const char *other);
/* The note of its state; NULL: it has none, or none that can be read. */
json_t *document_state_note(const struct document_folder *folder, const char *id);
/* Tells of every document there. */
bool document_list(const struct document_folder *folder, bool (*take)(const char *id, void *user),
                   void *user);

#endif
