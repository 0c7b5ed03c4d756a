#include "train_plot.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/output_file.h"

/* What the picture needs to know of the numbers. */
struct course {
    size_t n_line;
    double least, most; /* of the losses */
    bool held_out;
};

static void look_at(struct course *course, double loss) {
    if (loss > 0 && loss < course->least)
        course->least = loss;
    if (loss > course->most)
        course->most = loss;
}

/* A mean of the last losses, of about a hundredth of those so far, so that the noise of single batches
 * does not hide the course. */
static double smooth(double before, double loss, size_t n_before) {
    double span = 1 + (double)n_before / 100;
    return before + (loss - before) / span;
}

static void write_rows(FILE *metrics, struct output_file *table, struct course *course) {
    char *line = NULL, row[160];
    size_t capacity = 0;
    double mean = 0;
    while (getline(&line, &capacity, metrics) > 0) {
        json_t *object = json_loads(line, 0, NULL);
        const json_t *held_out = json_object_get(object, "held_out");
        double loss = json_number_value(json_object_get(object, "loss"));
        char seen[32] = "?";
        mean = smooth(mean, loss, course->n_line++);
        look_at(course, loss);
        if (json_is_number(held_out)) {
            look_at(course, json_number_value(held_out));
            snprintf(seen, sizeof seen, "%.9g", json_number_value(held_out));
            course->held_out = true;
        }
        int n = snprintf(row, sizeof row, "%lld\t%.9g\t%.9g\t%s\n",
                         (long long)json_integer_value(json_object_get(object, "step")), loss, mean,
                         seen);
        output_write(table, row, (size_t)n);
        json_decref(object);
    }
    free(line);
}

static bool write_table(const struct train_folder *folder, const char *path,
                        struct course *course) {
    static const char head[] = "step\tloss\tsmoothed\theld_out\n";
    struct output_file table;
    char *name = train_folder_at(folder, "metrics.jsonl");
    FILE *metrics = name ? fopen(name, "rb") : NULL;
    bool fine = name && (metrics || fail("%s: cannot read: %s", name, strerror(errno))) &&
                output_open(&table, path);
    if (fine) {
        output_write(&table, head, sizeof head - 1);
        write_rows(metrics, &table, course);
        fine = output_commit(&table);
    }
    if (metrics)
        fclose(metrics);
    free(name);
    return fine;
}

/* gnuplot's commands. A factor of 20 between losses makes the axis logarithmic. */
static bool write_script(const char *path, const struct course *course) {
    char text[2000], range[80] = "set yrange [0:*]\n";
    bool logarithmic = course->most > 20 * course->least;
    struct output_file script;
    if (logarithmic)
        snprintf(range, sizeof range, "set logscale y\nset yrange [%.3g:%.3g]\n",
                 course->least / 1.2, course->most * 1.2);
    int n = snprintf(
        text, sizeof text,
        "# gnuplot -c loss.gp [FOLDER]\n"
        "if (!exists(\"ARG1\") || strlen(ARG1) == 0) ARG1 = '.'\n"
        "set terminal pngcairo size 1200,720 font 'sans,13' background '#ffffff'\n"
        "set output ARG1.'/loss.png'\n"
        "set datafile missing '?'\n"
        "set key top right\n"
        "set grid ytics lt 1 lc rgb '#c8c8c8' lw 1\n"
        "set border 3 lc rgb '#666666'\n"
        "set tics nomirror out\n"
        "set xlabel 'step'\n"
        "set ylabel 'loss, nats per label%s'\n"
        "%s"
        "set format y '%%g'\n"
        "table = ARG1.'/loss.tsv'\n"
        "plot table using 1:2 every ::1 with lines lw 1 lc rgb '#b9d3ea' title 'each step', \\\n"
        "     table using 1:3 every ::1 with lines lw 2 lc rgb '#1f6fb4' title 'smoothed'%s\n",
        logarithmic ? " (logarithmic)" : "", range,
        course->held_out ? ", \\\n     table using 1:4 every ::1 with linespoints lw 2 pt 7 ps 0.8 "
                           "lc rgb '#d9822b' title 'held out'"
                         : "");
    if (!output_open(&script, path))
        return false;
    output_write(&script, text, (size_t)n);
    return output_commit(&script);
}

bool train_plot_write(const struct train_folder *folder) {
    struct course course = {.least = INFINITY};
    char *table = train_folder_at(folder, "loss.tsv");
    char *script = table ? train_folder_at(folder, "loss.gp") : NULL;
    bool fine = script && write_table(folder, table, &course) && write_script(script, &course);
    free(script);
    free(table);
    return fine;
}
