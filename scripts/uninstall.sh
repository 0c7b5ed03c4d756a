#!/bin/sh
# Removes what the last installation from a build folder has written, and of the folders that it made
# those in which nothing else is.
#     scripts/uninstall.sh [BUILD]
set -eu
build=${1:-build}
log=$build/meson-logs/install-log.txt
if ! [ -f "$log" ]; then
    echo "uninstall: $build: nothing was installed from here" >&2
    exit 1
fi
grep -v '^#' "$log" | while IFS= read -r path; do # what is in a folder comes before it
    if [ -d "$path" ] && ! [ -L "$path" ]; then
        rmdir "$path" 2>/dev/null || true
    else
        rm -f "$path"
    fi
done
rm "$log"
