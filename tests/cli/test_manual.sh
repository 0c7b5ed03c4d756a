#!/bin/sh
# The manual is what the program's tables say today, and completion knows what may stand where.
. "$(dirname "$0")/common.sh"

"$root/scripts/make_manual.sh" "$program" made
diff -r made "$root/docs/man" > difference ||
    failed "docs/man is not of today: run scripts/make_manual.sh: $(head -n 20 difference)"
[ "$(ls made | wc -l)" -gt 20 ] || failed 'few pages'
if command -v mandoc > lint; then
    mandoc -Tlint -Wstyle made/*.1 > lint || failed "mandoc: $(head -n 5 lint)"
fi
if command -v man > lint; then
    for page in made/*.1; do
        MANROFFSEQ='' MANWIDTH=80 man --warnings -l "$page" 2> lint > out
        [ ! -s lint ] || failed "man --warnings $page: $(head -n 5 lint)"
    done
fi

# EXPECTED WORDS...: the candidates for the last of the words
completes() {
    candidates=$1
    shift
    run 0 --help=words "$@"
    [ "$(cut -f 1 out | tr '\n' ' ')" = "$candidates" ] || failed "completed: $(cat out)"
}
completes 'generate ' ge
completes '--version ' --v
completes 'passkey ' evaluate pass
completes 'multidoc-qa ' analyze layers multi
completes 'auto f32 bf16 int8 q4 bf16x3 ' generate model --dtype ''
completes 'bf16 bf16x3 ' generate model --dtype b
completes '--dtype=bf16 --dtype=bf16x3 ' generate model --dtype=b
completes 'auto f32 bf16 int8 q4 bf16x3 ' generate model --dtype =
completes 'bf16 bf16x3 ' generate model --dtype = b
completes 'norm mean global random token-norm ' generate model --score ''
completes 'keep-last ' info --method ke
completes 'reference avx2 avx512 amx neon ' generate model --cpu ''
completes 'constant cosine ' train --schedule c
completes 'passage official ' evaluate passkey model --prompt ''
completes '' generate model --max-tokens ''
completes ':files ' generate ''
completes ':files ' generate model --file ''
completes ':files ' generate model --file=RE
completes ':files ' generate model --json ''
completes ':files ' generate model -- --js
completes '--print-ids ' generate model --pri
completes '' init --x
for command in generate train 'evaluate longbench' 'analyze delta'; do
    run 0 $command --help
    sed -n 's/^  \(-[a-z], \)*\(--[a-z0-9-]*\).*/\2/p' out > flags
    echo --help >> flags
    run 0 --help=words $command --
    cut -f 1 out | diff flags - || failed 'other flags than --help has'
done

# As the shells ask.
if command -v bash > where; then
    PATH=${program%/*}:$PATH bash -c '
        . "$1/share/completions/decimamba.bash"
        complete_at() { COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _decimamba; echo "${COMPREPLY[@]}"; }
        complete_at decimamba pe
        complete_at decimamba generate model --dtype = b
        complete_at decimamba evaluate ret' bash "$root" > out 2> err
    printf 'perplexity\nbf16 bf16x3\nretrieval\n' | diff - out || failed "bash: $(cat err)"
fi
if command -v fish > where; then
    HOME=$work PATH=${program%/*}:$PATH ROOT=$root fish --no-config -c '
        source $ROOT/share/completions/decimamba.fish
        complete -C "decimamba pe"
        complete -C "decimamba generate model --dtype=b"
        complete -C "decimamba generate model --file ma"' 2> err | cut -f 1 > out
    printf 'perplexity\n--dtype=bf16\n--dtype=bf16x3\nmade/\n' | diff - out || failed "fish: $(cat err)"
fi
finish
