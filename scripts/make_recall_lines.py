#!/usr/bin/env python3
"""make_recall_lines.py BOOKS OUT.jsonl [--lines N] [--length N] [--shortest N] [--text SHARE] [--seed N]

Lines for `decimamba train`: passages of books, {"text": ...}, and as often the same with a pass key
hidden in them and asked for at the end, {"prompt": ..., "completion": KEY}, in the words of
`evaluate passkey`. BOOKS: a folder of .txt files; lengths are bytes, the answer counted."""
import argparse
import glob
import json
import random

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("books")
parser.add_argument("output")
parser.add_argument("--lines", type=int, default=40000)
parser.add_argument("--length", type=int, default=512, help="of the longest line (%(default)s)")
parser.add_argument("--shortest", type=int, default=0, help="of the shortest (as --length)")
parser.add_argument("--text", type=float, default=0.5, help="share of lines without a key (%(default)s)")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

rng = random.Random(args.seed)
books = [open(path, encoding="utf-8", errors="ignore").read().encode("ascii", "ignore").decode()
         for path in sorted(glob.glob(args.books + "/*.txt"))]
weights = [len(book) for book in books]


def passage(n):
    book = rng.choices(books, weights)[0]
    start = rng.randrange(max(1, len(book) - n))
    return book[start:start + n]


with open(args.output, "w", encoding="ascii") as out:
    for _ in range(args.lines):
        n = rng.randint(args.shortest or args.length, args.length)
        if rng.random() < args.text:
            line = {"text": passage(n)}
        else:
            key = f"{rng.randrange(100000):05d}"
            before, fact, after = "Find the pass key:\n", \
                f" The pass key is {key}. Remember it. {key} is the pass key. ", "\nAnswer: "
            hay = passage(n - len(before) - len(fact) - len(after) - len(key))
            at = rng.randint(0, len(hay))
            line = {"prompt": before + hay[:at] + fact + hay[at:] + after, "completion": key}
        out.write(json.dumps(line) + "\n")
