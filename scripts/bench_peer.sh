#!/bin/sh
# Measures llama.cpp beside ours on the same weights: reading 512 and 2,048 tokens, and generating
# 32. The two take turns, so that a slow phase of the machine meets both. Prints JSON lines: each
# measurement; then, for each pair of types, the medians, their ratio, and the least and the greatest
# ratio of a round. On standard error, the same as the rows of a Markdown table.
#     scripts/bench_peer.sh LLAMA_BENCH MODEL [BUILD]
# LLAMA_BENCH: llama.cpp's program; its q8_0 needs llama-quantize beside it. From the environment:
# DM_THREADS; DM_ROUNDS (default 3); DM_PEER_TYPES, pairs of llama.cpp's type and ours (default
# "f32:f32 bf16:bf16 q8_0:bf16"; q4 is Q4_K in both); DM_PEER_GENERATE=1: generating alone. At
# mamba-130m's shape it takes four minutes on two cores.
set -eu

fail() {
    echo "bench_peer: $*" >&2
    exit 1
}

[ $# -ge 2 ] || fail 'usage: scripts/bench_peer.sh LLAMA_BENCH MODEL [BUILD]'
peer=$1 model=$2 build=${3:-build}
threads=${DM_THREADS:-$(nproc)}
load=$(cut -d' ' -f1 /proc/loadavg)
pairs=${DM_PEER_TYPES:-f32:f32 bf16:bf16 q8_0:bf16}
prompts=32,512,2048
[ -z "${DM_PEER_GENERATE:-}" ] || prompts=32
quantize=$(dirname "$peer")/llama-quantize
[ -x "$peer" ] || fail "$peer: not a program"
if ! [ -x "$quantize" ]; then
    echo "bench_peer: $quantize is missing: no q8_0" >&2
    pairs=$(echo "$pairs" | tr ' ' '\n' | grep -v '^q8_0:')
fi
"$(dirname "$0")/configure.sh" "$build" -Dbenchmarks=true
ninja -C "$build" benchmarks/engine_bench programs/decimamba >/dev/null
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

gguf() { # type: llama.cpp's file of it
    case $1 in
    q8_0)
        [ -f "$folder/f32.gguf" ] || gguf f32
        "$quantize" "$folder/f32.gguf" "$folder/q8_0.gguf" q8_0 >"$folder/log" 2>&1 ||
            fail "$quantize: $(tail -n 1 "$folder/log")"
        ;;
    *) "$build/programs/decimamba" convert "$model" "$folder/$1.gguf" --format gguf --dtype "$1" ;;
    esac
}

works() {
    echo "$prompts" | tr ',' '\n' | sed '1d; s/^/read /'
    echo 'generate 32'
}

# A line for each measurement: program, type, read or generate, tokens, round, tokens per second.
# llama-bench: the first 32 tokens wake the memory up and do not count.
measure_theirs() { # type, round
    [ -f "$folder/$1.gguf" ] || gguf "$1"
    "$peer" -m "$folder/$1.gguf" -t "$threads" -p "$prompts" -n 32 -r 1 --no-warmup -o jsonl \
        >"$folder/theirs" 2>"$folder/log" || fail "$peer: $(tail -n 1 "$folder/log")"
    sed -n 's/.*"n_prompt": \([0-9]*\), "n_gen": \([0-9]*\),.*"avg_ts": \([0-9.]*\),.*/\1 \2 \3/p' \
        "$folder/theirs" | awk -v type="$1" -v round="$2" '$1 != 32 {
            print "llama.cpp", type, $1 ? "read" : "generate", $1 + $2, round, $3 }'
}

measure_ours() { # type, round
    works | while read -r work; do
        # shellcheck disable=SC2086
        DM_DTYPE=$1 DM_THREADS=$threads DM_REPEATS=3 \
            "$build/benchmarks/engine_bench" "$model" $work >"$folder/out" </dev/null
        grep -q "\"dtype\": \"$1\"" "$folder/out" || fail "engine_bench does not compute in $1"
        rate=$(sed 's/.*"tokens_per_s": \([0-9.]*\).*/\1/' "$folder/out")
        echo "decimamba $1 $work $2 $rate"
    done
}

# Each pair's two turns; a type of two pairs has one.
echo "$pairs" | tr ' ' '\n' | sed '/./!d; s/\(.*\):\(.*\)/measure_theirs \1\nmeasure_ours \2/' |
    awk '!seen[$0]++' >"$folder/turns"
for round in $(seq "${DM_ROUNDS:-3}"); do
    while read -r turn; do
        $turn "$round" >"$folder/turn" </dev/null
        [ -s "$folder/turn" ] || fail "$turn: no measurement"
        cat "$folder/turn" >>"$folder/measured"
        awk '{ printf "{\"bench\": \"peer\", \"program\": \"%s\", \"dtype\": \"%s\", " \
            "\"what\": \"%s\", \"tokens\": %d, \"round\": %d, \"tokens_per_s\": %.1f}\n",
            $1, $2, $3, $4, $5, $6 }' "$folder/turn"
    done <"$folder/turns"
done
# What the figures are worth: others that ran at the start, and which llama.cpp it was.
sed -n "1s/.*\(\"build_commit\": [^,]*\).*\(\"cpu_info\": [^,]*\).*/{\"bench\": \"peer, machine\", \
\1, \2, \"threads\": $threads, \"load\": $load}/p" "$folder/theirs"
works | while read -r work; do
    for pair in $pairs; do
        grep -E "^(llama.cpp ${pair%:*}|decimamba ${pair#*:}) $work " "$folder/measured" |
            sort -k 6,6g | awk -v work="$work" -v theirs="${pair%:*}" -v ours="${pair#*:}" '
            { rates[$1, ++n[$1]] = $6; by_round[$1, $5] = $6 }
            function median(who,   half) {
                half = int((n[who] + 1) / 2)
                return n[who] % 2 ? rates[who, half] : (rates[who, half] + rates[who, half + 1]) / 2
            }
            END {
                a = median("llama.cpp"); b = median("decimamba")
                for (i = 1; i <= n["decimamba"]; i++) {
                    ratio = by_round["decimamba", i] / by_round["llama.cpp", i]
                    if (i == 1 || ratio < low) low = ratio
                    if (i == 1 || ratio > high) high = ratio
                }
                split(work, part, " ")
                printf "{\"bench\": \"peer, ratio\", \"what\": \"%s\", \"tokens\": %d, " \
                    "\"llama_cpp_dtype\": \"%s\", \"llama_cpp_tokens_per_s\": %.1f, " \
                    "\"dtype\": \"%s\", \"tokens_per_s\": %.1f, \"ratio\": %.2f, " \
                    "\"ratio_low\": %.2f, \"ratio_high\": %.2f}\n",
                    part[1], part[2], theirs, a, ours, b, b / a, low, high
                printf "| %s %d tokens | %s | %.0f | %s | %.0f | %.1f (%.1f-%.1f) |\n",
                    part[1], part[2], theirs, a, ours, b, b / a, low, high >>table
            }' table="$folder/table"
    done
done
{
    echo '| | llama.cpp, type | tokens/s | ours, type | tokens/s | ours / llama.cpp (rounds) |'
    echo '|---|---|---|---|---|---|'
    sed 's/^| read/| reading/; s/^| generate/| generating/' "$folder/table"
} >&2
