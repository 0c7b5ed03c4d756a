#!/bin/sh
# Files and functions that the documents name, between backquotes, are there:
#   - `name.c`, `folder/name.h`, `test_x.sh`: a file whose path ends so;
#   - `src/...`, `tests/...` and what else begins with a folder of sources: a path;
#   - `dm_name`, `struct name`, `name()`: a word of the sources.
#     test_document_names.sh SOURCE_ROOT
set -u
cd "$1" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
folders='src include programs evaluation analysis tests fuzz benchmarks examples scripts docs'
# shellcheck disable=SC2086
find $folders -type f ! -path '*/build/*' > "$work/files"
grep '\.[ch]$' "$work/files" | xargs cat | tr -cs 'A-Za-z0-9_' '\n' | sort -u > "$work/words"

# Of documents: NAME FILE lines of what they name and is not there.
missing() {
    awk -v folders="$folders" -v work="$work" '
    BEGIN {
        n = split(folders, list, " ")
        for (i = 1; i <= n; i++)
            top[list[i]] = 1
        while ((getline line < (work "/files")) > 0)
            for (path = line; ; sub(/^[^\/]*\//, "", path)) {
                ending[path] = 1
                whole[line] = 1
                if (path !~ /\//)
                    break
            }
        for (line in whole)
            for (path = line; sub(/\/[^\/]*$/, "", path); )
                whole[path] = 1
        while ((getline line < (work "/words")) > 0)
            word[line] = 1
    }
    function there(name,   first) {
        sub(/\/$/, "", name)
        if (name ~ /[^A-Za-z0-9_.\/-]/)
            return 1 # a pattern, or a command
        if (name ~ /[A-Z]/ && name !~ /README/)
            return 1 # `src/ops/OP/`, `fuzz_X.c`: whatever its name will be
        first = name
        sub(/\/.*/, "", first)
        if (first in top && name ~ /\//)
            return name in whole
        if (name ~ /\.(c|h|sh)$/)
            return name in ending
        return 1
    }
    FNR == 1 { fenced = 0 }
    /^```/ { fenced = !fenced }
    fenced { next }
    {
        n = split($0, part, "`")
        for (i = 2; i <= n; i += 2) {
            name = part[i]
            sub(/^struct /, "", name)
            if (name ~ /^dm_[a-z0-9_]*[a-z0-9]$/ || part[i] ~ /^struct [a-z_]*$/ ||
                sub(/\(.*\)$/, "", name) && name ~ /^[a-z_]*$/) {
                if (!(name in word))
                    print name, FILENAME
            } else if (!there(name))
                print name, FILENAME
        }
    }' "$@"
}

# shellcheck disable=SC2016
printf '%s\n' '`src/base/memory.c`, `memory.h`, `base/memory.c`, `src/base/`, `dm_free`, `struct dm_error`' \
    '`no_such.c`, `src/no_such/`, `tests/no_such.c`, `dm_no_such`, `struct no_such`, `no_such(1, 2)`' \
    '`config.json`, `src/*.c`, `dm_*`, `src/ops/OP/`' > "$work/sample.md"
found=$(missing "$work/sample.md" | cut -d ' ' -f 1 | tr '\n' ' ')
[ "$found" = 'no_such.c src/no_such/ tests/no_such.c dm_no_such no_such no_such ' ] || {
    echo "FAILED: of the sample: $found"
    exit 1
}
# shellcheck disable=SC2046,SC2086
missing ./*.md $(find $folders data models -name '*.md' ! -path '*/build/*') > "$work/missing"
sed 's/\(.*\) \(.*\)/FAILED: \2: there is no `\1`/' "$work/missing"
[ ! -s "$work/missing" ]
