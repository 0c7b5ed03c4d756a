#!/bin/sh
# Wherever memory ends, a command ends with exit status 1 and one line, and leaves nothing half-written:
# each is run under STEPS (24) limits from what the program takes to start to what the command needs, or
# beyond.
. "$(dirname "$0")/common.sh"
steps=${STEPS:-24}
if ! (ulimit -v 4000000 && "$program" --version) > out 2>&1; then
    echo 'not run: addresses are limited already, or a sanitizer wants more than can be limited'
    exit 77
fi
make_model
head -c 3000 "$root/include/decimamba.h" > text

ends_well() { # command...
    last="$* (ulimit -v)"
    enough=$(least "$start" "$@")
    if [ "$enough" -gt 4000000 ]; then
        failed 'works under no limit'
        return
    fi
    enough=$((enough + beyond))
    at=$start
    while [ "$at" -lt "$enough" ]; do
        rm -rf new
        works "$at" "$@"
        status=$?
        [ "$status" -le 1 ] || failed "$at KiB: exit status $status: $(cat err)"
        if [ "$status" -eq 1 ]; then
            n_short=$((n_short + 1))
            tail -n 1 err | grep -q '^decimamba: .*\(memory\|cannot start .* threads\)' ||
                failed "$at KiB: $(cat err)"
            [ -z "$(find . -name '*.tmp')" ] || failed "$at KiB: left $(find . -name '*.tmp')"
            if [ "$1" != train ]; then # it tells of its progress, and goes on from what is there
                [ "$(wc -l < err)" -eq 1 ] || failed "$at KiB: $(cat err)"
                absent new
            fi
        fi
        at=$((at + (enough - start + steps - 1) / steps))
    done
    rm -rf new
}
# A wide one, whose products are cut into slices.
sed 's/"d_model": 32, "n_layer": 4/"d_model": 768, "n_layer": 1/' "$here/ascii/config.json" > wide.json
run 0 init wide.json wide --seed 3
cp "$here/ascii/tokenizer.json" wide/

n_short=0
start=$(least 4096 --version)
beyond=0
ends_well convert model new --dtype bf16
for threads in 1 2; do
    # a thread may have its 64 MB of addresses where one that had them not did well
    beyond=$((threads * 70000))
    ends_well info model --threads $threads
    for type in f32 bf16 int8 q4; do
        "$program" info wide --dtype $type > out 2> err || continue # this processor has it not
        ends_well generate wide hello --max-tokens 2 --ignore-eos --dtype $type --threads $threads
    done
    ends_well generate model hello --max-tokens 2 --ignore-eos --save-session new --threads $threads
    ends_well perplexity model --file text --stream --method decimate --layers 1 --base-length 100 \
        --threads $threads
    ends_well calibrate model --text text --length 64 --passages 1 --dry-run --threads $threads
    ends_well train --config "$here/ascii/config.json" --text text --output new --steps 1 --length 16 \
        --batch-tokens 16 --threads $threads
done
echo "memory was short $n_short times"
last='all of them'
[ "$n_short" -ge 50 ] || failed "memory was short only $n_short times"
finish
