#!/bin/sh
# generate --chat: what the model reads is what its chat template makes of the messages.
. "$(dirname "$0")/common.sh"
make_model
run 1 generate model --chat 'Hi there'
complains 'model: has no chat template (chat_template.jinja, or "chat_template" in tokenizer_config.json)'
add_chat_template
# the text that a template gives, written out
same_as() {
    "$program" generate model "$1" --max-tokens 5 --json | sed 's/,"session_tokens.*//' > expected
    sed 's/,"session_tokens.*//' out > given
    same given expected
}
run 0 generate model --chat ' Hi there ' --max-tokens 5 --json
same_as '<user>Hi there
<assistant>
'
printf 'from a file' > message
run 0 generate model --system 'Be brief.' --file message --max-tokens 5 --json
same_as '<system>Be brief.
<user>from a file
<assistant>
'
printf '[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]' > chat.json
run 0 generate model --messages chat.json --max-tokens 5 --json
same_as '<user>a
<assistant>b
<user>c
<assistant>
'
printf '[{"role": "assistant", "content": "b"}]' > chat.json
run 1 generate model --messages chat.json
complains 'model/chat_template.jinja: chat template, line 4: The user begins'
printf '[{"role": "user"}]' > chat.json
run 1 generate model --messages chat.json
complains 'chat.json: message 0: "role" and "content" must be strings'
printf '{"role": "user"}' > chat.json
run 1 generate model --messages chat.json
complains 'chat.json: must be a list of messages'
run 2 generate model x --messages chat.json
complains 'generate: --messages has all that is said'
run 2 generate model x --chat --ids ids
complains 'generate: a chat begins with a text of its own: not with --ids'
# a GGUF file has its template in itself
echo '{"d_model": 16, "n_layer": 2, "vocab_size": 256}' > wide.json
run 0 init wide.json wide --seed 4
cp model/tokenizer.json model/chat_template.jinja wide
run 0 convert wide wide.gguf --format gguf
run 0 generate wide --chat 'Hi there' --max-tokens 5 --json
sed 's/,"session_tokens.*//' out > expected
run 0 generate wide.gguf --chat 'Hi there' --max-tokens 5 --json
sed 's/,"session_tokens.*//' out > given
same given expected
echo '{% macro f() %}{% endmacro %}' > wide/chat_template.jinja
run 0 convert wide wide.gguf --format gguf
run 1 generate wide.gguf x --chat
complains "wide.gguf: chat template, line 1: a statement that is not supported: 'macro'"
echo '{% macro f() %}{% endmacro %}' > model/chat_template.jinja
run 1 generate model x --chat
complains "model/chat_template.jinja: chat template, line 1: a statement that is not supported: 'macro'"
finish
