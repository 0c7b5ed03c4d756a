/* The text as a page of HTML that needs nothing beside it: delta_page.html, with its lines that begin
 * with @ filled in. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/filled_file.h"
#include "cli/paths.h"
#include "delta.h"

struct page {
    const struct delta *delta;
    const char *folder;
};

/* ---- Text ---- */

static void write_text(const char *bytes, size_t n_byte, FILE *stream) {
    for (size_t i = 0; i < n_byte; i++)
        switch (bytes[i]) {
        case '&':
            fputs("&amp;", stream);
            break;
        case '<':
            fputs("&lt;", stream);
            break;
        case '>':
            fputs("&gt;", stream);
            break;
        case '"':
            fputs("&quot;", stream);
            break;
        case '\'':
            fputs("&#39;", stream);
            break;
        default:
            fputc(bytes[i], stream);
        }
}

/* Names of files may hold anything. */
static void write_name(const char *name, FILE *stream) {
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        if (c < 0x20 || c == 0x7f)
            fputc('?', stream);
        else
            write_text(name, 1, stream);
    }
}

/* ---- Base64 ---- */

/* Bytes as they come, in base64. */
struct base64 {
    FILE *stream;
    unsigned char group[3];
    size_t n;
};

static void end_base64(struct base64 *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!out->n)
        return;
    memset(out->group + out->n, 0, 3 - out->n);
    unsigned bits = (unsigned)out->group[0] << 16 | (unsigned)out->group[1] << 8 | out->group[2];
    for (size_t i = 0; i < 4; i++)
        fputc(i <= out->n ? digits[bits >> (18 - 6 * i) & 63] : '=', out->stream);
    out->n = 0;
}

static void put_base64(struct base64 *out, size_t byte) {
    out->group[out->n++] = (unsigned char)byte;
    if (out->n == 3)
        end_base64(out);
}

/* ---- Colours ---- */

/* Of tokens that passed so many of the dropping layers: the farther a token got, the brighter it is
 * marked, from the dark end of viridis to its yellow; those that passed none have no colour. */
static void colour_of(const struct delta *delta, size_t passed, int rgb[3]) {
    static const int viridis[][3] = {{62, 73, 137},  {49, 104, 142}, {38, 130, 142},
                                     {31, 158, 137}, {53, 183, 121}, {110, 206, 88},
                                     {181, 222, 43}, {253, 231, 37}};
    enum { n_colour = sizeof viridis / sizeof *viridis };
    double place = (double)(n_colour - 1) * (double)passed / (double)delta->n_dropping;
    size_t low = (size_t)place;
    low = low < n_colour - 1 ? low : n_colour - 2;
    for (int i = 0; i < 3; i++)
        rgb[i] = (int)lround(viridis[low][i] +
                             (place - (double)low) * (viridis[low + 1][i] - viridis[low][i]));
}

/* White letters stand out better on it than black ones (relative luminance, as in WCAG). */
static bool is_dark(const int rgb[3]) {
    static const double parts[] = {0.2126, 0.7152, 0.0722};
    double light = 0;
    for (int i = 0; i < 3; i++)
        light += parts[i] * pow(rgb[i] / 255.0, 2.2);
    return light < 0.179;
}

static void write_style(const struct page *page, FILE *stream) {
    const struct delta *delta = page->delta;
    fputs(delta->n_dropping ? "pre, .d0 { color: #666 }\n" : "", stream);
    for (size_t i = 1; i < delta->n_dropping; i++) {
        int rgb[3];
        colour_of(delta, i, rgb);
        fprintf(stream, ".d%zu { background: #%02x%02x%02x; color: %s }\n", i, (unsigned)rgb[0],
                (unsigned)rgb[1], (unsigned)rgb[2], is_dark(rgb) ? "#fff" : "#000");
    }
}

/* ---- Above the text ---- */

static void write_names(const struct page *page, FILE *stream) {
    const struct analysis *analysis = &page->delta->analysis;
    fputs("Delta: ", stream);
    char *model = path_title(analysis->directory), *text = path_title(analysis->text);
    write_name(model ? model : "?", stream);
    fputs(", ", stream);
    write_name(text ? text : "?", stream);
    free(model);
    free(text);
}

static void write_title(const struct page *page, FILE *stream) {
    fputs("<title>", stream);
    write_names(page, stream);
    fputs("</title>\n", stream);
}

static void write_heading(const struct page *page, FILE *stream) {
    const struct analysis *analysis = &page->delta->analysis;
    char reading[reading_size];
    reading_title(analysis, reading);
    fputs("<h1>", stream);
    write_names(page, stream);
    fprintf(stream, "</h1>\n<p>%zu tokens, %s. Scores: %s.</p>\n", analysis->length, reading,
            delta_score_title(page->delta));
}

