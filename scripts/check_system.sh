#!/bin/sh
# Builds with warnings as errors and runs every test, on a Debian where this may install what is missing
# (as root), with a compiler of Debian's (gcc-13, clang), for 64-bit ARM (aarch64: under qemu-user), or
# against musl.
#     scripts/check_system.sh COMPILER|aarch64|musl [BUILD]
set -eu
cd "$(dirname "$0")/.."
target=$1
build=${2:-build-$1}

install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
tests() {
    ninja -C "$build" >/dev/null
    meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier "$1"
}
set_up() { # meson's arguments
    [ -f "$build/build.ninja" ] || meson setup "$build" -Dwerror=true "$@" >/dev/null
}

apt-get update -qq
scripts/setup.sh tests
case $target in
aarch64)
    dpkg --add-architecture arm64
    apt-get update -qq
    install gcc-aarch64-linux-gnu qemu-user libjansson-dev:arm64 libpcre2-dev:arm64 \
        libutf8proc-dev:arm64 libzip-dev:arm64 libxxhash-dev:arm64 libmicrohttpd-dev:arm64 libcmocka-dev:arm64
    set_up --cross-file scripts/aarch64.ini
    tests 20
    ;;
musl)
    install musl-tools cmake make
    sources=/etc/apt/sources.list.d/check-system # Debian's own sources are in one of two forms
    if [ -e /etc/apt/sources.list.d/debian.sources ]; then
        sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >$sources.sources
    else
        sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >$sources.list
    fi
    apt-get update -qq
    scripts/musl_libraries.sh "$build-libraries"
    LD_LIBRARY_PATH=$(realpath "$build-libraries")/lib # older cmocka has no archive
    export LD_LIBRARY_PATH PKG_CONFIG_LIBDIR="$LD_LIBRARY_PATH/pkgconfig"
    CC=musl-gcc set_up -Dprefer_static=true
    tests 4
    ;;
*)
    install "$target"
    CC=$target set_up
    tests 4
    ;;
esac
