#!/bin/sh
# train: that a loss falls, what is written, and that nothing that stops a training changes it.
. "$(dirname "$0")/common.sh"
cat > config.json <<'END'
{"d_model": 32, "n_layer": 2, "vocab_size": 128, "ssm_cfg": {}, "rms_norm": true,
 "residual_in_fp32": true, "fused_add_norm": true, "pad_vocab_size_multiple": 8}
END
cp "$here/ascii/tokenizer.json" .
head -c 25000 "$root/data/books/26239.txt" | tr -cd "\\12\\40-\\176" | head -c 20000 > text.txt
head -c 3000 "$root/src/base/json.h" > other.txt
cat > run.json <<'END'
{"config": "config.json", "text": "text.txt", "held_out_text": ["other.txt"], "output": "done",
 "length": 64, "batch_tokens": 512, "steps": 30, "learning_rate": 0.004, "warmup": 3,
 "schedule": "cosine", "final_rate": 0.1, "evaluate_every": 10, "save_every": 4, "held_out": 6}
END

# metrics without what the clock says
course() {
    sed 's/,"tokens_per_second.*//' "$1/metrics.jsonl"
}

# the numbers of a key, a line each
numbers() {
    sed -n "s/.*\"$2\":\([^,}]*\).*/\1/p" "$1/metrics.jsonl"
}

# two trainings took the same course to the same model
same_training() {
    course "$1" > a
    course "$2" > b
    same a b
    same "$1/model/model.safetensors" "$2/model/model.safetensors"
}

# starts a training in the background; its process id is $pid
start() {
    "$program" train "$@" > log 2> err < /dev/null &
    pid=$!
}

# ---- a whole training ----
run 0 train run.json
prints 'done: 24032 of 24032 parameters are trained, on 20000 tokens in 318 sequences; 6 sequences held out'
prints 'step 10/30  loss '
prints ' (best)  '
prints 'done/model: after 30 steps, the best, of step 30: held out '
[ "$(numbers done step | tr '\n' ' ')" = "$(seq -s ' ' 30) " ] || failed 'the steps in metrics.jsonl'
first=$(numbers done loss | head -1) last_loss=$(numbers done loss | tail -1)
awk "BEGIN { exit !($last_loss < 0.8 * $first) }" || failed "the loss went from $first to $last_loss"
[ "$(numbers done held_out | wc -l)" -eq 3 ] || failed 'held-out losses'
for file in run.json metrics.jsonl loss.tsv last/trainer.json best/tokenizer.json \
    model/config.json model/tokenizer.json; do
    [ -s "done/$file" ] || failed "done/$file is missing"
done
[ "$(echo done/step-*)" = done/step-00000030 ] || failed "checkpoints: $(echo done/step-*)"
[ "$(echo done/events/events.out.tfevents.*)" != 'done/events/events.out.tfevents.*' ] ||
    failed 'no event file'
is_png done/loss
[ -z "$(find done -name '*.tmp*' -o -name start)" ] || failed "left: $(find done -name '*.tmp*')"
run 0 perplexity done/model --file other.txt
run 0 info done/last
# its settings are a run file; what is finished is left alone
cp -R done before
run 0 train done/run.json
prints 'this training is finished, after 30 steps'
diff -r done before || failed 'a finished training was touched'
# every key is a flag, and a flag goes before the file
run 0 train --config config.json --text text.txt --held-out-text other.txt --output flags \
    --length 64 --batch-tokens 512 --steps 30 --learning-rate 0.004 --warmup 3 --schedule cosine \
    --final-rate 0.1 --evaluate-every 10 --save-every 4 --held-out 6
same_training done flags
sed 's/"seed".*/"seed": 5,/; s/"steps".*/"steps": 4,/' done/run.json > done/other.json
run 0 train done/other.json --output flags2 --seed 0 --steps 30 --text text.txt --threads 1
same_training done flags2
# without gnuplot
PATH=$work/nowhere "$program" train run.json --output plain --steps 4 > out 2> err
check_streams $? 0
prints 'no loss.png: gnuplot: No such file'
absent plain/loss.png
# where gnuplot fails there is a model all the same
mkdir fails
printf '#!/bin/sh\necho half > undrawn/loss.png\necho "no such terminal" >&2\nexit 1\n' > fails/gnuplot
chmod +x fails/gnuplot
PATH=$work/fails:$PATH "$program" train run.json --output undrawn --steps 4 > out 2> err
check_streams $? 1
complains 'undrawn/loss.png: gnuplot: no such terminal'
absent undrawn/loss.png
[ -s undrawn/model/model.safetensors ] || failed 'no model where gnuplot fails'

