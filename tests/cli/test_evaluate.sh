#!/bin/sh
# evaluate passkey: the table, and that nothing but the seed decides it.
. "$(dirname "$0")/common.sh"
make_model
text=$root/include/decimamba.h
small='--lengths 200,400 --depths 3 --keys 2'

# the table without its times
table() {
    sed 's/, in .* tokens\/s)//' out
}

run 0 evaluate passkey model --text "$text" $small --trained 200 \
    --methods 'none;keep-last:base-length=100 decimate:layers=1,2,base-length=80,score=mean' \
    --json outcomes.json
table > first
cat > expected <<'END'
none
 depth    200*     400
  0.00     0/2     0/2
  0.50     0/2     0/2
  1.00     0/2     0/2
   all     0/6     0/6
0 of 12 right; *: the length trained on

END
head -8 first > head
same head expected
prints 'decimate:layers=1,2,base-length=80,score=mean'
[ "$(grep -c '"key":' outcomes.json)" -eq 36 ] || failed 'outcomes.json lacks prompts'
grep -q '"layers": *\[' outcomes.json || failed 'outcomes.json lacks settings'
[ "$(grep '"key":' outcomes.json | sort -u | wc -l)" -eq 12 ] || failed 'keys are repeated'
# seconds are the only difference that threads and batch make
sed '/"seconds"/d' outcomes.json > outcomes
for variation in '--batch 1' '--batch 5 --threads 1' '--batch 64 --threads 3'; do
    run 0 evaluate passkey model --text "$text" $small $variation \
        --method none --method keep-last:base-length=100 \
        --method decimate:layers=1,2,base-length=80,score=mean --json varied.json
    sed '/"seconds"/d' varied.json > varied
    same varied outcomes
done
# a cell does not depend on the others, but on the seed
run 0 evaluate passkey model --text "$text" --lengths 400 --depths 3 --keys 1 --json one.json
run 0 evaluate passkey model --text "$text" --lengths 400 --depths 3 --keys 1 --json seed.json \
    --seed 1
for key in $(sed -n 's/.*"key": "\([0-9]*\)".*/\1/p' one.json); do
    grep -q "\"key\": \"$key\"" outcomes.json || failed "outcomes.json lacks $key"
    ! grep -q "\"key\": \"$key\"" seed.json || failed "seed.json has $key"
done
# the model's own settings are a method
run 0 calibrate model --text "$text" --length 256
run 0 evaluate passkey model --text "$text" --lengths 300 --depths 1 --keys 1
prints none
prints default
run 0 evaluate passkey model --text "$text" --lengths 300 --depths 1 --keys 1 --method default
! grep -q none out || failed 'a method that was not asked for'

run 1 evaluate passkey model --text "$text" --lengths 50
complains 'a prompt of 50 tokens: question, fact and answer alone take'
run 1 evaluate passkey model --text "$text" --lengths 10000000
complains 'a prompt of 10000000 tokens: the text is too short'
run 1 evaluate passkey model --text "$text" --method fast
complains "method 'fast': there is no method 'fast'"
run 1 evaluate passkey model --text "$text" --method keep-last:length=3
complains "method 'keep-last:length=3': unknown flag --length"
run 1 evaluate passkey model --text "$text" --method keep-last:beta
complains "'beta' has no value"
run 1 evaluate passkey model --text "$text" --method decimate:layers=1,beta=2
complains "--beta: '2' is not a number in the range"
run 1 evaluate passkey model --text "$text" --method decimate:layers=7
complains 'there is no layer 7'
run 1 evaluate passkey model --text nowhere
complains nowhere
run 1 evaluate passkey model --text "$text" $small --json missing/new.json
complains 'missing/new.json: cannot write'
run 1 evaluate passkey "$golden" --text "$text"
complains tokenizer.json
run 1 evaluate passkey model --text "$text" $small --json /dev/full
complains '/dev/full: cannot write: No space left'
printf kept > outcomes.json
run 1 evaluate passkey model --text "$text" --lengths 200,50 --json outcomes.json
[ "$(cat outcomes.json)" = kept ] || failed 'outcomes.json was touched'
[ -z "$(find . -name '*.tmp')" ] || failed "left: $(find . -name '*.tmp')"

# a model that has learned the task, where one is at hand
trained=$root/models/passkey-bytes-512
if [ -d "$trained" ]; then
    run 0 evaluate passkey "$trained" --text "$text" --lengths 512 --depths 3 --keys 2 --method none
    prints '6 of 6 right'
fi
finish
