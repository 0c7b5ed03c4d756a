#!/bin/sh
# Draws the pictures of docs/analysis.md into build/gallery, and copies them into IMAGES (docs/images,
# which is tracked) where that is given: make_gallery.sh PROGRAM [IMAGES]. Half a minute.
set -eu
program=$(realpath "$1")
images=${2:+$(realpath "$2")}
cd "$(dirname "$0")/.."
out=build/gallery
model=models/passkey
book=data/books/26239.txt
rm -rf "$out"
mkdir -p "$out"

# a key in 2 KB of a book
{
    printf 'Find the pass key:\n'
    tail -c +60001 "$book" | head -c 1200
    printf ' The pass key is 48151. Remember it. 48151 is the pass key. '
    tail -c +61201 "$book" | head -c 740
    printf '\nAnswer: '
} > "$out/prompt.txt"

"$program" analyze attention "$model" --text "$out/prompt.txt" --method none --output "$out/plain"
"$program" analyze attention "$model" --text "$out/prompt.txt" --output "$out/decimated"
"$program" analyze distance "$model" --text "$book" --trained 2048 --method none \
    --output "$out/distance"
"$program" analyze receptive-field "$model" --text "$book" --lengths 512,2048,8192 --windows 4 \
    --output "$out/field"
"$program" analyze delta "$model" --text "$out/prompt.txt" --base-length 128 --output "$out/delta"
"$program" analyze layers passkey "$model" --text "$book" --trained 2048 --lengths 2048,8192 \
    --keys 2 --sweep layer --output "$out/sweep"
"$program" calibrate "$model" --text data/books/26618.txt --dry-run > "$out/calibrate.txt"

[ -n "$images" ] || exit 0
cp "$out/plain/attention.png" "$images/attention-plain.png"
cp "$out/decimated/attention.png" "$images/attention-decimated.png"
cp "$out/distance/distance.png" "$out/field/receptive-field.png" "$out/delta/delta.png" \
    "$out/sweep/sweep-layer.png" "$images"