static void write_picture(const struct page *page, FILE *stream) {
    char *path = path_join(page->folder, "delta.png");
    FILE *file = path ? fopen(path, "rb") : NULL;
    struct base64 out = {.stream = stream};
    free(path);
    if (!file)
        return; /* there was no gnuplot */
    fputs("<p><img alt=\"Map of Delta: a row for each layer, the text from left to right; its "
          "numbers are in delta.tsv\" src=\"data:image/png;base64,",
          stream);
    for (int c; (c = getc(file)) != EOF;)
        put_base64(&out, (size_t)c);
    end_base64(&out);
    fputs("\"></p>\n", stream);
    fclose(file);
}

static void write_table(const struct page *page, FILE *stream) {
    const struct delta *delta = page->delta;
    if (!delta->n_dropping)
        return;
    fputs("<table>\n<tr><th>layer</th><th>tokens in</th><th>kept</th><th>share</th></tr>\n",
          stream);
    for (size_t i = 0; i < delta->n_dropping; i++) {
        size_t n_in = delta_map_count(&delta->map, delta->dropping[i]);
        size_t n_kept = delta_map_count(&delta->map, delta->dropping[i] + 1);
        fprintf(stream, "<tr><td>%zu</td><td>%zu</td><td>%zu</td><td>%.1f%%</td></tr>\n",
                delta->dropping[i], n_in, n_kept, 100.0 * (double)n_kept / (double)n_in);
    }
    fputs("</table>\n", stream);
}

static void write_legend(const struct page *page, FILE *stream) {
    const struct delta *delta = page->delta;
    fputs("<p>", stream);
    if (!delta->n_dropping)
        fputs("No layer drops tokens. ", stream);
    for (size_t i = 0; i < delta->n_dropping; i++)
        fprintf(stream, "<u class=\"d%zu\">dropped at layer %zu</u> &nbsp; ", i,
                delta->dropping[i]);
    fputs(delta->n_dropping ? "<b>kept</b> &nbsp; " : "", stream);
    fputs("Click or tap a token to see its scores (rounded; delta-tokens.tsv has them all). A "
          "character that is split between tokens is marked as the one that got farthest.</p>\n",
          stream);
}

/* ---- The text ---- */

/* A carriage return, which delta_text.h shows as U+240D, only clutters a page. */
static const char carriage_return[] = "\xe2\x90\x8d";

/* How much the character at `bytes` takes of a text in JavaScript: 16 bits once or twice. A piece
 * is UTF-8. */
static size_t n_unit_of(char byte) {
    return (unsigned char)byte >= 0xf0 ? 2 : !dm_utf8_goes_on(byte);
}

/* Writes what the page shows of a piece, and returns how long it is in JavaScript. */
static size_t write_piece(const struct delta *delta, const struct delta_piece *piece,
                          bool marks_lines, FILE *stream) {
    const char *bytes = delta->text.bytes + piece->at;
    size_t n_unit = 0;
    for (size_t i = 0; i < piece->n_byte; i++) {
        if (piece->n_byte - i >= 3 && !memcmp(bytes + i, carriage_return, 3)) {
            i += 2;
            continue;
        }
        n_unit += n_unit_of(bytes[i]);
        if (!stream)
            continue;
        if (bytes[i] == '\n' && marks_lines)
            fputs("<i></i>", stream);
        write_text(bytes + i, 1, stream);
    }
    return n_unit;
}

/* Runs of tokens that got equally far. Those that were dropped first have no element of their own. */
static void write_text_runs(const struct page *page, FILE *stream) {
    const struct delta *delta = page->delta;
    size_t open = 0, kept = delta->n_dropping;
    for (size_t i = 0; i < delta->text.n_piece; i++) {
        const struct delta_piece *piece = &delta->text.pieces[i];
        size_t passed = delta_piece_passed(delta, piece);
        if (passed != open) {
            fputs(!open ? "" : open == kept ? "</b>" : "</u>", stream);
            if (passed && passed < kept)
                fprintf(stream, "<u class=d%zu>", passed);
            fputs(passed && passed == kept ? "<b>" : "", stream);
        }
        open = passed;
        write_piece(delta, piece, passed > 0, stream);
    }
    fputs(!open ? "" : open == kept ? "</b>" : "</u>", stream);
}

/* ---- What the page's script reads ---- */

