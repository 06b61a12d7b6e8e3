// A sprint: many random gestures of many people on both sides, with runs of the program in between.
// After each run both sides are read with the official clients and held against what must come of it;
// at the end rules, duplicates, comments and the silence of one more run are judged.
//
//   sprint-world.mjs      how big it is, and the settings of the program
//   sprint-people.mjs     gestures on fields, bodies, comments, pull requests and items of the project
//   sprint-moves.mjs      gestures on parents, on the repository of a page, on where issues are
//   sprint-reading.mjs    both sides as plain values; sprint-project.mjs: the project, over GraphQL
//   sprint-model.mjs      what must come of it; sprint-relatives.mjs: who is above whom
//
// What one side cannot take (a type that it lacks, a parent below its child, a field of an archived item)
// waits and is said on the page; before the end people put it right, and everything must agree.
//
//   node sprint.mjs   with NOTION_SYNC_PROGRAM, NOTION_SYNC_FIXTURES, CROSSCHECK_WORK, CROSSCHECK_GH
//
//   SPRINT_ACTIONS   gestures (default 300; the whole sprint has 2000)
//   SPRINT_SEED      what is drawn (default 1)
//   SPRINT_ROUND     gestures between two runs (default 40)
//   SPRINT_PAGES, SPRINT_ISSUES, SPRINT_DOCUMENTS   pairs at the beginning (60, 140, 10)
//   SPRINT_POLICY    notion-wins, github-wins or manual-review (drawn by the seed)

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Draw } from "./draw.mjs";
import { Judge } from "./judge.mjs";
import { FIELDS, Model, RULES } from "./sprint-model.mjs";
import { People } from "./sprint-people.mjs";
import { Reader, fileLines } from "./sprint-reading.mjs";
import { PARENT, PROJECTED, SAYS, TYPES, attic, logins, repositories, settings, world } from "./sprint-world.mjs";
import { Stage } from "./stage.mjs";

const size = (name, otherwise) => {
  const text = process.env[name];
  const number = text ? Number(text) : otherwise;
  if (!Number.isInteger(number) || number < 0) throw new Error(`${name}=${text} is no number`);
  return number;
};
const actions = size("SPRINT_ACTIONS", 300);
const seed = size("SPRINT_SEED", 1);
const each = Math.max(size("SPRINT_ROUND", 40), 1);
const sizes = { pages: size("SPRINT_PAGES", 60), issues: size("SPRINT_ISSUES", 140), documents: size("SPRINT_DOCUMENTS", 10) };
const draw = new Draw(seed);
const policy = process.env.SPRINT_POLICY || ["github-wins", "notion-wins", "manual-review"][seed % 3];
const program = process.env.NOTION_SYNC_PROGRAM;
const work = process.env.CROSSCHECK_WORK;
const began = Date.now();
// Most faults that are printed.
const SHOWN = 60;
// Rows of the audit that are printed for each of them, and how much of each.
const [ROWS, WIDTH] = [24, 600];
let told = 0;
const seconds = () => Math.round((Date.now() - began) / 1000);

console.log(`seed ${seed}, ${policy}: repeat with SPRINT_SEED=${seed} SPRINT_POLICY=${policy} SPRINT_ACTIONS=${actions} SPRINT_ROUND=${each}`);
writeFileSync(join(work, "world.json"), JSON.stringify(world({ draw, ...sizes })));
const judge = new Judge(process.env.NOTION_SYNC_FIXTURES);
const stage = await Stage.open({
  program,
  emulator: process.env.CROSSCHECK_EMULATOR ?? program,
  gh: process.env.CROSSCHECK_GH,
  world: join(work, "world.json"),
  work,
  settings: settings(policy),
  take: (one) => judge.take(one),
});
const model = new Model(policy);
const logs = { notion: { mark: 0, writes: 0, creates: new Map() }, github: { mark: 0, writes: 0, creates: new Map() } };

