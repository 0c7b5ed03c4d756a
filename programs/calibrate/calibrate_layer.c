/* The global channels, and the layer to decimate at. */
#include <stdlib.h>

#include "calibrate_work.h"
#include "cli/fail.h"
#include "cli/paths.h"
#include "cli/scratch_folder.h"
#include "mean_distance.h"
#include "proposal.h"

enum { n_query = 16 };

/* Measures the channels, and writes them to folder/decimamba.json. */
static bool measure(struct calibrate_work *work, const char *folder) {
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    dm_calibration_options options = DM_CALIBRATION_OPTIONS_INIT;
    options.method = &plain;
    options.log_decay = work->log_decay;
    return calibrate_measure(work, &options, folder);
}

/* Opens the model again, with what is there instead of its own settings. */
static bool reopen(struct calibrate_work *work, const char *path) {
    struct model_flags flags = work->settings->model;
    flags.settings = path;
    dm_model_free(work->model);
    work->model = NULL;
    dm_model_info info; /* where it fails, the one at hand still sizes what is to be freed */
    bool fine = load_model(work->settings->directory, &flags, &work->model, &info);
    if (fine)
        work->info = info;
    return fine;
}

bool calibrate_channels(struct calibrate_work *work) {
    struct dm_temporary folder;
    work->log_decay = calloc(work->info.n_layer * work->info.n_step, sizeof *work->log_decay);
    bool fine = (work->log_decay || fail_memory()) && scratch_folder_open(&folder);
    if (!fine)
        return false;
    char *path = path_join(folder.name, "decimamba.json");
    fine = (path || fail_memory()) && measure(work, folder.name) && reopen(work, path);
    free(path);
    scratch_folder_close(&folder);
    return fine;
}

/* ---- The layer ---- */

/* distance [n_layer]: of the channels' mean, at the end of a passage in the middle of the text. */
static bool measure_distance(struct calibrate_work *work, double *distance) {
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    size_t n_layer = work->info.n_layer, n_step = work->info.n_step;
    size_t queries = work->length < n_query ? work->length : n_query;
    int32_t *ids = id_store_take(&work->text, (work->text.n_id - work->length) / 2, work->length);
    double *channels = calloc(n_layer * n_step, sizeof *channels);
    const struct scan_reading reading = {
        .model = work->model, .method = &plain, .ids = ids, .n_id = work->length};
    dm_error error;
    bool fine = ids && (channels || fail_memory());
    fine =
        fine && (!mean_distance(&reading, queries, channels, &error) || fail("%s", error.message));
    work->n_read += 2 * work->length;
    for (size_t l = 0; l < n_layer && fine; l++)
        for (size_t c = 0; c < n_step; c++)
            distance[l] += channels[l * n_step + c] / (double)n_step;
    free(ids);
    free(channels);
    return fine;
}

/* slow [n_layer]: the mean log-decay of the global channels. */
static void find_slow(const struct calibrate_work *work, double *slow) {
    for (size_t l = 0; l < work->info.n_layer; l++) {
        double *layer = work->log_decay + l * work->info.n_step;
        const uint32_t *channels;
        size_t n = 0;
        (void)dm_model_global_channels(work->model, l, &channels, &n, NULL);
        slow[l] = mean_of_smallest(layer, work->info.n_step, n);
    }
}

static void print_layers(const struct calibrate_work *work, const double *slow,
                         const double *distance, const struct layer_proposal *proposal) {
    printf(
        "\nLayer: how slowly each forgets (its slow channels), and how far back it looks, over %zu "
        "tokens\n"
        "   layer  log-decay  mean distance\n",
        work->length);
    for (size_t l = 0; l < work->info.n_layer; l++)
        printf("%8zu  %9.4g  %13.1f\n", l, slow[l], distance[l]);
    if (proposal->alone)
        printf("layer %zu: its slow channels remember %.3g times as long as those of any other "
               "layer,\n"
               "  so tokens must be dropped before they enter its memory\n",
               proposal->layer, proposal->times);
    else
        printf("layer %zu: the lowest that looks at least half as far back as any other\n",
               proposal->layer);
}

bool calibrate_layer(struct calibrate_work *work) {
    const struct method_flags *flags = &work->settings->method;
    size_t n_layer = work->info.n_layer;
    if (flags->layers_given) {
        work->layer = flags->layers.items[0];
        return true;
    }
    double *slow = calloc(n_layer, sizeof *slow), *distance = calloc(n_layer, sizeof *distance);
    bool fine = (slow && distance) || fail_memory();
    fine = fine && measure_distance(work, distance);
    if (fine) {
        find_slow(work, slow);
        struct layer_proposal proposal = propose_layer(slow, distance, n_layer);
        print_layers(work, slow, distance, &proposal);
        work->layer = proposal.layer;
    }
    free(slow);
    free(distance);
    return fine;
}
