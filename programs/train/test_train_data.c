/* What a training learns from: windows, their order, labels and weights, with a token per byte. */
#include "train_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_support.h"
#include "train_curriculum.h"

static dm_tokenizer *tokenizer;

static const struct train_settings usual = {
    .length = 64, .chunks = 1, .held_out = 10, .batch_tokens = 256, .text_weight = 0.25};

/* A file in test_directory; its path is the caller's to free. */
static char *write_file(const char *name, const char *text, size_t n) {
    char *path = strdup(test_join(test_directory, name));
    assert_non_null(path);
    test_write_file(path, text, n);
    return path;
}

/* Text in which any two neighbours tell their place: n <= 95 * 95. */
static void fill_text(char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        text[i] = (char)(32 + (i % 2 ? i / 2 / 95 : i / 2) % 95);
}

static size_t place_of(const struct train_data *data, const struct example *example) {
    return (size_t)(example->ids - data->corpus.ids);
}

static void predicts_each_token_once_in_an_epoch(void **state) {
    (void)state;
    static char text[1000], shorter[10];
    static unsigned char predicted[1011];
    struct train_settings settings = usual;
    struct train_data data;
    struct example example;
    size_t order[2][40], n_different = 0;
    fill_text(text, sizeof text);
    fill_text(shorter, sizeof shorter);
    char *paths[] = {write_file("a.txt", text, 1000), write_file("b.txt", shorter, 10),
                     write_file("c.txt", "x", 1)};
    settings.text = (struct text_list){{paths[0], paths[1], paths[2]}, 3, false};
    assert_true(train_data_read(&data, &settings, tokenizer, false));
    assert_int_equal(data.corpus.n_id, 1011);
    assert_int_equal(data.n_window, 16 + 1); /* 999 / 63, 9 / 63, and nothing to predict */
    for (size_t epoch = 0; epoch < 2; epoch++) {
        memset(predicted, 0, sizeof predicted);
        for (size_t i = 0; i < 17; i++) {
            assert_true(train_example(&data, epoch * 17 + i, 64, &example));
            assert_true(example.n >= 2 && example.n <= 64);
            assert_int_equal(example.n_label, example.n); /* text: all */
            order[epoch][i] = place_of(&data, &example);
            for (size_t t = 1; t < example.n; t++)
                predicted[order[epoch][i] + t]++;
        }
        for (size_t i = 0; i < 1011; i++)
            assert_int_equal(predicted[i], i != 0 && i != 1000 && i != 1010);
    }
    for (size_t i = 0; i < 17; i++)
        n_different += order[0][i] != order[1][i];
    assert_true(n_different > 8);
    train_data_free(&data);
    for (size_t i = 0; i < 3; i++)
        free(paths[i]);
}

static void draws_by_number_and_seed(void **state) {
    (void)state;
    static char text[5000];
    struct train_settings settings = usual;
    struct train_data data;
    struct example example;
    size_t places[2][60], n_same = 0, n_inside = 0;
    fill_text(text, sizeof text);
    char *path = write_file("d.txt", text, sizeof text);
    settings.text = (struct text_list){{path}, 1, false};
    assert_true(train_data_read(&data, &settings, tokenizer, false));
    for (size_t i = 0; i < 60; i++) { /* shorter sequences: runs of a window, anywhere in it */
        assert_true(train_example(&data, i, 20, &example));
        assert_int_equal(example.n, 20);
        places[0][i] = place_of(&data, &example);
        n_inside += places[0][i] % 63 != 0;
        assert_true(places[0][i] % 63 + 20 <= 64);
    }
    assert_true(n_inside > 30);
    for (size_t i = 60; i-- > 0;) { /* any order of asking */
        assert_true(train_example(&data, i, 20, &example));
        assert_int_equal(place_of(&data, &example), places[0][i]);
    }
    settings.seed = 1;
    for (size_t i = 0; i < 60; i++) {
        assert_true(train_example(&data, i, 20, &example));
        n_same += place_of(&data, &example) == places[0][i];
    }
    assert_true(n_same < 10);
    train_data_free(&data);
    free(path);
}

