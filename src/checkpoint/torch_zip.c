#include "checkpoint/torch_zip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/memory.h"

/* PKWARE's APPNOTE.TXT: records and their sizes without names, comments and extra fields. */
enum {
    local_header_size = 30,
    central_header_size = 46,
    end_size = 22,
    end64_size = 56,
    locator64_size = 20,
    extra64_id = 1,
    max_comment = 0xffff
};
static const uint64_t saturated = 0xffffffff; /* the value is in the zip64 record */

struct directory {
    uint64_t offset, n_byte, n_entry;
};

/* One entry of the central directory. */
struct record {
    uint64_t method, flags, packed, unpacked, local;
    const unsigned char *name;
    size_t n_name, n_byte; /* of the name; of the whole record */
};

static uint64_t number(const unsigned char *bytes, size_t n) {
    uint64_t result = 0;
    while (n--)
        result = result << 8 | bytes[n];
    return result;
}

static bool has_signature(const unsigned char *bytes, unsigned char third, unsigned char fourth) {
    return bytes[0] == 'P' && bytes[1] == 'K' && bytes[2] == third && bytes[3] == fourth;
}

static dm_status damaged(const struct dm_mapped_file *file, const char *reason, dm_error *error) {
    return dm_fail(error, DM_ERROR_FORMAT, "%s: %s: damaged, or cut short", file->path, reason);
}

/* Are there `n` bytes at `offset`? */
static bool is_inside(const struct dm_mapped_file *file, uint64_t offset, uint64_t n) {
    return offset <= file->n_byte && n <= file->n_byte - offset;
}

/* The end record, from the end of the file backwards; NULL: there is none. */
static const unsigned char *find_end(const struct dm_mapped_file *file) {
    for (size_t comment = 0; comment <= max_comment; comment++) {
        if (!is_inside(file, 0, end_size + comment))
            return NULL;
        const unsigned char *end = file->bytes + file->n_byte - end_size - comment;
        if (has_signature(end, 5, 6) && number(end + 20, 2) == comment)
            return end;
    }
    return NULL;
}

static dm_status find_directory(const struct dm_mapped_file *file, struct directory *directory,
                                dm_error *error) {
    const unsigned char *end = find_end(file);
    if (!end)
        return damaged(file, "a zip without its directory", error);
    *directory = (struct directory){number(end + 16, 4), number(end + 12, 4), number(end + 10, 2)};
    if (directory->n_entry == 0xffff || directory->n_byte == saturated ||
        directory->offset == saturated) {
        if (end - file->bytes < locator64_size || !has_signature(end - locator64_size, 6, 7))
            return damaged(file, "a zip without its zip64 locator", error);
        uint64_t offset = number(end - locator64_size + 8, 8);
        if (!is_inside(file, offset, end64_size) || !has_signature(file->bytes + offset, 6, 6))
            return damaged(file, "a zip without its zip64 directory", error);
        const unsigned char *end64 = file->bytes + offset;
        *directory =
            (struct directory){number(end64 + 48, 8), number(end64 + 40, 8), number(end64 + 32, 8)};
    }
    if (!is_inside(file, directory->offset, directory->n_byte) ||
        directory->n_entry > directory->n_byte / central_header_size)
        return damaged(file, "a zip with a wrong directory", error);
    return DM_OK;
}

/* Replaces saturated values by those of the zip64 extra field, which has them in this order. */
static bool read_extra(const unsigned char *extra, size_t n_extra, struct record *record) {
    uint64_t *values[] = {&record->unpacked, &record->packed, &record->local};
    while (n_extra >= 4) {
        size_t n_field = number(extra + 2, 2);
        if (n_field > n_extra - 4)
            return false;
        if (number(extra, 2) == extra64_id) {
            const unsigned char *next = extra + 4, *end = next + n_field;
            for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
                if (*values[i] != saturated)
                    continue;
                if (end - next < 8)
                    return false;
                *values[i] = number(next, 8);
                next += 8;
            }
            return true;
        }
        extra += 4 + n_field;
        n_extra -= 4 + n_field;
    }
    return true;
}

