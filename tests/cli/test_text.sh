#!/bin/sh
# tokenize and perplexity.
. "$(dirname "$0")/common.sh"
make_model
tokenizer=$here/ascii/tokenizer.json

run 0 tokenize "$tokenizer" 'Ab c'
printed_exactly '65 98 32 99'
run 0 tokenize model 'Ab c' --count
printed_exactly 4
run 0 tokenize model "a
	\\" --pieces
printed_exactly '97	a
10	\n
9	\t
92	\\'
printf 'from a pipe' > text
input=text run 0 tokenize model --count
printed_exactly 11
run 0 tokenize model --file text --count
printed_exactly 11
input=text run 0 tokenize model --file - --count
printed_exactly 11
run 0 tokenize model ''
printed_exactly ''
run 0 tokenize model '104 105	33' --decode
printed_exactly 'hi!'
run 0 tokenize model 'Grüße, 世界'
cp out ids
run 0 tokenize model --decode --file ids
printed_exactly 'Grüße, 世界'
run 1 tokenize model '1 256' --decode
complains 'the argument: id 2 is 256: the vocabulary ends at 255'
run 1 tokenize model '1 -1' --decode
complains "the argument: id 2, '-1', is not a whole number"
printf '7 seven' > ids
run 1 tokenize model --file ids --decode
complains "ids: id 2, 'seven', is not a whole number"
printf '7 \0 8' > ids
run 1 tokenize model --file ids --decode
complains 'ids: byte 2 is 0'
run 1 tokenize model abc --file text
complains 'the text is given twice'
run 1 tokenize model --file nowhere
complains 'nowhere: cannot read: No such file'
run 1 tokenize model --file .
complains '.: cannot read: Is a directory'
run 1 tokenize "$golden" abc
complains tokenizer.json
run 1 tokenize model "$(printf 'a\377')"
complains 'the argument: '

# the losses of the official implementation's logits of all positions, run 0 of the golden file
golden_ids > ids
for target in 1 7 94 95 100; do
    run 0 perplexity "$golden" --ids ids --target "$target"
    prints 'tokens          95'
    prints 'nats per token  6.13870'
done
run 0 perplexity "$golden" --ids ids --window 96 --target 10
prints 'windows         1'
prints 'nats per token  5.48697'
run 0 perplexity "$golden" --ids ids --window 40 --target 10
prints 'windows         6' # at 0 10 20 30 40 50: before 96 - 40
prints 'tokens          60'
run 0 perplexity "$golden" --ids ids --window 40 --target 10 --stride 28 --json
prints '"windows":2,"window":40'
prints '"scored_tokens":20,'
prints '"bits_per_byte":null'
# by strides: what transformers' logits give for the windows of Hugging Face's guide
tr -s ' ' '\n' < "$root/tests/data/transformers/strided.ids" > ids
while read -r folder window stride n_window n_scored sum; do
    run 0 perplexity "$root/tests/data/transformers/$folder" --ids ids --window "$window" \
        --stride "$stride" --dtype f32 --json
    prints "\"scored_tokens\":$n_scored,"
    prints "\"windows\":$n_window,\"window\":$window,\"stride\":$stride,"
    nats=$(sed 's/.*"nats_per_token":\([0-9.]*\).*/\1/' out)
    awk "BEGIN { d = $nats * $n_scored - $sum; exit !(d * d < 1e-6) }" ||
        failed "$folder: $nats nats per token, the sum of $n_scored is $sum"
done < "$root/tests/data/transformers/strided.txt"
run 0 perplexity "$root/tests/data/transformers/mamba-biases" --ids ids --window 32 --json
prints '"window":32,"stride":16,"target":16'
# decimation that drops nothing changes nothing, and the settings leave the scored tokens alone
run 0 perplexity "$root/tests/data/transformers/mamba-biases" --ids ids --window 32 --stride 8
cp out plain
run 0 perplexity "$root/tests/data/transformers/mamba-biases" --ids ids --window 32 --stride 8 --layers 1
same out plain
run 0 perplexity "$root/tests/data/transformers/mamba-biases" --ids ids --window 32 --stride 8 --layers 1 \
    --base-length 4 --min-length 1
