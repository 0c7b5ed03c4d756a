#!/bin/sh
# generate, and the session files that it writes and reads.
. "$(dirname "$0")/common.sh"
make_model
golden_ids > ids

# the official implementation's greedy tokens
run 0 generate "$golden" --ids ids --print-ids --max-tokens 24
printed_exactly '74 76 78 7 0 51 38 90 64 58 58 58 58 58 58 58 58 58 58 58 58 58 58 58'
run 0 generate "$golden" --ids ids --print-ids --max-tokens 24 \
    --layers 1,2 --base-length 40 --min-length 4
printed_exactly '74 76 58 58 16 82 75 36 12 74 76 82 73 78 8 93 54 25 12 74 72 15 57 25'
cp out decimated
run 0 generate "$golden" --ids ids --print-ids --max-tokens 24 --method decimate \
    --layers 1,2 --base-length 40 --min-length 4 --beta=0.5 --score norm --keep-tail 1 --threads 1
same out decimated

# a saved session goes on as if it had never stopped
run 0 generate "$golden" --ids ids --print-ids --max-tokens 0 --save-session session \
    --layers 1,2 --base-length 40 --min-length 4
printed_exactly ''
run 0 generate "$golden" --load-session session --ids /dev/null --print-ids --max-tokens 24
same out decimated
run 0 generate model 'Once upon' --max-tokens 30 --json
json_ids > whole
run 0 generate model 'Once upon' --max-tokens 13 --save-session session --json
first=$(json_ids)
prints '"session_tokens":22,'
run 0 generate model --load-session session --max-tokens 17 --json
rest=$(json_ids)
[ "$first,$rest" = "$(cat whole)" ] || failed "$first,$rest instead of $(cat whole)"
run 0 generate model Once --max-tokens 0 --save-session session
run 0 generate model ' upon' --load-session session --max-tokens 30 --json
[ "$(json_ids)" = "$(cat whole)" ] || failed 'the split prompt'
run 1 generate "$golden" --load-session session --ids ids --print-ids
complains session
run 1 generate model x --load-session nowhere
complains nowhere
head -c 100 session > damaged
run 1 generate model x --load-session damaged
complains damaged
cp session before
run 1 generate model x --max-tokens 1 --save-session missing/session
complains missing/session
run 1 generate model '' --save-session session
complains 'the prompt is empty'
same session before

# ... by every method, with what the penalty knows and where the random numbers stand: 9 tokens and
# 8 more are 17 at once
head -c 700 "$root/include/decimamba.h" > page
for method in '' '--layers 1,2 --base-length 40 --min-length 4' \
    '--method keep-last --layers 1 --base-length 40 --min-length 4' \
    '--method mamba-extend --delta-scale 0.8'; do
    for sampling in '' '--repetition-penalty 1.3' '--top-k 40 --seed 5' \
        '--temperature 3 --repetition-penalty 1.1'; do
        run 0 generate model --file page $method $sampling --print-ids --max-tokens 17
        at_once=$(cat out)
        run 0 generate model --file page $method $sampling --print-ids --max-tokens 9 \
            --save-session session
        first=$(cat out)
        run 0 generate model --load-session session $sampling --print-ids --max-tokens 8
        [ "$first $(cat out)" = "$at_once" ] ||
            failed "$method $sampling: $first, $(cat out) instead of $at_once"
        # ... saved again on the way
        run 0 generate model --load-session session $sampling --print-ids --max-tokens 3 \
            --save-session later
        first="$first $(cat out)"
        run 0 generate model --load-session later ${sampling%--seed 5} --print-ids --max-tokens 5
        [ "$first $(cat out)" = "$at_once" ] || failed "$method $sampling: saved twice"
        # with more text, layers that drop tokens choose over all of it
        run 0 generate model --file page $method $sampling --json --max-tokens 1 \
            --save-session session
        printf '%d ' $("$program" tokenize model --file page) $(json_ids) 97 98 > all
        run 0 generate model --ids all $method --print-ids --max-tokens 9
        at_once=$(cat out)
        run 0 generate model --load-session session ab --print-ids --max-tokens 9
        [ "$(cat out)" = "$at_once" ] || failed "$method: more text: $(cat out), not $at_once"
    done