static bool read_record(const unsigned char *bytes, size_t n_left, struct record *record) {
    if (n_left < central_header_size || !has_signature(bytes, 1, 2))
        return false;
    size_t n_extra = number(bytes + 30, 2), n_comment = number(bytes + 32, 2);
    *record = (struct record){.flags = number(bytes + 8, 2),
                              .method = number(bytes + 10, 2),
                              .packed = number(bytes + 20, 4),
                              .unpacked = number(bytes + 24, 4),
                              .local = number(bytes + 42, 4),
                              .name = bytes + central_header_size,
                              .n_name = number(bytes + 28, 2)};
    record->n_byte = central_header_size + record->n_name + n_extra + n_comment;
    return record->n_byte <= n_left && read_extra(record->name + record->n_name, n_extra, record);
}

/* The bytes of an uncompressed entry, after its local header; NULL: the header is wrong. */
static const unsigned char *find_bytes(const struct dm_mapped_file *file,
                                       const struct directory *directory,
                                       const struct record *record) {
    if (!is_inside(file, record->local, local_header_size))
        return NULL;
    const unsigned char *header = file->bytes + record->local;
    size_t n_name = number(header + 26, 2), n_extra = number(header + 28, 2);
    uint64_t start = record->local + local_header_size + n_name + n_extra;
    if (!has_signature(header, 3, 4) || n_name != record->n_name || start > directory->offset ||
        record->packed > directory->offset - start ||
        memcmp(header + local_header_size, record->name, n_name) != 0)
        return NULL;
    return file->bytes + start;
}

/* Does libzip see the same entry at this index? */
static bool agrees(struct zip *zip, size_t index, const struct record *record) {
    zip_stat_t stat;
    const zip_uint64_t wanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    return !zip_stat_index(zip, index, ZIP_FL_ENC_RAW, &stat) && (stat.valid & wanted) == wanted &&
           strlen(stat.name) == record->n_name &&
           !memcmp(stat.name, record->name, record->n_name) && stat.size == record->unpacked &&
           stat.comp_size == record->packed && stat.comp_method == record->method &&
           stat.encryption_method == ZIP_EM_NONE;
}

static dm_status add_entry(struct dm_torch_zip *zip, const struct directory *directory,
                           const struct record *record, dm_error *error) {
    const struct dm_mapped_file *file = zip->file;
    if (!agrees(zip->zip, zip->n_entry, record))
        return damaged(file, "a zip with an entry that cannot be read", error);
    struct dm_torch_zip_entry entry = {.n_byte = record->unpacked, .index = zip->n_entry};
    if (record->method == ZIP_CM_STORE) {
        entry.bytes = find_bytes(file, directory, record);
        if (!entry.bytes || record->packed != record->unpacked)
            return damaged(file, "a zip with an entry that is not where it should be", error);
    }
    entry.name = dm_memory_array(record->n_name + 1, 1);
    if (!entry.name)
        return dm_fail_memory(error, file->path);
    memcpy(entry.name, record->name, record->n_name);
    entry.name[record->n_name] = 0;
    zip->entries[zip->n_entry++] = entry;
    return DM_OK;
}

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const struct dm_torch_zip_entry *)a)->name,
                  ((const struct dm_torch_zip_entry *)b)->name);
}

