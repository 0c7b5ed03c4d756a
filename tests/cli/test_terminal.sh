#!/bin/sh
# What only a terminal is shown: progress, what Ctrl-C waits for, and a word on a model without
# settings. script(1) is the terminal; what it shows is in the file `screen`.
. "$(dirname "$0")/common.sh"
command -v script > /dev/null || { echo 'skipped: no script'; exit 77; }
make_model
text=book # a command line of script(1) has no quotes: names without spaces
cp "$root/data/books/26239.txt" $text
cp -r "$here/ascii" .
mkfifo keys

# Starts decimamba in a terminal whose keys come from descriptor 3.
start() {
    last=$*
    : > screen
    # where a shell starts something in the background, Ctrl-C is ignored
    script -qefc "exec env --default-signal=INT '$program' $*" screen < keys > /dev/null 2>&1 &
    pid=$!
    exec 3> keys
}
shows() {
    tr '\r' '\n' < screen | grep -q -e "$1"
}
wait_for() {
    until shows "$1" || ! kill -0 $pid 2> /dev/null; do sleep 0.05; done
    shows "$1" || failed "the terminal lacks: $1"
}
prompted() { # by ask: keys that are pressed before may be lost
    until [ "$(tail -c 2 screen)" = '> ' ] || ! kill -0 $pid 2> /dev/null; do sleep 0.05; done
}
press() {
    printf "$1" >&3
}
# It ends by itself with this status.
ends() {
    wait $pid
    status=$?
    exec 3>&-
    [ $status -eq "$1" ] || failed "exit status $status instead of $1"
}

# ---- Ctrl-C ----
long='--lengths 20000 --depths 40 --keys 40 --batch 1'
start evaluate passkey model --text "$text" $long
wait_for '/32000000 tokens  '
press '\003'
wait_for 'decimamba: waiting for the prompts at hand; Ctrl-C again ends this at once'
ends 130
start evaluate passkey model --text "$text" --lengths 300000 --batch 64 --keys 64 --depths 1
wait_for 'depth'
press '\003'
wait_for 'waiting for the prompts at hand'
press '\003'
ends 130
start train --config ascii/config.json --text "$text" --output out.d --steps 1000000 --threads 1
wait_for 'step'
wait_for 'out.d: '
until [ -s out.d/metrics.jsonl ] || ! kill -0 $pid; do sleep 0.05; done
press '\003'
wait_for 'decimamba: waiting for the batch at hand, then for the checkpoint; Ctrl-C'
wait_for 'out.d: interrupted after step [0-9]*; the same command resumes it'
ends 130
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cat "$text"; done > long
start generate model --file long
wait_for '/4486176 bytes  [0-9]* tokens  '
press '\003'
wait_for 'decimamba: waiting for the tokens at hand; Ctrl-C again ends this at once'
ends 130
start perplexity model --file long
wait_for 'tokens  '
press '\003'
ends 130
mkfifo pipe # whose length nobody knows
cat long > pipe &
start generate model --file pipe
wait_for 'reading  [0-9]* bytes  [0-9]* tokens  [0-9]*/s$'
press '\003'
wait_for 'decimamba: waiting for the tokens at hand'
ends 130

# ---- how fast it was ----
start generate model Once --max-tokens 5
ends 0
shows '^decimamba: 4 tokens read, [0-9]*/s; 5 generated, [0-9.]*/s$' || failed 'no speed'
printf '{"prompt": "Once"}\n{"prompt": "upon"}\n' > prompts
start generate model --batch prompts --max-tokens 5
ends 0
shows '^decimamba: 2 prompts of 8 tokens, 10 tokens generated in [0-9.]* s$' || failed 'no speed'

# ---- ask ----
export XDG_CACHE_HOME="$work/cache"
head -c 3000 "$text" > some
ask='ask model --file some --layers 1 --base-length 50 --ignore-eos'
start $ask --max-tokens 20
wait_for '^decimamba: some: 3000 tokens, kept in .*/cache/decimamba/some-[0-9a-f]*.session$'
prompted
press 'What?\r'
wait_for '^decimamba: 25 tokens read, [0-9]*/s; 20 generated, [0-9.]*/s$'
prompted
press 'half a question' # which Ctrl-C drops
wait_for '^> .*half a question'
press '\003'
prompted
press '\303\251\r' # which the model does not know, and which ends nothing
wait_for "the model's ids are 0 to 127"
prompted
press '\004'
ends 0
[ "$(grep -c ' generated, ' screen)" -eq 1 ] || failed 'what Ctrl-C dropped was asked'
start $ask --max-tokens 100000000
wait_for '^decimamba: some: 3000 tokens, read before, and kept in .*some-[0-9a-f]*.session$'
for i in 1 2 3; do # Ctrl-C ends the answer, and the next one is asked for
    prompted
    : > screen
    press 'What?\r'
    wait_for UUUUUUUUUUUUUUUUUUUU # what the model says
    press '\003'
    wait_for '^decimamba: 25 tokens read, .* generated'
done
prompted
press '\004'
ends 0
[ "$(grep -c . cache/decimamba/some-*.session | wc -l)" -eq 1 ] || failed 'one file was to be kept'

# ---- a model that has no settings ----
head -c 3000 "$text" > some
told='model: there is no decimamba.json: 3000 tokens were read by plain Mamba'
start generate model --file some --max-tokens 1
ends 0
shows "$told" || failed "the terminal lacks: $told"
shows '(often 2048 tokens)' || failed 'the usual length is not told'
shows "'decimamba calibrate model --text FILE' finds settings" || failed 'calibrate is not named'
start perplexity model --file some
ends 0
shows "$told" || failed "the terminal lacks: $told"
task="--text $text --depths 1 --keys 1 --batch 1"
start evaluate passkey model $task --lengths 300 --trained 200
ends 0
shows 'there is no decimamba.json: 300 tokens .* (here 200 tokens)' || failed 'nothing was told'
[ "$(grep -c 'there is no decimamba' screen)" -eq 1 ] || failed 'it was told more than once'
silent() {
    start "$@"
    ends 0
    ! shows 'there is no decimamba.json' || failed 'something was told'
}
silent evaluate passkey model $task --lengths 300
silent evaluate passkey model $task --lengths 300 --trained 200 --methods none
silent perplexity model --file some --method none
silent perplexity model --file some --window 2000
silent generate model --file some --max-tokens 1 --layers 1 --base-length 100
silent generate model some --max-tokens 1
run 0 generate model --file some --max-tokens 1 # no terminal
finish
