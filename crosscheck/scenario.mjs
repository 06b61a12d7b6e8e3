// Official clients act as the people while `notion-sync sync` runs between their edits; then every
// answer of the emulators is held against published descriptions and recorded bodies.
//
//   node scenario.mjs   with NOTION_SYNC_PROGRAM, NOTION_SYNC_FIXTURES, CROSSCHECK_WORK, CROSSCHECK_GH

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Client } from "@notionhq/client";
import { Octokit } from "@octokit/rest";

import { Judge } from "./judge.mjs";
import { Stage } from "./stage.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const program = process.env.NOTION_SYNC_PROGRAM;
const work = process.env.CROSSCHECK_WORK;
const settings = (where, bounds) => `
[notion]
requests_per_minute = 6000
[github]
write_spacing_ms = 0
notify_spacing_ms = 0
[store]
url = "sqlite:state.db"
[bounds]
${bounds.join("\n")}
[schedule]
poll = 1
[[documents]]
name = "handbook"
data_source = "${where.notion.data_sources.Pages}"
repository = "acme/handbook"
path = "docs/{slug}.md"
reviewers = ["bob", "acme/docs-team"]
front_matter = { Owner = "owner", Tags = "tags" }
[[tasks]]
name = "backlog"
data_source = "${where.notion.data_sources.Tasks}"
repository = "acme/app"
policy = "github-wins"
status = { property = "Status", open = ["Not started", "In progress"], closed = ["Done"] }
labels = "Labels"
assignees = "Assignee"
[people]
ada = "ada@example.org"
bob = "bob@example.org"
`;
const stage = await Stage.open({
  program,
  emulator: process.env.CROSSCHECK_EMULATOR ?? program,
  gh: process.env.CROSSCHECK_GH,
  world: join(here, "world.json"),
  work,
  settings,
});

let steps = 0;
function did(what) {
  steps += 1;
  console.log(`${String(steps).padStart(3)}  ${what}`);
}
const text = (block) => block[block.type].rich_text.map((part) => part.plain_text).join("");
const rich = (content) => [{ type: "text", text: { content } }];

