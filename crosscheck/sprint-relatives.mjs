// Which task is above which, by the pages on both sides; and what GitHub does not take.

import { bare } from "./sprint-reading.mjs";

// Most levels below an issue.
const LEVELS = 8;

export class Relatives {
  constructor(pairs, before, after) {
    this.byId = new Map([...pairs.values()].map((pair) => [bare(pair.page), pair]));
    // Who was removed, moved away or brought back since the last run is above nobody for sure.
    this.lost = new Set([...this.byId].filter(([, pair]) => pair.gone).map(([id]) => id));
    this.above = new Map();
    this.below = new Map();
    for (const look of [before, after].filter(Boolean)) {
      for (const issue of [...look.issues.values()].filter((one) => one.page && one.parent)) {
        this.#note(this.above, bare(issue.page), issue.parent);
        this.#note(this.below, issue.parent, bare(issue.page));
      }
    }
  }

  #note(map, from, to) {
    if (!map.has(from)) map.set(from, new Set());
    map.get(from).add(to);
  }

  pair(id) {
    return this.byId.get(id);
  }

  // Whether nobody can say what a parent stands for on the other side.
  isLost(id) {
    return id !== "" && (this.lost.has(id) || !this.byId.has(id));
  }

  // Everything that is reached, and in how many steps at most as many as there are levels.
  #reach(map, from) {
    const seen = new Set([from]);
    let [level, depth] = [[from], 0];
    while (level.length > 0 && depth <= LEVELS) {
      level = level.flatMap((id) => [...(map.get(id) ?? [])]).filter((id) => !seen.has(id));
      for (const id of level) seen.add(id);
      if (level.length > 0) depth += 1;
    }
    return { seen, depth };
  }

  // Whether GitHub had a reason, before or after the run, not to take this parent for this issue.
  refuses(child, parent) {
    if (parent === "") return false;
    const [up, down] = [this.#reach(this.above, parent), this.#reach(this.below, child)];
    return child === parent || up.seen.has(child) || up.depth + 1 + down.depth > LEVELS;
  }
}
