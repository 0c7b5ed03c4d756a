#!/bin/sh
# The page of `serve` in headless Chromium: a text sent up, asked about, compared, deleted, and what goes wrong.
# The browser is told what to do over its debugging pipe; answers are held against `generate`.
# Skipped (77) where there is no chromium. JavaScript here has no double quotes and no backslashes.
. "$(dirname "$0")/common.sh"
. "$here/serve.sh"
chromium=$(command -v chromium || command -v chromium-browser) || exit 77
model=$root/models/passkey-512
browser=''
trap 'kill -9 $server $browser 2> /dev/null; wait; rm -rf "$work"' EXIT

# ---- The browser ----

n_call=0
session=''
mkfifo to_browser from_browser
"$chromium" --headless=new --no-sandbox --disable-gpu --no-first-run --user-data-dir="$work/browser" \
    --remote-debugging-pipe about:blank 3< to_browser 4> from_browser > browser.out 2>&1 &
browser=$!
cat from_browser > messages &
exec 8> to_browser

# Calls METHOD with PARAMS; what it says is in the file `said`.
call() {
    n_call=$((n_call + 1))
    printf '{"id":%d,%s"method":"%s","params":%s}\0' "$n_call" "$session" "$1" "$2" >&8
    for _ in $(seq 600); do
        tr '\0' '\n' < messages | grep "^{\"id\":$n_call," > said && return
        sleep 0.05
    done
    failed "the browser does not answer: $1 $2"
    finish
}

said_field() {
    sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/" said
}

# Sets $seen to what an expression of JavaScript comes to, as text.
value() {
    call Runtime.evaluate "{\"expression\":\"Promise.resolve($1).then(String)\",\"returnByValue\":true,\"awaitPromise\":true}"
    seen=$(sed 's/.*"type":"string","value":"\(.*\)"}},"sessionId".*/\1/' said)
}

# Waits until it is true.
until_true() {
    for _ in $(seq 300); do
        value "$1"
        [ "$seen" = true ] && return
        sleep 0.1
    done
    value 'document.body.innerText.slice(0, 1500)'
    failed "never true: $1; the page says: $seen"
    finish
}

is() { # what an expression must be
    value "$1"
    [ "$seen" = "$2" ] || failed "$1 is '$seen' instead of '$2'"
}

says() { # an element's text must contain
    until_true "document.querySelector('$1').textContent.includes('$2')"
}

key() { # name, code of Windows, text
    call Input.dispatchKeyEvent "{\"type\":\"keyDown\",\"key\":\"$1\",\"code\":\"$1\",\"windowsVirtualKeyCode\":$2,\"text\":\"$3\"}"
    call Input.dispatchKeyEvent "{\"type\":\"keyUp\",\"key\":\"$1\",\"code\":\"$1\",\"windowsVirtualKeyCode\":$2}"
}

type_into() { # element, text
    value "(e => { e.focus(); e.select(); return e === document.activeElement; })(document.querySelector('$1'))"
    [ "$seen" = true ] || failed "$1 does not take the focus"
    call Input.insertText "{\"text\":\"$2\"}"
}

click() {
    value "document.querySelector('$1').click()"
}

choose_file() {
    call Runtime.evaluate "{\"expression\":\"document.querySelector('#file')\"}"
    call DOM.setFileInputFiles "{\"files\":[\"$1\"],\"objectId\":\"$(said_field objectId)\"}"
}

open_page() {
    call Page.navigate "{\"url\":\"$base/\"}"
    until_true "document.readyState === 'complete' && location.href.startsWith('$base')"
}

# ---- What is right ----

