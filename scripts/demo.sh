#!/bin/sh
# Hides keys in a real book and shows which way of reading still finds them.
set -eu
program=$1
cd "$(dirname "$0")/.."
model=models/passkey-bytes-512-decimated
book=data/books/26239.txt

cat <<TEXT
A five-digit key is hidden in "The Forester's Daughter" (H. Garland, 1914), at five depths and in
prompts of 512 bytes to 128 KB. The model, a Mamba of 0.5 M parameters, was trained on 512 bytes
(with decimation active, as the paper does). Four ways to read the same prompts; each cell counts
the prompts, of three, whose key the model says:

  none              plain Mamba
  keep-last         the last 512 bytes only
  decimate (norm)   DeciMamba: at layer 2 keep the 512 tokens with the largest Delta
  decimate (global) the same, but Delta over the layer's slow channels (decimamba calibrate)

TEXT
exec "$program" evaluate passkey "$model" --text "$book" --trained 512 --keys 3 \
    --lengths 512,2048,8192,32768,131072 \
    --method none \
    --method keep-last:base-length=512 \
    --method decimate:score=norm,layers=2,base-length=512 \
    --method decimate:score=global,layers=2,base-length=512
