// How both sides are read: through the official clients, into the same plain values.

import { PARENT, PROJECT, PROJECTED, attic, logins, mapped, repositories } from "./sprint-world.mjs";

const HIDDEN = /^<!-- notion-sync\n[\s\S]*?\n-->\n(?:\[Open in Notion\]\([^)\n]*\)\n)?\n?/;

// Ids of pages are written in two ways.
export const bare = (id) => id.replaceAll("-", "");

// The plain value of a property of a page.
export function value(property) {
  switch (property.type) {
    case "title":
    case "rich_text":
      return property[property.type].map((part) => part.plain_text).join("");
    case "status":
    case "select":
      return property[property.type]?.name ?? "";
    case "multi_select":
      return property.multi_select.map((one) => one.name);
    case "people":
      return property.people.map((one) => one.name.toLowerCase());
    case "date":
      return property.date?.start ?? "";
    case "relation":
      return property.relation.map((one) => bare(one.id));
    case "number":
    case "url":
      return property[property.type];
    default:
      throw new Error(`nobody reads a ${property.type}`);
  }
}

// An issue's text: the block of the sync, and what people wrote.
export function split(body) {
  const text = body.replaceAll("\r\n", "\n");
  const head = HIDDEN.exec(text)?.[0] ?? "";
  return { head, text: text.slice(head.length) };
}

export function bodyLines(text) {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

// A file without its front matter and its title.
export function fileLines(text) {
  return bodyLines(text.replace(/^---\n[\s\S]*?\n---\n/, "").replace(/^\s*# .*\n/, ""));
}

export class Reader {
  constructor({ stage, people, project }) {
    this.project = project;
    this.sources = stage.where.notion.data_sources;
    this.notion = people.notion(logins[0]);
    this.octokit = people.githubs.get(logins[0]);
  }

  async #rows(source) {
    const rows = [];
    let start_cursor;
    do {
      const answer = await this.notion.dataSources.query({ data_source_id: this.sources[source], page_size: 100, start_cursor });
      rows.push(...answer.results);
      start_cursor = answer.next_cursor ?? undefined;
    } while (start_cursor);
    return rows;
  }

  // Everything but bodies and comments: {pages, issues, away, pulls}, pages by id, the others by
  // `repository#number`; issues of repositories that are none of the mapping are `away`.
  async look() {
    const pages = new Map((await this.#rows("Tasks")).map((row) => [row.id, page(row)]));
    const [issues, away, pulls] = [new Map(), new Map(), new Map()];
    const { rest } = this.octokit;
    const items = await this.project.items(this.octokit);
    for (const repository of [...repositories, attic]) {
      const [owner, repo] = repository.split("/");
      const all = { owner, repo, state: "all", per_page: 100 };
      for (const one of await this.octokit.paginate(rest.issues.listForRepo, all)) {
        const key = `${repository}#${one.number}`;
        if (!one.pull_request) (repository === attic ? away : issues).set(key, issue(one, repository, items.get(key)));
      }
      for (const one of await this.octokit.paginate(rest.pulls.list, all)) {
        const branch = /^task\/(\d+)-/.exec(one.head.ref);
        pulls.set(`${repository}#${one.number}`, {
          repository, number: one.number, state: one.state, merged: one.merged_at !== null, branch: one.head.ref,
          ours: one.user.login === "sync-bot" && branch !== null, of: branch ? `${repository}#${branch[1]}` : undefined,
        });
      }
    }
    // The issue above is named by its page, as the page above is.
    for (const one of [...issues.values(), ...away.values()]) {
      const above = issues.get(one.parent) ?? away.get(one.parent);
      if (one.parent) one.parent = above?.page ? bare(above.page) : `issue ${one.parent}`;
    }
    return { pages, issues, away, pulls };
  }

  async notes() {
    return new Map((await this.#rows("Notes")).map((row) => [row.id, value(row.properties["GitHub Path"])]));
  }

  async markdown(page_id) {
    const { markdown } = await this.notion.pages.retrieveMarkdown({ page_id });
    return bodyLines(markdown);
  }

  async trashed(page_id) {
    return (await this.notion.pages.retrieve({ page_id })).in_trash;
  }

  async pageComments(block_id) {
    const found = [];
    let start_cursor;
    do {
      const answer = await this.notion.comments.list({ block_id, page_size: 100, start_cursor });
      found.push(...answer.results.map((one) => ({ id: one.id, text: one.rich_text.map((part) => part.plain_text).join("") })));
      start_cursor = answer.next_cursor ?? undefined;
    } while (start_cursor);
    return found;
  }

  // All comments on issues and pull requests of a repository, by number.
  async remarks(repository) {
    const [owner, repo] = repository.split("/");
    const found = new Map();
    for (const one of await this.octokit.paginate(this.octokit.rest.issues.listCommentsForRepo, { owner, repo, per_page: 100 })) {
      const number = Number(one.issue_url.split("/").pop());
      if (!found.has(number)) found.set(number, []);
      found.get(number).push({ id: one.id, text: one.body, ours: one.user.login === "sync-bot" });
    }
    return found;
  }

  async branches(repository) {
    const [owner, repo] = repository.split("/");
    const all = await this.octokit.paginate(this.octokit.rest.repos.listBranches, { owner, repo, per_page: 100 });
    return all.map((one) => one.name);
  }

  async mergedBy(pull) {
    const [owner, repo] = pull.repository.split("/");
    return (await this.octokit.rest.pulls.get({ owner, repo, pull_number: pull.number })).data.merged_by?.login;
  }
}

const sorted = (list) => [...new Set(list)].sort();

function page(row) {
  const said = (name) => value(row.properties[name]);
  return {
    id: row.id, title: said("Name"), state: said("Status"), labels: sorted(said("Labels")), priority: said("Priority"),
    milestone: said("Milestone"), type: said("Type"), assignees: sorted(said("Assignee").filter((one) => mapped.includes(one))),
    parent: said(PARENT).join("+"), author: said("Author"), closed: said("Closed"),
    ...Object.fromEntries(PROJECTED.map((name) => [name, String(said(PROJECT[name].property) ?? "")])),
    repository: said("GitHub Repository"), number: said("GitHub Number"),
    url: said("GitHub URL"), status: said("GitHub Sync Status"), message: said("GitHub Sync Message"),
  };
}

// `parent` is the key of the issue above at first.
function issue(one, repository, item) {
  const names = one.labels.map((label) => label.name);
  return {
    repository, number: one.number, title: one.title, state: one.state,
    labels: sorted(names.filter((name) => !/^(priority|flow)\//.test(name))),
    priority: names.filter((name) => name.startsWith("priority/")).map((name) => name.slice(9)).join("+"),
    ready: names.includes("flow/ready"), milestone: one.milestone?.title ?? "", type: one.type?.name ?? "",
    assignees: sorted(one.assignees.map((person) => person.login).filter((login) => mapped.includes(login))),
    author: one.user.login, closed: one.closed_at ?? "", url: one.html_url, item,
    parent: /\/repos\/([^/]+\/[^/]+)\/issues\/(\d+)$/.exec(one.parent_issue_url ?? "")?.slice(1).join("#") ?? "",
    ...Object.fromEntries(PROJECTED.map((name) => [name, item?.[name] ?? ""])),
    lines: bodyLines(split(one.body ?? "").text), page: /^Notion-Page-ID: (\S+)$/m.exec(one.body ?? "")?.[1],
  };
}
