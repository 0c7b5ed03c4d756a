#!/bin/sh
# Fetches the public data that evaluation and training read, from its official addresses.
#
#     fetch_data.sh FOLDER [GROUP]...    into FOLDER; without groups, all but models
#     fetch_data.sh FOLDER hub:OWNER/NAME...   a model of Hugging Face's hub into FOLDER/OWNER/NAME:
#                                        config, weights (safetensors, else pytorch_model.bin; in
#                                        shards too), and the tokenizer's files where it has some
#     fetch_data.sh --list [GROUP]...    prints the files and their addresses, and fetches nothing
#
# For a model without a tokenizer (state-spaces/mamba-130m), group tokenizer fetches GPT-NeoX-20B's: give
# it as --tokenizer FOLDER/tokenizer/20B_tokenizer.json.
#
# Groups: squad wikitext2 babilong books longbench tokenizer models. Running it again goes on where
# it was interrupted, and checks what is there. FOLDER/SHA256SUMS (for sha256sum -c) notes the hash of
# every file: where none is published, that of the first time it was fetched. A file whose hash is
# another is refused. DECIMAMBA_DATA_MIRROR=URL: addresses begin with URL/ in place of https://.
# Needs curl, and unzip for wikitext2 and longbench.
set -u

# group, file, address, published sha256 ("-": none is known)
table() {
    squad=https://rajpurkar.github.io/SQuAD-explorer/dataset
    babilong=https://raw.githubusercontent.com/assafbk/babilong/niah_mamba/data/codes
    longbench=https://raw.githubusercontent.com/THUDM/LongBench/main/LongBench/config
    hub=https://huggingface.co
    cat <<END
squad squad/train-v1.1.json $squad/train-v1.1.json 3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955
squad squad/dev-v1.1.json $squad/dev-v1.1.json 95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9
squad squad/train-v2.0.json $squad/train-v2.0.json 68dcfbb971bd3e96d5b46c7177b16c1a4e7d4bdef19fb204502738552dede002
squad squad/dev-v2.0.json $squad/dev-v2.0.json 80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8
wikitext2 wikitext2/wikitext-2-raw-v1.zip $hub/datasets/ggml-org/ci/resolve/main/wikitext-2-raw-v1.zip ef7edb566e3e2b2d31b29c1fdb0c89a4cc683597484c3dc2517919c615435a11
babilong babilong/codes_train.txt $babilong/codes_train.txt 2a418ffa30d3a39069a420ef5bb261e512282bd9a0a29dcd2bc77ef1751543f5
babilong babilong/codes_test.txt $babilong/codes_test.txt 5fcf9d34ba83aede08827f72f8fbca43c4dd701f98082c4608469f6e7571ac06
longbench longbench/dataset2prompt.json $longbench/dataset2prompt.json -
longbench longbench/dataset2maxlen.json $longbench/dataset2maxlen.json -
longbench longbench/data.zip $hub/datasets/THUDM/LongBench/resolve/main/data.zip -
tokenizer tokenizer/20B_tokenizer.json $hub/EleutherAI/gpt-neox-20b/resolve/main/tokenizer.json -
END
    for file in config.json pytorch_model.bin; do
        echo "models models/mamba-130m/$file $hub/state-spaces/mamba-130m/resolve/main/$file -"
    done
    for task in niah squad-doc-ret pg19; do
        for file in config.json fintune_ssm_config.json pytorch_model.bin tokenizer.json; do
            path=decimamba-130m-$task
            echo "models models/$path/$file $hub/assafbk/$path/resolve/main/$file -"
        done
    done
}
# The books of PG-19's test split: the bucket says which, with their MD5.
bucket=https://storage.googleapis.com/deepmind-gutenberg
book_list="$bucket?prefix=test%2F&max-keys=1000"

n_failed=0
complain() {
    echo "fetch_data: $1" >&2
    n_failed=$((n_failed + 1))
}

refuse_usage() {
    echo "fetch_data: $1; see the first lines of scripts/fetch_data.sh" >&2
    exit 2
}