static dm_status list_entries(struct dm_torch_zip *zip, dm_error *error) {
    const struct dm_mapped_file *file = zip->file;
    struct directory directory = {0};
    dm_status status = find_directory(file, &directory, error);
    if (status)
        return status;
    if ((uint64_t)zip_get_num_entries(zip->zip, 0) != directory.n_entry)
        return damaged(file, "a zip with a wrong number of entries", error);
    zip->entries = dm_memory_array(directory.n_entry, sizeof *zip->entries);
    if (!zip->entries)
        return dm_fail_memory(error, file->path);
    const unsigned char *next = file->bytes + directory.offset, *end = next + directory.n_byte;
    while (zip->n_entry < directory.n_entry) {
        struct record record;
        if (!read_record(next, (size_t)(end - next), &record))
            return damaged(file, "a zip with a wrong directory", error);
        status = add_entry(zip, &directory, &record, error);
        if (status)
            return status;
        next += record.n_byte;
    }
    qsort(zip->entries, zip->n_entry, sizeof *zip->entries, compare_entries);
    for (size_t i = 1; i < zip->n_entry; i++)
        if (!compare_entries(&zip->entries[i - 1], &zip->entries[i]))
            return dm_fail(error, DM_ERROR_FORMAT, "%s: the zip has two entries %s", file->path,
                           zip->entries[i].name);
    return DM_OK;
}

static dm_status open_zip(struct dm_torch_zip *zip, dm_error *error) {
    zip_error_t zip_error;
    zip_error_init(&zip_error);
    errno = 0; /* libzip does not tell of every allocation that fails */
    zip_source_t *source =
        zip_source_buffer_create(zip->file->bytes, zip->file->n_byte, 0, &zip_error);
    if (source)
        zip->zip = zip_open_from_source(source, ZIP_RDONLY, &zip_error);
    dm_status status = DM_OK;
    if (!zip->zip) {
        status = errno == ENOMEM ? dm_fail_memory(error, zip->file->path)
                                 : dm_fail(error, DM_ERROR_FORMAT, "%s: not a sound zip: %s",
                                           zip->file->path, zip_error_strerror(&zip_error));
        zip_source_free(source);
    }
    zip_error_fini(&zip_error);
    return status;
}

dm_status dm_torch_zip_open(struct dm_torch_zip *zip, const struct dm_mapped_file *file,
                            dm_error *error) {
    *zip = (struct dm_torch_zip){.file = file};
    dm_status status = open_zip(zip, error);
    if (!status)
        status = list_entries(zip, error);
    if (status)
        dm_torch_zip_close(zip);
    return status;
}

void dm_torch_zip_close(struct dm_torch_zip *zip) {
    for (size_t i = 0; i < zip->n_entry; i++)
        dm_memory_free(zip->entries[i].name);
    dm_memory_free(zip->entries);
    if (zip->zip)
        zip_discard(zip->zip);
    *zip = (struct dm_torch_zip){0};
}

static int compare_name(const void *name, const void *entry) {
    return strcmp(name, ((const struct dm_torch_zip_entry *)entry)->name);
}

const struct dm_torch_zip_entry *dm_torch_zip_find(const struct dm_torch_zip *zip,
                                                   const char *name) {
    return zip->n_entry
               ? bsearch(name, zip->entries, zip->n_entry, sizeof *zip->entries, compare_name)
               : NULL;
}

dm_status dm_torch_zip_read(const struct dm_torch_zip *zip, const struct dm_torch_zip_entry *entry,
                            unsigned char *bytes, dm_error *error) {
    errno = 0;
    zip_file_t *stream = zip_fopen_index(zip->zip, entry->index, 0);
    size_t n_read = 0;
    zip_int64_t n = 1;
    unsigned char beyond;
    while (stream && n > 0 && n_read < entry->n_byte) {
        n = zip_fread(stream, bytes + n_read, entry->n_byte - n_read);
        n_read += n > 0 ? (size_t)n : 0;
    }
    /* the CRC is checked when the end is met */
    bool sound = stream && n_read == entry->n_byte && zip_fread(stream, &beyond, 1) == 0;
    if (stream && zip_fclose(stream))
        sound = false;
    if (!sound && errno == ENOMEM)
        return dm_fail_memory(error, zip->file->path);
    return sound ? DM_OK
                 : dm_fail(error, DM_ERROR_FORMAT, "%s: entry %s is damaged", zip->file->path,
                           entry->name);
}