// What the program changed since the last look, by the emulators' own logs.
async function written() {
  const found = [];
  for (const [service, actor] of [["notion", /^sync$/i], ["github", /^sync-bot$/]]) {
    const { mark, entries } = await stage.log(service, logs[service].mark);
    if (entries.length > 0 && entries[0].sequence > logs[service].mark) throw new Error(`the log of ${service} lost entries`);
    logs[service].mark = mark;
    for (const one of entries.filter((entry) => entry.effect && actor.test(entry.actor))) {
      found.push(`${service} ${one.method} ${one.path} ${one.status}`);
      logs[service].writes += 1;
      const kind = /\/(issues|comments|pulls|pages)(\?.*)?$/.exec(one.path)?.[1];
      const { creates } = logs[service];
      if (one.method === "POST" && one.status < 300 && kind) creates.set(kind, (creates.get(kind) ?? 0) + 1);
    }
  }
  return found;
}

// Runs the program until it says that nothing is under way.
async function sync(...words) {
  for (let attempt = 1; ; attempt += 1) {
    const result = await stage.sync(...words);
    await written();
    // Open conflicts hide that something else is still to be done.
    const whole = !/work goes on at|^[a-z]+: error: /m.test(result.text);
    if (result.code === 0 || (result.code === 3 && policy === "manual-review" && whole)) return result;
    const said = `the program ended with ${result.code}: ${result.text.split("\n").filter((text) => !/: (notion|github): /.test(text)).slice(0, 12).join(" | ")}`;
    if (![1, 3].includes(result.code) || attempt === 4) {
      model.fault(said);
      return result;
    }
    console.log(`once more in round ${model.round}: ${said}`);
  }
}

async function round(people, reader, done) {
  model.round += 1;
  const names = [];
  for (let n = 0; n < each && done + n < actions; n += 1) {
    try {
      names.push(await people.act());
    } catch (error) {
      model.fault(`a person was refused: ${error.stack ?? error} ${error.stderr ?? ""}`);
    }
  }
  const before = await reader.look();
  const bodies = { before: new Map(), after: new Map(), texts: new Map() };
  for (const id of model.touched) {
    const pair = model.pairs.get(id);
    if (pair.gone && pair.gone !== "deleted") continue;
    bodies.before.set(id, await reader.markdown(id));
    bodies.texts.set(id, before.issues.get(pair.key)?.lines);
  }
  for (const pair of model.pairs.values()) {
    if (pair.gone === "deleted" && !bodies.before.has(pair.page)) bodies.before.set(pair.page, await reader.markdown(pair.page));
  }
  // Listings leave out what is in the trash, deleted or elsewhere, so only a full one misses it.
  const known = model.faults.length;
  const result = await sync(...(model.news ? ["--full"] : []));
  await settle(reader, before, bodies);
  // So many at once have one reason, and the program may have said it.
  if (model.faults.length - known > 20) console.log(`it ended with ${result.code} and said: ${result.text.split("\n").slice(-20).join(" | ")}`);
  return names.length;
}

async function settle(reader, before, bodies) {
  const after = await reader.look();
  for (const id of after.pages.keys()) {
    if (model.touched.has(id) || !model.pairs.get(id)?.base?.lines) bodies.after.set(id, await reader.markdown(id));
  }
  count(before, after);
  model.settle(before, after, bodies);
  return after;
}

// Merges and pull requests of this round.
function count(before, after) {
  for (const [key, pull] of after.pulls) {
    const was = before?.pulls.get(key);
    if (pull.ours && !was) model.numbers.opened += 1;
    if (pull.ours && pull.merged && was && !was.merged) model.numbers.merged += 1;
    if (pull.ours && pull.merged && !was?.merged) {
      const page = [...model.pairs.values()].find((pair) => model.serves(pull, pair))?.page;
      if (before && before.pages.get(page)?.state !== "Done") {
        model.fault(`${key} was merged while its page said ${before.pages.get(page)?.state}`);
      }
    }
  }
}

// All that waits for checks and reviews gets them.
async function finish(people, reader) {
  const waits = () => model.live().flatMap((pair) => {
    const open = model.pulls.filter((pull) => model.serves(pull, pair) && pull.state === "open");
    // A conflict of any field holds a merge back.
    return pair.shipping && pair.parked.size === 0 && open.length === 1 && open[0].ours ? open : [];
  });
  const ships = waits().length;
  for (let attempt = 0; attempt < 8 && waits().length > 0; attempt += 1) {
    if (attempt < 2) for (const pull of waits()) await people.satisfy(pull);
    else await new Promise((done) => setTimeout(done, 5000));
    model.round += 1;
    const before = await reader.look();
    await sync();
    await settle(reader, before, { before: new Map(), after: new Map(), texts: new Map() });
  }
  for (const pull of waits()) model.fault(`${pull.repository}#${pull.number} has all that it needs, its page says Done, and it is not merged`);
  return ships;
}

