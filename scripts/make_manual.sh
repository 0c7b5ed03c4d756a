#!/bin/sh
# Writes the manual, a page for each command, from the tables of options in the program; the date is
# that of the newest release in CHANGELOG.md. Run it when --help has changed: a test compares.
#     scripts/make_manual.sh [PROGRAM [FOLDER]]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
program=${1:-$root/build/programs/decimamba} folder=${2:-$root/docs/man}
date=$(sed -n 's/^## [0-9.]* - //p' "$root/CHANGELOG.md" | head -n 1)
mkdir -p "$folder"
rm -f "$folder"/decimamba*.1

page() { # the command's words
    name=$(echo decimamba "$@" | tr ' ' -)
    "$program" "$@" --help=man | sed "1s/\"\"/\"$date\"/" > "$folder/$name.1"
}
entries() { # the commands that a command consists of, if any
    "$program" --help=words "$@" '' | sed -n 's/^\([a-z][a-z-]*\)	.*/\1/p'
}
page
for command in $(entries); do
    page "$command"
    for part in $(entries "$command"); do
        page "$command" "$part"
    done
done
