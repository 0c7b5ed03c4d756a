#include "train_metrics.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/system.h"
#include "cli/fail.h"
#include "cli/filled_file.h"
#include "cli/gnuplot.h"
#include "cli/output_file.h"
#include "cli/paths.h"
#include "cli/table.h"
#include "event_file.h"

static bool fail_write(const struct train_metrics *metrics, const char *path) {
    int fault = errno;
    if (metrics->progress)
        progress_clear(metrics->progress);
    return fail("%s: cannot write: %s", path, strerror(fault));
}

/* One list of numbers: "kept" as kept/layer_0, kept/layer_1, ... */
static bool write_list(FILE *events, double time, uint64_t step, const char *key,
                       const json_t *list) {
    char tag[80];
    size_t i;
    json_t *item;
    bool fine = true;
    json_array_foreach(list, i, item) {
        snprintf(tag, sizeof tag, "%.40s/layer_%zu", key, i);
        fine = fine && event_write_scalar(events, time, step, tag, (float)json_number_value(item));
    }
    return fine;
}

static bool write_events(FILE *events, json_t *line) {
    const char *key;
    json_t *value;
    double time = json_number_value(json_object_get(line, "time"));
    uint64_t step = (uint64_t)json_integer_value(json_object_get(line, "step"));
    bool fine = true;
    json_object_foreach(line, key, value) {
        if (!strcmp(key, "step") || !strcmp(key, "time"))
            continue;
        if (json_is_array(value))
            fine = fine && write_list(events, time, step, key, value);
        else if (json_is_number(value))
            fine = fine &&
                   event_write_scalar(events, time, step, key, (float)json_number_value(value));
    }
    return fine;
}

/* The line, if it is whole and of a step up to `step`. */
static json_t *parse(const char *line, size_t n, size_t step) {
    json_t *object = n && line[n - 1] == '\n' ? json_loadb(line, n, 0, NULL) : NULL;
    const json_t *number = json_object_get(object, "step");
    if (json_is_integer(number) && (size_t)json_integer_value(number) <= step)
        return object;
    json_decref(object);
    return NULL;
}

/* Copies the lines up to `step` from `lines` (NULL: none yet), and tells the events. */
static bool replay(FILE *lines, size_t step, struct output_file *kept, FILE *events) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;
    bool fine = true;
    while (fine && lines && (n = getline(&line, &capacity, lines)) > 0) {
        json_t *object = parse(line, (size_t)n, step);
        if (!object)
            break;
        output_write(kept, line, (size_t)n);
        fine = write_events(events, object);
        json_decref(object);
    }
    free(line);
    return fine;
}

static bool cut_back(struct train_metrics *metrics, size_t step) {
    struct output_file kept;
    FILE *lines = fopen(metrics->path, "rb");
    if (!lines && errno != ENOENT)
        return fail("%s: cannot read: %s", metrics->path, strerror(errno));
    bool fine = output_open(&kept, metrics->path);
    if (fine) {
        fine = replay(lines, step, &kept, metrics->events) && fflush(metrics->events) == 0;
        if (fine)
            fine = output_commit(&kept);
        else
            fail_write(metrics, "events");
        output_abandon(&kept);
    }
    if (lines)
        fclose(lines);
    return fine;
}

