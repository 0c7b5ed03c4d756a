#include "longbench_sets.h"

const struct longbench_set longbench_sets[n_longbench_set] = {
    {.name = "narrativeqa", .metric = METRIC_QA_F1},
    {.name = "qasper", .metric = METRIC_QA_F1, .in_extended = true},
    {.name = "multifieldqa_en", .metric = METRIC_QA_F1, .in_extended = true},
    {.name = "hotpotqa", .metric = METRIC_QA_F1, .in_extended = true},
    {.name = "2wikimqa", .metric = METRIC_QA_F1, .in_extended = true},
    {.name = "musique", .metric = METRIC_QA_F1},
    {.name = "gov_report", .metric = METRIC_ROUGE_L, .in_extended = true},
    {.name = "qmsum", .metric = METRIC_ROUGE_L},
    {.name = "multi_news", .metric = METRIC_ROUGE_L, .in_extended = true},
    {.name = "trec", .metric = METRIC_CLASSIFICATION, .in_extended = true, .first_line = true},
    {.name = "triviaqa", .metric = METRIC_QA_F1, .in_extended = true, .first_line = true},
    {.name = "samsum",
     .metric = METRIC_ROUGE_L,
     .in_extended = true,
     .first_line = true,
     .one_line = true},
    {.name = "passage_count", .metric = METRIC_COUNT, .in_extended = true},
    {.name = "passage_retrieval_en", .metric = METRIC_RETRIEVAL, .in_extended = true},
    {.name = "lcc", .metric = METRIC_EDIT_SIMILARITY, .in_extended = true},
    {.name = "repobench-p", .metric = METRIC_EDIT_SIMILARITY, .in_extended = true},
};
