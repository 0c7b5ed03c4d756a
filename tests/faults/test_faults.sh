#!/bin/sh
# Whatever goes wrong, at whatever moment, in what changes files: what was to be written is the old,
# the new or not there, never half; the same command run again succeeds; nothing piles up. Of a journal
# of outcomes the beginning is there; pictures, which gnuplot writes, are not looked at.
#     test_faults.sh FAULTY_PROGRAM SOURCE_ROOT
# Each command is run once to count the calls by which it changes files, then again and again with a
# fault at one of them: at MOMENTS of them (2 unless the environment says otherwise), evenly spread, and
# others for each kind of fault. It is also killed KILLS times (none unless the environment says
# otherwise) at moments that a clock gives. scripts/kill_test.sh takes every call.
. "$(dirname "$0")/../cli/common.sh"
moments=${MOMENTS:-2}
n_kill=${KILLS:-0}
n_fault=0
begin= # `exec` in a process of its own
export DM_FAULT DM_FAULT_COUNT
DM_FAULT=
DM_FAULT_COUNT=$work/count

# ---- scenarios: prepare_X, run_X, check_X (is it the old, the new or absent?) ----

cp -r "$golden" golden
cp golden/pytorch_model.bin . # of two containers, convert reads one
make_model
head -c 3000 "$root/include/decimamba.h" > text
printf '1 2 3 4 5 6 7 8 9' > ids
printf '9 8 7' > other_ids
cat > config.json <<'CONFIG'
{"d_model": 8, "n_layer": 2, "vocab_size": 128, "ssm_cfg": {}, "rms_norm": true,
 "residual_in_fp32": true, "fused_add_norm": true, "pad_vocab_size_multiple": 8}
CONFIG
cp "$here/ascii/tokenizer.json" .
cat > train.json <<'TRAIN'
{"config": "config.json", "text": "text", "held_out_text": ["text"], "output": "out",
 "length": 32, "batch_tokens": 64, "steps": 6, "learning_rate": 0.004, "evaluate_every": 3,
 "save_every": 2, "held_out": 2}
TRAIN

prepare_convert() { rm -rf out; }
run_convert() { $begin "$program" convert model out --dtype bf16; }
prepare_init() { rm -rf out; }
run_init() { $begin "$program" init "$here/ascii/config.json" out --seed 3; }
prepare_calibrate() {
    rm -rf out
    cp -r model out
    printf '{"version": 1}' > out/decimamba.json
}
run_calibrate() { $begin "$program" calibrate out --text text --length 64 --passages 1 --layers 1 --score norm; }
prepare_propose() { prepare_calibrate; }
run_propose() { $begin "$program" calibrate out --text text --length 64 --passages 1; }
prepare_session() {
    rm -rf out
    mkdir out
    cp earlier out/session
}
run_session() { $begin "$program" generate golden --ids ids --print-ids --max-tokens 3 --save-session out/session; }
prepare_unmapped() { prepare_session; }
run_unmapped() { $begin "$program" generate golden --no-map --ids ids --print-ids --max-tokens 3 --save-session out/session; }
prepare_logits() {
    rm -rf out
    mkdir out
    echo old > out/logits
}
run_logits() { $begin "$program" logits golden --ids ids --output out/logits; }
prepare_evaluate() { rm -rf out; }
run_evaluate() {
    $begin "$program" evaluate passkey model --text text --lengths 150 --depths 2 --keys 2 --batch 3 \
        --methods 'none;keep-last:base-length=64' --output out
}
prepare_resume() { # in the middle of an outcome
    rm -rf out
    mkdir out
    head -c -300 outcomes > out/outcomes.jsonl
}
run_resume() { run_evaluate; }
prepare_train() { rm -rf out; }
run_train() { $begin "$program" train train.json; }

