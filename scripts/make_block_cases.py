"""Writes tests/data/blocks: weights in blocks, as GGUF files have them, and the numbers that they are.

    python scripts/make_block_cases.py

Needs gguf and numpy. Of each kind KIND.blocks has blocks of 1,024 weights whose bytes are drawn at random, but
for the f16 scales, and KIND.floats what gguf.quants.dequantize makes of them, in float32.
"""
import pathlib

import gguf
import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "blocks"
WEIGHTS = 1024
# where a block has its f16 scales, in bytes
KINDS = {"Q4_0": [0], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def main():
    random = numpy.random.default_rng(1)
    ROOT.mkdir(parents=True, exist_ok=True)
    for name, scales in KINDS.items():
        kind = gguf.GGMLQuantizationType[name]
        n_weight, n_byte = gguf.GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (WEIGHTS // n_weight, n_byte), dtype=numpy.uint8)
        for at in scales:
            drawn = random.normal(size=(len(blocks), 1)).astype(numpy.float16)
            blocks[:, at : at + 2] = drawn.view(numpy.uint8)
        floats = gguf.quants.dequantize(blocks, kind).astype(numpy.float32)
        (ROOT / f"{name.lower()}.blocks").write_bytes(blocks.tobytes())
        (ROOT / f"{name.lower()}.floats").write_bytes(floats.tobytes())


main()
