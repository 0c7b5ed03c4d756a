# What the tests of `decimamba serve` share, behind common.sh.
#
#   start MODEL arguments...   starts a server, at $base, with its lines in server_out and server_err
#   stop                       SIGTERM; its exit status must be 0, and it says nothing
#   ask STATUS PATH [curl's arguments]   a request; the status must be STATUS, the answer is in answer
#   post STATUS PATH JSON      the same with a body of JSON
#   answers TEXT, answers_not TEXT   the answer contains TEXT, or does not
#   field NAME                 the first string or number of that key in the answer
#   wait_ready ID              until the document has been read
server=
trap 'kill -9 $server 2> /dev/null; rm -rf "$work"' EXIT
start() {
    last="serve $*"
    : > server_out
    "$program" serve "$@" --port 0 > server_out 2> server_err < /dev/null &
    server=$!
    while [ ! -s server_out ]; do
        kill -0 $server 2> /dev/null || {
            failed "it ended: $(cat server_err)"
            return
        }
        sleep 0.02
    done
    base=$(cat server_out)
}
stop() {
    kill $server
    wait $server
    status=$?
    [ $status -eq 0 ] || failed "exit status $status: $(cat server_err)"
    [ ! -s server_err ] || failed "standard error: $(cat server_err)"
    server=
}
ask() {
    wanted=$1 path=$2
    shift 2
    last="$path $*"
    status=$(curl -s -S -m 60 -o answer -w '%{http_code}' "$@" "$base$path" 2> curl_err) ||
        status="$status, curl: $(cat curl_err)"
    [ "$status" = "$wanted" ] || failed "status $status instead of $wanted: $(head -c 300 answer)"
}
post() {
    ask "$1" "$2" -H 'Content-Type: application/json' -d "$3"
}
answers() {
    grep -qF -e "$1" answer || failed "'$(head -c 500 answer)' lacks: $1"
}
answers_not() {
    ! grep -qF -e "$1" answer || failed "the answer has: $1"
}
field() {
    sed -n "1s/.*\"$1\":\"*\([^\",}]*\).*/\1/p" answer
}
wait_ready() {
    curl -s -N -m 120 "$base/v1/documents/$1/events" > events
    grep -q '"status":"ready"' events || failed "not ready: $(tail -n 2 events)"
}
