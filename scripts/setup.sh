#!/bin/sh
# Installs the Debian packages that the build, the pictures and the fetching of data need, where they
# are missing. Does nothing, and needs no network, when all are there.
set -eu

packages='gcc ninja-build meson pkg-config libdnnl-dev libjansson-dev libpcre2-dev libutf8proc-dev
libzip-dev libxxhash-dev libcmocka-dev gnuplot-nox curl unzip'

missing=
for package in $packages; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null; then
    as_root=sudo
else
    echo "setup: needs root, or sudo, to install:$missing" >&2
    exit 1
fi
echo "setup: installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
