#include "longbench_sets.h"

const struct longbench_set longbench_sets[n_longbench_set] = {
    {.name = "narrativeqa", .metric = METRIC_QA_F1},
    {"qasper", METRIC_QA_F1, .in_extended = true},
    {"multifieldqa_en", METRIC_QA_F1, .in_extended = true},
    {"hotpotqa", METRIC_QA_F1, .in_extended = true},
    {"2wikimqa", METRIC_QA_F1, .in_extended = true},
    {.name = "musique", .metric = METRIC_QA_F1},
    {"gov_report", METRIC_ROUGE_L, .in_extended = true},
    {.name = "qmsum", .metric = METRIC_ROUGE_L},
    {"multi_news", METRIC_ROUGE_L, .in_extended = true},
    {"trec", METRIC_CLASSIFICATION, .in_extended = true, .first_line = true},
    {"triviaqa", METRIC_QA_F1, .in_extended = true, .first_line = true},
    {"samsum", METRIC_ROUGE_L, .in_extended = true, .first_line = true, .one_line = true},
    {"passage_count", METRIC_COUNT, .in_extended = true},
    {"passage_retrieval_en", METRIC_RETRIEVAL, .in_extended = true},
    {"lcc", METRIC_EDIT_SIMILARITY, .in_extended = true},
    {"repobench-p", METRIC_EDIT_SIMILARITY, .in_extended = true},
};
