#!/bin/sh
# Runs every test of a build folder and ends with one line that counts them.
set -u
build=${1:-build}
log=$build/meson-logs/testlog.txt

meson test -C "$build" --no-rebuild --print-errorlogs
status=$?

passed=$(sed -n 's/^Ok: *//p' "$log" | tail -n 1)
failed=$(awk '/^(Fail|Timeout|Unexpected Pass): / { n += $NF } END { print n + 0 }' "$log")
echo "${passed:-0} passed, $failed failed"
exit $status
