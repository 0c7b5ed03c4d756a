/* The folders of tests/data with small models, and what transformers or state-spaces' class make of them. */
#ifndef DM_TESTS_TRANSFORMERS_CASES_H
#define DM_TESTS_TRANSFORMERS_CASES_H

static const char *const folders[] = {"transformers/mamba-tied-bf16",
                                      "transformers/mamba-biases",
                                      "transformers/mamba-no-conv-bias",
                                      "transformers/falcon-mamba-bf16",
                                      "transformers/falcon-mamba",
                                      "transformers/mamba2-tied-bf16",
                                      "transformers/mamba2-groups",
                                      "transformers/mamba2-limits",
                                      "mamba2/plain",
                                      "mamba2/mlp",
                                      "mamba2/channels",
                                      "mamba2/gate"};
enum { n_folder = sizeof folders / sizeof *folders };

#endif
