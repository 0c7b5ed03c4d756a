#include "documents_training.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "draw.h"

enum purpose { FOR_ORDER = 1, FOR_FIFTH, FOR_PROMPT };

static dm_status fail_length(const struct documents_source *source, dm_error *error) {
    return dm_fail(error, DM_ERROR_ARGUMENT,
                   "%.200s: no question with its paragraph and answer fits into %zu tokens",
                   source->squad->path, source->length);
}

/* An example's tokens: the prompt, the answer and the end. */
struct tokens {
    int32_t *ids; /* [n]; allocated with malloc */
    size_t n, n_label;
};

static dm_status encode_answer(const struct documents_source *source, size_t id, int32_t **ids,
                               size_t *n, dm_error *error) {
    char text[24];
    int n_byte = snprintf(text, sizeof text, "%zu|>", id);
    return dm_tokenizer_encode(source->tokenizer, text, (size_t)n_byte, ids, n, error);
}

static dm_status encode(const struct documents_source *source, const struct document_prompt *prompt,
                        struct tokens *tokens, dm_error *error) {
    int32_t *asked = NULL, *answer = NULL;
    int32_t end = dm_tokenizer_end(source->tokenizer);
    size_t n_asked = 0, n_answer = 0;
    dm_status status = document_prompt_encode(prompt, DOCUMENT_RETRIEVAL, source->squad,
                                              source->tokenizer, &asked, &n_asked, error);
    if (status)
        return status;
    status = encode_answer(source, document_golden_id(prompt), &answer, &n_answer, error);
    int32_t *ids = status ? NULL : calloc(n_asked + n_answer + 1, sizeof *ids);
    if (ids) {
        memcpy(ids, asked, n_asked * sizeof *ids);
        memcpy(ids + n_asked, answer, n_answer * sizeof *ids);
        ids[n_asked + n_answer] = end;
        n_answer += end >= 0;
        *tokens = (struct tokens){ids, n_asked + n_answer, n_answer};
    } else if (!status) {
        status = dm_fail_memory(error, "the documents");
    }
    dm_free(asked);
    dm_free(answer);
    return status;
}

/* Tokens that a document's number takes, where it is named and in the answer. */
static dm_status measure_id(const struct documents_source *source, size_t id, size_t *n,
                            dm_error *error) {
    char text[64];
    int32_t *ids;
    size_t n_name, n_answer;
    int n_byte = snprintf(text, sizeof text, " <|Document %zu|> ", id);
    dm_status status =
        dm_tokenizer_encode(source->tokenizer, text, (size_t)n_byte, &ids, &n_name, error);
    if (status)
        return status;
    dm_free(ids);
    status = encode_answer(source, id, &ids, &n_answer, error);
    if (status)
        return status;
    dm_free(ids);
    *n = n_name + n_answer;
    return DM_OK;
}

/* How many more tokens another number can take than this one. */
static dm_status measure_spare(const struct documents_source *source, size_t id, size_t *spare,
                               dm_error *error) {
    size_t n, max = 0;
    dm_status status = DM_OK;
    for (size_t other = 0; !status && other < max_documents; other++) {
        status = measure_id(source, other, &n, error);
        if (!status && n > max)
            max = n;
    }
    if (!status)
        status = measure_id(source, id, &n, error);
    if (!status)
        *spare = max - n;
    return status;
}

static void note_ids(struct documents_source *source, const int32_t *ids, size_t n) {
    draw_bits(&source->hash, n);
    for (size_t i = 0; i < n; i++) {
        draw_bits(&source->hash, (uint64_t)ids[i]);
        source->highest_id = ids[i] > source->highest_id ? ids[i] : source->highest_id;
    }
}

