#include "report_journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/system.h"
#include "cli/fail.h"
#include "cli/paths.h"

static const char format[] = "decimamba-evaluation";
static const char beginning[] = "{\"format\":\"decimamba-evaluation\","; /* of the first line */
enum { version = 1 };

/* Two values of one member; NULL: it is not there. */
struct difference {
    char name[120];
    const json_t *then, *now;
};

/* Whether the objects differ, and in what first. */
static bool find_difference(const char *prefix, const json_t *then, const json_t *now,
                            struct difference *difference) {
    const char *key;
    json_t *value;
    char name[sizeof difference->name];
    json_object_foreach((json_t *)now, key, value) {
        const json_t *other = json_object_get(then, key);
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_is_object(value) && json_is_object(other)) {
            if (find_difference(name, other, value, difference))
                return true;
        } else if (!json_equal(value, other)) {
            *difference = (struct difference){.then = other, .now = value};
            memcpy(difference->name, name, sizeof name);
            return true;
        }
    }
    json_object_foreach((json_t *)then, key, value) {
        if (json_object_get(now, key))
            continue;
        *difference = (struct difference){.then = value};
        snprintf(difference->name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
        return true;
    }
    return false;
}

/* The value as JSON, cut to fit. */
static void show(const json_t *value, char *text, size_t size) {
    char *whole = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(10));
    snprintf(text, size, "%.*s%s", (int)size - 4, whole ? whole : "?",
             whole && strlen(whole) > size - 4 ? "..." : "");
    free(whole);
}

bool report_journal_same(const struct report_journal *journal, const char *what, const json_t *then,
                         const json_t *now) {
    static const char advice[] = "choose another --output, or remove it";
    struct difference difference;
    char before[160], after[160];
    if (!find_difference("", then, now, &difference))
        return true;
    show(difference.then, before, sizeof before);
    show(difference.now, after, sizeof after);
    if (!difference.then)
        return fail("%s: %smade without %s, which is %s now: %s", journal->path, what,
                    difference.name, after, advice);
    if (!difference.now)
        return fail("%s: %smade with %s %s, which is not given now: %s", journal->path, what,
                    difference.name, before, advice);
    return fail("%s: %smade with %s %s, not %s: %s", journal->path, what, difference.name, before,
                after, advice);
}

/* What the headers must have in common, as one object. */
static json_t *settings_of(const json_t *header) {
    json_t *settings = json_deep_copy(json_object_get(header, "settings"));
    json_object_set(settings, "task", json_object_get(header, "task"));
    return settings;
}

static bool check_header(const struct report_journal *journal, const json_t *header) {
    const char *name = json_string_value(json_object_get(header, "format"));
    const json_t *number = json_object_get(header, "version");
    if (strcmp(name ? name : "", format) != 0 || !json_is_integer(number) ||
        !json_is_object(json_object_get(header, "settings")))
        return fail("%s:1: not the header of an evaluation", journal->path);
    if (json_integer_value(number) != version)
        return fail("%s:1: made by another version of this program", journal->path);
    json_t *then = settings_of(header), *now = settings_of(journal->header);
    bool fine = then && now ? report_journal_same(journal, "", then, now) : fail_memory();
    json_decref(then);
    json_decref(now);
    return fine;
}

json_t *report_journal_header(const char *task, const char *model, json_t *settings) {
    json_t *label = json_string(model);
    return json_pack("{ss si ss so so}", "format", format, "version", version, "task", task,
                     "model", label ? label : json_null(), "settings", settings);
}

/* Whether this is how the first line begins, with zeros after it where the power was cut. */
static bool is_torn_header(const char *line, size_t n) {
    size_t length = sizeof beginning - 1, n_text = strlen(line), end = n_text;
    while (end < n && !line[end])
        end++;
    return end == n && !memcmp(line, beginning, n_text < length ? n_text : length);
}

static bool cut(const struct report_journal *journal, size_t n_byte) {
    return truncate(journal->path, (off_t)n_byte) == 0 ||
           fail("%s: cannot write: %s", journal->path, strerror(errno));
}

static bool read_line(struct report_journal *journal, const char *text, size_t n, size_t line,
                      report_line_function *take, void *user) {
    json_error_t error;
    json_t *object = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    bool fine;
    if (!json_is_object(object))
        fine = fail("%s:%zu: not a JSON object%s%s", journal->path, line, object ? "" : ": ",
                    object ? "" : error.text);
    else if (line == 1)
        fine = journal->has_header = check_header(journal, object);
    else
        fine = take(user, object, line);
    json_decref(object);
    return fine;
}

static bool read_lines(struct report_journal *journal, FILE *stream, report_line_function *take,
                       void *user) {
    char *text = NULL;
    size_t capacity = 0, line = 1, n_byte = 0;
    ssize_t n;
    bool fine = true;
    errno = 0;
    for (; fine && (n = getline(&text, &capacity, stream)) > 0; n_byte += (size_t)n, line++) {
        bool whole = text[n - 1] == '\n';
        if (!whole && (line > 1 || is_torn_header(text, (size_t)n))) {
            fine = cut(journal, n_byte);
            break;
        }
        fine = read_line(journal, text, (size_t)n, line, take, user);
    }
    free(text);
    if (fine && (ferror(stream) || errno == ENOMEM))
        fine = fail("%s: cannot read: %s", journal->path, strerror(errno));
    return fine;
}

bool report_journal_open(struct report_journal *journal, const char *folder, json_t *header,
                         report_line_function *line, void *user) {
    static const char name[] = "outcomes.jsonl";
    *journal = (struct report_journal){.header = header};
    if (!header)
        return fail_memory();
    if (!output_folder_open(&journal->folder, folder, name, "an evaluation"))
        return false;
    journal->path = path_join(folder, name);
    if (!journal->path)
        return fail_memory();
    FILE *stream = fopen(journal->path, "rbe");
    if (!stream)
        return errno == ENOENT || fail("%s: cannot read: %s", journal->path, strerror(errno));
    bool fine = read_lines(journal, stream, line, user);
    fclose(stream);
    return fine;
}

static bool fail_write(const struct report_journal *journal) {
    return fail("%s: cannot write: %s", journal->path, strerror(errno));
}

static bool write_object(struct report_journal *journal, const json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!text)
        return fail_memory();
    bool fine = fprintf(journal->stream, "%s\n", text) > 0 || fail_write(journal);
    free(text);
    return fine;
}

bool report_journal_write(struct report_journal *journal, json_t *object) {
    bool fine = object || fail_memory();
    if (fine && !journal->stream) {
        journal->stream = fopen(journal->path, "abe");
        fine = journal->stream || fail_write(journal);
    }
    if (fine && !journal->has_header)
        fine = journal->has_header = write_object(journal, journal->header);
    fine = fine && write_object(journal, object);
    json_decref(object);
    return fine;
}

bool report_journal_flush(struct report_journal *journal) {
    return !journal->stream ||
           (fflush(journal->stream) == 0 && dm_system_sync(fileno(journal->stream)) == 0) ||
           fail_write(journal);
}

void report_journal_close(struct report_journal *journal) {
    if (journal->stream)
        fclose(journal->stream);
    json_decref(journal->header);
    free(journal->path);
    output_folder_close(&journal->folder);
    *journal = (struct report_journal){0};
}
