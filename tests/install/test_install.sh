#!/bin/sh
# What `make install` writes is enough to build a program with, by pkg-config, against the shared and
# against the static library; and `make uninstall` takes away all of it and nothing else.
#     test_install.sh BUILD SOURCE_ROOT COMPILER...
set -u
build=$1 root=$2
shift 2
work=$(mktemp -d) || exit 1
log=$build/meson-logs/install-log.txt
n_failed=0
put_back() { # what was installed from this folder before
    rm -f "$log"
    [ ! -f "$work/log" ] || cp -p "$work/log" "$log"
    rm -rf "$work"
}
trap put_back EXIT
trap 'exit 1' INT TERM
[ ! -f "$log" ] || cp -p "$log" "$work/log"
failed() {
    n_failed=$((n_failed + 1))
    echo "FAILED: $*"
}
installed() {
    (cd "$work/root" && find . | LC_ALL=C sort)
}
library() { # ending
    find "$work/root" -name "libdecimamba.$1"
}

prefix=$work/root$(meson introspect "$build" --buildoptions |
    sed 's/.*"name": "prefix", "value": "\([^"]*\)".*/\1/')
mkdir -p "$prefix/bin" "$prefix/lib"
echo 'of others' > "$prefix/bin/other"
installed > "$work/before"

DESTDIR=$work/root meson install -C "$build" --no-rebuild > "$work/out" 2>&1 ||
    failed "meson install: $(cat "$work/out")"
for name in bin/decimamba include/decimamba.h share/man/man1/decimamba.1 share/man/man1/decimamba-train.1 \
    share/bash-completion/completions/decimamba share/zsh/site-functions/_decimamba \
    share/fish/vendor_completions.d/decimamba.fish \
    share/decimamba/plots/common.gp share/decimamba/plots/distance.gp; do
    [ -f "$prefix/$name" ] || failed "not there: $name"
done
[ -n "$(library so)$(library a)" ] || failed 'no library is there'
package=$(find "$work/root" -name decimamba.pc)
PKG_CONFIG_PATH=${package%/*}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH

# As the head of the example says, with --static for the library of that kind: all that prefix has.
build_and_run() { # kind, compiler...
    kind=$1
    shift
    # shellcheck disable=SC2046
    "$@" "$root/examples/read_long_text.c" -o "$work/$kind" $(pkg-config $([ "$kind" = shared ] ||
        echo --static) --define-variable=prefix="$prefix" --cflags --libs decimamba) ||
        failed "$kind: not built"
    LD_LIBRARY_PATH=$libraries "$work/$kind" "$root/models/passkey" "$root/README.md" > "$work/$kind.txt" ||
        failed "$kind: exit status $?"
    grep -q 'tokens read; most likely next' "$work/$kind.txt" || failed "$kind: $(cat "$work/$kind.txt")"
}
libraries=
[ -z "$(library so)" ] || libraries=$(dirname "$(library so)")
# every script of the sources is there, and the program finds those beside it
for script in "$root"/share/plots/*.gp; do
    cmp "$script" "$prefix/share/decimamba/plots/${script##*/}" || failed "another script: $script"
done
sed -i '1s/^/print "no such thing";exit status 3;/' "$prefix/share/decimamba/plots/distance.gp"
if command -v gnuplot > /dev/null; then
    env -u DECIMAMBA_PLOTS LD_LIBRARY_PATH=$libraries "$prefix/bin/decimamba" analyze distance \
        "$root/models/passkey-bytes-512" --text "$root/README.md" --lengths 32 --output "$work/figure" \
        > "$work/out" 2>&1 && failed 'its script was not run'
    grep -q 'figure/distance.png: gnuplot: no such thing' "$work/out" || failed "said: $(cat "$work/out")"
fi
if [ -n "$(library so)" ]; then
    build_and_run shared "$@"
    rm -f "$libraries"/libdecimamba.so*
fi
if [ -n "$(library a)" ]; then
    build_and_run static "$@"
    [ ! -f "$work/shared.txt" ] || cmp "$work/shared.txt" "$work/static.txt" || failed 'they differ'
    # nothing in it takes a name from the program
    nm -g --defined-only "$(library a)" | awk 'NF == 3 && $3 !~ /^_?dm_/' > "$work/names"
    [ "$(nm -g --defined-only "$(library a)" | grep -c ' T dm_')" -gt 100 ] || failed 'few functions'
    case " $* " in
    *' -fsanitize='*) ;;
    *) [ ! -s "$work/names" ] || failed "other names: $(cat "$work/names")" ;;
    esac
fi

"$root/scripts/uninstall.sh" "$build" > "$work/out" 2>&1 || failed "uninstall: $(cat "$work/out")"
installed | diff "$work/before" - || failed 'not what it was before'
"$root/scripts/uninstall.sh" "$build" > "$work/out" 2>&1 && failed 'uninstalled twice'
grep -q 'nothing was installed' "$work/out" || failed "said: $(cat "$work/out")"

# a folder that it made stays where others have put something into it
DESTDIR=$work/root meson install -C "$build" --no-rebuild > "$work/out" 2>&1
echo 'of others' > "$prefix/share/man/man1/other.1"
"$root/scripts/uninstall.sh" "$build"
[ "$(find "$prefix/share" -type f)" = "$prefix/share/man/man1/other.1" ] || failed 'share: not one file'
[ "$n_failed" -eq 0 ]
