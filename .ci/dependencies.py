#!/usr/bin/env python3
"""Checks dependencies against deny.toml, .ci/core-crates.txt and the layers below.

    dependencies.py licences | bans | core | features

`features` prints one `package feature` per line: what a build with that feature alone has to name.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
DENY = tomllib.loads((ROOT / "deny.toml").read_text())


def cargo(*words):
    done = subprocess.run(["cargo", *words], cwd=ROOT, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"cargo {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def tree(*words):
    """(name, version, licence) of every crate in a tree, each once."""
    text = cargo("tree", "--locked", "--prefix", "none", "-f", "{p}|{l}", *words)
    found = set()
    for line in text.splitlines():
        package, _, licence = line.removesuffix(" (*)").partition("|")
        words = package.split()
        if len(words) >= 2 and words[1].startswith("v"):
            found.add((words[0], words[1][1:], licence))
    if not found:
        sys.exit(f"cargo tree {' '.join(words)} printed nothing that can be read")
    return sorted(found)


def satisfied(expression, allowed):
    """Whether an SPDX expression can be satisfied with the allowed licences."""
    tokens = re.findall(r"\(|\)|AND|OR|WITH|[A-Za-z0-9.+-]+", expression.replace("/", " OR "))
    at = 0

    def term():
        nonlocal at
        if at < len(tokens) and tokens[at] == "(":
            at += 1
            value = alternatives()
            at += 1
            return value
        name = tokens[at] if at < len(tokens) else ""
        at += 1
        if at < len(tokens) and tokens[at] == "WITH":
            name += " WITH " + tokens[at + 1]
            at += 2
        return name in allowed

    def conjunction():
        nonlocal at
        value = term()
        while at < len(tokens) and tokens[at] == "AND":
            at += 1
            value = term() and value
        return value

    def alternatives():
        nonlocal at
        value = conjunction()
        while at < len(tokens) and tokens[at] == "OR":
            at += 1
            value = conjunction() or value
        return value

    return alternatives() and at == len(tokens)


def licences():
    allowed = set(DENY["licenses"]["allow"])
    crates = set()
    for target in DENY["graph"]["targets"]:
        crates.update(tree("--workspace", "-e", "normal,build,dev", "--target", target))
    bad = [c for c in sorted(crates) if not satisfied(c[2], allowed)]
    print(f"{len(crates)} crates, {len(bad)} without an allowed licence")
    return [f"{name} {version}: {licence or 'no licence'}" for name, version, licence in bad]


def bans():
    faults = []
    crates = tree("--workspace", "-e", "normal,build,dev")
    names = {name for name, _, _ in crates}
    for entry in DENY["bans"]["deny"]:
        if entry["crate"] in names:
            faults.append(f"{entry['crate']} is in the tree: {entry['reason']}")
    skipped = []
    for entry in DENY["bans"]["skip"]:
        name, _, version = entry["crate"].partition("@")
        skipped.append((name, version + "."))
    versions = {}
    for name, version, _ in crates:
        if not any(name == known and version.startswith(start) for known, start in skipped):
            versions.setdefault(name, []).append(version)
    for name, found in versions.items():
        if len(found) > 1:
            faults.append(f"{name} is there {len(found)} times: {', '.join(found)}")
    for name, start in skipped:
        if not any(name == known and version.startswith(start) for known, version, _ in crates):
            faults.append(f"deny.toml skips {name}@{start[:-1]}, which is not in the tree any more")
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    registries = {p["source"] for p in lock["package"] if "source" in p}
    if len(registries) > 1 or any(not source.startswith("registry+") for source in registries):
        faults.append(f"packages come from {', '.join(sorted(registries))}")
    print(f"{len(crates)} crates, {len(skipped)} doubled versions accepted")
    return faults


def core():
    path = ROOT / ".ci" / "core-crates.txt"
    allowed = {line for line in path.read_text().splitlines() if line and not line.startswith("#")}
    found = {name for name, _, _ in tree("-p", "notion-sync-core", "-e", "normal")}
    found.discard("notion-sync-core")
    never = re.compile(r"tokio|reqwest|hyper|tower|axum|rustls|octocrab|rusqlite|libsqlite3|sqlx|aws|ring|openssl|mio|socket2|getrandom|rand$")
    faults = [f"core must not know {name}" for name in sorted(found) if never.match(name)]
    faults += [f"{name} is not in .ci/core-crates.txt" for name in sorted(found - allowed) if not never.match(name)]
    print(f"core knows {len(found)} crates, {len(allowed - found)} more are allowed")
    return faults + layers()


# Which crates of ours each published one may be built on; in their tests they may use others.
LAYERS = {
    "core": set(),
    "notion": {"core"},
    "github": {"core"},
    "store": {"core"},
    "testkit": {"core"},
    "receiver": {"core", "notion", "github"},
}


def layers():
    prefix = "notion-sync-"
    metadata = json.loads(cargo("metadata", "--locked", "--no-deps", "--format-version", "1"))
    faults = []
    # `publish` is an empty list where it is switched off.
    published = [package for package in metadata["packages"] if package["publish"] != []]
    for package in published:
        name = package["name"].removeprefix(prefix)
        if name not in LAYERS:
            faults.append(f"{package['name']} is published, and nobody said what it may be built on")
            continue
        for known in package["dependencies"]:
            other = known["name"].removeprefix(prefix)
            ours = known["name"] != other
            if ours and known["kind"] != "dev" and other not in LAYERS[name]:
                faults.append(f"{package['name']} must not know {known['name']}")
    print(f"{len(published)} published crates know no other than they may")
    return faults


def features():
    metadata = json.loads(cargo("metadata", "--locked", "--no-deps", "--format-version", "1"))
    for package in metadata["packages"]:
        named = [name for name in sorted(package["features"]) if name != "default"]
        if named:
            print(package["name"], "-")
        for name in named:
            print(package["name"], name)
    return []


if __name__ == "__main__":
    checks = {"licences": licences, "bans": bans, "core": core, "features": features}
    if len(sys.argv) != 2 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    wrong = checks[sys.argv[1]]()
    for fault in wrong:
        print(f"error: {fault}", file=sys.stderr)
    sys.exit(bool(wrong))