/* As deci_num_chunks has it: each pass learns what it is the first to read, but for a first token. */
static void reads_in_chunks(void **state) {
    (void)state;
    static char text[500];
    struct train_settings settings = usual;
    struct train_data data;
    struct train_batch batch;
    struct example first, example;
    fill_text(text, sizeof text);
    char *path = write_file("e.txt", text, sizeof text);
    settings.text = (struct text_list){{path}, 1, false};
    settings.text_weight = 0;
    settings.chunks = 3;
    settings.chunks_given = true;
    assert_true(train_data_read(&data, &settings, tokenizer, false));
    assert_true(train_batch_init(&batch, 128));
    assert_int_equal(data.n_window, 8);
    for (size_t window = 0; window < 16; window++) { /* twice, one of them of 59 tokens */
        const size_t whole[] = {21, 42, 64}, last[] = {19, 39, 59};
        assert_true(train_example(&data, 3 * window, 64, &first));
        const size_t *n = first.n == last[0] ? last : whole;
        train_batch_clear(&batch);
        for (size_t pass = 0; pass < 3; pass++) {
            size_t before = pass ? n[pass - 1] : 0;
            assert_true(train_example(&data, 3 * window + pass, 64, &example));
            assert_ptr_equal(example.ids, first.ids);
            assert_int_equal(example.n, n[pass]);
            assert_int_equal(example.n_label, n[pass] - before - 1);
            assert_true(train_batch_add(&batch, &data, &example));
            dm_training_batch view = train_batch_view(&batch);
            assert_int_equal(view.keep_tail[pass], n[pass] - before); /* of the first, all */
            for (size_t t = 0; t < n[pass]; t++)
                assert_true(view.weight[view.start[pass] + t] == (t > before));
        }
    }
    assert_int_equal(train_data_held_out(&data), 3 * data.n_window); /* no ten windows */
    train_data_free(&data);
    /* once, in one piece: each token but the first, and all is tail */
    settings.chunks = 1;
    assert_true(train_data_read(&data, &settings, tokenizer, false));
    assert_true(train_example(&data, 0, 64, &example));
    assert_int_equal(example.n_label, example.n - 1);
    train_batch_clear(&batch);
    assert_true(train_batch_add(&batch, &data, &example));
    assert_int_equal(train_batch_view(&batch).keep_tail[0], example.n);
    train_data_free(&data);
    /* an end of a text that leaves a pass no label is left out */
    settings.chunks = 30;
    assert_true(train_data_read(&data, &settings, tokenizer, false));
    assert_int_equal(data.n_window, 7);
    assert_int_equal(data.n_too_short, 1);
    for (size_t i = 0; i < 7 * 30; i++) {
        assert_true(train_example(&data, i, 64, &example));
        assert_int_equal(example.n, 64 * (i % 30 + 1) / 30);
        assert_true(example.n_label >= 1 && example.n_label <= 2);
    }
    train_data_free(&data);
    train_batch_free(&batch);
    free(path);
    /* a prompt with its completion would be read 30 times */
    static const char line[] = "{\"prompt\": \"a\", \"completion\": \"b\"}";
    path = write_file("e.jsonl", line, sizeof line - 1);
    settings.text.n = 0;
    settings.jsonl = (struct text_list){{path}, 1, false};
    assert_false(train_data_read(&data, &settings, tokenizer, false));
    train_data_free(&data);
    free(path);
}