// People put right what one side cannot take, and what waits for somebody to restore or delete the rest.
async function untangle(people, reader) {
  const notion = people.notion(logins[0]);
  const octokit = people.githubs.get(logins[0]);
  let righted = 0;
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const now = await reader.look();
    let gestures = 0;
    const change = async (page, properties) => {
      gestures += 1;
      await notion.pages.update({ page_id: page.id, properties });
    };
    for (const pair of [...model.pairs.values()].filter((one) => one.gone === "stuck")) {
      gestures += 1;
      const trashed = pair.how === "trashed";
      await notion.pages.update({ page_id: pair.page, in_trash: !trashed });
      pair.gone = trashed ? "back" : "over";
    }
    for (const pair of model.live()) {
      const [page, issue] = [now.pages.get(pair.page), now.issues.get(pair.key)];
      if (!page || !issue) continue;
      if (page.type !== issue.type && !TYPES.includes(page.type)) await change(page, { Type: { select: issue.type ? { name: issue.type } : null } });
      const waits = PROJECTED.some((field) => pair.parked.has(field) || pair.held.has(field));
      if (waits && issue.item?.archived) {
        gestures += 1;
        await people.project.move(octokit, "unarchiveProjectV2Item", issue.item.id);
      } else if (waits && !issue.item) {
        gestures += 1;
        const [owner, repo] = pair.repository.split("/");
        await people.project.add(octokit, (await octokit.rest.issues.get({ owner, repo, issue_number: pair.number })).data.node_id);
      }
      const above = model.relatives.pair(issue.parent);
      const lost = issue.parent !== "" && (!above || above.gone);
      if (lost) {
        gestures += 1;
        const [owner, repo] = pair.repository.split("/");
        const { data } = await octokit.rest.issues.get({ owner, repo, issue_number: pair.number });
        const place = /\/repos\/([^/]+)\/([^/]+)\/issues\/(\d+)$/.exec(data.parent_issue_url);
        await octokit.rest.issues.removeSubIssue({ owner: place[1], repo: place[2], issue_number: Number(place[3]), sub_issue_id: data.id });
      }
      if (page.parent !== (lost ? "" : issue.parent)) {
        await change(page, { [PARENT]: { relation: lost || !above ? [] : [{ id: above.page }] } });
      }
    }
    if (gestures === 0) return righted;
    righted += gestures;
    model.round += 1;
    const before = await reader.look();
    await sync(...(model.news ? ["--full"] : []));
    await settle(reader, before, { before: new Map(), after: new Map(), texts: new Map() });
  }
  model.fault("what people put right does not come to rest");
  return righted;
}

// Open conflicts are decided, now for this side, now for that.
async function decide(reader) {
  const { stdout } = await stage.command("conflicts", "--json");
  const open = JSON.parse(stdout.split("\n")[0]).conflicts;
  const parked = model.live().filter((pair) => pair.parked.size > 0);
  if (policy !== "manual-review" && open.length > 0) model.fault(`${open.length} conflicts are open under ${policy}`);
  for (const [n, one] of open.entries()) {
    await stage.command("conflicts", "resolve", one.record, "--take", n % 2 === 0 ? "notion" : "github");
  }
  if (open.length > 0) {
    model.round += 1;
    const before = await reader.look();
    await sync();
    const after = await reader.look();
    for (const pair of parked) model.decided(pair, before, after);
  }
  return { open: open.length, parked: parked.length };
}

async function losers() {
  const pages = new Set(model.losers.map((one) => one.pair.page));
  let found = 0;
  for (const page of pages) {
    const rows = (await audit(page)).filter((row) => row.event === "loser");
    const said = rows.map((row) => JSON.stringify(row.details)).join("\n");
    for (const one of model.losers.filter((loser) => loser.pair.page === page)) {
      if (said.includes(one.text === "" ? "" : one.text)) found += 1;
      else model.fault(`${one.pair.key} ${one.field}: “${one.text}” lost in round ${one.round}, and the audit does not know it`);
    }
  }
  return found;
}

