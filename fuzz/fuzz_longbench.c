/* LongBench's three files: the rows of a data set, the prompts and the limits. The input: a byte
 * that picks the data set, then the files with a NUL after each of the first two; what is missing
 * is sound. Every prompt of a task that is accepted can be built, and answers judged: a sound one,
 * and the input's own bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "longbench/longbench.h"
#include "longbench/longbench_sets.h"

enum { n_file = 3, max_length = 40, max_prompt = 16, max_rows = 20, max_answer = 300 };

static const char sound_answer[] = "\n Paragraph 3 is \"the\" answer: 4.\nNo";
static const dm_tokenizer *tokenizer;

struct part {
    const char *bytes;
    size_t n;
};

/* Writes the data set's file and, where the input has none, prompts and limits that fit it. */
static void write_files(const uint8_t *data, size_t size, const char *set) {
    char name[100], path[FUZZ_MAX_PATH], sound[n_file - 1][200];
    snprintf(sound[0], sizeof sound[0], "{\"%s\": \"{{{context}}}\\nQ: {input}\"}", set);
    snprintf(sound[1], sizeof sound[1], "{\"%s\": 7}", set);
    struct part parts[n_file] = {
        {"", 0}, {sound[0], strlen(sound[0])}, {sound[1], strlen(sound[1])}};
    for (int i = 0; i < n_file && size; i++) {
        const uint8_t *end = i + 1 < n_file ? memchr(data, 0, size) : NULL;
        size_t n = end ? (size_t)(end - data) : size;
        parts[i] = (struct part){(const char *)data, n};
        data += n + !!end;
        size -= n + !!end;
    }
    snprintf(name, sizeof name, "%s.jsonl", set);
    fuzz_write(name, parts[0].bytes, parts[0].n, path);
    fuzz_write("dataset2prompt.json", parts[1].bytes, parts[1].n, path);
    fuzz_write("dataset2maxlen.json", parts[2].bytes, parts[2].n, path);
}

static void check_answer(const struct task *task, size_t i, const char *answer, size_t n_byte) {
    double score = -1;
    dm_error error = fuzz_error_new();
    MUST(task->judge(task, i, answer, n_byte, &score, &error) == DM_OK);
    MUST(score >= 0 && score <= 1);
}

static void check_prompt(const struct task *task, size_t i) {
    struct task_prompt prompt = {0};
    size_t column = SIZE_MAX, row = SIZE_MAX, vocab_size = dm_tokenizer_vocab_size(tokenizer);
    dm_error error = fuzz_error_new();
    task->cell_of(task, i, &column, &row);
    MUST(column < task->columns.n && row < task->rows.n);
    dm_status status = task->build(task, i, &prompt, &error);
    fuzz_check_error(status, &error);
    for (size_t t = 0; !status && t < prompt.n_id; t++)
        MUST(prompt.ids[t] >= 0 && (size_t)prompt.ids[t] < vocab_size);
    MUST(status || (prompt.n_id >= 1 && prompt.n_new >= 1 && prompt.keep_tail >= 1));
    free(prompt.ids);
    json_t *object = json_object();
    MUST(object && task->describe(task, i, object));
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size)
        return 0;
    tokenizer = fuzz_tokenizer("bytes");
    const char *set = longbench_sets[data[0] % n_longbench_set].name;
    write_files(data + 1, size - 1, set);
    const struct longbench_options options = {.folder = fuzz_directory(),
                                              .tokenizer = tokenizer,
                                              .sets = &set,
                                              .n_set = 1,
                                              .max_length = data[0] & 128 ? max_length : 0,
                                              .max_prompts = max_rows};
    struct task *task = NULL;
    dm_error error = fuzz_error_new();
    dm_status status = longbench_task_new(&options, &task, &error);
    fuzz_check_error(status, &error);
    MUST(!task == !!status);
    for (size_t i = 0; !status && i < task->n_prompt && i < max_prompt; i++) {
        check_prompt(task, i);
        check_answer(task, i, sound_answer, sizeof sound_answer - 1);
        check_answer(task, i, (const char *)data, size < max_answer ? size : max_answer);
    }
    task_free(task);
    return 0;
}
