#!/bin/sh
# Help, the version, the man page, and what is wrong on the command line.
. "$(dirname "$0")/common.sh"

run 0 --version
printed_exactly "decimamba $("$root/scripts/version.sh")"
run 0 -V
printed_exactly "decimamba $("$root/scripts/version.sh")"
run 0 --help
prints 'Example:'
n_word=0
manual=$(cat "$root"/docs/man/*.1 | sed 's/\\-/-/g')
for command in generate ask serve tokenize perplexity info bench logits 'evaluate passkey' 'evaluate retrieval' \
    'evaluate multidoc-qa' 'evaluate perplexity' 'evaluate longbench' 'evaluate jsonl' \
    'analyze attention' 'analyze distance' 'analyze receptive-field' 'analyze delta' \
    'analyze layers passkey' calibrate convert init train; do
    run 0 --help
    prints "  ${command%% *} "
    run 0 $command --help
    prints "decimamba $command "
    prints 'Example:'
    [ "$(awk 'length > 80' out | grep -cv '^Method')" -eq 0 ] || failed 'help is over 80 columns wide'
    for flag in $(sed -n 's/^  \(-[a-z], \)*\(--[a-z-]*\).*/\2/p' out); do
        case $manual in
        *"$flag"*) ;;
        *) failed "the man page of $command lacks $flag" ;;
        esac
    done
    # a flag that takes certain words names all of them
    cp out help
    for flag in $(sed -n 's/^  \(-[a-z], \)*\(--[a-z-]*\) [A-Z].*/\2/p' help); do
        words=$("$program" $command x "$flag" @ 2>&1 < /dev/null |
            sed -n "s/,//g; s/.*'@' is not one of \(.*\); see .*/\1/p")
        for word in $words; do
            n_word=$((n_word + 1))
            sed -n "/^  \(-[a-z], \)*$flag /,/^  -/p" help | grep -qw -e "$word" ||
                failed "the help of $command $flag lacks $word"
            case $manual in
            *"$word"*) ;;
            *) failed "the man page of $command $flag lacks $word" ;;
            esac
        done
    done
