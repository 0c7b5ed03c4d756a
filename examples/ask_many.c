/* Reads a text once, and asks of each further word how well the text expects it there: a fork is a
 * mark to go back to. Ctrl-C while it reads ends the reading, and the words follow what was read.
 *
 *     cc ask_many.c $(pkg-config --cflags --libs decimamba) -o ask_many
 *     ./ask_many MODEL FILE WORD... */
#include <decimamba.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { longest = 1 << 20 };

static volatile sig_atomic_t stopped;

static void stop(int number) {
    stopped = number;
}

/* Called before every few hundred tokens. */
static int show_progress(size_t n_done, size_t n_total, void *user) {
    (void)user;
    if (n_done % (1 << 15) == 0)
        fprintf(stderr, "\r%zu of %zu tokens", n_done, n_total);
    return stopped != 0;
}

/* The text, as far as it was read. */
static dm_status read_once(const dm_tokenizer *tokenizer, dm_session *session, const char *text,
                           size_t n_byte, dm_error *error) {
    int32_t *ids;
    size_t n_id;
    dm_status status = dm_tokenizer_encode(tokenizer, text, n_byte, &ids, &n_id, error);
    if (status)
        return status;
    signal(SIGINT, stop);
    dm_set_progress(show_progress, NULL);
    status = dm_session_append(session, ids, n_id, error);
    dm_set_progress(NULL, NULL);
    fprintf(stderr, "\r%zu of %zu tokens\n", dm_session_n_token(session), n_id);
    dm_free(ids);
    return status == DM_CANCELLED ? DM_OK : status; /* the session is sound */
}

/* The log-probability of the word's tokens, after the mark. */
static dm_status ask(const dm_tokenizer *tokenizer, dm_session *session, const dm_session *mark,
                     const char *word, dm_error *error) {
    double logprobs[256], sum = 0;
    int32_t *ids;
    size_t n_id;
    dm_status status = dm_session_rewind(session, mark, error);
    if (!status)
        status = dm_tokenizer_encode(tokenizer, word, strlen(word), &ids, &n_id, error);
    if (status)
        return status;
    n_id = n_id < 256 ? n_id : 256;
    status = dm_session_append_logprobs(session, ids, n_id, logprobs, error);
    for (size_t i = 0; i < n_id && !status; i++)
        sum += logprobs[i];
    if (!status)
        printf("%9.4f  %s\n", sum, word);
    dm_free(ids);
    return status;
}

int main(int n_argument, char **arguments) {
    dm_error error = {DM_OK, ""};
    dm_model *model = NULL;
    dm_tokenizer *tokenizer = NULL;
    dm_session *session = NULL, *mark = NULL;
    if (n_argument < 4) {
        fprintf(stderr, "usage: ask_many MODEL FILE WORD...\n");
        return 1;
    }
    FILE *file = fopen(arguments[2], "rb");
    char *text = malloc(longest);
    if (!file || !text) {
        perror(arguments[2]);
        return 1;
    }
    size_t n_byte = fread(text, 1, longest, file);
    fclose(file);
    dm_status status = dm_model_load(arguments[1], NULL, &model, &error);
    if (!status)
        status = dm_tokenizer_load(arguments[1], &tokenizer, &error);
    if (!status)
        status = dm_session_new(model, NULL, &session, &error);
    if (!status)
        status = read_once(tokenizer, session, text, n_byte, &error);
    if (!status)
        status = dm_session_fork(session, &mark, &error);
    for (int i = 3; i < n_argument && !status; i++)
        status = ask(tokenizer, session, mark, arguments[i], &error);
    if (status)
        fprintf(stderr, "%s\n", error.message);
    dm_session_free(mark);
    dm_session_free(session);
    dm_tokenizer_free(tokenizer);
    dm_model_free(model);
    free(text);
    return status ? 1 : 0;
}