{
    printf 'Find the pass key:\n'
    head -c 1500 "$root/data/books/26239.txt"
    printf ' The pass key is 48151. Remember it. 48151 is the pass key. '
    tail -c +1501 "$root/data/books/26239.txt" | head -c 2500
} > book.txt
expect() { # a method: the answer of `generate`
    { cat book.txt && printf '\nWhat is it? Answer: '; } > prompt.txt
    run 0 generate "$model" --file prompt.txt --max-tokens 12 --method "$1" --threads 1
    head -c 12 out > "expected-$1"
}
expect decimate
expect none
cmp -s expected-decimate expected-none && failed 'both methods answer the same: the test sees no difference'
grep -q '^48151' expected-decimate || failed "the key is not found: $(cat expected-decimate)"

# An answer, as it is on the page, without the column that shows it is under way.
check_answer() { # number of the answer on the page, method
    value "btoa(document.querySelectorAll('.answer')[$1].textContent)"
    echo "$seen" | base64 -d > shown
    same shown "expected-$2"
}

question() {
    type_into '#words' "$1"
    key Enter 13 '\r'
}
until_answered() {
    until_true "!document.querySelector('#send').disabled"
}

# ---- The test ----

start "$model" --threads 1
call Target.createTarget '{"url":"about:blank"}'
call Target.attachToTarget "{\"targetId\":\"$(said_field targetId)\",\"flatten\":true}"
session="\"sessionId\":\"$(said_field sessionId)\","
call Runtime.enable '{}'
call Page.enable '{}'
open_page
says '#model' 'passkey-512; reads by decimate, layer 2, 512 tokens'
is "document.querySelector('#none').hidden" false

# What is wrong is said beside what is wrong, and nothing is sent.
choose_file "$work/expected-none" # any file
until_true "document.querySelectorAll('#list li').length === 1"
click '#list .delete'
says '#list .delete' 'Sure?'
click '#list .delete'
until_true "document.querySelectorAll('#list li').length === 0"
type_into '#layers' two
choose_file "$work/book.txt"
says '#add-error' 'Layer: a number, or several with commas'
type_into '#layers' 99
choose_file "$work/book.txt"
says '#add-error' 'there is no layer 99'
type_into '#layers' 2
printf 'caf\351 and more' > latin.txt
choose_file "$work/latin.txt"
says '#add-error' 'latin.txt: the document is not UTF-8'
is "document.querySelectorAll('#list li').length" 0

# A file is sent up and read.
choose_file "$work/book.txt"
until_true "document.querySelectorAll('#list li').length === 1"
says '#name' 'book.txt (4,079 bytes)'
until_true "/^4,079 tokens read in .* tokens[/]s$/.test(document.querySelector('#panes p').textContent)"
is "document.querySelector('#panes progress').value" 1
is "document.querySelector('#add-error').textContent" ''

# A question, by the keyboard alone; its answer comes in pieces, and is that of `generate`.
is "document.activeElement.id" words
key Enter 13 '\r'
says '#ask-error' 'There is no question yet.'
click '#question summary'
type_into '#format' 'no place'
question 'What is it?'
says '#ask-error' 'must say where the question goes'
type_into '#format' '\\n{} Answer: '
type_into '#max-tokens' many
question 'What is it?'
says '#ask-error' 'is no whole number'
type_into '#max-tokens' 5000
question 'What is it?'
says '#answers .error' 'max_tokens: at most 4096'
until_answered
type_into '#max-tokens' 12
question 'What is it?'
until_answered
check_answer 0 decimate
is "document.querySelector('.answer').childNodes.length > 1" true
is "document.querySelector('.answer').getAttribute('aria-busy')" false
says '.answer + p' '21 of 4,100 tokens read for it; cut at the length asked for'

# The same question to plain Mamba beside it.
click '#compare'
until_true "document.querySelectorAll('#panes progress').length === 2"
says '#panes div:last-child h3' 'plain Mamba'
until_true "/^4,079 tokens read/.test(document.querySelector('#panes div:last-child p').textContent)"
question 'What is it?'
until_answered
check_answer 0 decimate
check_answer 1 none
click '#compare'
until_true "document.querySelectorAll('#panes progress').length === 1"
click '#compare' # they are a pair: it is not read again
until_true "document.querySelectorAll('#panes progress').length === 2"
is "document.querySelectorAll('#list li').length" 2
click '#compare'