done
! note=$(grep -n '^#' "$root"/docs/man/*.1) || failed "the man page prints a note: $note"
[ $n_word -gt 100 ] || failed "only $n_word words were looked for"
run 0 generate --help
prints '(default 128)'

run 2
complains "no command is given"
run 2 genrate
complains "unknown command 'genrate' (did you mean generate?)"
run 2 quux
complains "unknown command 'quux'; see"
run 2 generate model text --temprature 1
complains '--temprature (did you mean --temperature?)'
run 2 info model --quux
complains 'unknown flag --quux; see'
run 2 generate model -x
complains 'unknown flag -x'
run 2 generate
complains 'an argument is missing'
run 2 tokenize a b c
complains "'c' is one argument too many"
run 2 generate model text --seed
complains '--seed: its S is missing'
run 2 generate model text --json=1
complains '--json takes no value'
for value in '' x 1x -1 1.5 ' 1' 99999999999999999999 1000000001; do
    run 2 generate model text "--max-tokens=$value"
    complains "--max-tokens: '$value' is not a whole number in the range 0 to 1000000000"
done
for value in '' x 0x1 nan inf 1e999 ' 1' 1.1 0; do
    run 2 generate model text --top-p "$value"
    complains "--top-p: '$value' is not a number in the range 1e-09 to 1"
done
for value in '' , 1, ,1 1,,2 1,x; do
    run 2 generate model text --layers "$value"
    complains "--layers: '$value' is not a list"
done
# the lowest layer first; from a method's name, a run file and decimamba.json too
run 1 generate model text --layers 2,1
[ -z "$(cat out)" ] || failed 'something was printed'
run 1 info "$golden" --layers 2,1
complains '--layers: 1 comes after 2: list the lowest layer first'
run 1 info "$golden" --method keep-last --layers 2,0
complains '--layers: 0 comes after 2'
printf '{"config": "c", "output": "o", "text": "t", "layers": [2, 1]}' > run.json
run 1 train run.json
complains '--layers: 1 comes after 2'
printf '{"version": 1, "method": "decimate", "layers": [2, 1]}' > settings.json
cp -r "$golden" turned
cp settings.json turned/decimamba.json
run 1 info turned
complains 'decimamba.json: "layers": 1 comes after 2'
run 0 info turned --layers 1,2
# a base length of 0 is one like any other
sed 's/2, 1\]/1, 2], "base_length": 0/' settings.json > turned/decimamba.json
run 0 info turned
prints 'base length 0'
run 0 info "$golden" --layers 1,2 --base-length 0
prints 'base length 0'
run 2 generate model text --method fast
complains "--method: 'fast' is not one of none, decimate, keep-last"
# a method's own settings
run 2 generate model text --method mamba-extend --delta-scale 0.8,x
complains "--delta-scale: '0.8,x' is not a list of at most 64 numbers in the range 0.001 to 1000"
run 2 generate model text --delta-scale-in steps
complains "--delta-scale-in: 'steps' is not one of all, prefill"
run 2 info "$golden" --layers 1 --delta-scale 0.9
complains '--delta-scale: --method decimate has no such setting'
run 2 info "$golden" --method mamba-extend --layers 1
complains '--layers: --method mamba-extend drops no tokens'
run 2 info "$golden" --method mamba-extend --base-length 5
complains '--base-length: nothing is dropped'
run 1 info "$golden" --method mamba-extend --delta-scale 0.9,0.8
complains 'delta-scale has 2 numbers: must be one, or one for each layer of the model'
run 0 info "$golden" --method mamba-extend --delta-scale 0.9 --delta-scale-in prefill
prints 'method              mamba-extend, delta-scale 0.9, delta-scale-in prefill'
run 0 info "$golden" --method mamba-extend --delta-scale 0.9,1,2,1.5 --json
prints '"method":{"method":"mamba-extend","delta_scale":[0.9,1.0,2.0,1.5]}'
# what is not given is as in decimamba.json
printf '{"version": 1, "method": "mamba-extend", "delta_scale": 0.9, "delta_scale_in": "prefill"}' \
    > turned/decimamba.json
run 0 info turned --delta-scale 0.5
prints 'method              mamba-extend, delta-scale-in prefill, delta-scale 0.5'
run 0 info turned --layers 1
prints 'method              decimate, layers 1,'
run 2 generate model text --method fast
complains 'mamba-extend'
# the name of the version before, with a word of advice
run_warned 1 info "$golden" --context keep-last --layers 2,0
warns '--context is now --method; the old name will be gone in the next version'
complains '--layers: 0 comes after 2'
run_warned 0 info "$golden" --context=keep-last
[ "$(wc -l < warnings)" -eq 1 ] || failed 'advice was given more than once'
cp out renamed
run 0 info "$golden" --method=keep-last
same out renamed
run_warned 2 generate model text --context fast
complains "--method: 'fast' is not one of none, decimate, keep-last"
sed 's/"method"/"context"/' settings.json > turned/decimamba.json
run 1 info turned
complains 'decimamba.json: "layers": 1 comes after 2'
run 0 info turned --layers 1,2
cp out renamed
cp settings.json turned/decimamba.json
run 0 info turned --layers 1,2
same out renamed
printf '{"version": 1, "method": "none", "context": "none"}' > turned/decimamba.json
run 1 info turned
complains 'decimamba.json: "context" and "method" are the same: give one'
run 2 info model --dtype f16
complains "--dtype: 'f16' is not one of auto, f32, bf16"
run 2 generate model text --stop ''
complains '--stop: the text is empty'
run 2 generate model text --stop "$(printf '\377')"
complains '--stop: the text is not UTF-8'
run 2 generate model text --ids ids.txt
complains 'given twice'
run 2 generate model --load-session s --layers 1
complains 'keeps its own method settings'
run 2 perplexity model
complains 'give --file or --ids'
run 2 perplexity model --file a --ids b
complains 'give only one of --file or --ids'
run 2 perplexity model --file a --stream --window 9
complains 'give one'
run 2 perplexity model --file a --stride 9
complains 'no meaning without --window'
run 2 calibrate model
complains '--text is missing'
run 2 logits model --ids a
complains '--output is missing'
run 2 logits model --output a
complains '--ids is missing'
run 2 evaluate passkey
complains 'an argument is missing; the usage is: decimamba evaluate passkey MODEL'

# a name with a line break stays on one line
run 1 info "no
where"
complains 'no?where'

# flags and arguments in any order; -- ends the flags
run 0 tokenize --count "$here/ascii" -- --help
printed_exactly 6
run 0 tokenize "$here/ascii" abc --count
printed_exactly 3
run 0 info "$golden" --json --threads=1
prints '"n_thread":1'
# letters: a value follows as the next word or in the same one
run 0 info "$golden" --json -t 1
prints '"n_thread":1'
run 0 info -t1 "$golden" --json
prints '"n_thread":1'
printf abc > abc.txt
run 0 tokenize "$here/ascii" --count -f abc.txt
printed_exactly 3
run 2 generate model text -n
complains '--max-tokens: its N is missing'
run 2 generate model text -nx
complains "--max-tokens: 'x' is not a whole number"

# whoever reads the output may leave before its end: not a word, and the status of SIGPIPE
ln -s "$golden" tiny
cp "$here/ascii/tokenizer.json" ascii.json
for command in --help 'train --help' 'info tiny' 'bench tiny --read 8 --repeats 1' \
    'tokenize ascii.json --pieces --file ascii.json' 'generate tiny --ids ids --print-ids' \
    'perplexity tiny --ids ids --target 1'; do
    rm -f closed
    echo 1 2 3 > ids
    { until [ -e closed ]; do sleep 0.01; done
      env --default-signal=PIPE "$program" $command 2> err
      echo $? > status; } | { exec <&-; : > closed; }
    last="$command | head"
    [ "$(cat status)" -eq 141 ] || failed "exit status $(cat status) instead of 141"
    [ ! -s err ] || failed "standard error: $(cat err)"
done

# standard output that takes nothing
"$program" --help > /dev/full 2> err
check_streams $? 1
complains 'standard output: cannot write: No space left'
finish