/* Only the newest event file stays: it tells everything from the first step on. */
static void remove_others(const char *folder, const char *name) {
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, NULL);
    for (int i = 0; i < n; i++) {
        const char *other = entries[i]->d_name;
        char *path = path_join(folder, other);
        if (path && strstr(other, ".tfevents.") && strcmp(other, name) != 0)
            unlink(path);
        free(path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

static bool open_events(struct train_metrics *metrics, const char *folder) {
    char name[64];
    time_t now = time(NULL);
    if (mkdir(folder, 0777) && errno != EEXIST)
        return fail("%s: cannot make this folder: %s", folder, strerror(errno));
    snprintf(name, sizeof name, "events.out.tfevents.%lld.%ld", (long long)now, (long)getpid());
    char *path = path_join(folder, name);
    if (!path)
        return fail_memory();
    metrics->events = fopen(path, "wbe");
    bool fine = (metrics->events && event_write_version(metrics->events, (double)now)) ||
                fail_write(metrics, path);
    free(path);
    if (fine)
        remove_others(folder, name);
    return fine;
}

bool train_metrics_open(struct train_metrics *metrics, const struct train_folder *folder,
                        size_t step) {
    *metrics = (struct train_metrics){.path = train_folder_at(folder, "metrics.jsonl")};
    char *events = metrics->path ? train_folder_at(folder, "events") : NULL;
    bool fine = events && open_events(metrics, events) && cut_back(metrics, step);
    free(events);
    if (fine)
        metrics->lines = fopen(metrics->path, "abe");
    return fine && (metrics->lines || fail_write(metrics, metrics->path));
}

bool train_metrics_write(struct train_metrics *metrics, json_t *line) {
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    if (!text) {
        json_decref(line);
        return fail_memory();
    }
    bool fine = (fprintf(metrics->lines, "%s\n", text) > 0 && fflush(metrics->lines) == 0) ||
                fail_write(metrics, metrics->path);
    fine = fine && ((write_events(metrics->events, line) && fflush(metrics->events) == 0) ||
                    fail_write(metrics, "events"));
    free(text);
    json_decref(line);
    return fine;
}

bool train_metrics_sync(struct train_metrics *metrics) {
    return dm_system_sync(fileno(metrics->lines)) == 0 || fail_write(metrics, metrics->path);
}

void train_metrics_close(struct train_metrics *metrics) {
    if (metrics->lines)
        fclose(metrics->lines);
    if (metrics->events)
        fclose(metrics->events);
    free(metrics->path);
    *metrics = (struct train_metrics){0};
}

/* ---- loss.tsv and loss.png ---- */

/* A mean of the last losses, of about a hundredth of those so far, so that the noise of single batches
 * does not hide the course. */
static double smooth(double before, double loss, size_t n_before) {
    double span = 1 + (double)n_before / 100;
    return before + (loss - before) / span;
}

static void put_lines(FILE *lines, struct table *table) {
    char *line = NULL;
    size_t capacity = 0;
    double mean = 0;
    for (size_t n = 0; getline(&line, &capacity, lines) > 0; n++) {
        json_t *object = json_loads(line, 0, NULL);
        const json_t *held_out = json_object_get(object, "held_out");
        double loss = json_number_value(json_object_get(object, "loss"));
        mean = smooth(mean, loss, n);
        table_count(table, (size_t)json_integer_value(json_object_get(object, "step")));
        table_number(table, loss);
        table_number(table, mean);
        table_number(table, json_is_number(held_out) ? json_number_value(held_out) : NAN);
        json_decref(object);
    }
    free(line);
}

static bool fill_losses(const void *lines, FILE *stream) {
    struct table table = {.missing = "?"};
    table_file_columns(&table, "step:count loss:number smoothed:number held_out:number");
    table_flow(&table, stream);
    put_lines((FILE *)lines, &table);
    bool fine = table_check(&table);
    table_free(&table);
    return fine;
}

bool train_metrics_table(const struct train_folder *folder) {
    char *path = train_folder_at(folder, "metrics.jsonl");
    FILE *lines = path ? fopen(path, "rb") : NULL;
    bool fine = path && (lines || fail("%s: cannot read: %s", path, strerror(errno))) &&
                filled_file_write(folder->path, "loss.tsv", fill_losses, lines);
    if (lines)
        fclose(lines);
    free(path);
    return fine;
}

bool train_metrics_draw(const char *folder) {
    return figure_draw(
        &(struct figure){.script = "loss", .folder = folder, .name = "loss", .png_only = true});
}
