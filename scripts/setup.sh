#!/bin/sh
# Looks for what the build needs, or the tests as well, the way meson will: commands in the path,
# libraries by pkg-config. When all is there it does nothing, on any system, and needs
# no network. What is missing is installed where there is apt-get (Debian, Ubuntu). Elsewhere it is named,
# with the command that installs it by dnf (Fedora), pacman (Arch), apk (Alpine) or brew (macOS, Linux).
#     scripts/setup.sh [tests]
set -eu

has() { # commands: one of them
    for command; do
        ! command -v "$command" || return 0
    done
    return 1
}
manager=
for name in apt-get dnf pacman apk brew; do
    [ -n "$manager" ] || ! has $name >/dev/null || manager=$name
done

missing='' packages=''
need() { # what it is, its packages for apt-get, dnf, pacman, apk, brew; command that finds it
    what=$1
    case $manager in
    dnf) package=$3 ;;
    pacman) package=$4 ;;
    apk) package=$5 ;;
    brew) package=$6 ;;
    *) package=$2 ;;
    esac
    shift 6
    "$@" >/dev/null 2>&1 || missing="$missing, $what" packages="$packages $package"
}
has_library() {
    "${PKG_CONFIG:-pkg-config}" --exists "$1"
}
# shellcheck disable=SC2086
need 'a C compiler' gcc gcc gcc build-base gcc has ${CC:-cc gcc clang}
need ninja ninja-build ninja-build ninja samurai ninja has ninja
need meson meson meson meson meson meson has meson
need pkg-config pkg-config pkgconf-pkg-config pkgconf pkgconf pkgconf has "${PKG_CONFIG:-pkg-config}"
need jansson libjansson-dev jansson-devel jansson jansson-dev jansson has_library 'jansson >= 2.14'
need PCRE2 libpcre2-dev pcre2-devel pcre2 pcre2-dev pcre2 has_library libpcre2-8
need utf8proc libutf8proc-dev utf8proc-devel libutf8proc utf8proc-dev utf8proc has_library libutf8proc
need libzip libzip-dev libzip-devel libzip libzip-dev libzip has_library libzip
need libmicrohttpd libmicrohttpd-dev libmicrohttpd-devel libmicrohttpd libmicrohttpd-dev libmicrohttpd has_library libmicrohttpd
need xxHash libxxhash-dev xxhash-devel xxhash xxhash-dev xxhash has_library libxxhash
if [ "${1:-}" = tests ]; then
    need cmocka libcmocka-dev libcmocka-devel cmocka cmocka-dev cmocka has_library cmocka
    need gnuplot gnuplot-nox gnuplot gnuplot gnuplot gnuplot has gnuplot
    need curl curl curl curl curl curl has curl
    need unzip unzip unzip unzip unzip unzip has unzip
fi
# libedit, with which lines can be edited in decimamba ask, is no need: meson takes it where it is
[ -n "$missing" ] || exit 0
missing=${missing#, } packages=${packages# }

if [ "$(id -u)" = 0 ] || [ "$manager" = brew ]; then
    as_root=
else
    as_root='sudo '
fi
case $manager in
apt-get) install="apt-get install -y -qq --no-install-recommends $packages" ;;
dnf) install="dnf install $packages" ;;
pacman) install="pacman -S $packages" ;;
apk) install="apk add $packages" ;;
brew) install="brew install $packages" ;;
*)
    echo "setup: not found: $missing" >&2
    exit 1
    ;;
esac
if [ "$manager" != apt-get ]; then
    echo "setup: not found: $missing; to install: $as_root$install" >&2
    exit 1
elif [ -n "$as_root" ] && ! has sudo >/dev/null; then
    echo "setup: not found: $missing; to install $packages it needs root, or sudo" >&2
    exit 1
fi
echo "setup: not found: $missing; installing $packages"
# shellcheck disable=SC2086
${as_root}apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $as_root$install >/dev/null
