#!/bin/sh
# info, init, convert, calibrate and logits: what they write, and that nothing is left half-written.
. "$(dirname "$0")/common.sh"
make_model

run 0 info model
prints 'family              mamba'
prints 'layers              4'
prints 'vocabulary          128 (tied head)'
prints 'method              none (plain Mamba)'
run 0 info model --layers 1,2 --base-length 100 --score mean
prints 'method              decimate, layers 1,2, base length 100, beta 0.5,'
run 0 info "$golden" --json
prints '"vocab_size":96,"n_parameter":'
prints '"tied_head":false,"has_defaults":false,"method":{"method":"none"}'
for family in mamba mamba2 falcon_mamba; do
    printf '{"model_type": "%s", "vocab_size": 8, "hidden_size": 16, "num_hidden_layers": 1, "num_heads": 4,
        "head_dim": 8, "n_groups": 1}' $family > family.json
    run 0 init family.json $family
    run 0 info $family --json
    prints "\"model_type\":\"$family\","
    rm -r $family
done
run 1 info nowhere
complains nowhere
# a session takes in the end what info says that it takes at most
head -c 3000 "$root/include/decimamba.h" > text
for settings in '' '--layers 1 --base-length 300' '--layers 1,3 --base-length 200 --keep-tail 9' \
    '--layers 0,2 --base-length 40 --min-length 400' '--method keep-last --base-length 77'; do
    run 0 info model $settings --json
    bound=$(sed 's/.*"session_bytes_at_most":\([0-9]*\).*/\1/' out)
    run 0 generate model --file text $settings --max-tokens 1 --json
    used=$(sed 's/.*"session_bytes":\([0-9]*\).*/\1/' out)
    [ "$used" -eq "$bound" ] || failed "$settings: $used bytes, info says $bound"
done

# bench
run 0 bench model --read 20,600 --generate 3 --batch 1,2 --repeats 2
prints 'read 600 '
prints 'generate 3 x 2 '
run 0 bench model --read 600 --generate 2 --repeats 1 --breakdown --layers 1 --base-length 50
prints 'scan '
prints 'else, waits '
run 0 bench model --read 600 --generate 0 --repeats 1 --breakdown --json
prints '"test":"read","tokens":600,"sequences":1,"tokens_per_s":'
prints '"breakdown":{"embedding":'
shares=$(sed 's/.*"breakdown":{//; s/}.*//; s/"[a-z0-9_]*"://g; s/,/+/g' out)
awk "BEGIN { exit !(($shares) > 0.2 && ($shares) <= 1.01) }" || failed "shares are $shares"
run 2 bench model --read 0
complains '--read'
run 1 bench nowhere
complains nowhere

# init
run 0 init "$here/ascii/config.json" again --seed 3
same model/model.safetensors again/model.safetensors
run 0 init "$here/ascii/config.json" other --seed 4
! cmp -s model/model.safetensors other/model.safetensors || failed 'another seed, the same weights'
run 0 init "$here/ascii/config.json" half --dtype bf16
run 0 info half
prints 'bf16 stored'
run 1 init "$here/ascii/config.json" again
complains again
run 1 init nowhere.json new
complains nowhere.json
printf '{"d_model": 32' > broken.json
run 1 init broken.json new
complains broken.json
run 1 init "$here/ascii/config.json" missing/new
complains missing
absent new missing

# convert
run 0 convert model converted --dtype bf16
run 0 info converted
prints 'bf16 stored'
[ -f converted/tokenizer.json ] || failed 'the tokenizer was not copied'
run 0 convert "$golden" plain
cp -R model chat
sed 's/^{/{"eos_token_id": [5, 2], "pad_token_id": 4, /' model/config.json > chat/config.json
echo '{{ messages }}' > chat/chat_template.jinja
run 0 convert chat chat2
same chat/chat_template.jinja chat2/chat_template.jinja
tr -d ' \n' < chat2/config.json | grep -qF '"eos_token_id":[5,2],"pad_token_id":4' ||
    failed "chat2/config.json: $(cat chat2/config.json)"
printf '1 2 3 4 5' > ids
run 0 generate "$golden" --ids ids --print-ids --max-tokens 9
cp out before
run 0 generate plain --ids ids --print-ids --max-tokens 9
same out before
run 1 convert model converted
complains converted
run 1 convert nowhere new
complains nowhere
run 2 convert model new --dtype f64
complains "'f64' is not one of auto, f32, bf16, f16"
run 1 convert model missing/new
complains missing
absent new missing