evaluates() { [ "$1" = evaluate ] || [ "$1" = resume ]; }
# The parts of a training that do not tell of the clock, or of what came after the model; and those of
# an evaluation that gnuplot does not write.
result() { # scenario, folder
    rm -rf shown
    [ ! -e "$2" ] || cp -RP "$2" shown
    find shown -name '*.tmp' -exec rm -rf {} + 2> find_err # what is left is looked at elsewhere
    ! evaluates "$1" || rm -f shown/*.png shown/*.svg
    [ "$1" != train ] || [ ! -d shown ] || {
        rm -rf shown/events shown/loss.* shown/step-* shown/last shown/best
        [ ! -f shown/metrics.jsonl ] || sed -i 's/,"tokens_per_second.*//' shown/metrics.jsonl
    }
}
is_same() { # folder of what is expected
    if [ -e "$1" ]; then diff -r "$1" shown > /dev/null 2>&1; else [ ! -e shown ]; fi
}
# Ctrl-C ends a text early; the session of what was read is saved, and can be gone on from.
is_shorter() { # scenario, exit status
    { [ "$1" = session ] || [ "$1" = unmapped ]; } && [ "$2" -eq 130 ] &&
        "$program" generate golden --load-session out/session --print-ids --max-tokens 1 --ids ids \
            > shorter.txt 2>&1
}
# An evaluation that was stopped has the first outcomes, the last perhaps torn or with zeros behind it,
# from which it goes on; before the first table it has all.
is_begun() { # scenario
    [ -d shown ] || return 1
    cat shown/outcomes.jsonl 2> cat_err | tr -d '\0' > begun
    head -c "$(wc -c < begun)" "new_$1/outcomes.jsonl" | cmp -s begun - || return 1
    [ ! -e shown/table.md ] || cmp -s begun "new_$1/outcomes.jsonl" || return 1
    for file in shown/*; do
        [ "$file" = shown/outcomes.jsonl ] || [ ! -e "$file" ] ||
            cmp -s "$file" "new_$1/${file#shown/}" || return 1
    done
}
# A training that was stopped has a folder; what matters is that it can go on.
is_sound() { # scenario, exit status
    result "$1" out
    is_same "old_$1" || is_same "new_$1" || is_shorter "$1" "$2" || { [ "$1" = train ] && [ ! -e out/model ]; } ||
        { evaluates "$1" && is_begun "$1"; }
}
left() { # what is temporary, and nobody's
    find . -name '*.tmp' | tr '\n' ' '
}

# Starts a command, and kills it after some milliseconds: $status.
kill_after() { # scenario, milliseconds
    (begin=exec && "run_$1" > out.txt 2> err) &
    pid=$!
    sleep "$(awk "BEGIN { print $2 / 1000 }")"
    kill -9 $pid 2> kill_err
    wait $pid 2> kill_err
    status=$?
    [ $status -ne 137 ] || n_killed=$((n_killed + 1))
}

# A fault, and what is there after it.
strike() { # scenario, kind, moment
    n_fault=$((n_fault + 1))
    last="($1, $2 at call $3)"
    "prepare_$1"
    case $2 in
    CLOCK) kill_after "$1" "$3" ;;
    *)
        DM_FAULT="$2 $3"
        "run_$1" > out.txt 2> err
        status=$?
        DM_FAULT=
        ;;
    esac
    is_sound "$1" $status || failed "half of it is there: $(diff -r "new_$1" shown 2>&1 | head -3)"
    case $2 in
    CLOCK) ;;
    KILL) [ $status -eq 137 ] || failed "exit status $status" ;;
    CUT | ZERO)
        if [ "$3" -lt "$n_call" ]; then
            [ $status -eq 137 ] || failed "exit status $status"
        else
            { [ $status -eq 0 ] && is_same "new_$1"; } ||
                failed "exit status $status, and lost: $(diff -r "new_$1" shown 2>&1 | head -3)"
        fi
        ;;
    TERM) [ $status -eq 143 ] || [ $status -eq 130 ] || [ $status -eq 0 ] || failed "exit status $status" ;;
    INT) [ $status -eq 130 ] || [ $status -eq 0 ] || failed "exit status $status" ;;
    *)
        [ $status -le 1 ] || failed "exit status $status"
        [ $status -eq 0 ] || [ "$(grep -c '^decimamba: ' err)" -eq 1 ] && [ "$(wc -l < err)" -le 1 ] ||
            failed "said: $(cat err)"
        [ $status -eq 1 ] || { result "$1" out; is_same "new_$1"; } ||
            failed 'exit status 0, and not what it should write'
        [ -z "$(left)" ] || failed "left: $(left)"
        ;;
    esac
    case $1 in # what must not exist, and does
    convert | init) [ ! -e out ] || return ;;
    esac
    "run_$1" > out.txt 2> err || failed "again: $(cat err)"
    result "$1" out
    is_same "new_$1" || failed "again: $(diff -r "new_$1" shown | head -3)"
    [ -z "$(left)" ] || failed "again: left $(left)"
}

sweep() { # scenario, kinds...
    scenario=$1
    shift
    number=0 # of the kind
    "prepare_$scenario"
    result "$scenario" out
    rm -rf "old_$scenario"
    [ ! -e shown ] || mv shown "old_$scenario"
    for kind in "$@"; do
        "prepare_$scenario"
        DM_FAULT=$([ "$kind" = EIO ] && echo ALL || echo NONE)
        "run_$scenario" > out.txt 2> err || failed "$scenario: $(cat err)"
        DM_FAULT=
        n_call=$(cat count)
        case $kind in CUT | ZERO) n_call=$((n_call + 1)) ;; esac
        result "$scenario" out
        rm -rf "new_$scenario"
        mv shown "new_$scenario"
        most=$((n_call < moments ? n_call : moments))
        moment=0
        while [ $moment -lt $most ] && [ $n_failed -lt 10 ]; do
            case $kind in
            CUT | ZERO) at=$(((moment + 1) * n_call / most)) ;; # the end among them
            *) at=$((1 + (moment * n_call + number * n_call / $#) / most)) ;;
            esac
            strike "$scenario" "$kind" $at
            moment=$((moment + 1))
        done
        number=$((number + 1))
        echo "$scenario: $kind at $moment of $n_call calls"
    done
}

# Kills at moments from the start of a command to a little after its end, the same ones every time.
kill_often() { # scenario
    "prepare_$1"
    started=$(date +%s%N)
    "run_$1" > out.txt 2> err
    took=$((($(date +%s%N) - started) / 1000000))
    n_killed=0
    n_try=0
    while [ $n_killed -lt $n_kill ] && [ $n_try -lt $((3 * n_kill)) ] && [ $n_failed -lt 10 ]; do
        random=$(((random * 1103515245 + 12345) % 2147483648))
        strike "$1" CLOCK $((took * (random / 1024 % 1000) / 1000))
        n_try=$((n_try + 1))
    done
    n_fault=$((n_fault - n_try + n_killed))
    echo "$1: killed $n_killed times in its $took ms"
}
random=12345

mkdir room
TMPDIR=$work/room
export TMPDIR
"$program" generate golden --ids other_ids --print-ids --max-tokens 1 --save-session earlier > out.txt
prepare_evaluate
run_evaluate > out.txt
mv out/outcomes.jsonl outcomes || failed 'no evaluation to resume'
for scenario in ${SCENARIOS:-convert init calibrate propose session unmapped logits evaluate resume train}; do
    sweep $scenario ${KINDS:-KILL TERM INT CUT ZERO FULL EIO}
    [ "$n_kill" -eq 0 ] || kill_often $scenario
done
echo "$n_fault faults"
finish
