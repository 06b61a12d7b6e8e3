// Holds recorded exchanges against the descriptions, and prints what was found.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { Checker, Description, query, surplus } from "./openapi.mjs";
import { client } from "./proxy.mjs";
import { Shapes } from "./shapes.mjs";

const SHOWN = 40;

// `/repositories/{id}/…` is the same as `/repos/{owner}/{repo}/…`: redirects after a rename lead there.
// The description leaves it out.
function described(path) {
  return path.replace(/^\/repositories\/\d+(?=\/|$)/, "/repos/owner/name");
}

function count(map, key, by = 1) {
  map.set(key, (map.get(key) ?? 0) + by);
}

function line(map) {
  return [...map].sort().map(([name, number]) => `${name} ${number}`).join(", ");
}

// GitHub's whole description, from the package that is pinned by hash.
function whole() {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve("@octokit/openapi/package.json")), "generated/api.github.com.json");
}

export class Judge {
  constructor(fixtures) {
    const excerpt = join(fixtures, "github/openapi/api.github.com.subset.json");
    const recorded = join(fixtures, "notion");
    for (const path of [excerpt, recorded]) {
      if (!existsSync(path)) throw new Error(`${path} is missing`);
    }
    this.descriptions = [new Description(excerpt, "excerpt"), new Description(whole(), "@octokit/openapi")];
    this.shapes = new Shapes(recorded);
    this.faults = new Map();
    this.clients = { github: new Map(), notion: new Map() };
    this.checked = { github: 0, notion: 0 };
    this.requests = 0;
    this.aside = new Map();
    // Per route of GitHub: {from, seen, held}.
    this.routes = new Map();
    this.unheard = new Map();
    this.blind = new Set();
    this.unknown = new Set();
    // What was held already, and one exchange of each kind to plant faults into.
    this.known = new Set();
    this.samples = new Map();
  }

  // Holds one exchange against the descriptions.
  take(one) {
    count(this.clients[one.service], client(one.agent));
    if (one.service === "github") this.#cover(one);
    const found = this.#held(one);
    if (found === undefined) return;
    this.checked[one.service] += 1;
    for (const fault of found) count(this.faults, `${one.service} ${fault}`);
    const kind = `${one.service} ${one.method} ${one.body?.object ?? this.#route(one)?.text ?? one.path}`;
    const object = one.body !== null && typeof one.body === "object" && !Array.isArray(one.body);
    if (object && one.status < 300 && !this.samples.has(kind)) this.samples.set(kind, one);
  }

  // Prints counts and faults; answers how many different faults there are.
  end() {
    const { faults, checked, routes } = this;
    console.log(`GitHub: ${line(this.clients.github)}; ${checked.github} answers and ${this.requests} requests held against the descriptions`);
    const from = new Map();
    const bare = [];
    for (const [name, route] of routes) {
      count(from, route.from);
      if (route.held === 0) bare.push(name);
    }
    const seen = routes.size + this.unheard.size;
    console.log(`GitHub: ${seen} routes seen; described: ${line(from)}; unknown: ${this.unheard.size}`);
    const added = [...routes].filter(([, route]) => route.from !== this.descriptions[0].name);
    console.log(`routes that only the package describes: ${line(new Map(added.map(([name, { held }]) => [name, held]))) || "none"}`);
    console.log(`described routes of which no answer had a body to hold: ${bare.sort().join(", ") || "none"}`);
    console.log(`Notion: ${line(this.clients.notion)}; ${checked.notion} answers held against ${this.shapes.bodies} recorded bodies`);
    console.log(`not held against anything: ${line(this.aside) || "none"}`);
    console.log(`nulls where the description has no type to judge by: ${[...this.blind].sort().join(", ") || "none"}`);
    console.log(`Notion objects that no recording has: ${[...this.unknown].sort().join(", ") || "none"}`);
    for (const [route, times] of this.unheard) count(faults, `github ${route}: no description has such a route`, times);
    if (checked.github === 0 || checked.notion === 0) count(faults, "nothing was checked");
    const { planted, noticed } = this.#probe();
    console.log(`${noticed} of ${planted} faults that were planted into these answers are noticed`);
    if (planted === 0 || noticed < planted) count(faults, "a planted fault was not noticed");
    const sorted = [...faults].sort((a, b) => b[1] - a[1]);
    for (const [fault, times] of sorted.slice(0, SHOWN)) console.log(`fault: ${fault} (${times} times)`);
    if (sorted.length > SHOWN) console.log(`and ${sorted.length - SHOWN} more`);
    return sorted.length;
  }

