#!/bin/sh
# decimamba.h compiles alone, with every warning on, as C99, C11 and C++17, by gcc and by clang: where
# one of them is not there, the test says so. With it, every _INIT starts its struct.
# Usage: check_header.sh
set -u
include=$(dirname "$0")/../../include
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n_failed=0
n_compiled=0
names=$(sed -n 's/^#define \(DM_[A-Z_]*\)_INIT.*/\1/p' "$include/decimamba.h")
{
    echo '#include "decimamba.h"'
    for name in $names; do
        type=$(echo "$name" | tr '[:upper:]' '[:lower:]')
        echo "$type start_$type(void);"
        echo "$type start_$type(void) { $type made = ${name}_INIT; return made; }"
    done
} > "$work/use.c"
cp "$work/use.c" "$work/use.cc"
[ "$(echo "$names" | wc -w)" -ge 9 ] || { echo 'FAILED: few _INIT'; n_failed=1; }

compile() { # source, compiler, flags...
    source=$1
    shift
    command -v "$1" > /dev/null || { echo "not there: $1"; return; }
    n_compiled=$((n_compiled + 1))
    if "$@" -Werror -I "$include" -c -o "$work/use.o" "$work/$source" 2> "$work/err"; then
        return
    fi
    n_failed=$((n_failed + 1))
    echo "FAILED: $*"
    cat "$work/err"
}

all='-Wall -Wextra -pedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wredundant-decls'
for standard in c99 c11; do
    compile use.c gcc -std=$standard $all -Wstrict-prototypes -Wmissing-prototypes
    # but for those about padding, and that C99 is not C89
    compile use.c clang -std=$standard -Weverything -Wno-padded -Wno-unknown-warning-option \
        -Wno-declaration-after-statement
done
compile use.cc g++ -std=c++17 $all -Wold-style-cast -Wzero-as-null-pointer-constant
compile use.cc clang++ -std=c++17 -Weverything -Wno-padded -Wno-c++98-compat \
    -Wno-c++98-compat-pedantic -Wno-unknown-warning-option
[ "$n_compiled" -gt 0 ] || { echo 'skipped: none of gcc, clang, g++, clang++ is there'; exit 77; }
exit "$n_failed"
