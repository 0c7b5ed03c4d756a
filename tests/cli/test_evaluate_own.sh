#!/bin/sh
# evaluate on prompts of one's own, on several models, and from a file; --json; the training length.
. "$(dirname "$0")/common.sh"
bytes=$root/models/passkey-bytes-512
small=$root/models/passkey-512

# ---- prompts of one's own: what generate says, judged ----
key='The pass key is 48151. Remember it. 48151 is the pass key.'
p1="Find the pass key:\\nThe grass is green. $key The sky is blue.\\nAnswer: "
p2="Once upon a time"
{
    printf '{"prompt": "%s", "answers": ["no", "48151"], "group": "keys", "id": "one"}\n' "$p1"
    printf '{"prompt": "%s", "answer": "nothing of the kind"}\n' "$p2"
} > own.jsonl
run 0 evaluate jsonl "$bytes" --data own.jsonl --max-tokens 5 --metric exact --methods none --output exact
prints 'jsonl by metric, '
grep -q '^none  *1/2$' out || failed 'one of two is right'
grep -q '^none  *1/1  *0/1  *1/2$' out || failed 'groups have no table'
for i in 1 2; do
    [ $i = 1 ] && printf '%b' "$p1" > prompt || printf '%b' "$p2" > prompt
    said=$(sed -n "s/.*\"prompt\":$((i - 1)),.*\"answer\":\"\([^\"]*\)\".*/\1/p" exact/outcomes.jsonl)
    run 0 generate "$bytes" --file prompt --max-tokens 5 --method none --json
    grep -qF "\"text\":\"$said\"" out || failed "prompt $i: '$said' is not what generate says: $(cat out)"
done
grep -q '"id":"one"' exact/outcomes.jsonl || failed 'the id is not in outcomes.jsonl'
run 0 evaluate jsonl "$bytes" --data own.jsonl --max-tokens 9 --metric contains --methods none
grep -q '^none  *1/2$' out || failed 'the key is not in the answer'
run 0 evaluate jsonl "$bytes" --data own.jsonl --max-tokens 9 --metric exact --methods none
grep -q '^none  *0/2$' out || failed 'more than the key is not the key'
run 0 evaluate jsonl "$bytes" --data own.jsonl --max-tokens 9 --metric f1 --methods none --json --prompts 1
one=$(sed 's/.*"f1"//; s/.*"F1":{"n":1,"sum":\([0-9.]*\).*/\1/' out)
run 0 generate "$bytes" --file prompt --max-tokens 1 --method none
run 0 evaluate jsonl "$bytes" --data own.jsonl --max-tokens 9 --stop 1 --metric contains --methods none
grep -q '^none  *0/2$' out || failed 'an answer does not end at --stop'
[ -n "$one" ] || failed 'no F1'
# the same command goes on; another metric is another evaluation
run 0 evaluate jsonl "$bytes" --data own.jsonl --max-tokens 5 --metric exact --methods none --output exact
prints '2 of them read before'
run 1 evaluate jsonl "$bytes" --data own.jsonl --max-tokens 5 --metric f1 --methods none --output exact
complains 'made with metric "exact", not "f1"'
printf '{"prompt": "a"}\n' > bad.jsonl
run 1 evaluate jsonl "$bytes" --data bad.jsonl
complains "bad.jsonl:1: key 'answer' is missing"
run 2 evaluate jsonl "$bytes"
complains 'evaluate jsonl: --data is missing'

# ---- several models ----
few="--text $root/data/books/26239.txt --lengths 256,512 --depths 1 --keys 2"
run 0 evaluate passkey "$bytes" "$small" $few --methods 'none default' --output several
cp out first
prints 'passkey by tokens, 2 models: right answers'
grep -q '^model, method  *256  *512\*  *all$' out || failed 'both were trained on 512 tokens'
for name in passkey-bytes-512 passkey-512; do
    cp "several/$name/report.json" one.json
    run 0 evaluate passkey "$root/models/$name" $few --methods 'none default' --output alone-$name
    same "alone-$name/report.json" one.json
    same "alone-$name/outcomes.jsonl" "several/$name/outcomes.jsonl"
