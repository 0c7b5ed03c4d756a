"""Writes tests/data/transformers/strided.txt: perplexity in strides, by transformers' logits.

    python scripts/make_perplexity_cases.py

Needs torch and transformers, and what make_transformers_cases.py wrote. Windows and what is scored
in each are those of Hugging Face's guide "Perplexity of fixed-length models": a window ends `stride`
tokens behind the one before, and its tokens behind that one's end are scored, but never its first,
which nothing precedes. (The guide weights a window's mean loss by one token less than it is the mean
of, but in the first window; here it is the mean over all tokens that are scored.)

A line is: folder, window, stride, windows, tokens scored, sum of their losses in nats. strided.ids has
the ids.
"""
import pathlib

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "transformers"
N_TOKEN, VOCABULARY = 150, 50
FOLDERS = ["mamba-biases", "falcon-mamba"]
CASES = [(32, 16), (32, 32), (37, 7), (60, 1), (150, 75), (1000, 500), (16, 15), (2, 1), (149, 149)]


def strided(model, ids, window, stride):
    n_window = n_scored = end_before = 0
    total = 0.0
    for begin in range(0, len(ids), stride):
        end = min(begin + window, len(ids))
        n_target = min(end - end_before, end - begin - 1)
        with torch.no_grad():
            logits = model(ids[None, begin:end], use_cache=False).logits[0].double()
        losses = torch.nn.functional.cross_entropy(logits[:-1], ids[begin + 1:end],
                                                   reduction="none")
        if n_target:
            total += losses[-n_target:].sum().item()
            n_scored += n_target
            n_window += 1
        end_before = end
        if end == len(ids):
            break
    return n_window, n_scored, total


def main():
    ids = torch.randint(0, VOCABULARY, (N_TOKEN,), generator=torch.Generator().manual_seed(5))
    (ROOT / "strided.ids").write_text(" ".join(str(id) for id in ids.tolist()) + "\n")
    with open(ROOT / "strided.txt", "w") as file:
        for folder in FOLDERS:
            model = transformers.AutoModelForCausalLM.from_pretrained(ROOT / folder,
                                                                      dtype=torch.float32).eval()
            for window, stride in CASES:
                n_window, n_scored, total = strided(model, ids, window, stride)
                file.write(f"{folder} {window} {stride} {n_window} {n_scored} {total:.6f}\n")


if __name__ == "__main__":
    main()
