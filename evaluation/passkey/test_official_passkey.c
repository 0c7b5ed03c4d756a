/* Pass-key prompts in the official form against those that a script builds from the same draws with
 * nltk and Hugging Face's tokenizers; what all of them must have; answers; and what is refused. */
#include "official_passkey.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "test_support.h"

struct bytes {
    char *at;
    size_t n;
};

static struct bytes read_file(const char *path) {
    struct bytes bytes;
    bytes.at = (char *)test_read_file(test_source(path), &bytes.n);
    assert_true(bytes.n > 0);
    return bytes;
}

struct material {
    struct bytes text, keys;
    dm_tokenizer *tokenizer;
};

static void load(struct material *material, const char *tokenizer) {
    dm_error error;
    material->text = read_file("data/wikitext2/wiki.test.raw");
    material->keys = read_file("data/babilong/codes_test.txt");
    const char *path = test_join(test_data("tokenizer"), tokenizer);
    assert_int_equal(dm_tokenizer_load(path, &material->tokenizer, &error), DM_OK);
}

static void unload(struct material *material) {
    free(material->text.at);
    free(material->keys.at);
    dm_tokenizer_free(material->tokenizer);
}

static struct official_passkey_options options_of(const struct material *material) {
    return (struct official_passkey_options){.tokenizer = material->tokenizer,
                                             .text = material->text.at,
                                             .n_text = material->text.n,
                                             .text_name = "wiki.test.raw",
                                             .keys = material->keys.at,
                                             .n_keys = material->keys.n,
                                             .keys_name = "codes_test.txt",
                                             .n_depth = 5,
                                             .n_key = 1};
}

static struct task *make_task(const struct official_passkey_options *options) {
    struct task *task = NULL;
    dm_error error = {0};
    dm_status status = official_passkey_task_new(options, &task, &error);
    if (status)
        print_error("%s\n", error.message);
    assert_int_equal(status, DM_OK);
    return task;
}

static struct task_prompt build(const struct task *task, size_t i) {
    struct task_prompt prompt;
    dm_error error;
    assert_int_equal(task->build(task, i, &prompt, &error), DM_OK);
    return prompt;
}

/* FNV-1a, as scripts/make_passkey_cases.py has it. */
static uint64_t hash(const struct task_prompt *prompt) {
    uint64_t value = 0xcbf29ce484222325u;
    for (size_t t = 0; t < prompt->n_id; t++)
        for (int shift = 0; shift < 32; shift += 8)
            value = (value ^ ((uint32_t)prompt->ids[t] >> shift & 0xff)) * 0x100000001b3u;
    return value;
}

static size_t get_size(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return (size_t)json_integer_value(value);
}

