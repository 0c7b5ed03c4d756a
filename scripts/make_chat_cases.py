#!/usr/bin/env python3
"""Writes tests/data/chat/cases.json: chat templates, conversations, and what they become.

Oracle, not ours: Jinja as `transformers` sets it up for chat templates (its _compile_jinja_template and
render), 5.24.0 with jinja2 3.1. The templates are written here, in the ways in which models' own are;
expressions are drawn at random from the part of the language that src/chat/ knows.

    pip install transformers==5.24.0 jinja2
    make_chat_cases.py
"""
import json
import pathlib
import random

from transformers.utils.chat_template_utils import _compile_jinja_template

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "tests" / "data" / "chat" / "cases.json"
DIFFERS = object()
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

# Ways to write a conversation.
TEMPLATES = [
    # turns between marks, one line each
    "{% for message in messages %}{{ '<|start|>' + message['role'] + '\\n' + message['content'] + '<|end|>' "
    "+ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant\\n' }}{% endif %}",
    # a system text by default
    "{%- if messages[0].role == 'system' -%}{% set system = messages[0].content %}{% set rest = messages[1:] %}"
    "{%- else -%}{% set system = 'You help.' %}{% set rest = messages %}{%- endif -%}\n"
    "<|system|>\n{{ system | trim }}\n{% for m in rest %}<|{{ m.role }}|>\n{{ m.content }}\n{% endfor %}\n"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    # brackets, and roles that must alternate
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}"
    "{{ '[Q] ' + message['content'] + ' [/Q]' }}{% elif message['role'] == 'assistant' %}"
    "{{ message['content'] + eos_token + ' ' }}{% else %}{{ raise_exception('No such role!') }}{% endif %}"
    "{% endfor %}",
    # blocks on lines of their own: trimmed
    "{% for message in messages %}\n    {% if message.role == 'user' %}\n        {{- 'U: ' ~ message.content }}\n"
    "    {% elif message.role == 'system' %}\n        {{- 'S: ' ~ message.content }}\n    {% else %}\n"
    "        {{- 'A: ' ~ message.content ~ eos_token }}\n    {% endif %}\n{% endfor %}\n"
    "{% if add_generation_prompt %}\n    {{- 'A:' }}\n{% endif %}\n",
    # headers, a namespace
    "{%- set ns = namespace(first=true, n=0) -%}\n{%- for m in messages %}\n    {%- set content = '<|head|>' + m['role'] "
    "+ '<|/head|>\\n\\n' + m['content'] | trim + '<|eot|>' %}\n    {%- if loop.index0 == 0 %}\n        "
    "{%- set content = bos_token + content %}\n    {%- endif %}\n    {{- content }}\n    {%- set ns.n = ns.n + 1 %}\n"
    "    {%- set ns.first = false %}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    "
    "{{- '<|head|>assistant<|/head|>\\n\\n' }}\n{%- endif %}({{ ns.n }}, {{ ns.first }})",
    # tools that are not there
    "{% if tools is not none and tools %}tools{% elif tools is defined %}none{% endif %}"
    "{% if documents %}d{% endif %}{% if other is defined %}o{% endif %}\n{{ messages | length }}",
    # the last turn alone; what was said before it
    "{% set last = messages[-1] %}{{ last.role | upper }}: {{ last['content'] }}\n{% if messages | length > 1 %}"
    "before: {{ messages[:-1] | map(attribute='content') | join(' / ') }}{% endif %}",
    # choosing
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}"
    "{{ (messages | rejectattr('role', 'equalto', 'user') | list)[0].content | default('nobody') }}"
    "{% for m in messages if m.role != 'system' %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}"
    "{% else %}empty{% endfor %}",
    # a date, joined and split
    "{{ messages[0].content.split(' ')[0] }}|{{ messages[0].content.split() | join('_') }}|"
    "{{ messages[0]['content'].split('a', 1) | last }}|{{ messages[-1].content.replace('a', '[a]') }}",
    # what thinks, cut off
    "{% for m in messages %}{% set c = m.content %}{% if '</think>' in c %}{% set c = c.split('</think>')[-1].lstrip('\\n') %}"
    "{% endif %}{{ m.role ~ ': ' ~ c ~ '\\n' }}{% endfor %}",
    "{%- for m in messages -%}\n{{ loop.first }} {{ loop.last }} {{ loop.revindex }} {{ loop.revindex0 }}\n"
    "{%- if loop.previtem is defined %} after {{ loop.previtem.role }}{% endif %}"
    "{%- if loop.nextitem is defined %} before {{ loop.nextitem.role }}{% endif %};\n{% endfor -%}\n   end",
    "{% for m in messages %}{% if loop.index == 2 %}{% continue %}{% endif %}{% if loop.index == 4 %}{% break %}"
    "{% endif %}{{ m.content }}|{% endfor %}",
    "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}\n{% endfor %}",
    "{% set text %}[{% for m in messages %}{{ m.role }} {% endfor %}]{% endset %}{{ text }}{{ text | length }}",
    "{{ messages | tojson }}\n{{ messages[0] | tojson(indent=4) }}",
    "{% for key, value in messages[0].items() %}{{ key }}={{ value }};{% endfor %}{{ messages[0].get('x', 'none') }}"
    "{{ messages[0].get('x') }}{{ messages[0].keys() | list | join(',') }}",
    "  {% if true %}  a  {% endif %}  \n  {%+ if true %}  b {% endif +%}\n {# a comment #}\n{#- another -#}  c\n\n",
    "a\r\n{% if true %}\r\nb\r\n{% endif %}\r\nc\r\n\r\n",
    "{{- ' x ' -}}  y  {{ 'z' }}\n\n{{- 'w' }}\n",
    "{{ messages[0].content }}{{ messages[7].content is defined }}",
    "{{ messages[0].nothing }}{{ nothing }}{{ nothing.more }}",
    "{{ messages[0].content[0:3] }}{{ messages[0].content[::-1] }}{{ messages[-1].content[-2:] }}{{ messages[0].content[10] }}",
    "{% if not loop is defined %}no loop{% endif %}{{ [1, 2, 3][1:] | first }}{{ (1, 2) | last }}{{ {'a': 1}['a'] }}{{ {'a': 2}.a }}",
    "{% set x = 1 %}{% for i in [1, 2] %}{% set x = i + 10 %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 5 %}{% endif %}{{ x }}",
    "{{ 'a bC d1e' | title }}|{{ 'aBC dEF' | capitalize }}|{{ 'aBC' | lower }}|{{ ' x ' | trim }}|{{ 'x-y'.strip('xy') }}"
    "|{{ 'abc'.startswith('ab') }}|{{ 'abc'.endswith('ab') }}|{{ 5 | string + 'x' }}|{{ '12' | int + 1 }}|{{ '-'.join(['a', 'b']) }}",
]

