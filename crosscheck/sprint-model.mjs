// What must come of what people did. From both sides as they stood after the last run and before the
// next one it follows, by the policy alone, what the next one has to leave; and from the values of a page
// at these moments, which rules fire. Nothing in here knows what the program thinks.

import { CLOSED, OPEN } from "./sprint-world.mjs";

const SCALARS = ["title", "state", "priority", "milestone", "type"];
const SETS = ["labels", "assignees"];
export const FIELDS = [...SCALARS, ...SETS, "body", "author", "closed"];

// A status says open or closed; everything else means on both sides what it says.
const meaning = (field, value) => (field === "state" && !["open", "closed"].includes(value) ? (CLOSED.includes(value) ? "closed" : "open") : value);
const preferred = { open: OPEN[0], closed: CLOSED[0] };
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// The rules of the settings: which change of which property fires each.
const enters = (list) => (was, is) => list.includes(is) && !list.includes(was);
const leaves = (list) => (was, is) => list.includes(was) && !list.includes(is);
export const RULES = {
  review: { of: "state", fires: enters(["Ready for Review"]) },
  withdrawn: { of: "state", fires: leaves(["Ready for Review"]), engine: true },
  ship: { of: "state", fires: enters(["Done"]) },
  blocked: { of: "state", fires: enters(["Blocked"]) },
  unblocked: { of: "state", fires: leaves(["Blocked"]) },
  urgent: { of: "priority", fires: (was, is) => is === "high" && was !== "high" },
};

export class Model {
  constructor(policy) {
    this.policy = policy;
    this.pairs = new Map();
    this.notes = new Map();
    this.comments = [];
    this.pulls = [];
    this.byPeople = new Set();
    this.expected = { pages: new Set(), issues: new Set() };
    this.touched = new Set();
    this.faults = [];
    this.round = 0;
    this.numbers = { fields: 0, conflicts: 0, transitions: 0, contested: 0, removed: 0, restored: 0, opened: 0, merged: 0 };
    // What lost, to be found in the audit: {pair, field, text}.
    this.losers = [];
  }

  fault(text) {
    this.faults.push(`round ${this.round}: ${text}`);
  }

  live() {
    return [...this.pairs.values()].filter((pair) => !pair.gone);
  }

  trashed(pair) {
    pair.gone = "now";
  }

  // Somebody decided a conflict of the pair. What the page had stands from now on, and its rules hear it;
  // what was written to it is the program's.
  decided(pair, before, after) {
    const [was, page, issue] = [before.pages.get(pair.page), after.pages.get(pair.page), after.issues.get(pair.key)];
    for (const field of Object.keys(pair.accepted)) {
      if (!pair.parked.has(field) || was[field] === page[field]) continue;
      for (const [name, rule] of Object.entries(RULES)) if (rule.engine) pair.fired[name].maybe += 1;
      pair.accepted[field] = page[field];
    }
    pair.base = { page, issue, lines: undefined };
    pair.parked.clear();
    pair.unsure = true;
    this.#hear(pair, before, page, page, after);
  }

  touchBody(page) {
    this.touched.add(page);
  }

  // Both sides after a run: pairs that are new, and the new basis of those that are known.
  settle(before, after, bodies) {
    const owners = new Map();
    for (const page of after.pages.values()) {
      if (page.number === null) {
        this.fault(`page ${page.id} “${page.title}” has no issue: ${page.status} ${page.message}`);
        continue;
      }
      const key = `${page.repository}#${page.number}`;
      if (owners.has(key)) this.fault(`pages ${owners.get(key)} and ${page.id} both claim ${key}`);
      owners.set(key, page.id);
      const issue = after.issues.get(key);
      if (!issue) {
        this.fault(`page ${page.id} names ${key}, which is not there`);
        continue;
      }
      if (issue.page && issue.page.replaceAll("-", "") !== page.id.replaceAll("-", "")) this.fault(`${key} names page ${issue.page} instead of ${page.id}`);
      if (!this.pairs.has(page.id)) this.#meet(page, issue, key);
    }
    for (const key of after.issues.keys()) {
      const buried = [...this.pairs.values()].some((pair) => pair.gone && pair.key === key);
      if (!owners.has(key) && !buried) this.fault(`${key} “${after.issues.get(key).title}” has no page`);
    }
    for (const id of this.expected.pages) if (!this.pairs.has(id)) this.fault(`the new page ${id} has no pair`);
    for (const key of this.expected.issues) if (!owners.has(key)) this.fault(`the new issue ${key} has no page`);
    this.expected.pages.clear();
    this.expected.issues.clear();
    for (const pair of this.pairs.values()) this.#judge(pair, before, after, bodies);
    this.touched.clear();
    this.pulls = [...after.pulls.values()];
  }

