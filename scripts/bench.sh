#!/bin/sh
# Measures the operations, reading, generating and training at mamba-130m's shape (random weights),
# training at a small one too, and the limits of this machine in the same run. Prints JSON lines. Takes some minutes.
#     scripts/bench.sh [BUILD]            DM_THREADS, DM_REPEATS, DM_CPU: see benchmarks/engine_bench.c
#     scripts/bench.sh --llama-bench PATH [BUILD]      only llama.cpp beside ours: scripts/bench_peer.sh
set -eu
peer=
if [ "${1:-}" = --llama-bench ]; then
    peer=${2:?a path is needed}
    shift 2
fi
build=${1:-build}
"$(dirname "$0")/configure.sh" "$build" -Dbenchmarks=true
ninja -C "$build" benchmarks programs/decimamba >/dev/null
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$(dirname "$0")/bench_model.sh" "$folder/model" "$build"
if [ -n "$peer" ]; then
    "$(dirname "$0")/bench_peer.sh" "$peer" "$folder/model" "$build"
    exit
fi

"$build/benchmarks/ops_bench"
for dtype in bf16 int8 f32; do
    export DM_DTYPE=$dtype
    bench="$build/benchmarks/engine_bench $folder/model"
    $bench read 512
    $bench read 2048
    $bench read 16384
    $bench read 16384 12
    $bench generate 64
    $bench generate 16 16
done

"$build/benchmarks/matmul_bench"
for dtype in f32 bf16; do
    export DM_DTYPE=$dtype
    bench="$build/benchmarks/training_bench"
    $bench models/passkey-512 8 512
    $bench models/passkey-512 8 512 2 128
    DM_REPEATS=1 $bench "$folder/model" 1 2048
    DM_REPEATS=1 DM_RECOMPUTE=1 $bench "$folder/model" 1 2048
    DM_REPEATS=1 $bench "$folder/model" 1 2048 12 512
done
if [ "${DM_LONG:-0}" != 0 ]; then # memory does not grow with the text: ten minutes
    export DM_DTYPE=bf16 DM_REPEATS=1
    "$build/benchmarks/engine_bench" "$folder/model" read 100000 12
    "$build/benchmarks/engine_bench" "$folder/model" read 1000000 12
fi
