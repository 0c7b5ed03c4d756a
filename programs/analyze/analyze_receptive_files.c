/* The table and the files of receptive fields. */
#include "analyze_receptive.h"
#include "cli/fail.h"
#include "cli/json_output.h"

/* ---- The table ---- */

/* What there is no gradient for is "-". */
static void print_within(const struct gradient_profile *profile, double share) {
    size_t n = gradient_profile_within(profile, share);
    if (n)
        printf("%8zu", n);
    else
        printf("%8s", "-");
}

bool receptive_print(const struct receptive *receptive) {
    char reading[reading_size];
    analyze_reading(&receptive->input->method, reading);
    if (receptive->n_prediction == 1)
        printf("How far back the last token of a window depends on the text; %s\n\n", reading);
    else
        printf("How far back the last %zu tokens of a window depend on the text; %s\n\n",
               receptive->n_prediction, reading);
    printf("                    nearest tokens with        mean distance in tokens of\n"
           "  length  windows     50%%     90%%     99%%    gradient  attention  farthest layer\n");
    bool flat = false, marked = false;
    for (size_t k = 0; k < receptive->n_length; k++) {
        const struct receptive_length *row = &receptive->rows[k];
        printf("%7zu%s %8zu", row->length, row->length == receptive->trained ? "*" : " ",
               row->profile.n_window);
        for (int i = 0; i < n_receptive_share; i++)
            print_within(&row->profile, receptive_shares[i]);
        if (row->profile.n_window)
            printf("%12.1f", gradient_profile_mean(&row->profile));
        else
            printf("%12s", "-");
        printf("%11.1f%10.1f (%zu)\n", row->attention, row->farthest, row->farthest_layer);
        flat |= row->profile.n_window < row->n_window;
        marked |= row->length == receptive->trained;
    }
    if (marked)
        printf("* the model was trained on this length\n");
    if (flat)
        printf("windows whose loss has a gradient of 0 do not count\n");
    return true;
}

/* ---- Files ---- */

static json_t *row_json(const struct receptive_length *row) {
    json_t *within = json_object();
    for (int i = 0; i < n_receptive_share; i++) {
        char key[16];
        size_t n = gradient_profile_within(&row->profile, receptive_shares[i]);
        snprintf(key, sizeof key, "%g", receptive_shares[i]);
        json_object_set_new(within, key, n ? json_size(n) : json_null());
    }
    bool any = row->profile.n_window > 0;
    return json_pack(
        "{so so so so so so so so so}", "length", json_size(row->length), "windows",
        json_size(row->profile.n_window), "within", within, "mean_distance",
        json_number_or_null(gradient_profile_mean(&row->profile)), "attention_mean_distance",
        json_number_or_null(row->attention), "farthest_layer", json_size(row->farthest_layer),
        "farthest_layer_mean_distance", json_number_or_null(row->farthest), "nats_per_prediction",
        any ? json_number_or_null(row->profile.loss) : json_null(), "gradient_norm",
        any ? json_number_or_null(row->profile.norm) : json_null());
}

json_t *receptive_json(const struct receptive *receptive) {
    json_t *lengths = json_array();
    for (size_t k = 0; k < receptive->n_length; k++)
        json_array_append_new(lengths, row_json(&receptive->rows[k]));
    return json_pack(
        "{ss ss so so so so}", "model", receptive->input->directory, "text", receptive->input->text,
        "method", method_options_to_json(&receptive->input->method), "predictions",
        json_size(receptive->n_prediction), "trained",
        receptive->trained ? json_size(receptive->trained) : json_null(), "lengths", lengths);
}

static void fill_table(const void *what, FILE *stream) {
    const struct receptive *receptive = what;
    fputs("length\twindows", stream);
    for (int i = 0; i < n_receptive_share; i++)
        fprintf(stream, "\twithin_%g", 100 * receptive_shares[i]);
    fputs("\tmean_distance\tattention_mean_distance\tfarthest_layer_mean_distance\t"
          "farthest_layer\tnats_per_prediction\tgradient_norm\n",
          stream);
    for (size_t k = 0; k < receptive->n_length; k++) {
        const struct receptive_length *row = &receptive->rows[k];
        fprintf(stream, "%zu\t%zu", row->length, row->profile.n_window);
        for (int i = 0; i < n_receptive_share; i++)
            fprintf(stream, "\t%zu", gradient_profile_within(&row->profile, receptive_shares[i]));
        fprintf(stream, "\t%.9g\t%.9g\t%.9g\t%zu\t%.9g\t%.9g\n",
                gradient_profile_mean(&row->profile), row->attention, row->farthest,
                row->farthest_layer, row->profile.loss, row->profile.norm);
    }
}

/* Bins of distances: from `first` to `last`, the weight of a token as their mean, and all weight up
 * to there. */
static void fill_profile(const void *what, FILE *stream) {
    enum { per_doubling = 4 };
    const struct receptive *receptive = what;
    fputs("length\tfirst\tlast\tweight\twithin\n", stream);
    for (size_t k = 0; k < receptive->n_length; k++) {
        const struct gradient_profile *profile = &receptive->rows[k].profile;
        double within = 0;
        for (size_t first = 0, end; first < profile->n_distance && profile->n_window; first = end) {
            double sum = 0;
            end = gradient_profile_bin_end(profile, first, per_doubling);
            for (size_t d = first; d < end; d++)
                sum += profile->weights[d];
            within += sum;
            fprintf(stream, "%zu\t%zu\t%zu\t%.9g\t%.9g\n", receptive->rows[k].length, first,
                    end - 1, sum / (double)(end - first), within);
        }
    }
}

static void fill_script(const void *what, FILE *stream) {
    receptive_script(what, stream);
}

bool receptive_write(const struct receptive *receptive, const char *folder) {
    return analyze_json(folder, "receptive-field.json", /* it marks the folder */
                        receptive_json(receptive)) &&
           analyze_file(folder, "receptive-field.tsv", fill_table, receptive) &&
           analyze_file(folder, "receptive-field-profile.tsv", fill_profile, receptive) &&
           analyze_picture(folder, "receptive-field", fill_script, receptive);
}
