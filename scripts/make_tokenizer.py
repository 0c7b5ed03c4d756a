"""Trains a small byte-level BPE tokenizer, with Hugging Face's tokenizers:

    make_tokenizer.py N_ENTRY OUT FILE...

A FILE is a text, or (.json) of SQuAD's format: its paragraphs and questions are a line each. One that
is named several times counts as often. models/README.md says how the project's was made.
"""
import json
import sys
import tempfile

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers


def squad_lines(path):
    with open(path, encoding="utf-8") as file:
        for article in json.load(file)["data"]:
            for paragraph in article["paragraphs"]:
                yield paragraph["context"]
                yield from (question["question"] for question in paragraph["qas"])


def main():
    n_entry, out, files = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        for i, path in enumerate(files):
            if path.endswith(".json"):
                files[i] = f"{folder}/{i}.txt"
                with open(files[i], "w", encoding="utf-8") as file:
                    file.write("\n".join(squad_lines(path)))
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.train(files, trainers.BpeTrainer(
            vocab_size=n_entry, special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.save(out)


main()
