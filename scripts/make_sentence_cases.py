#!/usr/bin/env python3
"""Makes tests/data/sentences: texts, and where nltk's Punkt tokenizer without training splits them.

    make_sentence_cases.py ROWS OUTPUT

ROWS is data/wikitext2/wiki.test.raw. Needs nltk 3.10.4: earlier versions treat curly quotes another
way. Spans are in bytes of UTF-8. The same inputs give the same files.
"""
import json
import pathlib
import random
import sys

import nltk
from nltk.tokenize.punkt import PunktSentenceTokenizer

WRITTEN = [
    # nothing, or nothing but white space
    "", " ", " \n", "\t\r\n ", "\u00a0\u2003\n", ".", "...", "!", "?!", ". . .", "\u0000",
    # one sentence, two, many
    "One sentence.", "One sentence without an end", "  White space before. And after.  \n",
    "One. Two! Three? Four.", "One.Two.Three. Four", "One.\nTwo.\n\nThree.\r\nFour.\tFive.\vSix.",
    "A line\nbroken in two. Then\nanother.", "what is lower. case begins too.",
    # abbreviations are not known; initials and numbers are
    "Mr. Smith met Dr. Jones at 5 p.m. on Sunday. He left.", "J. S. Bach wrote it. J. s. bach.",
    "So did he and I. The rest did not.", "Plan A. \u00c9mile left.", "\u00c9. Zola wrote.",
    "It is the U.S. government.", "See e.g. the i.e. and etc. and so on.", "No. 5 is alive.",
    "Chapter 3. The end.", "Chapter 3. the end.", "See 3.5. it is there.", "See 3.5. It is there.",
    "At 1,000. many, at 1,000,000. More.", "Minus -5. degrees.", "Point .5. half.", "A 1-2. b.",
    "In 1984. 5 more.", "Is 4. , then.", "J. , then.", "J. ; J. : J. ! J. ?", "_. Underscore.",
    "x\u0663. \u0663. b. \u0663. B.", "\u0300. Mark.", "\u24b6. Circle.", "\u2163. Roman.",
    "5. \u00aa ordinal", "5. \u2170 roman", "J. \u01c5 title", "5. \u4e2d han", "\u4e2d. han",
    # ellipses and dashes
    "Wait... what? Wait... What?", "Wait.... What? Wait . . . What? Wait . . . . what?",
    "Wait. . . What", "Wait.. What", "\u2026 is one character\u2026 And so on.", ". . . begins",
    "Stop.--Go. Stop. -- Go. Stop.\"--Go. Stop.\" -- Go.", "a -- b. C", "-. -- --. B", ".-. A",
    ".\u00a0.\u00a0. Foo", "a.\u00a0.\u00a0. Foo bar.",
    # quotes and brackets
    "(One.) Two.", "(One). Two.", "\"One.\" Two. \"Three!\" \"Four?\"", "'One.' 'Two.'",
    "He said, \"Go.\" she said.", "[One.] {Two.} (Three.)) Four.", "\u201cOne.\u201d Two.",
    "\u2018One.\u2019 Two.", "\u00abOne.\u00bb Two. \u00bbThree.\u00ab Four.", "One.\"Two. Three",
    "One.) two) three.", "One. ) Two. \" Three.", "One. \"", "One. \"\n", "One.\"\"\"",
    "One. )) ((",
    "One.' Two.'s three", "He -- \"Oh.\" -- left.", "\"(\"('(And (this)) '?)\" [(and this. )]",
    # marks in a row
    "What?! Yes!! No?? Maybe!?! Sure.", "!! Hello. There", ". ! ? x", "Hi!!! Hi ! ! ! Hi", "?.!. x",
    "a.?b. C", "One.; Two.: Three., Four.* Five.@ Six.`", "a,. B", "a,,. B c", "#. *. &. @. B",
    "www.example.org. A b.c.d. E", "f(x.) = y. g[i.] z.", "a.{b} c.", "50%. Then", "C++. Java.",
    # white space of all kinds
    "One.\u00a0Two. Three.", "One.\u2003Two.", "One.\u2028Two.\u2029Three.", "One.\u0085Two.",
    "\u00a0One. Two.", "One.\u200bTwo. Three.", "One.\ufeff Two.", " . A. B", " One. Two", "\n.\nA",
    "caf\u00e9. Na\u00efve. \u03b1. \u0391\u03b2\u03b3. \u0416. \u0436. \U0001F600. \U0001D400. x",
    "\u041c\u0438\u0440. \u0422\u0440\u0443\u0434! \u4f60\u597d. \u518d\u89c1. \u4f60\u597d\u3002",
]
PIECES = [".", ".", ".", "?", "!", "\"", "'", ")", "(", "]", "[", "}", "{", "-", "--", "...", ",",
          ":", ";", "`", "*", "@", "&", "#", " ", " ", " ", "  ", "\n", "\t", "\r\n", "\v",
          "\u00a0", "\u2003", "\u2028", "\u0085", "a", "B", "J.", "Mr.", "3.", "3.5.", "5", "-5.",
          "\u0663.", "x1", "hello", "World", "The", "e.g.", "\u201c", "\u201d", "\u2018", "\u2019",
          "\u00ab", "\u00bb", "\u00e9", "\u00c9", "\u00c9.", "\u01c5", "\u00aa", "\u2163",
          "\u24b6.", "\u4e2d.", "\u0301", "_", "_.", "\u200d.", "\u00b2.", ". . .", "1,000.", ".5.",
          "%", "\u0000", "\u20ac", "\u2026", "\U0001F600", "\ufeff"]


def drawn(n):
    source = random.Random(4)
    for _ in range(n):
        yield "".join(source.choice(PIECES) for _ in range(source.randint(1, 30)))


def spans(text):
    at = [0]
    for character in text:
        at.append(at[-1] + len(character.encode()))
    return [[at[begin], at[end]] for begin, end in PunktSentenceTokenizer().span_tokenize(text)]


def write(path, cases):
    with open(path, "w", encoding="utf-8") as file:
        for case in cases:
            file.write(json.dumps(case, separators=(",", ":")) + "\n")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if nltk.__version__ != "3.10.4":
        sys.exit(f"nltk is {nltk.__version__}, not 3.10.4")
    rows, output = sys.argv[1], pathlib.Path(sys.argv[2])
    output.mkdir(parents=True, exist_ok=True)
    with open(rows, encoding="utf-8", newline="\n") as file:
        write(output / "wiki.test.raw.jsonl", ({"spans": spans(row)} for row in file))
    write(output / "texts.jsonl",
          ({"text": text, "spans": spans(text)} for text in [*WRITTEN, *drawn(500)]))


main()
