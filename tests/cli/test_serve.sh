#!/bin/sh
# serve: its answers are those of generate, by the API that clients know.
. "$(dirname "$0")/common.sh"
. "$here/serve.sh"
run 2 serve
complains 'MODEL'
run 2 serve no-such-model --port 70000
complains '--port'
run 1 serve no-such-model --port 0
complains 'no-such-model'
model=$root/models/passkey-512
prompt='The pass key is 48151. Remember it.'
start "$model"

# ---- what it says of itself ----
ask 200 /health -I
ask 200 /health
answers '{"status":"ok"}'
ask 200 /v1/models
answers '"id":"passkey-512","object":"model"'
ask 200 /v1/models/passkey-512
ask 404 /v1/models/other
answers '"code":"model_not_found"'
ask 200 /
answers '<!DOCTYPE html>'

# ---- the same as generate ----
"$program" generate "$model" "$prompt" --max-tokens 12 --json --logprobs 1 > expected
expected_text=$(sed 's/.*"text":"\([^"]*\)".*/\1/' expected)
post 200 /v1/completions "{\"prompt\": \"$prompt\", \"max_tokens\": 12, \"temperature\": 0, \"logprobs\": 1}"
answers "\"text\":\"$expected_text\""
answers '"finish_reason":"length"'
answers '"prompt_tokens":35,"completion_tokens":12,"total_tokens":47'
# every digit of every log-probability
grep -o '"logprob":[^,}]*' expected | sed 's/.*://' | awk 'NR % 2 == 1' > a
sed 's/.*"token_logprobs":\[\([^]]*\).*/\1/' answer | tr ',' '\n' > b
echo >> b
same a b
"$program" generate "$model" "$prompt" --max-tokens 12 --temperature 0.9 --top-k 8 --seed 7 --json > expected
expected_text=$(sed 's/.*"text":"\([^"]*\)".*/\1/' expected)
drawn="\"max_tokens\": 12, \"temperature\": 0.9, \"top_k\": 8, \"seed\": 7"
post 200 /v1/completions "{\"prompt\": \"$prompt\", $drawn}"
answers "\"text\":\"$expected_text\""
answers '"cached_tokens":35' # the prompt was read before
# by other settings, and ids
"$program" generate "$model" "$prompt" --max-tokens 9 --method none --json > expected
expected_text=$(sed 's/.*"text":"\([^"]*\)".*/\1/' expected)
post 200 /v1/completions "{\"prompt\": \"$prompt\", \"max_tokens\": 9, \"temperature\": 0, \"method\": \"none\"}"
answers "\"text\":\"$expected_text\""
answers '"cached_tokens":0'
ids=$("$program" tokenize "$model" "$prompt" | tr '\n ' ',,' | sed 's/,*$//')
post 200 /v1/completions "{\"prompt\": [$ids], \"max_tokens\": 9, \"temperature\": 0, \"method\": {\"name\": \"none\"}}"
answers "\"text\":\"$expected_text\""
# several at a time: each as alone
post 200 /v1/completions "{\"prompt\": [\"$prompt\", \"The\"], \"n\": 2, $drawn}"
answers '"index":3'
"$program" generate "$model" The --max-tokens 12 --temperature 0.9 --top-k 8 --seed 8 --json > expected
answers "\"index\":3,\"text\":\"$(sed 's/.*"text":"\([^"]*\)".*/\1/' expected)\""
post 200 /v1/completions "{\"prompt\": \"$prompt\", \"echo\": true, \"max_tokens\": 0}"
answers "\"text\":\"$prompt\""

# ---- streams ----
post 200 /v1/completions "{\"prompt\": \"$prompt\", $drawn}"
sed 's/.*"text":"\([^"]*\)".*/\1/' answer > a
post 200 /v1/completions "{\"prompt\": \"$prompt\", $drawn, \"stream\": true, \"stream_options\": {\"include_usage\": true}}"
sed -n 's/.*"text":"\([^"]*\)".*/\1/p' answer | tr -d '\n' > b
same a b
answers '"choices":[],"usage":{"prompt_tokens":35'
[ "$(tail -n 2 answer | head -n 1)" = 'data: [DONE]' ] || failed 'the stream has no end'
"$program" generate "$model" "$prompt" --max-tokens 12 --temperature 0.9 --top-k 8 --seed 7 --json \
    --stop "$(cut -c 3-4 a)" > expected
post 200 /v1/completions "{\"prompt\": \"$prompt\", $drawn, \"stop\": [\"zz\", \"$(cut -c 3-4 a)\"]}"
answers "\"text\":\"$(sed 's/.*"text":"\([^"]*\)".*/\1/' expected)\""
answers '"finish_reason":"stop"'

# ---- what is refused, by its name ----
while IFS='|' read -r body message; do
    post 400 /v1/completions "$body"
    answers "$message"
done << 'END'
{|the body
[]|one JSON object
{"prompt": "a", "prompt": "b"}|the body
{}|prompt: is missing
{"prompt": 3}|prompt: must be
{"prompt": []}|prompt: a request has
{"prompt": ""}|the prompt is empty
{"prompt": [1, -2]}|number 1 of the ids
{"prompt": [100000]}|token id 100000
{"prompt": "a", "max_tokens": -1}|max_tokens: must be
{"prompt": "a", "max_tokens": 1e3}|max_tokens: must be
{"prompt": "a", "max_tokens": "5"}|max_tokens: must be a whole number, 0 or more
{"prompt": "a", "max_tokens": 100000}|at most 4096
{"prompt": "a", "temperature": "x"}|temperature: must be
{"prompt": "a", "top_p": 0}|top_p: must be
{"prompt": "a", "stop": [""]}|stop: must be
{"prompt": "a", "n": 0}|n: must be
{"prompt": "a", "logprobs": 21}|logprobs: must be
{"prompt": "a", "echo": true, "logprobs": 1}|echo: there are
{"prompt": "a", "stream": "yes"}|stream: must be
{"prompt": "a", "stream_options": 1}|stream_options: must be
{"prompt": "a", "frequency_penalty": 1}|frequency_penalty: only 0
{"prompt": "a", "logit_bias": {"1": 2}}|logit_bias: is not
{"prompt": "a", "suffix": "x"}|suffix: is not
{"prompt": "a", "best_of": 2}|best_of: only n
{"prompt": "a", "method": 1}|method: must be
{"prompt": "a", "method": "quux"}|'quux' is not one of
{"prompt": "a", "method": {"name": "decimate", "layers": [99]}}|there is no layer 99
{"prompt": "a", "method": {"name": "decimate", "quux": 1}}|unknown key
{"prompt": "a", "method": {"name": "none", "layers": [2]}}|"method: layers: method none drops no tokens
{"prompt": "a", "method": {"name": "none", "base_length": 5}}|"method: base_length: nothing is dropped
{"prompt": "a", "method": {"name": "keep-last", "score": "mean"}}|"method: score: method keep-last keeps
{"prompt": "a", "seed": 0.5}|seed: must be
END
printf '{"prompt": "\377"}' > bad
ask 400 /v1/completions --data-binary @bad
post 404 /v1/completions '{"prompt": "a", "model": "gpt-4"}'
answers '"code":"model_not_found"'
post 404 /v1/completions '{"prompt": "a", "document": "doc-x"}'
post 400 /v1/chat/completions '{"messages": [{"role": "user", "content": "Hi"}]}'
answers 'no chat template'
# a page of another site, in the browser of who has a server here
ask 403 /v1/completions -H 'Origin: http://elsewhere.example' -d '{"prompt": "a"}'
answers 'is of another site'
ask 200 /v1/completions -H "Origin: $base" -d '{"prompt": "a", "max_tokens": 1}'
ask 404 /v1/nothing
ask 405 /v1/completions
ask 405 /v1/models -X DELETE
# keys that others send, and that change nothing
post 200 /v1/completions '{"prompt": "a", "max_tokens": 1, "user": "me", "metadata": {"a": 1}, "presence_penalty": 0, "tools": [], "n": null}'

# ---- numbers ----
ask 200 /metrics
answers 'decimamba_requests_total{method="GET",path="/health",status="200"} 2'
answers 'decimamba_answers 0'
answers 'decimamba_first_token_seconds_count'
stop

# a server that reads plainly still knows how the model is decimated
start "$model" --method none
post 200 /v1/completions '{"prompt": "The pass key", "max_tokens": 1, "method": "decimate"}'
stop

# ---- chats ----
make_model
add_chat_template
"$program" generate model --system Brief 'Hi there' --max-tokens 5 --json > a
start model --model-name small
post 200 /v1/chat/completions '{"model": "small", "messages": [{"role": "system", "content": "Brief"}, {"role": "user", "content": [{"type": "text", "text": "Hi "}, {"type": "text", "text": "there"}]}], "max_completion_tokens": 5, "temperature": 0, "logprobs": true, "top_logprobs": 2}'
answers '"object":"chat.completion"'
answers '"role":"assistant","content":'
answers '"top_logprobs":[{'
answers "\"content\":\"$(sed 's/.*"text":"\([^"]*\)".*/\1/' a)\""
post 200 /v1/chat/completions '{"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3, "stream": true}'
answers '"object":"chat.completion.chunk"'
answers '"delta":{"role":"assistant","content":""}'
post 400 /v1/chat/completions '{"messages": [{"role": "assistant", "content": "Hi"}]}'
answers 'The user begins'
post 400 /v1/chat/completions '{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}'
post 400 /v1/chat/completions '{"messages": []}'
stop
finish