done
run 0 generate model --file page --top-k 40 --seed 5 --print-ids --max-tokens 9 --save-session session
run 0 generate model --load-session session --top-k 40 --print-ids --max-tokens 30
cp out same_draws
run 0 generate model --load-session session --top-k 40 --seed 6 --print-ids --max-tokens 30
! cmp -s out same_draws || failed 'another seed, the same draws'
# an end token that was drawn is no part of the text: it is drawn again
sed 's/"z"/"<|endoftext|>"/' "$here/ascii/tokenizer.json" > model/tokenizer.json
run 0 generate model 'Once upon' --temperature 1.5 --seed 4 --max-tokens 2000 --save-session session \
    --json
prints '"stop_reason":"end_token"'
run 0 generate model --load-session session --temperature 1.5 --seed 4 --max-tokens 20 --json
prints '"generated_tokens":0,"stop_reason":"end_token"'
cp "$here/ascii/tokenizer.json" model/
# a file of an earlier version knows nothing of this, and says so where it matters
early=$root/tests/data/compatibility/version-1
run 0 generate "$early/model" --load-session "$early/session" --print-ids --max-tokens 3
"$program" generate "$early/model" --load-session "$early/session" --print-ids --max-tokens 3 \
    --repetition-penalty 1.5 > out 2> err
check_warned 'session: without the ids of its text'

# text, ids and JSON tell the same
sample='--temperature 1.5 --seed 4 --max-tokens 60'
run 0 generate model 'Once upon' $sample
cp out text
run 0 generate model 'Once upon' $sample --print-ids
run 0 tokenize model --decode "$(cat out)"
same out text
printf 'Once upon' > prompt
run 0 generate model --file prompt $sample --threads 1
same out text
input=prompt run 0 generate model $sample
same out text
run 0 generate model 'Once upon' $sample --seed 5
! cmp -s out text || failed 'another seed, the same text'
run 0 generate model 'Once upon' $sample --json
prints '"prompt_tokens":9,"generated_tokens":60,"stop_reason":"length","stop_string":null'
run 0 generate model 'Once upon' --temperature 5 --top-k 1 --max-tokens 30 --json
[ "$(json_ids)" = "$(cat whole)" ] || failed '--top-k 1 is greedy'
# flags that choose what to draw from draw, at temperature 1 where none is given
run 0 generate model 'Once upon' --print-ids --max-tokens 30
cp out best
for flag in '--top-k 40' '--top-p 0.9' '--min-p 0.01'; do
    run 0 generate model 'Once upon' --print-ids --max-tokens 30 $flag
    cp out drawn
    ! cmp -s drawn best || failed "$flag draws nothing"
    run 0 generate model 'Once upon' --print-ids --max-tokens 30 $flag --temperature 1
    same out drawn
    run 0 generate model 'Once upon' --print-ids --max-tokens 30 $flag --seed 8
    ! cmp -s out drawn || failed "$flag: another seed, the same text"
    run 0 generate model 'Once upon' --print-ids --max-tokens 30 $flag --temperature 0
    same out best
done
run 0 generate model 'Once upon' --print-ids --max-tokens 30 --top-k 0 --top-p 1 --min-p 0
same out best
"$program" generate model 'Once upon' --print-ids --max-tokens 30 --seed 8 > out 2> err
check_warned '--seed: nothing is drawn'
same out best

# a stop string, of several tokens: the text before its first place. The text is one that ends in
# two letters or digits
seed=0
while ! tail -c 2 text | grep -aqx '[0-9A-Za-z][0-9A-Za-z]'; do
    seed=$((seed + 1))
    run 0 generate model 'Once upon' $sample --seed $seed
    cp out text