/* Lengths of pieces, 255 and more in several bytes; and which pieces are several tokens. */
static void write_lengths(const struct delta *delta, FILE *stream) {
    const struct delta_text *text = &delta->text;
    struct base64 out = {.stream = stream};
    fputs("\"lengths\": \"", stream);
    for (size_t i = 0; i < text->n_piece; i++) {
        size_t n = write_piece(delta, &text->pieces[i], false, NULL);
        for (; n >= 255; n -= 255)
            put_base64(&out, 255);
        put_base64(&out, n);
    }
    end_base64(&out);
    fputs("\",\n\"parts\": {", stream);
    const char *between = "";
    for (size_t i = 0; i < text->n_piece; i++)
        if (text->pieces[i].n_token > 1) {
            fprintf(stream, "%s\"%zu\":%zu", between, i, text->pieces[i].n_token);
            between = ",";
        }
    fputs("}", stream);
}

/* The least and the largest positive score of a layer; 0 where there is none. */
static void find_range(const float *scores, size_t n_token, double *from, double *to) {
    *from = *to = 0;
    for (size_t t = 0; t < n_token; t++)
        if (scores[t] > 0 && isfinite(scores[t])) {
            *from = *from > 0 && *from < (double)scores[t] ? *from : (double)scores[t];
            *to = *to > (double)scores[t] ? *to : (double)scores[t];
        }
}

/* The scores of the tokens that entered a layer, each a byte: 0 to 255 are `from` to `to`, and the
 * logarithm is linear between. Then, of a layer that drops tokens, a bit for each that it kept. */
static void write_layer(const struct delta *delta, size_t layer, FILE *stream) {
    const struct delta_map *map = &delta->map;
    const float *scores = map->scores + layer * map->n_token;
    struct base64 out = {.stream = stream};
    double from, to;
    find_range(scores, map->n_token, &from, &to);
    fprintf(stream, "{\"layer\": %zu, \"from\": %.4g, \"to\": %.4g, \"scores\": \"", layer, from,
            to);
    for (size_t t = 0; t < map->n_token; t++)
        if (map->dropped_by[t] >= layer)
            put_base64(&out,
                       scores[t] > 0 && to > from
                           ? (size_t)lround(255 * log((double)scores[t] / from) / log(to / from))
                           : 0);
    end_base64(&out);
    fputc('"', stream);
    if (delta->n_dropping) {
        unsigned bits = 0, n = 0;
        fputs(", \"kept\": \"", stream);
        for (size_t t = 0; t < map->n_token; t++)
            if (map->dropped_by[t] >= layer) {
                bits |= (unsigned)(map->dropped_by[t] > layer) << n++ % 8;
                if (n % 8 == 0) {
                    put_base64(&out, bits);
                    bits = 0;
                }
            }
        put_base64(&out, bits);
        end_base64(&out);
        fputc('"', stream);
    }
    fputc('}', stream);
}

/* Where no layer drops tokens, scores of so many layers, evenly spread: a page of 130,000 tokens
 * stays under 2 MB. */
enum { max_shown = 6 };

static void write_data(const struct page *page, FILE *stream) {
    const struct delta *delta = page->delta;
    size_t n_layer = delta->map.n_layer, n = delta->n_dropping;
    if (!n)
        n = n_layer < max_shown ? n_layer : max_shown;
    fputs("{\"layers\": [", stream);
    for (size_t i = 0; i < n; i++) {
        fputs(i ? ",\n" : "", stream);
        write_layer(delta,
                    delta->n_dropping ? delta->dropping[i]
                    : n > 1           ? i * (n_layer - 1) / (n - 1)
                                      : 0,
                    stream);
    }
    fputs("],\n", stream);
    write_lengths(delta, stream);
    fputs("}\n", stream);
}

/* ---- The page ---- */

static const char *const template[] = {
#include "delta_page.inc"
};

static void fill_part(const char *name, const struct page *page, FILE *stream) {
    static const struct {
        const char *name;
        void (*write)(const struct page *page, FILE *stream);
    } parts[] = {
        {"@title\n", write_title},     {"@style\n", write_style}, {"@heading\n", write_heading},
        {"@picture\n", write_picture}, {"@table\n", write_table}, {"@legend\n", write_legend},
        {"@text\n", write_text_runs},  {"@data\n", write_data},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strcmp(parts[i].name, name))
            parts[i].write(page, stream);
}

static bool fill_page(const void *what, FILE *stream) {
    for (size_t i = 0; i < sizeof template / sizeof *template; i++)
        if (template[i][0] == '@')
            fill_part(template[i], what, stream);
        else
            fputs(template[i], stream);
    return true;
}

bool delta_write_page(const struct delta *delta, const char *folder) {
    const struct page page = {delta, folder};
    return filled_file_write(folder, "delta.html", fill_page, &page);
}
