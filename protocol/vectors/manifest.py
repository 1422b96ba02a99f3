#!/usr/bin/env python3
"""Writes manifest.json: what the vectors are, in a form for programs. Made of the vectors and of ../SPEC.md.

    ./manifest.py             writes it
    ./manifest.py --check     compares it with what it would write
"""

import hashlib
import json
import os
import re
import sys

from expect import HERE, asked, names, replace

ENGINES = {"d20": "Docker 20.10.24", "d28": "Docker 28.5.2", "pod": "Podman 4.3.1", "x": None}
QUOTED = re.compile(r"`([^`]+)`")


def rules_of_spec(text):
    """Yields (number, statement, names of vectors) of each rule: a heading, then a list of fields."""
    for part in re.split(r"^(?=#)", text, flags=re.M):
        heading = re.match(r"### (W-\d+) (.+)", part)
        if heading:
            fields = re.split(r"^- ", part, flags=re.M)
            proof = " ".join(field for field in fields if field.startswith("Vectors:"))
            yield heading[1], heading[2].strip(), QUOTED.findall(proof)


def vector(name, rules):
    with open(f"{HERE}/{name}.resp", "rb") as file:
        response = file.read()
    question = asked(name)
    # What says nothing to a decoder of this kind is left out.
    needless = {"logs": ["document"], "document": ["format", "timestamps", "parts"]}
    for key in needless.get(question["kind"], ["document", "format", "timestamps", "parts"]):
        del question[key]
    return {
        "name": name,
        "engine": ENGINES[name.split("-")[0]],
        "asked": question,
        "request": f"{name}.req",
        "response": f"{name}.resp",
        "expected": f"{name}.json",
        "size": len(response),
        "sha256": hashlib.sha256(response).hexdigest(),
        "rules": [number for number, _, proof in rules if name in proof],
    }


def manifest():
    with open(f"{HERE}/../SPEC.md", encoding="utf-8") as file:
        text = file.read()
    rules = list(rules_of_spec(text))
    # One rule and one vector per line.
    statements = ",\n".join(f"  {json.dumps(number)}: {json.dumps(said, ensure_ascii=False)}" for number, said, _ in rules)
    vectors = ",\n".join(f"  {json.dumps(vector(name, rules))}" for name in names())
    return f'{{\n "rules": {{\n{statements}\n }},\n "vectors": [\n{vectors}\n ]\n}}\n'


def main():
    check = "--check" in sys.argv
    text = manifest()
    stale = replace(f"{HERE}/manifest.json", text, check)
    content = json.loads(text)
    proven = {rule for row in content["vectors"] for rule in row["rules"]}
    unnamed = [row["name"] for row in content["vectors"] if not row["rules"]]
    print(f"{len(content['vectors'])} vectors, {len(proven)} of {len(content['rules'])} rules proven by them; "
          f"in no rule: {' '.join(unnamed) or 'none'}")
    if stale and check:
        print("manifest.json is stale: run manifest.py")
    return stale and check


if __name__ == "__main__":
    sys.exit(main())
