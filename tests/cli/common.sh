# What the tests of the program share. Each is called as: test_x.sh PROGRAM SOURCE_ROOT
#
#   run STATUS arguments...   runs decimamba; its exit status must be STATUS. A run with status 1 or 2
#                             must print one line on standard error, others none
#   run_warned STATUS arguments...   the same, with warnings before that line; `run` must have none
#   warns TEXT                one of those warnings contains TEXT
#   prints TEXT               what it printed on standard output contains TEXT
#   printed_exactly TEXT      ... is TEXT and a newline
#   complains TEXT            the line on standard error contains TEXT
#   check_warned TEXT         that line is there, though the command did its work
#   same A B                  two files are equal
#   absent PATH...            nothing is there
#   is_png NAME               NAME.png is a whole picture, and more than an empty page
#   is_figure NAME            ... and so is NAME.svg
#   works KIB arguments...    runs decimamba under a limit on its addresses
#   least KIB arguments...    the least such limit from KIB on, 2 MiB apart, under which it works
set -u
program=$(realpath "$1")
root=$(realpath "$2")
golden=$root/tests/data/golden/tiny-a
here=$root/tests/cli
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "${MESON_EXE_WRAPPER:-}" ]; then # it is for another processor
    mkdir "$work/.wrapped"
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$MESON_EXE_WRAPPER" "$program" > "$work/.wrapped/decimamba"
    program=$work/.wrapped/decimamba
    chmod +x "$program"
fi
cd "$work" || exit 1
n_failed=0
last=

failed() {
    n_failed=$((n_failed + 1))
    echo "FAILED: $1"
    echo "    after: decimamba $last"
}

check_streams() {
    [ "$1" -eq "$2" ] || failed "exit status $1 instead of $2: $(cat "$work/err")"
    grep '^decimamba: warning: ' "$work/err" > "$work/warnings"
    sed -i '/^decimamba: warning: /d' "$work/err"
    lines=$(wc -l < "$work/err")
    if [ "$2" -eq 1 ] || [ "$2" -eq 2 ]; then
        [ "$lines" -eq 1 ] || failed "$lines lines on standard error instead of 1"
        grep -q '^decimamba: ' "$work/err" || failed "the line does not begin with 'decimamba: '"
    else
        [ "$lines" -eq 0 ] || failed "standard error: $(cat "$work/err")"
    fi
}

run_any() {
    expected=$1
    shift
    last=$*
    "$program" "$@" > "$work/out" 2> "$work/err" < "${input:-/dev/null}"
    check_streams $? "$expected"
}

run() {
    run_any "$@"
    [ ! -s "$work/warnings" ] || failed "$(cat "$work/warnings")"
}

run_warned() {
    run_any "$@"
    [ -s "$work/warnings" ] || failed 'no warning'
}

warns() {
    grep -qF -e "$1" "$work/warnings" || failed "'$(cat "$work/warnings")' lacks: $1"
}

prints() {
    grep -qF -e "$1" "$work/out" || failed "standard output lacks: $1"
}

printed_exactly() {
    [ "$(cat "$work/out")" = "$1" ] || failed "printed '$(cat "$work/out")' instead of '$1'"
}

complains() {
    grep -qF -e "$1" "$work/err" || failed "'$(cat "$work/err")' lacks: $1"
}

check_warned() {
    [ $? -eq 0 ] || failed "exit status: $(cat "$work/err")"
    [ "$(wc -l < "$work/err")" -eq 1 ] || failed "not one line: $(cat "$work/err")"
    complains "$1"
}

same() {
    cmp -s "$1" "$2" || failed "$1 and $2 differ"
}

absent() {
    for path in "$@"; do
        [ ! -e "$path" ] || failed "$path is there"
    done
}

# How many pixels of a PNG are neither white nor grey, and how many pixels there are.
coloured_pixels() {
    cp "$1" "$work/seen.png" # its name may mean something to gnuplot
    gnuplot -e "set table; plot '$work/seen.png' binary filetype=png using 1:2:3 with rgbimage" 2>&1 | awk '
        /^ *[0-9]/ { n++; if (($3 - $4)^2 + ($4 - $5)^2 > 1000) coloured++ }
        END { print coloured + 0, n + 0 }'
}

# Without gnuplot no command draws, and nothing is looked at.
is_png() {
    command -v gnuplot > /dev/null || return 0
    [ "$(head -c 4 "$1.png" | tail -c 3)" = PNG ] || failed "$1.png is no PNG"
    [ "$(tail -c 8 "$1.png" | head -c 4)" = IEND ] || failed "$1.png has no end"
    set -- "$1" $(coloured_pixels "$1.png")
    [ "$3" -gt 100000 ] || failed "$1.png has $3 pixels"
    [ "$2" -gt 400 ] || failed "$1.png is empty: $2 of its pixels have a colour"
}

is_figure() {
    command -v gnuplot > /dev/null || return 0
    is_png "$1"
    grep -q '</svg>' "$1.svg" || failed "$1.svg has no end"
    [ "$(grep -c '<path\|<use\|<polygon\|<rect\|<image' "$1.svg")" -gt 4 ] || failed "$1.svg is empty"
}

# A small model with random weights and a token per ASCII byte.
make_model() {
    run 0 init "$here/ascii/config.json" model --seed 3
    cp "$here/ascii/tokenizer.json" model/
}

# ... which chats: it wants the user to begin.
add_chat_template() {
    cat > model/chat_template.jinja <<'END'
{% for m in messages %}
<{{ m.role }}>{{ m.content | trim }}
{% endfor %}
{% if messages[0].role == 'assistant' %}{{ raise_exception('The user begins') }}{% endif %}
{% if add_generation_prompt %}
<assistant>
{% endif %}
END
}

# The ids of the golden file, with blanks between.
golden_ids() {
    tr -d '\n' < "$golden/expected.json" |
        sed 's/.*"input_ids": *\[\([^]]*\)\].*/\1/' | tr ',' ' '
}

# The generated ids of a --json output.
json_ids() {
    sed 's/.*"ids":\[\([^]]*\)\].*/\1/' "$work/out"
}

works() {
    limit=$1
    shift
    # gnuplot, which would live under the same limit, says of it what it likes
    (ulimit -v "$limit" && PATH=$work/nowhere && exec "$program" "$@") > out 2> err < /dev/null
}
least() {
    limit=$1
    shift
    until works "$limit" "$@" || [ "$limit" -gt 4000000 ]; do
        limit=$((limit + 2048))
        rm -rf new
    done
    echo "$limit"
}

finish() {
    [ "$n_failed" -eq 0 ] || exit 1
    exit 0
}
