#!/bin/sh
# Runs every test of a build folder and ends with one line that counts them.
set -u
build=${1:-build}
log=$build/meson-logs/testlog.txt

meson test -C "$build" --no-rebuild --print-errorlogs
status=$?

passed=$(awk '/^Ok: / { n = $NF } END { print n + 0 }' "$log")
failed=$(awk '/^(Fail|Timeout|Unexpected Pass): / { n += $NF } END { print n + 0 }' "$log")
echo "$passed passed, $failed failed"
exit $status
