#!/usr/bin/env python3
"""Checks that the totals in docs/ledger.md are those of the lines in docs/ledger.jsonl.

`ledger.py write` puts the totals there.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE, LINES = ROOT / "docs" / "ledger.md", ROOT / "docs" / "ledger.jsonl"
BEGIN, END = "<!-- totals: .ci/ledger.py write -->\n", "<!-- end of totals -->\n"
PROFILES = {"documents", "tasks", "both", "faults", "workers", "surroundings", "beyond", "brief", "blocks", "crowded"}


def read():
    """The chunks, checked one by one and against each other."""
    chunks, played = [], {}
    for number, text in enumerate(LINES.read_text().splitlines(), 1):
        chunk = json.loads(text)
        first, end = chunk["from"], chunk["to"]
        place = f"{LINES.name}:{number}"
        if chunk["profile"] not in PROFILES:
            sys.exit(f"error: {place}: no profile {chunk['profile']}")
        if chunk["seeds"] != end - first or end <= first:
            sys.exit(f"error: {place}: {first}..{end} are not {chunk['seeds']} seeds")
        if not re.fullmatch(r"[0-9a-f]{16}", chunk["digest"]):
            sys.exit(f"error: {place}: no digest")
        if any(not first <= failure["seed"] < end for failure in chunk["failures"]):
            sys.exit(f"error: {place}: a failure of another chunk")
        ranges = played.setdefault((chunk["commit"], chunk["profile"]), [])
        if any(first < other_end and other < end for other, other_end in ranges):
            sys.exit(f"error: {place}: seeds that were counted before")
        ranges.append((first, end))
        chunks.append(chunk)
    return chunks


def totals(chunks):
    """The table, in the order in which the campaigns began."""
    sums = {}
    for chunk in chunks:
        row = sums.setdefault((chunk["commit"], chunk["profile"]), [0, 0, 0, 0.0])
        row[0] += chunk["seeds"]
        row[1] += chunk["repeated"]
        row[2] += len(chunk["failures"])
        row[3] += chunk["seconds"]
    out = ["| Commit | Worlds | Seeds | Played twice | Seeds that failed | Minutes |",
           "|---|---|---:|---:|---:|---:|"]
    rows = [(f"`{commit}`", profile, *row) for (commit, profile), row in sums.items()]
    whole = [sum(column) for column in zip(*sums.values())] or [0, 0, 0, 0.0]
    rows.append(("all", "", *whole))
    for commit, profile, seeds, repeated, failures, seconds in rows:
        out.append(f"| {commit} | {profile} | {seeds:,} | {repeated:,} | {failures:,} | {seconds / 60:.1f} |")
    return "".join(line + "\n" for line in out)


def main():
    chunks = read()
    table = totals(chunks)
    page = PAGE.read_text()
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        sys.exit(f"error: {PAGE.name} has no place for the totals")
    start = page.index(BEGIN) + len(BEGIN)
    end = page.index(END)
    if sys.argv[1:] == ["write"]:
        PAGE.write_text(page[:start] + table + page[end:])
    elif page[start:end] != table:
        sys.exit(f"error: the totals in {PAGE.name} are not those of {LINES.name}: .ci/ledger.py write")
    # Every seed that ever failed is told about.
    for chunk in chunks:
        for failure in chunk["failures"]:
            if not re.search(rf"\b{failure['seed']}\b", page[:start] + page[end:]):
                sys.exit(f"error: {PAGE.name} does not tell of seed {failure['seed']} of {chunk['profile']}")
    print(f"{len(chunks)} chunks, {sum(chunk['seeds'] for chunk in chunks):,} seeds")


main()
