#!/bin/sh
# Wherever memory ends, a command ends with exit status 1 and one line, and leaves nothing half-written:
# each is run under limits from what the program takes to start to what the command needs, STEPS of them
# (24).
. "$(dirname "$0")/common.sh"
steps=${STEPS:-24}
if ! (ulimit -v 4000000 && "$program" --version) > out 2>&1; then
    echo 'not run: this program wants more addresses than can be limited (a sanitizer has it)'
    exit 77
fi
make_model
head -c 3000 "$root/include/decimamba.h" > text

works() { # limit in KiB, command...
    limit=$1
    shift
    (ulimit -v "$limit" && exec "$program" "$@") > out 2> err < /dev/null
}
# The least limit of these, 2 MiB apart, under which a command works.
least() { # from, command...
    limit=$1
    shift
    until works "$limit" "$@" || [ "$limit" -gt 4000000 ]; do
        limit=$((limit + 2048))
        rm -rf new
    done
    echo "$limit"
}
ends_well() { # command...
    last="$* (ulimit -v)"
    enough=$(least "$start" "$@")
    at=$start
    while [ "$at" -lt "$enough" ]; do
        rm -rf new
        works "$at" "$@"
        status=$?
        [ "$status" -le 1 ] || failed "$at KiB: exit status $status: $(cat err)"
        if [ "$status" -eq 1 ]; then
            n_short=$((n_short + 1))
            tail -n 1 err | grep -q '^decimamba: ' || failed "$at KiB: $(cat err)"
            [ -z "$(find . -name '*.tmp')" ] || failed "$at KiB: left $(find . -name '*.tmp')"
            [ "$1" = train ] || absent new
        fi
        at=$((at + (enough - start + steps - 1) / steps))
    done
    rm -rf new
}
n_short=0
start=$(least 4096 --version)
ends_well info model
ends_well convert model new --dtype bf16
for threads in 1 2; do
    ends_well generate model hello --max-tokens 2 --ignore-eos --save-session new --threads $threads
    ends_well perplexity model --file text --stream --context decimate --layers 1 --base-length 100 \
        --threads $threads
    ends_well calibrate model --text text --length 64 --passages 1 --dry-run --threads $threads
    ends_well train --config "$here/ascii/config.json" --text text --output new --steps 1 --length 16 \
        --batch-tokens 16 --threads $threads
done
echo "memory was short $n_short times"
last='all of them'
[ "$n_short" -ge 50 ] || failed "memory was short only $n_short times"
finish
