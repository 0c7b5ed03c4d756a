/* decimamba analyze delta: what the layers' step Delta says of a text's tokens, and which of them
 * are kept. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/fail.h"
#include "cli/options.h"
#include "cli/read_input.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "delta.h"

/* ---- The work ---- */

static bool list_dropping(struct delta *delta) {
    const dm_method_options *method = &delta->analysis.method;
    delta->n_dropping = method->kind == DM_METHOD_NONE ? 0 : method->n_layer;
    delta->dropping = calloc(delta->n_dropping + 1, sizeof *delta->dropping);
    if (!delta->dropping)
        return fail_memory();
    for (size_t i = 0; i < delta->n_dropping; i++) {
        size_t place = i;
        for (; place && delta->dropping[place - 1] > method->layers[i]; place--)
            delta->dropping[place] = delta->dropping[place - 1];
        delta->dropping[place] = method->layers[i];
    }
    return true;
}

static bool make_text(struct delta *delta) {
    dm_tokenizer *tokenizer = NULL;
    bool fine =
        load_model_tokenizer(delta->analysis.directory, &delta->analysis.model_flags, &tokenizer) &&
        delta_text_make(tokenizer, delta->analysis.ids, delta->analysis.length, &delta->text);
    dm_tokenizer_free(tokenizer);
    return fine;
}

static bool prepare(struct analysis *analysis) {
    struct delta *delta = (struct delta *)analysis;
    const dm_method_options *method = &analysis->method;
    if (method->score > DM_SCORE_GLOBAL) /* which is what the map shows */
        return fail_usage("--score %s: it is no score of Delta", score_name(method->score));
    if (!choose_length(analysis))
        return false;
    size_t length = analysis->length;
    if (delta->from_given && delta->from >= length)
        return fail_usage("--from %zu: tokens 0 to %zu are looked at", delta->from, length - 1);
    delta->n_bin = delta->max_bins < length ? delta->max_bins : length;
    return list_dropping(delta) && make_text(delta);
}

static bool measure(struct analysis *analysis) {
    struct delta *delta = (struct delta *)analysis;
    dm_error error;
    const struct scan_reading reading = reading_of(analysis, analysis->ids, analysis->length);
    progress_start(&analysis->progress, "reading", analysis->length);
    dm_status status = delta_map_read(&reading, &delta->map, &error);
    progress_clear(&analysis->progress);
    return status ? fail("%s", error.message) : delta_choose_ranges(delta);
}

static void release(struct analysis *analysis) {
    struct delta *delta = (struct delta *)analysis;
    delta_map_free(&delta->map);
    delta_text_free(&delta->text);
    free(delta->dropping);
    free(delta->low);
    free(delta->high);
}

/* ---- In the terminal ---- */

enum { shown_at_end = 400 }; /* tokens of each end of a long text */

static double percent(size_t part, size_t whole) {
    return 100.0 * (double)part / (double)whole;
}

static bool print_table(const struct delta *delta) {
    static const struct table_column columns[] = {
        {.name = "layer", .type = COLUMN_COUNT},
        {.name = "tokens in", .type = COLUMN_COUNT},
        {.name = "kept", .type = COLUMN_COUNT, .width = 8},
        {.name = "share", .type = COLUMN_NUMBER, .format = "%.1f%%", .width = 7},
    };
    struct table table = {0};
    table_columns(&table, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < delta->n_dropping; i++) {
        size_t n_in = delta_map_count(&delta->map, delta->dropping[i]);
        size_t n_kept = delta_map_count(&delta->map, delta->dropping[i] + 1);
        table_count(&table, delta->dropping[i]);
        table_count(&table, n_in);
        table_count(&table, n_kept);
        table_number(&table, percent(n_kept, n_in));
    }
    bool fine = table_show(&table);
    return fine;
}

enum { strip_width = 60 };

/* A line for a layer: the text from left to right, each column as high as its share of tokens that are
 * left after the layer, the fullest one whole. */
static void print_strip(const struct delta *delta, size_t layer) {
    static const char *const heights[] = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                          "\u2585", "\u2586", "\u2587", "\u2588"};
    size_t n = delta->analysis.length, n_column = n < strip_width ? n : strip_width;
    double shares[strip_width], max = 0;
    for (size_t c = 0; c < n_column; c++) {
        size_t first = c * n / n_column, end = (c + 1) * n / n_column, n_kept = 0;
        for (size_t t = first; t < end; t++)
            n_kept += delta->map.dropped_by[t] > layer;
        shares[c] = (double)n_kept / (double)(end - first);
        max = shares[c] > max ? shares[c] : max;
    }
    printf("layer %2zu |", layer);
    for (size_t c = 0; c < n_column; c++)
        fputs(heights[max > 0 ? (size_t)ceil(8 * shares[c] / max) : 0], stdout);
    printf("| at most %.0f%%\n", 100 * max);
}

static void print_places(const struct delta *delta) {
    puts("\nwhere the kept tokens are, from the text's beginning to its end:");
    for (size_t i = 0; i < delta->n_dropping; i++)
        print_strip(delta, delta->dropping[i]);
}

/* How kept and dropped runs begin and end. */
struct marks {
    const char *kept, *kept_end, *dropped, *dropped_end;
};

static const struct marks *choose_marks(void) {
    static const struct marks plain = {"[", "]", "", ""};
    static const struct marks terminal = {"\x1b[1m", "\x1b[0m", "\x1b[2m", "\x1b[0m"};
    return in_colours() ? &terminal : &plain;
}

