#!/bin/sh
# train: sequences that start from other states than zero.
. "$(dirname "$0")/common.sh"
cat > config.json <<'END'
{"d_model": 16, "n_layer": 3, "vocab_size": 128, "ssm_cfg": {"A_init_range": [0.01, 0.01]}}
END
cp "$here/ascii/tokenizer.json" .
head -c 25000 "$root/data/books/26239.txt" | tr -cd "\\12\\40-\\176" | head -c 20000 > text.txt
cat > run.json <<'END'
{"config": "config.json", "text": "text.txt", "held_out_text": "text.txt", "held_out": 4,
 "length": 64, "batch_tokens": 300, "accumulate": 2, "learning_rate": 0.004, "steps": 12,
 "evaluate_every": 6, "save_every": 100}
END

losses() {
    sed -n 's/.*"loss":\([^,]*\),.*/\1/p' "$1/metrics.jsonl"
}

# ---- each kind: other losses than without, and the same bits where it is stopped and goes on ----
run 0 train run.json --output none
grep -q carry none/run.json && failed 'what is not carried is not in run.json'
grep -q carry none/last/trainer.json && failed 'nothing is carried'
for kind in next other fitted noise; do
    set -- --carry-state $kind --carry-reset 0.2
    [ $kind != noise ] || set -- "$@" --carry-noise 0.5
    run 0 train run.json "$@" --output whole --threads 1
    run 0 train run.json "$@" --output parts --threads 2 --steps 5
    run 0 train parts/run.json --steps 12
    same whole/last/optimizer.safetensors parts/last/optimizer.safetensors
    same whole/last/trainer.json parts/last/trainer.json
    same whole/model/model.safetensors parts/model/model.safetensors
    losses whole > a
    losses none > b
    ! cmp -s a b || failed "--carry-state $kind changed nothing"
    grep -q "\"carry_state\": \"$kind\"" whole/run.json || failed 'carry_state is in run.json'
    run 1 train whole/run.json --carry-reset 0.3 --steps 14
    complains 'whole/run.json: "carry_reset" is 0.2 there, and 0.3 now'
    rm -r whole parts
done
# killed in the middle of a step, it goes on from the states before it
set -- run.json --carry-state other --steps 40 --save-every 3
run 0 train "$@" --output whole
"$program" train "$@" --output killed > log 2> err < /dev/null &
pid=$!
while [ ! -e killed/last ] && kill -0 $pid 2> /dev/null; do sleep 0.01; done
kill -9 $pid 2> /dev/null
wait $pid 2> /dev/null
run 0 train "$@" --output killed
same whole/last/optimizer.safetensors killed/last/optimizer.safetensors
# with a growing length, decimation above the lowest layer, LoRA, chunks, and a task
run 0 train run.json --carry-state other --output grown --length-start 16
run 0 train run.json --carry-state other --output dropped --layers 1,2 --base-length 30
run 0 train run.json --carry-state next --output read --layers 2 --base-length 30 --lora-rank 2
run 0 train run.json --carry-state fitted --output chunked --chunks 2
run 0 train run.json --carry-state other --output found --task passkey --length 256 --steps 2 \
    --batch-tokens 512
# where every sequence starts from zero, nothing else changes
run 0 train run.json --carry-state other --carry-reset 1 --output zero
losses zero > a
losses none > b
same a b

# ---- what makes no sense ----
refused() { # complaint, flags
    complaint=$1
    shift
    run 2 train run.json --output never "$@"
    complains "$complaint"
    absent never
}
refused '--carry-reset: without --carry-state every' --carry-reset 0.5
refused '--carry-noise is the deviation of --carry-state noise' --carry-state other --carry-noise 1
refused '--carry-noise, its deviation, is missing' --carry-state noise
refused "next: a prompt of --task passkey is no chunk" --carry-state next --task passkey
refused 'next: with --chunks, a pass begins' --carry-state next --chunks 2
refused 'next: its chunks are of --length tokens' --carry-state next --length-start 16
refused 'where layer 0 drops tokens, no state is carried' --carry-state other --layers 0,2
refused 'where layer 0 drops tokens, no state is carried' --carry-state other --method keep-last
run 1 train run.json --output never --carry-state next --accumulate 200
complains 'text.txt: 313 chunks of text are too few for steps of 800 sequences'
echo '{"prompt": "a", "completion": "b"}' > lines.jsonl
run 2 train run.json --output never --carry-state next --jsonl lines.jsonl
complains 'next: text is read on from chunk to chunk, prompts with completions are not'
finish
