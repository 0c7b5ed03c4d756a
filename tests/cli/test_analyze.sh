#!/bin/sh
# analyze: maps of hidden attention, and mean distances.
. "$(dirname "$0")/common.sh"
make_model
head -c 3000 "$root/data/books/26239.txt" | tr -cd '\12\40-\176' > text
tokens=$("$program" tokenize model --file text --count)

# the size of a safetensors file's header with its length before it
header_size() {
    echo $(($(od -An -tu8 -N8 "$1") + 8))
}

# what a table says of a layer
field() { # table, layer, column
    awk -F '\t' -v layer="$2" -v name="$3" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["layer"] == layer { print $at[name] }' "$1"
}

# ---- attention ----
run 0 analyze attention model --text text --length 200 --output maps
prints '200 tokens, plain Mamba; 11 of 64 channels'
prints 'written to maps'
for layer in 0 1 2 3; do prints "    $layer      200 "; done
is_figure maps/attention
absent maps/attention-layer-0.png
grep -q '"bins": 200' maps/attention.json || failed 'bins in attention.json'
# gnuplot finds the maps where they are
size=$(header_size maps/attention.safetensors)
[ "$(field maps/attention.tsv 0 offset)" = "$size" ] || failed 'where the first map is'
[ "$(field maps/attention.tsv 3 cells_offset)" = $((size + 3 * 200 * 200 * 4)) ] || failed 'the last map'
[ "$(wc -c < maps/attention.safetensors)" -eq $((size + 4 * 200 * 200 * 4)) ] || failed 'its size'
# the same again, binned, dropping tokens, of some layers
run 0 analyze attention model --text text --length 200 --layers 1,2 --base-length 50 --bins 64 \
    --channels 16 --floor -2 --show 3,1 --large 1 --output maps
prints '200 tokens, decimate at layers 1,2, base length 50, score norm; 4 of 64 channels'
prints '    1       51 '
prints '    3       26 '
is_figure maps/attention
is_figure maps/attention-layer-1
[ "$(wc -l < out)" -eq 5 ] || failed 'layers that were not asked for'
# places are those of the text: the last token is there in every layer
size=$(header_size maps/attention.safetensors)
for end in 51 77; do
    last=$(od -An -tu8 -j $((size + 8 * (end - 1))) -N8 maps/attention.safetensors)
    [ "$last" -eq 199 ] || failed "the last place is $last"
done
# every bin that has a kept token, and no other, has its colour in the picture: at the last token,
# at which all of them are seen, of the layers 2 and 3 in the lower row of panels
head -c 2048 "$root/data/books/26239.txt" | tr -c '\12\40-\176' ' ' > whole
run 0 analyze attention model --text whole --layers 1 --base-length 60 --keep-tail 16 --output kept
is_figure kept/attention
columns() { # of the last line of the panel in column $1
    gnuplot -e "set table; plot 'kept/attention.png' binary filetype=png using 1:2:3 with rgbimage" \
        2> /dev/null | awk -v left=$((95 + $1 * (512 + 50))) '
        /^ *[0-9]/ && $2 == 75 && $1 >= left && $1 < left + 512 && ($3 - $4)^2 + ($4 - $5)^2 > 1000 {
            print $1 - left }' | sort -n
}
if command -v gnuplot > /dev/null; then
    od -An -v -w8 -tu8 -j "$(header_size kept/attention.safetensors)" -N $((76 * 8)) \
        kept/attention.safetensors | awk '{ print int($1 / 4) }' | uniq > places
    [ "$(wc -l < places)" -gt 40 ] || failed 'few bins have kept tokens'
    for panel in 0 1; do
        columns $panel > columns
        same columns places
    done
fi
# the same command draws the same bytes
run 0 analyze attention model --text whole --layers 1 --base-length 60 --keep-tail 16 --output again
if command -v gnuplot > /dev/null; then
    for file in png svg tsv; do same kept/attention.$file again/attention.$file; done
fi
# a sheet that would be too large shows the largest of each cell's bins
head -c 4000 "$root/data/books/26239.txt" | tr -c '\12\40-\176' ' ' > longer
PATH=$work/nowhere "$program" analyze attention model --text longer --length 2600 --bins 2600 \
    --channels 64 --layers 1 --base-length 60 --keep-tail 16 --output pooled > out 2> err
check_streams $? 0
[ "$(field pooled/attention.tsv 0 cells)" -eq 2048 ] || failed 'the sheet has other cells'
start=$(header_size pooled/attention.safetensors)
od -An -v -w8 -tu8 -j "$start" -N $((76 * 8)) pooled/attention.safetensors |
    awk '{ print int($1 * 2048 / 2600) }' | uniq > places
