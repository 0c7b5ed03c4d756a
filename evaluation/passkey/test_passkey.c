/* The prompts of the pass-key task, and how answers are judged, on a stand-in for the library: a
 * token per byte, and sessions that note what they read and answer with a given text. */
#include "passkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "draw.h"
#include "grid.h"
#include "passkey_training.h"

enum { n_vocab = 256, capacity = 8192 };

struct dm_session {
    char text[capacity];
    size_t n;
    const char *answer; /* its next character */
};

dm_status dm_tokenizer_encode(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                              int32_t **ids, size_t *n_id, dm_error *error) {
    (void)tokenizer, (void)error;
    *ids = malloc((n_byte + 1) * sizeof **ids);
    for (size_t i = 0; i < n_byte; i++)
        (*ids)[i] = (unsigned char)text[i];
    *n_id = n_byte;
    return DM_OK;
}
dm_status dm_tokenizer_decode(const dm_tokenizer *tokenizer, const int32_t *ids, size_t n_id,
                              int keep_special, char **text, size_t *n_byte, dm_error *error) {
    (void)tokenizer, (void)keep_special, (void)error;
    *text = calloc(n_id + 1, 1);
    for (size_t i = 0; i < n_id; i++)
        (*text)[i] = (char)ids[i];
    *n_byte = n_id;
    return DM_OK;
}
size_t dm_tokenizer_vocab_size(const dm_tokenizer *tokenizer) {
    (void)tokenizer;
    return 128;
}
void dm_free(void *pointer) {
    free(pointer);
}
void dm_session_reset(dm_session *session) {
    session->n = 0;
}
dm_status dm_append_many(dm_session *const *sessions, size_t n_session, const int32_t *const *ids,
                         const size_t *n_id, dm_error *error) {
    (void)error;
    for (size_t s = 0; s < n_session; s++)
        for (size_t i = 0; i < n_id[s]; i++)
            sessions[s]->text[sessions[s]->n++] = (char)ids[s][i];
    return DM_OK;
}
/* Prefers the next character of the answer; ids from 128 on would be better, but are no tokens. */
static void say(dm_session *session, float *logits) {
    for (size_t i = 0; i < n_vocab; i++)
        logits[i] = i < 128 ? 0 : 9;
    logits[(unsigned char)*session->answer++] = 1;
}
dm_status dm_session_logits(dm_session *session, size_t n_last, float *logits, dm_error *error) {
    (void)error;
    assert_int_equal(n_last, 1);
    say(session, logits);
    return DM_OK;
}
dm_status dm_step_many(dm_session *const *sessions, size_t n_session, const int32_t *ids,
                       float *logits, dm_error *error) {
    (void)error;
    for (size_t s = 0; s < n_session; s++) {
        assert_int_equal(ids[s], sessions[s]->answer[-1]);
        say(sessions[s], logits + s * n_vocab);
    }
    return DM_OK;
}

static void ignore_progress(size_t n_read, void *user) {
    *(size_t *)user = n_read;
}

/* Digits of its own place every five characters: any run of it tells where it was taken from. */
static void make_noise(int32_t *noise, size_t n) {
    for (size_t i = 0; i < n; i += 5) {
        char digits[24];
        snprintf(digits, sizeof digits, "%05zu", i);
        for (size_t j = 0; j < 5 && i + j < n; j++)
            noise[i + j] = (unsigned char)digits[j];
    }
}

static int32_t noise[20000];
static const struct passkey_task task = {.text = noise, .n_text = 20000, .seed = 5};

static void check_prompt(const struct passkey_prompt *prompt, const char *text) {
    char fact[100];
    int n_fact =
        snprintf(fact, sizeof fact, " The pass key is %s. Remember it. %s is the pass key. ",
                 prompt->key, prompt->key);
    const char *question = "Find the pass key:\n", *end = "\nAnswer: ";
    size_t n_noise = prompt->length - strlen(question) - strlen(end) - (size_t)n_fact;
    size_t before = (size_t)(prompt->depth * (double)n_noise + 0.5);
    assert_memory_equal(text, question, strlen(question));
    text += strlen(question);
    for (size_t i = 0; i < before; i++)
        assert_int_equal(*text++, noise[prompt->start + i]);
    assert_memory_equal(text, fact, (size_t)n_fact);
    text += n_fact;
    for (size_t i = before; i < n_noise; i++)
        assert_int_equal(*text++, noise[prompt->start + i]);
    assert_memory_equal(text, end, strlen(end));
}