# What was kept, in the text and on the strip.
click '#tab-kept'
run 0 analyze delta "$model" --text book.txt --length 4079 --threads 1 --json
n_kept=$(sed 's/.*"layer":2,"tokens_in":4079,"kept":\([0-9]*\).*/\1/' out)
says '#kept-says' "Layer 2 kept $n_kept of 4,079 tokens (13%)"
until_true "document.querySelectorAll('#text mark').length === $n_kept"
value "fetch('v1/documents/' + location.hash.slice(1) + '/kept').then(r => r.json()).then(d => btoa(d.kept.map(k => document.querySelector('#text').textContent[k.byte]).join('')))"
is "btoa([...document.querySelectorAll('#text mark')].map(m => m.textContent).join(''))" "$seen"
value "document.querySelector('#strip').focus()"
key End 35 ''
until_true "document.querySelector('#strip').getAttribute('aria-valuenow') === '4078'"
click '#before'
says '#strip-says' 'of 4,079'
until_true "document.querySelectorAll('#text mark.here').length === 1"
key Home 36 ''
until_true "document.querySelector('#strip').getAttribute('aria-valuenow') === '0'"
value "(s => s.dispatchEvent(new MouseEvent('click', { clientX: s.getBoundingClientRect().left + s.clientWidth / 2 })))(document.querySelector('#strip'))"
until_true "Math.abs(document.querySelector('#strip').getAttribute('aria-valuenow') - 2039) < 20"
click '#tab-ask'

# Escape stops an answer, which the server stops too.
type_into '#max-tokens' 4000
question 'What is it?'
until_true "document.querySelector('.answer').textContent.length > 20"
key Escape 27 ''
until_answered
says '.answer + p' 'Stopped'
is "document.querySelector('.answer').textContent.length < 4000" true
type_into '#max-tokens' 12
question 'What is it?'
until_answered
check_answer 0 decimate

# A phone's width: nothing is wider than the page.
call Emulation.setDeviceMetricsOverride '{"width":390,"height":844,"deviceScaleFactor":2,"mobile":true}'
is "document.documentElement.scrollWidth" 390
click '#tab-kept'
is "document.documentElement.scrollWidth" 390
click '#tab-ask'
call Emulation.clearDeviceMetricsOverride '{}'

# An address leads to its document again.
value "document.body.dataset.old = 'yes'"
call Page.reload '{}'
until_true "document.readyState === 'complete' && !document.body.dataset.old"
says '#name' 'book.txt (4,079 bytes)'

# One that another client deleted.
value "fetch('v1/documents/' + location.hash.slice(1), { method: 'DELETE' })"
question 'What is it?'
until_answered
says '#answers .error' 'there is no document'

# A server that is gone.
type_into '#words' 'Is anybody there?'
click '#list .open'
stop
question 'Is anybody there?'
until_answered
says '#answers .error' 'The server cannot be reached'

# A server that asks for a key.
printf 'first-key-of-the-test\n' > keys
start "$model" --threads 1 --api-keys keys
open_page
until_true "!document.querySelector('#key').hidden && document.activeElement.id === 'key-text'"
call Input.insertText '{"text":"another-key"}'
key Enter 13 '\r'
says '#key-error' 'not one of the server'
type_into '#key-text' 'first-key-of-the-test'
key Enter 13 '\r'
until_true "document.querySelector('#key').hidden"
says '#model' 'passkey-512'
click '#add summary'
type_into '#pasted' 'A text of some words, typed.'
click '#read-pasted'
says '#panes p' '28 tokens read'
stop

# Nothing went wrong on the page itself.
tr '\0' '\n' < messages | grep 'Runtime.exceptionThrown' | head -c 600 > thrown
[ ! -s thrown ] || failed "the page throws: $(cat thrown)"
call Browser.close '{}'
exec 8>&-
wait "$browser"
browser=''
finish
