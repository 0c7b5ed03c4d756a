#!/bin/sh
# Fuzzes the readers of files and text with libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer, each target for SECONDS from its committed corpus, and adds a line for
# each to the record. New finds go to BUILD/corpus. A target that fails has its input in
# BUILD/crashes; the others go on. Ended early (INT, TERM), it still writes the line of the target at
# work. Several may run at once, of one target too. Without SECONDS, or with 0, it only prints the
# record's totals.
#     scripts/fuzz.sh [SECONDS [TARGET...]]
#     BUILD    the build folder, default build-fuzz
#     RECORD   the record, default fuzz/record.tsv
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build-fuzz}
record=${RECORD:-fuzz/record.tsv}
seconds=0
if [ $# -gt 0 ]; then
    seconds=$1
    shift
fi
if [ $# -eq 0 ]; then
    for file in fuzz/fuzz_*.c; do
        target=${file#fuzz/fuzz_}
        set -- "$@" "${target%.c}"
    done
fi

totals() { # of the record, by target
    awk -F '\t' 'NR > 1 { runs[$1]++; cpu[$1] += $4; executions[$1] += $5; edges[$1] = $6
            inputs[$1] = $7; failures[$1] += $8 }
        END { for (t in runs) printf "%s\t%d\t%.2f\t%.0f\t%d\t%d\t%d\n", t, runs[t], cpu[t] / 3600,
            executions[t], edges[t], inputs[t], failures[t] }' "$record" | LC_ALL=C sort |
        awk -F '\t' 'BEGIN { format = "%-16s %6s %10s %13s %7s %7s %9s\n"
                printf format, "target", "runs", "CPU hours", "executions", "edges", "inputs", "failures" }
            { printf format, $1, $2, $3, $4, $5, $6, $7; n += $2; hours += $3; all += $4; bad += $7 }
            END { printf format, "in all", n, sprintf("%.2f", hours), sprintf("%.0f", all), "", "", bad + 0 }'
}

[ -f "$record" ] ||
    printf 'target\tdate\tcommit\tcpu_seconds\texecutions\tedges\tinputs\tfailures\n' >"$record"
if [ "$seconds" -eq 0 ]; then
    totals
    exit
fi

sanitizers=address,undefined
mkdir -p "$build"
if ! echo 'int LLVMFuzzerTestOneInput(const char *data, unsigned long n) { return data && n > 99; }' |
    clang -fsanitize=fuzzer,$sanitizers -x c - -o "$build/probe" 2>/dev/null; then
    echo "fuzz: install clang and its sanitizers (Debian: clang libclang-rt-14-dev)" >&2
    exit 1
fi
[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" -Dtests=false \
    -Dbenchmarks=false -Db_lundef=false \
    -Dc_args="-fsanitize=fuzzer-no-link -fsanitize=$sanitizers -fno-sanitize-recover=undefined" \
    -Dc_link_args="-fsanitize=$sanitizers" >/dev/null

# targets write small files: not to a disk, where there is one in memory
[ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && export TMPDIR=/dev/shm
times=$build/times-$$
child=
ended=
failed=
# the last one that changed what is fuzzed; "+": and more that is in no commit
commit=$(git log -1 --format=%h -- src include evaluation programs)
git diff --quiet HEAD -- src include evaluation programs fuzz/*.c || commit=$commit+
trap 'rm -f "$times"' EXIT
trap 'ended=1; [ -z "$child" ] || kill -INT "$child" 2>/dev/null || true' INT TERM

children_seconds() { # of what `times` wrote; a pipe or $() would have no children to tell of
    awk 'NR == 2 { split($1 $2, t, "[ms]+"); printf "%.0f", 60 * (t[1] + t[3]) + t[2] + t[4] }' \
        "$times"
}

fuzz() { # target: leaves its log and the program's exit status
    dictionary=fuzz/dictionaries/$1
    [ -f "$dictionary" ] || dictionary=
    DM_SOURCE_ROOT=$PWD "$build/fuzz/fuzz_$1" -max_total_time="$seconds" -print_final_stats=1 \
        -timeout=20 -rss_limit_mb=4096 -artifact_prefix="$build/crashes/$1-" \
        ${dictionary:+-dict="$dictionary"} "$build/corpus/$1" "fuzz/corpus/$1" >"$log" 2>&1 &
    child=$!
    status=0
    wait "$child" || status=$?
    [ -z "$ended" ] || wait "$child" || status=$?
    child=
}

# A process that was stopped, or had no processor for long, may say that an input took too long.
is_real_failure() { # target, input
    case $2 in
    */"$1"-timeout-*)
        ! DM_SOURCE_ROOT=$PWD "$build/fuzz/fuzz_$1" -timeout=20 "$2" >/dev/null 2>&1
        ;;
    esac
}

for target in "$@"; do
    [ -z "$ended" ] || break
    log=$build/fuzz_$target-$$.log
    mkdir -p "$build/corpus/$target" "$build/crashes"
    ninja -C "$build" "fuzz/fuzz_$target" >/dev/null
    times >"$times"
    before=$(children_seconds)
    fuzz "$target"
    times >"$times"
    cpu=$(($(children_seconds) - before))
    executions=$(awk '/number_of_executed_units/ { print $2 }' "$log")
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    inputs=$(sed -n 's/.* corp: \([0-9]*\)\/.*/\1/p' "$log" | tail -n 1)
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    failures=0
    if [ "$status" -ne 0 ] && [ -z "$ended" ] && is_real_failure "$target" "$input"; then
        failures=1
        failed="$failed $target"
        tail -n 40 "$log" >&2
        cp "$log" "$build/crashes/$target.log"
        echo "fuzz: $target failed on ${input:-an input that was not written}" >&2
    fi
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$target" "$(date -u +%Y-%m-%d)" \
        "$commit" "$cpu" "${executions:-0}" "${covered:-0}" \
        "${inputs:-0}" "$failures" >>"$record"
    echo "$target: ${executions:-0} executions in $cpu s of CPU, ${covered:-0} edges covered"
    rm "$log"
done
totals
[ -z "$failed" ] || {
    echo "fuzz: failed:$failed" >&2
    exit 1
}
