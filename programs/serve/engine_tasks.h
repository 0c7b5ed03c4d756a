/* What the engine does for one task or choice. Of its thread alone. */
#ifndef DECIMAMBA_SERVE_ENGINE_TASKS_H
#define DECIMAMBA_SERVE_ENGINE_TASKS_H

#include "completion.h"
#include "metrics.h"
#include "states.h"

/* What tasks work with. */
struct task_room {
    const struct served_model *served;
    struct documents *documents;
    struct states *states;
    struct metrics *metrics;
    size_t max_prompt_token;
    float *logits; /* [vocab_size] */
};

/* Each leaves the task over, with its request told, after a fault. */

/* A waiting task begins; it stays where its document is not there yet, unless nobody will read it. */
void task_begin(const struct task_room *room, struct task *task, bool draining);
/* Makes ids of some more of its text. At the end it finds what was read of it before. */
void task_encode_some(const struct task_room *room, struct task *task);
/* Its prompt was read: draws the first token of each choice. */
void task_begin_answer(const struct task_room *room, struct task *task);
/* Draws a choice's next token; it is done where there is none to be read. */
void choice_draw(const struct task_room *room, struct choice *choice, const float *logits);
/* Ends it, telling why. */
void task_fail(struct task *task, const struct api_error *error);
/* Ends it without a word: nobody waits. */
void task_cancel(struct task *task);

#endif
