/* Reads a long text with DeciMamba and prints the most likely next token.
 *
 *     cc read_long_text.c $(pkg-config --cflags --libs decimamba) -o read_long_text
 *     ./read_long_text MODEL FILE */
#include <decimamba.h>
#include <stdio.h>
#include <stdlib.h>

/* Reads the file piece by piece, so that memory does not grow with it. */
static dm_status read_file(FILE *file, dm_encoder *encoder, dm_session *session, dm_error *error) {
    char text[1 << 14];
    const int32_t *ids;
    size_t n_byte, n_id;
    do {
        n_byte = fread(text, 1, sizeof text, file);
        dm_status status = n_byte ? dm_encoder_push(encoder, text, n_byte, &ids, &n_id, error)
                                  : dm_encoder_finish(encoder, &ids, &n_id, error);
        if (!status)
            status = dm_session_append(session, ids, n_id, error);
        if (status)
            return status;
    } while (n_byte);
    return DM_OK;
}

int main(int n_argument, char **arguments) {
    dm_error error = {DM_OK, ""};
    dm_model *model = NULL;
    dm_tokenizer *tokenizer = NULL;
    dm_encoder *encoder = NULL;
    dm_session *session = NULL;
    if (n_argument != 3) {
        fprintf(stderr, "usage: read_long_text MODEL FILE\n");
        return 1;
    }
    FILE *file = fopen(arguments[2], "rb");
    if (!file) {
        perror(arguments[2]);
        return 1;
    }
    /* Settings: those of the model's decimamba.json (NULL), or plain Mamba where there is none. */
    dm_status status = dm_model_load(arguments[1], NULL, &model, &error);
    if (!status)
        status = dm_tokenizer_load(arguments[1], &tokenizer, &error);
    if (!status)
        status = dm_encoder_new(tokenizer, &encoder, &error);
    if (!status)
        status = dm_session_new(model, NULL, &session, &error);
    if (!status)
        status = read_file(file, encoder, session, &error);
    dm_model_info info = DM_MODEL_INFO_INIT;
    if (!status)
        status = dm_model_get_info(model, &info, &error);
    float *logits = status ? NULL : malloc(info.vocab_size * sizeof *logits);
    if (!status && !logits) {
        status = DM_ERROR_MEMORY;
        snprintf(error.message, sizeof error.message, "memory is short");
    }
    if (!status)
        status = dm_session_logits(session, 1, logits, &error);
    if (!status) {
        size_t best = 0;
        for (size_t v = 1; v < info.vocab_size; v++)
            best = logits[v] > logits[best] ? v : best;
        printf("%zu tokens read; most likely next: %zu\n", dm_session_n_token(session), best);
    }
    if (status)
        fprintf(stderr, "read_long_text: %s\n", error.message);
    free(logits);
    fclose(file);
    dm_encoder_free(encoder);
    dm_session_free(session);
    dm_tokenizer_free(tokenizer);
    dm_model_free(model);
    return status ? 1 : 0;
}
