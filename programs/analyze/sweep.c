/* The points of a sweep, as methods of an evaluation. */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"

static const struct {
    const char *name, *key;
} kinds[] = {
    [SWEEP_LAYER] = {"layer", "layers"},
    [SWEEP_BASE_LENGTH] = {"base-length", "base-length"},
    [SWEEP_BETA] = {"beta", "beta"},
    [SWEEP_SCORE] = {"score", "score"},
};
enum { n_kind = sizeof kinds / sizeof *kinds };

/* ---- Reading --sweep ---- */

static bool is_fixed(const struct method_flags *fixed, enum sweep_kind kind) {
    const bool given[] = {[SWEEP_LAYER] = fixed->layers_given,
                          [SWEEP_BASE_LENGTH] = fixed->base_length_given,
                          [SWEEP_BETA] = fixed->beta_given,
                          [SWEEP_SCORE] = fixed->score_given};
    return given[kind];
}

static bool add_point(struct sweep *sweep, const char *value, size_t length) {
    if (sweep->n_point == list_capacity)
        return fail_usage("--sweep %s: more than %d values", sweep->name, list_capacity);
    struct sweep_point *point = &sweep->points[sweep->n_point];
    *point = (struct sweep_point){.value = strndup(value, length)};
    if (!point->value)
        return fail_memory();
    point->x = sweep->kind == SWEEP_SCORE ? (double)sweep->n_point : strtod(point->value, NULL);
    sweep->n_point++;
    return true;
}

static bool read_values(struct sweep *sweep, const char *list) {
    for (const char *value = list; value;) {
        size_t length = strcspn(value, ",");
        if (!length || strcspn(value, " \t\n;:=") < length)
            return fail_usage("--sweep %s: '%.80s' is not a list of values", sweep->name, list);
        if (!add_point(sweep, value, length))
            return false;
        value = value[length] ? value + length + 1 : NULL;
    }
    return true;
}

bool sweep_read(struct sweep *sweep, const char *text, const struct method_flags *fixed) {
    size_t length = strcspn(text, "="), kind = 0;
    while (kind < n_kind &&
           (strlen(kinds[kind].name) != length || strncmp(kinds[kind].name, text, length) != 0))
        kind++;
    if (kind == n_kind)
        return fail_usage("--sweep: '%.80s' is not one of layer, base-length, beta, score", text);
    sweep->kind = (enum sweep_kind)kind;
    sweep->name = kinds[kind].name;
    sweep->key = kinds[kind].key;
    if (is_fixed(fixed, sweep->kind))
        return fail_usage("--%s: this is what is swept", sweep->key);
    if (text[length])
        return read_values(sweep, text + length + 1);
    return sweep->kind == SWEEP_LAYER || sweep->kind == SWEEP_SCORE ||
           fail_usage("--sweep %s: its values are missing, as in --sweep %s=%s", sweep->name,
                      sweep->name, sweep->kind == SWEEP_BETA ? "0.5,0.83,1" : "512,1024,2048");
}

static bool add_layers(struct sweep *sweep, size_t n_layer) {
    char value[24];
    bool fine = true;
    for (size_t layer = 0; layer < n_layer && fine; layer++) {
        snprintf(value, sizeof value, "%zu", layer);
        fine = add_point(sweep, value, strlen(value));
    }
    return fine;
}

static bool add_scores(struct sweep *sweep) {
    bool fine = true;
    for (int score = DM_SCORE_NORM; score <= DM_SCORE_TOKEN_NORM && fine; score++)
        fine = add_point(sweep, score_name((dm_score)score), strlen(score_name((dm_score)score)));
    return fine;
}

/* ---- Names of methods ---- */

/* A number as users write it, that reads back as the same one. */
static void write_real(FILE *stream, double value) {
    char text[32];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, stream);
}

/* What is given of a setting, or the value that is swept; nothing else. `first`: no comma before. */
static bool write_key(FILE *stream, bool *first, const char *key, bool given, const char *value) {
    if (!given && !value)
        return false;
    fprintf(stream, "%s%s=%s", *first ? ":" : ",", key, value ? value : "");
    *first = false;
    return !value;
}

static void write_layers(FILE *stream, const struct size_list *layers) {
    for (size_t i = 0; i < layers->n; i++)
        fprintf(stream, "%s%zu", i ? "," : "", layers->items[i]);
}

/* "decimate:layers=2,base-length=512": always in this order, so that sweeps share their outcomes.
 * `value` of sweep->key where it is not NULL; keep-last knows neither layers, beta nor score. */
static void write_method(FILE *stream, const struct sweep *sweep, const struct method_flags *fixed,
                         const char *name, const char *value) {
    bool first = true, all = strcmp(name, "decimate") == 0;
#define SWEPT(kind_) (value && sweep->kind == (kind_) ? value : NULL)
    fprintf(stream, " %s", name);
    if (all && write_key(stream, &first, "layers", fixed->layers_given, SWEPT(SWEEP_LAYER)))
        write_layers(stream, &fixed->layers);
    if (write_key(stream, &first, "base-length", fixed->base_length_given,
                  SWEPT(SWEEP_BASE_LENGTH)))
        fprintf(stream, "%zu", fixed->base_length);
    if (all && write_key(stream, &first, "beta", fixed->beta_given, SWEPT(SWEEP_BETA)))
        write_real(stream, fixed->beta);
    if (write_key(stream, &first, "min-length", fixed->min_length_given, NULL))
        fprintf(stream, "%zu", fixed->min_length);
    if (write_key(stream, &first, "keep-tail", fixed->keep_tail_given, NULL))
        fprintf(stream, "%zu", fixed->keep_tail);
    if (all && write_key(stream, &first, "score", fixed->score_given, SWEPT(SWEEP_SCORE)))
        fputs(score_name((dm_score)fixed->score), stream);
#undef SWEPT
}

