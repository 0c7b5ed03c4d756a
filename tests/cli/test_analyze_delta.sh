#!/bin/sh
# analyze: maps of Delta with the text that is kept, and receptive fields.
. "$(dirname "$0")/common.sh"
make_model
head -c 3000 "$root/data/books/26239.txt" | tr -cd '\12\40-\176' > text
tokens=$("$program" tokenize model --file text --count)

# ---- delta ----
run 0 analyze delta model --text text --length 300 --layers 1,3 --base-length 100 --keep-tail 5 \
    --output delta
prints '300 tokens, decimate at layers 1,3, base length 100, score norm'
prints '    1        300       105    35.0%'
prints '    3        105        55    52.4%'
prints 'layer  1 |'
[ "$(grep -c '^layer  [13] |.*| at most [1-9][0-9]*%$' out)" -eq 2 ] || failed 'where kept tokens are'
prints '---- after layer 1: 105 of 300 tokens (35.0%) ----'
prints '---- after layer 3: 55 of 300 tokens (18.3%) ----'
is_figure delta/delta
# each block is the text, with brackets around what was kept: a token is a byte
block() {
    awk -v from="after layer $1:" -v end="$2" 'index($0, from) { on = 1; next }
        on && index($0, end) { exit } on' out
}
head -c 300 text > first
block 1 '---- after' > marked
tr -d '[]' < marked | head -c 300 | cmp -s - first || failed 'the text between the brackets'
kept=$(tr '\n' '~' < marked | sed 's/^[^[]*\[//; s/\][^[]*\[//g; s/\].*//' | wc -c)
[ "$kept" -eq 105 ] || failed "$kept tokens in brackets"
# every token has its line, every score a place in it, and what was dropped has none above
awk -F '\t' 'NR == 1 { if ($0 != "place\tid\ttext\tdropped_by\tlayer_0\tlayer_1\tlayer_2\tlayer_3") exit 1; next }
    {
        if ($1 != NR - 2 || !($5 > 0 && $6 > 0)) exit 1
        if (($4 == "1") != ($7 == "nan") || ($4 == "1") != ($8 == "nan")) exit 1
        n[$4]++
        if ($1 >= 295 && $4 != "-") exit 1
    }
    END { if (NR != 301 || n["1"] != 195 || n["3"] != 50 || n["-"] != 55) exit 1 }' \
    delta/delta-tokens.tsv || failed 'delta-tokens.tsv'
awk -F '\t' 'NR > 1 { a += $7; b += $8 } END { if (a != 105 || b != 55) exit 1 }' delta/delta.tsv ||
    failed 'shares in delta.tsv'
# the page: as many characters are marked as tokens were kept, and the text is whole
page_text() {
    sed -n '/<pre id="text">/,/<\/pre>/p' "$1" | sed '1d; $s/<\/pre>.*//' |
        sed 's/<i><\/i>//g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g; s/&quot;/"/g'";s/&#39;/'/g"
}
marked() {
    page_text delta/delta.html | tr '\n' '~' | sed "s/<$1>/\n[/g; s/<\/$2>/]\n/g" |
        sed -n 's/^\[\(.*\)\]$/\1/p' | tr -d '\n' | wc -c
}
[ "$(marked b b)" -eq 55 ] || failed "$(marked b b) kept tokens on the page"
[ "$(marked u.class=d1 u)" -eq 50 ] || failed 'dropped by layer 3'
page_text delta/delta.html | sed 's/<[^>]*>//g' | head -c 300 | cmp -s - first || failed 'the text of the page'
if command -v chromium > /dev/null; then
    chromium --headless --no-sandbox --dump-dom "file://$work/delta/delta.html#299" 2> /dev/null > dom
    score=$(awk -F '\t' '$1 == 299 { printf "%.2g", $8 }' delta/delta-tokens.tsv)
    grep 'token 299 ' dom | grep -qF "layer 3: $score" || failed 'scores of a token on the page'
    grep 'token 299 ' dom | grep -q 'layer 1: [0-9.]*, kept .* layer 3: [0-9.]*, kept' ||
        failed 'the last token was kept'
fi
# its size: 15 bytes for each token, the picture's apart
head -c 13000 "$root/data/books/26239.txt" | tr -cd '\12\15\40-\176' > crlf
PATH=$work/nowhere "$program" analyze delta model --text crlf --layers 1 --base-length 6000 --length 12000 \
    --output small > out 2> err
check_streams $? 0
[ "$(wc -c < small/delta.html)" -lt 180000 ] || failed 'a large page'
grep -q "$(printf '\342\220\215')" small/delta.html && failed 'a box for a carriage return'
grep -q '"drawn_from": [0-9]' delta/delta.json || failed 'ranges in delta.json'
# binned; parts of the text; a long text's two ends
run 0 analyze delta model --text text --length 300 --layers 1,3 --base-length 100 --keep-tail 5 \
    --bins 7 --from 290 --count 5 --output delta
prints 'tokens 290 to 294 ----'
[ "$(wc -l < delta/delta.tsv)" -eq 8 ] || failed 'bins'
is_figure delta/delta
run 0 analyze delta model --text text --length 1600 --bins 1600 --layers 1 --base-length 100 \
    --output wide
# the width of a PNG: 1600 pixels of the map, and what is beside it
[ ! -e wide/delta.png ] || [ "$(od -An -tu1 -j 16 -N 4 wide/delta.png |
    awk '{ print $3 * 256 + $4 }')" -eq $((110 + 1600 + 260)) ] || failed 'a column without a pixel'
run 0 analyze delta model --text text --length 1000 --layers 1 --base-length 100 --score mean \
    --output delta
