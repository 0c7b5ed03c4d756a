#include "longbench_sets.h"

const struct longbench_set longbench_sets[n_longbench_set] = {
    {"narrativeqa", METRIC_QA_F1, false, false},
    {"qasper", METRIC_QA_F1, true, false},
    {"multifieldqa_en", METRIC_QA_F1, true, false},
    {"hotpotqa", METRIC_QA_F1, true, false},
    {"2wikimqa", METRIC_QA_F1, true, false},
    {"musique", METRIC_QA_F1, false, false},
    {"gov_report", METRIC_ROUGE_L, true, false},
    {"qmsum", METRIC_ROUGE_L, false, false},
    {"multi_news", METRIC_ROUGE_L, true, false},
    {"trec", METRIC_CLASSIFICATION, true, true},
    {"triviaqa", METRIC_QA_F1, true, true},
    {"samsum", METRIC_ROUGE_L, true, true},
    {"passage_count", METRIC_COUNT, true, false},
    {"passage_retrieval_en", METRIC_RETRIEVAL, true, false},
    {"lcc", METRIC_EDIT_SIMILARITY, true, false},
    {"repobench-p", METRIC_EDIT_SIMILARITY, true, false},
};
