#!/bin/sh
# The long checks: scripts/lint.sh, every test under AddressSanitizer and UndefinedBehaviorSanitizer,
# those with threads under ThreadSanitizer, quick ones under valgrind and on a processor without AVX
# (qemu's), every allocation failing in turn, memory that ends anywhere, every fault and kill, a short
# look by each fuzzer, and the other systems (scripts/check_systems.sh). A step whose tools are not there
# is skipped with a line that says so.
#     scripts/check_all.sh [BUILD]         also BUILD-asan, -tsan, -clang, -fuzz and -systems
set -eu
build=${1:-build}

has() { # for what, tools: true where all of them are there
    for_what=$1
    shift
    for tool; do
        command -v "$tool" >/dev/null || {
            echo "check_all: skipped: $for_what: no $tool"
            return 1
        }
    done
}
sanitized() { # folder, sanitizers, tests (none: all)
    folder=$1 sanitizers=$2
    shift 2
    [ -f "$folder/build.ninja" ] ||
        meson setup "$folder" -Db_sanitize="$sanitizers" -Db_lundef=false >/dev/null
    ninja -C "$folder" >/dev/null
    meson test -C "$folder" --print-errorlogs --timeout-multiplier 10 "$@"
}

if has 'scripts/lint.sh' clang clang-format clang-tidy cppcheck python3; then
    scripts/lint.sh "$build"
fi
sanitized "$build-asan" address,undefined
sanitized "$build-tsan" thread threads gemm properties choice memory_failures tokenizer \
    training loading_at_once bits
if has 'scripts/valgrind.sh' valgrind; then
    scripts/valgrind.sh "$build"
fi
if has 'a processor without AVX' qemu-x86_64; then
    meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 10 \
        --wrapper 'qemu-x86_64 -cpu Nehalem' golden training checkpoint choice session_file scores \
        check compatibility gemm selective_scan causal_conv1d rms_norm softplus \
        embedding cross_entropy select_tokens adamw
fi
DM_THOROUGH=1 meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 10 \
    memory_failures
STEPS=300 tests/cli/test_memory.sh "$build/programs/decimamba" .
scripts/kill_test.sh "$build"
if has 'the fuzzers' clang; then
    BUILD=$build-fuzz RECORD=$build/fuzz.tsv scripts/fuzz.sh 20
fi
scripts/check_systems.sh "$build-systems"
