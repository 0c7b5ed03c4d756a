/* The prompts of the pass-key source, and how answers are judged, on a stand-in for the library: a
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
#include "passkey_task.h"
#include "passkey_training.h"

dm_status dm_tokenizer_encode(const dm_tokenizer *tokenizer, const char *text, size_t n_byte,
                              int32_t **ids, size_t *n_id, dm_error *error) {
    (void)tokenizer, (void)error;
    *ids = malloc((n_byte + 1) * sizeof **ids);
    for (size_t i = 0; i < n_byte; i++)
        (*ids)[i] = (unsigned char)text[i];
    *n_id = n_byte;
    return DM_OK;
}
void dm_free(void *pointer) {
    free(pointer);
}
/* Digits of its own place every five characters: any run of it tells where it was taken from. */
static void make_haystack(int32_t *haystack, size_t n) {
    for (size_t i = 0; i < n; i += 5) {
        char digits[24];
        snprintf(digits, sizeof digits, "%05zu", i);
        for (size_t j = 0; j < 5 && i + j < n; j++)
            haystack[i + j] = (unsigned char)digits[j];
    }
}

static int32_t haystack[20000];
static const struct passkey_source source = {.text = {20000, token_text_copy, haystack}, .seed = 5};

static void check_prompt(const struct passkey_prompt *prompt, const char *text) {
    char needle[100];
    int n_needle =
        snprintf(needle, sizeof needle, " The pass key is %s. Remember it. %s is the pass key. ",
                 prompt->key, prompt->key);
    const char *question = "Find the pass key:\n", *end = "\nAnswer: ";
    size_t n_hay = prompt->length - strlen(question) - strlen(end) - (size_t)n_needle;
    size_t before = (size_t)(prompt->depth * (double)n_hay + 0.5);
    assert_memory_equal(text, question, strlen(question));
    text += strlen(question);
    for (size_t i = 0; i < before; i++)
        assert_int_equal(*text++, haystack[prompt->start + i]);
    assert_memory_equal(text, needle, (size_t)n_needle);
    text += n_needle;
    for (size_t i = before; i < n_hay; i++)
        assert_int_equal(*text++, haystack[prompt->start + i]);
    assert_memory_equal(text, end, strlen(end));
}

static struct task *make_task_of(const size_t *lengths, size_t n_length, size_t n_depth,
                                 size_t n_key, bool by_loss) {
    const struct passkey_task_options options = {.source = source,
                                                 .lengths = lengths,
                                                 .n_length = n_length,
                                                 .n_depth = n_depth,
                                                 .n_key = n_key,
                                                 .by_loss = by_loss};
    struct task *task = NULL;
    dm_error error;
    make_haystack(haystack, 20000);
    assert_int_equal(passkey_task_new(&options, &task, &error), DM_OK);
    return task;
}

static struct task *make_task(const size_t *lengths, size_t n_length, size_t n_depth,
                              size_t n_key) {
    return make_task_of(lengths, n_length, n_depth, n_key, false);
}

static void builds_prompts_and_judges_answers(void **state) {
    (void)state;
    const size_t lengths[] = {200, 5001};
    struct task *task = make_task(lengths, 2, 3, 2);
    dm_error error;
    assert_int_equal(task->n_prompt, 12);
    assert_string_equal(task->columns.names[1], "5001");
    assert_string_equal(task->rows.names[1], "0.50");
    for (size_t i = 0; i < task->n_prompt; i++) {
        struct task_prompt built;
        struct passkey_prompt prompt;
        char text[5002] = "", wrong[8];
        size_t column, row;
        double score = -1;
        task->cell_of(task, i, &column, &row);
        assert_int_equal(column, i / 6);
        assert_int_equal(row, i / 2 % 3);
        assert_int_equal(task->build(task, i, &built, &error), DM_OK);
        assert_int_equal(built.n_id, lengths[column]);
        assert_int_equal(built.n_new, 5);
        assert_int_equal(built.keep_tail, 1);
        for (size_t t = 0; t < built.n_id; t++)
            text[t] = (char)built.ids[t];
        free(built.ids);
        assert_int_equal(
            passkey_draw(&source, lengths[column], (double)row / 2, i % 2, &prompt, &error), DM_OK);
        check_prompt(&prompt, text);
        json_t *facts = json_object();
        assert_true(task->describe(task, i, facts));
        assert_string_equal(json_string_value(json_object_get(facts, "key")), prompt.key);
        json_decref(facts);
        assert_int_equal(task->judge(task, i, prompt.key, 5, &score, &error), DM_OK);
        assert_true(score == 1);
        snprintf(wrong, sizeof wrong, "%s1", prompt.key); /* one digit too many */
        assert_int_equal(task->judge(task, i, wrong, 6, &score, &error), DM_OK);
        assert_true(score == 0);
        wrong[4] ^= 1;
        assert_int_equal(task->judge(task, i, wrong, 5, &score, &error), DM_OK);
        assert_true(score == 0);
    }
    task_free(task);
}

