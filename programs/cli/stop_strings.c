#include "stop_strings.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "fail.h"

void stop_strings_init(struct stop_strings *stops, const struct text_list *list) {
    *stops = (struct stop_strings){.list = list};
}

void stop_strings_free(struct stop_strings *stops) {
    free(stops->text);
    stops->text = NULL;
}

static void forget_shown(struct stop_strings *stops) {
    stops->n_byte -= stops->n_shown;
    if (stops->n_byte)
        memmove(stops->text, stops->text + stops->n_shown, stops->n_byte);
    stops->n_shown = 0;
}

/* Whether the text from `at` on is the beginning of `stop`, or begins with it. */
static bool matches_at(const struct stop_strings *stops, size_t at, const char *stop) {
    size_t left = stops->n_byte - at, length = strlen(stop);
    return memcmp(stops->text + at, stop, left < length ? left : length) == 0;
}

bool stop_strings_push(struct stop_strings *stops, const char *text, size_t n_byte,
                       const char **shown, size_t *n_shown) {
    forget_shown(stops);
    char *room = dm_grow(stops->text, stops->n_byte, n_byte, &stops->capacity, 1);
    if (!room)
        return fail_memory();
    stops->text = room;
    if (n_byte)
        memcpy(stops->text + stops->n_byte, text, n_byte);
    stops->n_byte += n_byte;

    /* the first place where a stop string is, or may turn out to be */
    size_t held_from = stops->n_byte;
    for (size_t at = 0; at < stops->n_byte && !stops->found; at++)
        for (size_t i = 0; i < stops->list->n; i++) {
            const char *stop = stops->list->items[i];
            if (!matches_at(stops, at, stop))
                continue;
            if (at < held_from)
                held_from = at;
            if (stops->n_byte - at >= strlen(stop)) {
                stops->found = stop;
                held_from = at;
                stops->n_byte = at;
                break;
            }
        }
    stops->n_shown = held_from;
    *shown = stops->text;
    *n_shown = held_from;
    return true;
}

void stop_strings_finish(struct stop_strings *stops, const char **shown, size_t *n_shown) {
    forget_shown(stops);
    stops->n_shown = stops->n_byte;
    *shown = stops->text;
    *n_shown = stops->n_byte;
}
