// Holds recorded exchanges against the descriptions, and prints what was found.

import { existsSync } from "node:fs";
import { join } from "node:path";

import { Checker, Description } from "./openapi.mjs";
import { client } from "./proxy.mjs";
import { Shapes } from "./shapes.mjs";

const SHOWN = 40;

// `/repositories/{id}/…` is the same as `/repos/{owner}/{repo}/…`: redirects after a rename lead there.
// The description leaves it out.
function described(path) {
  return path.replace(/^\/repositories\/\d+(?=\/|$)/, "/repos/owner/name");
}

function count(map, key) {
  map.set(key, (map.get(key) ?? 0) + 1);
}

function line(map) {
  return [...map].sort().map(([name, number]) => `${name} ${number}`).join(", ");
}

export class Judge {
  constructor(fixtures, full) {
    const excerpt = join(fixtures, "github/openapi/api.github.com.subset.json");
    const recorded = join(fixtures, "notion");
    for (const path of [excerpt, recorded, full]) {
      if (!existsSync(path)) throw new Error(`${path} is missing`);
    }
    this.descriptions = [new Description(excerpt), new Description(full)];
    this.shapes = new Shapes(recorded);
  }

  // Prints counts and faults; answers how many different faults there are.
  hold(exchanges) {
    const faults = new Map();
    const clients = { github: new Map(), notion: new Map() };
    const checked = { github: 0, notion: 0 };
    const aside = new Map();
    const routes = new Set();
    const blind = new Set();
    const unknown = new Set();
    for (const one of exchanges) {
      count(clients[one.service], client(one.agent));
      const found = one.service === "github" ? this.#github(one, aside, routes, blind) : this.#notion(one, unknown, aside);
      if (found === undefined) continue;
      checked[one.service] += 1;
      for (const fault of found) count(faults, `${one.service} ${fault}`);
    }
    console.log(`GitHub: ${line(clients.github)}; ${checked.github} answers of ${routes.size} routes held against the description`);
    console.log(`Notion: ${line(clients.notion)}; ${checked.notion} answers held against ${this.shapes.bodies} recorded bodies`);
    console.log(`not held against anything: ${line(aside) || "none"}`);
    console.log(`nulls where the description has no type to judge by: ${[...blind].sort().join(", ") || "none"}`);
    console.log(`Notion objects that no recording has: ${[...unknown].sort().join(", ") || "none"}`);
    if (checked.github === 0 || checked.notion === 0) count(faults, "nothing was checked");
    const { planted, noticed } = this.#probe(exchanges);
    console.log(`${noticed} of ${planted} faults that were planted into these answers are noticed`);
    if (planted === 0 || noticed < planted) count(faults, "a planted fault was not noticed");
    const sorted = [...faults].sort((a, b) => b[1] - a[1]);
    for (const [fault, times] of sorted.slice(0, SHOWN)) console.log(`fault: ${fault} (${times} times)`);
    if (sorted.length > SHOWN) console.log(`and ${sorted.length - SHOWN} more`);
    return sorted.length;
  }

  // Damages answers on purpose: a check that notices nothing would prove nothing.
  #probe(exchanges) {
    let planted = 0;
    let noticed = 0;
    const seen = new Set();
    for (const one of exchanges) {
      const whole = one.body !== null && typeof one.body === "object" && !Array.isArray(one.body) && one.status < 300;
      const kind = `${one.service} ${one.method} ${one.body?.object ?? one.path}`;
      if (!whole || seen.has(kind)) continue;
      seen.add(kind);
      const faults = (body) => {
        const damaged = { ...one, body };
        const none = new Map();
        if (one.service === "notion") return this.#notion(damaged, new Set(), none);
        return this.#github(damaged, none, new Set(), new Set());
      };
      const before = faults(one.body);
      if (before === undefined) continue;
      for (const key of this.#needed(one)) {
        const { [key]: _, ...less } = one.body;
        planted += 1;
        noticed += faults(less).length > before.length ? 1 : 0;
      }
    }
    return { planted, noticed };
  }

  // Members that the judge says an answer must have.
  #needed(one) {
    if (one.service === "notion") return this.shapes.needed(one.body);
    for (const description of this.descriptions) {
      const schema = description.resolve(description.answer(one.method, described(one.path), one.status)?.schema);
      if (schema) return (schema.required ?? []).filter((name) => name in one.body);
    }
    return [];
  }

  #github(one, aside, routes, blind) {
    if (one.path === "/graphql") {
      count(aside, "GraphQL");
      const right = one.status === 200 && one.body && ("data" in one.body || "errors" in one.body);
      return right ? undefined : [`POST /graphql: status ${one.status} without data or errors`];
    }
    // Raw file contents and diffs are no JSON by request; an answer without body has nothing to judge.
    if (/\.(raw|diff|patch|sha)/.test(one.accept)) {
      count(aside, "other media type");
      return undefined;
    }
    if (one.method === "HEAD" || one.status === 304) {
      count(aside, "no body");
      return undefined;
    }
    let undescribed;
    for (const description of this.descriptions) {
      const answer = description.answer(one.method, described(one.path), one.status);
      if (answer?.undescribed) undescribed ??= answer.template;
      if (!answer || answer.undescribed) continue;
      const place = `${one.method} ${answer.template} ${one.status}`;
      routes.add(place);
      if (!answer.schema) return one.length > 0 && answer.empty ? [`${place}: a body where there is none`] : [];
      if (one.body === undefined) return [`${place}: no JSON, but ${one.type || "nothing"}`];
      const checker = new Checker(description, one.version);
      checker.check(one.body, answer.schema);
      for (const at of checker.blind) blind.add(`${place} ${at}`);
      return checker.found.map((fault) => `${place}: ${fault.replaceAll(/\[\d+\]/g, "[]")}`);
    }
    if (undescribed) {
      // The description leaves out statuses that every route can have; their bodies have one form.
      if (one.status >= 400 && typeof one.body?.message === "string") {
        count(aside, `status ${one.status}`);
        return undefined;
      }
      return [`${one.method} ${undescribed}: status ${one.status} is not described`];
    }
    return [`${one.method} ${one.path}: the description has no such route`];
  }

  #notion(one, unknown, aside) {
    if (one.body === undefined) {
      if (one.status === 200) return [`${one.method} ${one.path}: no JSON, but ${one.type || "nothing"}`];
      count(aside, `Notion ${one.status}`);
      return undefined;
    }
    const { faults, unknown: names } = this.shapes.check(one.body);
    for (const name of names) unknown.add(name);
    return faults;
  }
}
