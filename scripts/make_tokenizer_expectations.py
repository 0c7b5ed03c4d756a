#!/usr/bin/env python3
"""Makes tests/data/tokenizer: strings, and what Hugging Face `tokenizers` makes of them.

    make_tokenizer_expectations.py NEOX_JSON BYTES_JSON BOOKS OUTPUT

NEOX_JSON is GPT-NeoX-20B's tokenizer.json, BYTES_JSON one without merges, BOOKS a directory of
plain texts. Needs tokenizers 0.23.3: its version decides which Unicode the answers follow. The same
inputs give the same files.
"""
import json
import pathlib
import random
import shutil
import sys
import unicodedata

from tokenizers import Tokenizer, __version__, pre_tokenizers

random_source = random.Random(20240628)
pick = random_source.choice
between = random_source.randint

SCRIPTS = [  # first and last code point of a stretch of many scripts
    (0x41, 0x7A), (0xC0, 0x17F), (0x250, 0x2AF), (0x370, 0x3FF), (0x400, 0x4FF), (0x531, 0x587),
    (0x5D0, 0x5EA), (0x620, 0x64A), (0x710, 0x72F), (0x780, 0x7A5), (0x7CA, 0x7EA), (0x904, 0x939),
    (0x985, 0x9B9), (0xA05, 0xA39), (0xA85, 0xAB9), (0xB05, 0xB39), (0xB85, 0xBB9), (0xC05, 0xC39),
    (0xC85, 0xCB9), (0xD05, 0xD39), (0xD85, 0xDC6), (0xE01, 0xE30), (0xE81, 0xEB0), (0xF40, 0xF6C),
    (0x1000, 0x102A), (0x10D0, 0x10FA), (0x1200, 0x135A), (0x13A0, 0x13F5), (0x1401, 0x166C),
    (0x1681, 0x169A), (0x16A0, 0x16EA), (0x1780, 0x17B3), (0x1820, 0x1878), (0x1C90, 0x1CBA),
    (0x1E00, 0x1FFC), (0x2C00, 0x2C5F), (0x2D30, 0x2D67), (0x3041, 0x3096), (0x30A1, 0x30FA),
    (0x3105, 0x312F), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA000, 0xA48C), (0xA500, 0xA60C),
    (0xAC00, 0xD7A3), (0xF900, 0xFAD9), (0xFB00, 0xFB4F), (0xFB50, 0xFDFF), (0xFF01, 0xFFEE),
    (0x10000, 0x1005D), (0x10330, 0x1034A), (0x10400, 0x1044F), (0x12000, 0x12399),
    (0x13000, 0x1342E), (0x1D400, 0x1D7FF), (0x1E900, 0x1E943), (0x20000, 0x2A6DF),
    (0x2EBF0, 0x2EE5D), (0x31350, 0x323AF)]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\n\n", "\r", "\v", "\f", "\x1c", "\x85", "\xa0",
          "\u1680", "\u180e", "\u2003", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
          "\ufeff"]
DIGITS = ["0", "7", "12", "1984", "3.14", "1,000", "\u0663", "\u096b", "\u00bd", "\u2167", "\u3007",
          "\U0001D7D8", "\u00b2", "\u2460", "\U00010D40", "\U0001E4F1"]
EMOJI = ["\U0001F600", "\U0001F468\u200d\U0001F469\u200d\U0001F467", "\U0001F44D\U0001F3FD",
         "\u2764\ufe0f", "\U0001F1E9\U0001F1EA", "1\ufe0f\u20e3", "\U0001F3F4\u200d\u2620\ufe0f",
         "\U0001F9D1\U0001F3FB\u200d\U0001F680", "\U0001FAE8", "\u263a", "\U0001F1E6"]
PIECES = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "\u2019s", "don't", "I'll've", "it's",
          "--", "...", "\u2026", "!?", "(", ")", "[[", "{}", "\"", "\u201cquoted\u201d", "\u00ab",
          "http://example.org/a?b=c&d=%20", "user@example.com", "#include <stdio.h>", "x += 1;",
          "def f(x):\n    return x", "</div>", "\\n", "\u20ac5", "$x^2$", "_snake_case_",
          "camelCase", "The", " the", "hello", " World", "na\u00efve", "cafe\u0301", "stra\u00dfe",
          "ALLCAPS"]
SPECIAL = ["<|endoftext|>", "<|padding|>", "<|endoftext", "|endoftext|>", "<|END|>", "<|", "|>"]


def character():
    first, last = pick(SCRIPTS)
    return chr(between(first, last))


def any_character():
    while True:
        code_point = pick([between(0, 0xFF), between(0, 0xFFFF), between(0x10000, 0x10FFFF)])
        if not 0xD800 <= code_point <= 0xDFFF:
            return chr(code_point)