done
sample="$sample --seed $seed"
stop=$(grep -ao '[0-9A-Za-z][0-9A-Za-z]' text | sed -n 3p)
offset=$(grep -abo "$stop" text | head -1)
head -c "${offset%%:*}" text > cut
run 0 generate model 'Once upon' $sample --stop never --stop "$stop"
same out cut
run 0 generate model 'Once upon' $sample --stop "$stop" --json
prints "\"stop_reason\":\"stop_string\",\"stop_string\":\"$stop\""
run 0 generate model 'Once upon' $sample --stop "$(tail -c 2 text)x"
same out text # a beginning held back to the end is shown at last
run 0 generate model 'Once upon' $sample --stop "$(tail -c 2 text)"
[ "$(wc -c < out)" -le 58 ] || failed 'a stop string that ends the text was printed'

# a token that was seen, in the prompt or since, is not taken again under a heavy penalty
run 0 generate model abcdefgh --max-tokens 20 --repetition-penalty 100000 --print-ids
[ "$(echo "97 98 99 100 101 102 103 104 $(cat out)" | tr ' ' '\n' | sort -u | wc -l)" -eq 28 ] ||
    failed "tokens are repeated: $(cat out)"

# the end token
sed 's/"z"/"<|endoftext|>"/' "$here/ascii/tokenizer.json" > model/tokenizer.json
run 0 generate model 'Once upon' --temperature 1.5 --seed 4 --max-tokens 2000 --json
prints '"stop_reason":"end_token"'
case ,$(json_ids), in
*,122,*) failed 'the end token is among the ids' ;;
esac
run 0 generate model 'Once upon' --temperature 1.5 --seed 4 --max-tokens 2000 --json --ignore-eos
prints '"generated_tokens":2000,"stop_reason":"length"'
cp "$here/ascii/tokenizer.json" model/

# ... is one of generation_config.json, else of config.json, else the tokenizer's own
cp model/config.json .
run 0 generate model 'Once upon' --temperature 1.5 --seed 4 --max-tokens 9 --print-ids
cp out nine
printed_exactly '87 77 32 92 19 97 81 122 53'
ends_after() { # the ids; flags
    expected_ids=$1
    shift
    run 0 generate model 'Once upon' --temperature 1.5 --seed 4 --max-tokens 9 --json "$@"
    [ "$(json_ids)" = "$expected_ids" ] || failed "the ids are $(json_ids)"
    [ "$expected_ids" = "$(tr ' ' ',' < nine)" ] || prints '"stop_reason":"end_token"'
}
sed 's/^{/{"eos_token_id": 92, /' config.json > model/config.json
ends_after 87,77,32
ends_after 87,77,32,92,19,97,81,122,53 --ignore-eos
run 0 generate model 'Once upon' --temperature 1.5 --seed 4 --max-tokens 9 --print-ids
printed_exactly '87 77 32'
echo '{"eos_token_id": [3, 87]}' > model/generation_config.json
ends_after ''
echo '{"eos_token_id": null}' > model/generation_config.json
ends_after 87,77,32
cp config.json model/
ends_after 87,77,32,92,19,97,81,122,53
echo '{"eos_token": "M"}' > model/tokenizer_config.json
ends_after 87
echo '{"eos_token_id": 3}' > model/generation_config.json
ends_after 87,77,32,92,19,97,81,122,53
echo '{"eos_token_id": "x"}' > model/generation_config.json
run 1 generate model 'Once upon'
complains 'model/generation_config.json: "eos_token_id" must be a token id'
ends_after 87,77,32,92,19,97,81,122,53 --ignore-eos # what is not needed is not read
rm model/generation_config.json model/tokenizer_config.json
# without a tokenizer too: the first of the golden ids that follow are 74 76 78 7
cp -R "$golden" ending
echo '{"eos_token_id": [7]}' > ending/generation_config.json
run 0 generate ending --ids ids --print-ids --max-tokens 24
printed_exactly '74 76 78'

