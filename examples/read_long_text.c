/* Reads a long text with DeciMamba and prints the most likely next token.
 *
 *     cc read_long_text.c $(pkg-config --cflags --libs decimamba) -o read_long_text
 *     ./read_long_text MODEL FILE */
#include <decimamba.h>
#include <stdio.h>
#include <stdlib.h>

static char *read_file(const char *path, size_t *n_byte) {
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long size;
    if (file && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0) {
        rewind(file);
        text = malloc((size_t)size + 1);
        *n_byte = text ? fread(text, 1, (size_t)size, file) : 0;
    }
    if (file)
        fclose(file);
    return text;
}

int main(int n_argument, char **arguments) {
    dm_error error = {DM_OK, ""};
    dm_model *model = NULL;
    dm_tokenizer *tokenizer = NULL;
    dm_session *session = NULL;
    int32_t *ids = NULL;
    size_t n_id, n_byte = 0;
    if (n_argument != 3) {
        fprintf(stderr, "usage: read_long_text MODEL FILE\n");
        return 1;
    }
    char *text = read_file(arguments[2], &n_byte);
    if (!text) {
        perror(arguments[2]);
        return 1;
    }
    /* Settings: those of the model's decimamba.json (NULL), or plain Mamba where there is none. */
    dm_status status = dm_model_load(arguments[1], NULL, &model, &error);
    if (!status)
        status = dm_tokenizer_load(arguments[1], &tokenizer, &error);
    if (!status)
        status = dm_tokenizer_encode(tokenizer, text, n_byte, &ids, &n_id, &error);
    if (!status)
        status = dm_session_new(model, NULL, &session, &error);
    if (!status)
        status = dm_session_append(session, ids, n_id, &error);
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
        printf("%zu tokens read; most likely next: %zu\n", n_id, best);
    }
    if (status)
        fprintf(stderr, "read_long_text: %s\n", error.message);
    free(logits);
    free(text);
    dm_free(ids);
    dm_session_free(session);
    dm_tokenizer_free(tokenizer);
    dm_model_free(model);
    return status ? 1 : 0;
}
