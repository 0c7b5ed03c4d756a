#!/usr/bin/env python3
"""Makes tests/data/tokenizer/kinds: small tokenizers of the kinds that language models have, and what
the library of each makes of nasty strings.

    make_tokenizer_kind_cases.py BOOKS N_TEXT OUTPUT

They are trained on BOOKS, a directory of plain texts, and on the strings' own characters, so that the
files are small and nobody's. N_TEXT strings each: the tests have 200, some of the kinds were checked on
3,000. Needs tokenizers 0.23.3 and sentencepiece 0.2.3. The same inputs give the same files.
"""
import collections
import json
import pathlib
import random
import sys

import sentencepiece
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        processors, trainers)

import make_tokenizer_expectations as nasty

WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
         r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
          r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
MARK = "\u2581"
ODD = [MARK, MARK * 2, " " + MARK, "<0x41>", "<0xE4>", "<unk>", "<s>", "</s>", "<s> a", "a</s>", "<t>",
       " <t> ", "x<t>y", "<n>", "a <n> b", "aaa", "1234567", "12345.678", "\u00bd\u00bc", "ab1c22d333",
       "'S 'LL 'Ve '\u017f", "don'T", "(a|b), c.", "\u3002\u3001x", "\u4e2d\u65871\u3042\u30a2\uac00",
       "$x+y^2~`|=<>", "a  b   c", " lead", "trail ", "\n\n a\n", "\r\nx", "\x85y", "\t\tz",
       "HELLOworld", "McDonald", "\u01c5a", "\u00aa\u02b0", "\U00016ff4\U00011de1", "\ufffd", "\x00",
       "a\x00b", "\u180e", "\u200d", "a//b\n/", "!!!\n\nx", "...\r\n", "foo(bar)[baz]{qux}"]


def texts(n_text):
    made = list(dict.fromkeys(["", *ODD]))
    while len(made) < n_text:
        text = nasty.join(lambda: nasty.pick(
            [nasty.anything, nasty.anything, lambda: nasty.pick(ODD)])(), 9, nasty.pick(["", "", " "]))
        if len(text.encode()) < 400:
            made.append(text)
    return made[:n_text]


def corpus(books):
    lines = []
    for path in sorted(books.glob("*.txt"))[:4]:
        text = path.read_bytes().decode("utf-8", "ignore")
        lines += text[len(text) // 3:len(text) // 3 + 40000].splitlines()
    for _ in range(400):
        lines.append(nasty.join(nasty.anything, 12, nasty.pick(["", " "])))
        lines.append(" ".join(str(nasty.between(0, 9999)) for _ in range(8)))
    return [line.replace("\x00", "") for line in lines] + ["abcd" * 40, "    x" * 60, "\u00fc\u00bc" * 90]


def byte_level(regex=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def train(lines, pre, normalizer=None, decoder=None, n_entry=560, special=("<s>", "</s>"), **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoder or decoders.ByteLevel()
    if decoder:  # the most frequent characters, chosen here so that it is always the same ones
        counts = collections.Counter("".join(lines).replace(" ", MARK))
        alphabet = sorted(counts, key=lambda c: (-counts[c], c))[:200]
    else:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=n_entry, special_tokens=list(special), initial_alphabet=alphabet,
        limit_alphabet=len(alphabet), show_progress=False))
    return tokenizer


def template(tokenizer, single):
    return processors.TemplateProcessing(
        single=single, special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("<s>", "</s>")])


def ignoring_merges(tokenizer):
    """With entries that merges do not make: words are looked up whole first."""
    made = json.loads(tokenizer.to_str())
    vocab = made["model"]["vocab"]
    for word in ("Hello", "\u0120World", "\u0120the\u0120", "1234", "abc"):
        vocab.setdefault(word, len(vocab))
    made["model"]["ignore_merges"] = True
    return Tokenizer.from_str(json.dumps(made))


