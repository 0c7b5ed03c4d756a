#!/bin/sh
# evaluate: every task on the sample data, that nothing but the seed decides a table, and that a
# stopped evaluation goes on.
. "$(dirname "$0")/common.sh"
make_model
text=$root/include/decimamba.h
small='--lengths 200,400 --depths 3 --keys 2'
three='none;keep-last:base-length=100 decimate:layers=1,2,base-length=80,score=mean'

# the tables without their times
table() {
    sed 's/, in .* tokens\/s)//' out
}

run 0 evaluate passkey model --text "$text" $small --trained 200 --methods "$three" --output first
table > first.txt
cat > expected <<'END'
none
 depth    200*     400
  0.00     0/2     0/2
  0.50     0/2     0/2
  1.00     0/2     0/2
   all     0/6     0/6
0 of 12 right; *: the training length

END
head -8 first.txt > head
same head expected
prints 'decimate:layers=1,2,base-length=80,score=mean'
is_figure first/passkey
for file in outcomes.jsonl report.json table.md passkey.tsv; do
    [ -s "first/$file" ] || failed "$file is missing"
done
[ "$(grep -c '"key":' first/outcomes.jsonl)" -eq 36 ] || failed 'outcomes.jsonl lacks prompts'
[ "$(grep -o '"key":"[0-9]*"' first/outcomes.jsonl | sort -u | wc -l)" -eq 12 ] ||
    failed 'keys are repeated'
# neither threads nor batch decide anything
for variation in '--batch 1' '--batch 5 --threads 1' '--batch 64 --threads 3'; do
    rm -rf varied
    run 0 evaluate passkey model --text "$text" $small --trained 200 $variation \
        --method none --method keep-last:base-length=100 \
        --method decimate:layers=1,2,base-length=80,score=mean --output varied
    table > varied.txt
    same varied.txt first.txt
    same varied/outcomes.jsonl first/outcomes.jsonl
    same varied/report.json first/report.json
done
# one that was stopped goes on, even in the middle of a line
head -c 3000 first/outcomes.jsonl > varied/outcomes.jsonl
rm varied/report.json
run 0 evaluate passkey model --text "$text" $small --trained 200 --methods "$three" --output varied
prints 'of them read before'
same varied/outcomes.jsonl first/outcomes.jsonl
same varied/report.json first/report.json
# an answer ends where the model stops: here at the first character of one
row=$(grep -m 1 '"method":"none","prompt":.*"answer":"[ 0-9A-Za-z]' first/outcomes.jsonl)
prompt=$(echo "$row" | sed 's/.*"prompt":\([0-9]*\).*/\1/')
character=$(echo "$row" | sed 's/.*"answer":"\(.\).*/\1/')
cp -r model ending
printf '{"eos_token_id": [3, %d]}' "'$character" > ending/generation_config.json
run 0 evaluate passkey ending --text "$text" $small --methods none --output ended
grep "\"prompt\":$prompt," ended/outcomes.jsonl | grep -q '"answer":""' ||
    failed "the answer does not end before '$character'"
# and is not mixed with another
cp -r first other
run 1 evaluate passkey model --text "$text" $small --methods none --seed 2 --output other
complains 'seed'
run 1 evaluate passkey model --text "$text" --lengths 200 --methods none --output other
complains 'lengths'
run 0 init "$here/ascii/config.json" stranger --seed 4
cp model/tokenizer.json stranger/
run 1 evaluate passkey stranger --text "$text" $small --methods none --output other
complains 'weights'
printf 'rubbish\n' >> other/outcomes.jsonl
run 1 evaluate passkey model --text "$text" $small --methods none --output other
complains 'other/outcomes.jsonl:'
# a cell does not depend on the others, but on the seed
run 0 evaluate passkey model --text "$text" --lengths 400 --depths 3 --keys 1 --output one
run 0 evaluate passkey model --text "$text" --lengths 400 --depths 3 --keys 1 --output seed --seed 1
for key in $(grep -o '"key":"[0-9]*"' one/outcomes.jsonl); do
    grep -q "$key" first/outcomes.jsonl || failed "first lacks $key"
    ! grep -q "$key" seed/outcomes.jsonl || failed "seed has $key"
