#!/bin/sh
# The long version of the test `faults`: a fault at every call by which each command reads or changes
# files, and kills at moments that a clock gives. A quarter of an hour.
#     scripts/kill_test.sh [BUILD [KILLS]]     KILLS: for each command; 40 unless given
set -eu
build=${1:-build}
root=$(dirname "$(realpath "$0")")/..
"$root/scripts/configure.sh" "$build" -Dtests=true
ninja -C "$build" tests/faults/decimamba_faulty > /dev/null
MOMENTS=1000000 KILLS=${2:-40} exec "$root/tests/faults/test_faults.sh" \
    "$build/tests/faults/decimamba_faulty" "$root"