def with_bytes(lines, pre, normalizer, decoder, n_byte=256, fuse=True):
    """A vocabulary as of SentencePiece: the unknown, specials, bytes, then the rest."""
    made = json.loads(train(lines, pre, normalizer, decoder, special=(), n_entry=500).to_str())
    learned = sorted(made["model"]["vocab"], key=made["model"]["vocab"].get)
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(n_byte)]
    entries = names + [entry for entry in learned if entry not in names]
    made["model"].update(vocab={entry: i for i, entry in enumerate(entries)}, byte_fallback=True,
                         unk_token="<unk>", fuse_unk=fuse)
    tokenizer = Tokenizer.from_str(json.dumps(made))
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


def llama_decoder():
    return decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(),
                              decoders.Strip(" ", 1, 0)])


def llama_normalizer():
    return normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])


def all_kinds(lines):
    sequence = pre_tokenizers.Sequence
    yield "falcon", train(lines, sequence([
        pre_tokenizers.Punctuation("contiguous"), byte_level(True),
        pre_tokenizers.Digits(individual_digits=False), split("[0-9][0-9][0-9]")]))

    llama3 = ignoring_merges(train(lines, sequence([split(WORDS % "{1,3}"), byte_level()])))
    llama3.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=False), template(llama3, "<s> $A")])
    yield "llama3", llama3

    qwen2 = train(lines, sequence([split(WORDS % ""), byte_level()]), normalizers.NFC())
    qwen2.add_tokens([AddedToken("<t>", normalized=False), AddedToken("<n>", normalized=True)])
    qwen2.post_processor = processors.ByteLevel(trim_offsets=False)
    yield "qwen2", qwen2

    yield "starcoder", train(lines, sequence(
        [pre_tokenizers.Digits(individual_digits=True), byte_level(True)]))
    yield "tekken", train(lines, sequence([split(TEKKEN), byte_level()]))
    yield "deepseek", train(lines, sequence([
        split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), split(DEEPSEEK),
        byte_level()]))
    yield "bloom", train(lines, sequence([split(BLOOM), byte_level()]))

    llama2 = with_bytes(lines, None, llama_normalizer(), llama_decoder())
    llama2.add_tokens([AddedToken("<t>", normalized=False, lstrip=True, rstrip=True),
                       AddedToken("<n>", normalized=True)])
    llama2.post_processor = template(llama2, "<s> $A </s>")
    yield "llama2", llama2

    # Bytes from 0xE4 on are not there: some characters are unknown.
    yield "unknown", with_bytes(lines, None, llama_normalizer(), llama_decoder(), 0xE4, False)
    yield "unknown-fused", with_bytes(
        lines, pre_tokenizers.Metaspace(MARK, "first", True), None,
        decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(MARK, "first", True)]), 0xE4)
    yield "metaspace", with_bytes(
        lines, pre_tokenizers.Metaspace(MARK, "always", False), normalizers.NFC(),
        decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(MARK, "always", False)]))
    never = with_bytes(lines, pre_tokenizers.Metaspace(MARK, "never", True), None, decoders.Sequence(
        [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(),
         decoders.Strip(" ", 2, 1)]))
    never.add_tokens([AddedToken("<t>", normalized=False)])
    yield "never", never

    for behavior in ("removed", "merged_with_previous", "merged_with_next", "contiguous", "isolated"):
        for invert in (False, True):
            yield f"{behavior}{'-invert' if invert else ''}", train(lines, sequence([
                split(r"[aeiou]|\p{P}+|\s", behavior, invert),
                pre_tokenizers.Split("an", behavior), byte_level()]), n_entry=400)


