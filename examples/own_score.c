/* Reads a long text with a way to choose tokens of its own, and continues it.
 *
 *     cc own_score.c $(pkg-config --cflags --libs decimamba) -o own_score
 *     ./own_score MODEL FILE LAYER BASE_LENGTH N_NEW
 *
 * Tokens are ranked by the largest Delta of any of the layer's slow channels (which `decimamba calibrate`
 * finds), and the first four of the text are always kept. Another selection is another `score`: it sees
 * each token's Delta, its residual and its position. */
#include <decimamba.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct peak {
    const uint32_t *channels; /* [n_channel] that are looked at */
    size_t n_channel;
    size_t n_first; /* tokens of the text that are always kept */
};

/* A token's score follows from its own row and its position, so that it does not matter in which pieces
 * the text is read. */
static void score(const dm_score_view *view, float *score, void *user) {
    const struct peak *peak = user;
    for (size_t t = 0; t < view->n_token; t++) {
        const float *delta = view->delta + t * view->d_inner;
        score[t] = 0;
        for (size_t i = 0; i < peak->n_channel; i++) {
            float own = delta[peak->channels[i]];
            score[t] = own > score[t] ? own : score[t];
        }
        if (view->first_position + t < peak->n_first)
            score[t] = INFINITY;
    }
}

static dm_status read_file(FILE *file, const dm_tokenizer *tokenizer, dm_session *session,
                           dm_error *error) {
    char text[1 << 14];
    dm_encoder *encoder;
    const int32_t *ids;
    size_t n_byte, n_id;
    dm_status status = dm_encoder_new(tokenizer, &encoder, error);
    if (status)
        return status;
    do {
        n_byte = fread(text, 1, sizeof text, file);
        status = n_byte ? dm_encoder_push(encoder, text, n_byte, &ids, &n_id, error)
                        : dm_encoder_finish(encoder, &ids, &n_id, error);
        if (!status)
            status = dm_session_append(session, ids, n_id, error);
    } while (n_byte && !status);
    dm_encoder_free(encoder);
    return status;
}

/* The most likely tokens, one after the other. */
static dm_status go_on(dm_session *session, const dm_tokenizer *tokenizer, size_t n_new,
                       size_t vocab_size, dm_error *error) {
    float *logits = malloc(vocab_size * sizeof *logits);
    int32_t *ids = malloc((n_new + 1) * sizeof *ids);
    char *text = NULL;
    size_t n_byte = 0;
    dm_status status = logits && ids ? DM_OK : DM_ERROR_MEMORY;
    if (status)
        snprintf(error->message, sizeof error->message, "memory is short");
    else
        status = dm_session_logits(session, 1, logits, error);
    for (size_t i = 0; i < n_new && !status; i++) {
        ids[i] = 0;
        for (size_t v = 1; v < vocab_size; v++)
            ids[i] = logits[v] > logits[ids[i]] ? (int32_t)v : ids[i];
        status = dm_session_step(session, ids[i], logits, error);
    }
    if (!status)
        status = dm_tokenizer_decode(tokenizer, ids, n_new, 0, &text, &n_byte, error);
    if (!status)
        printf("%.*s\n", (int)n_byte, text);
    dm_free(text);
    free(logits);
    free(ids);
    return status;
}

static void tell_kept(const dm_session *session, size_t layer) {
    const size_t *positions;
    size_t n_kept;
    if (dm_session_kept(session, layer, &positions, &n_kept, NULL) || n_kept < 5)
        return;
    printf("kept %zu of %zu tokens: %zu, %zu, %zu, %zu, %zu, ... %zu\n", n_kept,
           dm_session_n_token(session), positions[0], positions[1], positions[2], positions[3],
           positions[4], positions[n_kept - 1]);
}

int main(int n_argument, char **arguments) {
    dm_error error = {DM_OK, ""};
    dm_model *model = NULL;
    dm_tokenizer *tokenizer = NULL;
    dm_session *session = NULL;
    dm_model_info info = DM_MODEL_INFO_INIT;
    if (n_argument != 6) {
        fprintf(stderr, "usage: own_score MODEL FILE LAYER BASE_LENGTH N_NEW\n");
        return 1;
    }
    FILE *file = fopen(arguments[2], "rb");
    if (!file) {
        perror(arguments[2]);
        return 1;
    }
    struct peak peak = {NULL, 0, 4};
    size_t layer = strtoul(arguments[3], NULL, 10);
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = DM_METHOD_DECIMATE;
    method.layers = &layer;
    method.n_layer = 1;
    method.base_length = strtoul(arguments[4], NULL, 10);
    method.score = DM_SCORE_CUSTOM;
    method.score_function = score;
    method.score_user = &peak;
    method.score_name = "peak"; /* a session file keeps it: see dm_session_set_score */

    dm_status status = dm_model_load(arguments[1], NULL, &model, &error);
    if (!status)
        status = dm_model_get_info(model, &info, &error);
    if (!status)
        status = dm_tokenizer_load(arguments[1], &tokenizer, &error);
    if (!status)
        status = dm_model_global_channels(model, layer, &peak.channels, &peak.n_channel, &error);
    if (!status && !peak.n_channel) {
        status = DM_ERROR_ARGUMENT;
        snprintf(error.message, sizeof error.message,
                 "%.400s: no slow channels of layer %zu are known: run decimamba calibrate first",
                 arguments[1], layer);
    }
    if (!status)
        status = dm_session_new(model, &method, &session, &error);
    if (!status)
        status = read_file(file, tokenizer, session, &error);
    if (!status)
        status =
            go_on(session, tokenizer, strtoul(arguments[5], NULL, 10), info.vocab_size, &error);
    if (!status)
        tell_kept(session, layer);
    if (status)
        fprintf(stderr, "own_score: %s\n", error.message);
    fclose(file);
    dm_session_free(session);
    dm_tokenizer_free(tokenizer);
    dm_model_free(model);
    return status ? 1 : 0;
}
