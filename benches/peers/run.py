"""Measures the PyPI peers: `python run.py FOLDER ROUNDS`. FOLDER holds input.md and blocks.json
(blocks with their children inside). One JSON object a line."""

import json
import pathlib
import sys
import time

folder, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
markdown = (folder / "input.md").read_text(encoding="utf-8")
blocks = (folder / "blocks.json").read_text(encoding="utf-8")


def measure(name, load):
    try:
        work = load()
        work()
    except Exception as error:
        print(json.dumps({"name": name, "skipped": repr(error)[:200]}), flush=True)
        return
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e6)
    times.sort()
    row = {"name": name, "min_us": times[0], "median_us": times[len(times) // 2],
           "max_us": times[-1], "rounds": rounds}
    print(json.dumps(row), flush=True)


def notionify_to_blocks():
    from notionify.config import NotionifyConfig
    from notionify.converter.md_to_notion import MarkdownToNotionConverter

    converter = MarkdownToNotionConverter(NotionifyConfig(token="none"))
    return lambda: json.dumps(converter.convert(markdown).blocks)


def notionify_to_markdown():
    from notionify.config import NotionifyConfig
    from notionify.converter.notion_to_md import NotionToMarkdownRenderer

    renderer = NotionToMarkdownRenderer(NotionifyConfig(token="none"))
    return lambda: renderer.render_blocks(json.loads(blocks))


def notionfs_to_blocks():
    from notionfs.converter.md_to_blocks import markdown_to_blocks

    return lambda: json.dumps(markdown_to_blocks(markdown))


def notionfs_to_markdown():
    from notionfs.converter.blocks_to_md import blocks_to_markdown

    return lambda: blocks_to_markdown(json.loads(blocks))


measure("peer/notionify/to-blocks", notionify_to_blocks)
measure("peer/notionify/to-markdown", notionify_to_markdown)
measure("peer/notionfs/to-blocks", notionfs_to_blocks)
measure("peer/notionfs/to-markdown", notionfs_to_markdown)
