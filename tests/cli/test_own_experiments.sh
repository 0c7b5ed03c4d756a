#!/bin/sh
# "Experiments of your own" in docs/reproducing.md, line by line: what each block of it prints.
# Usage: test_own_experiments.sh PROGRAM SOURCE_ROOT OWN_SCORE
own_score=$(realpath "$3")
. "$(dirname "$0")/common.sh"
mkdir bin build build/examples
ln -s "$program" bin/decimamba
ln -s "$own_score" build/examples/own_score
ln -s "$root/models" "$root/data" .
PATH=$work/bin:$PATH
# block N: the commands between the section's N-th pair of fences
block() {
    awk -v wanted="$1" '
        /^## / { inside = $0 == "## Experiments of your own" }
        inside && /^```/ { fence++; next }
        inside && fence == 2 * wanted - 1 { print }' "$root/docs/reproducing.md"
}
run_block() {
    last="block $1"
    block "$1" > commands
    [ -s commands ] || failed 'there is no such block'
    sh -e commands > out 2> err || failed "exit status $?: $(cat err)"
    [ ! -s err ] || failed "standard error: $(cat err)"
}
run_block 1
prints 'jsonl by metric, models/passkey-bytes-512: right answers'
[ "$(grep -c '^2 of 2 right' out)" -eq 2 ] || failed 'not every key is found'
prints 'by group:'
run_block 2
prints 'jsonl by metric, 2 models: mean score of 100'
prints 'passkey-bytes-512, default:base-length=512  100.0'
prints 'passkey by tokens, 2 models'
grep -q '^passkey-512, none  *[0-9]/2\*' out || failed 'the training length of one is not marked'
grep -q '^passkey, none  *[0-9]/2  *[0-9]/2\*' out || failed 'the training length of the other is not marked'
for name in passkey passkey-bytes-512; do
    [ -s own/$name/report.json ] || failed "own/$name/report.json is missing"
done
run_block 3
prints 'passkey-bytes-512, none'
tail -n 1 out | grep -q '^{"task":"jsonl","measure":"score","model":"models/passkey",' ||
    failed "the last line is $(tail -n 1 out)"
run_block 4
[ "$(head -n 1 out)" = 48151 ] || failed "it says $(head -n 1 out)"
run_block 5
prints 'windows '
[ -z "$(block 6)" ] || failed 'there is a block that is not looked at'
finish