# a PEFT adapter is its model with LoRA merged
base=$root/tests/data/transformers/mamba-tied-bf16
mkdir adapter
cp "$root"/tests/data/peft/projections/adapter_* adapter
run 1 info adapter
complains 'adapter/adapter_config.json: a PEFT adapter of mamba-tied-bf16, which is no folder here'
sed -i "s|\"mamba-tied-bf16\"|\"$base\"|" adapter/adapter_config.json
run 0 convert adapter merged --dtype f32
for model in "$base" adapter merged; do
    run 0 logits "$model" --ids ids --dtype f32 --output "$(basename "$model").logits"
done
same adapter.logits merged.logits
! cmp -s adapter.logits mamba-tied-bf16.logits || failed 'an adapter that changes nothing'

# convert to GGUF: the magic, the version, the numbers of tensors and keys
tokens=$root/tests/data/gguf/tokens
run_warned 0 convert "$tokens" model.gguf --format gguf --dtype bf16
warns "$tokens/tokenizer.json: llama.cpp does not bring text to NFC"
[ "$(head -c 4 model.gguf)" = GGUF ] || failed 'no GGUF file'
[ "$(head -c 24 model.gguf | tail -c 20 | od -An -v -w20 -t u4 | tr -s ' ')" = ' 3 22 0 27 0' ] ||
    failed "its head: $(head -c 24 model.gguf | od -An -c)"
for text in mamba.ssm.dt_b_c_rms tokenizer.ggml.merges blk.1.ssm_out.weight; do
    grep -qaF "$text" model.gguf || failed "it lacks $text"
done
cp model.gguf before
run_warned 0 convert "$tokens" model.gguf --format gguf --dtype f32
! cmp -s model.gguf before || failed 'another type, the same file'
run_warned 0 convert "$tokens/" model.gguf --format gguf --dtype bf16
same model.gguf before
run 1 convert model new --format gguf # fewer rows than the tokenizer has ids
complains "model/tokenizer.json: has ids up to 255, but the model's vocabulary has 128"
run 1 convert nowhere new --format gguf
complains nowhere
for dtype in int8 q4; do
    run_warned 0 convert "$root/models/books" model.gguf --format gguf --dtype $dtype
    run_warned 0 convert "$root/models/books" wide.gguf --format gguf --dtype f32
    [ "$(wc -c <model.gguf)" -lt $(($(wc -c <wide.gguf) / 2)) ] || failed "no smaller in $dtype"
    run 2 convert model new --dtype $dtype
    complains "--dtype $dtype: transformers has no such type: --format gguf writes it"
done
run 2 convert model new --format onnx
complains "'onnx' is not one of transformers, gguf"
run_warned 1 convert "$tokens" missing/new --format gguf
complains 'missing/new: cannot write'
run_warned 1 convert "$tokens" converted --format gguf
complains 'converted: cannot write'
absent new missing

# GGUF files as models: what a directory gives, the file of it gives
run_warned 0 convert "$tokens" tokens.gguf --format gguf
run 0 info tokens.gguf --json
cp out from-file
run 0 info "$tokens" --json
same out from-file
printf 'the caf\303\251 <|endoftext|>' > text.txt
run 0 tokenize tokens.gguf --file text.txt
prints '116 257 32 99 97 102 259 32 261'
for model in "$tokens" tokens.gguf; do
    run 0 generate "$model" --file text.txt --max-tokens 8 --print-ids
    cp out "$(basename "$model").ids"
    run 0 perplexity "$model" --file text --target 20
    grep -v seconds out > "$(basename "$model").loss"
done
same tokens.ids tokens.gguf.ids
same tokens.loss tokens.gguf.loss
run 0 convert tokens.gguf back
for model in back tokens.gguf "$tokens"; do
    run 0 logits "$model" --ids ids --output "$(basename "$model").logits"
done
same back.logits tokens.gguf.logits
same tokens.logits tokens.gguf.logits
printf '{"version": 1, "method": "decimate", "layers": [1], "base_length": 40}' > tokens.gguf.decimamba.json
run 0 info tokens.gguf
prints 'method              decimate, layers 1, base length 40'
run 0 info tokens.gguf --settings ''
prints 'method              none'
run 0 calibrate tokens.gguf --text text --length 128 --layers 1
run 0 info tokens.gguf
prints 'method              decimate, layers 1, base length 128'
head -c 3000 tokens.gguf > short.gguf
run 1 info short.gguf
complains 'short.gguf: damaged, or cut short, inside key'
run 1 tokenize short.gguf a
complains 'short.gguf: damaged, or cut short, inside key'
run 0 info "$root/tests/data/gguf/types/model.gguf"
prints 'type                q4_K stored, q4_K computed'
run 1 tokenize "$root/tests/data/gguf/types/model.gguf" a
complains 'types/model.gguf: holds no tokenizer'
run 0 generate "$root/tests/data/gguf/types/model.gguf" --ids ids --max-tokens 3 --print-ids

