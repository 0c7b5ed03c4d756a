#!/bin/sh
# Prints the project's version, as include/decimamba.h has it: the one place where it is written.
# meson, and so the shared library's name, decimamba.pc and meson.project_version(), take it from here;
# tests/test_version.sh holds the man page and CHANGELOG.md against it.
#     scripts/version.sh [HEADER]
set -u
header=${1:-$(dirname "$0")/../include/decimamba.h}
awk '
    $1 == "#define" && $2 ~ /^DM_VERSION_(MAJOR|MINOR|PATCH)$/ && $3 ~ /^(0|[1-9][0-9]*)$/ && NF == 3 {
        n[$2]++
        value[$2] = $3
    }
    END {
        if (n["DM_VERSION_MAJOR"] != 1 || n["DM_VERSION_MINOR"] != 1 || n["DM_VERSION_PATCH"] != 1)
            exit 1
        print value["DM_VERSION_MAJOR"] "." value["DM_VERSION_MINOR"] "." value["DM_VERSION_PATCH"]
    }' "$header" || {
    echo "$header: DM_VERSION_MAJOR, _MINOR and _PATCH must each be defined once, as a number" >&2
    exit 1
}
