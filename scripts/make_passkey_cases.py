#!/usr/bin/env python3
"""Makes tests/data/passkey: pass-key prompts in the official form, built anew from their draws.

    make_passkey_cases.py ROWS KEYS TOKENIZERS OUTPUT [LENGTH]...

ROWS is data/wikitext2/wiki.test.raw, KEYS data/babilong/codes_test.txt, TOKENIZERS
tests/data/tokenizer. Sentences are nltk's, tokens those of Hugging Face `tokenizers`; only the
draws are this project's. LENGTHs are of further prompts, for a check by hand. Needs nltk 3.10.4 and
tokenizers 0.23.3. The same inputs give the same file.

    make_passkey_cases.py --check OFFICIAL ROWS KEYS TOKENIZERS OUTPUT

Has the official code, the folder of babilong_utils.py (github.com/assafbk/babilong, branch
niah_mamba), build every prompt of the file from the same row and key: one of the places that it may
draw must give the same tokens, and where it gives up, the file must say so. Needs pandas as well.
"""
import itertools
import json
import pathlib
import sys
import types

from nltk.tokenize.punkt import PunktSentenceTokenizer
from tokenizers import Tokenizer

QUESTION = ("There is an important pass key hidden inside a lot of irrelevant text. "
            "Find it and memorize it:\n")
ENDING = "\nAnswer: "
MASK = (1 << 64) - 1
GROUPS = [  # tokenizer, seed, lengths, depths, prompts each
    ("neox", 1, [64, 200, 1000, 2048], 5, 2),
    ("neox", 2, [30000], 3, 1),  # longer than the text
    ("neox", 3, [300], 1, 450),  # more prompts than keys
    ("bytes", 18446744073709551615, [300, 4000], 5, 1),
    ("odd", 4, [500], 4, 2),
]


class Bits:
    """evaluation/draw.h"""

    def __init__(self, state):
        self.state = state

    def draw(self, value):
        z = self.state = (self.state + (0x9E3779B97F4A7C15 ^ value)) & MASK
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        self.state = z ^ z >> 31
        return self.state


def draw_shuffled(key, index, count):
    """evaluation/draw.c"""
    half = 1
    while half < 32 and (count - 1) >> 2 * half:
        half += 1
    mask = (1 << half) - 1
    while True:
        left, right = index >> half, index & mask
        for turn in range(4):
            left, right = right, left ^ (Bits(key ^ right).draw(turn) & mask)
        index = left << half | right
        if index < count:
            return index


class Noise:
    def __init__(self, tokenizer, rows):
        self.tokenizer, self.rows, self.known = tokenizer, rows, {}

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def sentences(self, row):
        if row not in self.known:
            found = [self.encode(s) for s in PunktSentenceTokenizer().tokenize(self.rows[row])]
            self.known[row] = [ids for ids in found if len(ids) >= 10]
        return self.known[row]

    def read(self, row, n):
        parts = []
        while n:
            for ids in self.sentences(row):
                if n:
                    parts.append(ids[:n])
                    n -= len(parts[-1])
            row = (row + 1) % len(self.rows)
        return parts


def make_prompt(noise, keys, seed, length, depth, number):
    bits = Bits(seed)
    bits.draw(length)
    bits.draw(int(depth * 1e6 + 0.5))
    key = keys[draw_shuffled(bits.state, number % len(keys), len(keys))]
    bits.draw(number)
    row = bits.draw(1) % len(noise.rows)
    slot = bits.draw(2)

    fact = noise.encode(f"The pass key is {key}. Remember it. {key} is the pass key. ")
    parts = noise.read(row, length - len(fact))
    starts = [sum(map(len, parts[:i])) for i in range(len(parts))]
    first = int(length * max(0, depth - 0.1))
    end = int(length * min(1, depth + 0.1))
    places = [i for i, start in enumerate(starts) if first <= start < end - len(fact)]
    if places:
        place = places[slot % len(places)]
    else:
        wanted = depth * (length - len(fact))
        place = min(range(len(starts)), key=lambda i: abs(starts[i] - wanted))
    parts.insert(place, fact)
    question = noise.encode(QUESTION)
    ids = question + [id for part in parts for id in part] + noise.encode(ENDING)
    return {"key": key, "first_row": row, "fact_at": len(question) + starts[place],
            "n_fact": len(fact), "fits": bool(places), "n_id": len(ids), "hash": fnv(ids),
            **({"ids": ids} if length <= 200 else {})}


