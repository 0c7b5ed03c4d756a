/* The one thread that computes: it owns all sessions, and takes turns (scheduler.h) at what others hand
 * it. */
#ifndef DECIMAMBA_SERVE_ENGINE_H
#define DECIMAMBA_SERVE_ENGINE_H

#include "scheduler.h"

struct engine;
/* `n_queue`: choices that may wait beside those that are answered. Faults print their line. */
bool engine_start(struct engine **engine, const struct served_model *served,
                  struct documents *documents, struct metrics *metrics, size_t n_queue,
                  const struct scheduler_limits *limits);
/* Takes the completion; false where too many wait, or it drains: it is freed then. */
bool engine_submit(struct engine *engine, struct completion *completion, struct api_error *error);
/* Looks at what was kept of a document, which was taken for it. false: it cannot. */
bool engine_inspect(struct engine *engine, struct document *document, struct reply *reply,
                    struct api_error *error);
/* Something may be to be done: a document was added or removed. */
void engine_wake(void *engine);
/* Takes no more, and reads no more documents. */
void engine_drain(struct engine *engine);
/* What is not over yet ends with an error. */
void engine_break_off(struct engine *engine);
bool engine_is_idle(struct engine *engine);
/* Ends the thread: what is under way is broken off. NULL is fine. */
void engine_stop(struct engine *engine);

#endif
