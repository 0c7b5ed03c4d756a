#!/bin/sh
# Reads every #include and fails on a wrong arrow between the project's folders:
#   - a folder of src/ includes only itself and lower-numbered ones (see docs/architecture.md);
#   - programs/, evaluation/ and analysis/ include only decimamba.h, src/base/ and files of their own;
#     programs/ those of evaluation/ and analysis/ as well;
#   - in programs/, cli/ includes only itself of these, and the others only themselves, cli/ and
#     commands.h; analyze/ includes evaluate/ as well, whose tasks one of its views runs;
#   - only tests include tests/test_support.h and tests/test_warnings.h.
# Usage: check_layering.sh ROOT; without ROOT, a check of this script on a made-up tree.
set -u

check() {
    cd "$1" || exit 2
    find src programs evaluation analysis -name '*.[ch]' | LC_ALL=C sort | xargs awk '
    BEGIN {
        n = split("base 0 text 1 chat 2 ops 1 backends 2 methods 3 layers 2 checkpoint 3 gguf 4 model 4 session 5 training 5 api 6",
                  list, " ")
        for (i = 1; i < n; i += 2)
            level[list[i]] = list[i + 1]
    }
    function wrong(why) {
        printf "%s:%d: %s: %s\n", FILENAME, FNR, $0, why
        failed = 1
    }
    function exists(path,   line, found) {
        found = (getline line < path) >= 0
        close(path)
        return found
    }
    # In programs/; "": what lies beside its folders.
    function may_see(folder, other) {
        if (folder == "cli")
            return other == "cli/"
        return other == "" || other == "cli/" || other == folder "/" ||
               (folder == "analyze" && other == "evaluate/")
    }
    !/^[ \t]*#[ \t]*include/ { next }
    {
        if (split($0, part, "\"") < 3)
            next
        target = part[2]
        split(FILENAME, place, "/")
        folder = place[2]
        slash = index(target, "/")
    }
    target == "decimamba.h" { next }
    target ~ /^test_(support|warnings)\.h$/ && FILENAME ~ /\/test_[^\/]*$/ { next }
    place[1] != "src" {
        beside = FILENAME
        sub(/[^\/]*$/, "", beside)
        page = target
        if (sub(/\.inc$/, ".html", page) && exists(beside page))
            ; # made of it
        else if (target ~ /\.\./)
            wrong("only decimamba.h, base/ and files of its own")
        else if (!slash && exists(beside target))
            ; # its own
        else if (target ~ /^base\// && exists("src/" target))
            ;
        else if (exists(place[1] "/" target)) {
            if (place[1] == "programs" && !may_see(folder, substr(target, 1, slash)))
                wrong("not for programs/" folder)
        } else if (place[1] != "programs" ||
                   !(exists("evaluation/" target) || exists("analysis/" target)))
            wrong("only decimamba.h, base/ and files of its own")
        next
    }
    !(folder in level) { wrong("a folder without a number"); next }
    !slash { # beside it
        beside = FILENAME
        sub(/[^\/]*$/, "", beside)
        if (!exists(beside target))
            wrong("not beside it: name it from src/")
        next
    }
    {
        other = substr(target, 1, slash - 1)
        if (!(other in level) || !exists("src/" target))
            wrong("no such file in a folder with a number")
        else if (other != folder && level[other] >= level[folder])
            wrong(folder " is " level[folder] ", " other " is " level[other])
    }
    END { exit failed }'
}

# A made-up tree with one file; $1: expected status, $2: the file, $3: its line.
expect() {
    tree=$(mktemp -d) || exit 2
    mkdir -p "$tree/programs" "$tree/evaluation" "$tree/analysis"
    for folder in base text checkpoint ops layers backends methods model session api; do
        mkdir -p "$tree/src/$folder"
        : >"$tree/src/$folder/a.h"
    done
    for folder in cli train evaluate analyze; do
        mkdir "$tree/programs/$folder"
        : >"$tree/programs/$folder/o.h"
        : >"$tree/programs/$folder/$folder.h"
    done
    : >"$tree/programs/p.h"
    : >"$tree/evaluation/e.h"
    : >"$tree/analysis/n.h"
    printf '%s\n' "$3" >"$tree/$2"
    (check "$tree") >"$tree/report" 2>&1
    status=$?
    [ "$status" -ne 0 ] && status=1
    if [ "$status" -ne "$1" ]; then
        echo "check_layering.sh: '$3' in $2: status $status, not $1"
        cat "$tree/report"
        n_wrong=$((n_wrong + 1))
    fi
    rm -r "$tree"
}

check_itself() {
    n_wrong=0
    expect 0 src/model/x.c '#include "base/a.h"'
    expect 0 src/model/x.c '#include "methods/a.h"'
    expect 0 src/model/x.c '#include "model/a.h"'
    expect 0 src/model/x.c '#include "a.h"'
    expect 0 src/base/x.h '#include "decimamba.h"'
    expect 0 src/session/x.c '#include "checkpoint/a.h"'
    expect 0 src/checkpoint/x.c '#include "layers/a.h"'
    expect 0 src/layers/x.c '#include "ops/a.h"'
    expect 0 programs/x.c '#include "decimamba.h"'
    expect 0 programs/x.c '#include "e.h"'
    expect 0 programs/x.c '#include <jansson.h>'
    expect 0 evaluation/x.c '#include "e.h"'
    expect 0 programs/x.c '#include "n.h"'
    expect 0 analysis/x.c '#include "n.h"'
    expect 0 programs/x.c '#include "p.h"'
    expect 0 programs/x.c '#include "cli/o.h"'
    expect 0 programs/cli/x.c '#include "o.h"'
    expect 0 programs/cli/x.c '#include "e.h"'
    expect 0 programs/cli/x.c '#include "decimamba.h"'
    expect 0 programs/train/x.c '#include "o.h"'
    expect 0 programs/train/x.c '#include "train/o.h"'
    expect 0 programs/train/x.c '#include "cli/o.h"'
    expect 0 programs/train/x.c '#include "p.h"'
    expect 0 programs/train/x.c '#include "n.h"'
    expect 0 programs/analyze/x.c '#include "evaluate/o.h"'
    expect 0 programs/train/test_x.c '#include "test_support.h"'
    expect 0 src/base/test_x.c '#include "test_support.h"'
    expect 0 programs/test_x.c '#include "test_support.h"'
    expect 0 programs/x.c '#include "base/a.h"'
    expect 0 programs/cli/x.h '#include "base/a.h"'
    expect 0 evaluation/x.c '#include "base/a.h"'
    expect 0 analysis/x.c '#include "base/a.h"'
    expect 1 programs/x.c '#include "base/missing.h"'
    expect 1 evaluation/x.c '#include "src/base/a.h"'
    expect 1 src/base/x.c '#include "test_support.h"'
    expect 1 programs/x.c '#include "test_support.h"'
    expect 0 src/base/test_x.c '#include "test_warnings.h"'
    expect 1 src/base/x.c '#include "test_warnings.h"'
    expect 1 src/base/x.c '#include "ops/a.h"'
    expect 1 src/model/x.c '#include "session/a.h"'
    expect 1 src/layers/x.c '#include "checkpoint/a.h"'
    expect 1 src/layers/x.c '#include "model/a.h"'
    expect 1 src/session/x.c '  #  include "api/a.h"'
    expect 1 src/text/x.c '#include "checkpoint/a.h"'
    expect 1 src/ops/x.c '#include "text/a.h"'
    expect 1 src/backends/x.c '#include "methods/a.h"'
    expect 1 src/model/x.c '#include "base/missing.h"'
    expect 1 src/model/x.c '#include "../session/a.h"'
    expect 1 src/model/x.c '#include "missing.h"'
    expect 1 programs/x.c '#include "text/a.h"'
    expect 1 programs/x.c '#include "a.h"'
    expect 1 programs/x.c '#include "train/o.h"'
    expect 1 programs/cli/x.c '#include "p.h"'
    expect 1 programs/cli/x.h '#include "train/o.h"'
    expect 1 programs/cli/x.c '#include "text/a.h"'
    expect 1 programs/train/x.c '#include "cli.h"'
    expect 1 programs/train/x.h '#include "evaluate/o.h"'
    expect 1 programs/train/x.c '#include "../cli/o.h"'
    expect 1 programs/train/x.c '#include "test_support.h"'
    expect 1 programs/evaluate/x.c '#include "analyze/o.h"'
    expect 1 programs/analyze/x.c '#include "train/o.h"'
    expect 1 evaluation/x.c '#include "cli/o.h"'
    expect 1 evaluation/x.c '#include "p.h"'
    expect 1 evaluation/x.c '#include "n.h"'
    expect 1 analysis/x.c '#include "e.h"'
    expect 1 analysis/x.c '#include "p.h"'
    expect 1 analysis/x.c '#include "text/a.h"'
    expect 1 evaluation/x.c '#include "../programs/p.h"'
    [ "$n_wrong" -eq 0 ]
}

if [ $# -eq 0 ]; then
    check_itself
else
    check "$1"
fi
