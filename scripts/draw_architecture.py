#!/usr/bin/env python3
"""Draws the project's folders, and which includes which, from the #includes of today.

    scripts/draw_architecture.py             writes docs/images/architecture.svg; wants graphviz (dot),
                                             which nothing else here does
    scripts/draw_architecture.py --source    prints what dot is given
    scripts/draw_architecture.py --check     the picture was made of that: it holds its source

A box is a folder of src/ or programs/ (those of evaluation/ and analysis/ are one each), with its
folders in small print. It stands one level above the highest that it includes. An arrow that follows
from others is left out; tests are, and decimamba.h where src/ includes it for its types. A circle is
an error."""
import os
import re
import subprocess
import sys
import textwrap

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
PICTURE = os.path.join(ROOT, "docs", "images", "architecture.svg")
HEADER = "include/decimamba.h"
TOPS = ("src", "programs", "evaluation", "analysis")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)


def sources():
    for top in TOPS:
        for folder, _, names in os.walk(top):
            for name in names:
                if name.endswith((".c", ".h")) and not name.startswith("test_"):
                    yield os.path.join(folder, name)


def box(path):
    part = path.split("/")
    return "/".join(part[:2]) if part[0] in ("src", "programs") and len(part) > 2 else part[0]


def find(included, folder):
    """The file that the compiler finds: beside, else from a top folder."""
    for start in (folder,) + TOPS:
        path = os.path.normpath(os.path.join(start, included))
        if os.path.exists(path):
            return path
    if included == os.path.basename(HEADER):
        return HEADER
    if included.endswith(".inc"):  # made of a page that lies here
        return find(included[: -len("inc")] + "html", folder)
    sys.exit(f"{folder}: includes \"{included}\", which is not there")


def read():
    """{box: boxes that it includes}, {box: its folders}"""
    below, folders = {HEADER: {"src/api"}, "src/api": set()}, {HEADER: set()}
    for path in sources():
        own, folder = box(path), os.path.dirname(path)
        inside = folder[len(own) + 1:]
        folders.setdefault(own, set()).update({inside.split("/")[0]} - {""})
        with open(path, encoding="utf-8") as file:
            found = [find(included, folder) for included in INCLUDE.findall(file.read())]
        others = {HEADER if other == HEADER else box(other) for other in found} - {own}
        below.setdefault(own, set()).update(others - ({HEADER} if own.startswith("src/") else set()))
    return below, folders


def reach(below, start, path=()):
    """All that `start` includes by way of others."""
    if start in path:
        sys.exit("a circle: " + " -> ".join(path[path.index(start):] + (start,)))
    found = set()
    for other in sorted(below[start]):
        found |= {other} | reach(below, other, path + (start,))
    return found


def dot():
    below, folders = read()
    far = {own: reach(below, own) for own in below}
    level = {}
    for own in sorted(below, key=lambda each: len(far[each])):
        level[own] = 1 + max((level[other] for other in below[own]), default=-1)

    def group(name, title, own_boxes):
        lines = [f'subgraph "cluster_{name}" {{', f'label="{title}"']
        for height in sorted({level[own] for own in own_boxes}, reverse=True):
            row = " ".join(f'"{own}"' for own in own_boxes if level[own] == height)
            lines.append("{ rank=same " + row + " }")
        return lines + ["}"]

    def label(own):
        small = "<br/>".join(textwrap.wrap(" ".join(sorted(folders[own])), 52))
        name = own if own == HEADER else own.split("/")[-1] + "/"
        return name + (f'<br/><font point-size="10">{small}</font>' if small else "")

    boxes = sorted(below)
    lines = ["digraph architecture {",
             'graph [fontname="Helvetica" fontsize=13 nodesep=0.35 ranksep=0.45 labeljust=l'
             ' style=rounded color="#b0b0b0"]',
             'node [fontname="Helvetica" fontsize=13 shape=box style="rounded,filled"'
             ' fillcolor="#eef3fa" color="#5b7ca8" height=0.4]',
             'edge [color="#5b7ca8" arrowsize=0.7]']
    lines += [f'"{own}" [label=<{label(own)}>]' for own in boxes]
    lines += [f'"{HEADER}" [fillcolor="#fff3d6" color="#b58a2b"]']
    lines += group("src", "libdecimamba: src/", [own for own in boxes if own.startswith("src/")])
    program = [own for own in boxes if own.startswith("programs")]
    if len(program) > 1:
        lines += group("programs", "decimamba: programs/", program)
    for own in boxes:
        near = below[own] - set().union(*(far[other] for other in below[own]))
        lines += [f'"{own}" -> "{other}"' for other in sorted(near)]
    return "\n".join(lines + ["}"]) + "\n"


def main():
    os.chdir(ROOT)
    source = dot()
    kept = "<!-- made by scripts/draw_architecture.py of\n" + source + "-->\n"
    if sys.argv[1:] == ["--source"]:
        sys.stdout.write(source)
    elif sys.argv[1:] == ["--check"]:
        with open(PICTURE, encoding="utf-8") as file:
            if kept not in file.read():
                sys.exit("docs/images/architecture.svg: the folders include each other otherwise today: "
                         "run scripts/draw_architecture.py")
    elif not sys.argv[1:]:
        drawn = subprocess.run(["dot", "-Tsvg"], input=source, stdout=subprocess.PIPE, check=True,
                               encoding="utf-8").stdout
        with open(PICTURE, "w", encoding="utf-8") as file:
            file.write(drawn + kept)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
