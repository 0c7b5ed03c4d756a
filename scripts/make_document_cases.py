#!/usr/bin/env python3
"""Makes tests/data/documents/cases.json: prompts of document retrieval and multi-document QA, and
examples to train on, made from a SQuAD file by the rules that evaluation/documents/*.h state.

    make_document_cases.py SQUAD TOKENIZER OUTPUT

SQUAD is tests/data/documents/tiny.json, TOKENIZER tests/data/tokenizer/neox/tokenizer.json. Needs
Hugging Face tokenizers. The same inputs give the same file.
"""
import json
import sys

from tokenizers import Tokenizer

MASK = (1 << 64) - 1
N_ID = 1000


class State:
    """draw.h: splitmix64, with a value mixed into each step."""

    def __init__(self, bits):
        self.bits = bits

    def draw(self, value):
        z = (self.bits + (0x9E3779B97F4A7C15 ^ value)) & MASK
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        self.bits = z ^ z >> 31
        return self.bits


def state_for(seed, *values):
    state = State(seed)
    for value in values:
        state.draw(value)
    return state.bits


def draw_shuffled(key, index, count):
    """draw.h: four rounds of a Feistel network over the least even number of bits that holds count
    numbers, again and again until it gives one of them."""
    half = 1
    while (count - 1) >> (2 * half):
        half += 1
    mask = (1 << half) - 1
    while True:
        left, right = index >> half, index & mask
        for number in range(4):
            left, right = right, left ^ (State(key ^ right).draw(number) & mask)
        index = left << half | right
        if index < count:
            return index


def read(path):
    paragraphs, questions = [], []
    with open(path, encoding="utf-8") as file:
        for article in json.load(file)["data"]:
            for paragraph in article["paragraphs"]:
                if paragraph["context"] not in paragraphs:
                    paragraphs.append(paragraph["context"])
                for entry in paragraph["qas"]:
                    if not entry.get("is_impossible") and entry["answers"]:
                        questions.append((entry["question"], paragraph["context"],
                                          [answer["text"] for answer in entry["answers"]]))
    return paragraphs, questions


def documents(paragraphs, golden, n, fifth, bits):
    """The documents in order as (id, text), and the golden one's id."""
    state = State(bits)
    fraction, noise, ids = state.draw(1) >> 32, state.draw(2), state.draw(3)
    place = ((fifth << 32) + fraction) * n // (5 << 32)
    others = [text for text in paragraphs if text != golden]
    listed = [(draw_shuffled(ids, j + 1, N_ID), others[draw_shuffled(noise, j, len(others))])
              for j in range(n - 1)]
    golden_id = draw_shuffled(ids, 0, N_ID)
    listed.insert(place, (golden_id, golden))
    return listed, golden_id


def prompt_text(question, listed, kind):
    text = "".join(f" <|Query|> {question} <|Document {number}|> {body}" for number, body in listed)
    return text + {"retrieval": " <|Answer|> <|Document ", "multidoc-qa": " <|Answer|>"}[kind]


def task_case(squad, encode, kind, seed, n_question, count, q):
    paragraphs, questions = squad
    assert n_question <= len(questions)
    question, golden, answers = questions[
        draw_shuffled(state_for(seed, 1, 0, 0), q, len(questions))]
    fifth = draw_shuffled(state_for(seed, 2, count, q // 5), q % 5, 5)
    listed, golden_id = documents(paragraphs, golden, count, fifth, state_for(seed, 3, count, q))
    text = prompt_text(question, listed, kind)
    return {"kind": kind, "seed": seed, "n_question": n_question, "count": count, "q": q,
            "row": fifth, "question": question, "answers": answers, "golden": golden_id,
            "prompt": text, "ids": encode(text)}


def example(squad, encode, end, chosen, n, fifth, bits):
    paragraphs, questions = squad
    question, golden, _ = questions[chosen]
    listed, golden_id = documents(paragraphs, golden, n, fifth, bits)
    answer = encode(f"{golden_id}|>") + [end]
    return encode(prompt_text(question, listed, "retrieval")) + answer, len(answer)


def fitting(squad, encode, length):
    """The questions that fit with their paragraph under any id."""
    return [i for i, (question, golden, _) in enumerate(squad[1])
            if all(len(encode(prompt_text(question, [(number, golden)], "retrieval"))) +
                   len(encode(f"{number}|>")) + 1 <= length for number in range(N_ID))]


def training_cases(squad, encode, end, seed, length, wanted, numbers):
    fit = fitting(squad, encode, length)
    for number in numbers:
        place = draw_shuffled(state_for(seed, 1, number // len(fit)), number % len(fit), len(fit))
        fifth = state_for(seed, 2, number) % 5
        for n in range(wanted, 0, -1):
            ids, n_label = example(squad, encode, end, fit[place], n, fifth,
                                   state_for(seed, 3, number))
            if len(ids) <= length:
                break
        yield {"seed": seed, "length": length, "documents": wanted, "number": number,
               "n_fitting": len(fit), "n_document": n, "question": fit[place], "n_label": n_label,
               "ids": ids}


def main(squad_path, tokenizer_path, output):
    tokenizer = Tokenizer.from_file(tokenizer_path)
    end = tokenizer.token_to_id("<|endoftext|>")

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

    squad = read(squad_path)
    tasks = [task_case(squad, encode, kind, seed, 11, count, q)
             for seed in (0, 20240628, MASK >> 1) for kind in ("retrieval", "multidoc-qa")
             for count, q in ((1, 0), (3, 4), (3, 10), (7, 5), (12, 9))]
    training = []
    for seed, length, wanted in ((0, 2000, 12), (7, 150, 12), (MASK >> 2, 60, 3), (7, 150, 2)):
        training += training_cases(squad, encode, end, seed, length, wanted, (0, 1, 5, 11, 30))
    with open(output, "w", encoding="utf-8") as file:
        file.write('{"paragraphs": %d, "questions": %d,\n"tasks": [\n' % tuple(map(len, squad)))
        file.write(",\n".join(json.dumps(case, ensure_ascii=False) for case in tasks))
        file.write('\n],\n"training": [\n')
        file.write(",\n".join(json.dumps(case, ensure_ascii=False) for case in training))
        file.write("\n]}\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
