// What people do during the sprint, each with an official client: `@notionhq/client` in Notion,
// `@octokit/rest`, `gh` and `git` on GitHub.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Client } from "@notionhq/client";
import { Octokit } from "@octokit/rest";

import { Moves } from "./sprint-moves.mjs";
import { Project } from "./sprint-project.mjs";
import {
  LABELS, MILESTONES, OPEN, PAGE_TYPES, PRIORITIES, PROJECT, REQUIRED, STATUSES, TYPES, logins, mapped, repositories,
} from "./sprint-world.mjs";
import { bodyLines, split, value } from "./sprint-reading.mjs";

// How often each gesture comes.
const WEIGHTS = {
  "notion title": 6, "notion status": 22, "notion labels": 9, "notion priority": 9, "notion assignees": 8,
  "notion milestone": 4, "notion type": 4, "notion body": 10, "notion comment": 6, "notion there and back": 5,
  "notion new page": 3, "notion trash": 1, "notion fact": 2, "notion note": 3,
  "github title": 6, "github state": 9, "github labels": 9, "github priority": 7, "github assignees": 8,
  "github milestone": 4, "github type": 4, "github body": 8, "github comment": 6, "github there and back": 4,
  "github new issue": 3, "github file": 2, "github foreign label": 2,
  "notion ship": 6, "pull check": 9, "pull review": 4, "pull ready": 2, "pull push": 2, "pull merge": 2, "pull close": 1,
  "both title": 3, "both state": 3, "both priority": 3, "both milestone": 2, "both type": 2, "both labels": 2,
  "both assignees": 2, "both body": 3,
  "notion board": 4, "notion iteration": 3, "notion points": 3, "notion due": 3, "notion note": 3,
  "github board": 4, "github iteration": 3, "github points": 3, "github due": 3, "github note": 3,
  "both board": 2, "both iteration": 1, "both points": 1, "both due": 1, "both note": 1,
  "project add": 2, "project remove": 2, "project archive": 2, "project restore": 2,
  "notion parent": 6, "github parent": 5, "both parent": 2,
  "move repository": 3, "move astray": 2, "move correct": 3, "move transfer": 3, "move away": 1, "move delete": 1,
};
// How many of the gestures that `gh` knows are made with it.
const WITH_GH = 0.15;

const rich = (content) => [{ type: "text", text: { content } }];

export class People {
  // `model` knows the pairs; what is said in comments is noted there.
  constructor({ stage, draw, model }) {
    Object.assign(this, { stage, draw, model });
    this.notions = new Map(logins.map((login) => [login, new Client({ auth: `ntn_${login}`, baseUrl: stage.notionUrl, retry: false })]));
    this.githubs = new Map(logins.map((login) => [login, new Octokit({
      auth: stage.where.github.tokens[login], baseUrl: stage.githubUrl,
      request: { headers: { "x-github-api-version": "2026-03-10" } },
    })]));
    this.counts = new Map();
    this.clients = new Map();
    this.skipped = 0;
    this.ids = new Map();
    this.clones = new Map();
    this.project = new Project();
    this.moves = new Moves(this);
  }

  async begin() {
    // Only connections may list users.
    const sync = new Client({ auth: this.stage.where.notion.token, baseUrl: this.stage.notionUrl, retry: false });
    const { results } = await sync.users.list({ page_size: 100 });
    for (const user of results) this.ids.set(user.name.toLowerCase(), user.id);
  }

  notion(login) {
    return this.notions.get(login);
  }

  github(login) {
    return this.githubs.get(login).rest;
  }

  // One gesture by somebody; another one is drawn where there is nothing to make it on.
  async act() {
    for (;;) {
      const name = await this.#try();
      if (name) return name;
    }
  }

