#include "document_prompt.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"
#include "draw.h"

enum purpose { FOR_DEPTH = 1, FOR_NOISE, FOR_IDS };

struct document_prompt document_prompt_draw(uint64_t state, size_t question, size_t n,
                                            size_t fifth) {
    struct document_prompt prompt = {.question = question, .n = n};
    prompt.depth = (uint64_t)fifth << 32 | draw_bits(&state, FOR_DEPTH) >> 32;
    prompt.noise = draw_bits(&state, FOR_NOISE);
    prompt.ids = draw_bits(&state, FOR_IDS);
    return prompt;
}

/* depth is in fifths, with 32 bits behind the point */
size_t document_golden_place(const struct document_prompt *prompt) {
    return (size_t)(prompt->depth * prompt->n / ((uint64_t)document_fifths << 32));
}

size_t document_id(const struct document_prompt *prompt, size_t i) {
    size_t golden = document_golden_place(prompt);
    size_t index = i == golden ? 0 : i < golden ? i + 1 : i;
    return (size_t)draw_shuffled(prompt->ids, index, max_documents);
}

static size_t paragraph_of(const struct document_prompt *prompt, const struct squad *squad,
                           size_t i) {
    size_t golden = document_golden_place(prompt);
    size_t paragraph = squad->questions[prompt->question].paragraph;
    if (i == golden)
        return paragraph;
    size_t noise =
        (size_t)draw_shuffled(prompt->noise, i < golden ? i : i - 1, squad->n_paragraph - 1);
    return noise < paragraph ? noise : noise + 1;
}

/* Allocated; NULL when memory is short. */
static char *write_text(const struct document_prompt *prompt, enum document_kind kind,
                        const struct squad *squad, size_t *n_byte) {
    char *text = NULL;
    FILE *stream = open_memstream(&text, n_byte);
    if (!stream)
        return NULL;
    for (size_t i = 0; i < prompt->n; i++)
        fprintf(stream, " <|Query|> %s <|Document %zu|> %s",
                squad->questions[prompt->question].text, document_id(prompt, i),
                squad->paragraphs[paragraph_of(prompt, squad, i)]);
    fputs(kind == DOCUMENT_RETRIEVAL ? " <|Answer|> <|Document " : " <|Answer|>", stream);
    bool failed = ferror(stream);
    if (fclose(stream) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

dm_status document_prompt_encode(const struct document_prompt *prompt, enum document_kind kind,
                                 const struct squad *squad, const dm_tokenizer *tokenizer,
                                 int32_t **ids, size_t *n_id, dm_error *error) {
    size_t n_byte;
    char *text = write_text(prompt, kind, squad, &n_byte);
    if (!text) {
        return dm_fail_memory(error, "the documents");
    }
    dm_status status = dm_tokenizer_encode(tokenizer, text, n_byte, ids, n_id, error);
    free(text);
    return status;
}