static const char *get_text(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static void check_prompt(const struct task *task, size_t i, const json_t *expected) {
    struct task_prompt prompt = build(task, i);
    const json_t *ids = json_object_get(expected, "ids");
    assert_int_equal(prompt.n_id, get_size(expected, "n_id"));
    for (size_t t = 0; t < json_array_size(ids); t++)
        assert_int_equal(prompt.ids[t], json_integer_value(json_array_get(ids, t)));
    assert_true(hash(&prompt) == strtoull(get_text(expected, "hash"), NULL, 16));
    assert_int_equal(prompt.n_new, 10);
    assert_int_equal(prompt.n_scored, 0);
    assert_int_equal(prompt.keep_tail, 1);
    assert_null(prompt.stop);
    free(prompt.ids);

    json_t *said = json_object();
    assert_true(task->describe(task, i, said));
    assert_string_equal(get_text(said, "key"), get_text(expected, "key"));
    assert_int_equal(get_size(said, "first_row"), get_size(expected, "first_row"));
    assert_int_equal(get_size(said, "fact_at"), get_size(expected, "fact_at"));
    json_decref(said);
}

static void check_group(const json_t *group) {
    struct material material;
    load(&material, get_text(group, "tokenizer"));
    struct official_passkey_options options = options_of(&material);
    const json_t *lengths = json_object_get(group, "lengths"),
                 *prompts = json_object_get(group, "prompts");
    size_t values[8];
    options.lengths = values;
    options.n_length = json_array_size(lengths);
    assert_true(options.n_length <= 8);
    for (size_t l = 0; l < options.n_length; l++)
        values[l] = (size_t)json_integer_value(json_array_get(lengths, l));
    options.n_depth = get_size(group, "n_depth");
    options.n_key = get_size(group, "n_key");
    options.seed = strtoull(get_text(group, "seed"), NULL, 10);
    struct task *task = make_task(&options);
    memset(values, 0, sizeof values); /* the task has its own */
    assert_int_equal(task->n_prompt, json_array_size(prompts));
    assert_true(task->n_prompt > 0);
    for (size_t i = task->n_prompt; i-- > 0;) /* in any order */
        check_prompt(task, i, json_array_get(prompts, i));
    task_free(task);
    unload(&material);
}

static void builds_prompts_as_the_official_evaluation(void **state) {
    (void)state;
    struct bytes file = read_file("tests/data/passkey/official.jsonl");
    size_t n_group = 0;
    for (size_t begin = 0; begin < file.n; n_group++) {
        const char *end = memchr(file.at + begin, '\n', file.n - begin);
        assert_non_null(end);
        json_error_t error;
        json_t *group = json_loadb(file.at + begin, (size_t)(end - file.at) - begin,
                                   JSON_REJECT_DUPLICATES, &error);
        assert_non_null(group);
        check_group(group);
        json_decref(group);
        begin = (size_t)(end - file.at) + 1;
    }
    assert_true(n_group >= 5);
    free(file.at);
}

static size_t find_ids(const struct task_prompt *prompt, const int32_t *ids, size_t n, size_t *at) {
    size_t n_found = 0;
    for (size_t t = 0; t + n <= prompt->n_id; t++)
        if (!memcmp(prompt->ids + t, ids, n * sizeof *ids)) {
            *at = t;
            n_found++;
        }
    return n_found;
}

struct part {
    int32_t *ids;
    size_t n;
};

static struct part encode(const dm_tokenizer *tokenizer, const char *text) {
    struct part part;
    dm_error error;
    assert_int_equal(dm_tokenizer_encode(tokenizer, text, strlen(text), &part.ids, &part.n, &error),
                     DM_OK);
    return part;
}

/* Length, question, ending, and the needle, once, whole, within a tenth of its depth. */
static void check_shape(const struct material *material, const struct task *task, size_t i,
                        char key[24]) {
    struct task_prompt prompt = build(task, i);
    size_t column, row, at = 0;
    char text[200];
    json_t *said = json_object();
    task->cell_of(task, i, &column, &row);
    double length = task->columns.values[column], depth = task->rows.values[row];
    assert_true(task->describe(task, i, said));
    snprintf(key, 24, "%s", get_text(said, "key"));
    json_decref(said);
    snprintf(text, sizeof text, "The pass key is %s. Remember it. %s is the pass key. ", key, key);
    struct part question = encode(material->tokenizer,
                                  "There is an important pass key hidden inside a lot of "
                                  "irrelevant text. Find it and memorize it:\n"),
                needle = encode(material->tokenizer, text),
                ending = encode(material->tokenizer, "\nAnswer: ");
    assert_int_equal(prompt.n_id, question.n + (size_t)length + ending.n);
    assert_memory_equal(prompt.ids, question.ids, question.n * sizeof *question.ids);
    assert_memory_equal(prompt.ids + prompt.n_id - ending.n, ending.ids,
                        ending.n * sizeof *ending.ids);
    assert_int_equal(find_ids(&prompt, needle.ids, needle.n, &at), 1);
    double begin = (double)(at - question.n), end = begin + (double)needle.n;
    assert_true(begin >= floor((depth - 0.1) * length) && end <= (depth + 0.1) * length);
    assert_true(begin >= 0 && end < length); /* haystack behind it always */
    free(prompt.ids);
    dm_free(question.ids);
    dm_free(needle.ids);
    dm_free(ending.ids);
}

static void has_exact_lengths_and_depths(void **state) {
    (void)state;
    struct material material;
    load(&material, "neox");
    const size_t lengths[] = {3001, 1000, 4096, 20000};
    struct official_passkey_options options = options_of(&material);
    options.lengths = lengths;
    options.n_length = 4;
    options.n_depth = 11;
    options.n_key = 3;
    options.seed = 12;
    struct task *task = make_task(&options);
    assert_int_equal(task->n_prompt, 4 * 11 * 3);
    assert_string_equal(task->columns.name, "tokens");
    assert_string_equal(task->columns.names[3], "20000");
    assert_string_equal(task->rows.name, "depth");
    assert_int_equal(task->measure, TASK_RIGHT);
    assert_false(task->mean_of_rows);
    for (size_t i = 0; i < task->n_prompt; i += 3) {
        char keys[3][24];
        size_t column, row;
        for (size_t k = 0; k < 3; k++) {
            task->cell_of(task, i + k, &column, &row);
            assert_int_equal(column, i / 33);
            assert_int_equal(row, i / 3 % 11);
            check_shape(&material, task, i + k, keys[k]);
        }
        assert_string_not_equal(keys[0], keys[1]);
        assert_string_not_equal(keys[0], keys[2]);
        assert_string_not_equal(keys[1], keys[2]);
    }
    task_free(task);
    unload(&material);
}

static void depends_on_seed_and_cell_alone(void **state) {
    (void)state;
    struct material material;
    load(&material, "bytes");
    const size_t lengths[] = {700, 900}, other_lengths[] = {900};
    struct official_passkey_options options = options_of(&material);
    options.lengths = lengths;
    options.n_length = 2;
    options.n_key = 2;
    options.seed = 7;
    struct task *task = make_task(&options), *again = make_task(&options);
    options.lengths = other_lengths;
    options.n_length = 1;
    options.n_key = 3; /* a part of what the first one has, and more */
    struct task *other = make_task(&options);
    options.seed = 8;
    struct task *reseeded = make_task(&options);
    size_t n_same = 0;
    for (size_t d = 0; d < 5; d++)
        for (size_t k = 0; k < 2; k++) {
            struct task_prompt prompts[] = {build(task, 10 + d * 2 + k),
                                            build(again, 10 + d * 2 + k), build(other, d * 3 + k),
                                            build(reseeded, d * 3 + k), build(task, d * 2 + k)};
            uint64_t first = hash(&prompts[0]);
            assert_true(first == hash(&prompts[1]));
            assert_true(first == hash(&prompts[2]));
            n_same += first == hash(&prompts[3]);
            assert_true(first != hash(&prompts[4]));
            for (size_t p = 0; p < 5; p++)
                free(prompts[p].ids);
        }
    assert_int_equal(n_same, 0);
    task_free(task);
    task_free(again);
    task_free(other);
    task_free(reseeded);
    unload(&material);
}

static void judges_by_pieces_between_blanks(void **state) {
    (void)state;
    struct material material;
    load(&material, "bytes");
    const size_t lengths[] = {500};
    struct official_passkey_options options = options_of(&material);
    options.lengths = lengths;
    options.n_length = 1;
    options.keys = "4275\n";
    options.n_keys = 5;
    struct task *task = make_task(&options);
    const struct {
        const char *answer;
        double score;
    } cases[] = {{"4275", 1},
                 {"4275 is the pass", 1},
                 {" 4275", 1},
                 {"is 4275 ", 1},
                 {"no  4275  yes", 1},
                 {"", 0},
                 {" ", 0},
                 {"4275.", 0},
                 {"4275\n", 0},
                 {"\n4275", 0},
                 {"04275", 0},
                 {"42750 427 5", 0},
                 {"427", 0},
                 {"4 2 7 5", 0},
                 {"4275\t", 0},
                 {"(4275) 4275", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double score = -1;
        dm_error error;
        assert_int_equal(
            task->judge(task, 3, cases[i].answer, strlen(cases[i].answer), &score, &error), DM_OK);
        assert_true(score == cases[i].score);
    }
    task_free(task);
    unload(&material);
}

static void refuse(const struct official_passkey_options *options, dm_status status,
                   const char *message) {
    struct task *task = NULL;
    dm_error error = {0};
    assert_int_equal(official_passkey_task_new(options, &task, &error), status);
    assert_int_equal(error.status, status);
    assert_string_equal(error.message, message);
    assert_null(task);
}

static void refuse_keys(struct official_passkey_options options, const char *keys,
                        const char *message) {
    options.keys = keys;
    options.n_keys = strlen(keys);
    refuse(&options, DM_ERROR_FORMAT, message);
}

static void refuse_text(struct official_passkey_options options, const char *text,
                        const char *message) {
    options.text = text;
    options.n_text = strlen(text);
    refuse(&options, DM_ERROR_FORMAT, message);
}

static void refuses_what_makes_no_prompts(void **state) {
    (void)state;
    struct material material;
    load(&material, "bytes");
    size_t length = 56;
    struct official_passkey_options options = options_of(&material);
    options.lengths = &length;
    options.n_length = 1;
    options.keys = " 1234\r\n1234\n\n \n"; /* blanks around keys, empty lines at the end */
    options.n_keys = strlen(options.keys);
    /* the needle: 49 bytes and the key twice */
    refuse(&options, DM_ERROR_ARGUMENT, "a context of 56 tokens: the fact alone takes 57");
    length = 57;
    refuse(&options, DM_ERROR_ARGUMENT, "a context of 57 tokens: the fact alone takes 57");
    length = 58;
    struct task *task = make_task(&options);
    for (size_t i = 0; i < task->n_prompt; i++) {
        struct task_prompt prompt = build(task, i);
        assert_int_equal(prompt.ids[prompt.n_id - 10],
                         ' '); /* the needle, then one byte of haystack */
        free(prompt.ids);
    }
    task_free(task);
    length = SIZE_MAX;
    refuse(&options, DM_ERROR_MEMORY, "memory is short for the pass-key task");
    length = 500;

    const char *line = "codes_test.txt:%d: a pass key is 1 to 20 digits";
    char at[4][64];
    for (int i = 0; i < 4; i++)
        snprintf(at[i], sizeof at[i], line, i + 1);
    refuse_keys(options, "", at[0]);
    refuse_keys(options, " \n\n", at[0]);
    refuse_keys(options, "12\n34\n5x\n", at[2]);
    refuse_keys(options, "12\n\n34\n", at[1]);
    refuse_keys(options, "12\n34\n56\n-7", at[3]);
    refuse_keys(options, "123456789012345678901", at[0]);

    refuse_text(options, "", "wiki.test.raw: no sentence has 10 tokens or more");
    refuse_text(options, "Short.\n\nSo we. 123456789\n",
                "wiki.test.raw: no sentence has 10 tokens or more");
    refuse_text(options, "A sentence that is long enough.\nA bad \xff byte.\n",
                "wiki.test.raw:2: byte 6 is not UTF-8");
    options.text = "\nSo short.\nBut 10 are enough\n"; /* one sentence, round and round */
    options.n_text = strlen(options.text);
    task = make_task(&options);
    struct task_prompt prompt = build(task, 2);
    size_t n = 0;
    for (size_t t = 0; t + 17 <= prompt.n_id; t++) {
        bool here = true;
        for (size_t c = 0; c < 17; c++)
            here = here && prompt.ids[t + c] == "But 10 are enough"[c];
        n += here;
    }
    assert_int_equal(n, (500 - 57) / 17);
    free(prompt.ids);
    task_free(task);
    unload(&material);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_prompts_as_the_official_evaluation),
        cmocka_unit_test(has_exact_lengths_and_depths),
        cmocka_unit_test(depends_on_seed_and_cell_alone),
        cmocka_unit_test(judges_by_pieces_between_blanks),
        cmocka_unit_test(refuses_what_makes_no_prompts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
