#!/bin/sh
# ask: a document is read once, and each question goes on from it alone.
. "$(dirname "$0")/common.sh"
make_model
export XDG_CACHE_HOME="$work/cache"
head -c 3000 "$root/include/decimamba.h" > page.h
reading='--layers 1,2 --base-length 40 --min-length 4'
short='--max-tokens 20'
answers() { # of --json
    sed 's/.*"ids":\[\([^]]*\)\].*/\1/' out
}

# an answer is what generate makes of the session and the formatted question
printf '\n\nQuestion: What?\nAnswer:' > formatted
for sampling in '' '--temperature 1.5 --seed 4' '--repetition-penalty 1.5' \
    '--temperature 2 --seed 9 --repetition-penalty 1.1'; do
    run 0 generate model --file page.h $reading --max-tokens 0 --save-session session
    run 0 generate model --load-session session --file formatted $short $sampling --json \
        --stop '
Question:'
    json_ids > expected
    run 0 ask model What? --file page.h $reading $short $sampling --json
    answers > given
    same given expected
    run 0 ask model What? --load-session session $short $sampling --json
    answers > given
    same given expected
    prints '"session":null'
done

# it is kept, and found again, by what it depends on
kept() {
    find cache -name '*.session' | wc -l
}
[ "$(kept)" -eq 1 ] || failed "$(kept) files are kept"
ls cache/decimamba/page.h-????????????????.session > list || failed 'the name'
[ "$(stat -c %a cache/decimamba)" = 700 ] || failed 'others may look into the folder'
run 0 ask model What? --file page.h $reading $short --json
prints '"document_tokens":3000,'
prints "\"session\":\"$(pwd)/$(cat list)\""
cp out first
sed 's/,"read_seconds".*//' out > expected
# ... really: the file alone tells what was read
cp "$(cat list)" mine
run 0 ask model What? --file page.h --method none $short
other=$(ls cache/decimamba/* | grep -vF -e "$(cat list)")
[ "$(kept)" -eq 2 ] || failed 'another method, the same file'
cp "$other" "$(cat list)"
run 0 ask model What? --file page.h $reading $short --json
sed 's/,"read_seconds".*//' out > given
! cmp -s given expected || failed 'the session file was not read'
# ... and one that is damaged is replaced, with a word
printf x > "$(cat list)"
"$program" ask model What? --file page.h $reading $short --json > out 2> err
check_warned 'reading the text again'
sed 's/,"read_seconds".*//' out > given
same given expected
same "$(cat list)" mine
# a change of text, model, type or settings reads anew
changes() {
    before=$(kept)
    run 0 ask "$@" $short
    [ "$(kept)" -eq $((before + 1)) ] || failed "$* found what was read otherwise"
}
printf x >> page.h
changes model What? --file page.h $reading
changes model What? --file page.h $reading --beta 0.9
changes model What? --file page.h $reading --dtype int8
changes model What? --file page.h $reading --cpu reference
run 0 init "$here/ascii/config.json" twin --seed 4
cp "$here/ascii/tokenizer.json" twin/
changes twin What? --file page.h $reading
cp page.h same.h
n=$(kept)
run 0 ask model What? --file ./page.h $reading $short --threads 1
[ "$(kept)" -eq "$n" ] || failed 'the same text by another path'
run 0 ask model What? --file page.h --no-cache --layers 1 $short
[ "$(kept)" -eq "$n" ] || failed '--no-cache keeps'
run 0 ask model What? --file page.h --cache a/b/c $short
ls a/b/c/page.h-*.session > list || failed '--cache'
mkfifo pipe
cat page.h > pipe &
run 0 ask model What? --file pipe $short
[ "$(kept)" -eq "$n" ] || failed 'a pipe is kept'
# where nothing can be kept, a word, and the answer
run 0 ask model What? --file page.h $short --json --no-cache
sed 's/,"session".*//' out > expected
"$program" ask model What? --file page.h $short --json --cache page.h/x > out 2> err
check_warned 'the text is not kept'
sed 's/,"session".*//' out > given
same given expected
(unset HOME XDG_CACHE_HOME; exec "$program" ask model What? --file page.h $short) > out 2> err
check_warned 'HOME is not set'

# a question a line; none sees another
printf 'What?\n\n  \nWho?\r\nWhat?' > questions
input=questions run 0 ask model --file page.h $reading $short --json
[ "$(wc -l < out)" -eq 3 ] || failed "$(wc -l < out) answers"
cut -d, -f 2- out | sed 's/"read_seconds".*//' > rest
[ "$(sed -n 1p rest)" = "$(sed -n 3p rest)" ] || failed 'the same question, other answers'
[ "$(sed -n 1p rest)" != "$(sed -n 2p rest)" ] || failed 'other questions, the same answer'
grep -q '"question":"Who?"' out || failed 'the end of a line is in the question'
# ... unless they are to: then the text goes on
input=questions run 0 ask model --file page.h --method none $short --keep --json
tail -n 1 out > last
run 0 ask model What? --file page.h --method none $short --json
first=$(sed 's/.*"answer":"\(.*\)","ids".*/\1/' out)
{
    cat page.h
    printf '\n\nQuestion: What?\nAnswer:'
    run 0 generate model --file page.h --max-tokens 0 --save-session session
    run 0 generate model --load-session session --file formatted $short --stop '
Question:'
    cat "$work/out"
} > so_far
run 0 ask model Who? --file so_far --method none $short --json --no-cache
answers > expected
input=questions run 0 ask model --file page.h --method none $short --keep --json
sed -n 2p out > second
sed 's/.*"ids":\[\([^]]*\)\].*/\1/' second > given
same given expected
grep -q '"document_tokens":' last || failed 'the last answer'

# the format
printf 'a\n\tb\\What?What?' > formatted
run 0 generate model --file page.h --max-tokens 0 --save-session session
run 0 generate model --load-session session --file formatted $short --json
json_ids > expected
run 0 ask model What? --file page.h $short --json --question-format 'a\n\tb\\{}{}'
answers > given
same given expected
# stop strings, and white space before an answer
run 0 ask model What? --file page.h --temperature 1.5 --seed 4 --json
prints '"stop_reason":"length"'
text=$(sed 's/.*"answer":"\(.*\)","ids".*/\1/' out)
word=$(printf %s "$text" | grep -o '[A-Za-z][A-Za-z]' | head -n 1)
run 0 ask model What? --file page.h --temperature 1.5 --seed 4 --json --stop "$word"
prints '"stop_reason":"stop_string"'

# what cannot be
run 2 ask model What?
complains 'give --file or --load-session'
run 2 ask model What? --file page.h --load-session session
complains 'give only one of'
run 2 ask model --file -
complains 'standard input has the questions'
run 2 ask model What? --load-session session --layers 1
complains 'keeps its own method settings'
run 2 ask model What? --load-session session --no-cache
complains 'drop --no-cache'
run 2 ask model What? --file page.h --question-format Question
complains 'there is no {}'
run 1 ask model What? --file nowhere
complains nowhere
: > empty
run 1 ask model What? --file empty
complains 'empty: the text is empty'
run 1 ask model What? --load-session page.h
complains page.h
run 1 ask "$golden" What? --file page.h
complains tokenizer.json
run 1 ask model "$(printf '\303\251')" --file page.h $short
complains 'the question: token id 195 at position 3013'
run 2 ask model What? --file page.h --cache ''
complains "a folder's name is needed"
run 1 ask model "$(printf 'a\377')" --file page.h $short
complains 'the question: '
printf 'What?\n\303\251\nWho?\n' > questions # which ends what comes from a pipe
input=questions run_any 1 ask model --file page.h $short
"$program" ask model What? --file page.h $short > /dev/full 2> err
check_streams $? 1

# Ctrl-C: of what a pipe asks, all; while the document is read, nothing is kept
rm -f out err
yes What? | "$program" ask model --file page.h --max-tokens 100000000 > out 2> err &
while [ ! -s out ]; do sleep 0.02; done
kill -INT $!
wait $!
check_streams $? 130
n=$(kept)
head -c 8000000 /dev/zero | tr '\0' a > long
"$program" ask model What? --file long > out 2> err &
until [ "$(readlink /proc/$!/exe)" = "$program" ] &&
    grep -q 'SigCgt:.*[2367abef]$' /proc/$!/status; do sleep 0.02; done
kill -INT $!
wait $!
check_streams $? 130
[ "$(kept)" -eq "$n" ] || failed 'half a text was kept'
[ ! -s out ] || failed 'an answer from half a text'
finish