/* Each of a step's sequences reads a text on, token after token, until the text or the epoch ends. */
static void reads_on_from_step_to_step(void **state) {
    (void)state;
    enum { n_stream = 2 * 3, n_window = 16 + 3, n_turn = n_window / n_stream };
    static char text[1001], shorter[190];
    static bool read[1191];
    struct train_settings settings = usual;
    struct train_data data;
    struct example example, last[n_stream];
    size_t n_place[2] = {0, 0}, n_fresh = 0;
    fill_text(text, sizeof text);
    fill_text(shorter, sizeof shorter);
    char *paths[] = {write_file("m.txt", text, sizeof text), /* 15 chunks, one of 41 tokens, */
                     write_file("n.txt", shorter, sizeof shorter), write_file("o.txt", "x", 1)};
    settings.text = (struct text_list){{paths[0], paths[1], paths[2]}, 3, false};
    settings.carry = CARRY_NEXT;
    settings.accumulate = 2, settings.batch_tokens = 3 * 64 + 63;
    assert_true(train_data_read(&data, &settings, tokenizer, false));
    assert_int_equal(data.n_window, n_window); /* and 3, of 62 the last one */
    for (size_t i = 0; i < 2 * n_turn * n_stream; i++) {
        size_t stream = i % n_stream, turn = i / n_stream;
        assert_true(train_example(&data, i, 64, &example));
        assert_int_equal(example.n_label, example.n);
        size_t place = place_of(&data, &example);
        bool begins = place == 0 || place == sizeof text;
        assert_int_equal(example.from_zero, begins || turn % n_turn == 0);
        n_fresh += example.from_zero;
        if (turn % n_turn) {
            const struct example *before = &last[stream];
            size_t end = place_of(&data, before) + before->n;
            assert_int_equal(place, begins && place == 0 ? 0 : end);
        }
        for (size_t t = 0; t < example.n; t++) {
            assert_false(turn < n_turn && read[place + t]); /* once in an epoch */
            read[place + t] |= turn < n_turn;
        }
        if (i % (n_turn * n_stream) == 0)
            n_place[i / (n_turn * n_stream)] = place;
        last[stream] = example;
    }
    assert_true(n_place[0] != n_place[1]); /* epochs begin elsewhere */
    assert_true(n_fresh >= 2 * n_stream && n_fresh <= 2 * (n_stream + 2));
    train_data_free(&data);
    /* what is looked at is cut as ever, and a part of the sequences may start from zero */
    settings.held_out_text = settings.text;
    assert_true(train_data_read(&data, &settings, tokenizer, true));
    assert_int_equal(data.n_window, 16 + 3);
    assert_int_equal(data.stride, 63);
    train_data_free(&data);
    settings.carry = CARRY_OTHER;
    settings.carry_reset = 0.25;
    assert_true(train_data_read(&data, &settings, tokenizer, false));
    size_t n_reset = 0;
    for (size_t i = 0; i < 1000; i++) {
        assert_true(train_example(&data, i, 64, &example));
        n_reset += example.from_zero;
    }
    assert_true(n_reset > 250 - 55 && n_reset < 250 + 55); /* four deviations */
    train_data_free(&data);
    for (int i = 0; i < 3; i++)
        free(paths[i]);
}

static void learns_completions(void **state) {
    (void)state;
    static const char lines[] = "{\"prompt\": \"abc\", \"completion\": \"de\"}\n\n"
                                "{\"prompt\": \"0123456789012345678901234567890123456789\","
                                " \"completion\": \"0123456789012345678901234567890123456789\"}\r\n"
                                "{\"text\": \"words\"}"; /* no newline at the end */
    struct train_settings settings = usual;
    struct train_data data;
    struct train_batch batch;
    struct example example;
    char *path = write_file("f.jsonl", lines, sizeof lines - 1);
    settings.jsonl = (struct text_list){{path}, 1, false};
    assert_true(train_data_read(&data, &settings, tokenizer, false));
    assert_int_equal(data.n_window, 2);
    assert_int_equal(data.n_too_long, 1);
    assert_true(train_batch_init(&batch, 10));
    for (size_t i = 0; i < 2; i++) {
        assert_true(train_example_held_out(&data, i, &example));
        assert_true(train_batch_fits(&batch, &example));
        assert_true(train_batch_add(&batch, &data, &example));
    }
    assert_false(train_batch_fits(&batch, &example));
    dm_training_batch view = train_batch_view(&batch);
    const float weight[10] = {0.25F, 0.25F, 0.25F, 1, 1, 1, 1, 1, 1, 1};
    const size_t start[3] = {0, 5, 10}, keep_tail[2] = {3, 1};
    assert_int_equal(view.n_sequence, 2);
    assert_memory_equal(view.weight, weight, sizeof weight);
    assert_memory_equal(view.start, start, sizeof start);
    assert_memory_equal(view.keep_tail, keep_tail, sizeof keep_tail);
    for (size_t t = 0; t < 10; t++)
        assert_int_equal(view.ids[t], "abcdewords"[t]);
    settings.loss = LOSS_LAST; /* the last two, wherever they are */
    settings.labels = 2;
    assert_true(train_example_held_out(&data, 1, &example));
    assert_int_equal(example.n_label, 2);
    settings.loss = LOSS_ALL;
    assert_true(train_example_held_out(&data, 0, &example));
    assert_int_equal(example.n_label, 5);
    train_batch_free(&batch);
    train_data_free(&data);
    free(path);
}

