// What people do with where things belong: parents on both sides, the repository that a page names,
// issues that move to another repository or are deleted.

import { LABELS, OPEN, PARENT, attic, logins, repositories } from "./sprint-world.mjs";
import { bare, value } from "./sprint-reading.mjs";

const TRANSFER = `mutation($issue: ID!, $target: ID!, $labels: Boolean!) {
  transferIssue(input: { issueId: $issue, repositoryId: $target, createLabelsIfMissing: $labels }) { issue { number } } }`;
const DELETE = "mutation($issue: ID!) { deleteIssue(input: { issueId: $issue }) { clientMutationId } }";
// What nobody may use: a repository outside of the mapping, one that is not there, none.
const FOREIGN = [attic, "someone/else", ""];
// GitHub's words when it does not take a parent.
const REFUSED = /cannot be a parent|levels deep|more than 100/;

const rich = (content) => (content === "" ? [] : [{ type: "text", text: { content } }]);

export class Moves {
  constructor(people) {
    Object.assign(this, { people, draw: people.draw, model: people.model });
  }

  async make(what, who) {
    if (what === "astray") return this.#astray(who);
    if (what === "correct") return this.#correct(who);
    // Whoever moves an issue finishes its pull request and its conflicts first.
    const { model } = this;
    const open = new Set(model.pulls.filter((pull) => pull.state === "open").map((pull) => pull.of));
    const idle = (pair) => pair.parked.size === 0 && pair.held.size === 0 && ![...pair.keys].some((key) => open.has(key));
    const pair = what === "repository" ? this.people.pair() : this.people.pair(idle);
    if (!pair) return false;
    if (what === "repository") return this.#rename(pair, who);
    if (what === "delete") return this.#delete(pair);
    return this.#transfer(pair, what === "away" ? attic : this.draw.pick(repositories.filter((name) => name !== pair.repository)));
  }

  // Another pair, now and then none.
  #other(pair) {
    if (this.draw.chance(0.2)) return undefined;
    return this.people.pair((one) => one !== pair);
  }

  // The parent of a page.
  async below(pair, who) {
    const notion = this.people.notion(who);
    const page = await notion.pages.retrieve({ page_id: pair.page });
    const other = this.#other(pair);
    if (value(page.properties[PARENT]).join() === (other ? bare(other.page) : "")) return false;
    await notion.pages.update({ page_id: pair.page, properties: { [PARENT]: { relation: other ? [{ id: other.page }] : [] } } });
    return true;
  }

  // The parent of an issue.
  async under(pair, who, issue) {
    const rest = this.people.github(who);
    this.people.with("@octokit/rest");
    const now = /\/repos\/([^/]+)\/([^/]+)\/issues\/(\d+)$/.exec(issue.parent_issue_url ?? "");
    const other = this.#other(pair);
    if (!other) {
      if (!now) return false;
      const [, owner, repo, number] = now;
      await rest.issues.removeSubIssue({ owner, repo, issue_number: Number(number), sub_issue_id: issue.id });
      return true;
    }
    const [owner, repo] = other.repository.split("/");
    if (now && now.slice(1).join("/") === `${other.repository}/${other.number}`) return false;
    try {
      await rest.issues.addSubIssue({ owner, repo, issue_number: other.number, sub_issue_id: issue.id, replace_parent: true });
      return true;
    } catch (error) {
      if (error.status === 422 && REFUSED.test(error.message)) return false;
      throw error;
    }
  }

  // The property says another repository than the one that has the issue.
  async #rename(pair, who) {
    const { draw } = this;
    const name = draw.chance(0.5) ? draw.pick(repositories.filter((one) => one !== pair.repository)) : draw.pick(FOREIGN);
    this.people.with("@notionhq/client");
    await this.people.notion(who).pages.update({ page_id: pair.page, properties: { "GitHub Repository": { rich_text: rich(name) } } });
    return true;
  }

  // A page that names no repository of the mapping.
  async #astray(who) {
    const { draw, people } = this;
    people.with("@notionhq/client");
    const made = await people.notion(who).pages.create({
      parent: { type: "data_source_id", data_source_id: people.stage.where.notion.data_sources.Tasks },
      properties: {
        Name: { title: rich(`Stray page ${draw.word()}`) },
        Status: { status: { name: draw.pick(OPEN) } },
        "GitHub Repository": { rich_text: rich(draw.pick(FOREIGN)) },
        Labels: { multi_select: [{ name: draw.pick(LABELS) }] },
      },
      children: [{ paragraph: { rich_text: rich(`Begun ${draw.word()} in Notion.`) } }],
    });
    this.model.astray.set(made.id, "wrong");
    return true;
  }

  // Somebody writes a repository of the mapping into such a page.
  async #correct(who) {
    const wrong = [...this.model.astray].filter(([, how]) => how === "wrong").map(([id]) => id);
    if (wrong.length === 0) return false;
    const page_id = this.draw.pick(wrong);
    this.people.with("@notionhq/client");
    await this.people.notion(who).pages.update({ page_id, properties: { "GitHub Repository": { rich_text: rich(this.draw.pick(repositories)) } } });
    this.model.astray.set(page_id, "right");
    return true;
  }

  async #issue(octokit, pair) {
    const [owner, repo] = pair.repository.split("/");
    return (await octokit.rest.issues.get({ owner, repo, issue_number: pair.number })).data.node_id;
  }

  // Only who administers a repository may move or delete its issues.
  async #transfer(pair, to) {
    const octokit = this.people.githubs.get(logins[0]);
    this.people.with("@octokit/graphql");
    const [owner, repo] = to.split("/");
    const target = (await octokit.rest.repos.get({ owner, repo })).data.node_id;
    const answer = await octokit.graphql(TRANSFER, { issue: await this.#issue(octokit, pair), target, labels: this.draw.chance(0.5) });
    this.model.transferred(pair, to, answer.transferIssue.issue.number);
    return true;
  }

  async #delete(pair) {
    const octokit = this.people.githubs.get(logins[0]);
    this.people.with("@octokit/graphql");
    await octokit.graphql(DELETE, { issue: await this.#issue(octokit, pair) });
    this.model.deleted(pair);
    return true;
  }
}
