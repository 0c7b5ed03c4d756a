/* How prompts are read, continued, cut and scored, on a stand-in for the library: a token per byte,
 * and sessions that go on with what they are told to say. */
#include "task_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { n_vocab = 256, n_known = 200, end_id = 199, other_end = 198, max_prompts = 4 };

static const char *sayings[max_prompts]; /* what follows each prompt; 'E' or 'F' ends it */
static size_t keep_tail_seen, n_open, n_step;
static bool out_of_memory;

struct dm_session {
    size_t number; /* of the prompt: its first token */
    size_t n_token, n_said;
};
struct dm_decoder {
    char text[2];
};

/* Of a line break, as with a blank before it. */
dm_status dm_tokenizer_encode(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                              int32_t **ids, size_t *n_id, dm_error *error) {
    (void)tokenizer, (void)error;
    assert_memory_equal(text, "\n", n_byte);
    *ids = calloc(2, sizeof **ids);
    (*ids)[0] = ' ';
    (*ids)[1] = '\n';
    *n_id = 2;
    return DM_OK;
}
void dm_free(void *pointer) {
    free(pointer);
}
size_t dm_tokenizer_vocab_size(const dm_tokenizer *tokenizer) {
    (void)tokenizer;
    return n_known;
}
dm_status dm_decoder_new(const dm_tokenizer *tokenizer, int keep_special, dm_decoder **decoder,
                         dm_error *error) {
    (void)tokenizer, (void)error;
    assert_int_equal(keep_special, 0);
    *decoder = calloc(1, sizeof **decoder);
    n_open++;
    return DM_OK;
}
void dm_decoder_free(dm_decoder *decoder) {
    n_open -= decoder != NULL;
    free(decoder);
}
/* 'u' is half a character: nothing until the next. */
dm_status dm_decoder_push(dm_decoder *decoder, int32_t id, const char **text, size_t *n_byte,
                          dm_error *error) {
    (void)error;
    size_t held = decoder->text[0] == 'u';
    decoder->text[held] = (char)id;
    *text = decoder->text;
    *n_byte = !held && id == 'u' ? 0 : held + 1;
    if (*n_byte)
        decoder->text[0] = (char)(held ? 'U' : id);
    return DM_OK;
}
dm_status dm_decoder_finish(dm_decoder *decoder, const char **text, size_t *n_byte,
                            dm_error *error) {
    (void)error;
    *text = "?";
    *n_byte = decoder->text[0] == 'u';
    return DM_OK;
}
dm_status dm_session_new(const dm_model *model, const dm_method_options *method,
                         dm_session **session, dm_error *error) {
    (void)model;
    if (out_of_memory && n_open == 2) {
        error->status = DM_ERROR_MEMORY;
        snprintf(error->message, sizeof error->message, "no session");
        return DM_ERROR_MEMORY;
    }
    keep_tail_seen = method->keep_tail;
    *session = calloc(1, sizeof **session);
    n_open++;
    return DM_OK;
}
void dm_session_free(dm_session *session) {
    n_open -= session != NULL;
    free(session);
}
dm_status dm_append_many(dm_session *const *sessions, size_t n_session, const int32_t *const *ids,
                         const size_t *n_id, dm_error *error) {
    (void)error;
    for (size_t s = 0; s < n_session; s++) {
        assert_true(n_id[s] > 0);
        for (size_t i = 0; i < n_id[s]; i++) /* each piece goes on where the last one ended */
            assert_int_equal((size_t)ids[s][i], sessions[s]->n_token + i
                                                    ? (sessions[s]->n_token + i) % 100
                                                    : (size_t)ids[s][0]);
        if (!sessions[s]->n_token)
            sessions[s]->number = (size_t)ids[s][0];
        sessions[s]->n_token += n_id[s];
    }
    return DM_OK;
}
static void say(dm_session *session, float *logits) {
    char next = sayings[session->number][session->n_said++];
    for (size_t i = 0; i < n_vocab; i++)
        logits[i] = i < n_known ? 0 : 9; /* those beyond the tokenizer are never said */
    logits['q'] = 0.5f;                  /* what is said instead of what may not be */
    logits[next == 'E' ? end_id : next == 'F' ? other_end : (unsigned char)next] = 1;
}
dm_status dm_session_logits(dm_session *session, size_t n_last, float *logits, dm_error *error) {
    (void)error;
    if (n_last == 1) {
        say(session, logits);
        return DM_OK;
    }
    for (size_t t = 0; t < n_last; t++)
        for (size_t i = 0; i < n_vocab; i++)
            logits[t * n_vocab + i] = (float)(session->n_token - n_last + t);
    return DM_OK;
}
dm_status dm_step_many(dm_session *const *sessions, size_t n_session, const int32_t *ids,
                       float *logits, dm_error *error) {
    (void)error;
    n_step++;
    for (size_t s = 0; s < n_session; s++) {
        if (ids[s] != 'q' || sessions[s]->n_said > 1)
            assert_int_equal(ids[s], sayings[sessions[s]->number][sessions[s]->n_said - 1]);
        say(sessions[s], logits + s * n_vocab);
    }
    return DM_OK;
}
/* The stand-in's row t is full of the place t of the token it was read from. */
double dm_negative_log_likelihood(const float *logits, size_t vocab_size, int32_t id) {
    assert_int_equal(vocab_size, n_vocab);
    assert_int_equal(id, ((int)logits[0] + 1) % 100);
    return logits[id];
}