LONG = "a  b\u00a0c\n\n"
CONVERSATIONS = [
    [("user", "Hi there, what is a state-space model?")],
    [("user", "  padded \n"), ("assistant", "yes"), ("user", "and 'quotes' \"too\" & <tags>?")],
    [("system", "Be brief. \u00dcn\u00efcode \U0001f600"), ("user", LONG), ("assistant", "</think>\n\nfine"), ("user", "more a a"),
     ("assistant", "end")],
    [("system", "only a system text")],
    [("user", ""), ("assistant", "x\\n\ty\u2028z")],
    [],
]


class Draw:
    """Draws expressions: most of them mean something, some do not."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def one(self, *choices):
        return self.random.choice(choices)

    def string(self):
        return self.one("'a'", "'b c'", "\"it's\"", "'\\n\\t\\\\'", "'\\x41\\u00e9'", "''", "' x '", "'ab' 'cd'", "bos_token",
                        "messages[0].content", "message_that_is_not", "'A'")

    def number(self):
        return self.one("0", "1", "2", "-3", "7", "1.5", "100", "2 * 3", "messages | length", "true", "7 // 2", "-7 // 2", "-7 % 3",
                        "7 / 2", "10 / 5", "1e0" if False else "0.1")

    def list(self):
        return self.one("[]", "[1, 2]", "['a', 'b']", "messages", "messages[1:]", "(1, 'x')", "range(3)", "[1] + [2]", "'abc' | list",
                        "messages | map(attribute='role') | list")

    def value(self, depth):
        if depth == 0:
            return self.one(self.string, self.number, self.list, lambda: self.one("none", "true", "false", "missing"))()
        a, b, c = (self.value(depth - 1) for _ in range(3))
        row = self.one(self.string, self.list)()  # a slice of anything else depends on where it stands
        return self.one(
            f"({a})", f"({a} + {b})", f"({a} ~ {b})" if depth < 2 else f"({a} == {b})", f"({a} == {b})", f"({a} != {b})",
            f"({a} and {b})", f"({a} or {b})", f"(not {a})", f"({a} < {b})", f"({a} >= {b})", f"({a} in {b})", f"({a} not in {b})",
            f"({a} if {b} else {c})", f"({a} if {b})", f"({a} is defined)", f"({a} is not none)", f"({a} is string)",
            f"({a} is number)", f"({a} is mapping)", f"({a} is iterable)", f"({a} is boolean)", f"({a} is sequence)",
            f"({a} | default({b}))", f"({a} | default({b}, true))", f"({a} | length)", f"({a} | trim)", f"({a} | string)",
            f"({a})[0]", f"({a})[-1]", f"({row})[1:]", f"({row})[:-1]", f"({row})[::2]", f"({a} | first)", f"({a} | last)", f"-({a})",
            f"({a} * {b})" if "'" not in a + b else f"({a} == {b})", f"({a} - {b})", f"({a} is eq {b})" , f"({a} is integer)",
            f"({a} is odd)", f"({a} | int)", f"({a} is true)", f"({a} is false)")

    def template(self):
        value = self.value(self.random.randint(0, 3))
        return self.one("{{ (%s) | string | length }}" % value, "{%% if %s %%}yes{%% else %%}no{%% endif %%}" % value,
                        "{%% for i in %s %%}{{ loop.index }}{%% else %%}-{%% endfor %%}" % value,
                        "{%% set x = %s %%}{{ x is defined }}{{ x is string }}{{ x is number }}{{ x is none }}" % value,
                        "{{ %s }}" % value, "{{ %s }}" % value)


def render(template, messages, generation):
    """What it gives; None: an error; DIFFERS: it depends on whether Jinja computes constants beforehand."""
    results = []
    for optimized in (True, False):
        try:
            environment = _compile_jinja_template("").environment.overlay(optimized=optimized)
            results.append(environment.from_string(template).render(messages=messages, tools=None, documents=None,
                                                                    add_generation_prompt=generation, **TOKENS))
        except Exception:
            results.append(None)
    return results[0] if results[0] == results[1] else DIFFERS


def prints_a_collection(template, text):
    """Printing lists and objects is refused here; so is what depends on how they print."""
    return text is not None and text is not DIFFERS and ("[" in text or "{" in text or "<gen" in text or "range(" in text or "(1, " in text or "()" in text)


def main():
    cases = []
    for template in TEMPLATES:
        for conversation in CONVERSATIONS:
            messages = [{"role": role, "content": content} for role, content in conversation]
            for generation in (True, False):
                cases.append((template, messages, generation, render(template, messages, generation)))
    draw = Draw(7)
    while len(cases) < 1500:
        template = draw.template()
        conversation = draw.random.choice(CONVERSATIONS[:3])
        messages = [{"role": role, "content": content} for role, content in conversation]
        text = render(template, messages, True)
        if text is DIFFERS:
            continue
        if not prints_a_collection(template, text) and "string | length" not in template or (
                text is not None and "string | length" in template and not prints_a_collection(template, render(
                    template.replace(" | length }}", " }}"), messages, True))):
            cases.append((template, messages, True, text))
    assert not any(text is DIFFERS for *_, text in cases)
    rows = [{"template": t, "messages": m, "generation": g, "tokens": TOKENS, "expected": e} for t, m, g, e in cases]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    with open(OUTPUT, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")
    print(len(rows), "cases,", sum(e is None for *_, e in cases), "of them errors")


if __name__ == "__main__":
    main()