MARKS = [chr(c) for c in range(0x110000) if unicodedata.combining(chr(c))]
MARKS += [chr(c) for c in range(0x300, 0x370)] * 8
# Marks of Unicode 10 and later, which the oracle's NFC does not move, and a pair it does not join.
MARKS += ["\u07fd", "\u09fe", "\u0d3b", "\u1dfa", "\u1ac1", "\U00010efd", "\U0001e4ee"] * 20
JAMO = [chr(c) for c in [*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A7, 0x11C3)]]
JAMO += ["\uac00", "\uac01", "\ud7a3", "\u1113", "\ua960", "\ud7b0"]
DECOMPOSED = ["".join(chr(int(part, 16)) for part in unicodedata.decomposition(chr(c)).split())
              for c in range(0x110000)
              if unicodedata.decomposition(chr(c))[:1] not in ("", "<")]
DECOMPOSED += ["\U00011935\U00011930", "\U00011938"] * 10


def word():
    first, last = pick(SCRIPTS)
    return "".join(chr(between(first, last)) for _ in range(between(1, 10)))


def join(make, longest, between_them=""):
    return between_them.join(make() for _ in range(between(1, longest)))


def anything():
    return pick([
        word, word, lambda: pick(PIECES), lambda: pick(PIECES), lambda: pick(SPACES),
        lambda: " " * between(1, 30), lambda: pick(DIGITS), lambda: pick(EMOJI),
        lambda: pick(SPECIAL), any_character, lambda: pick(MARKS), lambda: pick(JAMO),
        lambda: pick(DECOMPOSED)])()