static size_t lengths[max_prompts];
static size_t n_new, n_scored;
static bool one_line;
static const char *stop;

static dm_status build(const struct task *task, size_t i, struct task_prompt *prompt,
                       dm_error *error) {
    (void)task, (void)error;
    int32_t *ids = calloc(lengths[i], sizeof *ids);
    for (size_t t = 1; t < lengths[i]; t++)
        ids[t] = (int32_t)(t % 100);
    ids[0] = (int32_t)i;
    *prompt = (struct task_prompt){.ids = ids,
                                   .n_id = lengths[i],
                                   .n_new = n_new,
                                   .n_scored = n_scored,
                                   .keep_tail = n_scored + 1,
                                   .stop = stop,
                                   .one_line = one_line};
    return DM_OK;
}

static dm_status judge(const struct task *task, size_t i, const char *answer, size_t n_byte,
                       double *score, dm_error *error) {
    (void)task, (void)error;
    assert_int_equal(strlen(answer), n_byte);
    *score = (double)(100 * i + n_byte);
    return DM_OK;
}

static const struct task task = {.build = build, .judge = judge, .n_prompt = max_prompts};
static const dm_method_options method = DM_METHOD_OPTIONS_INIT;
static size_t n_heard;
static void hear(size_t n_read, size_t n_all, void *user) {
    (void)user;
    assert_true(n_read > n_heard && n_read <= n_all);
    n_heard = n_read;
}
static const int32_t stops[] = {end_id, other_end};
static const struct task_run run = {.task = &task,
                                    .vocab_size = n_vocab,
                                    .method = &method,
                                    .stops = stops,
                                    .n_stop = 2,
                                    .progress = hear};

static void check(const size_t *prompts, size_t n, const char *const *expected) {
    struct task_outcome outcomes[max_prompts];
    dm_error error;
    size_t n_token = 0;
    n_heard = 0;
    assert_int_equal(task_answer(&run, prompts, n, outcomes, &error), DM_OK);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(outcomes[i].answer, expected[prompts[i]]);
        assert_int_equal(outcomes[i].n_answer, strlen(expected[prompts[i]]));
        assert_true(outcomes[i].score == (double)(100 * prompts[i] + outcomes[i].n_answer));
        assert_int_equal(outcomes[i].n_token, lengths[prompts[i]]);
        n_token += lengths[prompts[i]];
        free(outcomes[i].answer);
    }
    assert_int_equal(n_heard, n_token);
    assert_int_equal(n_open, 0);
}

