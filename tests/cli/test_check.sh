#!/bin/sh
# --check: NaN and infinity are found and named, by every command that runs a model.
. "$(dirname "$0")/common.sh"

make_model
printf 'It was a dark and stormy night. ' > text
"$program" perplexity model --file text --stream > expected
run 0 perplexity model --file text --stream --check
printed_exactly "$(cat expected)"

# The last weight of the file becomes NaN.
cp -r model spoilt
size=$(wc -c < spoilt/model.safetensors)
printf '\0\0\300\177' | dd of=spoilt/model.safetensors bs=1 seek=$((size - 4)) conv=notrunc 2> dd.log
finds_it() {
    run 1 "$@" --check
    complains 'spoilt/model.safetensors: tensor '
    complains ' is NaN at ['
}
run 0 info spoilt
finds_it info spoilt
finds_it generate spoilt hello
finds_it perplexity spoilt --file text --stream
echo 1 2 3 > ids
finds_it logits spoilt --ids ids --output out.st
finds_it calibrate spoilt --text text
finds_it analyze distance spoilt --text text
finds_it analyze receptive-field spoilt --text text
finds_it evaluate passkey spoilt --text text
absent out.st spoilt/decimamba.json
finish
