#!/bin/sh
# What programs that were built against decimamba.h rely on: the functions that the shared library
# exports, with their declarations; sizes and members of public structs; constants. All of it is
# listed in abi.txt beside this script, and a difference fails. Where it is meant:
#     tests/abi/check_abi.sh build/src/libdecimamba.so --update
# and if something went, moved or changed its size, `soversion` in src/meson.build goes up by one.
# A struct with a struct_size may only grow at its end, and has no padding there (src/api/options.h).
# Usage: check_abi.sh LIBRARY [--update]; CC is the compiler, with its flags. Sizes are those of 64-bit systems.
set -u
library=$1
here=$(dirname "$0")
root=$here/../..
list=$here/abi.txt
cc=${CC:-cc}
for tool in ${cc%% *} readelf nm awk; do
    command -v "$tool" > /dev/null || { echo "skipped: no $tool"; exit 77; }
done
[ "$(echo '__SIZEOF_POINTER__ __SIZEOF_LONG__' | $cc -E -P -x c -)" = '8 8' ] ||
    { echo 'skipped: not a 64-bit system'; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo '#include "decimamba.h"' > "$work/header.c"

# The declarations of exported functions, one a line.
functions() {
    $cc -std=c99 -E -P -I "$root/include" "$work/header.c" | tr '\n' ' ' | tr ';' '\n' |
        sed -n 's/  */ /g; s/.*__attribute__((visibility("default"))) \(.*\)/function \1/p'
}

# Structs, members and constants, as the compiler tells debuggers.
layout() {
    $cc -std=c99 -g -gdwarf-4 -fno-eliminate-unused-debug-types -I "$root/include" -c \
        -o "$work/header.o" "$work/header.c" || return
    readelf -W --debug-dump=info "$work/header.o" 2> "$work/readelf" | awk '
    function reference(line) { # what a type attribute points to
        match(line, /<0x[0-9a-f]+>/)
        return "<" substr(line, RSTART + 3, RLENGTH - 3)
    }
    /Abbrev Number/ {
        at = $1
        sub(/^<[0-9a-f]+></, "<", at)
        sub(/:$/, "", at)
        tag = $NF
    }
    /DW_AT_name/ { name[at] = $NF }
    /DW_AT_byte_size/ { size[at] = $NF }
    /DW_AT_type / { type[at] = reference($0) }
    /Abbrev Number/ && tag == "(DW_TAG_pointer_type)" { size[at] = 8 } # not everyone says so
    /Abbrev Number/ && tag == "(DW_TAG_structure_type)" { owner = at }
    /Abbrev Number/ && tag == "(DW_TAG_member)" { n++; member[n] = at; of[n] = owner }
    /DW_AT_data_member_location/ { offset[at] = $NF }
    /DW_AT_const_value/ { value[at] = $NF }
    END {
        for (at in value)
            if (name[at] ~ /^DM_/)
                print "constant", name[at], value[at]
        for (i = 1; i <= n; i++) {
            at = member[i]
            who = name[of[i]]
            if (who !~ /^dm_/)
                continue
            if (name[at] == "struct_size")
                grows[who] = size[of[i]]
            print "struct", who, "size", size[of[i]]
            printf "struct %s member %04d %s\n", who, offset[at], name[at]
            for (t = type[at]; t in type && !(t in size);)
                t = type[t]
            if (offset[at] + size[t] > last[who])
                last[who] = offset[at] + size[t]
        }
        for (who in grows)
            if (last[who] != grows[who])
                print "FAULT:", who, "has padding at its end:", last[who], "of", grows[who]
    }'
}

{ functions; layout; } | LC_ALL=C sort -u > "$work/abi.txt"
if [ "${2:-}" = --update ]; then
    cp "$work/abi.txt" "$list"
    exit
fi
n_failed=0
failed() {
    n_failed=$((n_failed + 1))
    echo "FAILED: $1"
}
grep '^FAULT' "$work/abi.txt" && failed 'a struct that may grow'
diff "$list" "$work/abi.txt" > "$work/diff" ||
    failed "decimamba.h is no longer what abi.txt says; see the top of $0:
$(cat "$work/diff")"
sed -n 's/^function \([^(]*[ *]\)*\([a-z_0-9]*\)(.*/\2/p' "$list" > "$work/listed"
nm -D --defined-only "$library" | awk '$2 ~ /[A-Z]/ && $3 !~ /^_(init|fini)$/ { print $3 }' | LC_ALL=C sort > "$work/exported"
LC_ALL=C sort "$work/listed" | diff - "$work/exported" > "$work/diff" ||
    failed "the library exports (>) other functions than abi.txt lists (<):
$(cat "$work/diff")"
[ "$(wc -l < "$work/exported")" -gt 50 ] || failed 'few functions are exported'
exit "$n_failed"