static void refuses_lengths_that_the_text_has_not(void **state) {
    (void)state;
    const size_t lengths[] = {200, 30000};
    const struct passkey_task_options options = {
        .source = source, .lengths = lengths, .n_length = 2, .n_depth = 1, .n_key = 1};
    struct task *task = NULL;
    dm_error error;
    assert_int_equal(passkey_task_new(&options, &task, &error), DM_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "a prompt of 30000 tokens: the text is too short"));
    assert_null(task);
}

static void draws_by_seed_and_cell(void **state) {
    (void)state;
    struct passkey_prompt a, b;
    struct passkey_source other = source;
    dm_error error;
    other.seed = 6;
    assert_int_equal(passkey_draw(&source, 900, 0.5, 1, &a, &error), DM_OK);
    assert_int_equal(passkey_draw(&source, 900, 0.5, 1, &b, &error), DM_OK);
    assert_string_equal(a.key, b.key);
    assert_int_equal(a.start, b.start);
    const struct {
        const struct passkey_source *source;
        size_t length;
        double depth;
        size_t number;
    } others[] = {{&other, 900, 0.5, 1},
                  {&source, 901, 0.5, 1},
                  {&source, 900, 0.25, 1},
                  {&source, 900, 0.5, 2}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(passkey_draw(others[i].source, others[i].length, others[i].depth,
                                      others[i].number, &b, &error),
                         DM_OK);
        assert_string_not_equal(a.key, b.key);
    }
    assert_int_equal(passkey_draw(&source, 20, 0.5, 1, &b, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(passkey_draw(&source, 21000, 0.5, 1, &b, &error), DM_ERROR_ARGUMENT);
    /* the whole text is just enough: 88 bytes are not haystack */
    assert_int_equal(passkey_draw(&source, 20000 + 88, 0.5, 1, &b, &error), DM_OK);
    assert_int_equal(b.start, 0);
    assert_int_equal(passkey_draw(&source, 20000 + 88 + 1, 0.5, 1, &b, &error), DM_ERROR_ARGUMENT);
}

static void writes_examples_to_train_on(void **state) {
    (void)state;
    struct passkey_prompt prompt, again;
    dm_error error;
    int32_t ids[400];
    float weight[400];
    char text[401] = "", expected[120];
    size_t shortest = 400, longest = 0;
    double min = 1, max = 0;
    make_haystack(haystack, 20000);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(passkey_draw_example(&source, i, 200, 210, &prompt, &error), DM_OK);
        shortest = prompt.length < shortest ? prompt.length : shortest;
        longest = prompt.length > longest ? prompt.length : longest;
        min = prompt.depth < min ? prompt.depth : min;
        max = prompt.depth > max ? prompt.depth : max;
    }
    assert_int_equal(shortest, 200 - 5);
    assert_int_equal(longest, 210 - 5);
    assert_true(min >= 0 && min < 0.05 && max > 0.95 && max <= 1);
    assert_int_equal(passkey_draw_example(&source, 7, 300, 300, &prompt, &error), DM_OK);
    assert_int_equal(passkey_draw_example(&source, 7, 300, 300, &again, &error), DM_OK);
    assert_true(prompt.length == again.length && prompt.depth == again.depth);
    assert_true(prompt.number == again.number && prompt.start == again.start);
    assert_string_equal(prompt.key, again.key);
    assert_int_equal(passkey_write_example(&source, &prompt, 0.5F, 0.25F, ids, weight, &error),
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
    assert_int_equal(passkey_draw_example(&source, 1, 93, 93, &prompt, &error), DM_OK);
    assert_int_equal(passkey_draw_example(&source, 1, 92, 92, &prompt, &error), DM_ERROR_ARGUMENT);
    assert_int_equal(passkey_draw_example(&source, 1, 3, 3, &prompt, &error), DM_ERROR_ARGUMENT);
}

/* The same prompts, with the key behind them. */
static void scores_the_key(void **state) {
    (void)state;
    const size_t length = 300;
    struct task *task = make_task_of(&length, 1, 3, 2, true);
    struct task *asked = make_task(&length, 1, 3, 2);
    dm_error error;
    assert_int_equal(task->measure, TASK_LOSS);
    for (size_t i = 0; i < task->n_prompt; i++) {
        struct task_prompt scored, built;
        json_t *facts = json_object();
        assert_int_equal(task->build(task, i, &scored, &error), DM_OK);
        assert_int_equal(asked->build(asked, i, &built, &error), DM_OK);
        assert_true(task->describe(task, i, facts));
        assert_int_equal(scored.n_id, length + 5);
        assert_int_equal(scored.n_new, 0);
        assert_int_equal(scored.n_scored, 5);
        assert_int_equal(scored.keep_tail, 6);
        assert_memory_equal(scored.ids, built.ids, length * sizeof *built.ids);
        for (size_t t = 0; t < 5; t++)
            assert_int_equal(scored.ids[length + t],
                             json_string_value(json_object_get(facts, "key"))[t]);
        json_decref(facts);
        free(scored.ids);
        free(built.ids);
    }
    task_free(task);
    task_free(asked);
}

static void shuffles_by_key(void **state) {
    (void)state;
    static unsigned char seen[5000];
    const uint64_t counts[] = {1, 2, 3, 4, 5, 16, 17, 1000, 4999};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        memset(seen, 0, sizeof seen);
        for (uint64_t i = 0; i < counts[c]; i++) {
            uint64_t place = draw_shuffled(c * 1000003, i, counts[c]);
            assert_true(place < counts[c]);
            assert_int_equal(seen[place]++, 0);
        }
    }
    size_t n_fixed = 0, n_same = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        n_fixed += draw_shuffled(1, i, 1000) == i;
        n_same += draw_shuffled(1, i, 1000) == draw_shuffled(2, i, 1000);
    }
    assert_true(n_fixed < 10 && n_same < 10); /* of chance: 1 each */
    assert_true(draw_shuffled(3, 12345678901, (uint64_t)1 << 40) < (uint64_t)1 << 40);
}