// Faults that were not told yet, each with what the program says that it did to this pair.
async function tell() {
  const fresh = model.faults.slice(told, SHOWN);
  told = model.faults.length;
  for (const fault of fresh) {
    console.log(`fault: ${fault}`);
    const pair = [...model.pairs.values()].find((one) => new RegExp(`(^|[ (])${one.key}\\b`).test(fault));
    if (!pair) continue;
    console.log(`  ${pair.page}: ${pair.gestures.slice(-ROWS).join(", ")}`);
    for (const row of (await audit(pair.page)).slice(-ROWS)) {
      console.log(`  ${row.at} ${row.event} ${row.summary} ${JSON.stringify(row.details).slice(0, WIDTH)}`);
    }
  }
}

async function audit(page) {
  const { code, stdout, stderr } = await stage.command("audit", "--json", "show", "--page", page);
  if (code !== 0) throw new Error(`the audit of ${page} ended with ${code}: ${stderr}`);
  return stdout.split("\n").filter(Boolean).map((text) => JSON.parse(text));
}

// Effects of the rules, as GitHub shows them, against the transitions that stood.
async function rules(reader, after, remarks) {
  const numbers = {};
  for (const name of Object.keys(RULES)) {
    const fired = [...model.pairs.values()].map((pair) => pair.fired[name]);
    numbers[name] = { sure: fired.reduce((sum, one) => sum + one.sure, 0), contested: fired.reduce((sum, one) => sum + one.maybe, 0) };
  }
  const within = async (pair, what, seen, { sure, maybe }) => {
    if (seen >= sure && seen <= sure + maybe) return;
    const told = (await audit(pair.page)).filter((row) => ["fired", "conflict", "resolved", "mapping"].includes(row.event));
    const rows = told.map((row) => `${row.event} ${row.summary} ${JSON.stringify(row.details)}`);
    model.fault(`${pair.key} ${what}: ${seen} times, and ${sure}${maybe ? ` to ${sure + maybe}` : ""} transitions stood: ${pair.story.join("; ")}; the audit: ${rows.join("; ")}`);
  };
  for (const pair of model.pairs.values()) {
    const notes = remarks.get(pair.repository).get(pair.number) ?? [];
    // What was said on an issue that was deleted is gone with it.
    const told = pair.reborn || (pair.gone && !after.issues.has(pair.key) && !after.away.has(pair.key)) ? {} : SAYS;
    for (const [name, text] of Object.entries(told)) {
      const seen = notes.filter((one) => one.ours && one.text.includes(text)).length;
      numbers[name].effects = (numbers[name].effects ?? 0) + seen;
      await within(pair, `comment of ${name}`, seen, pair.fired[name]);
    }
    const opened = [...after.pulls.values()].filter((pull) => pull.ours && model.serves(pull, pair));
    numbers.review.effects = (numbers.review.effects ?? 0) + opened.length;
    await within(pair, "pull requests", opened.length, pair.opened);
    if (opened.filter((pull) => pull.state === "open").length > 1) model.fault(`${pair.key} has several open pull requests`);
    let merges = 0;
    for (const pull of opened.filter((one) => one.merged)) {
      const key = `${pull.repository}#${pull.number}`;
      const by = await reader.mergedBy(pull);
      if ((by === "sync-bot") === model.byPeople.has(key)) model.fault(`${key} was merged by ${by}`);
      if (by === "sync-bot") merges += 1;
    }
    numbers.ship.effects = (numbers.ship.effects ?? 0) + merges;
    if (merges > pair.fired.ship.sure + pair.fired.ship.maybe) model.fault(`${pair.key}: merged ${merges} times, and Done stood ${pair.fired.ship.sure} times`);
  }
  // What the program says itself about each pair of which a rule fired.
  for (const pair of [...model.pairs.values()].filter((one) => one.story.length > 0)) {
    const rows = (await audit(pair.page)).filter((row) => row.event === "fired");
    for (const [name, { sure, maybe }] of Object.entries(pair.fired)) {
      const told = rows.filter((row) => row.summary === `rule ${name} fired`).length;
      numbers[name].audited = (numbers[name].audited ?? 0) + told;
      if (told < sure || told > sure + maybe) {
        model.fault(`${pair.key}: the audit says that ${name} fired ${told} times, and ${sure} to ${sure + maybe} transitions stood: ${pair.story.join("; ")}`);
      }
    }
  }
  return numbers;
}

