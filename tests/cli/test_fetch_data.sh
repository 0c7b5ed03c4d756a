#!/bin/sh
# scripts/fetch_data.sh against a mirror in a folder and behind a server of our own: what it fetches,
# checks, notes, goes on with, and refuses. Called as: test_fetch_data.sh SOURCE_ROOT
set -u
root=$1
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
cd "$work" || exit 1
n_failed=0

failed() {
    n_failed=$((n_failed + 1))
    echo "FAILED: $1"
    sed 's/^/    /' out err
}

# run STATUS arguments...
run() {
    expected=$1
    shift
    ./fetch_data.sh "$@" > out 2> err
    status=$?
    [ $status -eq "$expected" ] || failed "exit status $status instead of $expected: $*"
}
prints() {
    grep -qFx -e "$1" out || failed "standard output lacks: $1"
}
complains() {
    grep -qF -e "fetch_data: $1" err || failed "standard error lacks: $1"
}
same() {
    cmp -s "$1" "$2" || failed "$1 and $2 differ"
}
absent() {
    [ ! -e "$1" ] || failed "$1 is there"
}
hash_of() {
    sha256sum < "$1" | cut -d ' ' -f 1
}

# put ADDRESS TEXT: what the mirror has there
put() {
    mkdir -p "mirror/$(dirname "$1")"
    printf '%s' "$2" > "mirror/$1"
}
pack() { # ADDRESS FOLDER: a zip of what the folder holds
    mkdir -p "mirror/$(dirname "$1")"
    (cd "$2" && python3 -m zipfile -c "$work/mirror/$1" ./*)
}
# publish SHA256 ADDRESS: as if the hash published were that of the mirror's file
publish() {
    sed "s/ $1\$/ $(hash_of "mirror/$2")/" fetch_data.sh > edited
    cmp -s edited fetch_data.sh && failed "no file has the hash $1"
    cat edited > fetch_data.sh
}

squad=rajpurkar.github.io/SQuAD-explorer/dataset
tokenizer=huggingface.co/EleutherAI/gpt-neox-20b/resolve/main/tokenizer.json
longbench=huggingface.co/datasets/THUDM/LongBench/resolve/main/data.zip
config=raw.githubusercontent.com/THUDM/LongBench/main/LongBench/config
wikitext=huggingface.co/datasets/ggml-org/ci/resolve/main/wikitext-2-raw-v1.zip
bucket=storage.googleapis.com/deepmind-gutenberg
cp "$root/scripts/fetch_data.sh" .
put $squad/train-v1.1.json '{"data": [1]}'
put $squad/dev-v1.1.json '{"data": [2]}'
put $squad/train-v2.0.json '{"data": [3]}'
put $squad/dev-v2.0.json '{"data": [4]}'
put $tokenizer '{"a long file": "of which a part is there already"}'
put $config/dataset2prompt.json '{}'
put $config/dataset2maxlen.json '{}'
mkdir -p zip/wikitext-2-raw lb/data
for split in train valid test; do
    echo " = $split = " > zip/wikitext-2-raw/wiki.$split.raw
done
echo '{"input": 1}' > lb/data/qasper.jsonl
echo '{"input": 2}' > lb/data/qasper_e.jsonl
pack $wikitext zip
pack $longbench lb
publish 3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955 $squad/train-v1.1.json
publish 95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9 $squad/dev-v1.1.json
publish 68dcfbb971bd3e96d5b46c7177b16c1a4e7d4bdef19fb204502738552dede002 $squad/train-v2.0.json
publish ef7edb566e3e2b2d31b29c1fdb0c89a4cc683597484c3dc2517919c615435a11 $wikitext
export DECIMAMBA_DATA_MIRROR="file://$work/mirror"

# arguments
run 2
complains 'a folder is missing'
run 2 --wrong
complains "unknown option '--wrong'"
run 2 data squad pg19
complains "unknown group 'pg19'"
absent data
run 0 --list
prints "squad/dev-v1.1.json https://$squad/dev-v1.1.json"
prints "books/test/*.txt https://$bucket?prefix=test%2F&max-keys=1000"
prints "models/mamba-130m/pytorch_model.bin \
https://huggingface.co/state-spaces/mamba-130m/resolve/main/pytorch_model.bin"
run 0 --list tokenizer
prints "tokenizer/20B_tokenizer.json https://$tokenizer"
[ "$(wc -l < out)" = 1 ] || failed '--list tokenizer lists more'

# models of the hub, as their owners have them
hub=huggingface.co
put $hub/state-spaces/mamba-130m-hf/resolve/main/config.json '{"model_type": "mamba"}'
put $hub/state-spaces/mamba-130m-hf/resolve/main/tokenizer.json '{"t": 1}'
put $hub/state-spaces/mamba-130m-hf/resolve/main/model.safetensors 'weights'
run 0 made hub:state-spaces/mamba-130m-hf
for name in config.json tokenizer.json model.safetensors; do
    same made/state-spaces/mamba-130m-hf/$name \
        mirror/$hub/state-spaces/mamba-130m-hf/resolve/main/$name
done
[ "$(find made/state-spaces -type f | wc -l)" = 3 ] || failed "more: $(find made -type f)"
[ "$(wc -l < made/SHA256SUMS)" = 3 ] || failed 'not every hash is noted'
run 0 made hub:state-spaces/mamba-130m-hf # nothing is fetched again
prints "state-spaces/mamba-130m-hf/model.safetensors: sha256 as noted in SHA256SUMS"
put $hub/some/shards/resolve/main/config.json '{}'
put $hub/some/shards/resolve/main/pytorch_model.bin.index.json '{"metadata": {"total_size": 3}, "weight_map":
  {"a": "pytorch_model-00001-of-00002.bin", "b.c": "pytorch_model-00002-of-00002.bin",
   "d": "pytorch_model-00001-of-00002.bin"}}'
put $hub/some/shards/resolve/main/pytorch_model-00001-of-00002.bin 'one'
run 1 made hub:some/shards
complains 'some/shards/pytorch_model-00002-of-00002.bin: curl gave up with status 37 on'
put $hub/some/shards/resolve/main/pytorch_model-00002-of-00002.bin 'two'
run 0 made hub:some/shards
prints "some/shards: it has no tokenizer; group tokenizer fetches GPT-NeoX-20B's"
for i in 1 2; do
    same made/some/shards/pytorch_model-0000$i-of-00002.bin \
        mirror/$hub/some/shards/resolve/main/pytorch_model-0000$i-of-00002.bin
done
put $hub/some/config/resolve/main/config.json '{}'
run 1 made hub:some/config
complains 'some/config: neither model.safetensors nor pytorch_model.bin'
run 1 made hub:no/such
complains 'no/such/config.json: curl gave up'
for wrong in hub: hub:a hub:a/b/c hub:../a 'hub:a/b c' hub:/a hub:a/.b; do
    run 2 other "$wrong"
done
absent other
run 0 --list hub:some/shards
prints 'some/shards/* https://huggingface.co/some/shards'

# a hash that is not the published one is refused, and the rest is fetched
run 1 data squad
complains "squad/dev-v2.0.json: sha256 is $(hash_of mirror/$squad/dev-v2.0.json), not \
80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8 (published)"
complains '1 failed; run it again to go on'
absent data/squad/dev-v2.0.json
absent data/squad/dev-v2.0.json.part
for name in train-v1.1 dev-v1.1 train-v2.0; do
    prints "squad/$name.json: sha256 as published"
    same data/squad/$name.json mirror/$squad/$name.json
done
publish 80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8 $squad/dev-v2.0.json
rm mirror/$squad/dev-v1.1.json # it is not asked for again
run 0 data squad
prints 'squad/dev-v2.0.json: sha256 as published'
echo 'changed' >> data/squad/train-v2.0.json
run 1 data squad
complains 'squad/train-v2.0.json: sha256 is '
[ "$(tail -n 1 data/squad/train-v2.0.json)" != '{"data": [3]}' ] || failed 'a changed file was replaced'

# without a published hash: noted the first time, compared from then on; an interrupted file goes on
mkdir -p data/tokenizer
head -c 20 mirror/$tokenizer > data/tokenizer/20B_tokenizer.json.part
run 0 data tokenizer
prints "tokenizer/20B_tokenizer.json: sha256 $(hash_of mirror/$tokenizer), noted"
same data/tokenizer/20B_tokenizer.json mirror/$tokenizer
rm data/tokenizer/20B_tokenizer.json
run 0 data tokenizer
prints 'tokenizer/20B_tokenizer.json: sha256 as noted in SHA256SUMS'
rm data/tokenizer/20B_tokenizer.json
printf 'not the beginning' > data/tokenizer/20B_tokenizer.json.part
run 1 data tokenizer
complains 'tokenizer/20B_tokenizer.json: sha256 is '
absent data/tokenizer/20B_tokenizer.json
absent data/tokenizer/20B_tokenizer.json.part
run 0 data tokenizer
same data/tokenizer/20B_tokenizer.json mirror/$tokenizer

# archives
run 0 data wikitext2 longbench
for split in train valid test; do
    same data/wikitext2/wiki.$split.raw zip/wikitext-2-raw/wiki.$split.raw
done
prints 'longbench/data: 2 data sets'
same data/longbench/data/qasper.jsonl lb/data/qasper.jsonl
same data/longbench/data/qasper_e.jsonl lb/data/qasper_e.jsonl
rm -r data/longbench/data data/wikitext2/wiki.valid.raw # from the archives that are there
run 0 data wikitext2 longbench
same data/longbench/data/qasper.jsonl lb/data/qasper.jsonl
same data/wikitext2/wiki.valid.raw zip/wikitext-2-raw/wiki.valid.raw
put $longbench 'no archive'
run 1 other longbench
complains 'longbench/data.zip: no data sets come out of it; removed'
absent other/longbench/data
absent other/longbench/data.zip
pack $longbench lb
run 0 other longbench
same other/longbench/data/qasper.jsonl lb/data/qasper.jsonl

# what is not there
run 1 data babilong
complains 'babilong/codes_train.txt: curl gave up'
complains 'babilong/codes_test.txt: curl gave up'
complains '2 failed'
absent data/babilong/codes_test.txt

# behind a server: the bucket's books, and a server that cannot go on in the middle of a file
: > server.out
python3 -u -m http.server 0 --bind 127.0.0.1 --directory mirror > server.out 2> server.err &
server=$!
for _ in $(seq 100); do
    grep -q 'port [0-9]' server.out && break
    sleep 0.1
done
port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' server.out)
export DECIMAMBA_DATA_MIRROR="http://127.0.0.1:$port/"
put $bucket/metadata.csv '10146,A book'
put $bucket/test/10146.txt 'A book.'
put $bucket/test/10356.txt 'Another book.'
entry() { # BOOK MD5
    printf '<Contents><Key>test/%s</Key><Size>7</Size><ETag>"%s"</ETag></Contents>' "$1" "$2"
}
list="<?xml version='1.0'?><ListBucketResult><Prefix>test/</Prefix>$(entry '' 0)\
$(entry 10146.txt "$(md5sum < mirror/$bucket/test/10146.txt | cut -d ' ' -f 1)")\
$(entry 10356.txt 00000000000000000000000000000000)$(entry ../../evil.txt 0)</ListBucketResult>"
put $bucket/index.html "$list"
run 1 data books
same data/books/test/10146.txt mirror/$bucket/test/10146.txt
same data/books/metadata.csv mirror/$bucket/metadata.csv
complains 'books/test/10356.txt: its MD5 is not 00000000000000000000000000000000'
complains '1 failed'
absent data/books/test/10356.txt
absent data/books/list.part
absent data/books/list.part.names
put $bucket/index.html '<ListBucketResult></ListBucketResult>'
run 1 data books
complains 'books/test: https://storage.googleapis.com/deepmind-gutenberg?prefix=test%2F&max-keys=1000 names no book'
rm data/tokenizer/20B_tokenizer.json
head -c 20 mirror/$tokenizer > data/tokenizer/20B_tokenizer.json.part
run 0 data tokenizer
same data/tokenizer/20B_tokenizer.json mirror/$tokenizer

# what is noted is what is there
rm data/squad/train-v2.0.json
DECIMAMBA_DATA_MIRROR="file://$work/mirror" run 0 data squad
(cd data && sha256sum -c --quiet SHA256SUMS) > out 2>&1 || failed 'SHA256SUMS does not fit'
[ "$(sort data/SHA256SUMS | uniq -d)" = '' ] || failed 'SHA256SUMS says something twice'
find data -name '*.part*' | grep . && failed 'parts are left'

[ $n_failed -eq 0 ]
