#!/bin/sh
# serve, killed (SIGKILL) at any moment while documents are written, read and removed: what it said is
# there is there, what it said is gone is gone, and nothing is half-written. DM_KILLS: how often.
. "$(dirname "$0")/common.sh"
. "$here/serve.sh"
model=$root/models/passkey-512
awk -v seed="${DM_SEED:-$$}" -v n="${DM_KILLS:-6}" 'BEGIN {
    srand(seed); for (i = 0; i < n; i++) printf "%.3f\n", 0.05 + 0.6 * rand() }' > moments
: > acknowledged # "ID LENGTH" of each that should be there
: > removing     # that were asked to go, and may be there or not
write_and_remove() { # until the server is gone
    i=0
    while :; do
        i=$((i + 1))
        n=$((1 + (i * 7919 + $$) % 5000))
        head -c $n "$root/data/books/26239.txt" > "text-$1"
        id=$(curl -s -m 20 -H 'Content-Type: text/plain' --data-binary "@text-$1" "$base/v1/documents" |
            sed -n 's/^{"id":"\([^"]*\)".*/\1/p')
        [ -n "$id" ] || return
        if [ $((i % 3)) -eq 0 ]; then
            echo "$id" >> removing
            curl -s -m 20 -X DELETE "$base/v1/documents/$id" | grep -q '"deleted":true' || return
            echo "$id" >> "removed-$1"
        else
            echo "$id $(wc -c < "text-$1")" >> "acknowledged-$1"
        fi
    done
}
while read -r moment; do
    start "$model" --store store --max-documents 100000
    write_and_remove 1 &
    first=$!
    write_and_remove 2 &
    second=$!
    sleep "$moment"
    kill -9 $server
    wait $server $first $second 2> /dev/null
    server=
done < moments
start "$model" --store store --max-documents 100000
cat acknowledged-[12] > acknowledged 2> /dev/null
cat removed-[12] > removed 2> /dev/null
[ "$(wc -l < acknowledged)" -gt 0 ] || failed 'nothing was written'
left=$(find store -name '*.tmp' ! -name "*.$server-*") # its own are being written
[ -z "$left" ] || failed "half-written: $left"
ask 200 /v1/documents
tr '{' '\n' < answer | sed -n 's/.*"id":"\([^"]*\)".*"bytes":\([0-9]*\).*/\1 \2/p' | sort > there
sort acknowledged > expected
lost=$(comm -23 expected there)
[ -z "$lost" ] || failed "lost: $lost"
sort removed > gone
back=$(cut -d ' ' -f 1 there | comm -12 - gone)
[ -z "$back" ] || failed "came back: $back"
# each is the text that was sent
while read -r id n; do
    [ "$n" -gt 0 ] || failed "$id is empty"
    head -c "$n" "$root/data/books/26239.txt" > a
    sed 1d "store/$id.document" > b
    same a b
done < there
wait_ready "$(tail -n 1 there | cut -d ' ' -f 1)"
stop
finish