/* The pieces that begin in [first, end). */
static void print_range(const struct delta *delta, size_t stage, size_t first, size_t end,
                        const struct marks *marks) {
    const struct delta_text *text = &delta->text;
    int before = -1; /* no run is open */
    for (size_t i = 0; i < text->n_piece; i++) {
        const struct delta_piece *piece = &text->pieces[i];
        if (piece->token < first || piece->token >= end)
            continue;
        int kept = delta_piece_passed(delta, piece) > stage;
        if (kept != before) {
            if (before >= 0)
                fputs(before ? marks->kept_end : marks->dropped_end, stdout);
            fputs(kept ? marks->kept : marks->dropped, stdout);
        }
        fwrite(text->bytes + piece->at, 1, piece->n_byte, stdout);
        before = kept;
    }
    if (before >= 0)
        fputs(before ? marks->kept_end : marks->dropped_end, stdout);
    putchar('\n');
}

static void print_block(const struct delta *delta, size_t stage, size_t count,
                        const struct marks *marks) {
    size_t from = delta->from, n = delta->analysis.length, layer = delta->dropping[stage];
    size_t n_kept = delta_map_count(&delta->map, layer + 1);
    printf("\n---- after layer %zu: %zu of %zu tokens (%.1f%%)", layer, n_kept, n,
           percent(n_kept, n));
    if (count) {
        size_t end = count < n - from ? from + count : n;
        printf("; tokens %zu to %zu ----\n", from, end - 1);
        print_range(delta, stage, from, end, marks);
        return;
    }
    puts(" ----");
    if (n <= 2 * shown_at_end) {
        print_range(delta, stage, 0, n, marks);
        return;
    }
    print_range(delta, stage, 0, shown_at_end, marks);
    printf("---- tokens %d to %zu are not shown: --from and --count show them ----\n", shown_at_end,
           n - shown_at_end - 1);
    print_range(delta, stage, n - shown_at_end, n, marks);
}

static bool print(const struct analysis *analysis) {
    const struct delta *delta = (const struct delta *)analysis;
    size_t count = delta->count_given ? delta->count : delta->from_given ? 800 : 0;
    char reading[reading_size];
    reading_title(analysis, reading);
    printf("%zu token%s, %s\n", analysis->length, analysis->length == 1 ? "" : "s", reading);
    if (!delta->n_dropping)
        printf("no layer drops tokens\n");
    else if (!print_table(delta))
        return false;
    if (delta->n_dropping)
        print_places(delta);
    for (size_t stage = 0; stage < delta->n_dropping; stage++)
        print_block(delta, stage, count, choose_marks());
    if (delta->n_dropping)
        putchar('\n');
    printf("written to %s: delta.html shows all of the text\n", analysis->output);
    return true;
}

/* ---- The view ---- */

static const struct view view = {
    .command = &analyze_delta_command,
    .mark = "delta.json",
    .needs_output = true,
    .work = "a map of Delta",
    .prepare = prepare,
    .measure = measure,
    .describe = delta_describe,
    .write = delta_write,
    .print = print,
    .release = release,
};

static int run(int n_argument, char **arguments) {
    struct delta delta = {.max_bins = 1000};
    const struct option options[] = {
        length_option(&delta.analysis),
        {OPTION_SIZE, "bins", &delta.max_bins, "N",
         .help = "columns of the map, each the mean over its tokens; at most one for each token",
         .min = 1, .max = 4096},
        {OPTION_SIZE, "from", &delta.from, "N",
         .help =
             "print the text from token N on, counted from 0 (default: its beginning and its end)",
         .min = 0, .max = 1e9, .given = &delta.from_given},
        {OPTION_SIZE, "count", &delta.count, "N", .help = "print N tokens (default 800)", .min = 1,
         .max = 1e9, .given = &delta.count_given},
        {.kind = OPTION_END},
    };
    return view_run(&delta.analysis, &view, options, n_argument, arguments);
}

const struct command analyze_delta_command = {
    .name = "analyze delta",
    .operands = "MODEL --text FILE --output FOLDER",
    .summary = "Shows each token's Delta at each layer, and which tokens are kept.",
    .notes =
        "Delta is how far a layer's state moves at a token. The score is the one that decides "
        "(--score); it is shown of every token that enters a layer, whether or not the layer drops "
        "tokens.\n\nThe map has a row for each layer, from the lowest upwards, and the text runs "
        "from left to right. Its colours follow the logarithm of the score, in each layer from the "
        "1st "
        "to the 99th percentile of what is drawn, printed at the right of its row; what a lower "
        "layer has dropped is grey. Below the map, for each layer that drops tokens: the share of "
        "the tokens that is left after it.\n\nThe text is printed once for each layer that drops "
        "tokens, below a line that shows where in it the kept ones are: in a terminal with the "
        "kept tokens bold and the others dim; elsewhere, or where "
        "NO_COLOR is set, with the kept ones in [brackets]. Control characters are shown as "
        "symbols. A character that is split between tokens counts as the token that reached the "
        "highest layer. Of a text of more than 800 tokens the first and the last 400 are printed, "
        "unless --from or --count is given.",
    .manual =
        "# FILES\n\nThe folder receives delta.html, a page that needs nothing beside it: the "
        "picture, a table, and the text with each token marked by the layer that dropped it; a "
        "click, "
        "a tap or the keys n, p and arrows show a token's scores; delta.png and delta.svg with the "
        "tables that they are drawn from (delta.tsv and delta-layers.tsv); delta-tokens.tsv, "
        "a row for each token: its place, id, text, the layer that dropped it (- where none "
        "did) and its score at each layer (nan where it was dropped below); and delta.json.",
    .example = "decimamba analyze delta models/passkey-512 --text prompt.txt \\\n    --base-length "
               "256 --output delta",
    .min_operand = 1,
    .max_operand = 1,
    .run = run,
};