/* Closes a stream of memory; false, after a line, where memory was short. */
static bool finish(FILE *stream) {
    return fclose(stream) == 0 || fail_memory();
}

/* ---- Methods ---- */

static bool read_methods(const struct evaluate_run *run, const char *list,
                         struct method_list *methods) {
    const struct text_list nothing = {.n = 0};
    return method_list_read(methods, list, &nothing, run->model,
                            evaluate_trained_length(run->flags));
}

/* Whether a session takes this point's settings; else `error` says why. A fault of another kind, whose
 * line is printed, makes `*fine` false. */
static bool is_usable(const struct sweep *sweep, size_t point, const struct method_flags *fixed,
                      const struct evaluate_run *run, bool *fine, dm_error *error) {
    struct method_list methods = {0};
    dm_session *session = NULL;
    char *name = NULL;
    size_t n_byte;
    FILE *stream = open_memstream(&name, &n_byte);
    *fine = stream || fail_memory();
    if (stream) {
        write_method(stream, sweep, fixed, "decimate", sweep->points[point].value);
        *fine = finish(stream) && read_methods(run, name, &methods);
    }
    bool usable = *fine && !dm_session_new(run->model, &methods.items[0].options, &session, error);
    dm_session_free(session);
    method_list_free(&methods);
    free(name);
    return usable;
}

static void remove_point(struct sweep *sweep, size_t point) {
    free(sweep->points[point].value);
    sweep->n_point--;
    for (size_t i = point; i < sweep->n_point; i++) {
        sweep->points[i] = sweep->points[i + 1];
        sweep->points[i].x = (double)i;
    }
}

/* Leaves the global score out where a session refuses it. */
static bool drop_unusable(struct sweep *sweep, const struct method_flags *fixed,
                          const struct evaluate_run *run) {
    const char *global = score_name(DM_SCORE_GLOBAL);
    bool fine = true;
    dm_error error;
    for (size_t i = sweep->n_point; i-- > 0 && fine;)
        if (!strcmp(sweep->points[i].value, global) &&
            !is_usable(sweep, i, fixed, run, &fine, &error) && fine) {
            if (run->flags->json)
                complain("score global is left out: %s", error.message);
            else
                printf("score global is left out: %s\n", error.message);
            remove_point(sweep, i);
        }
    return fine && (sweep->n_point || fail_usage("--sweep score: no score is left"));
}

static void write_methods(FILE *stream, struct sweep *sweep, const struct method_flags *fixed,
                          const char *levels) {
    if (levels)
        fputs(levels, stream);
    else
        fputs("none", stream);
    if (!levels && !sweep->has_other)
        write_method(stream, sweep, fixed, "keep-last", NULL);
    for (size_t i = 0; i < sweep->n_point; i++)
        write_method(stream, sweep, fixed, "decimate", sweep->points[i].value);
    for (size_t i = 0; i < sweep->n_point && sweep->has_other; i++)
        write_method(stream, sweep, fixed, "keep-last", sweep->points[i].value);
}

static void number_methods(struct sweep *sweep, size_t n_method) {
    size_t n_swept = sweep->n_point * (sweep->has_other ? 2 : 1);
    sweep->n_level = n_method - n_swept;
    for (size_t i = 0; i < sweep->n_point; i++) {
        sweep->points[i].method = sweep->n_level + i;
        sweep->points[i].other = sweep->n_level + sweep->n_point + i;
    }
}

bool sweep_methods(struct sweep *sweep, const struct method_flags *fixed, const char *levels,
                   struct evaluate_run *run) {
    char *list = NULL;
    size_t n_byte;
    bool fine = true;
    if (!sweep->n_point && sweep->kind == SWEEP_LAYER)
        fine = add_layers(sweep, run->info.n_layer);
    else if (!sweep->n_point)
        fine = add_scores(sweep);
    if (!fine || (sweep->kind == SWEEP_SCORE && !drop_unusable(sweep, fixed, run)))
        return false;
    /* what it keeps is what keep-last keeps: a curve of its own */
    sweep->has_other = sweep->kind == SWEEP_BASE_LENGTH && !levels;
    FILE *stream = open_memstream(&list, &n_byte);
    if (!stream)
        return fail_memory();
    write_methods(stream, sweep, fixed, levels);
    fine = finish(stream) && read_methods(run, list, &run->methods);
    free(list);
    if (!fine)
        return false;
    number_methods(sweep, run->methods.n);
    const struct method *first = &run->methods.items[sweep->points[0].method];
    return sweep->kind != SWEEP_BETA || first->options.n_layer > 1 ||
           fail_usage("--sweep beta: with one layer beta says nothing: give several --layers");
}

void sweep_free(struct sweep *sweep) {
    for (size_t i = 0; i < sweep->n_point; i++)
        free(sweep->points[i].value);
    sweep->n_point = 0;
}