  #meet(page, issue, key) {
    for (const field of [...SCALARS, ...SETS]) this.#agree({ key }, field, page, issue);
    const fired = Object.fromEntries(Object.keys(RULES).map((rule) => [rule, { sure: 0, maybe: 0 }]));
    this.pairs.set(page.id, {
      page: page.id, key, repository: issue.repository, number: issue.number, met: this.round, parked: new Map(),
      accepted: { state: page.state, priority: page.priority }, fired, story: [], ready: false, opened: { sure: 0, maybe: 0 }, shipping: false,
    });
  }

  #agree(pair, field, page, issue) {
    this.numbers.fields += 1;
    if (!same(meaning(field, page[field]), meaning(field, issue[field]))) {
      this.fault(`${pair.key} ${field}: the page says ${JSON.stringify(page[field])}, the issue ${JSON.stringify(issue[field])} (${page.status} ${page.message})`);
    }
  }

  #judge(pair, before, after, bodies) {
    const [page, issue] = [after.pages.get(pair.page), after.issues.get(pair.key)];
    if (pair.gone === "then") return;
    if (pair.gone === "now") {
      const edited = pair.base && this.#edited(pair, before.issues.get(pair.key));
      if (page && !edited) this.fault(`${pair.key}: its page was trashed and came back, though nobody edited the issue`);
      if (!page && edited) this.fault(`${pair.key}: the issue was edited (${edited}), and its page stays in the trash`);
      if (!page && issue.state !== "closed") this.fault(`${pair.key}: its page is in the trash, and the issue is open`);
      this.numbers[page ? "restored" : "removed"] += 1;
      pair.gone = page ? undefined : "then";
      if (!page) return;
      // It counts from now on; what it says must agree.
      for (const field of [...SCALARS, ...SETS]) this.#agree(pair, field, page, issue);
      pair.accepted = { state: page.state, priority: page.priority };
      pair.unsure = true;
      // Whether it was heard in between, nobody can say.
      for (const rule of Object.values(pair.fired)) rule.maybe += 1;
      pair.opened.maybe += 1;
      this.#base(pair, page, issue, bodies?.after.get(pair.page));
      return;
    }
    if (!page) {
      this.fault(`${pair.key}: its page is gone, and nobody trashed it`);
      pair.gone = "then";
      return;
    }
    const was = { page: before?.pages.get(pair.page), issue: before?.issues.get(pair.key) };
    if (pair.base && was.page && was.issue) {
      for (const field of SCALARS) this.#scalar(pair, field, was, page, issue);
      for (const field of SETS) this.#set(pair, field, was, page, issue);
      this.#body(pair, bodies, issue);
      this.#hear(pair, before, was.page, page, after);
    }
    if (page.author !== issue.author) this.fault(`${pair.key} author: the page says ${page.author}, the issue ${issue.author}`);
    const instant = (text) => (text ? Math.floor(Date.parse(text) / 60_000) : 0);
    if (instant(page.closed) !== instant(issue.closed)) this.fault(`${pair.key} closed: the page says ${page.closed}, the issue ${issue.closed}`);
    this.numbers.fields += 2;
    this.#base(pair, page, issue, bodies?.after.get(pair.page));
  }

  #base(pair, page, issue, lines) {
    pair.base = { page, issue, lines: lines ?? pair.base?.lines };
  }

  // The first mapped field that somebody changed on GitHub since the last run.
  #edited(pair, issue) {
    const base = pair.base.issue;
    if (!same(base.lines, issue.lines)) return "body";
    return [...SCALARS, ...SETS].find((field) => !same(base[field], issue[field]));
  }

  #scalar(pair, field, was, page, issue) {
    this.numbers.fields += 1;
    const [n0, g0] = pair.parked.get(field) ?? [pair.base.page[field], pair.base.issue[field]];
    const [n1, g1] = [was.page[field], was.issue[field]];
    const [n, g] = [meaning(field, n1), meaning(field, g1)];
    const [onNotion, onGithub] = [n1 !== n0, g1 !== g0];
    let want;
    if (n === g) want = n;
    else if (!onGithub) want = n;
    else if (!onNotion) want = g;
    else {
      this.numbers.conflicts += pair.parked.has(field) ? 0 : 1;
      if (this.policy === "manual-review") {
        pair.parked.set(field, [n0, g0]);
        if (page[field] !== n1 || issue[field] !== g1) {
          this.fault(`${pair.key} ${field}: both sides changed it (${n0} to ${n1}, ${g0} to ${g1}), and ${page[field]}, ${issue[field]} was written`);
        }
        return;
      }
      const winner = this.policy === "notion-wins" ? "notion" : "github";
      want = winner === "notion" ? n : g;
      this.losers.push({ pair, field, text: winner === "notion" ? g1 : n1, round: this.round });
    }
    pair.parked.delete(field);
    const wanted = n === want ? n1 : field === "state" ? preferred[want] : want;
    if (page[field] !== wanted || issue[field] !== want) {
      this.fault(`${pair.key} ${field}: agreed ${n0}, ${g0}; then ${n1}, ${g1}; wanted ${wanted}, ${want}; there is ${page[field]}, ${issue[field]} (${page.status} ${page.message})`);
    }
  }

  // Each element for itself: whoever changed it is right.
  #set(pair, field, was, page, issue) {
    this.numbers.fields += 1;
    const [n0, g0, n1, g1] = [pair.base.page, pair.base.issue, was.page, was.issue].map((one) => new Set(one[field]));
    const want = [...new Set([...n1, ...g1])].filter((one) => (n1.has(one) !== n0.has(one) ? n1 : g1.has(one) !== g0.has(one) ? g1 : n1).has(one)).sort();
    if (!same(page[field], want) || !same(issue[field], want)) {
      this.fault(`${pair.key} ${field}: agreed ${[...n0]}; then ${[...n1]} and ${[...g1]}; wanted ${want}; there is ${page[field]} and ${issue[field]} (${page.status} ${page.message})`);
    }
  }

  // Bodies are read for those that somebody wrote in.
  #body(pair, bodies, issue) {
    const [n1, n2] = [bodies?.before.get(pair.page), bodies?.after.get(pair.page)];
    if (!n1 || !n2 || !pair.base.lines) return;
    this.numbers.fields += 1;
    const base = pair.base.lines;
    const g1 = bodies.texts.get(pair.page);
    const g2 = issue.lines;
    const [onNotion, onGithub] = [!same(n1, base), !same(g1, pair.base.issue.lines)];
    const said = () => `agreed ${JSON.stringify(base)}; then ${JSON.stringify(n1)} and ${JSON.stringify(g1)}; there is ${JSON.stringify(n2)} and ${JSON.stringify(g2)}`;
    if (!same(n2, g2)) {
      if (this.policy === "manual-review" && onNotion && onGithub) {
        pair.parked.set("body", true);
        this.numbers.conflicts += 1;
      } else if (!pair.parked.has("body")) this.fault(`${pair.key} body: ${said()}`);
      return;
    }
    pair.parked.delete("body");
    if (onNotion !== onGithub) {
      if (!same(n2, onNotion ? n1 : g1)) this.fault(`${pair.key} body, edited on one side: ${said()}`);
      return;
    }
    const added = (lines) => lines.filter((line) => !base.includes(line));
    const [winner, loser] = this.policy === "github-wins" ? [g1, n1] : [n1, g1];
    for (const line of added(winner)) if (!n2.includes(line)) this.fault(`${pair.key} body: “${line}” is lost; ${said()}`);
    const lost = added(loser).filter((line) => !n2.includes(line));
    if (lost.length > 0) this.numbers.conflicts += 1;
    for (const text of lost) this.losers.push({ pair, field: "body", text, round: this.round });
  }

  // A value that stood at the beginning of a run was settled by its end; what the run wrote itself moves
  // what is accepted and fires nothing but what asks for that.
  #hear(pair, before, was, page, after) {
    const open = [...before.pulls.values()].some((pull) => pull.of === pair.key && pull.state === "open");
    for (const [name, rule] of Object.entries(RULES)) {
      if (pair.parked.has(rule.of)) continue;
      const [accepted, person, end] = [pair.accepted[rule.of], was[rule.of], page[rule.of]];
      const stood = person === end;
      if (rule.fires(accepted, person)) {
        pair.fired[name][stood ? "sure" : "maybe"] += 1;
        this.numbers[stood ? "transitions" : "contested"] += 1;
        pair.story.push(`round ${this.round}: ${name}, from ${accepted || "nothing"} to ${person || "nothing"}${stood ? "" : `, then ${end || "nothing"}`}`);
        if (name === "review" && !open) pair.opened[stood ? "sure" : "maybe"] += 1;
      }
      // Where the value that stood in between may not have been heard, what is true either way counts.
      if (!stood && rule.engine && (rule.fires(person, end) || rule.fires(accepted, end))) {
        pair.fired[name].maybe += 1;
      }
    }
    if (!pair.parked.has("state")) {
      const [accepted, person, end] = [pair.accepted.state, was.state, page.state];
      if (RULES.review.fires(accepted, person) && person === end) pair.ready = true;
      if (end !== "Ready for Review") pair.ready = false;
      if (RULES.ship.fires(accepted, person)) pair.shipping = true;
      if (end !== "Done") pair.shipping = false;
      pair.accepted.state = end;
    }
    if (!pair.parked.has("priority")) pair.accepted.priority = page.priority;
    const issue = after.issues.get(pair.key);
    if (issue.ready !== pair.ready && !pair.unsure) {
      this.fault(`${pair.key}: flow/ready is ${issue.ready}, and ${pair.ready} follows from ${JSON.stringify(pair.fired)} and the status ${page.state}`);
    }
  }
}