  // The route of a request, in the first description that has it.
  #route(one) {
    // A reading of headers alone is described with the reading of the whole.
    const method = one.method === "HEAD" ? "GET" : one.method;
    for (const description of this.descriptions) {
      const route = description.route(method, described(one.path));
      if (route) return { ...route, description };
    }
    return undefined;
  }

  #cover(one) {
    if (one.path === "/graphql") return;
    const route = this.#route(one);
    if (!route) {
      count(this.unheard, `${one.method} ${one.path.replaceAll(/\d+/g, "N")}`);
      return;
    }
    const name = `${one.method} ${route.text}`;
    if (!this.routes.has(name)) this.routes.set(name, { from: route.description.name, seen: 0, held: 0 });
    this.routes.get(name).seen += 1;
    if (one.status >= 400) return;
    this.requests += 1;
    for (const fault of this.#asked(one, route)) count(this.faults, `github request ${name}: ${fault}`);
  }

  // What a request says that its route does not know, and the other way round.
  #asked(one, { operation, description }) {
    const found = query(description, operation, one.query);
    const body = description.resolve(operation.requestBody);
    const schema = body?.content?.["application/json"]?.schema;
    if (one.asked === undefined) {
      if (body?.required && /json/.test(one.form)) found.push("the body is missing");
      return found;
    }
    if (!schema) {
      const empty = typeof one.asked === "object" && one.asked !== null && Object.keys(one.asked).length === 0;
      return empty || body ? found : [...found, "a body where none is described"];
    }
    const checker = new Checker(description, "");
    checker.check(one.asked, schema);
    return [...found, ...checker.found, ...surplus(description, schema, one.asked)].map((fault) => fault.replaceAll(/\[\d+\]/g, "[]"));
  }

  // The faults of an answer; none of one whose like was held already.
  #held(one) {
    const key = `${one.service} ${one.method} ${this.#route(one)?.text ?? one.path} ${one.status} ${one.version} ${one.accept} ${one.digest}`;
    if (this.known.has(key)) return [];
    const found = one.service === "github" ? this.#github(one) : this.#notion(one);
    if (found?.length === 0) this.known.add(key);
    return found;
  }

  // Damages answers on purpose: a check that notices nothing would prove nothing.
  #probe() {
    let planted = 0;
    let noticed = 0;
    const kept = [this.aside, this.blind, this.unknown];
    [this.aside, this.blind, this.unknown] = [new Map(), new Set(), new Set()];
    for (const one of this.samples.values()) {
      const faults = (body) => (one.service === "notion" ? this.#notion({ ...one, body }) : this.#github({ ...one, body }));
      const before = faults(one.body);
      if (before === undefined) continue;
      for (const key of this.#needed(one)) {
        const { [key]: _, ...less } = one.body;
        planted += 1;
        noticed += faults(less).length > before.length ? 1 : 0;
      }
    }
    [this.aside, this.blind, this.unknown] = kept;
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

  #github(one) {
    const { aside } = this;
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
      const route = this.routes.get(`${one.method} ${answer.template}`);
      if (route) route.held += 1;
      if (!answer.schema) return one.length > 0 && answer.empty ? [`${place}: a body where there is none`] : [];
      if (one.body === undefined) return [`${place}: no JSON, but ${one.type || "nothing"}`];
      const checker = new Checker(description, one.version);
      checker.check(one.body, answer.schema);
      for (const at of checker.blind) this.blind.add(`${place} ${at}`);
      return checker.found.map((fault) => `${place}: ${fault.replaceAll(/\[\d+\]/g, "[]")}`);
    }
    if (undescribed) {
      // The description leaves out statuses that every route can have; their bodies have one form.
      const moved = [301, 302, 307].includes(one.status) && /^https?:/.test(one.body?.url ?? "");
      if ((one.status >= 400 || moved) && typeof one.body?.message === "string") {
        count(aside, `status ${one.status}`);
        return undefined;
      }
      return [`${one.method} ${undescribed}: status ${one.status} is not described`];
    }
    // Counted with the routes that nothing describes.
    return undefined;
  }

  #notion(one) {
    if (one.body === undefined) {
      if (one.status === 200) return [`${one.method} ${one.path}: no JSON, but ${one.type || "nothing"}`];
      count(this.aside, `Notion ${one.status}`);
      return undefined;
    }
    const { faults, unknown } = this.shapes.check(one.body);
    for (const name of unknown) this.unknown.add(name);
    return faults;
  }
}
