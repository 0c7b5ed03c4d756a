#!/bin/sh
# Looks for what the build needs, or the tests as well, the way meson will: commands in the path,
# libraries by pkg-config. When all is there it does nothing, on any system, and needs
# no network. What is missing is installed where there is apt-get (Debian, Ubuntu), else named.
#     scripts/setup.sh [tests]
set -eu

missing='' packages=''
need() { # what it is, Debian's package, command that finds it
    what=$1 package=$2
    shift 2
    "$@" >/dev/null 2>&1 || missing="$missing, $what" packages="$packages $package"
}
has() { # commands: one of them
    for command; do
        ! command -v "$command" || return 0
    done
    return 1
}
has_library() {
    "${PKG_CONFIG:-pkg-config}" --exists "$1"
}
# shellcheck disable=SC2086
need 'a C compiler' gcc has ${CC:-cc gcc clang}
need ninja ninja-build has ninja
need meson meson has meson
need pkg-config pkg-config has "${PKG_CONFIG:-pkg-config}"
need jansson libjansson-dev has_library 'jansson >= 2.14'
need PCRE2 libpcre2-dev has_library libpcre2-8
need utf8proc libutf8proc-dev has_library libutf8proc
need libzip libzip-dev has_library libzip
need xxHash libxxhash-dev has_library libxxhash
if [ "${1:-}" = tests ]; then
    need cmocka libcmocka-dev has_library cmocka
    need gnuplot gnuplot-nox has gnuplot
    need curl curl has curl
    need unzip unzip has unzip
fi
# libedit, with which lines can be edited in decimamba ask, is no need: meson takes it where it is
[ -n "$missing" ] || exit 0
missing=${missing#, }

if ! has apt-get >/dev/null; then
    echo "setup: not found: $missing" >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    as_root=
elif has sudo >/dev/null; then
    as_root=sudo
else
    echo "setup: not found: $missing; to install$packages it needs root, or sudo" >&2
    exit 1
fi
echo "setup: not found: $missing; installing$packages"
$as_root apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $packages >/dev/null
