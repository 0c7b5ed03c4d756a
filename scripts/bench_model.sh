#!/bin/sh
# Writes the model that benchmarks run: mamba-130m's shape, random weights, bf16. OUT must not exist.
#     scripts/bench_model.sh OUT [BUILD]
set -eu
config=$(mktemp)
trap 'rm -f "$config"' EXIT
cat >"$config" <<JSON
{"d_model": 768, "n_layer": 24, "vocab_size": 50277, "ssm_cfg": {}, "rms_norm": true,
 "residual_in_fp32": true, "fused_add_norm": true, "pad_vocab_size_multiple": 8}
JSON
"${2:-build}/programs/decimamba" init "$config" "$1" --seed 1 --dtype bf16
