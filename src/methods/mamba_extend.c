/* MambaExtend (Azizi et al., ICLR 2025): Delta := s * Delta with an s of each layer's own, below 1 for
 * texts longer than those of the training. The official code scales while it reads and generates
 * with Delta as it is: "prefill"; here both are scaled unless that is asked for. */
#include "methods/method.h"

enum { SCALE, SCALED_IN, N_SETTING };

static const char *const readings[] = {"all", "prefill", NULL};

static const struct dm_setting_row settings[N_SETTING] = {
    [SCALE] = {.name = "delta-scale",
               .argument = "LIST",
               .help = "mamba-extend: the factor for Delta, one number for all layers or one for "
                       "each, separated by commas (default 1)",
               .per_layer = true,
               .min = 1e-3,
               .max = 1e3,
               .value = 1},
    [SCALED_IN] = {.name = "delta-scale-in",
                   .argument = "WHAT",
                   .help =
                       "mamba-extend: where Delta is scaled: all, or prefill, the prompt but not "
                       "the generated tokens (default all)",
                   .type = DM_SETTING_CHOICE,
                   .max = 1,
                   .choices = readings},
};

static void multiply(const struct dm_delta_view *delta, dm_real scale) {
    for (size_t t = 0; t < delta->n_row; t++)
        for (size_t c = 0; c < delta->n_channel; c++)
            delta->values[t * delta->stride + c] *= scale;
}

static void scale_delta(const struct dm_method *method, size_t layer,
                        const struct dm_delta_view *delta) {
    multiply(delta, (dm_real)dm_method_value_of(method, SCALE, layer));
}

static void scale_back(const struct dm_method *method, size_t layer,
                       const struct dm_delta_view *delta, const struct dm_delta_view *gradient) {
    double scale = dm_method_value_of(method, SCALE, layer);
    multiply(delta, (dm_real)(1 / scale));
    multiply(gradient, (dm_real)scale);
}

static bool scales_steps(const struct dm_method *method) {
    return dm_method_value_of(method, SCALED_IN, 0) == 0;
}

const struct dm_method_hooks dm_mamba_extend = {
    .name = "mamba-extend",
    .settings = settings,
    .n_setting = N_SETTING,
    .delta = scale_delta,
    .delta_back = scale_back,
    .in_steps = scales_steps,
};
