#include "generate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "cli/fail.h"
#include "cli/json_output.h"
#include "cli/token_texts.h"

/* ---- Log-probabilities ---- */

static json_t *token_logprob(const struct generate_answer *answer, const float *logits,
                             int32_t id) {
    double logprob = -dm_negative_log_likelihood(logits, answer->generation->vocab_size, id);
    return json_pack("{si so so}", "id", (int)id, "token", token_text_json(answer->tokenizer, id),
                     "logprob", json_number_or_null(logprob));
}

json_t *add_logprobs(json_t *object, const struct generate_answer *answer,
                     const struct shown_token *token) {
    size_t top[most_top], n = largest_logits(token->logits, answer->generation->n_allowed,
                                             answer->settings->n_logprob, top);
    json_t *own = token_logprob(answer, token->logits, token->id), *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, token_logprob(answer, token->logits, (int32_t)top[i]));
    if (own && object)
        json_object_update_missing(object, own);
    if (own && !object)
        object = json_incref(own);
    json_decref(own);
    if (object && json_object_set_new(object, "top_logprobs", list)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* ---- The whole ---- */

bool generate_answer_add(struct generate_answer *answer, const struct shown_token *token) {
    if (answer->settings->logprobs_given && token->id >= 0) {
        if (!answer->logprobs)
            answer->logprobs = json_array();
        if (json_array_append_new(answer->logprobs, add_logprobs(NULL, answer, token)))
            return fail_memory();
    }
    char *room = dm_grow(answer->text, answer->n_byte, token->n_byte, &answer->capacity, 1);
    if (!room)
        return fail_memory();
    answer->text = room;
    if (token->n_byte)
        memcpy(answer->text + answer->n_byte, token->text, token->n_byte);
    answer->n_byte += token->n_byte;
    return true;
}

void generate_answer_free(struct generate_answer *answer) {
    free(answer->text);
    json_decref(answer->logprobs);
}

json_t *generate_answer_json(const struct generate_answer *answer, size_t n_prompt) {
    const struct generation *generation = answer->generation;
    json_t *text = answer->tokenizer
                       ? json_stringn(answer->text ? answer->text : "", answer->n_byte)
                       : json_null();
    json_t *stop = generation->stops.found ? json_string(generation->stops.found) : json_null();
    json_t *object = json_pack(
        "{so so so so ss so}", "text", text, "ids", json_ids(generation->ids, generation->n_id),
        "prompt_tokens", json_size(n_prompt), "generated_tokens", json_size(generation->n_id),
        "stop_reason", end_reason_name(generation->reason), "stop_string", stop);
    if (object && answer->settings->logprobs_given)
        json_object_set_new(object, "logprobs",
                            answer->logprobs ? json_incref(answer->logprobs) : json_array());
    return object;
}