static void answers_end_where_they_should(void **state) {
    (void)state;
    const size_t all[] = {0, 1, 2, 3}, some[] = {2, 0};
    const size_t wanted[] = {5000, 1, 2048, 4097};
    memcpy(lengths, wanted, sizeof lengths);
    n_new = 6;
    n_scored = 0;
    stop = "|>";
    sayings[0] = "abcdefghijk"; /* n_new tokens of it */
    sayings[1] = "E";           /* at once */
    sayings[2] = "12|>34567";   /* before the stop, which takes two tokens */
    sayings[3] = "xuuyuE";      /* half a character is no text before its end */
    const char *const expected[] = {"abcdef", "", "12", "xUuy?"};
    n_step = 0;
    check(all, 4, expected);
    assert_int_equal(n_step, 5); /* the last token is not read */
    assert_int_equal(keep_tail_seen, 1);
    check(some, 2, expected);
    n_new = 3;
    const char *const shorter[] = {"abc", "", "12|", "xUu"};
    check(all, 4, shorter);
    n_new = 9;
    stop = NULL;
    const char *const longer[] = {"abcdefghi", "", "12|>34567", "xUuy?"};
    check(all, 4, longer);
    sayings[0] = "abFcd";
    const char *const ended[] = {"ab", "", "12|>34567", "xUuy?"};
    check(all, 4, ended);
}

/* As LongBench's pred.py has samsum: min_length one more than the prompt, and the end token and the
 * line break as ends; what min_length forbids is an end. */
static void one_line_has_a_token_at_least(void **state) {
    (void)state;
    const size_t all[] = {0, 1, 2, 3};
    for (size_t i = 0; i < max_prompts; i++)
        lengths[i] = 9;
    n_new = 6;
    n_scored = 0;
    stop = NULL;
    one_line = true;
    sayings[0] = "\nab\ncd";
    sayings[1] = "Eab cdE";
    sayings[2] = "ab\n\ncd";
    sayings[3] = "aE\ncd";
    const char *const expected[] = {"qab", "qab cd", "ab", "a"};
    check(all, 4, expected);
    one_line = false;
    const char *const others[] = {"\nab\ncd", "", "ab\n\ncd", "a"};
    check(all, 4, others);
}

static void scores_the_last_tokens(void **state) {
    (void)state;
    struct task_outcome outcomes[2];
    const size_t prompts[] = {1, 3};
    dm_error error;
    lengths[1] = 50;
    lengths[3] = 3000;
    n_new = 0;
    n_scored = 10;
    n_heard = 0;
    assert_int_equal(task_answer(&run, prompts, 2, outcomes, &error), DM_OK);
    /* tokens 40 .. 49 are predicted from 39 .. 48 */
    assert_true(outcomes[0].score == 43.5);
    assert_true(outcomes[1].score == 2993.5);
    assert_null(outcomes[0].answer);
    assert_int_equal(keep_tail_seen, 11);
    assert_int_equal(n_open, 0);
    struct task_run given = run;
    dm_method_options longer = method;
    longer.keep_tail = 77;
    given.method = &longer;
    given.keep_tail_given = true;
    n_heard = 0;
    assert_int_equal(task_answer(&given, prompts, 1, outcomes, &error), DM_OK);
    assert_int_equal(keep_tail_seen, 77);
}

static void gives_back_what_it_took_after_an_error(void **state) {
    (void)state;
    struct task_outcome outcomes[max_prompts];
    const size_t prompts[] = {0, 1, 2, 3};
    dm_error error;
    lengths[0] = lengths[1] = lengths[2] = lengths[3] = 9;
    out_of_memory = true;
    assert_int_equal(task_answer(&run, prompts, 4, outcomes, &error), DM_ERROR_MEMORY);
    assert_string_equal(error.message, "no session");
    assert_int_equal(n_open, 0);
    out_of_memory = false;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_end_where_they_should),
        cmocka_unit_test(one_line_has_a_token_at_least),
        cmocka_unit_test(scores_the_last_tokens),
        cmocka_unit_test(gives_back_what_it_took_after_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