static dm_status note_paragraphs(struct documents_source *source, dm_error *error) {
    for (size_t i = 0; i < source->squad->n_paragraph; i++) {
        const char *text = source->squad->paragraphs[i];
        int32_t *ids;
        size_t n;
        dm_status status =
            dm_tokenizer_encode(source->tokenizer, text, strlen(text), &ids, &n, error);
        if (status)
            return status;
        note_ids(source, ids, n);
        dm_free(ids);
    }
    return DM_OK;
}

/* Lists the questions that fit with their own paragraph, whatever number it has. */
static dm_status find_fitting(struct documents_source *source, dm_error *error) {
    struct document_prompt prompt = document_prompt_draw(0, 0, 1, 0);
    size_t spare;
    dm_status status = measure_spare(source, document_golden_id(&prompt), &spare, error);
    for (; !status && prompt.question < source->squad->n_question; prompt.question++) {
        struct tokens tokens;
        status = encode(source, &prompt, &tokens, error);
        if (status)
            break;
        note_ids(source, tokens.ids, tokens.n);
        free(tokens.ids);
        if (tokens.n + spare <= source->length)
            source->questions[source->n_question++] = prompt.question;
        else
            source->n_too_long++;
    }
    return status || source->n_question ? status : fail_length(source, error);
}

dm_status documents_source_init(struct documents_source *source, const struct squad *squad,
                                const dm_tokenizer *tokenizer, uint64_t seed, size_t length,
                                dm_error *error) {
    *source = (struct documents_source){
        .squad = squad, .tokenizer = tokenizer, .seed = seed, .length = length};
    source->questions = calloc(squad->n_question, sizeof *source->questions);
    dm_status status =
        source->questions ? note_paragraphs(source, error) : dm_fail_memory(error, "the documents");
    if (!status)
        status = find_fitting(source, error);
    if (status)
        documents_source_free(source);
    return status;
}

void documents_source_free(struct documents_source *source) {
    free(source->questions);
    *source = (struct documents_source){0};
}

static uint64_t state_for(const struct documents_source *source, enum purpose purpose,
                          uint64_t number) {
    uint64_t state = source->seed;
    draw_bits(&state, purpose);
    return draw_bits(&state, number);
}

/* Measures the prompt with n documents. */
static dm_status try(const struct documents_source *source, struct document_prompt prompt, size_t n,
                     struct documents_example *example, dm_error *error) {
    struct tokens tokens;
    prompt.n = n;
    dm_status status = encode(source, &prompt, &tokens, error);
    if (status)
        return status;
    free(tokens.ids);
    *example = (struct documents_example){prompt, tokens.n, tokens.n_label};
    return DM_OK;
}

dm_status documents_draw_example(const struct documents_source *source, uint64_t number,
                                 size_t n_document, struct documents_example *example,
                                 dm_error *error) {
    uint64_t n = source->n_question;
    uint64_t question = draw_shuffled(state_for(source, FOR_ORDER, number / n), number % n, n);
    struct document_prompt prompt = document_prompt_draw(
        state_for(source, FOR_PROMPT, number), source->questions[question], n_document,
        (size_t)(state_for(source, FOR_FIFTH, number) % document_fifths));
    struct documents_example tried;
    size_t low = 0, high = n_document + 1; /* low documents fit, or are none; high are too many */
    for (size_t middle = n_document; high - low > 1; middle = low + (high - low) / 2) {
        dm_status status = try(source, prompt, middle, &tried, error);
        if (status)
            return status;
        if (tried.n <= source->length) {
            *example = tried;
            low = middle;
        } else {
            high = middle;
        }
    }
    return low ? DM_OK : fail_length(source, error);
}

dm_status documents_write_example(const struct documents_source *source,
                                  const struct documents_example *example, int32_t *ids,
                                  dm_error *error) {
    struct tokens tokens;
    dm_status status = encode(source, &example->prompt, &tokens, error);
    if (status)
        return status;
    memcpy(ids, tokens.ids, tokens.n * sizeof *ids);
    free(tokens.ids);
    return DM_OK;
}