at=$(field pooled/attention.tsv 3 cells_offset)
od -An -v -w4 -tf4 -j $((at + 2047 * 2048 * 4)) -N $((2048 * 4)) pooled/attention.safetensors |
    awk '$1 != "nan" && $1 != "-nan" { print NR - 1 }' > columns
same columns places
# without gnuplot
PATH=$work/nowhere "$program" analyze attention model --text text --length 20 --output plain \
    > out 2> err
check_streams $? 0
prints 'no attention.png and attention.svg: gnuplot: No such file'
[ -s plain/attention.safetensors ] || failed 'no maps without gnuplot'
run 0 analyze attention model --text text --length 1 --output one
run 2 analyze attention model --output maps
complains 'analyze attention: --text is missing'
run 2 analyze attention model --text text
complains 'analyze attention: --output is missing'
run 1 analyze attention model --text text --length 5000 --output new
complains "text: $tokens tokens, fewer than --length 5000"
run 2 analyze attention model --text text --show 4 --output new
complains '--show: there is no layer 4: the model has layers 0 to 3'
run 2 analyze attention model --text text --show 1 --large 2 --output new
complains '--large: layer 2 is not in --show'
run 1 analyze attention model --text text --output model
complains 'model: not empty'
: > empty
run 1 analyze attention model --text empty --output new
complains 'empty: there is no text'
absent new

# ---- distance ----
run 0 analyze distance model --text text --lengths 400,100,200 --trained 100 --output distances
prints 'plain Mamba'
prints ' 100* '
prints 'ends at'
is_figure distances/distance
[ "$(cut -f 1 distances/distance.tsv | tr '\n' ' ')" = 'length 100 200 400 ' ] || failed 'its rows'
[ "$(head -1 distances/distance.tsv | cut -f 2-)" = \
    "$(printf 'layer_0\tlayer_1\tlayer_2\tlayer_3\tmean')" ] || failed 'its columns'
# no farther than the text goes, and the mean is the layers'
awk -F '\t' 'NR > 1 {
        for (i = 2; i <= 5; i++) {
            if (!($i > 0 && $i < $1)) exit 1
            sum += $i / 4
        }
        if ((sum - $6)^2 > 1e-8 * $6^2) exit 1
        sum = 0
    }' distances/distance.tsv || failed 'distances'
size=$(header_size distances/distance.safetensors)
[ "$(wc -c < distances/distance.safetensors)" -eq $((size + 3 * 4 * 64 * 4)) ] ||
    failed 'the size of distance.safetensors'
# threads change nothing
run 0 analyze distance model --text text --lengths 100,200,400 --trained 100 --output other \
    --threads 1
same distances/distance.safetensors other/distance.safetensors
# the length that the model was trained on has the mark, and no other
run 0 analyze distance model --text text --lengths 100,200,400 --trained 200
prints ' 200* '
[ "$(grep -o '[0-9]\*' out | wc -l)" -eq 1 ] || failed 'other lengths are marked'
prints '* the model was trained on this length'
run 0 analyze distance model --text text --lengths 100,200,400 --trained 300
! grep -q '\*' out || failed 'a length that the model was not trained on is marked'
run 0 analyze distance model --text text --lengths 300 --layers 1 --base-length 40 --json
prints '"base_length":40'
prints '"keep_tail":16'
prints '"lengths":[300]'
prints '"ends_at":null'
run 0 analyze distance model --text text
prints '     512   1024   2048  ends at'
run 2 analyze distance model
complains 'analyze distance: --text is missing'
run 2 analyze distance model --text text --json --output distances
complains 'analyze distance: --json prints what --output writes as distance.json: give one'
run 1 analyze distance model --text text --lengths 100,5000
complains "text: $tokens tokens, fewer than the 5000 of --lengths"
run 2 analyze distance model --text text --lengths 10,10 --queries 2
complains "--lengths: '10,10' is not a list of at most 64 different whole numbers"
run 2 analyze distance model --text text --lengths 10
complains '--queries 16: a text of 10 tokens has fewer'
run 2 analyze distance model --text text --layers 1 --keep-tail 3
complains '--keep-tail 3: the last 16 tokens are looked at'
run 1 analyze distance model --text text --output maps
complains 'maps: not empty, and no folder of a measurement of distances'
# ---- layers ----
cp "$root/include/decimamba.h" header.txt
task="--text header.txt --lengths 200,400 --depths 2 --keys 1"
run 0 analyze layers passkey model $task --score norm --base-length 50 --trained 200 --output sweep
prints 'decimate:layers=3,base-length=50,score=norm'
prints "best by 'all': decimate:layers="
is_figure sweep/sweep-layer
is_figure sweep/passkey
[ "$(grep -c '"options"' sweep/outcomes.jsonl)" -eq 6 ] || failed 'methods of the sweep'
# a panel for each length and one for both; in each the layers, plain Mamba and keep-last
[ "$(cut -f 1,2 sweep/sweep-layer.tsv | sort -u | wc -l)" -eq 4 ] || failed 'its panels'
[ "$(awk -F '\t' '$1 == 3 { print $3, $5, $6 }' sweep/sweep-layer.tsv | tr '\n' ';')" = \
    '1 0 4;1 1 4;1 2 4;1 3 4;3 ? 4;4 ? 4;' ] || failed 'its rows'
