#!/bin/sh
# Memory does not grow with the text: what a command, or one before it, needs for a text of 64 KB, and 6 MiB
# more, is enough for one of 4 MB, from a file, from a pipe and as ids. (Its ids alone take 16 MB.)
. "$(dirname "$0")/common.sh"
if ! (ulimit -v 4000000 && "$program" --version) > out 2>&1; then
    echo 'not run: addresses are limited already, or a sanitizer wants more than can be limited'
    exit 77
fi
sed 's/"d_model": 32, "n_layer": 4/"d_model": 8, "n_layer": 1/' "$here/ascii/config.json" > small.json
run 0 init small.json model --seed 3
cp "$here/ascii/tokenizer.json" model/
head -c 64000 "$root/data/books/26239.txt" | tr -c '\n -~' '?' > short
for _ in $(seq 64); do cat short; done > long
run 0 tokenize model --file long --count
printed_exactly 4096000
for length in short long; do
    run 0 tokenize model --file $length
    mv out $length.ids
done
run 0 tokenize model --file long.ids --decode
same out long

enough_for_more() { # command..., with LENGTH for the text's name
    start=$(least "$start" "$@")
    limit=$((start + 6144))
    last="$* (long, under $limit KiB)"
    for word in "$@"; do
        shift
        case $word in
        LENGTH*) set -- "$@" "long${word#LENGTH}" ;;
        *) set -- "$@" "$word" ;;
        esac
    done
    works "$limit" "$@" || failed "$(cat err)"
}
start=$(least 4096 --version)
ln -s short LENGTH
ln -s short.ids LENGTH.ids
enough_for_more tokenize model --file LENGTH --count
enough_for_more tokenize model --file LENGTH.ids --decode
enough_for_more generate model --file LENGTH --max-tokens 1 --threads 1 --repetition-penalty 1.1
enough_for_more generate model --ids LENGTH.ids --max-tokens 1 --threads 1
enough_for_more generate model --file LENGTH --max-tokens 1 --threads 1 --method decimate --layers 0
enough_for_more logits model --ids LENGTH.ids --threads 1 --output new
enough_for_more perplexity model --file LENGTH --target 2000 --threads 1
enough_for_more perplexity model --ids LENGTH.ids --target 2000 --threads 1
enough_for_more perplexity model --file LENGTH --window 500 --target 100 --threads 1
enough_for_more calibrate model --text LENGTH --length 500 --dry-run --threads 1
enough_for_more evaluate perplexity model --text LENGTH --lengths 500 --windows 2 --methods none \
    --threads 1
enough_for_more evaluate passkey model --text LENGTH --lengths 500 --keys 1 --methods none --threads 1

# a pipe, whose length nobody knows
last='generate model < pipe'
limit=$((limit + 8192))
cat long | (ulimit -v "$limit" && exec "$program" generate model --max-tokens 1 --threads 1) > out \
    2> err || failed "$(cat err)"
finish