# ---- stopped, and gone on ----
for signal in INT TERM; do
    rm -rf stopped
    start run.json --output stopped
    while [ ! -e stopped/last ] && kill -0 $pid 2> /dev/null; do sleep 0.01; done
    kill -$signal $pid
    wait $pid
    status=$?
    [ $status -eq 130 ] || [ -d stopped/model ] || failed "exit status $status after SIG$signal"
    [ ! -s err ] || failed "SIG$signal: $(cat err)"
    run 0 train run.json --output stopped
    same_training done stopped
done
# more steps: only where nothing is stretched over them
run 0 train run.json --output more --schedule constant --steps 12 --keep 2
[ "$(echo more/step-*)" = 'more/step-00000010 more/step-00000012' ] || failed "$(echo more/step-*)"
run 0 train more/run.json --steps 20
prints 'more: going on after step 12 of 20'
run 0 train run.json --output whole --schedule constant --steps 20
course more | sed 's/,"held_out.*//' > a
course whole | sed 's/,"held_out.*//' > b
same a b
run 1 train run.json --steps 40
complains 'done/run.json: "steps" is 30 there, and 40 now'
# killed twenty times, at any moment; a training that got to its end begins anew
started=$(date +%s%N)
run 0 train run.json --output measured --save-every 2
took=$((($(date +%s%N) - started) / 1000000)) # ms
random=12345
n_killed=0
while [ $n_killed -lt 20 ] && [ $n_failed -eq 0 ]; do
    if [ -d killed/model ]; then
        same_training done killed
        rm -r killed
    fi
    random=$(((random * 1103515245 + 12345) % 2147483648))
    start run.json --output killed --save-every 2
    sleep "$(awk "BEGIN { print $took * (0.01 + $random % 1000 / 4000) / 1000 }")"
    kill -9 $pid 2> /dev/null
    wait $pid 2> /dev/null
    [ $? -ne 137 ] || n_killed=$((n_killed + 1))
done
run 0 train run.json --output killed --save-every 2
same_training done killed
[ "$(echo killed/step-*)" = killed/step-00000030 ] || failed "checkpoints: $(echo killed/step-*)"
[ -z "$(find killed -name '*.tmp*' -o -name start)" ] || failed "left: $(find killed -name '*.tmp*')"
# two at once
start run.json --output twice --steps 100000 --schedule constant --save-every 100000
while [ ! -e twice/metrics.jsonl ] && kill -0 $pid 2> /dev/null; do sleep 0.01; done
run 1 train run.json --output twice
complains 'twice: another process writes here'
kill -9 $pid
wait $pid 2> /dev/null
# another training in the same folder
run 1 train run.json --learning-rate 0.1
complains 'done/run.json: "learning_rate" is 0.004 there, and 0.1 now'
run 1 train run.json --layers 1
complains 'done/run.json: "method" is not given there, and "decimate" now'
# by a method with settings of its own, which goes on as it began
run 0 train run.json --method mamba-extend --delta-scale 0.8 --output scaled --steps 4 \
    --schedule constant
grep -q '"delta_scale": \[' scaled/run.json || failed 'the scale is in run.json'
run 0 info scaled/model
prints 'method              mamba-extend, delta-scale 0.8'
run 0 train scaled/run.json --steps 6
prints 'scaled/model: after 6 steps'
run 1 train scaled/run.json --steps 8 --delta-scale 0.7
complains 'scaled/run.json: "delta_scale" is [0.8] there, and [0.7] now'
run 2 train run.json --layers 1 --delta-scale 0.7 --output never
complains '--delta-scale: --method decimate has no such setting'
# a training of the version before, whose method was called "context"
run 0 train run.json --layers 1 --base-length 20 --schedule constant --output older --steps 2
cp older/run.json older/newer.json
sed -i 's/"method":/"context":/' older/run.json
grep -q '"context"' older/run.json || failed 'the method is in run.json'
run 0 train run.json --layers 1 --base-length 20 --schedule constant --output older --steps 4
prints 'older/model: after 4 steps'
run 1 train run.json --layers 1 --base-length 20 --schedule constant --method keep-last --output older --steps 6
complains 'older/run.json: "method" is "decimate" there, and "keep-last" now'
sed 's/"method":/"context":/' older/newer.json > older/older.json
run_warned 0 train older/older.json --output again --threads 1
warns 'older.json: "context" is now "method"; the old name will be gone in the next version'
run 0 train older/newer.json --output anew --threads 2
same again/model/model.safetensors anew/model/model.safetensors
head -c 19999 text.txt > shorter.txt
rm -r more/model
run 1 train more/run.json --text shorter.txt
complains 'began with other data'
run 0 train more/run.json --text "$work/text.txt"
prints 'more/model: after 20 steps'
rm more/last
ln -s nowhere more/last
run 1 train more/run.json
complains 'more/last: No such file'