# what cannot be
printf '5 96 7' > bad
run 1 generate "$golden" --ids bad --print-ids
complains 'bad: id 2 is 96: the vocabulary ends at 95'
run 1 generate "$golden" --ids /dev/null --print-ids
complains '/dev/null: the prompt is empty'
run 1 generate model ''
complains 'the argument: the prompt is empty'
run 1 generate "$golden" --ids ids
complains "$golden: there is no tokenizer.json: ask for ids with --print-ids"
run 2 generate "$golden" --ids ids --json --stop x
complains 'there is no text'
# what needs no tokenizer does without, and with one that cannot be read
run 0 generate "$golden" --ids ids --print-ids --max-tokens 5 --save-session session
run 0 generate "$golden" --load-session session --print-ids --max-tokens 19
printed_exactly '51 38 90 64 58 58 58 58 58 58 58 58 58 58 58 58 58 58 58'
run 1 generate "$golden" --load-session session
complains 'ask for ids with --print-ids'
cp -r "$golden" foreign
printf '{"model": {"type": "Unigram"}}' > foreign/tokenizer.json
"$program" generate foreign --ids ids --print-ids --max-tokens 3 --save-session session > out 2> err
check_warned foreign/tokenizer.json
printed_exactly '74 76 78'
"$program" generate foreign --load-session session --print-ids --max-tokens 2 > out 2> err
check_warned foreign/tokenizer.json
printed_exactly '7 0'
"$program" generate foreign --load-session session --json --max-tokens 2 > out 2> err
check_warned foreign/tokenizer.json
prints '"text":null,"ids":[7,0]'
run 1 generate foreign --ids ids
complains foreign/tokenizer.json
run 1 generate foreign text --print-ids
complains foreign/tokenizer.json
# plain Mamba asks nothing of a decimamba.json
cp -r model newer
printf '{"version": 9}' > newer/decimamba.json
run 1 generate newer 'Once upon' --print-ids --max-tokens 30
complains 'newer/decimamba.json: version 9'
run 0 generate newer 'Once upon' --print-ids --max-tokens 30 --method none
same out best
run 0 perplexity newer --ids ids --method none
run 0 logits newer --ids ids --method none --output logits
run 0 bench newer --read 20 --generate 0 --repeats 1 --method none
run 1 info newer --method none
complains 'newer/decimamba.json: version 9'
run 1 generate "$golden" text
complains tokenizer.json
run 1 generate nowhere text
complains nowhere
run 1 generate model text --file prompt
complains 'the prompt is given twice'
run 1 generate model --file nowhere
complains 'nowhere: cannot read'
run 1 generate model text --layers 4
complains 'there is no layer 4: the model has layers 0 to 3'
run 2 generate model text --layers 1,2,1
complains "--layers: '1,2,1' is not a list of at most 64 different whole numbers"
run 2 generate model text --method decimate
complains '--layers is missing'
run 2 generate model text --base-length 5
complains '--base-length: nothing is dropped'
run 2 generate model text --method none --layers 1
complains '--method none drops no tokens'
run 2 generate model text --method keep-last --score mean
complains '--score: --method keep-last keeps the last tokens'
run 1 generate model text --cpu quantum
complains quantum
run 1 generate model text --layers 1 --score global
complains calibrat
run 0 generate model text --method keep-last --base-length 3 --min-length 1 --max-tokens 3

# output that nobody takes
"$program" generate model text > /dev/full 2> err
check_streams $? 1
complains 'standard output: cannot write: No space left'
"$program" generate model text --json > /dev/full 2> err
check_streams $? 1
(trap '' PIPE; "$program" generate model text --ignore-eos --max-tokens 1000000 2> err
    echo $? > status) | head -c 1 > one
check_streams "$(cat status)" 1
complains 'standard output: cannot write: Broken pipe'

# Ctrl-C: what was generated stays, and the session can be saved
rm out err
"$program" generate model text --max-tokens 100000000 --save-session interrupted > out 2> err &
while [ ! -s out ]; do sleep 0.02; done
kill -INT $!
wait $!
check_streams $? 130
[ -s interrupted ] || failed 'no session after Ctrl-C'
# ... while the prompt is read, some of which is gone when more was written than a pipe holds
mkfifo endless
"$program" generate model --file endless --save-session half --json > out 2> err &
reader=$!
(head -c 400000 /dev/zero | tr '\0' a && : > begun && exec yes) > endless 2> yes &
while [ ! -e begun ]; do sleep 0.02; done
kill -INT $reader
wait $reader
check_streams $? 130
prints '"stop_reason":"interrupted"'
absent half
finish