# download ADDRESS FILE: goes on with what FILE holds.
download() {
    address=$1
    protocols='=https'
    if [ -n "${DECIMAMBA_DATA_MIRROR:-}" ]; then
        address=${DECIMAMBA_DATA_MIRROR%/}/${1#https://}
        protocols='=https,http,file'
    fi
    show=-sS
    [ -t 2 ] && show=--progress-bar
    curl $show -f -L --proto "$protocols" --retry 3 --connect-timeout 30 -C - -o "$2" "$address"
}

hash_of() {
    sha256sum < "$1" | cut -d ' ' -f 1
}

# settle FILE PATH SHA256: FILE is to be PATH of the folder. Compares its hash with the published one,
# or the one noted; notes it where there is none.
settle() {
    found=$(hash_of "$1") || return 1
    noted=
    [ -e "$folder/SHA256SUMS" ] &&
        noted=$(awk -v path="$2" '$2 == path { print $1; exit }' "$folder/SHA256SUMS")
    wanted=$3 source=published
    [ "$wanted" = - ] && wanted=$noted source='noted in SHA256SUMS'
    if [ -n "$wanted" ] && [ "$found" != "$wanted" ]; then
        complain "$2: sha256 is $found, not $wanted ($source)"
        return 1
    fi
    [ "$noted" = "$found" ] || printf '%s  %s\n' "$found" "$2" >> "$folder/SHA256SUMS"
    if [ -n "$wanted" ]; then
        echo "$2: sha256 as $source"
    else
        echo "$2: sha256 $found, noted"
    fi
}

# fetch PATH ADDRESS SHA256 [MD5]
fetch() {
    file=$folder/$1
    if [ -e "$file" ]; then
        settle "$file" "$1" "$3"
        return
    fi
    part=$file.part
    mkdir -p "$(dirname "$file")" || return 1
    resumed=false
    [ -e "$part" ] && resumed=true
    download "$2" "$part"
    status=$?
    # 22, 33, 36: the server does not go on, or there is nothing left of a finished part
    if $resumed && { [ $status = 22 ] || [ $status = 33 ] || [ $status = 36 ]; }; then
        rm -f "$part"
        download "$2" "$part"
        status=$?
    fi
    if [ $status != 0 ]; then
        complain "$1: curl gave up with status $status on $2"
        return 1
    fi
    [ -e "$part" ] || : > "$part" # curl leaves no file where the answer is empty
    if [ -n "${4:-}" ] && [ "$(md5sum < "$part" | cut -d ' ' -f 1)" != "$4" ]; then
        complain "$1: its MD5 is not $4, which the bucket says; removed"
        rm -f "$part"
        return 1
    fi
    if settle "$part" "$1" "$3"; then
        mv "$part" "$file"
    else
        rm -f "$part"
        return 1
    fi
}

unpack_wikitext2() {
    for split in train valid test; do
        file=$folder/wikitext2/wiki.$split.raw
        if [ ! -e "$file" ]; then
            if ! unzip -p "$folder/wikitext2/wikitext-2-raw-v1.zip" \
                "wikitext-2-raw/wiki.$split.raw" > "$file.part"; then
                complain "wikitext2/wikitext-2-raw-v1.zip: no wiki.$split.raw comes out of it"
                rm -f "$file.part"
                return 1
            fi
            mv "$file.part" "$file"
        fi
        settle "$file" "wikitext2/wiki.$split.raw" -
    done
}

unpack_longbench() {
    [ -e "$folder/longbench/data" ] && return
    rm -rf "$folder/longbench/data.part"
    if unzip -q "$folder/longbench/data.zip" 'data/*.jsonl' -d "$folder/longbench/data.part"; then
        mv "$folder/longbench/data.part/data" "$folder/longbench/data"
        echo "longbench/data: $(find "$folder/longbench/data" -name '*.jsonl' | wc -l) data sets"
    else
        complain "longbench/data.zip: no data sets come out of it; removed"
        rm -f "$folder/longbench/data.zip"
        grep -v ' longbench/data.zip$' "$folder/SHA256SUMS" > "$folder/sums.part"
        mv "$folder/sums.part" "$folder/SHA256SUMS"
    fi
    rm -rf "$folder/longbench/data.part"
}

# Prints "FILE MD5" for each book in the bucket's answer, which is XML.
read_book_list() {
    sed 's/</\n/g' "$1" | awk -F '>' '
        $1 == "Key" { key = $2 }
        $1 == "ETag" && key ~ /^test\/[0-9]+\.txt$/ {
            gsub(/&quot;|"/, "", $2)
            print substr(key, 6), length($2) == 32 ? $2 : ""
        }'
}

fetch_books() {
    fetch books/metadata.csv "$bucket/metadata.csv" -
    list=$folder/books/list.part
    rm -f "$list"
    if ! download "$book_list" "$list"; then
        complain "books/test: the list of books could not be fetched from $book_list"
        return
    fi
    read_book_list "$list" > "$list.names"
    [ -s "$list.names" ] || complain "books/test: $book_list names no book"
    while read -r book md5; do
        fetch "books/test/$book" "$bucket/test/$book" - "$md5"
    done < "$list.names"
    rm -f "$list" "$list.names"
}

# fetch_if_any PATH ADDRESS: what need not be there. Gives 1 where it is not.
fetch_if_any() {
    file=$folder/$1
    if [ ! -e "$file" ] && [ ! -e "$file.part" ]; then
        mkdir -p "$(dirname "$file")" || return 1
        # of a server, 22: it has none; of a folder, 37
        download "$2" "$file.part" 2> "$folder/error.part"
        status=$?
        if [ $status = 22 ] || [ $status = 37 ]; then
            rm -f "$file.part" "$folder/error.part"
            return 1
        fi
        [ $status = 0 ] || cat "$folder/error.part" >&2
        rm -f "$folder/error.part"
    fi
    fetch "$1" "$2" -
}

# The files that an index of shards names.
read_shards() {
    tr ',{}' '\n\n\n' < "$1" | sed -n 's/.*: *"\([^"/]*\.\(safetensors\|bin\)\)".*/\1/p' | sort -u
}

fetch_hub() {
    hub=https://huggingface.co/$1/resolve/main
    fetch "$1/config.json" "$hub/config.json" - || return
    for file in generation_config.json tokenizer.json tokenizer.model tokenizer_config.json \
        special_tokens_map.json chat_template.jinja; do
        fetch_if_any "$1/$file" "$hub/$file"
    done
    [ -e "$folder/$1/tokenizer.json" ] || [ -e "$folder/$1/tokenizer.model" ] ||
        echo "$1: it has no tokenizer; group tokenizer fetches GPT-NeoX-20B's"
    for weights in model.safetensors pytorch_model.bin; do
        fetch_if_any "$1/$weights" "$hub/$weights" && return
        index=$weights.index.json
        fetch_if_any "$1/$index" "$hub/$index" || continue
        for shard in $(read_shards "$folder/$1/$index"); do
            fetch "$1/$shard" "$hub/$shard" -
        done
        return
    done
    complain "$1: neither model.safetensors nor pytorch_model.bin, whole or in shards"
}

fetch_group() {
    case $1 in
    hub:*)
        fetch_hub "${1#hub:}"
        return
        ;;
    wikitext2 | longbench)
        if ! command -v unzip > /dev/null; then
            complain "$1: unzip is missing"
            return
        fi
        ;;
    books)
        fetch_books
        return
        ;;
    esac
    table | awk -v group="$1" '$1 == group' > "$folder/table.part"
    whole=true
    while read -r _ path address sha256; do
        fetch "$path" "$address" "$sha256" || whole=false
    done < "$folder/table.part"
    rm -f "$folder/table.part"
    case $whole$1 in
    truewikitext2) unpack_wikitext2 ;;
    truelongbench) unpack_longbench ;;
    esac
}