# ---- kinds of data, loss and parameters ----
printf '{"prompt": "two and two is ", "completion": "four."}\n{"text": "%s"}\n' \
    'some words, and some more of them' > lines.jsonl
small='--steps 3 --length 48 --batch-tokens 96 --save-every 100'
run 0 train --config config.json $small --jsonl lines.jsonl --output kinds1 --loss completion
run 0 train --config config.json $small --jsonl lines.jsonl --output kinds2 --loss last --labels 4 --accumulate 3
half=bf16
"$program" info "$golden" --dtype bf16 > out 2> err || half=f32 # this processor has it not
run 0 train --config config.json $small --text text.txt --output kinds3 --chunks 3 --dtype $half --decay matrices
run 0 train --config config.json $small --text text.txt --output kinds4 --recompute
run 0 train --config config.json $small --text text.txt --output kinds5
same_training kinds4 kinds5
run 0 train --model kinds5/model $small --text text.txt --output kinds6 --lora-rank 2
prints '1024 of 25056 parameters are trained'
run 0 info kinds6/model
run 0 train --model kinds5/model $small --text text.txt --output kinds7 --freeze '*.mixer.*' \
    --freeze backbone.embeddings.weight
# in chunks, stopped between the passes over a window
chunked="--config config.json --text text.txt --length 48 --batch-tokens 64 --chunks 3"
run 0 train $chunked --steps 3 --output chunks1
run 0 train $chunked --steps 1 --output chunks2
run 0 train $chunked --steps 3 --output chunks2
same_training chunks1 chunks2
grep -q '"average": "sequences"' chunks1/run.json || failed 'chunks1/run.json'
rm -r chunks2/model
run 1 train $chunked --steps 4 --average labels --output chunks2
complains 'chunks2/run.json: "average" is "sequences" there, and "labels" now'
run 0 train $chunked --steps 1 --average labels --chunks 24 --output chunks3
prints 'left out: 1 end of texts too short for --chunks 24'
run 0 train $chunked --steps 1 --chunks 1 --layers 1 --output chunks4
prints '--chunks 1: a text is read once, and all of it is its tail: nothing is dropped'
# what other keys a line has is no text, nor is a byte order mark
{
    printf '\357\273\277{"id": 12345678901234567890, "prompt": "two and two is ", "completion": "four.", "messages": []}\r\n'
    printf '{"meta": {"source": ["x", null, 1e-3]}, "text": "%s", "prompt": "a"}\n' \
        'some words, and some more of them'
} > keys.jsonl
run 0 train --config config.json $small --jsonl keys.jsonl --output keys --loss completion
same_training kinds1 keys
mkdir books
cp text.txt books/b.txt
cp other.txt books/a.txt
cp lines.jsonl books/c.jsonl
run 0 train --config config.json $small --text books --jsonl books --output kinds8
prints "on $((20000 + $(wc -c < other.txt) + 20 + 33)) tokens"
# the pass-key task, with a curriculum
run 0 train --config config.json --text text.txt --held-out-text other.txt --task passkey \
    --output key --steps 8 --length-start 120 --length 200 --length-over 0.5 --batch-tokens 800 \
    --layers 0 --kept-share 0.25 --kept-share-start 0.95 --kept-share-over 0.75 --held-out 4 \
    --evaluate-every 4