static void draws_prompts(void **state) {
    (void)state;
    static char text[3000];
    struct train_settings settings = usual;
    struct train_data data, held_out;
    struct train_batch batch;
    struct example example, other;
    fill_text(text, sizeof text);
    char *path = write_file("g.txt", text, sizeof text);
    settings.text = settings.held_out_text = (struct text_list){{path}, 1, false};
    settings.task = TASK_PASSKEY;
    settings.length = 200;
    settings.mention_weight = 0.5;
    assert_true(train_data_read(&data, &settings, tokenizer, false));
    assert_true(train_data_read(&held_out, &settings, tokenizer, true));
    assert_int_equal(train_data_held_out(&held_out), 10);
    assert_true(train_example(&data, 3, 150, &example));
    assert_int_equal(example.n, 150);
    assert_true(train_example_held_out(&held_out, 3, &other));
    assert_int_equal(other.n, 200);
    assert_string_not_equal(example.prompt.key, other.prompt.key);
    assert_true(train_batch_init(&batch, 400));
    assert_true(train_batch_add(&batch, &data, &example));
    assert_true(train_batch_add(&batch, &held_out, &other));
    dm_training_batch view = train_batch_view(&batch);
    assert_int_equal(view.keep_tail[0], 6);
    double sums[2] = {0};
    for (size_t t = 0; t < 350; t++)
        sums[t >= 150] += view.weight[t];
    assert_true(sums[0] == 5 + 0.5 * 5 + 0.25 * 140); /* answer, mention, the rest */
    assert_true(sums[1] == 5);                        /* held out: the answer alone */
    settings.shortest = 120;
    settings.shortest_given = true;
    size_t n_shorter = 0;
    for (size_t i = 0; i < 50; i++) {
        assert_true(train_example(&data, i, 150, &example));
        assert_true(example.n >= 120 && example.n <= 150);
        n_shorter += example.n < 135;
    }
    assert_true(n_shorter > 10 && n_shorter < 40);
    train_batch_free(&batch);
    train_data_free(&data);
    train_data_free(&held_out);
    free(path);
}

static void draws_documents(void **state) {
    (void)state;
    enum { length = 2500, n_example = 40 };
    struct train_settings settings = usual;
    struct train_data data, held_out, seeded;
    struct train_batch batch;
    struct example example, other;
    size_t n[n_example], n_same = 0, n_fewer = 0, n_all = 0;
    settings.task = TASK_RETRIEVAL;
    settings.squad = test_source("data/squad/dev-v2.0.json");
    settings.held_out_squad = test_data("documents/tiny.json");
    settings.length = length;
    settings.documents = 6;
    assert_true(train_data_read(&data, &settings, tokenizer, false));
    assert_true(train_data_read(&held_out, &settings, tokenizer, true));
    assert_int_equal(train_data_held_out(&held_out), 10);
    assert_int_equal(data.n_too_long, 0);
    assert_int_equal(train_data_highest_id(&data), 0xe2); /* of a dash */
    assert_true(train_data_hash(&data, 1) != train_data_hash(&held_out, 1));
    assert_true(train_data_hash(&data, 1) != train_data_hash(&data, 2));
    for (size_t i = 0; i < n_example; i++) {
        assert_true(train_example(&data, i, 6, &example));
        assert_true(example.n <= length && example.documents.prompt.n >= 1);
        n[i] = example.n;
        n_all += example.documents.prompt.n == 6;
        assert_true(train_example(&data, i, 2, &other)); /* while the number still grows */
        assert_true(other.documents.prompt.n == 2 && other.n < example.n);
        assert_int_equal(other.documents.prompt.question, example.documents.prompt.question);
    }
    n_fewer = n_example - n_all;
    assert_true(n_all > 0 && n_fewer > 0); /* some are cut to the length */
    settings.seed = 1;
    assert_true(train_data_read(&seeded, &settings, tokenizer, false));
    assert_true(train_data_hash(&data, 1) == train_data_hash(&seeded, 1));
    for (size_t i = n_example; i-- > 0;) { /* any order of asking */
        assert_true(train_example(&data, i, 6, &example));
        assert_int_equal(example.n, n[i]);
        assert_true(train_example(&seeded, i, 6, &other));
        n_same += other.documents.prompt.question == example.documents.prompt.question;
    }
    assert_true(n_same < 5);

    assert_true(train_example(&data, 3, 2, &example));
    assert_true(train_example_held_out(&held_out, 4, &other));
    assert_int_equal(other.documents.prompt.n, 6);
    assert_true(train_batch_init(&batch, example.n + other.n));
    assert_true(train_batch_add(&batch, &data, &example));
    assert_true(train_batch_fits(&batch, &other));
    assert_true(train_batch_add(&batch, &held_out, &other));
    dm_training_batch view = train_batch_view(&batch);
    char answer[40];
    int n_answer = snprintf(answer, sizeof answer, " <|Answer|> <|Document %zu|>",
                            document_golden_id(&example.documents.prompt));
    assert_int_equal(view.start[1], example.n);
    assert_int_equal(view.start[2], example.n + other.n);
    for (size_t t = 0; t < 9; t++)
        assert_int_equal(view.ids[t], " <|Query|"[t]);
    for (size_t t = 0; t < (size_t)n_answer; t++)
        assert_int_equal(view.ids[example.n - (size_t)n_answer + t], answer[t]);
    /* this tokenizer has no <|endoftext|> */
    assert_int_equal(example.n_label, (size_t)n_answer - strlen(" <|Answer|> <|Document "));
    assert_int_equal(view.keep_tail[0], example.n_label + 1);
    for (size_t t = 0; t < example.n; t++)
        assert_true(view.weight[t] == (t < example.n - example.n_label ? 0.25F : 1));
    for (size_t t = 0; t < other.n; t++)
        assert_true(view.weight[example.n + t] == (t < other.n - other.n_label ? 0 : 1));
    train_batch_free(&batch);
    train_data_free(&data);
    train_data_free(&held_out);
    train_data_free(&seeded);

    settings.length = 500; /* some questions fit with no paragraph */
    assert_true(train_data_read(&data, &settings, tokenizer, false));
    assert_true(data.n_too_long > 0 && data.documents.n_question > 0);
    for (size_t i = 0; i < n_example; i++) {
        assert_true(train_example(&data, i, 6, &example));
        assert_true(example.n <= 500 && example.documents.prompt.n == 1);
    }
    train_data_free(&data);
    settings.documents = 61;
    assert_false(train_data_read(&data, &settings, tokenizer, false));
    train_data_free(&data);
    settings.squad = "nowhere.json";
    assert_false(train_data_read(&data, &settings, tokenizer, false));
    train_data_free(&data);
}

