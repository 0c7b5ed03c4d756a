#!/bin/sh
# docs/images/architecture.svg shows the folders as they include each other today; and its script does
# what it says, on a made-up tree.
#     test_architecture.sh SOURCE_ROOT
set -u
root=$1
n_failed=0
failed() {
    n_failed=$((n_failed + 1))
    echo "FAILED: $*"
}
"$root/scripts/draw_architecture.py" --check || failed 'the picture is not of today'

tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/scripts" "$tree/include" "$tree/docs/images"
for folder in src/base src/ops/norm src/api programs/cli evaluation/task; do
    mkdir -p "$tree/$folder"
    : > "$tree/$folder/a.h"
done
cp "$root/scripts/draw_architecture.py" "$tree/scripts"
draw=$tree/scripts/draw_architecture.py
includes() { # FILE INCLUDED...
    file=$tree/$1
    shift
    printf '#include "%s"\n' "$@" >> "$file"
}
arrows() { # what the script draws, one a line
    "$draw" --source | sed -n 's/^"\(.*\)" -> "\(.*\)"$/\1 \2/p'
}
includes src/ops/norm/b.c base/a.h decimamba.h a.h
includes src/base/test_b.c api/a.h
includes src/api/b.c base/a.h ops/norm/a.h
includes programs/b.c cli/a.h decimamba.h task/a.h
includes programs/cli/b.c decimamba.h
includes evaluation/task/b.c decimamba.h
expected='evaluation include/decimamba.h
include/decimamba.h src/api
programs evaluation
programs programs/cli
programs/cli include/decimamba.h
src/api src/ops
src/ops src/base'
[ "$(arrows)" = "$expected" ] || failed "drawn: $(arrows)"

# The picture holds its source, until an arrow is new.
{ echo '<!-- made by scripts/draw_architecture.py of'; "$draw" --source; echo '-->'; } \
    > "$tree/docs/images/architecture.svg"
"$draw" --check || failed 'a picture of today'
includes programs/cli/b.c task/a.h
if "$draw" --check 2> "$tree/error"; then failed 'a picture of yesterday'; fi
grep -q 'docs/images/architecture.svg: .* run scripts/draw_architecture.py' "$tree/error" ||
    failed "a picture of yesterday: $(cat "$tree/error")"

includes src/base/a.h api/a.h
if "$draw" --source > "$tree/out" 2> "$tree/error"; then failed 'a circle was drawn'; fi
[ "$(cat "$tree/error")" = 'a circle: src/api -> src/base -> src/api' ] ||
    failed "a circle: $(cat "$tree/error")"

[ "$n_failed" -eq 0 ]