static void prints_a_grid(void **state) {
    (void)state;
    const size_t lengths[] = {512, 13107};
    struct task *asked = make_task(lengths, 2, 2, 2);
    struct grid grid;
    char text[2000] = "";
    assert_true(grid_init(&grid, asked, 512));
    for (size_t i = 0; i < 4; i++)
        grid_add(&grid, i, i != 1);
    grid_add(&grid, 4, false);
    grid_add(&grid, 6, true);
    grid_add(&grid, 7, true);
    assert_int_equal(grid_sum(&grid).n, 8);
    assert_int_equal(grid_sum(&grid).done, 7);
    assert_int_equal(grid_sum(&grid).right, 5);
    assert_true(grid_has_mark(&grid));
    FILE *stream = fmemopen(text, sizeof text, "w");
    assert_non_null(stream);
    grid_print(&grid, stream, false);
    fclose(stream);
    assert_string_equal(text, " depth    512*   13107\n"
                              "  0.00     1/2       -\n"
                              "  1.00     2/2     2/2\n"
                              "   all     3/4       -\n");
    assert_int_equal(grid_height(&grid), 4);
    assert_int_equal(grid_width(&grid), strlen("  0.00     1/2       -"));
    stream = fmemopen(text, sizeof text, "w");
    assert_non_null(stream);
    grid_print(&grid, stream, true);
    fclose(stream);
    assert_non_null(strstr(text, "\033[48;5;26;38;5;231m     2/2\033[0m"));
    assert_non_null(strstr(text, "\033[48;5;252;38;5;16m     1/2\033[0m       -\n"));
    grid_free(&grid);
    task_free(asked);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_prompts_and_judges_answers),
        cmocka_unit_test(refuses_lengths_that_the_text_has_not),
        cmocka_unit_test(draws_by_seed_and_cell),
        cmocka_unit_test(writes_examples_to_train_on),
        cmocka_unit_test(scores_the_key),
        cmocka_unit_test(shuffles_by_key),
        cmocka_unit_test(prints_a_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
