#include "analyze_input.h"

#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/gnuplot.h"
#include "cli/json_output.h"
#include "cli/output_file.h"
#include "cli/paths.h"
#include "cli/read_input.h"

static bool encode(struct analyze_input *input, const dm_tokenizer *tokenizer) {
    struct text text;
    dm_error error;
    if (!read_text("text", NULL, input->text, &text))
        return false;
    bool fine = !dm_tokenizer_encode(tokenizer, text.bytes, text.n_byte, &input->ids, &input->n_id,
                                     &error) ||
                fail("%s: %s", text.name, error.message);
    free(text.bytes);
    return fine && (input->n_id || fail("%s: there is no text", text.name));
}

bool analyze_input_open(struct analyze_input *input) {
    dm_tokenizer *tokenizer = NULL;
    bool fine = load_tokenizer(input->directory, &tokenizer) && encode(input, tokenizer) &&
                load_model(input->directory, &input->model_flags, &input->model, &input->info) &&
                method_flags_resolve(&input->method_flags, input->model, &input->method);
    dm_tokenizer_free(tokenizer);
    return fine;
}

void analyze_input_close(struct analyze_input *input) {
    dm_free(input->ids);
    dm_model_free(input->model);
    input->ids = NULL;
    input->model = NULL;
}

void analyze_reading(const dm_method_options *method, char text[reading_size]) {
    if (method->kind == DM_METHOD_NONE) {
        snprintf(text, reading_size, "plain Mamba");
        return;
    }
    if (!dm_method_drops_tokens(method->kind)) {
        char values[reading_size];
        method_values_text(method, values, sizeof values);
        snprintf(text, reading_size, "%s%.*s", dm_method_name(method->kind), reading_size / 2,
                 values);
        return;
    }
    size_t n = 0;
    n += (size_t)snprintf(text, reading_size, "%s at layer%s ", dm_method_name(method->kind),
                          method->n_layer == 1 ? "" : "s");
    for (size_t i = 0; i < method->n_layer && n < reading_size; i++)
        n += (size_t)snprintf(text + n, reading_size - n, "%s%zu", i ? "," : "", method->layers[i]);
    if (n < reading_size)
        n += (size_t)snprintf(text + n, reading_size - n, ", base length %zu", method->base_length);
    if (n < reading_size && method->kind == DM_METHOD_DECIMATE)
        snprintf(text + n, reading_size - n, ", score %s", score_name(method->score));
}

static bool write_text(const char *folder, const char *name, const char *text, size_t n_byte) {
    struct output_file file;
    char *path = path_join(folder, name);
    if (!path)
        return fail_memory();
    bool fine = output_open(&file, path);
    if (fine) {
        output_write(&file, text, n_byte);
        fine = output_commit(&file);
    }
    free(path);
    return fine;
}

bool analyze_file(const char *folder, const char *name, analyze_fill *fill, const void *what) {
    char *text = NULL;
    size_t n_byte = 0;
    FILE *stream = open_memstream(&text, &n_byte);
    if (!stream)
        return fail_memory();
    fill(what, stream);
    bool fine = (fclose(stream) == 0 || fail_memory()) && write_text(folder, name, text, n_byte);
    free(text);
    return fine;
}

static void fill_json(const void *what, FILE *stream) {
    json_dumpf(what, stream, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
    fputc('\n', stream);
}

bool analyze_json(const char *folder, const char *name, json_t *object) {
    bool fine = object ? analyze_file(folder, name, fill_json, object) : fail_memory();
    json_decref(object);
    return fine;
}

bool analyze_picture(const char *folder, const char *name, analyze_fill *fill, const void *what) {
    char script[80];
    snprintf(script, sizeof script, "%s.gp", name);
    return analyze_file(folder, script, fill, what) && gnuplot_draw(folder, name, true);
}

void analyze_script_head(const char *name, FILE *stream) {
    fprintf(stream,
            "# gnuplot -c %s.gp [FOLDER]\n"
            "if (!exists(\"ARG1\") || strlen(ARG1) == 0) ARG1 = '.'\n",
            name);
}

void analyze_script_open(const char *name, FILE *stream) {
    fprintf(stream,
            "do for [kind in \"png svg\"] {\n"
            "if (kind eq 'png') {\n"
            "    set terminal pngcairo noenhanced size width,height font 'sans,12' "
            "background '#ffffff'\n"
            "    title_font = ',14'\n"
            "} else {\n"
            "    set terminal svg noenhanced size width,height dynamic font 'sans,15' "
            "background '#ffffff'\n"
            "    title_font = ',18'\n"
            "}\n"
            "set output ARG1.'/%s.'.kind\n",
            name);
}

size_t analyze_script_side(size_t n_cell, size_t wanted) {
    size_t each = (wanted + n_cell / 2) / n_cell;
    return n_cell * (each ? each : 1);
}

void analyze_script_palette(double end, FILE *stream) {
    static const char *const viridis[] = {"#440154", "#482878", "#3e4989", "#31688e", "#26828e",
                                          "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"};
    enum { n_colour = sizeof viridis / sizeof *viridis };
    fputs("set palette defined (", stream);
    for (int i = 0; i < n_colour && i <= end * (n_colour - 1) + 1e-9; i++)
        fprintf(stream, "%s%d '%s'", i ? ", " : "", i, viridis[i]);
    fputs(")\n", stream);
}
