#include "longbench_sets.h"

const struct longbench_set longbench_sets[n_longbench_set] = {
    {"narrativeqa", METRIC_QA_F1, false, false, false},
    {"qasper", METRIC_QA_F1, true, false, false},
    {"multifieldqa_en", METRIC_QA_F1, true, false, false},
    {"hotpotqa", METRIC_QA_F1, true, false, false},
    {"2wikimqa", METRIC_QA_F1, true, false, false},
    {"musique", METRIC_QA_F1, false, false, false},
    {"gov_report", METRIC_ROUGE_L, true, false, false},
    {"qmsum", METRIC_ROUGE_L, false, false, false},
    {"multi_news", METRIC_ROUGE_L, true, false, false},
    {"trec", METRIC_CLASSIFICATION, true, true, false},
    {"triviaqa", METRIC_QA_F1, true, true, false},
    {"samsum", METRIC_ROUGE_L, true, true, true},
    {"passage_count", METRIC_COUNT, true, false, false},
    {"passage_retrieval_en", METRIC_RETRIEVAL, true, false, false},
    {"lcc", METRIC_EDIT_SIMILARITY, true, false, false},
    {"repobench-p", METRIC_EDIT_SIMILARITY, true, false, false},
};
