#!/usr/bin/env python3
"""Checks that relative links in the documents of this repository lead somewhere, anchors included."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def without_code(text):
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(path):
    """The anchors that GitHub gives to the headings of a file."""
    found = set()
    text = re.sub(r"^(```|~~~).*?^\1", "", path.read_text(), flags=re.M | re.S)
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", text, flags=re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number, name = 0, slug
        while name in found:
            number += 1
            name = f"{slug}-{number}"
        found.add(name)
    return found


def main():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],
        cwd=ROOT, text=True, capture_output=True, check=True,
    )
    faults, count = [], 0
    for name in sorted(listed.stdout.split()):
        file = ROOT / name
        if "fixtures" in file.parts or not file.exists():
            continue
        for target in LINK.findall(without_code(file.read_text())):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            path, _, anchor = target.partition("#")
            to = (file.parent / path).resolve() if path else file
            if not to.exists():
                faults.append(f"{name}: {target} does not exist")
            elif anchor and to.suffix == ".md" and anchor not in anchors(to):
                faults.append(f"{name}: {target}: there is no such heading")
    print(f"{count} relative links, {len(faults)} broken")
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return bool(faults)


sys.exit(main())
