/* Document retrieval and multi-document QA, as users ask for them. */
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "documents/documents.h"
#include "evaluate_tasks.h"

static void documents_flags(struct evaluate_settings *settings,
                            struct option table[max_task_option]) {
    settings->documents = (struct size_list){{10, 20, 40}, 3};
    settings->n_each = 50;
    const struct option options[] = {
        {OPTION_TEXT, "data", &settings->data, "PATH",
         .help = "a SQuAD file, or its rows as Hugging Face's datasets have them (one a line, or "
                 "in a list), or a folder that holds squad/dev-v2.0.json",
         .path = true},
        {OPTION_SIZES, "documents", &settings->documents, "LIST",
         .help = "documents in a prompt, one of which has the answer", .min = 1, .max = 1000},
        {OPTION_SIZE, "questions", &settings->n_each, "N",
         .help = "asked for each number of documents", .min = 1, .max = 1e9},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

static bool make_documents(const struct evaluate_settings *settings, struct evaluate_data *data,
                           enum document_kind kind, const char *name) {
    dm_error error;
    char *path;
    if (!settings->data)
        return fail_usage("evaluate %s: --data is missing", name);
    if (!evaluate_check(squad_find(settings->data, &path, &error), &error))
        return false;
    bool fine = evaluate_note_file(data, path) &&
                evaluate_note_sizes(data, "documents", &settings->documents) &&
                evaluate_note_size(data, "questions", settings->n_each) &&
                evaluate_check(squad_read(path, &data->squad, &error), &error);
    free(path);
    const struct documents_options options = {.kind = kind,
                                              .squad = data->squad,
                                              .tokenizer = data->tokenizer,
                                              .seed = settings->seed,
                                              .counts = settings->documents.items,
                                              .n_count = settings->documents.n,
                                              .n_question = settings->n_each};
    return fine && evaluate_check(documents_task_new(&options, &data->task, &error), &error);
}

static bool make_retrieval(const struct evaluate_settings *settings, struct evaluate_data *data) {
    return make_documents(settings, data, DOCUMENT_RETRIEVAL, "retrieval");
}

static bool make_multidoc_qa(const struct evaluate_settings *settings, struct evaluate_data *data) {
    return make_documents(settings, data, MULTIDOC_QA, "multidoc-qa");
}

const struct evaluate_task evaluate_retrieval = {
    .name = "retrieval",
    .operands = "MODEL --data PATH",
    .summary = "Names the document, of many, that answers a question (SQuAD).",
    .by_documents = true,
    .notes = "The golden document stands at any place. A prompt is right when the number of the "
             "document is generated, up to any \"|>\" after it.",
    .example = "decimamba evaluate retrieval mamba-130m --data data --documents 10,20,40",
    .flags = documents_flags,
    .make = make_retrieval};
const struct evaluate_task evaluate_multidoc_qa = {
    .name = "multidoc-qa",
    .operands = "MODEL --data PATH",
    .summary = "Answers a question from one of many documents (SQuAD), scored by F1.",
    .by_documents = true,
    .notes = "The prompts are those of evaluate retrieval; what is asked for is the answer itself.",
    .example = "decimamba evaluate multidoc-qa mamba-130m --data data --documents 10,20,40",
    .flags = documents_flags,
    .make = make_multidoc_qa};
