#!/bin/sh
# generate --batch, --json-lines and --logprobs.
. "$(dirname "$0")/common.sh"
make_model

# ---- a batch is what its prompts are one by one ----
cat > prompts.jsonl << 'END'
{"prompt": "Once upon a time", "id": "first"}
{"prompt": "x"}

{"prompt": "The quick brown fox jumps over the lazy dog", "id": {"n": 3}, "more": 1}
{"id": null, "prompt": "Once upon"}
{"prompt": "abcdefgh"}
END
head -c 1500 "$root/include/decimamba.h" | tr -d '\n"\\' > page
printf '{"prompt": "%s"}\n' "$(cat page)" >> prompts.jsonl
set -- 'Once upon a time' x 'The quick brown fox jumps over the lazy dog' 'Once upon' abcdefgh "$(cat page)"
sed 's/"z"/"<|endoftext|>"/' "$here/ascii/tokenizer.json" > model/tokenizer.json # some end early
for flags in '--max-tokens 30' '--max-tokens 30 --temperature 1.5 --seed 4 --repetition-penalty 1.2' \
    '--max-tokens 200 --temperature 1.5 --seed 8 --logprobs 3 --stop ab --stop Q' '--max-tokens 0' \
    '--max-tokens 9 --layers 1,2 --base-length 40 --min-length 4 --threads 1' '--max-tokens 5 --dtype int8'; do
    for prompt; do
        run 0 generate model "$prompt" $flags --json
        sed 's/,"session_tokens":.*}}*$/}/' out
    done > expected
    for size in 1 2 8; do
        run 0 generate model --batch prompts.jsonl --batch-size $size $flags
        sed 's/^{"id":.*"text":/{"text":/' out > given
        if ! grep -q logprobs expected; then
            same given expected
        else # in which the list is behind
            sed 's/,"logprobs":.*//' given > given.start
            sed 's/,"logprobs":.*//; s/}$//' expected > expected.start
            same given.start expected.start
            sed 's/.*,"logprobs"://' given > given.rest
            sed 's/.*,"logprobs"://' expected > expected.rest
            same given.rest expected.rest
        fi
        sed 's/^{"id":\(.*\),"text":.*/\1/' out > ids
        printf '"first"\n2\n{"n":3}\nnull\n6\n7\n' > expected_ids
        same ids expected_ids
    done
done
cp "$here/ascii/tokenizer.json" model/
input=prompts.jsonl run 0 generate model --batch - --max-tokens 1
[ "$(wc -l < out)" -eq 6 ] || failed 'standard input'
: > none
run 0 generate model --batch none
printed_exactly ''

# what cannot be names its line, behind what was answered before
printf '{"prompt": "a"}\n{"text": "b"}\n' > bad
run 1 generate model --batch bad --batch-size 1 --max-tokens 1
complains 'bad:2: '
[ "$(wc -l < out)" -eq 1 ] || failed 'the answer before the fault'
printf '{"prompt": ""}\n' > bad
run 1 generate model --batch bad
complains 'bad:1: the prompt is empty'
printf 'x\n' > bad
run 1 generate model --batch bad
complains 'bad:1: '
printf '{"prompt": "\303\251"}\n' > bad
run 1 generate model --batch bad
complains "bad:1: token id 195: the model's ids are 0 to 127"
run 1 generate model --batch nowhere
complains nowhere
for other in x '--file page' '--ids page' '--load-session page'; do
    run 2 generate model --batch prompts.jsonl $other
    complains '--batch has the prompts'
done
for other in '--save-session s' --print-ids --json-lines; do
    run 2 generate model --batch prompts.jsonl $other
    complains "it has no ${other%% *}"
done
run 2 generate model x --json --json-lines
complains 'give one'
run 2 generate model x --logprobs 2
complains '--logprobs is a part of'
run 2 generate model x --json --logprobs 21
complains '--logprobs'
run 1 generate "$golden" --batch prompts.jsonl
complains tokenizer.json
"$program" generate model --batch prompts.jsonl > /dev/full 2> err
check_streams $? 1

# ---- log-probabilities: those of logits ----
command -v python3 > /dev/null || finish
run 0 tokenize model 'Once upon'
tr '\n' ' ' < out > ids
run 0 logits model --ids ids --output logits.safetensors
run 0 generate model 'Once upon' --max-tokens 12 --temperature 1.5 --seed 4 --json --logprobs 5
cp out whole
run 0 generate model 'Once upon' --max-tokens 12 --temperature 1.5 --seed 4 --json-lines --logprobs 5
cp out lines
run 0 generate model 'Once upon' --max-tokens 12 --temperature 1.5 --seed 4
cp out text
python3 - << 'END' || failed 'the log-probabilities or the lines'
import json, math, struct
raw = open('logits.safetensors', 'rb').read()
n = struct.unpack('<Q', raw[:8])[0]
header = json.loads(raw[8:8 + n])
header.pop('__metadata__', None)
(tensor,) = header.values()
vocab = tensor['shape'][-1]
begin, end = tensor['data_offsets']
last = struct.unpack('<%df' % vocab, raw[8 + n:][end - 4 * vocab:end])
total = math.log(sum(math.exp(x) for x in last))
best = sorted(range(vocab), key=lambda i: (-last[i], i))[:5]
whole = json.load(open('whole'))
entries = whole['logprobs']
assert [e['id'] for e in entries] == whole['ids'] and len(entries) == 12
first = entries[0]
assert abs(first['logprob'] - (last[first['id']] - total)) < 1e-5, first
assert [t['id'] for t in first['top_logprobs']] == best
for t in first['top_logprobs']:
    assert abs(t['logprob'] - (last[t['id']] - total)) < 1e-5
    assert t['token'] == chr(t['id'])
for e in entries:
    tops = [t['logprob'] for t in e['top_logprobs']]
    assert len(tops) == 5 and tops == sorted(tops, reverse=True) and e['logprob'] <= tops[0]
lines = [json.loads(line) for line in open('lines')]
assert len(lines) == 13
timed = ('read_seconds', 'read_tokens_per_second', 'generate_seconds', 'generate_tokens_per_second')
for key in lines[-1]:
    assert key in timed or lines[-1][key] == whole[key], key
assert ''.join(line['text'] for line in lines[:-1]) == whole['text'] == open('text').read()
assert [line['id'] for line in lines[:-1]] == whole['ids']
for line, e in zip(lines, entries):
    assert line['logprob'] == e['logprob'] and line['top_logprobs'] == e['top_logprobs']
END
# a line comes with its token, not at the end
rm -f out err
"$program" generate model text --json-lines --ignore-eos --max-tokens 100000000 > out 2> err &
while [ ! -s out ]; do sleep 0.02; done
kill -INT $!
wait $!
check_streams $? 130
tail -n 1 out > last
grep -q '"stop_reason":"interrupted"' last || failed 'no summary after Ctrl-C'
# text that is held back to the end has a line of its own
run 0 generate model abcdefgh --max-tokens 20 --repetition-penalty 100000
held=$(tail -c 2 out)
run 0 generate model abcdefgh --max-tokens 20 --repetition-penalty 100000 --json-lines --stop "${held}x"
[ "$(wc -l < out)" -ge 21 ] || failed 'lines'
finish