static void reads_the_prompt_and_judges_the_answer(void **state) {
    (void)state;
    static struct dm_session sessions[4];
    dm_session *pointers[4] = {&sessions[0], &sessions[1], &sessions[2], &sessions[3]};
    struct passkey_prompt prompts[4];
    char wrong[6];
    dm_error error;
    size_t n_read = 0;
    const double depths[4] = {0, 0.3, 0.5, 1};
    make_noise(noise, 20000);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(passkey_draw(&task, 5001, depths[i], i, &prompts[i], &error), DM_OK);
        assert_int_equal(strspn(prompts[i].key, "0123456789"), 5);
        sessions[i].answer = prompts[i].key;
        sessions[i].n = 77; /* read something before */
    }
    snprintf(wrong, sizeof wrong, "%s", prompts[2].key);
    wrong[4] = wrong[4] == '0' ? '1' : '0';
    sessions[2].answer = wrong;
    const struct passkey_batch batch = {.sessions = pointers,
                                        .prompts = prompts,
                                        .n = 4,
                                        .vocab_size = n_vocab,
                                        .progress = ignore_progress,
                                        .user = &n_read};
    assert_int_equal(passkey_answer(&task, &batch, &error), DM_OK);
    assert_int_equal(n_read, 4 * 5001);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(sessions[i].n, 5001);
        check_prompt(&prompts[i], sessions[i].text);
        assert_int_equal(prompts[i].right, i != 2);
        assert_string_equal(prompts[i].answer, i == 2 ? wrong : prompts[i].key);
    }
}

