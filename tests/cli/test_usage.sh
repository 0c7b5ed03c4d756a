#!/bin/sh
# Help, the version, the man page, and what is wrong on the command line.
. "$(dirname "$0")/common.sh"

run 0 --version
printed_exactly 'decimamba 0.1.0'
run 0 --help
prints 'Example:'
manual=$(sed 's/\\-/-/g' "$root/docs/man/decimamba.1")
for command in generate tokenize perplexity info bench logits 'evaluate passkey' 'evaluate retrieval' \
    'evaluate multidoc-qa' 'evaluate perplexity' 'evaluate longbench' \
    'analyze attention' 'analyze distance' 'analyze receptive-field' 'analyze delta' \
    'analyze layers passkey' calibrate convert init train; do
    run 0 --help
    prints "  ${command%% *} "
    run 0 $command --help
    prints "decimamba $command "
    prints 'Example:'
    [ "$(awk 'length > 80' out | grep -cv '^Context')" -eq 0 ] || failed 'help is over 80 columns wide'
    for flag in $(sed -n 's/^  \(--[a-z-]*\).*/\1/p' out); do
        case $manual in
        *"$flag"*) ;;
        *) failed "the man page of $command lacks $flag" ;;
        esac
    done
done
run 0 generate --help
prints '(default 128)'

run 1
complains "no command is given"
run 1 genrate
complains "unknown command 'genrate' (did you mean generate?)"
run 1 quux
complains "unknown command 'quux'; see"
run 1 generate model text --temprature 1
complains '--temprature (did you mean --temperature?)'
run 1 info model --quux
complains 'unknown flag --quux; see'
run 1 generate model -x
complains 'unknown flag -x'
run 1 generate
complains 'an argument is missing'
run 1 tokenize a b c
complains "'c' is one argument too many"
run 1 generate model text --seed
complains '--seed: its S is missing'
run 1 generate model text --json=1
complains '--json takes no value'
for value in '' x 1x -1 1.5 ' 1' 99999999999999999999 1000000001; do
    run 1 generate model text "--max-tokens=$value"
    complains "--max-tokens: '$value' is not a whole number in the range 0 to 1000000000"
done
for value in '' x 0x1 nan inf 1e999 ' 1' 1.1 0; do
    run 1 generate model text --top-p "$value"
    complains "--top-p: '$value' is not a number in the range 1e-09 to 1"
done
for value in '' , 1, ,1 1,,2 1,x; do
    run 1 generate model text --layers "$value"
    complains "--layers: '$value' is not a list"
done
run 1 generate model text --context fast
complains "--context: 'fast' is not one of none, decimate, keep-last"
run 1 info model --dtype f16
complains "--dtype: 'f16' is not one of auto, f32, bf16"
run 1 generate model text --stop ''
complains '--stop: the text is empty'
run 1 generate model text --stop "$(printf '\377')"
complains '--stop: the text is not UTF-8'
run 1 generate model text --ids ids.txt
complains 'given twice'
run 1 generate model --load-session s --layers 1
complains 'keeps its own context settings'
run 1 perplexity model
complains 'give --file or --ids'
run 1 perplexity model --file a --ids b
complains 'give only one of --file or --ids'
run 1 perplexity model --file a --stream --window 9
complains 'give one'
run 1 perplexity model --file a --stride 9
complains 'no meaning without --window'
run 1 calibrate model
complains '--text is missing'
run 1 logits model --ids a
complains '--output is missing'
run 1 logits model --output a
complains '--ids is missing'
run 1 evaluate passkey
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

# standard output that takes nothing
"$program" --help > /dev/full 2> err
check_streams $? 1
complains 'standard output: cannot write: No space left'
finish
