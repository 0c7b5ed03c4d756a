#!/bin/sh
# clang-format, clang-tidy, and a build with clang that takes every warning for an error.
set -eu
build=${1:-build}

git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror
# the variants of the vector sources are compiled more than once; one look at each is enough
git ls-files 'src/*.c' 'programs/*.c' 'evaluation/*.c' | grep -v 'simd' |
    xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p "$build"
CC=clang meson setup --wipe "$build-clang" >/dev/null 2>&1 || CC=clang meson setup "$build-clang" >/dev/null
ninja -C "$build-clang"
