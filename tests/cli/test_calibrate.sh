#!/bin/sh
# calibrate: what it proposes from text alone, its reasons, and that flags come before proposals.
. "$(dirname "$0")/common.sh"
text=$root/data/books/26618.txt
copy() {
    rm -rf model
    cp -r "$root/models/$1" model
    chmod -R u+w model
    mv model/decimamba.json before
}
# the setting of that name in decimamba.json, on one line
setting() {
    tr -d ' \n' < model/decimamba.json | sed "s/.*\"$1\":\(\[[^]]*\]\|[^,}]*\).*/\1/"
}
expect() {
    [ "$(setting "$1")" = "$2" ] || failed "$1 is $(setting "$1") instead of $2"
}

# ---- everything is found: the layer where the model's memory is, and the score that keeps it ----
copy passkey-512
run 0 calibrate model --text "$text" --dry-run
cp out dry
prints 'training length 256: with more text than that'
prints 'layer 2: its slow channels remember '
prints '  score norm at layer 2 keeps 0% of the 256 tokens of 4096'
prints '  score norm at layer 1 keeps '
prints 'score global: score norm at layer 2 keeps other tokens'
prints '    layer 2, global  '
prints '    layer 1, norm    '
prints 'no other is clearly better'
prints 'method {"method":"decimate","layers":[2],"base_length":256,"beta":0.5,"min_length":20,"keep_tail":1,"score":"global"}'
prints '; nothing written to model/decimamba.json'
[ "$(grep -c "^    '" out)" -eq 2 ] || failed 'eight preferred tokens on two lines'
absent model/decimamba.json
run 0 calibrate model --text "$text" --threads 1
prints '; written to model/decimamba.json'
head -n -1 out > one
head -n -1 dry > two
same one two
expect method '"decimate"'
expect score '"global"'
expect layers '[2]'
expect base_length 256
expect length 256
# the model's own settings do not matter, old or none
run 0 calibrate model --text "$text" --dry-run
same out dry
run 0 evaluate passkey model --text "$root/data/books/26239.txt" --lengths 8192 --depths 5 --keys 1 \
    --methods 'none default'
right=$(sed -n 's/^\([0-9]*\) of 5 right.*/\1/p' out | tail -1)
[ "$right" -ge 4 ] || failed "$right of 5 keys are found with what was proposed"

# losses no better than chance decide nothing
copy passkey-bytes-512-decimated
run 0 calibrate model --text "$text" --dry-run
prints 'training length 256: '
prints 'the model predicts this text no better than chance (5.55 nats)'
prints 'layer 3: its slow channels remember '
prints 'losses no better than chance decide nothing'
prints '"layers":[3],"base_length":256,'

# ---- flags come before proposals; all of them give what they always gave ----
copy passkey-512
run 0 calibrate model --text "$text" --length 512 --method decimate --score global --layers 2 \
    --base-length 512
prints 'training length 512: given'
prints '2048 tokens read'
[ "$(wc -l < out)" -eq 3 ] || failed 'more than three lines'
same model/decimamba.json before
run 0 calibrate model --text "$text" --length 512 --score norm
expect score '"norm"'
expect length 512
prints 'layer 2: '
! grep -q '^score ' out || failed 'a score was proposed'
run 0 calibrate model --text "$text" --length 512 --layers 1,3 --base-length 100 --beta 0.25
expect layers '[1,3]'
expect base_length 100
expect beta 0.25
expect score '"global"'
! grep -q '^layer ' out || failed 'a layer was proposed'
run 0 calibrate model --text "$text" --length 300 --method keep-last
expect method '"keep-last"'
expect base_length 300
run 0 calibrate model --text "$text" --length 300 --share 0.5 --passages 2 --score mean --layers 0
expect share 0.5
expect passages 2

# ---- a model of one layer, and texts that are too short to say much ----
sed 's/"n_layer": 4/"n_layer": 1/' "$here/ascii/config.json" > config.json
run 0 init config.json flat --seed 3
cp "$here/ascii/tokenizer.json" flat/
head -c 2000 "$root/include/decimamba.h" > short
run 0 calibrate flat --text short
prints '"layers":[0]'
run 0 calibrate flat --text short --length 1000
prints 'not compared with others: the text is too short'
head -c 1000 short > tiny
cp flat/decimamba.json before
run 1 calibrate flat --text tiny
complains 'tiny: '
complains 'tokens, too few to find the training length: give --length'
run 0 calibrate flat --text tiny --length 100
cp flat/decimamba.json before
# ... in place of one that it cannot read
printf '{"version": 9}' > flat/decimamba.json
run 0 calibrate flat --text tiny --length 100
run 0 generate flat x --max-tokens 1
run 1 calibrate flat --text tiny --length 100000
complains 'tiny: '
complains 'fewer than the 100000 of a passage'
run 1 calibrate flat --text tiny --length 100 --layers 1
complains 'there is no layer 1'
: > empty
run 1 calibrate flat --text empty
run 1 calibrate flat --text empty --length 100
same flat/decimamba.json before
# settings that are kept elsewhere serve as the model's own do, in every command
rm flat/decimamba.json
cp -r flat bare
run 0 calibrate flat --text short --length 100
run 0 calibrate bare --text short --length 100 --output settings.json
prints '; written to settings.json'
same settings.json flat/decimamba.json
absent bare/decimamba.json
run 1 generate bare --file short --score global --layers 0 --max-tokens 5
complains 'score global needs the channels of layer 0'
for arguments in 'info MODEL' 'generate MODEL --file short --max-tokens 5 --print-ids' \
    'perplexity MODEL --file short' 'logits MODEL --ids ids --output MODEL.logits' \
    'evaluate passkey MODEL --text short --lengths 300 --depths 1 --keys 1 --output MODEL.e' \
    'analyze delta MODEL --text short --length 500 --output MODEL.d'; do
    echo 1 2 3 > ids
    run 0 $(echo "$arguments" | sed 's/MODEL/flat/g')
    grep -v 'tokens/s' out | sed 's/flat/bare/' > own
    run 0 $(echo "$arguments" | sed 's/MODEL/bare/g') --settings settings.json
    grep -v 'tokens/s' out > theirs
    same theirs own
done
same bare.logits flat.logits
run 0 bench bare --read 8 --repeats 1 --generate 0 --score global --settings settings.json
run 0 train --model bare --text short --output trained --steps 1 --length 64 --score global --layers 0 \
    --settings settings.json
grep -q '"global_channels"' trained/model/decimamba.json || failed 'the channels are not kept'
# an evaluation by other settings is another one
run 0 calibrate bare --text short --length 100 --share 0.3 --output other.json
run 1 evaluate passkey bare --text short --lengths 300 --depths 1 --keys 1 --output bare.e \
    --settings other.json
complains 'weights'
run 1 info bare --settings missing.json
complains 'missing.json: No such file'
run 2 calibrate bare --text short --settings settings.json
complains 'calibrate: --settings: the settings are found anew; --output FILE says'
run 1 calibrate bare --text short --length 100 --output missing/settings.json
complains 'missing/settings.json: cannot write: No such file'
# nothing is left behind, and what a killed process left is removed; what one still holds is not
mkdir room room/decimamba-scratch.1-0.tmp room/decimamba-scratch.2-0.tmp room/other
touch room/decimamba-scratch.1-0.tmp/decimamba.json room/decimamba-scratch.2-0.tmp/decimamba.json
TMPDIR=$work/room
export TMPDIR
last='scratch folders'
flock room/decimamba-scratch.2-0.tmp "$program" calibrate flat --text tiny --length 100 > out 2> err ||
    failed "exit status $?: $(cat err)"
[ "$(echo room/*)" = 'room/decimamba-scratch.2-0.tmp room/other' ] || failed "left: $(echo room/*)"
[ -f room/decimamba-scratch.2-0.tmp/decimamba.json ] || failed "another's folder was emptied"
run 0 calibrate flat --text tiny --length 100
[ "$(echo room/*)" = room/other ] || failed "left: $(echo room/*)"
TMPDIR=$work/nowhere
run 1 calibrate flat --text tiny --length 100
complains "$work/nowhere: cannot make a folder there"
finish
