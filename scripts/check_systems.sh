#!/bin/sh
# Runs scripts/check_system.sh, of the last commit, on Debian's releases, each in a folder of its own that
# debootstrap fills: needs root, and the network the first time. What cannot be is skipped with a line
# that says why.
#     scripts/check_systems.sh [FOLDER [RELEASE-TARGET...]]     FOLDER: build-systems, or another
set -eu
cd "$(dirname "$0")/.."
folder=${1:-build-systems}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- bookworm-gcc-12 bookworm-clang trixie-gcc-12 trixie-gcc-13 trixie-gcc-14 \
    trixie-clang trixie-aarch64 bookworm-musl

skip() {
    echo "check_systems: skipped: $*"
}
for tool in debootstrap unshare chroot; do
    command -v $tool >/dev/null || {
        skip "all systems: no $tool"
        exit 0
    }
done
[ "$(id -u)" = 0 ] || {
    skip 'all systems: not root'
    exit 0
}

bootstrap() { # release
    [ ! -e "$folder/$1/whole" ] || return 0
    rm -rf "${folder:?}/$1"
    mkdir -p "$folder/$1"
    debootstrap --variant=minbase --include=ca-certificates,git,make "$1" "$folder/$1" \
        >"$folder/$1.log" 2>&1 && touch "$folder/$1/whole"
}
within() { # release, command, its argument: where /proc and /dev are those of here, for as long as it runs
    # shellcheck disable=SC2016
    unshare --mount sh -c 'cd "$1" && shift && mount -t proc proc proc && mount --rbind /dev dev &&
        exec chroot . "$@"' sh "$folder/$1" "$2" "$3"
}
n_failed=0
for system; do
    release=${system%%-*} target=${system#*-}
    if ! bootstrap "$release"; then
        skip "$system: debootstrap $release: $(tail -n 1 "$folder/$release.log")"
        continue
    fi
    rm -rf "$folder/$release/decimamba"
    git clone -q . "$folder/$release/decimamba"
    if within "$release" /decimamba/scripts/check_system.sh "$target"; then
        echo "check_systems: $system: passed"
    else
        echo "check_systems: $system: FAILED"
        n_failed=$((n_failed + 1))
    fi
done
[ $n_failed -eq 0 ]
