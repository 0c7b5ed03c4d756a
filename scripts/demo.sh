#!/bin/sh
# Hides keys in a real book and shows which way of reading still finds them.
set -eu
program=$1
cd "$(dirname "$0")/.."
model=models/passkey
book=data/books/26239.txt

cat <<TEXT
A five-digit key is hidden in "The Forester's Daughter" (H. Garland, 1914), at five depths and in
prompts of 2 KB to 128 KB. The model, a Mamba of 8 layers and 1 M parameters, was trained on 2 KB
(with decimation active, as the paper does). Three ways to read the same prompts; each cell counts
the prompts, of two, whose key the model says:

  none              plain Mamba
  keep-last         the last 2,048 bytes only
  decimate (norm)   DeciMamba, the official score: at layer 2 keep the 512 tokens with the largest
                    Delta

TEXT
exec "$program" evaluate passkey "$model" --text "$book" --trained 2048 --keys 2 \
    --lengths 2048,8192,32768,131072 \
    --method none \
    --method keep-last:base-length=2048 \
    --method decimate:score=norm,layers=2,base-length=512
