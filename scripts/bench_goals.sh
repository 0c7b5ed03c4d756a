#!/bin/sh
# Measures what docs/performance.md promises, at mamba-130m's shape with random weights, and prints
# the table; with --write it takes the place of the one in that file. Whatever is compared takes
# turns in one run: the machine may be shared, so ratios count, not rates. Twenty minutes.
#     scripts/bench_goals.sh [--write] [--llama-bench PROGRAM] [BUILD]
# From the environment: DM_REPEATS (default 5); DM_LENGTH (default 131072) and DM_LONG (default
# 1000000), the long texts; DM_LONG=0: without the last; DM_LARGE=1: with --llama-bench also mamba-2.8b's
# shape in 4 bits, which takes 8 GB of memory, 8 GB of TMPDIR, and ten minutes more.
set -eu
write='' peer=''
while [ $# -gt 0 ]; do
    case $1 in
    --write) write=1 ;;
    --llama-bench) shift && peer=${1:?'--llama-bench: a program is needed'} ;;
    -*)
        echo "bench_goals: unknown flag $1" >&2
        exit 1
        ;;
    *) break ;;
    esac
    shift
done
build=${1:-build} length=${DM_LENGTH:-131072} long=${DM_LONG:-1000000}
scripts=$(dirname "$0")
export DM_REPEATS="${DM_REPEATS:-5}" DM_DTYPE=bf16
"$scripts/configure.sh" "$build" -Dbenchmarks=true
ninja -C "$build" benchmarks/engine_bench benchmarks/training_bench programs/decimamba >/dev/null
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$scripts/bench_model.sh" "$folder/model" "$build"
table=$folder/table

engine() { # arguments: engine_bench's, behind the model
    "$build/benchmarks/engine_bench" "$folder/model" "$@" | tee -a "$folder/lines" >"$folder/line"
    cat "$folder/line" >&2
}
field() { # of the last line
    sed "s/.*\"$1\": \"\\{0,1\\}\\([^,\"}]*\\).*/\\1/" "$folder/line"
}
row() { # what, aim, measured, command
    echo "| $1 | $2 | $3 | \`$4\` |" >>"$table"
}
aim() { # of bf16, of int8, of q4
    case $DM_DTYPE in
    bf16) echo "$1" ;;
    int8) echo "${2:-}" ;;
    q4) echo "${3:-}" ;;
    esac
}

echo '| | aim | measured: median (least - most) | command |' >"$table"
echo '|---|---|---|---|' >>"$table"
if [ -n "$peer" ]; then
    DM_PEER_TYPES='bf16:bf16 q8_0:int8' "$scripts/bench_peer.sh" "$peer" "$folder/model" "$build" \
        2>"$folder/peer" >>"$folder/lines"
    cat "$folder/peer" >&2
    awk -F ' *[|] *' '/^[|] (reading|generating)/ {
        if ($2 ~ /reading 2048/)
            aim = $5 == "bf16" ? ">= 20 x" : ">= 15 x"
        else
            aim = $2 !~ /generating/ ? "" : $5 == "bf16" ? ">= 1.2 x" : ">= 1.3 x"
        printf "| %s, %s, beside llama.cpp in %s | %s | %s x; %s and %s tokens/s | `%s` |\n", $2, $5, $3,
            aim, $7, $6, $4, "scripts/bench_peer.sh LLAMA_BENCH MODEL"
    }' "$folder/peer" >>"$table"
fi
if [ -n "$peer" ] && [ -n "${DM_LARGE:-}" ]; then
    "$scripts/bench_model.sh" "$folder/large" "$build" 2.8b
    DM_PEER_TYPES=q4:q4 DM_PEER_GENERATE=1 "$scripts/bench_peer.sh" "$peer" "$folder/large" "$build" \
        2>"$folder/peer" >>"$folder/lines"
    rm -rf "$folder/large"
    cat "$folder/peer" >&2
    awk -F ' *[|] *' '/^[|] generating/ {
        printf "| %s with mamba-2.8b'"'"'s shape, q4, beside llama.cpp in Q4_K | >= 1.2 x | %s x; %s and %s tokens/s | `%s` |\n",
            $2, $7, $6, $4, "DM_PEER_TYPES=q4:q4 DM_PEER_GENERATE=1 scripts/bench_peer.sh LLAMA_BENCH MODEL"
    }' "$folder/peer" >>"$table"
fi
for DM_DTYPE in int8 f32 bf16; do
    engine read 2048
    row "reading 2,048 tokens, $DM_DTYPE: time over that of its products and exponentials" \
        "$(aim '<= 1.35')" \
        "$(field time_over_both) ($(field best) - $(field worst)); $(field tokens_per_s) tokens/s" \
        "DM_DTYPE=$DM_DTYPE engine_bench MODEL read 2048"
done
DM_CPU=avx2 DM_DTYPE=f32 DM_REPEATS=3 engine read 2048
row 'the same with AVX2 alone, f32' '<= 1.2' \
    "$(field time_over_both) ($(field best) - $(field worst)); $(field tokens_per_s) tokens/s" \
    'DM_CPU=avx2 DM_DTYPE=f32 engine_bench MODEL read 2048'
DM_REPEATS=3 engine read "$length" 12
row "reading $length tokens, decimating at layer 12: times plain reading" '>= 1.9' \
    "$(field times_plain) ($(field least) - $(field most)); $(field tokens_per_s) tokens/s" \
    "engine_bench MODEL read $length 12"
