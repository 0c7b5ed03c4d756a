#!/bin/sh
# Writes a model that benchmarks run: mamba-130m's shape, or mamba-2.8b's (5.6 GB), random weights, bf16.
# OUT must not exist.
#     scripts/bench_model.sh OUT [BUILD [130m|2.8b]]
set -eu
case ${3:-130m} in
130m) d_model=768 n_layer=24 ;;
2.8b) d_model=2560 n_layer=64 ;;
*)
    echo "bench_model: no shape '$3'" >&2
    exit 1
    ;;
esac
config=$(mktemp)
trap 'rm -f "$config"' EXIT
cat >"$config" <<JSON
{"d_model": $d_model, "n_layer": $n_layer, "vocab_size": 50277, "ssm_cfg": {}, "rms_norm": true,
 "residual_in_fp32": true, "fused_add_norm": true, "pad_vocab_size_multiple": 8}
JSON
"${2:-build}/programs/decimamba" init "$config" "$1" --seed 1 --dtype bf16
