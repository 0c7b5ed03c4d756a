#include "document_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_writer.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/system.h"
#include "cli/fail.h"
#include "cli/paths.h"
#include "cli/scratch_folder.h"
#include "random_id.h"

enum { version = 1, longest_header = 1 << 16 };

/* ---- Names ---- */

static char *file_path(const struct document_folder *folder, const char *id, const char *ending) {
    char name[document_id_size + 16];
    snprintf(name, sizeof name, "%s%s", id, ending);
    char *path = dm_path_join(folder->path, name);
    if (!path)
        fail_memory();
    return path;
}

char *document_state_path(const struct document_folder *folder, const char *id) {
    return file_path(folder, id, ".session");
}

/* Whether a name is an ID and the ending; the ID is copied. */
static bool is_file_of(const char *name, const char *ending, char id[document_id_size]) {
    const char *dot = strchr(name, '.');
    if (!dot || strcmp(dot, ending) != 0 || strncmp(name, "doc-", 4) != 0 ||
        (size_t)(dot - name) >= document_id_size)
        return false;
    memcpy(id, name, (size_t)(dot - name));
    id[dot - name] = 0;
    return true;
}

static bool has_file(const struct document_folder *folder, const char *id, const char *ending) {
    char name[document_id_size + 16];
    struct stat status;
    snprintf(name, sizeof name, "%s%s", id, ending);
    return fstatat(folder->descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- The folder ---- */

/* A rename or a removal is on disk when the folder is. */
static bool sync_folder(const struct document_folder *folder) {
    return dm_system_sync(folder->descriptor) == 0 || errno == EINVAL ||
           fail("%s: cannot write: %s", folder->path, strerror(errno));
}

static bool remove_file(const struct document_folder *folder, const char *id, const char *ending) {
    char name[document_id_size + 16];
    snprintf(name, sizeof name, "%s%s", id, ending);
    return unlinkat(folder->descriptor, name, 0) == 0 || errno == ENOENT ||
           fail("%s/%s: cannot remove: %s", folder->path, name, strerror(errno));
}

static bool write_json(const struct document_folder *folder, const char *name,
                       const json_t *object) {
    dm_error error;
    char *path = dm_path_join(folder->path, name);
    bool fine =
        path ? !dm_json_write(path, object, &error) || fail("%s", error.message) : fail_memory();
    dm_memory_free(path);
    return fine && sync_folder(folder);
}

/* The seed of hashes, drawn once. */
static bool read_seed(struct document_folder *folder) {
    char text[17] = "";
    const char *kept = NULL;
    json_t *object = NULL;
    dm_error error;
    size_t found = 0;
    char *path = dm_path_join(folder->path, "store.json");
    if (!path)
        return fail_memory();
    dm_status status = dm_json_read_if_any(path, &object, &error);
    if (!status && object)
        status = dm_json_get_size(object, "version", path, &found, &error);
    if (!status && object)
        status = dm_json_get_text(object, "seed", path, &kept, &error);
    bool fine = !status || fail("%s", error.message);
    if (fine && object && (found != version || !kept))
        fine = fail("%s: version %zu of a store: this program knows version %d", path, found,
                    (int)version);
    if (fine && kept)
        folder->seed = strtoull(kept, NULL, 16);
    if (fine && !object && (fine = random_bytes(&folder->seed, sizeof folder->seed))) {
        snprintf(text, sizeof text, "%016llx", (unsigned long long)folder->seed);
        json_t *made = json_pack("{si ss}", "version", (int)version, "seed", text);
        fine = made ? write_json(folder, "store.json", made) : fail_memory();
        json_decref(made);
    }
    json_decref(object);
    dm_memory_free(path);
    return fine;
}

static bool is_temporary(const char *name) {
    size_t n = strlen(name);
    return n > 4 && !strcmp(name + n - 4, ".tmp") &&
           (!strncmp(name, "doc-", 4) || !strncmp(name, "store.json", 10));
}

/* Half-written files, and states of documents that are no more. This process alone writes here. */
static bool sweep(const struct document_folder *folder) {
    char id[document_id_size];
    DIR *entries = opendir(folder->path);
    const struct dirent *entry;
    if (!entries)
        return fail("%s: cannot read: %s", folder->path, strerror(errno));
    while ((entry = readdir(entries))) {
        bool orphan =
            (is_file_of(entry->d_name, ".session", id) || is_file_of(entry->d_name, ".json", id)) &&
            !has_file(folder, id, ".document");
        if (orphan || is_temporary(entry->d_name))
            unlinkat(folder->descriptor, entry->d_name, 0);
    }
    closedir(entries);
    return true;
}

static bool open_named(struct document_folder *folder, const char *path) {
    folder->path = dm_memory_text(path);
    if (!folder->path)
        return fail_memory();
    if (!*path)
        return fail_usage("--store '': a folder's name is needed");
    return path_make_folder(path) || fail("%s: cannot make this folder: %s", path, strerror(errno));
}

static bool open_scratch(struct document_folder *folder) {
    if (!scratch_folder_open(&folder->scratch))
        return false;
    folder->is_scratch = true;
    folder->path = dm_memory_text(folder->scratch.name);
    return folder->path || fail_memory();
}

bool document_folder_open(struct document_folder *folder, const char *path) {
    *folder = (struct document_folder){.descriptor = -1};
    if (!(path ? open_named(folder, path) : open_scratch(folder)))
        return false;
    folder->descriptor = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->descriptor < 0)
        return fail("%s: cannot open this folder: %s", folder->path, strerror(errno));
    /* where the file system has no locks, it is on the user */
    if (!folder->is_scratch && flock(folder->descriptor, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return fail("%s: another server keeps its documents here", path);
    if (access(folder->path, W_OK | X_OK))
        return fail("%s: cannot write here: %s", folder->path, strerror(errno));
    return sweep(folder) && read_seed(folder);
}

void document_folder_close(struct document_folder *folder) {
    if (folder->path && folder->descriptor >= 0)
        close(folder->descriptor);
    if (folder->is_scratch)
        scratch_folder_close(&folder->scratch);
    dm_memory_free(folder->path);
    *folder = (struct document_folder){.descriptor = -1};
}

bool document_list(const struct document_folder *folder, bool (*take)(const char *id, void *user),
                   void *user) {
    char id[document_id_size];
    struct dirent **entries;
    int n = scandir(folder->path, &entries, NULL, alphasort);
    if (n < 0)
        return fail("%s: cannot read: %s", folder->path, strerror(errno));
    bool fine = true;
    for (int i = 0; i < n; i++) {
        if (fine && is_file_of(entries[i]->d_name, ".document", id))
            fine = take(id, user);
        free(entries[i]);
    }
    free(entries);
    return fine;
}

/* ---- Texts ---- */

bool document_write(const struct document_folder *folder, const char *id, const json_t *header,
                    const char *text, size_t n_byte) {
    char *line = json_dumps(header, JSON_COMPACT), *path = file_path(folder, id, ".document");
    struct dm_file_writer writer;
    dm_error error;
    bool fine = path && (line || fail_memory());
    if (fine) {
        dm_status status = dm_file_writer_open(&writer, path, &error);
        if (!status && ((status = dm_file_writer_write(&writer, line, strlen(line), &error)) ||
                        (status = dm_file_writer_write(&writer, "\n", 1, &error)) ||
                        (status = dm_file_writer_write(&writer, text, n_byte, &error))))
            dm_file_writer_abort(&writer);
        else if (!status)
            status = dm_file_writer_commit(&writer, &error);
        fine = (!status || fail("%s", error.message)) && sync_folder(folder);
    }
    free(line);
    dm_memory_free(path);
    return fine;
}

/* The text goes first: what is left of it then is nobody's, and is swept. */
bool document_remove(const struct document_folder *folder, const char *id) {
    return remove_file(folder, id, ".document") && sync_folder(folder) &&
           document_remove_state(folder, id);
}

bool document_remove_state(const struct document_folder *folder, const char *id) {
    return remove_file(folder, id, ".json") && remove_file(folder, id, ".session");
}

bool document_write_state_note(const struct document_folder *folder, const char *id,
                               const json_t *note) {
    char name[document_id_size + 16];
    snprintf(name, sizeof name, "%s.json", id);
    return write_json(folder, name, note);
}

/* Reads the line at the file's head. */
static json_t *read_header(FILE *file, const char *path) {
    char *line = malloc(longest_header);
    json_t *header = NULL;
    dm_error error;
    if (!line)
        fail_memory();
    else if (!fgets(line, longest_header, file))
        complain("%s: cannot read: %s", path, ferror(file) ? strerror(errno) : "it is empty");
    else if (dm_json_parse(line, strlen(line), path, &header, &error))
        complain("%s", error.message);
    free(line);
    return header;
}

FILE *document_text_open(const struct document_folder *folder, const char *id, json_t **header,
                         size_t *n_byte) {
    char *path = file_path(folder, id, ".document");
    FILE *file = path ? fopen(path, "rb") : NULL;
    struct stat status;
    long at;
    *header = NULL;
    if (path && !file)
        complain("%s: cannot read: %s", path, strerror(errno));
    bool fine = file && (*header = read_header(file, path)) && (at = ftell(file)) >= 0 &&
                fstat(fileno(file), &status) == 0;
    if (fine)
        *n_byte = (size_t)(status.st_size - at);
    else if (file)
        fclose(file);
    if (!fine) {
        json_decref(*header);
        *header = NULL;
    }
    dm_memory_free(path);
    return fine ? file : NULL;
}

static bool rest_equal(FILE *file, FILE *other) {
    char piece[16 << 10], piece_of_other[sizeof piece];
    size_t n;
    do {
        n = fread(piece, 1, sizeof piece, file);
        if (fread(piece_of_other, 1, sizeof piece, other) != n ||
            memcmp(piece, piece_of_other, n) != 0)
            return false;
    } while (n == sizeof piece);
    return feof(file) && feof(other);
}

bool document_texts_equal(const struct document_folder *folder, const char *id, const char *other) {
    const char *const ids[2] = {id, other};
    FILE *files[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        json_t *header;
        size_t n_byte;
        files[i] = document_text_open(folder, ids[i], &header, &n_byte);
        json_decref(header);
    }
    bool equal = files[0] && files[1] && rest_equal(files[0], files[1]);
    for (int i = 0; i < 2; i++)
        if (files[i])
            fclose(files[i]);
    return equal;
}

json_t *document_state_note(const struct document_folder *folder, const char *id) {
    char *path = file_path(folder, id, ".json");
    json_t *note = NULL;
    dm_error error;
    if (path && has_file(folder, id, ".session") && dm_json_read_if_any(path, &note, &error))
        complain("%s; its document is read again", error.message);
    dm_memory_free(path);
    return note;
}