prints '---- tokens 400 to 599 are not shown: --from and --count show them ----'
# nothing dropped; one token; what is no text for a terminal or a page
run 0 analyze delta model --text text --output plain
prints "$([ "$tokens" -lt 2048 ] && echo "$tokens" || echo 2048) tokens, plain Mamba"
prints 'no layer drops tokens'
run 0 analyze delta model --text text --length 1 --layers 2 --output one
is_figure one/delta
printf 'a<b>&"\033[31m\177' > odd
run 0 analyze delta model --text odd --layers 1 --base-length 2 --min-length 1 --output odd.d
grep -q "$(printf '\033')" out && failed 'an escape sequence on standard output'
page_text odd.d/delta.html | grep -q . || failed 'text in the page'
grep -q 'a<b>&"' odd.d/delta.html && failed 'a tag of the text in the page'
sed 's/<[^>]*>//g' odd.d/delta.html | grep -q '^a&lt;b&gt;&amp;&quot;' || failed 'text in the page'
# a character that is split between tokens is one piece, of a model whose tokens are bytes
printf 'caf\303\251 \360\237\230\200' > bytes
run 0 analyze delta "$root/models/passkey-bytes-512" --text bytes --method none --output bytes.d
grep -q '"parts": {"3":2,"5":4}' bytes.d/delta.html || failed 'the parts of a character'
[ "$(cut -f 3 bytes.d/delta-tokens.tsv | tail -n +2 | tr -d '\n')" = "$(cat bytes)" ] ||
    failed 'the text in delta-tokens.tsv'
# where it fails, too
mkdir fails
printf '#!/bin/sh\necho "no such terminal" >&2\nexit 1\n' > fails/gnuplot
chmod +x fails/gnuplot
PATH=$work/fails:$PATH "$program" analyze delta model --text text --length 30 --output undrawn \
    > out 2> err
check_streams $? 1
complains 'undrawn/delta.png: gnuplot: no such terminal'
grep -q '</html>' undrawn/delta.html || failed 'no page where gnuplot fails'
# without gnuplot there is a page without a picture
PATH=$work/nowhere "$program" analyze delta model --text text --length 20 --layers 1 \
    --output bare > out 2> err
check_streams $? 0
prints 'no delta.png and delta.svg: gnuplot: No such file'
grep -q '<img' bare/delta.html && failed 'a picture that is not there'
run 2 analyze delta model --output new
complains 'analyze delta: --text is missing'
run 2 analyze delta model --text text
complains 'analyze delta: --output is missing'
run 1 analyze delta model --text text --length 5000 --output new
complains "text: $tokens tokens, fewer than --length 5000"
run 2 analyze delta model --text text --length 50 --from 50 --output new
complains '--from 50: tokens 0 to 49 are looked at'
run 1 analyze delta model --text text --output model
complains 'model: not empty'
absent new

# ---- receptive-field ----
run 0 analyze receptive-field model --text text --lengths 200,50,100 --windows 3 --trained 100 \
    --output field
prints 'How far back the last token of a window depends on the text; plain Mamba'
prints '    100*        3'
prints '    200         3'
is_figure field/receptive-field
[ "$(cut -f 1 field/receptive-field.tsv | tr '\n' ' ')" = 'length 50 100 200 ' ] || failed 'its rows'
# shares grow with their tokens, no farther than the window; all of the weight is in the profile
awk -F '\t' 'NR > 1 && !($3 >= 1 && $4 >= $3 && $5 >= $4 && $5 < $1 && $6 > 0 && $6 < $1) { exit 1 }' \
    field/receptive-field.tsv || failed 'receptive-field.tsv'
awk -F '\t' 'NR > 1 { sum[$1] += $4 * ($3 - $2 + 1); last[$1] = $5; end[$1] = $3 }
    END {
        for (n in sum)
            if ((sum[n] - 1)^2 > 1e-8 || (last[n] - 1)^2 > 1e-8 || end[n] != n - 2) exit 1
        if (length(sum) != 3) exit 1
    }' field/receptive-field-profile.tsv || failed 'receptive-field-profile.tsv'
# threads change nothing
run 0 analyze receptive-field model --text text --lengths 200,50,100 --windows 3 --trained 100 \
    --output other --threads 1
same field/receptive-field.tsv other/receptive-field.tsv
same field/receptive-field-profile.tsv other/receptive-field-profile.tsv
run 0 analyze receptive-field model --text text --lengths 50,100 --windows 1 --trained 100
prints '     50   '
prints '    100*  '
run 0 analyze receptive-field model --text text --lengths 50,100 --windows 1 --trained 120
! grep -q '\*' out || failed 'a length that the model was not trained on is marked'
run 0 analyze receptive-field model --text text --lengths 300 --layers 1 --base-length 40 \
    --predictions 4 --json
prints '"base_length":40'
prints '"keep_tail":4'
prints '"predictions":4'
prints '"windows":4'
prints '"0.99":'
run 0 analyze receptive-field model --text text --lengths 2 --json
prints '"within":{"0.5":1,"0.9":1,"0.99":1}'
run 2 analyze receptive-field model
complains 'analyze receptive-field: --text is missing'
run 1 analyze receptive-field model --text text --lengths 100,5000
complains "text: $tokens tokens, fewer than the 5000 of --lengths"
run 2 analyze receptive-field model --text text --lengths 10,10
complains "--lengths: '10,10' is not a list of at most 64 different whole numbers"
run 2 analyze receptive-field model --text text --lengths 10 --predictions 10
complains '--predictions 10: of 10 tokens there is none to predict them from'
run 2 analyze receptive-field model --text text --layers 1 --keep-tail 1 --predictions 2
complains '--keep-tail 1: the last 2 tokens are looked at'
run 1 analyze receptive-field model --text text --output delta
complains 'delta: not empty, and no folder of a measurement of receptive fields'
finish
