#!/usr/bin/env python3
"""make_document_lines.py OUT.jsonl --books FOLDER --squad FILE [...]

Lines {"prompt", "completion"} for `decimamba train`: documents with a number each, the query before each of
them, and the number of the one that belongs to the query, in the form of `evaluate retrieval`:
" <|Query|> q <|Document 52|> text ... <|Answer|> <|Document " -> "52|>". Unlike task `retrieval` of `train`,
documents may be short, and queries may be words of the document: what a small model learns first.
Numbers are 0 to 999, and differ within a prompt."""
import argparse
import glob
import json
import random

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("output")
parser.add_argument("--books", required=True, help="a folder of .txt files")
parser.add_argument("--squad", required=True, help="a file of SQuAD's format")
parser.add_argument("--lines", type=int, default=20000)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--docs", type=int, nargs=2, default=[1, 1], metavar=("A", "B"),
                    help="documents in a prompt, drawn evenly")
parser.add_argument("--words", type=int, nargs=2, default=[1, 16], metavar=("A", "B"),
                    help="of a document, a span of a book or of a paragraph of SQuAD; 0 0: whole paragraphs")
parser.add_argument("--skew", type=float, default=1.0, metavar="X",
                    help="words are A + (B - A) u^X, so of X > 1 mostly few")
parser.add_argument("--source", choices=["books", "squad", "both"], default="books", help="of documents")
parser.add_argument("--query", default="span",
                    help="span: --qwords words in a row of the document. bag: so many of its words in any order. "
                         "squad: a real question; the document lies around its answer. Several with commas")
parser.add_argument("--qwords", type=int, nargs=2, default=[3, 5], metavar=("A", "B"))
parser.add_argument("--content", action="store_true", help="words of queries have at least 4 letters")
parser.add_argument("--noise-words", type=int, nargs=2, metavar=("A", "B"),
                    help="so many words of other texts stand among those of a span or bag")
parser.add_argument("--none", type=float, default=0.0, metavar="SHARE",
                    help="of prompts of one document: it is of another text, and the answer is -|>")
args = parser.parse_args()
rng = random.Random(args.seed)

paragraphs, questions = [], []
for article in json.load(open(args.squad, encoding="utf-8"))["data"]:
    for paragraph in article["paragraphs"]:
        paragraphs.append(paragraph["context"])
        for question in paragraph["qas"]:
            if question.get("answers"):
                questions.append((len(paragraphs) - 1, question["question"],
                                  question["answers"][0]["answer_start"]))
squad_words = [text.split() for text in paragraphs]
books = []
if args.source in ("books", "both"):
    for path in sorted(glob.glob(args.books + "/*.txt")):
        books.append(open(path, encoding="utf-8", errors="replace").read()[2000:].split())


def draw_count():
    low, high = args.words
    return round(low + (high - low) * rng.random() ** args.skew)


def cut(words, n, around=None):
    """n words in a row; with `around`, that one among them."""
    if args.words[1] == 0 or n >= len(words):
        return words
    low = 0 if around is None else max(0, around - n + 1)
    high = len(words) - n if around is None else min(around, len(words) - n)
    start = rng.randint(min(low, high), max(low, high))
    return words[start:start + n]


def draw_document():
    of_books = args.source == "books" or (args.source == "both" and rng.random() < 0.5)
    return cut(rng.choice(books if of_books else squad_words), draw_count())


def draw_question(n):
    """A real question, and n documents, its own first."""
    own, query, start = rng.choice(questions)
    documents = [cut(squad_words[own], draw_count(), len(paragraphs[own][:start].split()))]
    while len(documents) < n:
        other = rng.randrange(len(squad_words))
        if other != own:
            documents.append(cut(squad_words[other], draw_count()))
    return query, documents


def draw_overlap(kind, n):
    """Words of a document as its query, and n documents, this one first."""
    documents = [draw_document() for _ in range(n)]
    own = documents[0]
    k = min(rng.randint(*args.qwords), len(own))
    pool = [word for word in own if len(word.strip('.,;:!?"\'()-_')) >= 4] if args.content else own
    if kind == "bag" or args.content:
        query = rng.sample(pool, min(k, len(pool))) if pool else own[:k]
    else:
        start = rng.randint(0, len(own) - k)
        query = list(own[start:start + k])
    for _ in range(rng.randint(*args.noise_words) if args.noise_words else 0):
        query.insert(rng.randint(0, len(query)), rng.choice(rng.choice(books or squad_words)))
    return " ".join(query), documents


def draw_line():
    n = rng.randint(*args.docs)
    kind = rng.choice(args.query.split(","))
    query, documents = draw_question(n) if kind == "squad" else draw_overlap(kind, n)
    none = n == 1 and rng.random() < args.none
    if none and kind == "squad":
        documents[0] = cut(squad_words[rng.randrange(len(squad_words))], draw_count())
    elif none:
        documents[0] = draw_document()
    numbers = rng.sample(range(1000), n)
    order = list(range(n))
    rng.shuffle(order)
    rng.random()  # without use, so that the same seed gives the lines that models/retrieval was trained on
    text = "".join(f" <|Query|> {query} <|Document {numbers[i]}|> " + " ".join(documents[i]) for i in order)
    return {"prompt": text + " <|Answer|> <|Document ", "completion": "-|>" if none else f"{numbers[0]}|>"}


with open(args.output, "w", encoding="utf-8") as out:
    for _ in range(args.lines):
        out.write(json.dumps(draw_line(), ensure_ascii=False) + "\n")
