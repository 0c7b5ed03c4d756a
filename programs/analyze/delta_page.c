/* The text as a page of HTML that needs nothing beside it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static void write_style(const struct delta *delta, FILE *stream) {
    fputs("body{font:16px/1.5 sans-serif;max-width:75em;margin:2em auto;padding:0 1em;"
          "color:#111;background:#fff}\n"
          "img{max-width:100%;height:auto}\n"
          "table{border-collapse:collapse}td,th{padding:.1em .8em;text-align:right;"
          "border-bottom:1px solid #ccc}\n"
          "pre{font:15px/1.7 monospace;white-space:pre-wrap;overflow-wrap:anywhere;"
          "border:1px solid #ccc;padding:1em}\n"
          "pre span.n::before{content:'\\21b5'}\n"
          "span.d0{color:#666}\n",
          stream);
    for (size_t i = 1; i < delta->n_dropping; i++) {
        int rgb[3];
        colour_of(delta, i, rgb);
        fprintf(stream, "span.d%zu{background:#%02x%02x%02x;color:%s}\n", i, (unsigned)rgb[0],
                (unsigned)rgb[1], (unsigned)rgb[2], is_dark(rgb) ? "#fff" : "#000");
    }
    if (delta->n_dropping)
        fputs("span.k{background:#fde725;color:#000;font-weight:bold;"
              "border-bottom:2px solid #000}\n",
              stream);
    else
        fputs("span.k{color:#000}\n", stream);
}

static void write_class(const struct delta *delta, size_t passed, FILE *stream) {
    if (passed == delta->n_dropping)
        fputc('k', stream);
    else
        fprintf(stream, "d%zu", passed);
}

/* ---- Above the text ---- */

static void write_base64(FILE *file, FILE *stream) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char group[3];
    size_t n;
    while ((n = fread(group, 1, 3, file)) > 0) {
        memset(group + n, 0, 3 - n);
        unsigned bits = (unsigned)group[0] << 16 | (unsigned)group[1] << 8 | group[2];
        for (size_t i = 0; i < 4; i++)
            fputc(i <= n ? digits[bits >> (18 - 6 * i) & 63] : '=', stream);
    }
}

static void write_picture(const struct page *page, FILE *stream) {
    char *path = path_join(page->folder, "delta.png");
    FILE *file = path ? fopen(path, "rb") : NULL;
    free(path);
    if (!file)
        return; /* there was no gnuplot */
    fputs("<p><img alt=\"Map of Delta: a row for each layer, the text from left to right; its "
          "numbers are in delta.tsv\" src=\"data:image/png;base64,",
          stream);
    write_base64(file, stream);
    fputs("\"></p>\n", stream);
    fclose(file);
}

static void write_table(const struct delta *delta, FILE *stream) {
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

static void write_legend(const struct delta *delta, FILE *stream) {
    if (!delta->n_dropping) {
        fputs(
            "<p>No layer drops tokens. A token's scores show where the pointer rests on it.</p>\n",
            stream);
        return;
    }
    fputs("<p>", stream);
    for (size_t i = 0; i < delta->n_dropping; i++)
        fprintf(stream, "<span class=\"d%zu\">dropped at layer %zu</span> &nbsp; ", i,
                delta->dropping[i]);
    fputs("<span class=\"k\">kept</span> &nbsp; A token's scores show where the pointer rests on "
          "it; a character that is split between tokens is marked as the one that got farthest."
          "</p>\n",
          stream);
}

/* ---- The text ---- */

/* A token's fate at each dropping layer that it reached. */
static void write_fate(const struct delta *delta, size_t token, FILE *stream) {
    const struct delta_map *map = &delta->map;
    for (size_t i = 0; i < delta->n_dropping; i++) {
        size_t layer = delta->dropping[i];
        if (map->dropped_by[token] < layer)
            break;
        fprintf(stream, "&#10;layer %zu: %.4g, %s", layer,
                (double)map->scores[layer * map->n_token + token],
                map->dropped_by[token] > layer ? "kept" : "dropped");
    }
    for (size_t layer = 0; layer < map->n_layer && !delta->n_dropping; layer++)
        fprintf(stream, "&#10;layer %zu: %.4g", layer,
                (double)map->scores[layer * map->n_token + token]);
}

/* With arrows for line ends and tabs. */
static void write_on_line(const char *bytes, size_t n_byte, FILE *stream) {
    for (size_t i = 0; i < n_byte; i++)
        if (bytes[i] == '\n')
            fputs("\xe2\x86\xb5", stream); /* U+21B5 */
        else if (bytes[i] == '\t')
            fputs("\xe2\x87\xa5", stream); /* U+21E5 */
        else
            write_text(bytes + i, 1, stream);
}

static void write_piece(const struct delta *delta, const struct delta_piece *piece, FILE *stream) {
    const char *bytes = delta->text.bytes + piece->at;
    bool breaks = memchr(bytes, '\n', piece->n_byte) != NULL;
    fputs("<span class=\"", stream);
    write_class(delta, delta_piece_passed(delta, piece), stream);
    fputs(breaks ? " n\" title=\"" : "\" title=\"", stream);
    for (size_t t = piece->token; t < piece->token + piece->n_token; t++) {
        fprintf(stream, "%stoken %zu", t > piece->token ? "&#10;" : "", t);
        if (piece->n_token > 1)
            fprintf(stream, " (%zu of %zu)", t - piece->token + 1, piece->n_token);
        fputs(": &quot;", stream);
        write_on_line(bytes, piece->n_byte, stream);
        fputs("&quot;", stream);
        write_fate(delta, t, stream);
    }
    fputs("\">", stream);
    write_text(bytes, piece->n_byte, stream);
    fputs("</span>", stream);
}

static bool fill_page(const void *what, FILE *stream) {
    const struct page *page = what;
    const struct delta *delta = page->delta;
    char reading[reading_size];
    reading_title(&delta->analysis, reading);
    fputs("<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Delta: ",
          stream);
    write_name(delta->analysis.text, stream);
    fputs("</title>\n<style>\n", stream);
    write_style(delta, stream);
    fputs("</style>\n</head>\n<body>\n<h1>Delta: ", stream);
    write_name(delta->analysis.directory, stream);
    fputs(", ", stream);
    write_name(delta->analysis.text, stream);
    fprintf(stream, "</h1>\n<p>%zu tokens, %s. Scores: %s.</p>\n", delta->analysis.length, reading,
            delta_score_title(delta));
    write_picture(page, stream);
    if (delta->n_dropping)
        write_table(delta, stream);
    write_legend(delta, stream);
    fputs("<pre>", stream);
    for (size_t i = 0; i < delta->text.n_piece; i++)
        write_piece(delta, &delta->text.pieces[i], stream);
    fputs("</pre>\n</body>\n</html>\n", stream);
    return true;
}

bool delta_write_page(const struct delta *delta, const char *folder) {
    const struct page page = {delta, folder};
    return filled_file_write(folder, "delta.html", fill_page, &page);
}