list_group() {
    case $1 in
    hub:*) echo "${1#hub:}/* https://huggingface.co/${1#hub:}" ;;
    esac
    table | awk -v group="$1" '$1 == group { print $2, $3 }'
    if [ "$1" = books ]; then
        echo "books/metadata.csv $bucket/metadata.csv"
        echo "books/test/*.txt $book_list"
    fi
}

[ $# -ge 1 ] || refuse_usage "a folder is missing"
folder=$1
shift
case $folder in
--list | [!-]*) ;;
*) refuse_usage "unknown option '$folder'" ;;
esac
for group in "$@"; do
    case $group in
    squad | wikitext2 | babilong | books | longbench | tokenizer | models) ;;
    hub:*[!A-Za-z0-9._/-]* | hub:.* | hub:/* | hub:*/ | hub:*/.* | hub:*/*/*)
        refuse_usage "'$group' is no hub:OWNER/NAME" ;;
    hub:*/*) ;;
    *) refuse_usage "unknown group '$group'" ;;
    esac
done
if [ "$folder" = --list ]; then
    [ $# -ge 1 ] || set -- squad wikitext2 babilong books longbench tokenizer models
    for group in "$@"; do
        list_group "$group"
    done
    exit 0
fi
[ $# -ge 1 ] || set -- squad wikitext2 babilong books longbench tokenizer
if ! command -v curl > /dev/null; then
    echo "fetch_data: curl is missing" >&2
    exit 1
fi
mkdir -p "$folder" || exit 1
for group in "$@"; do
    fetch_group "$group"
done
if [ $n_failed -gt 0 ]; then
    echo "fetch_data: $n_failed failed; run it again to go on" >&2
    exit 1
fi