async function comments(reader, remarks) {
  let followed = 0;
  let copies = 0;
  let reviews = 0;
  for (const pair of model.live().filter((one) => !one.reborn)) {
    const mine = model.comments.filter((one) => one.pair === pair);
    const there = remarks.get(pair.repository).get(pair.number) ?? [];
    const here = await reader.pageComments(pair.page);
    copies += there.filter((one) => one.ours && / in Notion\./.test(one.text)).length;
    for (const one of mine) {
      const seen = [here, there].map((list) => list.filter((other) => other.text.includes(one.text)).length);
      const want = one.deleted ? 0 : 1;
      if (seen[0] !== want || seen[1] !== want) model.fault(`${pair.key}: “${one.text}” of ${one.side} stands ${seen[0]} times on the page and ${seen[1]} times on the issue, wanted ${want}`);
      else followed += 1;
    }
    for (const text of Object.values(SAYS)) if (here.some((one) => one.text.includes(text))) model.fault(`${pair.key}: the rule's comment went to the page`);
    const alive = mine.filter((one) => !one.deleted).length;
    // What a review says follows while the pull request is the page's; each once, and named by its number.
    const said = model.reviews.filter((one) => here.some((other) => other.text.includes(one.text)));
    for (const one of said) {
      const seen = here.filter((other) => other.text.includes(one.text) && other.text.includes(`pull request #${one.number}`)).length;
      if (seen !== 1) model.fault(`${pair.key}: the review “${one.text}” of ${one.repository}#${one.number} stands ${seen} times on the page`);
    }
    reviews += said.length;
    const strangers = here.length - alive - said.length;
    if (strangers !== 0) model.fault(`${pair.key}: ${here.length} comments on the page, of ${alive} that people made: ${here.map((one) => one.text).join(" | ")}`);
  }
  return { followed, copies, reviews };
}

// What moved out of the mapping stands as it stood then.
function left(after) {
  for (const pair of [...model.pairs.values()].filter((one) => one.gone === "left")) {
    for (const [what, was, is] of [["page", pair.left.page, after.pages.get(pair.page)], ["issue", pair.left.issue, after.away.get(pair.key)]]) {
      for (const field of FIELDS.filter((one) => one !== "parent")) {
        if (JSON.stringify(was?.[field]) !== JSON.stringify(is?.[field])) model.fault(`${pair.key} is out of the mapping, and ${field} of its ${what} became ${is?.[field]} from ${was?.[field]}`);
      }
    }
  }
}

async function duplicates(reader, after) {
  let seen = 0;
  const once = (what, keys) => {
    const known = new Set();
    for (const key of keys) {
      if (key === undefined || key === null || key === "") continue;
      if (known.has(key)) {
        seen += 1;
        model.fault(`twice: ${what} ${key}`);
      }
      known.add(key);
    }
  };
  once("issues of page", [...after.issues.values()].map((one) => one.page?.replaceAll("-", "")));
  once("issues with title", [...after.issues.values()].map((one) => one.title));
  once("pages with title", [...after.pages.values()].map((one) => one.title));
  once("pages of issue", [...after.pages.values()].map((one) => one.url));
  for (const repository of repositories) {
    const pulls = [...after.pulls.values()].filter((pull) => pull.repository === repository);
    once(`${repository}: pull requests of branch`, pulls.map((pull) => pull.branch));
    const heads = new Set(pulls.map((pull) => pull.branch));
    for (const branch of await reader.branches(repository)) {
      if (branch !== "main" && !heads.has(branch)) {
        seen += 1;
        model.fault(`${repository}: the branch ${branch} has no pull request`);
      }
    }
  }
  return seen;
}

// Documents: the file of each note says what the page says.
async function documents(people, reader) {
  const folder = join(work, "final");
  await stage.git(work, "clone", "--quiet", stage.remote(repositories[0], logins[0]), folder);
  let agreed = 0;
  for (const [id, path] of await reader.notes()) {
    if (!path) {
      model.fault(`the note ${id} has no file`);
      continue;
    }
    const [file, page] = [fileLines(readFileSync(join(folder, path), "utf8")), await reader.markdown(id)];
    if (JSON.stringify(file) === JSON.stringify(page)) agreed += 1;
    else model.fault(`${path}: the file says ${JSON.stringify(file)}, the page ${JSON.stringify(page)}`);
  }
  return agreed;
}

