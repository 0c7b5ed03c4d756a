#!/bin/sh
# examples/own_score.c, as its head and docs/experiments.md call it: a key in a book is found by tokens
# that a function of the example's own chose.
# Usage: test_own_score.sh PROGRAM SOURCE_ROOT OWN_SCORE
own_score=$(realpath "$3")
. "$(dirname "$0")/common.sh"
book=$root/data/books/26239.txt
{
    printf 'Find the pass key:\n'
    head -c 40000 "$book"
    printf ' The pass key is 48151. Remember it. 48151 is the pass key. '
    tail -c +40001 "$book" | head -c 90000
    printf '\nAnswer: '
} > prompt.txt
last='(own_score)'
"$own_score" "$root/models/passkey-bytes-512" prompt.txt 3 512 5 > out 2> err || failed "$(cat err)"
[ "$(head -n 1 out)" = 48151 ] || failed "it says $(head -n 1 out)"
sed -n 2p out | grep -q '^kept 513 of 130093 tokens: 0, 1, 2, 3, [0-9]*, \.\.\. 130087$' ||
    failed "it says $(sed -n 2p out)"
# a layer without slow channels, and one that is not there
mkdir model && cp "$root"/models/passkey-bytes-512/[!d]* model
"$own_score" model prompt.txt 3 512 5 > out 2> err && failed 'a model without slow channels is taken'
grep -q 'run decimamba calibrate first' err || failed "$(cat err)"
"$own_score" "$root/models/passkey-bytes-512" prompt.txt 7 512 5 > out 2> err && failed 'layer 7 is taken'
grep -q '^own_score: .*layer 7' err || failed "$(cat err)"
finish
