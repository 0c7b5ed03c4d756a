#!/bin/sh
# train: its losses and gradients are those of the official loop, in chunks, by sequence or label,
# however a step is cut into batches. tests/data/training/README.md says where the numbers are from.
. "$(dirname "$0")/common.sh"
data=$root/tests/data/training

# the numbers of a key, on one line
numbers() {
    sed -n "s/.*\"$2\":\([^,}]*\).*/\1/p" "$1/metrics.jsonl" | tr '\n' ' '
}

# three numbers are near three others; float32 decides what is kept, and the rest to 1e-5
near() { # what, ours, theirs
    awk -v ours="$2" -v theirs="$3" 'BEGIN {
        n = split(ours, a, " ")
        if (n != 3 || split(theirs, b, " ") != 3) exit 1
        for (i = 1; i <= 3; i++)
            if (!(a[i] - b[i] < 5e-5 * b[i] && b[i] - a[i] < 5e-5 * b[i])) exit 1
    }' || failed "$1 $2 instead of $3"
}

n_case=0
tab=$(printf '\t')
common="--model $golden --tokenizer $here/ascii --learning-rate 1e-3 --save-every 1"
cd "$data" || exit 1
while IFS=$tab read -r flags losses norms; do
    n_case=$((n_case + 1))
    out=$work/$n_case
    # shellcheck disable=SC2086
    run 0 train $common $flags --steps 3 --output "$out"
    near losses "$(numbers "$out" loss)" "$losses"
    near 'gradient norms' "$(numbers "$out" gradient_norm)" "$norms"
    # stopped after a step and gone on, to the same bits
    # shellcheck disable=SC2086
    run 0 train $common $flags --steps 1 --output "$out-stopped"
    # shellcheck disable=SC2086
    run 0 train $common $flags --steps 3 --output "$out-stopped"
    same "$out/model/model.safetensors" "$out-stopped/model/model.safetensors"
done < cases.tsv
[ $n_case -ge 13 ] || failed "only $n_case cases"
finish
