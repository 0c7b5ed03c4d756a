#!/bin/sh
# Runs quick tests, and the replays of the fuzz corpora, under valgrind's memcheck: reads of memory
# that nobody set, which AddressSanitizer does not see. Valgrind shows programs a processor with AVX2
# and without AVX-512 and AMX, and the library takes the kernels of that one.
#     scripts/valgrind.sh [BUILD [TEST...]]
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- memory json half random finite threads temporary file_writer row_ring \
    token_pool sampler model_config safetensors adapter variants convert gguf tokenizer_load \
    calibration method adamw causal_conv1d convert_values cross_entropy embedding rms_norm \
    select_tokens selective_scan softplus token_hash token_score interval task_run json_lines \
    answer_metrics code_points squad longbench event_file report train_data fuzz_adapter_config \
    fuzz_calibration fuzz_model_config fuzz_safetensors fuzz_torch_bin fuzz_shard_index \
    fuzz_run_file fuzz_select_tokens fuzz_text_round_trip fuzz_tokenizer_json fuzz_squad \
    fuzz_json_lines fuzz_journal
command -v valgrind >/dev/null || {
    echo "valgrind: install valgrind" >&2
    exit 1
}
meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 20 \
    --wrapper 'valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite' \
    "$@"