! cmp -s out plain || failed 'decimation changed nothing'
run 2 perplexity "$root/tests/data/transformers/mamba-biases" --ids ids --window 32 --stride 33
complains '--stride 33: more than --window 32'
# of a token per byte: bits per byte are nats per token / ln 2
printf 'Plain text, some of it; then more of it, and more.' > text
run 0 perplexity model --file text
nats=$(awk '/nats/ { print $4 }' out)
bits=$(awk '/bits/ { print $4 }' out)
awk "BEGIN { d = $nats / log(2) - $bits; exit !(d * d < 1e-8) }" || failed "$nats nats, $bits bits"
run 0 perplexity model --file text --json
prints '"scored_tokens":49,"scored_bytes":49'
# where nothing is dropped, decimation changes nothing; where much is, it does
run 0 perplexity model --file text --layers 2
prints "nats per token  $nats"
run 0 perplexity model --file text --layers 2 --base-length 5 --min-length 1 --target 5
! grep -qF "nats per token  $nats" out || failed 'decimation changed nothing'
run 2 perplexity model --file text --layers 2 --target 5 --keep-tail 5
complains '--keep-tail 5: the last 6 tokens are looked at'
# 8 bits cost a hundredth at most, 4 bits five: 2.5 of the whole book
if "$program" info model --dtype int8 > out 2>&1; then
    head -c 6000 "$root/data/books/26239.txt" > page
    run 0 perplexity "$root/models/books" --file page --dtype f32 --json
    exact=$(sed 's/.*"perplexity":\([0-9.]*\).*/\1/' out)
    for type in int8:1.01 q4:1.05; do
        run 0 perplexity "$root/models/books" --file page --dtype ${type%:*} --json
        rounded=$(sed 's/.*"perplexity":\([0-9.]*\).*/\1/' out)
        awk "BEGIN { r = $rounded / $exact; exit !(r != 1 && r > 0.99 && r < ${type#*:}) }" ||
            failed "perplexity $rounded in ${type%:*}, $exact in float32"
    done
else
    grep -q 'this processor' out || failed "int8: $(cat out)"
fi
run 2 perplexity model --file text --window 51 --target 100
complains 'must be larger than --target 100'
run 1 perplexity model --file text --window 51 --target 10
complains 'text: 50 tokens, fewer than --window 51'
printf 'a' > one
run 1 perplexity model --file one
complains 'one: 1 token: at least 2 are needed'
run 1 perplexity model --file /dev/null
complains '/dev/null: 0 tokens'
printf '1 95 96' > ids
run 1 perplexity "$golden" --ids ids
complains 'ids: id 3 is 96: the vocabulary ends at 95'
run 1 perplexity "$golden" --file text
complains tokenizer.json

# A tokenizer that puts a token before a text: what a model reads begins with it, once.
mkdir begun
cp -r model/. begun
first='{"type": "TemplateProcessing", "special_tokens": {"s": {"id": "s", "ids": [7]}}, "single":'
first="$first [{\"SpecialToken\": {\"id\": \"s\"}}, {\"Sequence\": {\"id\": \"A\"}}]}"
sed "s|\"post_processor\": null|\"post_processor\": $first|" "$tokenizer" > begun/tokenizer.json
run 0 tokenize begun 'hi'
printed_exactly '104 105'
run 0 tokenize begun 'hi' --template
printed_exactly '7 104 105'
run 0 tokenize begun '' --template
printed_exactly '7'
run 0 tokenize model 'hi' --template
printed_exactly '104 105'
run 0 generate begun 'hi' --max-tokens 2 --print-ids --save-session begun.session
cp out with_text
printf '7 104 105' > ids
run 0 generate begun --ids ids --max-tokens 2 --print-ids
cmp -s out with_text || failed 'a prompt of text does not begin with its token'
run 0 generate begun --load-session begun.session 'x' --max-tokens 1 --json
n_prompt=$(sed -n 's/.*"prompt_tokens": *\([0-9]*\).*/\1/p' out)
[ "$n_prompt" = 1 ] || failed "a text that goes on begins anew: $(cat out)"
printf 'hello' > text
run 0 perplexity begun --file text --json
grep -q '"text_tokens":6,"scored_tokens":5,' out || failed "perplexity without the first token: $(cat out)"
finish