[ "$(numbers key length | tr '\n' ' ')" = '120 140 160 180 200 200 200 200 ' ] || failed 'lengths'
# of the first step's six prompts of 120 tokens, 114 and a tail of six are all; of the last step's
# four, 50 of 194 and the tail stay
grep '"step":1,' key/metrics.jsonl | grep -q '"kept":\[720,720\]' || failed 'kept in step 1'
grep '"step":8,' key/metrics.jsonl | grep -q '"kept":\[800,224\]' || failed 'kept in step 8'
grep -q '"base_length"' key/run.json && failed 'key/run.json has a base length'
grep -q '"kept_share": 0.25' key/run.json || failed 'key/run.json'
run 0 info key/model
prints 'method              decimate, layers 0, base length 50, '
# the end that completions teach is the tokenizer's, and its files go where the model goes
mkdir chat
cp config.json text.txt chat
cp tokenizer.json chat/tokenizer.json
printf '{"prompt": "What?", "completion": " This."}\n' > chat/questions.jsonl
echo '{"eos_token": "z", "added_tokens_decoder": {}}' > chat/tokenizer_config.json
echo '{"eos_token_id": [122, 3]}' > chat/generation_config.json
echo '{{ messages }}' > chat/chat_template.jinja
echo '{"eos_token": "y"}' > chat/special_tokens_map.json
same_files() { # folders
    for file in tokenizer.json tokenizer_config.json generation_config.json chat_template.jinja \
        special_tokens_map.json; do
        same "$1/$file" "$2/$file"
    done
}
answers='--jsonl chat/questions.jsonl --steps 2 --length 64 --batch-tokens 64'
run 0 train --config chat/config.json --output taught $answers
prints 'completions end with z, id 122'
! grep -q warning out || failed 'the model stops there'
same_files chat taught/last
same_files chat taught/model
cp -R chat first
run 0 init config.json start
cp -R start/* first/
echo '{"eos_token_id": 3}' > first/generation_config.json
run 0 train --model first --output more_taught $answers --save-every 1
prints 'warning: the model'"'"'s eos_token_id does not list it: generation will not stop at z'
same_files first more_taught/model
# they are those of the start, whatever becomes of it: a checkpoint holds them
cp -R first second
rm -r more_taught/model first/chat_template.jinja
run 0 train --model first --output more_taught $answers --save-every 1
prints 'more_taught/model: after 2 steps'
same_files second more_taught/model
echo '{"eos_token": "x", "added_tokens_decoder": {}}' > second/tokenizer_config.json
run 0 train --model start --tokenizer second/tokenizer.json --output others $answers
prints 'completions end with x, id 120'
same_files second others/model
rm second/tokenizer_config.json second/special_tokens_map.json
run 0 train --model second --output endless $answers
prints 'warning: no end is taught: second/tokenizer.json has no <|endoftext|>, and no eos_token is named beside it'
run 0 train --model second --output unanswered --text text.txt --steps 1 --length 64 --batch-tokens 64
! grep -q -e 'end' out || failed 'text has no end to teach'
absent unanswered/model/tokenizer_config.json

# document retrieval, with a curriculum; 2 documents are some 1,500 bytes
sed 's/128/256/' config.json > bytes.json
cat > found.json <<END
{"config": "bytes.json", "tokenizer": "tokenizer.json", "task": "retrieval", "output": "found",
 "squad": "$root/data/squad/dev-v2.0.json", "held_out_squad": "$root/tests/data/documents/tiny.json",
 "steps": 4, "length": 2000, "batch_tokens": 2000, "documents": 3, "documents_start": 1,
 "documents_over": 0.5, "held_out": 4, "evaluate_every": 2}
END
run 0 train found.json
prints 'parameters are trained, on 180 questions about 60 paragraphs; 4 sequences held out'
prints 'warning: no end is taught'
[ "$(numbers found documents | tr '\n' ' ')" = '1 2 3 3 ' ] || failed 'numbers of documents'
grep -q '"documents": 3' found/run.json || failed 'found/run.json'
run 1 train found/run.json --documents 2
complains 'found/run.json: "documents" is 3 there, and 2 now'
rm -r found/model
run 1 train found/run.json --squad "$root/tests/data/documents/tiny.json"
complains 'began with other data'
run 0 train found/run.json
prints 'found/model: after 4 steps'
run 1 train found.json --output short --length 200
complains 'dev-v2.0.json: no question with its paragraph and answer fits into 200 tokens'
run 0 train found.json --output short --length 560 --steps 1
prints 'questions that with their paragraphs are longer than 560 tokens'
prints 'short/model: after 1 step, the best, of step 1: '
run 1 train found.json --output narrow --config config.json
complains 'its id 226 occurs in the data, and the model knows only 128'
# early stop: a rate of 0 learns nothing
run 0 train run.json --output stays --learning-rate 0 --steps 50 --evaluate-every 2 --patience 3
prints 'stays/model: after 8 steps, the best, of step 2'
same stays/best/model.safetensors stays/model/model.safetensors
[ "$(echo stays/step-*)" = 'stays/step-00000002 stays/step-00000008' ] || failed "$(echo stays/step-*)"
run 0 train run.json --output stays --learning-rate 0 --steps 50 --evaluate-every 2 --patience 3
prints 'finished, after 8 steps'

# ---- numbers that are no good ----
spiky='--output spike --schedule constant --spike 1.000001'
run 1 train run.json $spiky
complains "the gradient's norm is "
complains 'spike/last is what was before it'
run 1 train run.json $spiky --on-nan skip
prints "the gradient's norm is"
complains 'it has been so 11 times in a row'
[ "$(grep -c 'its data is left out' out)" -ge 10 ] || failed 'skipped steps'
run 0 train run.json $spiky --spike 0
prints 'left out as not finite or too large: the data of'
[ "$(numbers spike skipped | tail -1)" -ge 10 ] || failed 'skipped steps in metrics'
run 1 train run.json --output wild --learning-rate 1000 --warmup 0 --clip 0
complains 'step '
complains 'wild/last is what was before it'
run 0 info wild/last

# ---- a disk that is full: no file may grow beyond 100 KB ----
run 0 train run.json --output full --schedule constant --steps 8
rm -r full/model
cp -R full full2
(
    ulimit -f 100
    run 1 train run.json --output full --schedule constant
    complains 'full'
    complains 'File too large'
    exit $n_failed
) || n_failed=$((n_failed + 1))
[ "$(readlink full/last)" = step-00000008 ] || failed "last is $(readlink full/last)"
run 0 train run.json --output full --schedule constant
run 0 train run.json --output full2 --schedule constant
same_training full full2

# ---- what is wrong with a run file, one line each ----
wrong() { # text of the run file, complaint
    printf '%s' "$1" > wrong.json
    run 1 train wrong.json
    complains "wrong.json$2"
}
wrong '{"learning_rat": 1}' ': unknown key "learning_rat" (did you mean "learning_rate"?)'
wrong '{"learning-rate": 1}' ': unknown key "learning-rate" (did you mean "learning_rate"?)'
wrong '{"quux": 1}' ': unknown key "quux"'
wrong '{"steps": "10"}' ': "steps" must be a whole number'
wrong '{"steps": 1.5}' ': "steps" must be a whole number'
wrong '{"steps": 0}' ": \"steps\": '0' is not a whole number in the range 1 to 99999999"
wrong '{"learning_rate": true}' ': "learning_rate" must be a number'
wrong '{"recompute": 1}' ': "recompute" must be true or false'
wrong '{"text": [1]}' ': "text" must be a text or a list of texts'
wrong '{"layers": [1, "a"]}' ': "layers" must be a list of whole numbers'
wrong '{"schedule": "fast"}' ": \"schedule\": 'fast' is not one of constant, cosine, linear"
wrong '{"model": null}' ': "model" must be a text'
wrong '{"seed": 1, "seed": 2}' ':1: '
wrong '{"seed": 1
"steps": 2}' ':2: '
wrong '[]' ': a run file is one JSON object'
run 1 train nowhere.json
complains 'nowhere.json: cannot read: No such file'
run 1 train books
complains 'books: cannot read: Is a directory'
run 2 train run.json --learning-rat 1
complains 'unknown flag --learning-rat (did you mean --learning-rate?)'
run 2 train run.json --model model
complains 'give only one of --model or --config'
run 2 train --text text.txt --output new
complains 'give --model or --config'
run 2 train --config config.json --text text.txt
complains '--output is missing'
run 2 train --config config.json --output new
complains 'nothing to learn from'
bad() { # exit status, complaint, flags
    bad_status=$1 expected_line=$2
    shift 2
    run "$bad_status" train run.json --output new "$@"
    complains "$expected_line"
    absent new
}
bad 1 'nowhere.txt: cannot read' --text nowhere.txt
bad 1 'nowhere.json' --config nowhere.json
bad 1 'nowhere/tokenizer.json: cannot read' --tokenizer nowhere/tokenizer.json
bad 2 '--batch-tokens 512 holds no sequence of --length 513' --length 513
bad 2 '--length-start 65 is more than --length 64' --length-start 65
bad 2 '--labels 64: a sequence of --length 64 has fewer' --loss last --labels 64
bad 2 '--labels has no meaning without --loss last' --labels 3
bad 2 '--text-weight: with --loss all' --loss all --text-weight 1
bad 2 '--warmup 3 leaves none of --steps 3' --steps 3
bad 2 '--shortest is for --task passkey' --shortest 9
bad 2 '--kept-share and --base-length say the same' --layers 1 --kept-share 0.5 --base-length 9
bad 2 '--kept-share: nothing is dropped' --kept-share 0.5
bad 2 '--kept-share-start goes to --kept-share' --kept-share-start 0.5
bad 1 'layer 7' --layers 7
bad 2 "--method decimate: --layers is missing, and training does not take them from the model's" \
    --method decimate
bad 2 '--chunks 33: sequences of --length 64 cannot be read in that many pieces' --chunks 33
bad 2 '--chunks 5: sequences of --length-start 9 cannot be read' --chunks 5 --length-start 9
bad 2 '--chunks says itself which labels are last' --chunks 2 --loss last
bad 2 '--loss: the loss of --task passkey' --task passkey --loss all
bad 1 'a prompt of 59 tokens: question, fact and answer alone take 88' --task passkey
bad 2 '--squad is for --task retrieval' --squad q.json
bad 2 '--documents-start is for --task retrieval' --documents-start 2
bad 2 '--task retrieval takes its questions from --squad' --task retrieval --squad q.json
printf 'a\200b' > latin.txt
bad 1 'latin.txt: ' --text latin.txt
printf '\303\251' > accent.txt
bad 1 'tokenizer.json: its id 195 occurs in the data, and the model knows only 128' --text accent.txt
mkdir empty
bad 1 'empty: this folder holds no .txt file' --text empty
: > nothing.txt
bad 1 'nothing to learn: no text has two tokens' --text nothing.txt
printf '{"text": "a b"}\n{"text": 1}\n' > bad.jsonl
bad 1 'bad.jsonl:2: a line is {"text": ...}' --jsonl bad.jsonl
printf '\n{"prompt": "a", "completion": "b"\n' > bad.jsonl
bad 1 'bad.jsonl:2: ' --jsonl bad.jsonl
refused() { # line, complaint
    printf '\n%s\n' "$1" > bad.jsonl
    bad 1 "bad.jsonl:2: $2" --jsonl bad.jsonl
}
refused '{"messages": [{"role": "user", "content": "a"}]}' "key 'messages': a chat becomes text by"
refused '{"conversations": []}' "key 'conversations': a chat becomes text by"
refused '{"instruction": "a", "input": "", "output": "b"}' "key 'instruction': how it is put before"
refused '{"prompt": [{"role": "user", "content": "a"}], "completion": "b"}' 'a line is {"text": ...}'
complains "the keys of this one: 'prompt' (no text), 'completion'"
refused '{"text": "a", "prompt": "b", "completion": "c"}' 'a line is {"text": ...}'
complains 'this one is both'
refused '{}' 'a line is {"text": ...}'
refused '[{"text": "a"}]' 'a line must be a JSON object'
printf '{"prompt": "a", "completion": ""}\n' > bad.jsonl
bad 1 'bad.jsonl:1: the completion is empty' --jsonl bad.jsonl
printf '{"prompt": "%080d", "completion": "b"}\n' 1 > long.jsonl
run 1 train --config config.json --jsonl long.jsonl --output new --length 64
complains 'every prompt with its completion is longer than --length 64'
absent new
run 2 train --config config.json --text text.txt --output new --patience 2
complains '--patience needs held-out data'
run 1 train run.json --output missing/new
complains 'missing/new: cannot make this folder: No such file'
run 1 train run.json --output text.txt
complains 'text.txt: cannot write here: Not a directory'
run 1 train run.json --output books
complains 'books: not empty, and no folder of a training'
cp run.json books/
run 1 train books/run.json --output books --config config.json --text text.txt
complains 'books/run.json: the settings in effect would overwrite this file'
same run.json books/run.json
# the first two examples of docs/training.md, as they stand there
json_of() { # the n-th block of JSON
    awk -v n="$1" '/^```json/ { on = ++i == n; next } /^```/ { on = 0 } on' "$root/docs/training.md"
}
mkdir documented
json_of 1 > documented/run.json
json_of 2 > documented/config.json
ln -s "$root/models" "$root/data" documented
run 0 train documented/run.json --steps 1 --warmup 0 --length 16 --batch-tokens 32 --held-out 2
run 0 info documented/out/model
prints 'parameters          732544'
finish
