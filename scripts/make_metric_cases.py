#!/usr/bin/env python3
"""Writes tests/data/metrics: answers with the scores that other programs give them.

Oracles, none of them ours: `rouge` 1.0.1, `fuzzywuzzy` 0.18.0 on difflib, LongBench's metrics as
`lm_eval` 0.4.13 carries them, SQuAD 2.0's as `transformers` 4.40.0 carries them, and Python's str;
of LongBench's prompts, str.format and `tokenizers`; and LongBench's own eval.py, whole, at 2e00731 of
github.com/THUDM/LongBench. fuzzywuzzy without python-Levenshtein, as LongBench's requirements.txt has
it: with that package its ratio is another one.

    pip install rouge==1.0.1 fuzzywuzzy==0.18.0 tokenizers==0.23.3 jieba==0.42.1
    pip download --no-deps lm_eval==0.4.13 transformers==4.40.0     # and unpack both wheels
    make_metric_cases.py LM_EVAL_FOLDER TRANSFORMERS_FOLDER LONGBENCH_FOLDER
    make_metric_cases.py LONGBENCH_FOLDER                           # official.jsonl alone
"""
import importlib.util
import json
import pathlib
import random
import sys
import types
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "tests" / "data" / "metrics"


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_longbench(folder):
    if importlib.util.find_spec("jieba") is None:  # for its Chinese metrics only
        sys.modules["jieba"] = types.ModuleType("jieba")
    return load("longbench_metrics", folder / "lm_eval" / "tasks" / "longbench" / "metrics.py")


