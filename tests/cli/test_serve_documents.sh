#!/bin/sh
# serve: documents are read once, kept whole or not at all, and asked about after whatever comes.
. "$(dirname "$0")/common.sh"
. "$here/serve.sh"
model=$root/models/passkey-512
{
    printf 'Find the pass key:\n'
    head -c 2000 "$root/data/books/26239.txt"
    printf ' The pass key is 48151. Remember it. 48151 is the pass key. '
    tail -c +2001 "$root/data/books/26239.txt" | head -c 11000
} > book.txt
question='{"document": "ID", "prompt": "\nAnswer: ", "max_tokens": 5, "temperature": 0}'
about() {
    printf '%s' "$question" | sed "s/ID/$1/"
}
{ cat book.txt && printf '\nAnswer: '; } > whole
found=$("$program" generate "$model" --file whole --max-tokens 5)


# ---- the three forms of one ----
start "$model" --store store --piece 100
ask 202 '/v1/documents?name=the%20book' -H 'Content-Type: text/plain' --data-binary @book.txt
answers '"name":"the book"'
plain=$(field id)
post 200 /v1/completions "$(about "$plain")" # waits until it has been read
answers "\"text\":\"$found\""
answers '"cached_tokens":13079'
answers '"prompt_tokens":13088'
ask 202 /v1/documents -F file=@book.txt -F 'method={"name": "decimate", "layers": [2], "base_length": 100}'
answers '"name":"book.txt"'
answers '"base_length":100'
form=$(field id)
wait_ready "$form"
post 202 /v1/documents '{"text": "A short one, \u00e9.", "name": null, "method": "none"}'
answers '"bytes":16'
object=$(field id)
wait_ready "$object"
ask 200 /v1/documents
[ "$(grep -o '"id"' answer | wc -l)" -eq 3 ] || failed "the list is $(cat answer)"
ask 200 "/v1/documents/$plain"
answers '"status":"ready","bytes_read":13079,"tokens":13079'

# ---- many questions at once, by two methods: each as alone ----
clients=
for i in 1 2 3 4 5 6 7 8; do
    id=$plain
    [ $((i % 3)) -ne 0 ] || id=$form
    printf '{"document": "%s", "prompt": "\\n%s. The answer: ", "max_tokens": %s, "temperature": 0}' \
        "$id" "$i" $((i * 5)) > "body-$i"
    curl -s -m 60 -d "@body-$i" "$base/v1/completions" > "together-$i" &
    clients="$clients $!"
done
wait $clients
for i in 1 2 3 4 5 6 7 8; do
    ask 200 /v1/completions -d "@body-$i"
    sed 's/.*"choices"//' answer > a
    sed 's/.*"choices"//' "together-$i" > b
    same a b
done

# ---- looking at one ----
ask 200 "/v1/documents/$form/kept"
answers '"layers":[{"layer":2,"tokens":13079,"kept":101}]'
[ "$(grep -o '"byte":' answer | wc -l)" -eq 101 ] || failed 'not 101 tokens are listed'
answers '"byte":13078,"bytes":1,"layers":1}]' # the last is always kept
answers '"scores":{"layer":2,"width":8,"max":['
ask 200 "/v1/documents/$object/kept"
answers '"layers":[],"kept":[],"scores":null'
ask 200 "/v1/documents/$plain/text?from=2020&bytes=30"
answers '{"from":2020,"bytes":30,"text":"The pass key is 48151. Remembe"}'
ask 200 "/v1/documents/$object/text?from=14&bytes=1"
answers '{"from":13,"bytes":2,"text":"'
ask 400 "/v1/documents/$object/text?from=-1"

# ---- the same text again, by the same method: not read again ----
ask 200 "/v1/documents/$form/kept"
sed 's/.*"layers"/"layers"/' answer > kept
ask 200 /metrics
n_read=$(sed -n 's/^decimamba_document_tokens_total //p' answer)
ask 202 /v1/documents -F file=@book.txt -F 'method={"name": "decimate", "layers": [2], "base_length": 100}'
again=$(field id)
wait_ready "$again"
ask 200 /metrics
answers "decimamba_document_tokens_total $n_read"
ask 200 "/v1/documents/$again/kept"
sed 's/.*"layers"/"layers"/' answer > kept_again
same kept kept_again
post 200 /v1/completions "$(about "$form")"
sed 's/.*"choices"//' answer > a
post 200 /v1/completions "$(about "$again")"
sed 's/.*"choices"//' answer > b
same a b
ask 200 "/v1/documents/$again" -X DELETE