done
grep -q '"models": *\[' several/models.json || failed 'models.json lacks them'
grep -q '^| passkey-512, none ' several/table.md || failed 'table.md lacks a model'
run 0 evaluate passkey "$bytes" "$small" $few --methods 'none default' --output several
prints '4 of them read before'
tail -n 8 first > a
tail -n 8 out > b
same a b
run 0 evaluate passkey --models "$bytes" "$small" $few --methods none --json
[ "$(wc -l < out)" -eq 1 ] || failed 'not one line'
[ "$(grep -o '"model":"' out | wc -l)" -eq 2 ] || failed 'not two models'
prints '"trained":512'
run 0 evaluate passkey "$bytes" "$small" $few --methods none --trained 256
grep -q '^model, method  *256\*  *512  *all$' out || failed '--trained says nothing'
run 0 evaluate passkey "$bytes" "$small" $few --methods none --trained 0
! grep -q '\*' out || failed '--trained 0 marks something'
cp -r "$bytes" a-copy
run 1 evaluate passkey "$bytes" "$bytes" $few
complains 'the model is named twice'
mkdir other && cp -r "$bytes" other/
run 2 evaluate passkey "$bytes" other/passkey-bytes-512 $few --output alike
complains '--output has a folder for each model'
absent alike
run 1 evaluate passkey "$bytes" nowhere $few --methods none --output late
complains 'nowhere: no such model'
run 1 evaluate passkey nowhere "$bytes" $few --methods none --output never
absent never
run 2 evaluate passkey "$bytes" "$small" --text - --lengths 256
complains 'standard input cannot be read for each'
run 1 evaluate passkey "$bytes" "$small" $few --methods none --output exact
complains 'exact: '

# ---- an evaluation as a file ----
mkdir runs
cat > runs/own.json <<END
{"task": "passkey", "models": ["$bytes", "../a-copy"], "text": "$root/data/books/26239.txt",
 "lengths": [256, 512], "depths": 1, "keys": 2, "methods": "none default", "seed": 3}
END
run 0 evaluate runs/own.json
cp out by_file
run 0 evaluate passkey "$bytes" a-copy $few --methods 'none default' --seed 3
sed 's/, in .*//' out > a
sed 's/, in .*//' by_file > b
same a b
run 0 evaluate runs/own.json --seed 0 --lengths 256 "$bytes" --json
run 0 evaluate passkey "$bytes" $few --lengths 256 --methods 'none default' --json
cp out a
run 0 evaluate runs/own.json --seed 0 --lengths 256 "$bytes" --json
same a out
run 0 evaluate runs/own.json --help
prints 'decimamba evaluate passkey MODEL'
echo '{"models": []}' > runs/bad.json
run 1 evaluate runs/bad.json
complains 'bad.json: "task" must be the name of a task'
echo '{"task": "passky"}' > runs/bad.json
run 2 evaluate runs/bad.json
complains "unknown task 'passky' (did you mean passkey?)"
echo '{"task": "passkey", "lenths": [1]}' > runs/bad.json
run 1 evaluate runs/bad.json
complains 'bad.json: unknown key "lenths" (did you mean "lengths"?)'
echo '{"task": "passkey", "lengths": "x"}' > runs/bad.json
run 1 evaluate runs/bad.json
complains '"lengths"'
echo '[]' > runs/bad.json
run 1 evaluate runs/bad.json
complains 'bad.json: '
run 1 evaluate runs/none.json
complains 'runs/none.json: cannot read'
echo '{"task": "passkey", "text": "x"}' > runs/bad.json
run 2 evaluate runs/bad.json
complains 'an argument is missing'

# ---- JSON everywhere ----
run 0 evaluate passkey "$bytes" $few --methods none --json --output written
tr -d ' \n' < written/report.json > a
tr -d ' \n' < out > b
same a b
run 0 analyze layers passkey "$bytes" $few --sweep layer=2,3 --json
[ "$(wc -l < out)" -eq 1 ] || failed 'analyze layers: not one line'
prints '"sweep":"layer","best":{"column":"all","value":"'
for view in delta attention distance; do
    run 0 analyze $view "$bytes" --text own.jsonl --json
    [ "$(wc -l < out)" -eq 1 ] || failed "analyze $view: not one line"
    prints '{"model":"'
done
run 0 analyze distance "$bytes" --text "$root/README.md" --lengths 256,512
grep -q '512\*' out || failed 'analyze distance does not mark the training length of decimamba.json'
run 0 analyze distance "$bytes" --text "$root/README.md" --lengths 256,512 --trained 0
! grep -q '512\*' out || failed 'analyze distance --trained 0 marks something'
run 0 calibrate "$bytes" --text "$root/data/books/26618.txt" --length 256 --dry-run
grep -v '^method \|tokens read' out > reasons
sed -n 's/^method //p' out > method
run 0 calibrate "$bytes" --text "$root/data/books/26618.txt" --length 256 --dry-run --json
[ "$(wc -l < out)" -eq 1 ] || failed 'calibrate: not one line'
prints "{\"method\":$(cat method),\"trained_length\":256,"
[ "$(sed 's/.*"reasons":\[//; s/\]}$//; s/","/\n/g' out | wc -l)" -eq "$(wc -l < reasons)" ] ||
    failed 'not every reason is there'
run 0 calibrate "$bytes" --text "$root/data/books/26618.txt" --length 256 --output settings --json
prints '"output":"settings"'
[ -s settings ] || failed 'nothing is written'
run 0 tokenize "$bytes" 'hi!' --json
printed_exactly '[104,105,33]'
run 0 tokenize "$bytes" '' --json
printed_exactly '[]'
run 1 tokenize "$bytes" 'hi' --json --pieces
complains 'not with --pieces'
finish
