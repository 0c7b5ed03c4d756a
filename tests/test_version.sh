#!/bin/sh
# The version is written in include/decimamba.h; everything else that says it says the same.
#     test_version.sh SOURCE_ROOT PROJECT_VERSION PROGRAM PACKAGE_FILE
set -u
root=$1 project=$2 program=$3 package=$4
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
n_failed=0
equal() { # what, found, expected
    [ "$2" = "$3" ] && return
    n_failed=$((n_failed + 1))
    echo "FAILED: $1: '$2', not '$3'"
}

version=$("$root/scripts/version.sh") || exit 1
equal 'meson, set up' "$project" "$version"
equal 'decimamba --version' "$(${MESON_EXE_WRAPPER:-} "$program" --version)" "decimamba $version"
equal 'decimamba.pc' "$(sed -n 's/^Version: //p' "$package")" "$version"
equal 'docs/man/decimamba.1' "$(sed -n '1s/.*"decimamba \([^"]*\)".*/\1/p' "$root/docs/man/decimamba.1")" \
    "$version"
equal 'the newest release in CHANGELOG.md' \
    "$(sed -n 's/^## \[\{0,1\}\([0-9][0-9.]*\).*/\1/p' "$root/CHANGELOG.md" | head -n 1)" "$version"
equal 'CITATION.cff' "$(sed -n 's/^version: //p' "$root/CITATION.cff")" "$version"

# What the script refuses, by one line that names the file.
refuses() { # a header's text
    printf '%b' "$1" > "$work/header.h"
    printed=$("$root/scripts/version.sh" "$work/header.h" 2> "$work/error") &&
        equal "a header of '$1'" "$printed" 'an error'
    equal "the error for '$1'" "$(wc -l < "$work/error") $(cut -d : -f 1 "$work/error")" "1 $work/header.h"
}
major='#define DM_VERSION_MAJOR 1\n' minor='#define DM_VERSION_MINOR 20\n' patch='#define DM_VERSION_PATCH 3\n'
printf '%b' "$major$minor$patch" > "$work/header.h"
equal 'a header of 1.20.3' "$("$root/scripts/version.sh" "$work/header.h")" 1.20.3
refuses ''
refuses "$major$minor"
refuses "$major$minor$patch$patch"
refuses "$major$minor#define DM_VERSION_PATCH 3-rc1\n"
refuses "$major$minor#define DM_VERSION_PATCH (DM_VERSION_MINOR + 1)\n"

[ "$n_failed" -eq 0 ]