DM_BETA=0.83 DM_BASE_LENGTH=8000 DM_REPEATS=3 engine read "$length" 12,13,14,15,16,17,18,19,20
row "the same at layers 12 to 20, beta 0.83, L_base 8000" 'the same' \
    "$(field times_plain) ($(field least) - $(field most)); $(field tokens_per_s) tokens/s" \
    "DM_BETA=0.83 DM_BASE_LENGTH=8000 engine_bench MODEL read $length 12,...,20"
if [ "$long" != 0 ]; then
    DM_ALONE=1 DM_REPEATS=1 engine read "$((long / 10))" 12
    tenth=$(field tokens_per_s) small=$(field peak_mb)
    DM_ALONE=1 DM_REPEATS=1 engine read "$long" 12
    row "reading $long tokens, layer 12: rate and peak memory beside a tenth of it" 'the same' \
        "$(field tokens_per_s) and $tenth tokens/s; $(field peak_mb) and $small MB" \
        "DM_ALONE=1 DM_REPEATS=1 engine_bench MODEL read $long 12"
    above=$(echo "$(field peak_mb) $(field packed_mb)" | awk '{ print $1 - $2 }')
    row 'its peak above the packed weights' '< 100 MB' "$above MB" \
        "DM_ALONE=1 DM_REPEATS=1 engine_bench MODEL read $long 12"
fi
for DM_DTYPE in q4 int8 bf16; do
    engine generate 32
    row "generating, $DM_DTYPE: share of the memory's rate over the weights' bytes" \
        "$(aim '>= 0.95' '>= 0.9' '>= 0.8')" \
        "$(field share_of_memory) ($(field least) - $(field most)); $(field tokens_per_s) tokens/s" \
        "DM_DTYPE=$DM_DTYPE engine_bench MODEL generate 32"
    engine generate 16 16
    row "16 sequences at a time, $DM_DTYPE: times one" "$(aim '>= 8')" \
        "$(field times_one) ($(field least) - $(field most)); $(field tokens_per_s) tokens/s" \
        "DM_DTYPE=$DM_DTYPE engine_bench MODEL generate 16 16"
done
compare() { # dtype, beside, aim, work
    : >"$folder/ratios"
    for _ in $(seq "$DM_REPEATS"); do # turn by turn
        for dtype in "$2" "$1"; do
            # shellcheck disable=SC2086
            DM_DTYPE=$dtype DM_REPEATS=1 engine $4 2>/dev/null
            [ "$dtype" = "$1" ] || plain=$(field tokens_per_s)
        done
        echo "$(field tokens_per_s) $plain" | awk '{ print $1 / $2 }' >>"$folder/ratios"
    done
    sort -g "$folder/ratios" | awk '{ r[NR] = $1 } END {
        printf "%.2f (%.2f - %.2f)", r[int((NR + 1) / 2)], r[1], r[NR] }' >"$folder/ratio"
    row "$1, $4: times $2" "$3" "$(cat "$folder/ratio")" \
        "engine_bench MODEL $4, DM_DTYPE=$2 and $1 in turn"
}
compare int8 bf16 '>= 1.4' 'read 2048'
compare int8 bf16 '>= 1.6' 'generate 32'
compare q4 int8 '>= 1.6' 'generate 32'
compare bf16x3 f32 '>= 2' 'read 2048'
perplexity() { # dtype
    "$build/programs/decimamba" perplexity models/books --file data/books/26239.txt --window 2048 \
        --dtype "$1" | sed -n 's/^perplexity *//p'
}
exact=$(perplexity bf16) rounded=$(perplexity int8)
row 'int8, models/books: perplexity beside bf16' 'within 1%' \
    "$rounded and $exact: $(echo "$rounded $exact" | awk '{ printf "%+.2f%%", 100 * ($1 / $2 - 1) }')" \
    'decimamba perplexity models/books --file data/books/26239.txt --window 2048 --dtype int8'
engine load
row 'loading 248 MB in bf16, packing included; then the first token' '< 0.3 s beyond packing' \
    "$(field load_s) s; $(field first_token_s) s" 'engine_bench MODEL load'
for case in 'f32 models/passkey-512 8 512' 'bf16 models/passkey-512 8 512' "f32 $folder/model 1 2048" \
    "bf16 $folder/model 1 2048"; do
    dtype=${case%% *} arguments=${case#* } wanted='<= 1.8'
    [ "${arguments#models/}" != "$arguments" ] || wanted='<= 1.3'
    # shellcheck disable=SC2086
    DM_DTYPE=$dtype DM_REPEATS=3 "$build/benchmarks/training_bench" $arguments >"$folder/line"
    shown=$(echo "$arguments" | sed "s,$folder/model,MODEL,")
    row "training, $shown, $dtype: time over products" "$wanted" \
        "$(field time_over_products); $(field tokens_per_second) tokens/s" \
        "DM_DTYPE=$dtype training_bench $shown"
done

processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
flags=$(sed -n 's/^flags[^:]*://p' /proc/cpuinfo | head -n 1 | tr ' ' '\n' |
    grep -E '^(avx2|avx512f|avx512_bf16|avx512_vnni|amx_bf16|amx_int8)$' | tr '\n' ' ')
{
    echo "$(nproc) cores of $processor (${flags% }); load at the end $(cut -d' ' -f1 /proc/loadavg)."
    echo
    cat "$table"
} >"$folder/page"
cat "$folder/page"
if [ -n "$write" ]; then
    page=docs/performance.md
    awk -v page="$folder/page" '/^<!-- end of goals -->$/ { skip = 0 } !skip
        /^<!-- goals -->$/ { skip = 1; while ((getline line < page) > 0) print line }' "$page" \
        >"$folder/new"
    cp "$folder/new" "$page"
fi