done
# the model's own settings are a method
run 0 calibrate model --text "$text" --length 256
run 0 evaluate passkey model --text "$text" --lengths 300 --depths 1 --keys 1
prints none
prints default
run 0 evaluate passkey model --text "$text" --lengths 300 --depths 1 --keys 1 --method default
! grep -q none out || failed 'a method that was not asked for'
# how sure the model is of the key: of random weights, a digit is one of 256 bytes
run 0 evaluate passkey model --text "$text" $small --metric perplexity --output sure
perplexity=$(grep -o '"perplexity": *[0-9]*' sure/report.json | tail -1 | tr -dc 0-9)
[ "$perplexity" -gt 100 ] && [ "$perplexity" -lt 1000 ] || failed "perplexity is $perplexity"
grep -q '^## By depth' sure/table.md || failed 'no table by depth'
run 2 evaluate passkey model --text "$text" --prompt official --metric perplexity
complains 'evaluate passkey: --metric perplexity is for --prompt passage'

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
run 1 evaluate passkey model --text "$text" $small --output missing/new
complains 'missing/new'
run 1 evaluate passkey "$golden" --text "$text"
complains tokenizer.json
run 1 evaluate passkey model --text "$text" --lengths 200,50 --output nothing
absent nothing
run 2 evaluate passkey model --prompt official
complains '--data is missing'
[ -z "$(find . -name '*.tmp')" ] || failed "left: $(find . -name '*.tmp')"

# every other task on the sample data
bytes=$root/models/passkey-512
run 0 evaluate passkey "$bytes" --prompt official --data "$root/data" --lengths 300,900 \
    --depths 2 --keys 1 --methods none --output official
prints '4 of 4 right'
[ "$(grep -c '"answer":' official/outcomes.jsonl)" -eq 4 ] || failed 'answers are missing'
is_figure official/official-passkey
for task in retrieval multidoc-qa; do
    run 0 evaluate "$task" "$bytes" --data "$root/data" --documents 2,3 --questions 5 \
        --methods 'none keep-last:base-length=500' --output "$task"
    is_figure "$task/$task"
    [ "$(grep -c '"answer":' "$task/outcomes.jsonl")" -eq 20 ] || failed "$task lacks answers"
    rm -rf again
    run 0 evaluate "$task" "$bytes" --data "$root/data" --documents 2,3 --questions 5 \
        --methods 'none keep-last:base-length=500' --output again --batch 3 --threads 1
    same again/outcomes.jsonl "$task/outcomes.jsonl"
done
run 0 evaluate perplexity "$bytes" --data "$root/data" --lengths 300,1000 --windows 2 \
    --methods 'none decimate:layers=2,base-length=200' --output perplexity
[ "$(grep -c '"prompt":' perplexity/outcomes.jsonl)" -eq 16 ] || failed 'perplexity lacks windows'
is_figure perplexity/perplexity
run 0 evaluate longbench "$bytes" --data "$root/data" --prompts 1 --max-length 500 \
    --methods none --output longbench
is_figure longbench/longbench
[ "$(grep -c '"answer":' longbench/outcomes.jsonl)" -eq 16 ] || failed 'longbench lacks data sets'
run 0 evaluate longbench "$bytes" --data "$root/data" --extended --prompts 1 --max-length 300 \
    --output extended
is_figure extended/longbench-e
prints '8k+'

# where gnuplot fails there is what it said, and no picture: a folder that nobody can draw from
if command -v gnuplot > /dev/null; then
    mkdir fails
    printf '#!/bin/sh\necho half > undrawn/passkey.png\necho "no such terminal" >&2\nexit 1\n' \
        > fails/gnuplot
    chmod +x fails/gnuplot
    usual=$PATH PATH=$work/fails:$PATH
    run 1 evaluate passkey model --text "$text" $small --methods none --output undrawn
    complains 'undrawn/passkey.png: gnuplot: no such terminal'
    absent undrawn/passkey.png undrawn/passkey.svg
    [ -s undrawn/table.md ] || failed 'no table where gnuplot fails'
    PATH=$usual
    # names that mean something to gnuplot
    for folder in '<sleep 9' '|touch drawn' '~root' '%s' "it's"; do
        run 0 evaluate passkey model --text "$text" $small --methods none --output "$folder"
        is_figure "$folder/passkey"
    done
    absent drawn
fi

# the budget of every method is named, and keep-last reads what the model was trained to read
run 0 evaluate passkey "$bytes" --text "$text" --lengths 512 --depths 1 --keys 1 --output budget \
    --methods 'none keep-last keep-last:base-length=99 default decimate decimate:layers=2
        mamba-extend:delta-scale=0.9,delta-scale-in=prefill'
cat > expected <<'END'
none
keep-last:base-length=512
keep-last:base-length=99
default:base-length=512
decimate:base-length=512
decimate:layers=2,base-length=512
mamba-extend:delta-scale=0.9,delta-scale-in=prefill
END
cut -f 2 budget/passkey.tsv | tail -n +2 > named
same named expected
for method in $(cat expected); do
    prints "$method "
    grep -qF "$method |" budget/table.md || failed "table.md does not name $method"
    [ ! -e budget/passkey.svg ] || tr -d '\n' < budget/passkey.svg | sed 's/<[^>]*>[ \t]*//g' |
        grep -qF "$method" || failed "the legend does not name $method"
