#!/bin/sh
# Fuzzes the readers of files and text with libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer, each target for SECONDS from its committed corpus. New finds go to
# BUILD/corpus. Stops at the first crash.
#     scripts/fuzz.sh [SECONDS [TARGET...]]      BUILD: the build folder, default build-fuzz
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build-fuzz}
seconds=60
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

missing=
for package in clang libclang-rt-14-dev; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "fuzz: install$missing" >&2
    exit 1
fi

sanitizers=address,undefined
[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" -Db_lundef=false \
    -Dc_args="-fsanitize=fuzzer-no-link -fsanitize=$sanitizers -fno-sanitize-recover=undefined" \
    -Dc_link_args="-fsanitize=$sanitizers" >/dev/null

for target in "$@"; do
    program=$build/fuzz/fuzz_$target
    finds=$build/corpus/$target
    mkdir -p "$finds" "$build/crashes"
    ninja -C "$build" "fuzz/fuzz_$target" >/dev/null
    log=$build/fuzz_$target.log
    if ! DM_SOURCE_ROOT=$PWD "$program" -max_total_time="$seconds" -print_final_stats=1 \
        -timeout=10 -rss_limit_mb=4096 -artifact_prefix="$build/crashes/$target-" \
        "$finds" "fuzz/corpus/$target" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        input=$(sed -n 's/.*Test unit written to //p' "$log")
        echo "fuzz: $target failed on ${input:-an input that was not written}; log: $log" >&2
        exit 1
    fi
    executions=$(awk '/number_of_executed_units/ { print $2 }' "$log")
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    echo "$target: $executions executions in $seconds s, $covered edges covered"
done
