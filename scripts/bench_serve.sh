#!/bin/sh
# Measures `decimamba serve` on this machine. Prints JSON lines.
#   1. A document of 1,000,000 bytes on models/passkey: seconds from sending it, with a question, to the answer's
#      first token; the same of a second question, and of one after kill -9 and a restart.
#   2. With --llama-server: CLIENTS (8) streams of 32 tokens at a time from the same GGUF file, of mamba-130m's
#      shape with random weights, by each server in turn: tokens a second, of all together.
#     scripts/bench_serve.sh [--llama-server PROGRAM] [BUILD]
# PROGRAM: llama.cpp's, or a script that calls another of its servers: it is given --model FILE --port N.
# From the environment: DM_BYTES (1000000), DM_ROUNDS (3), CLIENTS; DM_PART: 1 or 2 for one of them alone.
set -eu
peer=''
if [ "${1:-}" = --llama-server ]; then
    peer=${2:?a program is needed}
    shift 2
fi
build=${1:-build} bytes=${DM_BYTES:-1000000} clients=${CLIENTS:-8} rounds=${DM_ROUNDS:-3} part=${DM_PART:-}
root=$(dirname "$(realpath "$0")")/..
program=$build/programs/decimamba
ninja -C "$build" programs/decimamba > /dev/null
folder=$(mktemp -d)
server='' other=''
trap 'kill -9 $server $other 2> /dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start() {
    : > "$folder/address"
    "$program" serve "$@" > "$folder/address" &
    server=$!
    until [ -s "$folder/address" ]; do
        kill -0 "$server"
        sleep 0.05
    done
    base=$(cat "$folder/address")
}
field() { # NAME, of standard input
    sed "s/.*\"$1\":\"*\([^\",}]*\).*/\1/"
}
now() {
    date +%s.%N
}
# Asks for one token, and prints the seconds since $begun, and how many tokens were not read again.
first_token() {
    curl -sf "$base/v1/completions" -H 'Content-Type: application/json' -d "{\"document\": \"$id\",
        \"prompt\": \"\\n$1 Answer: \", \"max_tokens\": 1, \"temperature\": 0}" > "$folder/answer"
    echo "$begun $(now) $(field cached_tokens < "$folder/answer")" |
        awk -v what="$2" '{ printf "{\"bench\": \"serve\", \"what\": \"%s\", \"seconds\": %.4f, \"cached_tokens\": %d}\n",
            what, $2 - $1, $3 }'
}

bench_document() {
    {
        printf 'Find the pass key:\n'
        while cat "$root"/data/books/*.txt; do :; done 2> "$folder/full" | head -c "$bytes"
    } > "$folder/book.txt"
    start "$root/models/passkey" --port 0 --store "$folder/store"
    begun=$(now)
    id=$(curl -sf "$base/v1/documents" -F "file=@$folder/book.txt" | field id)
    first_token 'What is the pass key?' 'first question'
    begun=$(now)
    first_token 'What is the key?' 'second question'
    kill -9 "$server"
    wait "$server" 2> "$folder/full" || true
    start "$root/models/passkey" --port 0 --store "$folder/store"
    begun=$(now)
    first_token 'Which key is it?' 'after kill -9 and a restart'
    kill "$server"
    wait "$server"
    server=''
}

# $clients streams at a time; $n_token tokens each.
stream() { # name, address
    begun=$(now) waits=''
    for client in $(seq "$clients"); do
        curl -sf "$2/v1/completions" -H 'Content-Type: application/json' -d "{\"prompt\": \"Number $client of the\",
            \"max_tokens\": 32, \"temperature\": 0, \"ignore_eos\": true}" > "$folder/answer-$client" &
        waits="$waits $!"
    done
    for wait in $waits; do
        wait "$wait"
    done
    n=$(cat "$folder"/answer-* | grep -o '"completion_tokens": *[0-9]*' | awk -F: '{ n += $2 } END { print n }')
    echo "$begun $(now) $n" | awk -v name="$1" -v clients="$clients" -v round="$round" '{
        printf "{\"bench\": \"serve, throughput\", \"server\": \"%s\", \"clients\": %d, \"round\": %d, \"tokens\": %d, " \
            "\"tokens_per_s\": %.1f}\n", name, clients, round, $3, $3 / ($2 - $1) }'
}

bench_peer() {
    "$root/scripts/bench_model.sh" "$folder/model" "$build"
    cp "$root/models/books/tokenizer.json" "$folder/model" # any will do: it has fewer ids than the model
    "$program" convert "$folder/model" "$folder/model.gguf" --dtype f32
    start "$folder/model.gguf" --port 0
    port=$((${base##*:} + 1))
    "$peer" --model "$folder/model.gguf" --port "$port" > "$folder/other" 2>&1 &
    other=$!
    until curl -sf "http://127.0.0.1:$port/v1/models" > "$folder/full"; do
        kill -0 "$other" || { cat "$folder/other" >&2; exit 1; }
        sleep 0.5
    done
    for round in $(seq 0 "$rounds"); do # round 0 wakes both up
        stream decimamba "$base"
        stream llama.cpp "http://127.0.0.1:$port"
    done
}

[ "$part" = 2 ] || bench_document
[ "$part" = 1 ] || [ -z "$peer" ] || bench_peer
echo "{\"bench\": \"serve, machine\", \"processors\": $(nproc), \"load\": $(cut -d ' ' -f 1 /proc/loadavg)}"