# calibrate
run 0 calibrate model --text text --length 256 --layers 2
run 0 info model
prints 'decimamba.json      yes'
prints 'method              decimate, layers 2, base length 256, beta 0.5, min length 20, keep tail 1, score global'
run 0 calibrate model --text text --length 256 --share 0.5 --passages 2 --layers 1,3 --score norm
run 0 info model
prints 'method              decimate, layers 1,3, base length 256, beta 0.5, min length 20, keep tail 1, score norm'
run 0 info model --method keep-last
prints 'method              keep-last, layers 0,'
run 0 info model --method none
prints 'method              none'
cp model/decimamba.json before
run 1 calibrate model --text text --length 100000
run 1 calibrate model --text nowhere
complains nowhere
run 1 calibrate model --text text --length 256 --layers 9
complains 'there is no layer 9'
same model/decimamba.json before
run 1 calibrate "$golden" --text text
complains tokenizer.json
absent "$golden/decimamba.json"

# logits
golden_ids > ids
run 0 logits "$golden" --ids ids --last 1 --layers 1 --base-length 24 --min-length 4 --output o
head -c 8 o | od -An -t u8 | tr -d ' ' > length
header=$(head -c $((8 + $(cat length))) o | tail -c +9)
expected='{"kept.1":{"dtype":"I64","shape":[25],"data_offsets":[0,200]},"logits":{"dtype":"F32","shape":[1,96],"data_offsets":[200,584]}}'
[ "$(echo "$header" | sed 's/ *$//')" = "$expected" ] || failed "the header is $header"
[ $(($(cat length) % 8)) -eq 0 ] || failed 'the header is not padded to 8 bytes'
[ "$(wc -c < o)" -eq $((8 + $(cat length) + 584)) ] || failed 'the size of the file'
kept=$(tail -c 584 o | head -c 200 | od -An -v -w200 -t d8 | tr -s ' ')
expected=' 5 8 19 21 22 29 41 42 52 56 60 65 67 68 70 72 73 76 77 78 83 84 91 92 95'
[ "$kept" = "$expected" ] || failed "kept$kept" # as the official implementation does
run 0 logits "$golden" --ids ids --last 96 --output o
[ "$(tail -c 384 o | od -An -v -w4 -t f4 | sort -g | tail -1)" != "$(tail -c 768 o |
    head -c 384 | od -An -v -w4 -t f4 | sort -g | tail -1)" ] || failed 'two rows are the same'
# what a symbolic link leads to is written, and the link stays
mkdir far
ln -s far/o link
ln -s link other_link
for file in link other_link; do # at first far/o is not there
    run 0 logits "$golden" --ids ids --last 96 --output $file
    same far/o o
    : > far/o
done
run 0 generate "$golden" --ids ids --print-ids --max-tokens 1 --save-session link
run 0 generate "$golden" --ids ids --print-ids --max-tokens 1 --load-session far/o
[ -L link ] && [ -L other_link ] || failed 'a link was replaced'
[ "$(ls -A far)" = o ] || failed "left: $(ls -A far)"
complains_of_ring() { # in the words of glibc or musl
    grep -q 'ring: cannot write: \(Too many levels of symbolic links\|Symbolic link loop\)$' err ||
        failed "'$(cat err)'"
}
ln -s ring ring
run 1 logits "$golden" --ids ids --output ring
complains_of_ring
run 1 generate "$golden" --ids ids --print-ids --save-session ring
complains_of_ring
cp o before
run 1 logits "$golden" --ids ids --last 97 --output o
complains 'ids: 96 ids, fewer than --last 97'
same o before
run 2 logits "$golden" --ids ids --last 4 --keep-tail 3 --output new
complains '--keep-tail 3'
run 1 logits "$golden" --ids ids --output missing/new
complains 'missing/new: cannot write: No such file'
run 1 logits "$golden" --ids ids --output .
complains '.: cannot write'
run 1 logits "$golden" --ids ids --last 96 --output /dev/full
complains '/dev/full: cannot write: No space left'
[ -c /dev/full ] || failed '/dev/full is gone'
printf '1 2 96' > bad
run 1 logits "$golden" --ids bad --output new
complains 'bad: id 3 is 96: the vocabulary ends at 95'
absent new missing
[ -z "$(find . -name '*.tmp')" ] || failed "left: $(find . -name '*.tmp')"
finish