def load_squad(folder):
    """The file alone; what it imports from the rest of transformers is for other functions."""
    for name in ("t", "t.utils", "t.models", "t.models.bert", "t.data", "t.data.metrics"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = []
    sys.modules["t.models.bert"].BasicTokenizer = None
    sys.modules["t.utils"].logging = types.SimpleNamespace(get_logger=lambda name: None)
    return load("t.data.metrics.squad",
                folder / "transformers" / "data" / "metrics" / "squad_metrics.py")


def passages():
    text = (ROOT / "data" / "books" / "26618.txt").read_text(encoding="utf-8")
    words = text.split()[2000:9000]
    return words


SPECIAL = ["the", "A", "an", "The", "AN", "it's", "don't.", "x-y", "a.b", "_the_", "a_b", "«a»",
           "the’s", "É", "é", "e\u0301", "İstanbul", "ΟΔΟΣ", "ΟΔΟΣ.", "Σ", "ΑΣ'Α", "ß", "ẞ", "ǅ", "㎏",
           "Ⅷ", "٣", "中文", "中 文", "\u00a0", "\u2009x", "\u3000", "\u001c", "\u0085",
           "a\u0301", "…", "“quoted”", "1,000", "½", "🙂", "ﬁne", "the\u200dend", "K"]


def noisy(generator, words):
    """Some of the words left out, moved, changed, or with something odd between them."""
    out = []
    for word in words:
        draw = generator.random()
        if draw < 0.12:
            continue
        if draw < 0.2:
            out.append(generator.choice(SPECIAL))
        if draw > 0.93:
            word = word.upper()
        out.append(word)
        if draw > 0.97:
            out.append(generator.choice([".", "...", ". .", "\n", "\n\n", "\t", ", "]))
    if generator.random() < 0.3:
        cut = generator.randrange(len(out) + 1)
        out = out[cut:] + out[:cut]
    return generator.choice([" ", " ", "  ", " \n"]).join(out)


def text_pairs(generator, words, n, longest):
    for _ in range(n):
        length = generator.randrange(1, longest)
        first = generator.randrange(len(words) - length)
        gold = words[first:first + length]
        yield noisy(generator, gold), [noisy(generator, gold) if generator.random() < 0.5
                                       else " ".join(gold)
                                       for _ in range(generator.randrange(1, 4))]


EMPTY = ["", " ", ".", ". .", " . ", "the", "a.", "?!", "x", "...x", "x. ", "The A", "\u00a0"]


def best(score, answer, golds):
    return max([0.0] + [float(score(answer, gold)) for gold in golds])


def qa_cases(generator, longbench, squad):
    words = passages()
    pairs = list(text_pairs(generator, words, 70, 14))
    pairs += [(a, [b]) for a in EMPTY for b in generator.sample(EMPTY, 4)]
    pairs += [(a, generator.sample(EMPTY, 3)) for a in EMPTY]
    pairs += [(" ".join(generator.choices(SPECIAL, k=6)), [" ".join(generator.choices(SPECIAL, k=6))])
              for _ in range(40)]
    for answer, golds in pairs:
        yield "qa_f1", answer, golds, [], best(longbench.qa_f1_score, answer, golds)
        kept = [gold for gold in golds if squad.normalize_answer(gold)] or [""]
        yield ("squad_f1", answer, golds, [],
               float(max(squad.compute_f1(gold, answer) for gold in kept)))
        yield ("squad_exact", answer, golds, [],
               float(max(squad.compute_exact(gold, answer) for gold in kept)))


def rouge_cases(generator, longbench):
    words = passages()
    pairs = list(text_pairs(generator, words, 50, 60)) + list(text_pairs(generator, words, 8, 150))
    few = ["a", "b", "c", "A", "d.", "e"]  # many equal words: which subsequence is found matters
    pairs += [(" ".join(generator.choices(few, k=generator.randrange(1, 14))),
               [" ".join(generator.choices(few, k=generator.randrange(1, 14)))])
              for _ in range(100)]
    pairs += [(a, [b]) for a in EMPTY for b in generator.sample(EMPTY, 4)]
    for answer, golds in pairs:
        yield "rouge_l", answer, golds, [], best(longbench.rouge_score, answer, golds)


def code_cases(generator):
    from fuzzywuzzy import fuzz

    lines = [line for path in sorted((ROOT / "src" / "base").glob("*.c"))
             for line in path.read_text(encoding="utf-8").split("\n")
             if line.strip() and not any(mark in line for mark in ("`", "#", "//"))]
    pairs = [("", ""), ("", "x"), ("x", ""), ("é", "e"), ("ab", "ba"), ("abcabba", "cbabac")]
    pairs += [(generator.choice(lines), generator.choice(lines)) for _ in range(60)]
    for _ in range(30):  # from 200 characters on, frequent ones do not start a match
        gold = "".join(generator.choices(lines, k=generator.randrange(4, 9)))
        answer = list(gold)
        for _ in range(generator.randrange(1, 40)):
            place = generator.randrange(len(answer))
            if generator.random() < 0.5:
                answer[place:place + generator.randrange(6)] = []
            else:
                answer.insert(place, generator.choice("abc (;é🙂"))
        pairs.append(("".join(answer), gold))
    for n in (198, 199, 200, 201, 299, 300):
        alphabet = "abcdefghijklmnopqrstuvwxyzé"
        pairs.append(("".join(generator.choices(alphabet, k=n)),
                      "".join(generator.choices(alphabet, k=n))))
        text = "".join(chr(0x4e00 + i) for i in range(n))  # every character once
        pairs.append((text[3:] + "xy", text))
    pairs += [("".join(generator.choices("ab", k=generator.randrange(1, 12))),
               "".join(generator.choices("ab", k=generator.randrange(1, 12)))) for _ in range(60)]
    for answer, gold in pairs:
        yield "edit_similarity", answer, [gold], [], fuzz.ratio(answer, gold) / 100


def class_cases(generator, longbench):
    classes = ["Date", "Date of birth", "City", "Other city", "city", "Reason", "R", "Date", "Élan", ""]
    for _ in range(120):
        chosen = generator.sample(classes, generator.randrange(1, len(classes)))
        gold = [generator.choice(classes[:-1]) for _ in range(generator.randrange(1, 3))]
        answer = generator.choice([" ", ", ", ""]).join(
            generator.choices(classes + ["Type:", "and", "Dat", "e"], k=generator.randrange(5)))
        yield ("classification", answer, gold, chosen,
               best(lambda a, g: longbench.classification_score(a, g, all_classes=chosen),
                    answer, gold))


def number_cases(generator, longbench):
    pieces = ["1", "12", "Paragraph 3", "Paragraph 12", "paragraph", "12.", "1 2", "٣", "x3", "03", "½",
              "²", "and", "Paragraph ٣", "\n", "1e3", "-3"]
    for _ in range(80):
        answer = generator.choice(["", " ", ", "]).join(
            generator.choices(pieces, k=generator.randrange(6)))
        golds = [generator.choice(["3", "12", "1", "٣", " 3", "03"])
                 for _ in range(generator.randrange(1, 3))]
        yield "count", answer, golds, [], best(longbench.count_score, answer, golds)
        golds = [generator.choice(["Paragraph 3", "Paragraph 12", "Paragraph ٣", "Paragraph 03",
                                   "x Paragraph Paragraph 1 Paragraph 3"])]
        yield "retrieval", answer, golds, [], best(longbench.retrieval_score, answer, golds)


def contains_cases(generator):
    """RULER's string_match_part, by Python's str.lower."""
    words = passages()
    pairs = []
    for _ in range(80):
        length = generator.randrange(2, 12)
        first = generator.randrange(len(words) - length)
        said = noisy(generator, words[first:first + length])
        start = generator.randrange(len(said) + 1)
        part = said[start:start + generator.randrange(1, 12)]
        pairs.append((said, [generator.choice([part.upper(), part.lower(), part + "x"])
                             for _ in range(generator.randrange(1, 4))]))
    pairs += [(" ".join(generator.choices(SPECIAL, k=6)), generator.choices(SPECIAL, k=2))
              for _ in range(60)]
    pairs += [(a, [b]) for a in EMPTY for b in generator.sample(EMPTY, 4)]
    for answer, golds in pairs:
        yield ("contains", answer, golds, [],
               float(max(gold.lower() in answer.lower() for gold in golds)))


def ranges(belongs):
    """[first, last] of the runs of code points, without surrogates, for which `belongs` is true."""
    runs = []
    for c in range(0x110000):
        if 0xd800 <= c < 0xe000 or not belongs(chr(c)):
            continue
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return runs


def code_points():
    import re
    word, digit = re.compile(r"\w"), re.compile(r"\d")
    upper = "".join(chr(c) for c in range(0x110000)
                    if not 0xd800 <= c < 0xe000 and chr(c).lower() != chr(c) and chr(c) != "Σ")
    return {
        "unicode": unicodedata.unidata_version,
        "unassigned": ranges(lambda c: unicodedata.category(c) == "Cn"),
        "space": ranges(lambda c: not c.split()),
        "digit": ranges(digit.match),
        "word": ranges(word.match),
        # a sigma is a final one after these, and after a letter and these
        "sigma_after": ranges(lambda c: (c + "Σ").lower()[-1] == "ς"),
        "sigma_through": ranges(lambda c: ("A" + c + "Σ").lower()[-1] == "ς"),
        "upper": upper,
        "lower": "".join(c.lower() for c in upper),
    }


def prompt_cases():
    """The sample's prompts as GPT-NeoX's tokenizer of `tokenizers` 0.23.3 encodes them."""
    from tokenizers import Tokenizer

    data = ROOT / "data" / "longbench"
    formats = json.loads((data / "dataset2prompt.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(ROOT / "tests" / "data" / "tokenizer" / "neox"
                                        / "tokenizer.json"))
    for path in sorted((data / "data").glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").rstrip("\n").split("\n")):
            row = json.loads(line)
            prompt = formats[row["dataset"]].format(**row)
            whole = tokenizer.encode(prompt).ids
            for max_length in (0, 151, len(whole) - 1, len(whole)):
                ids = whole
                if max_length and len(whole) > max_length:
                    half = max_length // 2
                    ids = tokenizer.encode(tokenizer.decode(whole[:half])
                                           + tokenizer.decode(whole[-half:])).ids
                hashed = 0xcbf29ce484222325  # FNV-1a over ids
                for token in ids:
                    hashed = (hashed ^ token) * 0x100000001b3 % 2**64
                yield {"set": row["dataset"], "extended": path.stem.endswith("_e"), "row": number,
                       "max_length": max_length, "n_id": len(ids), "hash": f"{hashed:016x}"}


def predictions(generator):
    """A data set's name, what a model may say, gold answers, and classes."""
    words = passages()
    front = ["", "", "\n", "\n\n", " \n", "\r\n"]
    for name in ("narrativeqa", "qasper", "multifieldqa_en", "hotpotqa", "2wikimqa", "musique",
                 "triviaqa", "gov_report", "qmsum", "multi_news", "samsum"):
        for answer, golds in text_pairs(generator, words, 12, 25):
            yield name, generator.choice(front) + answer, golds, None
    classes = ["Date", "Date of birth", "City", "Other city", "city", "Reason", "R"]
    for _ in range(30):
        said = generator.choice([" ", ", ", "\n"]).join(
            generator.choices(classes + ["Type:", "and"], k=generator.randrange(1, 5)))
        yield "trec", generator.choice(front) + said, [generator.choice(classes)], classes
    pieces = ["1", "12", "Paragraph 3", "Paragraph 12", "paragraph", "12.", "1 2", "٣", "x3", "\n"]
    for _ in range(20):
        said = generator.choice(["", " ", ", "]).join(
            generator.choices(pieces, k=generator.randrange(6)))
        yield "passage_count", said, [generator.choice(["3", "12", "1"])], None
        yield "passage_retrieval_en", said, [generator.choice(["Paragraph 3", "Paragraph 12"])], None
    lines = [line for path in sorted((ROOT / "src" / "base").glob("*.c"))
             for line in path.read_text(encoding="utf-8").split("\n")] + ["", "  ", "x # y", "`a`"]
    for _ in range(30):
        for name in ("lcc", "repobench-p"):
            said = "\n".join(generator.choices(lines, k=generator.randrange(1, 6)))
            gold = generator.choice(said.split("\n") + lines)
            yield name, generator.choice(front) + said, [gold], None


def write_official(folder):
    """What LongBench's eval.py gives for one prediction at a time, but for its rounding."""
    sys.path.insert(0, str(folder / "LongBench"))
    evaluation = load("longbench_eval", folder / "LongBench" / "eval.py")
    evaluation.round = lambda value, digits: value
    generator = random.Random(17)
    with open(OUTPUT / "official.jsonl", "w", encoding="utf-8") as stream:
        for name, said, golds, classes in predictions(generator):
            score = evaluation.scorer(name, [said], [golds], classes) / 100
            case = {"set": name, "pred": said, "score": score, "row": {
                "context": "", "input": "", "length": 1, "answers": golds, "all_classes": classes}}
            stream.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    write_official(pathlib.Path(sys.argv[-1]))
    if len(sys.argv) == 2:
        return
    longbench = load_longbench(pathlib.Path(sys.argv[1]))
    squad = load_squad(pathlib.Path(sys.argv[2]))
    generator = random.Random(4)
    cases = [*qa_cases(generator, longbench, squad), *rouge_cases(generator, longbench),
             *code_cases(generator), *class_cases(generator, longbench),
             *number_cases(generator, longbench), *contains_cases(random.Random(6))]
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with open(OUTPUT / "cases.jsonl", "w", encoding="utf-8") as stream:
        for metric, answer, golds, classes, score in cases:
            case = {"metric": metric, "answer": answer, "golds": golds, "score": score}
            if classes:
                case["classes"] = classes
            stream.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")
    (OUTPUT / "code_points.json").write_text(
        json.dumps(code_points(), ensure_ascii=False, separators=(",", ":")) + "\n",
        encoding="utf-8")
    with open(OUTPUT / "prompts.jsonl", "w", encoding="utf-8") as stream:
        for case in prompt_cases():
            stream.write(json.dumps(case, separators=(",", ":")) + "\n")
    counts = {}
    for metric, _, _, _, score in cases:
        n, n_inner = counts.get(metric, (0, 0))
        counts[metric] = n + 1, n_inner + (0 < score < 1)
    for metric, (n, n_inner) in counts.items():
        print(f"{metric}: {n} cases, {n_inner} of them between 0 and 1")


main()