static void grows_examples_in_a_line(void **state) {
    (void)state;
    struct train_settings settings = usual;
    settings.steps = 10;
    settings.documents = 12;
    settings.documents_over = 0.5;
    assert_int_equal(train_size_at(&settings, 0), 64);
    settings.task = TASK_RETRIEVAL;
    assert_int_equal(train_size_at(&settings, 0), 12);
    settings.documents_start = 2;
    settings.documents_start_given = true;
    const size_t documents[] = {2, 4, 6, 8, 10, 12, 12, 12, 12, 12, 12};
    for (size_t step = 0; step <= 10; step++)
        assert_int_equal(train_size_at(&settings, step), documents[step]);
    assert_int_equal(train_length_at(&settings, 0), 64);
}

static void knows_data_by_its_hash(void **state) {
    (void)state;
    char *paths[] = {write_file("h1.txt", "ab", 2), write_file("h2.txt", "c", 1),
                     write_file("h3.txt", "abc", 3), write_file("h4.txt", "a", 1),
                     write_file("h5.txt", "bc", 2)};
    const struct text_list lists[] = {
        {{paths[2]}, 1, false}, {{paths[0], paths[1]}, 2, false}, {{paths[3], paths[4]}, 2, false}};
    const struct text_list none = {{0}, 0, false};
    uint64_t hashes[3];
    for (size_t i = 0; i < 3; i++) {
        struct corpus corpus;
        assert_true(corpus_read(&corpus, tokenizer, &lists[i], &none, true));
        assert_int_equal(corpus.n_id, 3);
        hashes[i] = corpus_hash(&corpus, 1);
        assert_true(hashes[i] == corpus_hash(&corpus, 1));
        assert_false(hashes[i] == corpus_hash(&corpus, 2));
        corpus_free(&corpus);
    }
    assert_false(hashes[0] == hashes[1]);
    assert_false(hashes[1] == hashes[2]);
    for (size_t i = 0; i < 5; i++)
        free(paths[i]);
}

static int set_up(void **state) {
    dm_error error;
    test_set_up(state);
    return (int)dm_tokenizer_load(test_source("tests/cli/ascii"), &tokenizer, &error);
}

static int tear_down(void **state) {
    dm_tokenizer_free(tokenizer);
    return test_tear_down(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predicts_each_token_once_in_an_epoch),
        cmocka_unit_test(draws_by_number_and_seed),
        cmocka_unit_test(reads_in_chunks),
        cmocka_unit_test(reads_on_from_step_to_step),
        cmocka_unit_test(learns_completions),
        cmocka_unit_test(draws_prompts),
        cmocka_unit_test(draws_documents),
        cmocka_unit_test(grows_examples_in_a_line),
        cmocka_unit_test(knows_data_by_its_hash),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