done
grep -q '"method":"keep-last","options":{"method":"keep-last","layers":\[0\],"base_length":512' \
    budget/outcomes.jsonl || failed 'what keep-last kept'
# a journal of the version before called the options the context
cp budget/outcomes.jsonl budget.jsonl
sed -i 's/"options":{/"context":{/' budget/outcomes.jsonl
run 0 evaluate passkey "$bytes" --text "$text" --lengths 512 --depths 1 --keys 1 --output budget \
    --methods 'none keep-last:base-length=99'
sed 's/"context":{/"options":{/' budget/outcomes.jsonl > again.jsonl
same again.jsonl budget.jsonl
run 0 evaluate passkey "$bytes" --text "$text" --lengths 512 --depths 1 --keys 1 --trained 400 \
    --method keep-last
prints 'keep-last:base-length=400'
# documents are no tokens
run 0 evaluate retrieval "$bytes" --data "$root/data" --documents 2 --questions 5 --trained 2 \
    --method keep-last
prints 'keep-last:base-length=512'

# what decides an outcome decides whether an evaluation goes on
mkdir -p own/longbench
cp "$root/data/longbench/"*.json "$root/data/longbench/data/hotpotqa.jsonl" own/longbench/
run 0 evaluate longbench "$bytes" --data own --max-length 500 --methods none --output resumed
sed 's/"hotpotqa": 32/"hotpotqa": 3/' own/longbench/dataset2maxlen.json > shorter
mv shorter own/longbench/dataset2maxlen.json
run 1 evaluate longbench "$bytes" --data own --max-length 500 --methods none --output resumed
complains 'resumed/outcomes.jsonl'
input=$root/data/books/26239.txt
run 0 evaluate passkey "$bytes" --text - --lengths 512 --depths 5 --keys 1 --methods none \
    --output piped
prints '5 of 5 right'
input=$root/data/books/26618.txt
run 1 evaluate passkey "$bytes" --text - --lengths 512 --depths 5 --keys 1 --methods none \
    --output piped
complains 'piped/outcomes.jsonl'
unset input
mkdir -p same
cp "$root/data/books/26618.txt" same/
run 1 evaluate perplexity "$bytes" --text same --text "$root/data/books/26618.txt" --lengths 300
complains 'another text is called 26618.txt too'
run 1 evaluate perplexity "$bytes" --data "$root/data" --lengths 300 \
    --methods 'none decimate:layers=2,keep-tail=5'
complains 'keep-tail 5 is less than 101'
run 2 evaluate passkey "$bytes" --text "$text" --lengths 512,512
complains '--lengths'

run 2 evaluate retrieval "$bytes"
complains '--data is missing'
run 1 evaluate retrieval "$bytes" --data nowhere
complains nowhere
run 2 evaluate retrieval "$bytes" --data "$root/data" --documents 100000
complains '--documents'
run 1 evaluate retrieval "$bytes" --data "$root/data" --documents 900
complains 'paragraphs'
run 2 evaluate perplexity "$bytes"
complains '--text or --data is missing'
run 1 evaluate perplexity "$bytes" --data "$root/data" --lengths 100
complains 'windows of 100 tokens'
run 1 evaluate perplexity "$bytes" --data "$root/data" --lengths 100000000
complains 'the longest book has'
run 1 evaluate longbench "$bytes" --data "$root/data" --set quux
complains quux
mkdir -p bad/squad bad/longbench
printf '{"data": [\n{"paragraphs": [}]}' > bad/squad/dev-v2.0.json
run 1 evaluate retrieval "$bytes" --data bad
complains 'bad/squad/dev-v2.0.json:2'
printf '{"data": [{"paragraphs": [{"qas": []}]}]}' > bad/squad/dev-v2.0.json
run 1 evaluate multidoc-qa "$bytes" --data bad
complains "data[0].paragraphs[0]: key 'context' is missing"
cp "$root/data/longbench/"*.json bad/longbench/
printf '{"input": "a"}\n' > bad/longbench/trec.jsonl
run 1 evaluate longbench "$bytes" --data bad
complains 'trec.jsonl:1'
run 2 evaluate passkay model
complains "unknown task 'passkay' (did you mean passkey?)"
run 2 evaluate
complains 'a task is missing'
run 0 evaluate --help
prints 'multidoc-qa'

# a model that has learned the task
run 0 evaluate passkey "$bytes" --text "$text" --lengths 512 --depths 3 --keys 2 --method none
prints '6 of 6 right'
finish