def neox_texts(books):
    yield ""
    yield from (chr(c) for c in range(0x180))
    yield from (chr(c) for c in range(0x2000, 0x2070))
    for n in range(1, 60):
        yield " " * n
        yield "a" + " " * n + "b"
        yield "\n" * n
        yield "x" + "\n" * n + " " * n + "y" + "\t" * n
    for text in PIECES + SPACES + DIGITS + EMOJI + SPECIAL:
        yield text
        yield "a" + text + "b"
        yield f" {text} {text}\n"
    for first, last in SCRIPTS:
        for _ in range(6):
            yield " ".join("".join(chr(between(first, last)) for _ in range(between(1, 12)))
                           for _ in range(between(1, 6)))
    for _ in range(150):
        yield join(lambda: pick(EMOJI), 6, pick(["", " "]))
        yield join(lambda: pick(DIGITS), 6, pick(["", " ", "a"]))
        yield join(lambda: pick(SPACES), 9, pick(["", "", "x", "1"]))
        yield join(any_character, 12)
        yield join(lambda: chr(between(0, 0x1F)), 8, pick(["", " ", "a"]))
        yield join(lambda: pick(SPECIAL), 4, pick(["", " ", "\u0301", "x"]))
        yield join(lambda: pick(PIECES), 10, pick(["", " ", "\n"]))
    for _ in range(350):
        yield pick("aeiou\u00e9\u1100 \u0915") + join(lambda: pick(MARKS), 6) + pick("bc \u0301")
        yield join(lambda: pick(JAMO), 8)
        yield join(lambda: pick(DECOMPOSED), 4, pick(["", "\u0327", " "]))
    for _ in range(1500):
        yield join(anything, 12, pick(["", "", " "]))
    for letter in ("a", "ab", "\u00e9", "\u4e2d", "!", "9", "=-", "\u0301", "\u1161", "Qz"):
        yield letter * 700
    for path in sorted(books.glob("*.txt"))[:30]:
        text = path.read_bytes().decode("utf-8", "ignore")
        for _ in range(20):
            start = between(len(text) // 10, len(text) * 8 // 10)  # not the licence
            yield text[start:start + between(20, 300)]


def odd_tokenizer(plain):
    """A few merges, a prefix space, NFC, and added tokens with every flag."""
    odd = json.loads(json.dumps(plain))
    vocab, merges = odd["model"]["vocab"], odd["model"]["merges"]
    for left, right in [("a", "b"), ("\u0120", "a"), ("\u0120a", "b"), ("ab", "ab"),
                        ("\u00c3", "\u00a9"), ("b", "c"), ("a", "bc"), ("\u0120", "\u0120")]:
        vocab[left + right] = len(vocab)
        merges.append([left, right])
    odd["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFC"}]}
    odd["pre_tokenizer"]["add_prefix_space"] = True
    odd["post_processor"] = {
        "type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {}}
    tokens = [  # content and the flags that are set
        ("<s>", "special"), ("<l>", "lstrip"), ("<r>", "rstrip"), ("<lr>", "lstrip rstrip special"),
        ("word", "single_word"), ("<n>", "normalized"), ("cafe\u0301", "normalized"),
        ("e\u0301x", ""), ("  ", ""), ("    ", "normalized rstrip"), ("<s><s>", ""),
        ("\u4e2d", "single_word lstrip normalized"), ("\u0120a\u0120", "normalized"),
        ("ab", "special"), ("\u0000", ""), ("<r> <l>", "single_word lstrip rstrip")]
    free = len(vocab)
    for content, flags in tokens:
        known = vocab.get(content)
        token = {"id": free if known is None else known, "content": content}
        token.update({flag: flag in flags.split() for flag in
                      ("single_word", "lstrip", "rstrip", "normalized", "special")})
        odd["added_tokens"].append(token)
        free += known is None
    return odd, [content for content, _ in tokens]


def odd_texts(contents):
    yield from ("", " ", "\n")
    for first in contents:
        yield first
        for second in contents:
            yield f"x{first} {second}"
            yield f"{first}  \n\t{second} \u3000 y"
    pieces = contents * 2 + PIECES + SPACES
    pieces += ["a", "ab", "abab", "abc", "\u00e9", "\u0301", "_", "\u0416"]
    for _ in range(1500):
        yield join(lambda: pick(pieces), 9, pick(["", "", " "]))


def write(tokenizer, texts, n_random, path):
    """One case a line; `keep` and `skip` (decoded with and without special tokens) only where they
    are not `text`. A case without `text` is a random sequence of ids."""
    def case(ids, text=None):
        made = {} if text is None else {"text": text}
        made["ids"] = ids
        for key, skip in (("keep", False), ("skip", True)):
            decoded = tokenizer.decode(ids, skip_special_tokens=skip)
            if decoded != text:
                made[key] = decoded
        return json.dumps(made, ensure_ascii=False, separators=(",", ":"))

    lines = [case(tokenizer.encode(text).ids, text) for text in dict.fromkeys(texts)]
    n_text = len(lines)
    n_id = tokenizer.get_vocab_size()
    for _ in range(n_random):
        lines.append(case([random_source.randrange(n_id) for _ in range(between(0, 20))]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    print(path, n_text, "texts", n_random, "id sequences", path.stat().st_size, "bytes")


def ranges(code_points):
    made = []
    for code_point in code_points:
        if made and made[-1][1] == code_point - 1:
            made[-1][1] = code_point
        else:
            made.append([code_point, code_point])
    return made


def write_code_points(plain, path):
    """Which code points the oracle takes for letters, numbers, white space, and parts of words."""
    single = json.loads(json.dumps(plain))
    single["added_tokens"] = [{"id": len(plain["model"]["vocab"]), "content": "<w>",
                               "single_word": True, "lstrip": False, "rstrip": False,
                               "normalized": False, "special": False}]
    single = Tokenizer.from_str(json.dumps(single))
    split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str
    classes = {"letters": [], "numbers": [], "spaces": [], "words": []}
    for code_point in [*range(0xD800), *range(0xE000, 0x110000)]:
        character_ = chr(code_point)
        if len(split("a" + character_)) == 1:
            classes["letters"].append(code_point)
        elif len(split("1" + character_)) == 1:
            classes["numbers"].append(code_point)
        elif len(split("!" + character_)) == 2:
            classes["spaces"].append(code_point)
        if len(single.encode(character_ + "<w>").ids) > len(character_.encode()) + 1:
            classes["words"].append(code_point)
    lines = [f'"{name}":{json.dumps(ranges(found), separators=(",", ":"))}'
             for name, found in classes.items()]
    path.write_text("{" + ",\n".join(lines) + "}\n")


def main():
    neox_path, bytes_path, books, output = map(pathlib.Path, sys.argv[1:])
    if __version__ != "0.23.3":
        sys.exit(f"tokenizers 0.23.3 is wanted, this is {__version__}")
    for name in ("neox", "bytes", "odd"):
        (output / name).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(neox_path, output / "neox" / "tokenizer.json")
    shutil.copyfile(bytes_path, output / "bytes" / "tokenizer.json")
    plain = json.loads(bytes_path.read_text(encoding="utf-8"))
    odd, contents = odd_tokenizer(plain)
    odd_text = json.dumps(odd, ensure_ascii=False, indent=0) + "\n"
    (output / "odd" / "tokenizer.json").write_text(odd_text, encoding="utf-8", newline="\n")

    write(Tokenizer.from_file(str(neox_path)), neox_texts(books), 400,
          output / "neox" / "expected.jsonl")
    write(Tokenizer.from_file(str(bytes_path)), [join(anything, 6) for _ in range(300)], 200,
          output / "bytes" / "expected.jsonl")
    write(Tokenizer.from_str(odd_text), odd_texts(contents), 200, output / "odd" / "expected.jsonl")
    write_code_points(plain, output / "code_points.json")


if __name__ == "__main__":
    main()
