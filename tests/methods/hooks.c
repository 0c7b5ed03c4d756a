/* Methods that live in the tests alone, to show what a method can change in a layer: Delta by a
 * threshold, A by a power, a state by a bound, and all at once where a state is seen whole. */
#include "methods/method.h"

#include <math.h>

#define MORE_THAN_0 .min = 1e-6, .max = 1e6

/* ---- Delta below a threshold is 0: the state stays as it is for that token and channel ---- */

static const char *const readings[] = {"all", "prefill", NULL};
static const struct dm_setting_row filter_settings[] = {
    {.name = "least-delta",
     .argument = "X",
     .help = "",
     .per_layer = true,
     MORE_THAN_0,
     .value = 0.05},
    {.name = "filter-in",
     .argument = "WHAT",
     .help = "",
     .type = DM_SETTING_CHOICE,
     .max = 1,
     .choices = readings},
};

static void filter(const struct dm_method *method, size_t layer,
                   const struct dm_delta_view *delta) {
    dm_real least = (dm_real)dm_method_value_of(method, 0, layer);
    for (size_t t = 0; t < delta->n_row; t++)
        for (size_t c = 0; c < delta->n_channel; c++)
            if (!(delta->values[t * delta->stride + c] > least))
                delta->values[t * delta->stride + c] = 0;
}

static bool filters_steps(const struct dm_method *method) {
    return dm_method_value_of(method, 1, 0) == 0;
}

const struct dm_method_hooks dm_test_filter = {
    .name = "test-filter",
    .settings = filter_settings,
    .n_setting = 2,
    .delta = filter,
    .in_steps = filters_steps,
};

/* ---- A = -|A|^s ---- */

static const struct dm_setting_row power_settings[] = {
    {.name = "a-power", .argument = "X", .help = "", .per_layer = true, MORE_THAN_0, .value = 1},
};

static void raise(const struct dm_method *method, size_t layer, size_t n, const dm_real *A,
                  dm_real *out) {
    double power = dm_method_value_of(method, 0, layer);
    for (size_t i = 0; i < n; i++)
        out[i] = (dm_real)-pow((double)-A[i], power);
}

const struct dm_method_hooks dm_test_power = {
    .name = "test-power",
    .settings = power_settings,
    .n_setting = 1,
    .scale_A = raise,
};

/* ---- |h| <= p, of each channel's state, or of a layer's ---- */

static const struct dm_setting_row cap_settings[] = {
    {.name = "most-state", .argument = "X", .help = "", .per_layer = true, MORE_THAN_0, .value = 1},
    {.name = "cap-every",
     .argument = "N",
     .help = "",
     .type = DM_SETTING_SIZE,
     .min = 1,
     .max = 1000,
     .value = 1},
};

static void cap_channels(const struct dm_method *method, const struct dm_state_view *state,
                         size_t layer, size_t first, size_t n) {
    double most = dm_method_value_of(method, 0, layer), sum = 0;
    for (size_t i = 0; i < state->d_state; i++)
        for (size_t c = first; c < first + n; c++) {
            double h = (double)state->values[i * state->stride + c];
            sum += h * h;
        }
    double scale = sum > most * most ? most / sqrt(sum) : 1;
    for (size_t i = 0; i < state->d_state && scale < 1; i++)
        for (size_t c = first; c < first + n; c++)
            state->values[i * state->stride + c] *= (dm_real)scale;
}

static void cap(const struct dm_method *method, size_t layer, const struct dm_state_view *state) {
    for (size_t c = 0; c < state->n_channel; c++)
        cap_channels(method, state, layer, c, 1);
}

static void cap_whole(const struct dm_method *method, size_t layer,
                      const struct dm_state_view *state) {
    cap_channels(method, state, layer, 0, state->n_channel);
}

static size_t cap_period(const struct dm_method *method) {
    return (size_t)dm_method_value_of(method, 1, 0);
}

const struct dm_method_hooks dm_test_cap = {
    .name = "test-cap",
    .settings = cap_settings,
    .n_setting = 2,
    .state = cap,
    .period = cap_period,
};

const struct dm_method_hooks dm_test_whole_cap = {
    .name = "test-whole-cap",
    .settings = cap_settings,
    .n_setting = 2,
    .state = cap_whole,
    .period = cap_period,
    .whole_rows = true,
};