# ---- what is refused ----
printf 'abc\377' > bad
ask 400 /v1/documents -H 'Content-Type: text/plain' --data-binary @bad
answers 'not UTF-8'
ask 400 /v1/documents -H 'Content-Type: text/plain' -d ''
ask 415 /v1/documents -H 'Content-Type: image/png' -d x
ask 400 /v1/documents -H 'Content-Type: multipart/form-data' -d x
ask 400 /v1/documents -H 'Content-Type: multipart/form-data; boundary=abc' -d x
ask 400 /v1/documents -F other=1
ask 400 '/v1/documents?method=quux' -H 'Content-Type: text/plain' -d x
post 400 /v1/documents '{"text": 1}'
post 400 /v1/completions "$(about "$plain" | sed 's/^{/{"method": "none", /')"
answers 'the document was read by other settings'
ask 404 /v1/documents/doc-none
ask 404 /v1/documents/../../etc/passwd --path-as-is
run 1 serve "$model" --store store --port 0
complains 'store: another server keeps its documents here'

# ---- removed, and there again ----
ask 200 "/v1/documents/$form" -X DELETE
answers '"deleted":true'
ask 404 "/v1/documents/$form"
post 404 /v1/completions "$(about "$form")"
ask 200 /v1/documents
answers_not "$form"
stop
[ "$(find store -name "$form*" | wc -l)" -eq 0 ] || failed "left: $(ls store)"
touch "store/$plain.json.1-0.tmp" store/doc-none.session # as if it had been killed
start "$model" --store store
absent "store/$plain.json.1-0.tmp" store/doc-none.session
ask 200 "/v1/documents/$plain"
answers '"status":"ready"'
post 200 /v1/completions "$(about "$plain")"
answers "\"text\":\"$found\""
answers '"cached_tokens":13079'
# nobody hears where it is kept
ask 200 /v1/documents
answers_not "$work"
stop

# ---- by another model, or of a damaged state: read again ----
start "$model" --store store --dtype bf16
post 200 /v1/completions "$(about "$plain")"
stop
printf x >> "store/$plain.session"
start "$model" --store store --dtype bf16
post 200 /v1/completions "$(about "$plain")"
kill $server
wait $server
grep -q 'it is read again' server_err || failed "the server did not say so: $(cat server_err)"
server=

# ---- a long one, killed in the middle: reading goes on from where it was saved ----
head -c 370000 "$root/data/books/26239.txt" > long.txt
{ cat long.txt && printf '\nAnswer: '; } > whole
found=$("$program" generate "$model" --file whole --max-tokens 5)
start "$model" --store store --piece 1 # which reads slowly: it is saved after two seconds
ask 202 /v1/documents -H 'Content-Type: text/plain' --data-binary @long.txt
long=$(field id)
until [ -s "store/$long.json" ]; do sleep 0.02; done
grep -q '"partial": true' "store/$long.json" || failed "it was read at once: $(cat "store/$long.json")"
kill -9 $server
wait $server 2> /dev/null
n_read=$(sed -n 's/.*"tokens": \([0-9]*\).*/\1/p' "store/$long.json")
start "$model" --store store
wait_ready "$long"
first=$(sed -n 's/.*"status":"reading".*"tokens":\([0-9]*\).*/\1/p' events | head -n 1)
[ "$n_read" -gt 0 ] && [ "${first:-370000}" -ge "$n_read" ] ||
    failed "reading began anew: at ${first:-the end}, where $n_read were read"
post 200 /v1/completions "$(about "$long")"
answers "\"text\":\"$found\""
stop

# ---- of many, a few take turns: each that is being read has a session ----
start "$model"
head -c 30000 long.txt > shorter.txt
for i in 1 2 3 4 5 6 7 8 9 10; do
    printf %s $i >> shorter.txt # no two are equal
    ask 202 /v1/documents -H 'Content-Type: text/plain' --data-binary @shorter.txt
done
for i in 1 2 3 4 5 6; do
    ask 200 /v1/documents
    n_reading=$(grep -o '"status":"reading"' answer | wc -l)
    [ "$n_reading" -le 4 ] || failed "$n_reading are read at once"
    sleep 0.1
done
wait_ready "$(grep -o 'doc-[0-9a-f]*' answer | tail -n 1)"
stop

# ---- within a bound ----
start "$model" --memory 0 --max-documents 2
for i in 1 2; do
    post 202 /v1/documents "{\"text\": \"Text number $i.\"}"
    wait_ready "$(field id)"
done
post 507 /v1/documents '{"text": "A third."}'
ask 200 /metrics
answers 'decimamba_documents{status="ready"} 2'
stop
finish
