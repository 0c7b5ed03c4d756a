#!/bin/sh
# Sets a build folder up for the product alone, or gives one that is there other options: only where
# one differs, as meson then has everything looked at anew.
#     scripts/configure.sh BUILD [-DOPTION=VALUE...]
set -eu
build=$1
shift
if ! [ -f "$build/build.ninja" ]; then
    exec meson setup "$build" -Dtests=false -Dfuzzers=false -Dbenchmarks=false "$@"
fi
[ $# -gt 0 ] || exit 0
options=$(meson introspect "$build" --buildoptions)
for option; do
    name=${option%%=*} value=${option#*=}
    name=\"name\":\ \"${name#-D}\"
    case $options in
    *"$name, \"value\": \"$value\","* | *"$name, \"value\": $value,"*) ;;
    *) exec meson configure "$build" "$@" ;;
    esac
done
