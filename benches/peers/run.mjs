// Measures the npm peers: `node run.mjs FOLDER ROUNDS`. FOLDER holds node_modules, input.md and
// blocks.json (blocks with their children inside). One JSON object a line.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, rounds] = [process.argv[2], Number(process.argv[3] ?? 3)];
const require = createRequire(join(folder, "package.json"));
const markdown = readFileSync(join(folder, "input.md"), "utf8");
const blocks = readFileSync(join(folder, "blocks.json"), "utf8");

async function measure(name, load) {
  let work;
  try {
    work = load();
    await work();
  } catch (error) {
    console.log(JSON.stringify({ name, skipped: String(error).slice(0, 200) }));
    return;
  }
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] * 1e3;
  console.log(JSON.stringify({ name, min_us: at(0), median_us: at(0.5), max_us: at(1), rounds }));
}

await measure("peer/martian/to-blocks", () => {
  const { markdownToBlocks } = require("@tryfabric/martian");
  const options = { notionLimits: { truncate: false } };
  return () => JSON.stringify(markdownToBlocks(markdown, options));
});
await measure("peer/notion-to-md/to-markdown", () => {
  const { NotionToMarkdown } = require("notion-to-md");
  const converter = new NotionToMarkdown({ notionClient: {} });
  const text = async (list) => {
    const out = [];
    for (const block of list) {
      const parent = await converter.blockToMarkdown({ ...block, has_children: false });
      const children = block.children?.length ? await text(block.children) : [];
      out.push({ type: block.type, blockId: block.id, parent, children });
    }
    return out;
  };
  return async () => converter.toMarkdownString(await text(JSON.parse(blocks))).parent;
});
await measure("peer/notion-md-converter/to-markdown", () => {
  const { NotionMarkdownConverter } = require("@notion-md-converter/core");
  const converter = new NotionMarkdownConverter();
  return () => converter.execute(JSON.parse(blocks));
});
