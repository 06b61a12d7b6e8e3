// What must come of what people did. From both sides as they stood after the last run and before the
// next one it follows, by the policy alone, what the next one has to leave; and from the values of a page
// at these moments, which rules fire. Nothing in here knows what the program thinks.

import { Relatives } from "./sprint-relatives.mjs";
import { bare } from "./sprint-reading.mjs";
import { CLOSED, OPEN, PROJECTED, TYPES, repositories } from "./sprint-world.mjs";

const SCALARS = ["title", "state", "priority", "milestone", "type"];
const SETS = ["labels", "assignees"];
export const FIELDS = [...SCALARS, ...SETS, ...PROJECTED, "parent", "body", "author", "closed"];

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
    // What reviews of pull requests say.
    this.reviews = [];
    this.pulls = [];
    this.byPeople = new Set();
    this.expected = { pages: new Set(), issues: new Set() };
    // Pages that name no repository of the mapping, and whether somebody corrected that: "wrong", "right".
    this.astray = new Map();
    this.touched = new Set();
    this.faults = [];
    this.round = 0;
    this.numbers = { fields: 0, conflicts: 0, transitions: 0, contested: 0, removed: 0, restored: 0, opened: 0, merged: 0,
      held: 0, outside: 0, items: 0, transferred: 0, away: 0, deleted: 0, reborn: 0, strays: 0, stuck: 0 };
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
    pair.gone = "trashed";
  }

  deleted(pair) {
    pair.gone = "deleted";
    this.numbers.deleted += 1;
  }

  // An issue moved: within the mapping its page follows, elsewhere it is let go.
  transferred(pair, repository, number) {
    this.#move(pair, repository, number);
    if (!repositories.includes(repository)) pair.gone = "away";
    this.numbers[pair.gone ?? "transferred"] += 1;
  }

  // Whether somebody removed or moved something since the last run that only a full listing tells.
  get news() {
    return [...this.pairs.values()].some((pair) => ["trashed", "deleted", "away", "back", "over"].includes(pair.gone));
  }

  #move(pair, repository, number) {
    Object.assign(pair, { repository, number, key: `${repository}#${number}` });
    pair.keys.add(pair.key);
  }

  // Whether a pull request was opened for the issue of a pair, wherever that was then.
  serves(pull, pair) {
    return pair.keys.has(pull.of);
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
    this.relatives = new Relatives(this.pairs, before, after);
    for (const page of after.pages.values()) {
      const known = this.pairs.get(page.id);
      if (known?.gone === "away" || known?.gone === "left") continue;
      if (this.#strays(page)) continue;
      if (known?.gone === "deleted" && page.number !== null && `${page.repository}#${page.number}` !== known.key) {
        this.#move(known, page.repository, page.number);
      }
      if (page.number === null) {
        this.fault(`page ${page.id} “${page.title}” has no issue: ${page.status} ${page.message}`);
        continue;
      }
      let key = `${page.repository}#${page.number}`;
      if (known && key !== known.key) {
        this.fault(`page ${page.id} says ${key} and belongs to ${known.key}: ${page.status} ${page.message}`);
        key = known.key;
      }
      const orphan = known?.gone === "deleted" || (known?.gone === "stuck" && known.how === "deleted");
      if (orphan && !after.issues.has(key)) continue;
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
      const buried = [...this.pairs.values()].some((pair) => pair.gone && pair.keys.has(key));
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
    this.#agreed({ key }, page, issue);
    const fired = Object.fromEntries(Object.keys(RULES).map((rule) => [rule, { sure: 0, maybe: 0 }]));
    this.pairs.set(page.id, {
      page: page.id, key, keys: new Set([key]), repository: issue.repository, number: issue.number, met: this.round,
      // Fields that wait for a decision, and those that the other side cannot take: what was agreed before.
      parked: new Map(), held: new Map(),
      accepted: { state: page.state, priority: page.priority }, fired, story: [], gestures: [], ready: false, opened: { sure: 0, maybe: 0 }, shipping: false,
    });
  }

  // Everything that can be compared at once.
  #agreed(pair, page, issue) {
    for (const field of [...SCALARS, ...SETS]) this.#agree(pair, field, page, issue);
    if (!this.relatives.isLost(page.parent) && !this.relatives.isLost(issue.parent)) this.#agree(pair, "parent", page, issue);
    if (issue.item) for (const field of PROJECTED) this.#agree(pair, field, page, issue);
  }

  #agree(pair, field, page, issue) {
    this.numbers.fields += 1;
    if (!same(meaning(field, page[field]), meaning(field, issue[field]))) {
      if (this.#disputed(pair, field, page, issue)) return;
      this.fault(`${pair.key} ${field}: the page says ${JSON.stringify(page[field])}, the issue ${JSON.stringify(issue[field])} (${page.status} ${page.message})`);
    }
  }

  // Whether a pair that lives on after one side was away has a conflict left: both sides moved since they
  // agreed last, and somebody has to decide.
  #disputed(pair, field, page, issue) {
    if (this.policy !== "manual-review" || !pair.base) return false;
    const [n0, g0] = this.#basis(pair, field);
    if (page[field] === n0 || issue[field] === g0) return false;
    pair.parked.set(field, [n0, g0]);
    return true;
  }

  #judge(pair, before, after, bodies) {
    const [page, issue] = [after.pages.get(pair.page), after.issues.get(pair.key)];
    if (["then", "stuck", "left"].includes(pair.gone)) return;
    if (pair.gone) {
      // Whether what the page said last was heard in between, nobody can say.
      for (const rule of Object.values(pair.fired)) rule.maybe += 1;
      pair.opened.maybe += 1;
      const { page: kept, issue: left } = this.#part(pair, before, after, page, issue, bodies);
      if (pair.gone) return;
      // It counts from now on; what it says must agree.
      this.#agreed(pair, kept, left);
      pair.accepted = { state: kept.state, priority: kept.priority };
      pair.unsure = true;
      this.#base(pair, kept, left, bodies?.after.get(pair.page));
      return;
    }
    if (!page) {
      this.fault(`${pair.key}: its page is gone, and nobody trashed it`);
      pair.gone = "then";
      return;
    }
    const was = { page: before?.pages.get(pair.page), issue: before?.issues.get(pair.key) };
    if (pair.base && was.page && was.issue) {
      for (const field of SCALARS) {
        const lacks = (target) => field === "type" && target === "github" && was.page.type !== "" && !TYPES.includes(was.page.type);
        this.#scalar(pair, field, this.#basis(pair, field), was, page, issue, lacks);
      }
      this.#projected(pair, was, page, issue);
      this.#parent(pair, was, page, issue);
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

  // A mapped field that somebody changed on one side since the last run; "perhaps" where the program may
  // have seen it otherwise.
  #edited(pair, side, now, lines) {
    const base = pair.base[side];
    const bodies = side === "issue" ? [base.lines, now.lines] : [pair.base.lines, lines];
    if (bodies[0] && bodies[1] && !same(...bodies)) return "body";
    const items = side === "page" || (base.item && now.item) ? PROJECTED : [];
    const found = [...SCALARS, ...SETS, ...items, "parent"].find((field) => !same(base[field], now[field]));
    if (found) return found;
    const above = this.relatives.pair(base.parent);
    const unclear = (side === "issue" && !base.item !== !now.item) || base.author !== now.author || above?.keys.size > 1
      || pair.held.size > 0 || !bodies[0] || !bodies[1];
    return unclear ? "perhaps" : undefined;
  }

  // What follows where one side of a pair was taken away. Answers what is there where the pair lives on.
  #part(pair, before, after, page, issue, bodies) {
    const [page0, issue0] = [before?.pages.get(pair.page), before?.issues.get(pair.key)];
    const how = pair.gone;
    if (how === "back") {
      // Somebody took the page out of the trash again.
      if (!page) this.fault(`${pair.key}: its page was restored, and is not there`);
      pair.gone = page ? undefined : "then";
      return { page, issue };
    }
    if (how === "over") {
      // Its issue was deleted before, now its page is in the trash too.
      if (page) this.fault(`${pair.key}: its issue was deleted and its page trashed, and the page is back`);
      pair.gone = "then";
      return {};
    }
    if (how === "away") {
      const [left, moved] = [page, after.away.get(pair.key)];
      if (!left) this.fault(`${pair.key} moved out of the mapping, and its page is not there any more`);
      for (const field of FIELDS) {
        if (left && page0 && field !== "parent" && !same(left[field], page0[field])) this.fault(`${pair.key} moved out of the mapping, and ${field} of its page became ${left[field]} from ${page0[field]}`);
      }
      pair.left = { page: left, issue: moved };
      pair.gone = "left";
      return {};
    }
    const edited = how === "trashed" ? this.#edited(pair, "issue", issue0)
      : this.#edited(pair, "page", page0, bodies?.before.get(pair.page));
    const alive = Boolean(page);
    if (this.policy === "manual-review" && (pair.parked.size > 0 || (edited && edited !== "perhaps"))) {
      // A person has to restore the one or delete the other.
      if (how === "trashed" && alive) this.fault(`${pair.key}: its page was trashed, its issue edited (${edited}), and the page came back`);
      if (how === "trashed" && issue.state !== issue0.state) this.fault(`${pair.key}: its page was trashed, its issue edited (${edited}), and the issue is ${issue.state}`);
      if (how === "deleted" && (!alive || issue || after.issues.has(pair.key))) this.fault(`${pair.key}: deleted, its page edited (${edited}): the page is ${alive ? "there" : "gone"}`);
      this.numbers.stuck += 1;
      Object.assign(pair, { gone: "stuck", how });
      return {};
    }
    if (how === "trashed") {
      if (alive && !edited) this.fault(`${pair.key}: its page was trashed and came back, though nobody edited the issue`);
      if (!alive && edited && edited !== "perhaps") this.fault(`${pair.key}: the issue was edited (${edited}), and its page stays in the trash`);
      if (!alive && issue.state !== "closed") this.fault(`${pair.key}: its page is in the trash, and the issue is open`);
      this.numbers[alive ? "restored" : "removed"] += 1;
      pair.gone = alive ? undefined : "then";
      return { page, issue };
    }
    if (alive && !edited) this.fault(`${[...pair.keys][0]}: it was deleted and its page stays, though nobody edited it (${page.status} ${page.message})`);
    if (!alive && edited && edited !== "perhaps") this.fault(`${pair.key}: it was deleted, and its page went though somebody edited it (${edited})`);
    pair.gone = alive ? undefined : "then";
    if (!alive) return {};
    const reborn = after.issues.get(pair.key);
    if (!reborn) {
      this.fault(`${pair.key}: deleted, its page edited (${edited}), and no new issue: ${page.status} ${page.message}`);
      pair.gone = "then";
      return {};
    }
    this.numbers.reborn += 1;
    pair.reborn = true;
    return { page, issue: reborn };
  }

  // Pages that name no repository that they may name.
  #strays(page) {
    const how = this.astray.get(page.id);
    if (how === undefined) return false;
    if (how === "right") {
      this.astray.delete(page.id);
      this.expected.pages.add(page.id);
      return false;
    }
    this.numbers.strays += 1;
    const said = page.status === "Error" && repositories.every((name) => page.message.includes(name));
    if (page.number !== null || page.url || !said) this.fault(`page ${page.id} names “${page.repository}”: ${page.number} ${page.url} ${page.status} ${page.message}`);
    return true;
  }

  // What both sides said when they agreed on a field last.
  #basis(pair, field) {
    return pair.parked.get(field) ?? pair.held.get(field) ?? [pair.base.page[field], pair.base.issue[field]];
  }

  // Fields of the project: an issue that is in none has no place for them.
  #projected(pair, was, page, issue) {
    const [then, now] = [pair.base.issue.item, was.issue.item];
    const basis = (field) => {
      const known = this.#basis(pair, field);
      return then || pair.parked.has(field) || pair.held.has(field) ? known : [known[0], ""];
    };
    if (issue.item && issue.item.page !== "" && bare(issue.item.page) !== bare(pair.page)) this.fault(`${pair.key}: its item names page ${issue.item.page}`);
    if (now) {
      this.numbers.items += 1;
      for (const field of PROJECTED) this.#scalar(pair, field, basis(field), was, page, issue, (target) => target === "github" && now.archived);
      return;
    }
    const says = PROJECTED.filter((field) => !pair.parked.has(field) && was.page[field] !== "" && was.page[field] !== basis(field)[0]);
    if ((says.length > 0) !== Boolean(issue.item)) {
      this.fault(`${pair.key}: not in the project, new on its page: ${says.join(", ") || "nothing"}; afterwards ${issue.item ? "it is" : "it is not"} (${page.status} ${page.message})`);
    }
    for (const field of PROJECTED) {
      this.numbers.fields += 1;
      if (page[field] !== was.page[field]) this.fault(`${pair.key} ${field}: not in the project, and the page became ${page[field]} from ${was.page[field]}`);
      if (issue.item && !pair.parked.has(field) && issue[field] !== page[field]) this.fault(`${pair.key} ${field}: the new item says ${issue[field]}, the page ${page[field]}`);
      pair.held.delete(field);
    }
  }

  // A parent is judged while it is part of the mapping.
  #parent(pair, was, page, issue) {
    const [n0, g0] = this.#basis(pair, "parent");
    if ([n0, g0, was.page.parent, was.issue.parent].some((id) => this.relatives.isLost(id))) {
      this.numbers.outside += 1;
      return;
    }
    const n1 = was.page.parent;
    const stuck = (target) => target === "github" && (this.relatives.refuses(bare(pair.page), n1) || pair.held.get("parent")?.[2] === n1);
    this.#scalar(pair, "parent", [n0, g0], was, page, issue, stuck);
  }

  // `stuck` says whether a side cannot take what it would have to be given.
  #scalar(pair, field, [n0, g0], was, page, issue, stuck) {
    this.numbers.fields += 1;
    const [n1, g1] = [was.page[field], was.issue[field]];
    const [n, g] = [meaning(field, n1), meaning(field, g1)];
    const [onNotion, onGithub] = [n1 !== n0, g1 !== g0];
    let [want, target, lost] = [n, undefined, undefined];
    if (n === g) want = n;
    else if (!onGithub) target = "github";
    else if (!onNotion) [want, target] = [g, "notion"];
    else {
      this.numbers.conflicts += pair.parked.has(field) ? 0 : 1;
      if (this.policy === "manual-review") {
        pair.parked.set(field, [n0, g0]);
        pair.held.delete(field);
        if (page[field] !== n1 || issue[field] !== g1) {
          this.fault(`${pair.key} ${field}: both sides changed it (${n0} to ${n1}, ${g0} to ${g1}), and ${page[field]}, ${issue[field]} was written`);
        }
        return;
      }
      target = this.policy === "notion-wins" ? "github" : "notion";
      want = target === "github" ? n : g;
      lost = { pair, field, text: target === "github" ? g1 : n1, round: this.round };
    }
    if (target && stuck(target)) {
      this.numbers.held += 1;
      pair.parked.delete(field);
      pair.held.set(field, [n0, g0, n1]);
      if (page[field] !== n1 || issue[field] !== g1) this.fault(`${pair.key} ${field}: ${target} cannot take ${n1}, ${g1}, and there is ${page[field]}, ${issue[field]} (${page.status} ${page.message})`);
      else if (page.status !== "Error") this.fault(`${pair.key} ${field}: ${target} cannot take ${n1}, ${g1}, and the page says ${page.status} ${page.message}`);
      return;
    }
    if (lost && field !== "parent") this.losers.push(lost);
    pair.parked.delete(field);
    pair.held.delete(field);
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
    const open = [...before.pulls.values()].some((pull) => this.serves(pull, pair) && pull.state === "open");
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