# its points are methods like any other: evaluate goes on from them, and sweeps share them
cp sweep/outcomes.jsonl before
run 0 evaluate passkey model $task --trained 200 --output sweep \
    --methods 'none decimate:layers=2,base-length=50,score=norm'
prints '4 of them read before'
run 0 analyze layers passkey model $task --trained 200 --score norm --base-length 50 \
    --sweep layer=3,1 --methods none --column 400 --output sweep
same sweep/outcomes.jsonl before
prints "best by '400': decimate:layers="
[ "$(awk -F '\t' 'NR > 1 { print $2, $3, $5 }' sweep/sweep-layer.tsv | tr '\n' ';')" = \
    '400 1 3;400 1 1;400 3 ?;' ] || failed 'the rows of one column'
run 0 analyze layers passkey model $task --trained 200 --score norm --layers 3 \
    --sweep base-length=50,25 --output sweep
[ "$(grep -c '"method":"decimate:layers=3,base-length=50,score=norm","prompt"' \
    sweep/outcomes.jsonl)" -eq 4 ] || failed 'a point was read twice'
prints 'keep-last:base-length=25'
is_figure sweep/sweep-base-length
run 0 analyze layers passkey model $task --layers 0,2 --base-length 60 --sweep beta=.5,.83,1 \
    --output beta
is_figure beta/sweep-beta
prints 'decimate:layers=0,2,base-length=60,beta=.83'
# without channels the global score is left out
run 0 analyze layers passkey model $task --layers 1 --base-length 60 --sweep score --output scores
prints 'score global is left out: score global needs the channels of layer 1'
prints 'score=random'
prints 'score=token-norm'
is_figure scores/sweep-score
! grep -q 'score=global' scores/table.md || failed 'a point without channels'
cp -r model calibrated
run 0 calibrate calibrated --text text --length 128
run 0 analyze layers passkey calibrated $task --layers 1 --base-length 60 --sweep score=global,norm
prints 'layers=1,base-length=60,score=global'
# tasks without rows, and those measured in perplexity
run 0 analyze layers perplexity model --text "$root/data/books" --lengths 300,150 --windows 2 \
    --base-length 100 --output loss
prints "best by 'all': "
[ "$(awk -F '\t' 'NR > 1 { print $2 }' loss/sweep-layer.tsv | uniq | tr '\n' ' ')" = \
    '150 300 all ' ] || failed 'columns are not in the order of their values'
is_figure loss/sweep-layer
run 2 analyze layers
complains 'analyze layers: a task is missing'
run 2 analyze layers passky model
complains "unknown task 'passky' (did you mean passkey?)"
run 2 analyze layers passkey model $task --sweep layers
complains "--sweep: 'layers' is not one of layer, base-length, beta, score"
run 2 analyze layers passkey model $task --sweep beta
complains '--sweep beta: its values are missing, as in --sweep beta=0.5,0.83,1'
run 2 analyze layers passkey model $task --sweep layer=1,,2
complains "--sweep layer: '1,,2' is not a list of values"
run 1 analyze layers passkey model $task --sweep layer=4
complains 'there is no layer 4'
run 1 analyze layers passkey model $task --sweep layer=1,1
complains "method 'decimate:layers=1' is named twice"
run 2 analyze layers passkey model $task --layers 1
complains '--layers: this is what is swept'
run 2 analyze layers passkey model $task --layers 1 --sweep beta=.5,1
complains '--sweep beta: with one layer beta says nothing'
run 1 analyze layers passkey model $task --score global --output new
complains "method 'decimate:layers=0,score=global': score global needs the channels of layer 0"
run 1 analyze layers passkey model $task --sweep score=fast --layers 1
complains "'fast' is not one of norm, mean, global, random, token-norm"
run 2 analyze layers passkey model $task --column 300
complains "--column: there is no column '300'"
run 2 analyze layers passkey model $task --sweep base-length=10
complains '--layers is missing'
absent new
finish
