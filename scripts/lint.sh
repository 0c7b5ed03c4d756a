#!/bin/sh
# clang-format, clang-tidy, cppcheck, and a build with clang that takes every warning for an error.
set -eu
build=${1:-build}
"$(dirname "$0")/configure.sh" "$build" -Dtests=true -Dfuzzers=true

git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror
# many sources are compiled more than once (on double, into tests); one look at each is enough, and
# clang-tidy's checks of va_list are wrong about a file that it sees twice in one run
mkdir -p "$build/tidy"
python3 - "$build" <<'PYTHON'
import json, sys
entries = json.load(open(sys.argv[1] + "/compile_commands.json"))
first = {entry["file"]: entry for entry in reversed(entries)}
json.dump(list(first.values()), open(sys.argv[1] + "/tidy/compile_commands.json", "w"))
PYTHON
git ls-files 'src/*.c' 'programs/*.c' 'evaluation/*.c' 'analysis/*.c' | grep -v 'simd' |
    xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p "$build/tidy"
# vector sources are compiled per instruction set and left out; where cppcheck is wrong, a
# comment beside the line says why
git ls-files 'src/*.c' 'programs/*.c' 'evaluation/*.c' 'analysis/*.c' | grep -v 'simd\|/test_' |
    xargs cppcheck --quiet --std=c11 --enable=warning,performance --inline-suppr \
        --error-exitcode=1 --suppress=missingIncludeSystem -j "$(nproc)" -I include -I src \
        -I evaluation -I programs -I analysis
if [ -f "$build-clang/build.ninja" ]; then
    CC=clang meson setup --wipe "$build-clang" -Dwerror=true >/dev/null
else
    CC=clang meson setup "$build-clang" -Dwerror=true >/dev/null
fi
ninja -C "$build-clang" all benchmarks