  async #try() {
    const name = this.draw.weighed(WEIGHTS);
    const where = name.split(" ", 1)[0];
    const rest = name.slice(where.length + 1);
    this.gesture = name;
    const who = this.draw.pick(logins);
    const sides = {
      notion: () => this.#onNotion(rest, who), github: () => this.#onGithub(rest, who), pull: () => this.#onPull(rest, who),
      both: () => this.#onBoth(rest, who), project: () => this.#onProject(rest, who), move: () => this.moves.make(rest, who),
    };
    const done = await sides[where]();
    if (done === false) {
      this.skipped += 1;
      return undefined;
    }
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    return name;
  }

  with(client) {
    this.clients.set(client, (this.clients.get(client) ?? 0) + 1);
  }

  // A pair that is alive; nobody touches what somebody threw away in this round.
  pair(able = () => true) {
    const all = this.model.live().filter(able);
    if (all.length === 0) return undefined;
    const pair = this.draw.pick(all);
    pair.gestures.push(`round ${this.model.round}: ${this.gesture}`);
    return pair;
  }

  // Both sides edit one field of one pair before a sync sees either.
  async #onBoth(what, who) {
    const pair = this.pair();
    if (!pair) return false;
    const other = this.draw.pick(logins);
    const gesture = { state: ["status", "state"] }[what] ?? [what, what];
    const both = [() => this.notionOn(gesture[0], who, pair), () => this.githubOn(gesture[1], other, pair)];
    if (this.draw.chance(0.5)) both.reverse();
    const done = [await both[0](), await both[1]()];
    return done.some((one) => one !== false);
  }

  async #onNotion(what, who) {
    if (what === "new page") return this.#newPage(who);
    if (what === "note") return this.#note(who);
    // A task whose pull request is open is done.
    const open = new Set(this.model.pulls.filter((pull) => pull.state === "open" && pull.ours).map((pull) => pull.of));
    const pair = what === "ship" ? this.draw.pick(this.model.live().filter((one) => open.has(one.key))) : this.pair();
    if (!pair) return false;
    return this.notionOn(what, who, pair);
  }

  async notionOn(what, who, pair) {
    const { draw } = this;
    const notion = this.notion(who);
    const page_id = pair.page;
    const set = async (properties) => {
      await notion.pages.update({ page_id, properties });
    };
    this.with("@notionhq/client");
    const page = await notion.pages.retrieve({ page_id });
    const now = (name) => value(page.properties[name]);
    const other = (list, known) => draw.pick(list.filter((one) => one !== known));
    const choice = (name) => (name === "" ? null : { name });
    switch (what) {
      case "title":
        return set({ Name: { title: rich(`Renamed ${draw.word()}`) } });
      case "status":
        return set({ Status: { status: { name: other(STATUSES, now("Status")) } } });
      case "ship":
        return set({ Status: { status: { name: "Done" } } });
      case "there and back": {
        const before = now("Status");
        await set({ Status: { status: { name: other(STATUSES, before) } } });
        return set({ Status: { status: { name: before } } });
      }
      case "labels":
        return set({ Labels: { multi_select: toggle(now("Labels"), draw.pick(LABELS)).map((name) => ({ name })) } });
      case "assignees": {
        const people = page.properties.Assignee.people.map((one) => one.id);
        return set({ Assignee: { people: toggle(people, this.ids.get(draw.pick(logins))).map((id) => ({ id })) } });
      }
      case "priority":
        return set({ Priority: { select: choice(other(["", ...PRIORITIES, "high"], now("Priority"))) } });
      case "milestone":
        return set({ Milestone: { select: choice(other(["", ...MILESTONES], now("Milestone"))) } });
      case "type":
        return set({ Type: { select: choice(other(["", ...PAGE_TYPES], now("Type"))) } });
      case "parent":
        return this.moves.below(pair, who);
      case "fact":
        return set({ Author: { rich_text: rich(`not ${draw.word()}`) } });
      case "body":
        return this.#write(notion, page_id);
      case "comment":
        return this.#discuss(notion, pair, who);
      case "trash":
        this.model.trashed(pair);
        await notion.pages.update({ page_id, in_trash: true });
        return true;
      default: {
        if (!(what in PROJECT)) throw new Error(`nobody knows how to ${what} in Notion`);
        const { property, type } = PROJECT[what];
        const text = this.#wanted(what, String(now(property) ?? ""));
        const said = { select: () => choice(text), number: () => (text ? Number(text) : null), date: () => (text ? { start: text } : null), rich_text: () => rich(text) };
        return set({ [property]: { [type]: said[type]() } });
      }
    }
  }

  // What a field of the project is set to: something else than it says, or nothing.
  #wanted(name, before) {
    return this.draw.pick((this.draw.chance(0.25) ? ["", ...PROJECT[name].values] : PROJECT[name].values).filter((one) => one !== before));
  }

  // A field of an issue's item; one that is not in the project is put there first.
  async #place(name, octokit, pair, content) {
    this.with("@octokit/graphql");
    const item = (await this.project.items(octokit)).get(pair.key);
    if (item?.archived) return false;
    await this.project.set(octokit, item?.id ?? (await this.project.add(octokit, content)), name, this.#wanted(name, item?.[name] ?? ""));
    return true;
  }

  // Items come and go, are put away and taken back.
  async #onProject(what, who) {
    const octokit = this.githubs.get(who);
    const items = await this.project.items(octokit);
    const able = {
      add: (pair) => !items.has(pair.key), remove: (pair) => items.has(pair.key),
      archive: (pair) => items.get(pair.key)?.archived === false, restore: (pair) => items.get(pair.key)?.archived === true,
    }[what];
    const pair = this.pair(able);
    if (!pair) return false;
    this.with("@octokit/graphql");
    if (what === "add") {
      const [owner, repo] = pair.repository.split("/");
      const { data } = await octokit.rest.issues.get({ owner, repo, issue_number: pair.number });
      await this.project.add(octokit, data.node_id);
    } else {
      const mutation = { remove: "deleteProjectV2Item", archive: "archiveProjectV2Item", restore: "unarchiveProjectV2Item" }[what];
      await this.project.move(octokit, mutation, items.get(pair.key).id);
    }
    return true;
  }

  // Appends, rewords or deletes a paragraph.
  async #write(notion, page_id) {
    const { draw } = this;
    this.model.touchBody(page_id);
    const { results } = await notion.blocks.children.list({ block_id: page_id, page_size: 100 });
    const paragraphs = results.filter((block) => block.type === "paragraph" && block.paragraph.rich_text.length > 0);
    const way = paragraphs.length === 0 ? 0 : draw.next();
    if (way < 0.4) {
      await notion.blocks.children.append({ block_id: page_id, children: [{ paragraph: { rich_text: rich(`Added ${draw.word()} in Notion.`) } }] });
    } else if (way < 0.85) {
      await notion.blocks.update({ block_id: draw.pick(paragraphs).id, paragraph: { rich_text: rich(`Reworded ${draw.word()} in Notion.`) } });
    } else {
      await notion.blocks.delete({ block_id: draw.pick(paragraphs).id });
    }
    return true;
  }

  async #discuss(notion, pair, who) {
    const { draw, model } = this;
    const known = model.comments.filter((one) => one.side === "notion" && one.pair === pair && !one.deleted);
    const way = known.length === 0 ? 0 : draw.next();
    if (way < 0.6) {
      const text = `Said ${draw.word()} in Notion.`;
      const made = await notion.comments.create({ parent: { page_id: pair.page }, rich_text: rich(text) });
      model.comments.push({ side: "notion", pair, id: made.id, who, text });
    } else {
      const one = draw.pick(known);
      // Only who wrote a comment may change it.
      const author = this.notion(one.who);
      if (way < 0.85) {
        const text = `Corrected ${draw.word()} in Notion.`;
        await author.comments.update({ comment_id: one.id, rich_text: rich(text) });
        one.text = text;
      } else {
        await author.comments.delete({ comment_id: one.id });
        one.deleted = true;
      }
    }
    return true;
  }

  async #newPage(who) {
    const { draw } = this;
    this.with("@notionhq/client");
    const made = await this.notion(who).pages.create({
      parent: { type: "data_source_id", data_source_id: this.stage.where.notion.data_sources.Tasks },
      properties: {
        Name: { title: rich(`New page ${draw.word()}`) },
        Status: { status: { name: draw.pick(OPEN) } },
        "GitHub Repository": { rich_text: rich(draw.pick(repositories)) },
        Labels: { multi_select: [{ name: draw.pick(LABELS) }] },
      },
      children: [{ paragraph: { rich_text: rich(`Begun ${draw.word()} in Notion.`) } }],
    });
    this.model.expected.pages.add(made.id);
    return true;
  }

  async #note(who) {
    const { draw } = this;
    const notes = [...this.model.notes.keys()];
    if (notes.length === 0) return false;
    this.with("@notionhq/client");
    const id = draw.pick(notes);
    const notion = this.notion(who);
    const { results } = await notion.blocks.children.list({ block_id: id, page_size: 100 });
    const paragraphs = results.filter((block) => block.type === "paragraph" && block.paragraph.rich_text.length > 0);
    if (paragraphs.length === 0) return false;
    await notion.blocks.update({ block_id: draw.pick(paragraphs).id, paragraph: { rich_text: rich(`Noted ${draw.word()} in Notion.`) } });
    return true;
  }

  async #onGithub(what, who) {
    if (what === "new issue") return this.#newIssue(who);
    if (what === "file") return this.#file();
    const pair = this.pair();
    if (!pair) return false;
    return this.githubOn(what, who, pair);
  }

  async githubOn(what, who, pair) {
    const { draw } = this;
    const rest = this.github(who);
    const [owner, repo] = pair.repository.split("/");
    const at = { owner, repo, issue_number: pair.number };
    const { data: issue } = await rest.issues.get(at);
    const gh = (...words) => {
      this.with("gh");
      return this.stage.cli(who, "issue", words[0], String(pair.number), "-R", pair.repository, ...words.slice(1));
    };
    const update = (change) => {
      this.with("@octokit/rest");
      return rest.issues.update({ ...at, ...change });
    };
    const cli = draw.chance(WITH_GH);
    const names = issue.labels.map((label) => label.name);
    const other = (list, known) => draw.pick(list.filter((one) => one !== known));
    switch (what) {
      case "title": {
        const title = `Retitled ${draw.word()}`;
        await (cli ? gh("edit", "--title", title) : update({ title }));
        return true;
      }
      case "state": {
        const open = issue.state === "open";
        const reason = draw.chance(0.3) ? "not_planned" : "completed";
        if (cli) await (open ? gh("close", "--reason", reason.replace("_", " ")) : gh("reopen"));
        else await update(open ? { state: "closed", state_reason: reason } : { state: "open" });
        return true;
      }
      case "there and back": {
        const open = issue.state === "open";
        await update({ state: open ? "closed" : "open" });
        await update({ state: open ? "open" : "closed" });
        return true;
      }
      case "labels": {
        const label = draw.pick(LABELS);
        const has = names.includes(label);
        if (cli) await gh("edit", has ? "--remove-label" : "--add-label", label);
        else {
          this.with("@octokit/rest");
          await (has ? rest.issues.removeLabel({ ...at, name: label }) : rest.issues.addLabels({ ...at, labels: [label] }));
        }
        return true;
      }
      case "foreign label":
        // One that the page has no option for yet.
        await update({ labels: [...names, `extra-${draw.word()}`] });
        return true;
      case "priority": {
        const before = PRIORITIES.find((name) => names.includes(`priority/${name}`)) ?? "";
        const after = other(["", ...PRIORITIES], before);
        const rest_ = names.filter((name) => !name.startsWith("priority/"));
        await update({ labels: after ? [...rest_, `priority/${after}`] : rest_ });
        return true;
      }
      case "assignees": {
        const login = draw.pick(logins);
        const has = issue.assignees.some((one) => one.login === login);
        if (cli) await gh("edit", has ? "--remove-assignee" : "--add-assignee", login);
        else {
          this.with("@octokit/rest");
          const assignees = [login];
          await (has ? rest.issues.removeAssignees({ ...at, assignees }) : rest.issues.addAssignees({ ...at, assignees }));
        }
        return true;
      }
      case "milestone": {
        const title = other(["", ...MILESTONES], issue.milestone?.title ?? "");
        if (cli) await (title ? gh("edit", "--milestone", title) : gh("edit", "--remove-milestone"));
        else await update({ milestone: title ? MILESTONES.indexOf(title) + 1 : null });
        return true;
      }
      case "type":
        await update({ type: other(["", ...TYPES], issue.type?.name ?? "") || null });
        return true;
      case "body": {
        this.model.touchBody(pair.page);
        const body = reword(issue.body ?? "", draw);
        await (cli ? gh("edit", "--body", body) : update({ body }));
        return true;
      }
      case "comment":
        return this.#remark(rest, at, pair, cli, who);
      case "parent":
        return this.moves.under(pair, who, issue);
      default:
        if (what in PROJECT) return this.#place(what, this.githubs.get(who), pair, issue.node_id);
        throw new Error(`nobody knows how to ${what} on GitHub`);
    }
  }

  async #remark(rest, at, pair, cli, who) {
    const { draw, model } = this;
    const known = model.comments.filter((one) => one.side === "github" && one.pair === pair && !one.deleted);
    const way = known.length === 0 ? 0 : draw.next();
    const { owner, repo } = at;
    if (way < 0.6) {
      const body = `Said ${draw.word()} on GitHub.`;
      let id;
      if (cli) {
        this.with("gh");
        const url = await this.stage.cli(who, "issue", "comment", String(pair.number), "-R", pair.repository, "--body", body);
        id = Number(url.trim().split("issuecomment-")[1]);
      } else {
        this.with("@octokit/rest");
        id = (await rest.issues.createComment({ ...at, body })).data.id;
      }
      model.comments.push({ side: "github", pair, id, text: body });
      return true;
    }
    this.with("@octokit/rest");
    const one = draw.pick(known);
    if (way < 0.85) {
      one.text = `Corrected ${draw.word()} on GitHub.`;
      await rest.issues.updateComment({ owner, repo, comment_id: one.id, body: one.text });
    } else {
      await rest.issues.deleteComment({ owner, repo, comment_id: one.id });
      one.deleted = true;
    }
    return true;
  }

  async #newIssue(who) {
    const { draw } = this;
    const full_name = draw.pick(repositories);
    const [owner, repo] = full_name.split("/");
    const title = `New issue ${draw.word()}`;
    const body = `Begun ${draw.word()} on GitHub.`;
    if (draw.chance(WITH_GH)) {
      this.with("gh");
      const url = await this.stage.cli(who, "issue", "create", "-R", full_name, "--title", title, "--body", body, "--label", draw.pick(LABELS));
      this.model.expected.issues.add(`${full_name}#${url.trim().split("/").pop()}`);
    } else {
      this.with("@octokit/rest");
      const { data } = await this.github(who).issues.create({
        owner, repo, title, body, labels: [draw.pick(LABELS)], assignees: [draw.pick(mapped)],
      });
      this.model.expected.issues.add(`${full_name}#${data.number}`);
    }
    return true;
  }

  // A clone of somebody's, up to date.
  async #clone(full_name, branch) {
    const { stage } = this;
    let folder = this.clones.get(full_name);
    if (!folder) {
      folder = join(stage.work, `clone-${full_name.replace("/", "-")}`);
      await stage.git(stage.work, "clone", "--quiet", stage.remote(full_name, logins[0]), folder);
      this.clones.set(full_name, folder);
    }
    await stage.git(folder, "fetch", "--quiet", "origin");
    await stage.git(folder, "checkout", "--quiet", "-B", branch, `origin/${branch}`);
    return folder;
  }

  // A line of a file edited and pushed.
  async #file() {
    const { draw, stage } = this;
    const files = [...this.model.notes.values()].filter(Boolean);
    if (files.length === 0) return false;
    this.with("git");
    const path = draw.pick(files);
    const folder = await this.#clone(repositories[0], "main");
    const text = readFileSync(join(folder, path), "utf8");
    const lines = text.split("\n");
    const start = text.startsWith("---\n") ? lines.indexOf("---", 1) + 1 : 0;
    const able = lines.flatMap((line, n) => (n >= start && line.endsWith(".") ? [n] : []));
    if (able.length === 0) return false;
    lines[draw.pick(able)] = `Pushed ${draw.word()} with git.`;
    writeFileSync(join(folder, path), lines.join("\n"));
    await stage.git(folder, "commit", "--quiet", "--all", "--message", `Edit ${path}`);
    await stage.git(folder, "push", "--quiet", "origin", "main");
    return true;
  }

  // An open pull request that a rule opened.
  async #onPull(what, who) {
    const { draw, stage } = this;
    const open = this.model.pulls.filter((pull) => pull.state === "open" && pull.ours);
    if (open.length === 0) return false;
    const pull = draw.pick(open);
    const [owner, repo] = pull.repository.split("/");
    const at = { owner, repo, pull_number: pull.number };
    const rest = this.github(who);
    const { data: now } = await rest.pulls.get(at);
    if (now.state !== "open") return false;
    const gh = (...words) => {
      this.with("gh");
      return stage.cli(who, "pr", words[0], String(pull.number), "-R", pull.repository, ...words.slice(1));
    };
    switch (what) {
      case "check": {
        this.with("@octokit/rest");
        const state = draw.pick(["success", "success", "success", "failure", "pending"]);
        await rest.repos.createCommitStatus({ owner, repo, sha: now.head.sha, state, context: REQUIRED });
        return true;
      }
      case "review":
        if (draw.chance(0.3)) {
          await gh("review", "--approve");
        } else {
          this.with("@octokit/rest");
          const event = draw.pick(["APPROVE", "APPROVE", "REQUEST_CHANGES", "COMMENT"]);
          const body = `Looked at ${draw.word()}.`;
          await rest.pulls.createReview({ ...at, event, body });
          this.model.reviews.push({ repository: pull.repository, number: pull.number, text: body });
        }
        return true;
      case "ready":
        if (!now.draft) return false;
        await gh("ready");
        return true;
      case "push": {
        this.with("git");
        const folder = await this.#clone(pull.repository, now.head.ref);
        writeFileSync(join(folder, `work-${pull.number}.txt`), `${draw.word()}\n`);
        await stage.git(folder, "add", "--all");
        await stage.git(folder, "commit", "--quiet", "--message", `Work on #${pull.number}`);
        await stage.git(folder, "push", "--quiet", "origin", now.head.ref);
        return true;
      }
      case "merge":
        // Only where nothing is required; elsewhere people would be refused.
        if (!["acme/r1", "acme/r5"].includes(pull.repository)) return false;
        if (now.draft) await gh("ready");
        await gh("merge", "--merge");
        this.model.byPeople.add(`${pull.repository}#${pull.number}`);
        return true;
      case "close":
        await gh("close");
        return true;
      default:
        throw new Error(`nobody knows how to ${what} a pull request`);
    }
  }

  // Merges what was proposed for pages without a file.
  async mergeProposals() {
    const who = logins[0];
    const listed = await this.stage.cli(who, "pr", "list", "-R", repositories[0], "--limit", "100", "--json", "number,isDraft,headRefName");
    let merged = 0;
    for (const one of JSON.parse(listed).filter((pull) => pull.headRefName.startsWith("nsync/"))) {
      if (one.isDraft) await this.stage.cli(who, "pr", "ready", String(one.number), "-R", repositories[0]);
      await this.stage.cli(who, "pr", "merge", String(one.number), "-R", repositories[0], "--merge");
      merged += 1;
    }
    return merged;
  }

  // Gives a pull request everything that its repository may ask for.
  async satisfy(pull) {
    const [owner, repo] = pull.repository.split("/");
    const rest = this.github(logins[1]);
    const at = { owner, repo, pull_number: pull.number };
    const { data: now } = await rest.pulls.get(at);
    await rest.repos.createCommitStatus({ owner, repo, sha: now.head.sha, state: "success", context: REQUIRED });
    // An objection stands until the one who made it approves.
    const { data: reviews } = await rest.pulls.listReviews({ ...at, per_page: 100 });
    const who = new Set([logins[2], ...reviews.map((one) => one.user.login)]);
    for (const login of who) await this.github(login).pulls.createReview({ ...at, event: "APPROVE" });
  }
}

function toggle(list, one) {
  return list.includes(one) ? list.filter((other) => other !== one) : [...list, one];
}

// The text of an issue with one line more, less or other; the block of the sync stays.
function reword(body, draw) {
  const { head, text } = split(body);
  const lines = bodyLines(text);
  const way = lines.length === 0 ? 0 : draw.next();
  const at = draw.below(Math.max(lines.length, 1));
  if (way < 0.4) lines.splice(draw.below(lines.length + 1), 0, `Added ${draw.word()} on GitHub.`);
  else if (way < 0.85) lines[at] = `Reworded ${draw.word()} on GitHub.`;
  else lines.splice(at, 1);
  return `${head}${lines.join("\n\n")}`;
}