static void draws_by_seed_and_cell(void **state) {
    (void)state;
    struct passkey_prompt a, b;
    struct passkey_task other = task;
    dm_error error;
    other.seed = 6;
    assert_int_equal(passkey_draw(&task, 900, 0.5, 1, &a, &error), DM_OK);
    assert_int_equal(passkey_draw(&task, 900, 0.5, 1, &b, &error), DM_OK);
    assert_string_equal(a.key, b.key);
    assert_int_equal(a.start, b.start);
    const struct {
        const struct passkey_task *task;
        size_t length;
        double depth;
        size_t number;
    } others[] = {
        {&other, 900, 0.5, 1}, {&task, 901, 0.5, 1}, {&task, 900, 0.25, 1}, {&task, 900, 0.5, 2}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(passkey_draw(others[i].task, others[i].length, others[i].depth,
                                      others[i].number, &b, &error),
                         DM_OK);
        assert_string_not_equal(a.key, b.key);
    }
    assert_int_equal(passkey_draw(&task, 20, 0.5, 1, &b, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(passkey_draw(&task, 21000, 0.5, 1, &b, &error), DM_ERROR_ARGUMENT);
    /* the whole text is just enough: 88 bytes are not noise */
    assert_int_equal(passkey_draw(&task, 20000 + 88, 0.5, 1, &b, &error), DM_OK);
    assert_int_equal(b.start, 0);
    assert_int_equal(passkey_draw(&task, 20000 + 88 + 1, 0.5, 1, &b, &error), DM_ERROR_ARGUMENT);
}

static void writes_examples_to_train_on(void **state) {
    (void)state;
    struct passkey_prompt prompt, again;
    dm_error error;
    int32_t ids[400];
    float weight[400];
    char text[401] = "", expected[120];
    size_t shortest = 400, longest = 0;
    double least = 1, most = 0;
    make_noise(noise, 20000);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(passkey_draw_example(&task, i, 200, 210, &prompt, &error), DM_OK);
        shortest = prompt.length < shortest ? prompt.length : shortest;
        longest = prompt.length > longest ? prompt.length : longest;
        least = prompt.depth < least ? prompt.depth : least;
        most = prompt.depth > most ? prompt.depth : most;
    }
    assert_int_equal(shortest, 200 - 5);
    assert_int_equal(longest, 210 - 5);
    assert_true(least >= 0 && least < 0.05 && most > 0.95 && most <= 1);
    assert_int_equal(passkey_draw_example(&task, 7, 300, 300, &prompt, &error), DM_OK);
    assert_int_equal(passkey_draw_example(&task, 7, 300, 300, &again, &error), DM_OK);
    assert_memory_equal(&prompt, &again, sizeof prompt);
    assert_int_equal(passkey_write_example(&task, &prompt, 0.5F, 0.25F, ids, weight, &error),
                     DM_OK);
    for (size_t t = 0; t < 300; t++)
        text[t] = (char)ids[t];
    check_prompt(&prompt, text);
    assert_string_equal(text + 295, prompt.key);
    snprintf(expected, sizeof expected, "Remember it. %s is the pass key. ", prompt.key);
    const char *second = strstr(text, expected);
    assert_non_null(second);
    second += strlen("Remember it. ");
    for (size_t t = 0; t < 300; t++) {
        bool in_mention = text + t >= second && text + t < second + 5;
        assert_true(weight[t] == (t >= 295 ? 1 : in_mention ? 0.5F : 0.25F));
    }
    /* 88 bytes and the answer are the least */
    assert_int_equal(passkey_draw_example(&task, 1, 93, 93, &prompt, &error), DM_OK);
    assert_int_equal(passkey_draw_example(&task, 1, 92, 92, &prompt, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(passkey_draw_example(&task, 1, 3, 3, &prompt, &error), DM_ERROR_ARGUMENT);
}

static void shuffles_by_key(void **state) {
    (void)state;
    static unsigned char seen[5000];
    const uint64_t counts[] = {1, 2, 3, 4, 5, 16, 17, 1000, 4999};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        memset(seen, 0, sizeof seen);
        for (uint64_t i = 0; i < counts[c]; i++) {
            uint64_t place = draw_place(c * 1000003, i, counts[c]);
            assert_true(place < counts[c]);
            assert_int_equal(seen[place]++, 0);
        }
    }
    size_t n_fixed = 0, n_same = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        n_fixed += draw_place(1, i, 1000) == i;
        n_same += draw_place(1, i, 1000) == draw_place(2, i, 1000);
    }
    assert_true(n_fixed < 10 && n_same < 10); /* of chance: 1 each */
    assert_true(draw_place(3, 12345678901, (uint64_t)1 << 40) < (uint64_t)1 << 40);
}

static void prints_a_grid(void **state) {
    (void)state;
    const double depths[] = {0, 1};
    const size_t lengths[] = {512, 131072};
    struct grid grid;
    char text[2000] = "";
    assert_true(grid_init(&grid, depths, 2, lengths, 2, 2));
    grid.trained = 512;
    for (int i = 0; i < 4; i++)
        grid_add(&grid, (size_t)i / 2, 0, i != 1);
    grid_add(&grid, 0, 1, false);
    grid_add(&grid, 1, 1, true);
    grid_add(&grid, 1, 1, true);
    FILE *stream = fmemopen(text, sizeof text, "w");
    assert_non_null(stream);
    grid_print(&grid, stream, false);
    fclose(stream);
    assert_string_equal(text, " depth    512*  131072\n"
                              "  0.00     1/2       -\n"
                              "  1.00     2/2     2/2\n"
                              "   all     3/4       -\n");
    assert_int_equal(grid_height(&grid), 4);
    stream = fmemopen(text, sizeof text, "w");
    assert_non_null(stream);
    grid_print(&grid, stream, true);
    fclose(stream);
    assert_non_null(strstr(text, "\033[48;5;26;38;5;231m     2/2\033[0m"));
    assert_non_null(strstr(text, "\033[48;5;252;38;5;16m     1/2\033[0m       -\n"));
    grid_free(&grid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_prompt_and_judges_the_answer),
        cmocka_unit_test(draws_by_seed_and_cell),
        cmocka_unit_test(writes_examples_to_train_on),
        cmocka_unit_test(shuffles_by_key),
        cmocka_unit_test(prints_a_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
