#!/bin/sh
# serve: its bounds, clients that leave or are slow, keys, and how it ends.
. "$(dirname "$0")/common.sh"
. "$here/serve.sh"
model=$root/models/books-bytes
long='{"prompt": "The", "max_tokens": 100000, "temperature": 0, "ignore_eos": true, "stream": STREAM}'
settled() { # a metric is 0 before long
    for i in $(seq 200); do
        ask 200 /metrics
        ! grep -q "^decimamba_$1 0\$" answer || return 0
        sleep 0.05
    done
    failed "$1 is not 0: $(grep "^decimamba_$1 " answer)"
}

# ---- one answer at a time, and none that waits ----
start "$model" --max-answers 1 --max-queue 0 --max-tokens 100000 --max-prompt 20
ask 200 /metrics
for stream in true false; do
    printf '%s' "$long" | sed "s/STREAM/$stream/" > body
    curl -s -N -m 60 -d @body "$base/v1/completions" > running &
    client=$!
    until grep -q '^decimamba_answers 1$' answer; do ask 200 /metrics; done
    ask 429 /v1/completions -D head -d '{"prompt": "a"}'
    answers '"code":"rate_limit_exceeded"'
    grep -qi '^Retry-After: [0-9]' head || failed "nothing says when to try again: $(cat head)"
    kill $client # who leaves is not answered any longer
    settled answers
    post 200 /v1/completions '{"prompt": "a", "max_tokens": 1}'
done
post 400 /v1/completions '{"prompt": "a text of more than twenty bytes"}'
answers '"code":"context_length_exceeded"'
ask 200 /metrics
answers 'decimamba_requests_total{method="POST",path="/v1/completions",status="429"} 2'
stop

# ---- bodies, heads, and clients that are slow ----
start "$model" --max-body 1 --max-document 2 --timeout 1
head -c 1100000 /dev/zero | tr '\0' a > large
ask 413 /v1/completions --data-binary @large
answers '"code":"request_too_large"'
ask 413 /v1/completions --data-binary @large -H 'Transfer-Encoding: chunked'
ask 202 /v1/documents -H 'Content-Type: text/plain' --data-binary @large
ask 200 "/v1/documents/$(field id)" -X DELETE
cat large large > larger
ask 413 /v1/documents -H 'Content-Type: text/plain' --data-binary @larger
ask 431 /v1/models -H "X-Long: $(head -c 60000 large)"
! { printf '{"prompt'; sleep 4; } | curl -s -m 20 -X POST -T - "$base/v1/completions" -o answer ||
    failed "who sent half a request was answered: $(cat answer)"
post 200 /v1/completions '{"prompt": "a", "max_tokens": 1}'
stop

# ---- keys ----
printf '# of friends\nsk-one\n\nsk-two \r\n' > keys
start "$model" --api-keys keys
ask 200 /health
for key in sk-on sk-one1 '' '# of friends'; do
    ask 401 /v1/models -H "Authorization: Bearer $key"
done
ask 401 /v1/models
answers '"code":"invalid_api_key"'
ask 401 /metrics
ask 401 /v1/completions --data-binary @large
ask 200 /v1/models -H 'Authorization: Bearer sk-one'
ask 200 /v1/models -H 'authorization: bearer sk-two'
stop
printf '# none\n' > none
run 1 serve "$model" --port 0 --api-keys none
complains 'none: there is no key in it'
printf 'sk-one # a friend\n' > remark
run 1 serve "$model" --port 0 --api-keys remark
complains 'remark: a key holds no blanks'

# ---- the end: what is under way is finished, what comes is refused ----
start "$model"
printf '{"prompt": "The", "max_tokens": 3000, "temperature": 0, "ignore_eos": true}' > body
curl -s -m 60 -d @body "$base/v1/completions" > running &
client=$!
until grep -q '^decimamba_answers 1$' answer; do ask 200 /metrics; done
kill $server
until grep -q draining answer; do curl -s "$base/health" > answer || break; done
post 503 /v1/completions '{"prompt": "a"}'
wait $client || failed 'the answer was not finished'
grep -q '"completion_tokens":3000' running || failed "broken off: $(head -c 300 running)"
wait $server
[ $? -eq 0 ] || failed 'exit status'
server=
# ... but not for ever
start "$model" --drain 0 --max-tokens 100000
printf '%s' "$long" | sed "s/STREAM/true/" > body
curl -s -N -m 60 -d @body "$base/v1/completions" > running &
client=$!
until grep -q data running; do sleep 0.02; done
stop
wait $client
tail -n 2 running | grep -q '^data: {"error":' || failed "no word of the end: $(tail -n 2 running)"
! grep -q 'DONE' running || failed 'a broken answer that says it is whole'
finish
