#!/bin/sh
# scripts/setup.sh asks for what is missing, and only then, whatever the system calls its packages: it
# is run where nothing is found but what this script puts there.
#     test_setup.sh SOURCE_ROOT
set -u
setup=$1/scripts/setup.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
n_failed=0
failed() {
    n_failed=$((n_failed + 1))
    echo "FAILED: $case: $*: $(cat "$work/out" "$work/err" "$work/asked")"
}
put() { # commands that do what the last argument says
    for body; do :; done
    for name; do
        [ "$name" != "$body" ] || return 0
        printf '#!/bin/sh\n%s\n' "$body" > "$work/bin/$name"
        chmod +x "$work/bin/$name"
    done
}
begin() { # name: a system where everything is, but for ways to install more
    case=$1
    rm -rf "$work/bin"
    mkdir "$work/bin"
    for name in sh mktemp rm; do
        ln -s "$(command -v $name)" "$work/bin/$name"
    done
    put cc ninja meson gnuplot curl unzip 'exit 0'
    put pkg-config 'test "$2" != "$LACKS"'
    put id 'echo 0'
    : > "$work/asked"
}
put_apt() {
    # shellcheck disable=SC2016
    put apt-get 'echo "apt-get $*" >> "$ASKED"'
    # shellcheck disable=SC2016
    put sudo 'echo sudo >> "$ASKED"; "$@"'
}
run() { # status, arguments...
    expected=$1
    shift
    env -u CC -u CPPFLAGS -u CFLAGS -u LDFLAGS -u PKG_CONFIG PATH="$work/bin" ASKED="$work/asked" \
        LACKS="${lacks:-}" "$work/bin/sh" "$setup" "$@" > "$work/out" 2> "$work/err"
    status=$?
    [ $status -eq "$expected" ] || failed "exit status $status"
}
asks_for() { # packages: all that is installed
    [ "$(sed -n 's/^apt-get install .*--no-install-recommends //p' "$work/asked")" = "$*" ] ||
        failed "not: $*"
}
asks_nothing() {
    [ ! -s "$work/asked" ] && [ ! -s "$work/out" ] && [ ! -s "$work/err" ] || failed 'not silent'
}
says() {
    [ "$(cat "$work/err")" = "setup: $*" ] || failed "not: $*"
}

begin 'all is there, on a system without packages of Debian'
run 0
run 0 tests
asks_nothing

begin 'all is there, on Debian'
put_apt
run 0
run 0 tests
asks_nothing

begin 'a library is missing'
put_apt
lacks=libzip run 0
asks_for libzip-dev
begin 'a library is missing, on another system'
lacks=libzip run 1
says 'not found: libzip'
[ ! -s "$work/asked" ] || failed 'something was asked for'

# by name, not that they are right: no such system is at hand
is_told() { # manager, user, command that installs
    begin "$1, user $2"
    put "$1" "echo $1 >> \"\$ASKED\""
    put id "echo $2"
    rm "$work/bin/ninja"
    lacks=libutf8proc run 1
    says "not found: ninja, utf8proc; to install: $3"
    [ ! -s "$work/asked" ] || failed 'something was asked for'
}
is_told dnf 1000 'sudo dnf install ninja-build utf8proc-devel'
is_told pacman 1000 'sudo pacman -S ninja libutf8proc'
is_told apk 0 'apk add samurai utf8proc-dev'
is_told brew 501 'brew install ninja utf8proc'

begin 'a library is too old'
put_apt
lacks='jansson >= 2.14' run 0
asks_for libjansson-dev

begin 'what tests alone need'
rm "$work/bin/gnuplot" "$work/bin/curl" "$work/bin/unzip"
put_apt
lacks=cmocka run 0
asks_nothing
lacks=cmocka run 0 tests
asks_for libcmocka-dev gnuplot-nox curl unzip

begin 'nothing is there'
rm "$work/bin/cc" "$work/bin/ninja" "$work/bin/meson" "$work/bin/pkg-config"
run 1
says 'not found: a C compiler, ninja, meson, pkg-config, jansson, PCRE2, utf8proc, libzip, libmicrohttpd, xxHash'

begin 'not as root'
put_apt
put id 'echo 1000'
lacks=libzip run 0
asks_for libzip-dev
grep -q sudo "$work/asked" || failed 'not by sudo'
rm "$work/bin/sudo"
: > "$work/asked"
lacks=libzip run 1
says 'not found: libzip; to install libzip-dev it needs root, or sudo'
[ ! -s "$work/asked" ] || failed 'something was asked for'

[ "$n_failed" -eq 0 ]