def fnv(ids):
    """FNV-1a of 64 bits over the ids, four bytes each, the lowest first."""
    value = 0xCBF29CE484222325
    for id in ids:
        for byte in id.to_bytes(4, "little"):
            value = ((value ^ byte) * 0x100000001B3) & MASK
    return f"{value:016x}"


def make_group(tokenizers, rows, keys, name, seed, lengths, n_depth, n_key):
    path = pathlib.Path(tokenizers) / name / "tokenizer.json"
    noise = Noise(Tokenizer.from_file(str(path)), rows)
    depths = [d / (n_depth - 1) if n_depth > 1 else 0.5 for d in range(n_depth)]
    prompts = [make_prompt(noise, keys, seed, length, depth, number)
               for length in lengths for depth in depths for number in range(n_key)]
    return {"tokenizer": name, "seed": str(seed), "lengths": lengths, "n_depth": n_depth,
            "n_key": n_key, "prompts": prompts}


def official_prompts(module, rows, fact, row, length, depth, encode):
    """What the official code can make of a row and a key, a prompt for each place; its IndexError
    where there is none."""
    class Tokenizer:
        eos_token_id = 0

        def encode(self, text, add_special_tokens=True):
            return encode(text)

        def __call__(self, texts):
            return {"input_ids": encode(texts) if isinstance(texts, str) else
                    [encode(text) for text in texts]}

    class Draws:
        def choice(self, places, n):
            self.places = places
            return module.np.array([places[self.number]])

    sampler = module.SentenceSampler([{"text": text} for text in rows], tokenizer=Tokenizer())
    data = module.NoiseInjectionDataset([fact], sampler, Tokenizer(), sample_size=length,
                                        task_start_pct=max(0, depth - 0.1),
                                        task_end_pct=min(1, depth + 0.1))
    data.gen = Draws()
    for number in itertools.count():
        data.gen.number, sampler.sample_ind, sampler.sentences = number, row, []
        sample = data[0]
        yield sample["question_tokens"] + sample["input_tokens"] + encode(ENDING)
        if number + 1 == len(data.gen.places):
            return


def check(official, rows, keys_path, tokenizers, output):
    sys.modules["torch.utils.data"] = types.SimpleNamespace(Dataset=object)
    for name in ("torch", "torch.utils"):
        sys.modules[name] = types.ModuleType(name)
    sys.path.insert(0, official)
    import babilong_utils as module

    task = module.TaskDatasetCustom(keys_path)
    facts = {task[i]["answer"]: task[i] for i in range(len(task))}
    n = n_without = 0
    for line in open(pathlib.Path(output) / "official.jsonl", encoding="utf-8"):
        group = json.loads(line)
        noise = Noise(Tokenizer.from_file(f"{tokenizers}/{group['tokenizer']}/tokenizer.json"), rows)
        depths = [d / (group["n_depth"] - 1) if group["n_depth"] > 1 else 0.5
                  for d in range(group["n_depth"])]
        wanted = itertools.product(group["lengths"], depths, range(group["n_key"]))
        for (length, depth, _), prompt in zip(wanted, group["prompts"], strict=True):
            made = official_prompts(module, rows, dict(facts[prompt["key"]]), prompt["first_row"],
                                    length, depth, noise.encode)
            if prompt["fits"]:
                assert any(fnv(ids) == prompt["hash"] for ids in made), prompt
            else:
                try:
                    next(made)
                    sys.exit(f"the official code finds a place: {prompt}")
                except IndexError:
                    n_without += 1
            n += 1
    print(f"{n} prompts as the official code's, {n_without} of them ones that it gives up")


def main():
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[3], encoding="utf-8", newline="\n") as file:
            check(sys.argv[2], file.readlines(), *sys.argv[4:7])
        return
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
        rows = file.readlines()
    keys = pathlib.Path(sys.argv[2]).read_text(encoding="ascii").strip().split("\n")
    groups = [*GROUPS, *(("neox", 5, [int(length)], 5, 1) for length in sys.argv[5:])]
    output = pathlib.Path(sys.argv[4])
    output.mkdir(parents=True, exist_ok=True)
    with open(output / "official.jsonl", "w", encoding="utf-8") as file:
        for group in groups:
            made = make_group(sys.argv[3], rows, keys, *group)
            file.write(json.dumps(made, separators=(",", ":")) + "\n")


main()
