/* The text in the terminal, with the kept tokens marked. */

#include "analyze_delta.h"
#include "cli/terminal.h"

enum { shown_at_end = 400 }; /* tokens of each end of a long text */

static double percent(size_t part, size_t whole) {
    return 100.0 * (double)part / (double)whole;
}

void delta_print_table(const struct delta *delta) {
    char reading[reading_size];
    analyze_reading(&delta->input->method, reading);
    printf("%zu token%s, %s\n", delta->length, delta->length == 1 ? "" : "s", reading);
    if (!delta->n_dropping) {
        printf("no layer drops tokens\n");
        return;
    }
    printf("layer  tokens in      kept    share\n");
    for (size_t i = 0; i < delta->n_dropping; i++) {
        size_t n_in = delta_map_count(&delta->map, delta->dropping[i]);
        size_t n_kept = delta_map_count(&delta->map, delta->dropping[i] + 1);
        printf("%5zu %10zu %9zu %7.1f%%\n", delta->dropping[i], n_in, n_kept,
               percent(n_kept, n_in));
    }
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

static void print_block(const struct delta *delta, size_t stage, size_t from, size_t count,
                        const struct marks *marks) {
    size_t n = delta->length, layer = delta->dropping[stage];
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

void delta_print_text(const struct delta *delta, size_t from, size_t count) {
    const struct marks *marks = choose_marks();
    for (size_t stage = 0; stage < delta->n_dropping; stage++)
        print_block(delta, stage, from, count, marks);
    if (delta->n_dropping)
        putchar('\n');
}