try {
  const people = new People({ stage, draw, model });
  await people.begin();
  const reader = new Reader({ stage, people, project: people.project });
  await sync();
  await people.mergeProposals();
  await sync();
  await settle(reader, undefined, { before: new Map(), after: new Map(), texts: new Map() });
  model.notes = await reader.notes();
  console.log(`${seconds()} s: ${model.pairs.size} pairs and ${model.notes.size} documents agree, ${model.faults.length} faults`);
  for (let done = 0; done < actions; ) {
    done += await round(people, reader, done);
    console.log(`${seconds()} s: ${done} gestures, ${stage.syncs.length} runs, ${model.faults.length} faults`);
    // Named while they are fresh, however the sprint ends.
    await tell();
  }
  let waited = await finish(people, reader);
  const righted = await untangle(people, reader);
  const decided = await decide(reader);
  waited += await finish(people, reader);
  await untangle(people, reader);
  await sync("--full");
  // One more look at everything, bodies too, and then one more run that must write nothing.
  const quiet = await stage.sync();
  const writes = await written();
  for (const one of writes.slice(0, 10)) model.fault(`the last run wrote: ${one}`);
  const after = await reader.look();
  model.touched = new Set(after.pages.keys());
  const bodies = { before: new Map(), after: new Map(), texts: new Map() };
  for (const id of model.touched) bodies.after.set(id, await reader.markdown(id));
  model.round += 1;
  model.settle(after, after, bodies);
  let agreed = 0;
  for (const pair of model.live()) {
    const [page, text] = [bodies.after.get(pair.page), after.issues.get(pair.key).lines];
    if (JSON.stringify(page) === JSON.stringify(text)) agreed += 1;
    else model.fault(`${pair.key} body: the page says ${JSON.stringify(page)}, the issue ${JSON.stringify(text)}`);
  }
  const remarks = new Map();
  for (const repository of [...repositories, attic]) remarks.set(repository, await reader.remarks(repository));
  const fired = await rules(reader, after, remarks);
  const talk = await comments(reader, remarks);
  const twice = await duplicates(reader, after);
  left(after);
  const files = await documents(people, reader);
  const audited = await losers();
  const gestures = [...people.counts.values()].reduce((sum, one) => sum + one, 0);
  console.log(`gestures: ${[...people.counts].sort().map(([name, times]) => `${name} ${times}`).join(", ")}`);
  console.log();
  const described = judge.end();
  await tell();
  if (model.faults.length > SHOWN) console.log(`and ${model.faults.length - SHOWN} more`);
  const faults = model.faults.length + described;
  console.log(JSON.stringify({
    seed, policy, seconds: seconds(), pairs: model.pairs.size, alive: model.live().length, repositories: repositories.length,
    people: logins.length, gestures, without_object: people.skipped, clients: Object.fromEntries(people.clients), runs: stage.syncs.length,
    requests: stage.recorder.count, writes: logs.notion.writes + logs.github.writes,
    creates: { notion: Object.fromEntries(logs.notion.creates), github: Object.fromEntries(logs.github.creates) },
    fields: FIELDS.length, comparisons: model.numbers.fields, bodies: agreed, documents: files,
    conflicts: model.numbers.conflicts, decided: decided.open, losers: audited,
    removed: model.numbers.removed, restored: model.numbers.restored, held: model.numbers.held, righted,
    items: model.numbers.items, outside: model.numbers.outside, transferred: model.numbers.transferred, away: model.numbers.away,
    deleted: model.numbers.deleted, reborn: model.numbers.reborn, strays: model.numbers.strays, stuck: model.numbers.stuck,
    transitions: model.numbers.transitions, contested: model.numbers.contested, rules: fired, merges_waited: waited,
    comments: talk.followed, copies: talk.copies, reviews: talk.reviews, duplicates: twice, last_run: { writes: writes.length, requests: stage.syncs.at(-1).requests, code: quiet.code },
    faults,
  }));
  process.exitCode = faults === 0 ? 0 : 1;
} catch (error) {
  console.error(`after ${model.round} rounds: ${error.stack ?? error}`);
  if (error.stderr) console.error(error.stderr);
  for (const fault of model.faults.slice(0, 20)) console.error(`fault: ${fault}`);
  process.exitCode = 1;
} finally {
  await stage.close();
}