def write(path, name, tokenizer, n_text):
    def case(ids, text=None):
        made = {} if text is None else {"text": text}
        made["ids"] = ids
        for key, skip in (("keep", False), ("skip", True)):
            try:
                decoded = tokenizer.decode(ids, skip_special_tokens=skip)
            except BaseException as error:  # Strip falls over a text that is empty
                if type(error).__name__ != "PanicException":
                    raise
                decoded = ""
            if decoded != text:
                made[key] = decoded
        return json.dumps(made, ensure_ascii=False, separators=(",", ":"))

    (path / name).mkdir(parents=True, exist_ok=True)
    settings = json.loads(tokenizer.to_str())
    (path / name / "tokenizer.json").write_text(
        json.dumps(settings, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    around, bare = (tokenizer.encode("x", add_special_tokens=special).ids for special in (True, False))
    at = next(i for i in range(len(around) + 1) if around[i:i + len(bare)] == bare)
    lines = [json.dumps({"before": around[:at], "after": around[at + len(bare):]})]
    lines += [case(tokenizer.encode(text, add_special_tokens=False).ids, text)
              for text in texts(n_text)]
    n_id = tokenizer.get_vocab_size()
    lines += [case([nasty.between(0, n_id - 1) for _ in range(nasty.between(0, 20))])
              for _ in range(n_text // 4)]
    (path / name / "expected.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8",
                                                newline="\n")
    print(name, len(lines), "lines")


def write_pieces(path, name, n_text, model=None, **options):
    """sentencepiece leaves out what is a control piece, and never looks for one in text."""
    (path / name).mkdir(parents=True, exist_ok=True)
    file = path / name / "tokenizer.model"
    if model:
        file.write_bytes(model.read_bytes())
    else:
        sentencepiece.SentencePieceTrainer.train(
            model_prefix=str(file.with_suffix("")), model_type="bpe", vocab_size=1000,
            normalization_rule_name="identity", remove_extra_whitespaces=False, minloglevel=2,
            num_threads=1, **options)
        file.with_suffix(".vocab").unlink()
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(file))

    def case(ids, text=None):
        made = {} if text is None else {"text": text}
        decoded = pieces.decode(ids)
        control = any(pieces.is_control(i) for i in ids)
        made.update(ids=ids, skip=decoded, keep=None if control else decoded)
        return json.dumps(made, ensure_ascii=False, separators=(",", ":"))

    lines = [json.dumps({"before": [pieces.bos_id()], "after": []})]
    lines += [case(pieces.encode(text), text) for text in texts(n_text)]
    lines += [case([nasty.between(0, pieces.get_piece_size() - 1)
                    for _ in range(nasty.between(0, 20))]) for _ in range(n_text // 4)]
    (path / name / "expected.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8",
                                                newline="\n")
    print(name, len(lines), "lines")


CLASSES = ("L Lu Ll Lt Lm Lo M Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp Han "
           "Hiragana Katakana Hangul").split()


def write_classes(path):
    """Which code points are in a class of patterns, and which the parts Digits and Punctuation take."""
    alike = {name: pre_tokenizers.Split(Regex(pattern), "removed", invert=True) for name, pattern in
             [(name, rf"\p{{{name}}}") for name in CLASSES] + [("s", r"\s"), ("d", r"\d")]}
    code_points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    classes = {name: [ord(c) for word, _ in part.pre_tokenize_str("".join(map(chr, code_points)))
                      for c in word] for name, part in alike.items()}
    for name, part in (("digits", pre_tokenizers.Digits(True)),
                       ("punctuation", pre_tokenizers.Punctuation())):
        classes[name] = [c for c in code_points if len(part.pre_tokenize_str("aa" + chr(c))) == 2]
    lines = [f'"{name}":{json.dumps(nasty.ranges(found), separators=(",", ":"))}'
             for name, found in classes.items()]
    path.write_text("{" + ",\n".join(lines) + "}\n")


def main():
    books, n_text, output = pathlib.Path(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
    nasty.random_source.seed(20)
    lines = corpus(books)
    output.mkdir(parents=True, exist_ok=True)
    for name, tokenizer in all_kinds(lines):
        write(output, name, tokenizer, n_text)
    whole = output / "corpus.txt"
    whole.write_text("\n".join(lines), encoding="utf-8")
    write_pieces(output, "pieces", n_text, input=str(whole), byte_fallback=True, split_digits=True,
                 user_defined_symbols=["<t>", "[X]", MARK * 3], character_coverage=0.98)
    write_pieces(output, "pieces-unknown", n_text, input=str(whole), add_dummy_prefix=False,
                 split_by_whitespace=False, character_coverage=0.98)
    whole.unlink()
    write_classes(output / "classes.json")
    for model in map(pathlib.Path, sys.argv[4:]):
        write_pieces(output, model.name, n_text, model)


if __name__ == "__main__":
    main()
