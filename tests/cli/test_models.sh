#!/bin/sh
# Models as they are named: those of a hub, those without a tokenizer, and with one by --tokenizer; and
# that every command begins a text with what the tokenizer puts before one.
. "$(dirname "$0")/common.sh"
make_model
cp "$root/include/decimamba.h" text
mkdir bare
cp model/config.json model/model.safetensors bare/
own=model/tokenizer.json

# every command that reads text, but for its model
commands() {
    cat <<'END'
generate MODEL hi --max-tokens 3
perplexity MODEL --file text --json
evaluate passkey MODEL --text text --lengths 200 --depths 1 --keys 1 --json
evaluate jsonl MODEL --data lines.jsonl --max-tokens 3 --json
analyze distance MODEL --text text --lengths 100 --json
analyze delta MODEL --text text --length 100 --json
analyze attention MODEL --text text --length 50 --json
analyze receptive-field MODEL --text text --lengths 50 --windows 1 --predictions 2 --json
analyze layers passkey MODEL --text text --lengths 200 --depths 1 --keys 1 --sweep layer=1 --json
calibrate MODEL --text text --length 256 --dry-run --json
END
}
printf '{"prompt": "hi", "answer": "x"}\n' > lines.jsonl
# times, and the model's name
plain() {
    sed 's/"seconds":[^,}]*//; s/"model":"[a-z]*"//g; s/"output":[^,]*//' out
}
commands > list
while read -r line; do
    set -- $(echo "$line" | sed "s/MODEL/state-spaces\/mamba-130m-hf/")
    run 1 "$@"
    complains "state-spaces/mamba-130m-hf: no such folder: a model is a local folder"
    complains "'scripts/fetch_data.sh FOLDER hub:state-spaces/mamba-130m-hf'"
    set -- $(echo "$line" | sed "s/MODEL/bare/")
    run 1 "$@"
    complains 'bare: it holds no tokenizer.json and no tokenizer.model: --tokenizer FILE names one'
    complains "'scripts/fetch_data.sh FOLDER tokenizer'"
    run 0 "$@" --tokenizer $own
    plain > given
    run 0 "$@" --tokenizer model
    plain > of_folder
    same given of_folder
    set -- $(echo "$line" | sed "s/MODEL/model/")
    run 0 "$@"
    plain > expected
    same given expected
    run 1 "$@" --tokenizer nowhere
    complains 'nowhere'
done < list
for line in 'info MODEL' 'bench MODEL' 'logits MODEL --ids ids --output x' 'convert MODEL x' 'tokenize MODEL hi' \
    'train --model MODEL --text text --output x'; do
    set -- $(echo "$line" | sed "s/MODEL/owner\/name/")
    run 1 "$@"
    complains "owner/name: no such folder"
done
absent x
run 1 tokenize bare hi
complains 'bare: it holds no tokenizer.json'
run 1 train --model bare --text text --output x
complains 'bare: it holds no tokenizer.json'
run 2 info model --tokenizer $own
complains 'unknown flag --tokenizer'
# not a hub's name
mkdir owner
for name in owner/name ./a/b a/b/c /a/b ../a; do
    run 1 info "$name"
    complains "$name: no such model"
done
# an evaluation goes on with the tokenizer that it began with
run 0 evaluate passkey bare --tokenizer $own --text text --lengths 200 --depths 1 --keys 1 --output known
run 0 evaluate passkey bare --tokenizer model --text text --lengths 200 --depths 1 --keys 1 --output other
cp -r model changed
sed 's/"id": 0,/"id": 0, "more": 1,/; s/"version": "1.0"/"version": "1.0" /' $own > changed/tokenizer.json
cmp -s $own changed/tokenizer.json && failed 'it is not changed'
run 1 evaluate passkey bare --tokenizer changed/tokenizer.json --text text --lengths 200 --depths 1 --keys 1 \
    --output known
complains 'made with weights'

# ---- a tokenizer that puts a token before a text: what a model reads begins with it ----
cp -r model begun
first='{"type": "TemplateProcessing", "special_tokens": {"s": {"id": "s", "ids": [7]}}, "single":'
first="$first [{\"SpecialToken\": {\"id\": \"s\"}}, {\"Sequence\": {\"id\": \"A\"}}]}"
sed "s|\"post_processor\": null|\"post_processor\": $first|" $own > begun/tokenizer.json
printf '\007' > bell
cat bell text > begun.txt # byte 7 is id 7: a text that begins so by itself
head -c 3000 begun.txt > begun.short
head -c 2999 text > short
both() { # COMMAND with TEXT for the text: the same of begun and short as of model and begun.short
    run 0 $(echo "$*" | sed 's/MODEL/begun/; s/TEXT/short/')
    plain | sed 's/"text":"[a-z.]*"//' > given
    run 0 $(echo "$*" | sed 's/MODEL/model/; s/TEXT/begun.short/')
    plain | sed 's/"text":"[a-z.]*"//' > expected
    same given expected
    run 0 $(echo "$*" | sed 's/MODEL/model/; s/TEXT/short/')
    plain | sed 's/"text":"[a-z.]*"//' > without
    ! cmp -s given without || failed 'the token changes nothing'
}
both perplexity MODEL --file TEXT --json
both analyze distance MODEL --text TEXT --lengths 100 --json
both analyze delta MODEL --text TEXT --length 100 --json
both analyze attention MODEL --text TEXT --length 50 --json
both calibrate MODEL --text TEXT --length 256 --dry-run --json
cp short a.txt
cp begun.short b.txt
run 0 evaluate perplexity begun --text a.txt --lengths 300 --target 299 --windows 1 --methods none --json
number=$(sed 's/.*"perplexity":\([0-9.]*\).*/\1/' out)
run 0 evaluate perplexity model --text b.txt --lengths 300 --target 299 --windows 1 --methods none --json
[ "$(sed 's/.*"perplexity":\([0-9.]*\).*/\1/' out)" = "$number" ] || failed 'evaluate perplexity'
# prompts of tasks
run 0 evaluate jsonl begun --data lines.jsonl --max-tokens 9 --methods none --output jsonl
said=$(sed -n 's/.*"answer":"\(.*\)","line".*/\1/p' jsonl/outcomes.jsonl)
run 0 generate begun hi --max-tokens 9 --method none --json
grep -qF "\"text\":\"$said\"" out || failed "'$said' is not what generate says: $(cat out)"
grep -q '"tokens":3,' jsonl/outcomes.jsonl || failed 'the prompt does not begin with its token'
run 0 evaluate passkey begun --text text --lengths 200 --depths 1 --keys 1 --methods none --output passkey
grep -q '"tokens":201,' passkey/outcomes.jsonl || failed 'the haystack has the token, or the prompt has not'
# what is learned
printf '{"text": "one two three"}\n' > text.jsonl
printf '{"text": "\\u0007one two three"}\n' > begun.jsonl
small='--steps 1 --length 40 --batch-tokens 40 --learning-rate 0.001 --seed 1'
run 0 train --model begun --jsonl text.jsonl $small --output one
run 0 train --model model --jsonl begun.jsonl $small --output two
same one/last/model.safetensors two/last/model.safetensors
run 0 train --model model --jsonl text.jsonl $small --output three
! cmp -s one/last/model.safetensors three/last/model.safetensors || failed 'a line does not begin with its token'
printf 'one two three' > text.txt
printf '\007one two three' > begun.txt
run 0 train --model begun --text text.txt $small --output four
run 0 train --model model --text begun.txt $small --output five
same four/last/model.safetensors five/last/model.safetensors
run 0 train --model begun --text text --task passkey $small --length 200 --batch-tokens 200 --output six
finish