try {
  const notion = new Client({ auth: stage.where.notion.people.Ada, baseUrl: stage.notionUrl, retry: false });
  const github = new Octokit({ auth: stage.where.github.tokens.bob, baseUrl: stage.githubUrl });
  const handbook = { owner: "acme", repo: "handbook" };
  const app = { owner: "acme", repo: "app" };
  const clone = join(work, "clone");
  const file = (name) => readFileSync(join(clone, name), "utf8");

  const pages = async (title) => {
    const answer = await notion.dataSources.query({ data_source_id: stage.where.notion.data_sources[title] });
    return new Map(answer.results.map((page) => [page.properties.Name.title.map((t) => t.plain_text).join(""), page]));
  };
  const blocks = async (page) => (await notion.blocks.children.list({ block_id: page.id, page_size: 100 })).results;
  const synced = async (...codes) => {
    const result = await stage.sync(...codes.filter((word) => typeof word === "string"));
    assert.ok(codes.includes(result.code), `sync ended with ${result.code}, expected ${codes}:\n${result.text}`);
    return result;
  };
  const pull = async () => {
    await stage.git(clone, "pull", "--quiet", "--ff-only");
  };

  // First synchronisation: a file becomes a page, a page a draft pull request, tasks and issues meet.
  await stage.git(work, "clone", "--quiet", stage.remote("acme/handbook", "ada"), clone);
  const original = file("docs/releases.md");
  await synced(0);
  let documents = await pages("Pages");
  assert.equal(documents.size, 2, "one page for the file beside the one that was there");
  const drafts = JSON.parse(
    await stage.cli("ada", "pr", "list", "-R", "acme/handbook", "--json", "number,title,isDraft,headRefName"),
  );
  assert.equal(drafts.length, 1);
  assert.ok(drafts[0].isDraft && drafts[0].headRefName.startsWith("nsync/"), JSON.stringify(drafts));
  did("first sync: a page for the file, a draft pull request for the page (gh pr list)");

  await stage.cli("ada", "pr", "ready", String(drafts[0].number), "-R", "acme/handbook");
  await stage.cli("ada", "pr", "merge", String(drafts[0].number), "-R", "acme/handbook", "--merge");
  await synced(0);
  await pull();
  assert.ok(existsSync(join(clone, "docs/welcome.md")), "the merged draft is in the branch");
  assert.equal(file("docs/releases.md"), original, "a file that nobody edited stays byte for byte");
  did("gh pr ready, gh pr merge: the proposed file is live");

  // One paragraph edited in Notion, with the official client.
  const releases = [...documents].find(([title]) => title !== "Welcome")[1];
  let body = await blocks(releases);
  const friday = body.find((block) => block.type === "paragraph" && text(block).includes("Fridays"));
  assert.ok(friday, "the file's last paragraph is a block");
  await notion.blocks.update({ block_id: friday.id, paragraph: { rich_text: rich("Nobody releases on Fridays or Sundays.") } });
  await synced(0);
  await pull();
  const changed = (await stage.git(clone, "show", "--format=", "--unified=0", "HEAD", "--", "docs/releases.md"))
    .split("\n")
    .filter((line) => /^[-+](?![-+])/.test(line) && !/^[-+]notion_/.test(line));
  assert.deepEqual(changed, ["-Nobody releases on Fridays.", "+Nobody releases on Fridays or Sundays."]);
  const message = await stage.git(clone, "log", "-1", "--format=%B");
  for (const trailer of ["Notion-Page-Id:", "Notion-Revision:", "Sync-Run-Id:", "Sync-Op:"]) {
    assert.ok(message.includes(`\n${trailer} `), `the commit lacks ${trailer}\n${message}`);
  }
  did("@notionhq/client edits a paragraph: git shows that line alone, the commit has its trailers");

  // One line edited with git.
  body = await blocks(releases);
  const before = new Map(body.map((block) => [block.id, text(block)]));
  writeFileSync(join(clone, "docs/releases.md"), file("docs/releases.md").replace("wait for the build", "wait for the long build"));
  await stage.git(clone, "commit", "--quiet", "--all", "--message", "Say that the build is long");
  await stage.git(clone, "push", "--quiet");
  await synced(0);
  body = await blocks(releases);
  assert.deepEqual(body.map((block) => block.id), [...before.keys()], "all blocks keep their ids");
  const moved = body.filter((block) => before.get(block.id) !== text(block)).map(text);
  assert.deepEqual(moved, ["wait for the long build"]);
  did("git push edits a line: one block is written, all ids stay");

  // Different blocks at the same time, then the same block.
  const tuesday = body.find((block) => text(block).includes("Tuesdays"));
  await notion.blocks.update({ block_id: tuesday.id, paragraph: { rich_text: rich("We release on Mondays.") } });
  const save = async (path, from, to) => {
    const { data } = await github.rest.repos.getContent({ ...handbook, path });
    const now = Buffer.from(data.content, "base64").toString("utf8");
    assert.ok(now.includes(from), `${path} lacks ${from}`);
    const content = Buffer.from(now.replace(from, to)).toString("base64");
    await github.rest.repos.createOrUpdateFileContents({ ...handbook, path, message: `Edit ${path}`, content, sha: data.sha });
  };
  await save("docs/releases.md", "tag the commit", "tag the right commit");
  await synced(0);
  await pull();
  assert.ok(file("docs/releases.md").includes("We release on Mondays."), file("docs/releases.md"));
  body = await blocks(releases);
  assert.ok(body.some((block) => text(block) === "tag the right commit"));
  did("different blocks edited on both sides (@octokit/rest): merged on both, no conflict");

  await notion.blocks.update({ block_id: tuesday.id, paragraph: { rich_text: rich("We release on Thursdays.") } });
  await save("docs/releases.md", "We release on Mondays.", "We release on Wednesdays.");
  await synced(3);
  let open = (await github.rest.pulls.list({ ...handbook, state: "open" })).data;
  assert.equal(open.length, 1, "one pull request for the conflict");
  const number = open[0].number;
  const files = (await github.rest.pulls.listFiles({ ...handbook, pull_number: number })).data;
  assert.deepEqual(files.map((one) => one.filename), ["docs/releases.md"]);
  assert.ok(files[0].patch.includes("Thursdays") && files[0].patch.includes("Wednesdays"), files[0].patch);
  const comments = (await github.rest.issues.listComments({ ...handbook, issue_number: number })).data;
  assert.ok(comments.some((one) => one.body.includes("Thursdays") && one.body.includes("Wednesdays")), "a comment shows both versions");
  const reviewers = (await github.rest.pulls.listRequestedReviewers({ ...handbook, pull_number: number })).data;
  assert.deepEqual(reviewers.users.map((one) => one.login), ["bob"]);
  assert.deepEqual(reviewers.teams.map((one) => one.slug), ["docs-team"]);
  did("the same block edited on both sides: a pull request with both versions, a comment, reviewers");

  await github.rest.pulls.merge({ ...handbook, pull_number: number });
  await synced(0);
  await pull();
  body = await blocks(releases);
  const settled = text(body.find((block) => block.id === tuesday.id));
  assert.ok(file("docs/releases.md").includes(settled), `the page says ${settled}, the file:\n${file("docs/releases.md")}`);
  did(`@octokit/rest merges it: both sides say “${settled}”`);

  // Tasks.
  let tasks = await pages("Tasks");
  assert.deepEqual([...tasks.keys()].sort(), ["Dark mode", "Login fails"]);
  const issues = JSON.parse(
    await stage.cli("ada", "issue", "list", "-R", "acme/app", "--json", "number,title,state,labels,assignees,body"),
  );
  const login = issues.find((issue) => issue.title === "Login fails");
  assert.ok(login, JSON.stringify(issues));
  assert.deepEqual(login.labels.map((label) => label.name), ["bug"]);
  assert.deepEqual(login.assignees.map((person) => person.login), ["ada"]);
  assert.ok(login.body.startsWith("<!-- notion-sync\n"), login.body);
  assert.equal(tasks.get("Login fails").properties["GitHub Number"].number, login.number);
  did("a page became an issue and an issue a page (gh issue list)");

  await notion.pages.update({ page_id: tasks.get("Login fails").id, properties: { Status: { status: { name: "Done" } } } });
  await stage.cli("ada", "issue", "edit", String(issues.find((issue) => issue.title === "Dark mode").number),
    "-R", "acme/app", "--title", "Dark theme", "--add-label", "bug");
  await synced(0);
  const closed = JSON.parse(await stage.cli("ada", "issue", "view", String(login.number), "-R", "acme/app", "--json", "state"));
  assert.equal(closed.state, "CLOSED");
  tasks = await pages("Tasks");
  assert.deepEqual(tasks.get("Dark theme").properties.Labels.multi_select.map((one) => one.name).sort(), ["bug", "feature"]);
  did("Done in Notion closes the issue; gh issue edit changes title and labels of the page");

  await stage.cli("ada", "issue", "reopen", String(login.number), "-R", "acme/app");
  const made = await github.rest.issues.create({ ...app, title: "Third one", body: "From Octokit.", labels: ["feature"], assignees: ["bob"] });
  await synced(0);
  tasks = await pages("Tasks");
  assert.notEqual(tasks.get("Login fails").properties.Status.status.name, "Done");
  assert.equal(tasks.get("Third one").properties["GitHub Number"].number, made.data.number);
  did("gh issue reopen reopens the task; an issue made with @octokit/rest becomes a page");

  // Removal.
  documents = await pages("Pages");
  await notion.pages.update({ page_id: documents.get("Welcome").id, in_trash: true });
  // Queries leave out what is in the trash, so only a full listing misses the page.
  await synced(0, "--full");
  open = (await github.rest.pulls.list({ ...handbook, state: "open" })).data;
  assert.equal(open.length, 1, "the removal is proposed");
  await github.rest.pulls.merge({ ...handbook, pull_number: open[0].number, merge_method: "squash" });
  await synced(0);
  await pull();
  assert.ok(!existsSync(join(clone, "docs/welcome.md")));
  did("a trashed page: its file is removed by a pull request");

  // Nothing is left to do.
  const quiet = await synced(0);
  const writes = quiet.exchanges.filter(
    (one) => !["GET", "HEAD"].includes(one.method) && !/\/query$|\/search$|graphql$/.test(one.path),
  );
  assert.deepEqual(writes.map((one) => `${one.method} ${one.path}`), [], "a settled world is left alone");
  const markdown = await notion.pages.retrieveMarkdown({ page_id: releases.id });
  for (const line of ["tag the right commit", "wait for the long build", "Fridays or Sundays"]) {
    assert.ok(markdown.markdown.includes(line) && file("docs/releases.md").includes(line), `${line} is on both sides`);
  }
  did(`a last sync writes nothing (${quiet.exchanges.length} requests)`);

  console.log();
  const judge = new Judge(process.env.NOTION_SYNC_FIXTURES);
  for (const one of stage.recorder.exchanges) judge.take(one);
  const faults = judge.end();
  console.log(`${steps} steps, ${stage.syncs.length} runs of the program, ${faults} faults`);
  process.exitCode = faults === 0 ? 0 : 1;
} catch (error) {
  console.error(`after step ${steps}: ${error.stack ?? error}`);
  if (error.stderr) console.error(error.stderr);
  process.exitCode = 1;
} finally {
  if (process.env.CROSSCHECK_KEEP) {
    writeFileSync(join(work, "exchanges.json"), JSON.stringify(stage.recorder.exchanges, undefined, 1));
  }
  await stage.close();
}
