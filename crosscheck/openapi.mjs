// Holds answers against GitHub's OpenAPI description. Own code on purpose: schemas that say
// `nullable` without a `type` are passed over silently by the usual validators; here they are counted.

import { readFileSync } from "node:fs";

// Members that version 2026-03-10 no longer sends.
const REMOVED = new Set(["assignee", "merge_commit_sha", "rate", "has_downloads", "use_squash_pr_title_as_default"]);
const NEWEST = "2026-03-10";
const DEEPEST = 200;
// The last parameter of these routes takes slashes.
const OPEN_ENDED = ["{ref}", "{path}", "{basehead}", "{tree_sha}", "{branch}"];

export class Description {
  constructor(file, name) {
    this.name = name;
    this.paths = new Map();
    this.root = JSON.parse(readFileSync(file, "utf8"));
    this.templates = Object.keys(this.root.paths).map((text) => ({ text, parts: text.split("/") }));
  }

  resolve(schema) {
    for (let hops = 0; schema && schema.$ref; hops += 1) {
      if (hops > DEEPEST) throw new Error(`references without end at ${schema.$ref}`);
      schema = schema.$ref
        .slice(2)
        .split("/")
        .reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], this.root);
    }
    return schema;
  }

  // The most exact template that fits a path and has the method.
  route(method, path) {
    const key = `${method} ${path}`;
    if (!this.paths.has(key)) this.paths.set(key, this.#find(method, path));
    return this.paths.get(key);
  }

  #find(method, path) {
    const given = path.split("/");
    let best;
    for (const { text, parts } of this.templates) {
      const open = OPEN_ENDED.some((end) => text.endsWith(end));
      if (parts.length !== given.length && !(open && given.length > parts.length)) continue;
      let exact = 0;
      const fits = parts.every((part, at) => {
        if (part === given[at]) exact += 1;
        return part === given[at] || part.startsWith("{") || (part.includes("...") && given[at].includes("..."));
      });
      const operation = this.root.paths[text][method.toLowerCase()];
      if (fits && operation && (!best || exact > best.exact)) best = { exact, text, operation };
    }
    return best;
  }

  // What the description says about an answer: {template, schema, empty} or undefined.
  answer(method, path, status) {
    const route = this.route(method, path);
    if (!route) return undefined;
    const response = this.resolve(route.operation.responses?.[String(status)]);
    if (!response) return { template: route.text, undescribed: true };
    const schema = response.content?.["application/json"]?.schema;
    return { template: route.text, schema, empty: !response.content };
  }
}

export class Checker {
  constructor(description, version) {
    this.description = description;
    this.newest = version === NEWEST;
    this.found = [];
    this.blind = new Set();
  }

  check(value, given, at = "$", depth = 0) {
    if (depth > DEEPEST) throw new Error(`schema nested too deeply at ${at}`);
    const schema = this.description.resolve(given);
    if (!schema) return;
    const alternatives = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
    if (value === null) {
      const typed = schema.type || schema.allOf || alternatives.length > 0;
      if (schema.nullable && !schema.type) this.blind.add(at.replaceAll(/\[\d+\]/g, "[]"));
      const may = schema.nullable === true || alternatives.some((one) => this.#fits(null, one, at, depth).length === 0);
      if (typed && !may) this.found.push(`${at}: null is not allowed`);
      return;
    }
    // One route demands that an account is a user and an enterprise at once; it means either.
    const parts = schema.allOf ?? [];
    const either = parts.some((part) => this.description.resolve(part)?.title === "Enterprise");
    if (!either) for (const part of parts) this.check(value, part, at, depth + 1);
    for (const choice of [either ? parts : [], schema.anyOf ?? [], schema.oneOf ?? []]) {
      if (choice.length === 0) continue;
      const outcomes = choice.map((one) => this.#fits(value, one, at, depth));
      if (outcomes.every((faults) => faults.length > 0)) {
        const nearest = outcomes.sort((a, b) => a.length - b.length)[0];
        this.found.push(`${at}: fits no alternative, nearest: ${nearest.slice(0, 3).join("; ")}`);
      }
    }
    if (schema.enum && !schema.enum.includes(value)) {
      this.found.push(`${at}: ${JSON.stringify(value)} is not one of ${JSON.stringify(schema.enum)}`);
    }
    if (schema.type && !hasType(value, schema.type)) {
      this.found.push(`${at}: ${JSON.stringify(value)?.slice(0, 80)} is no ${schema.type}`);
      return;
    }
    if (typeof value === "string" && !hasFormat(value, schema.format)) {
      this.found.push(`${at}: ${JSON.stringify(value)} is no ${schema.format}`);
    }
    if (Array.isArray(value)) {
      if (schema.items) value.forEach((item, n) => this.check(item, schema.items, `${at}[${n}]`, depth + 1));
    } else if (typeof value === "object") {
      this.#members(value, schema, at, depth);
    }
  }

  #members(value, schema, at, depth) {
    for (const name of schema.required ?? []) {
      const removed = this.newest && REMOVED.has(name);
      if (!(name in value) && !removed) this.found.push(`${at}: ${name} is missing`);
    }
    for (const [name, member] of Object.entries(value)) {
      const known = schema.properties?.[name];
      if (known && this.newest && REMOVED.has(name)) this.found.push(`${at}: ${name} was removed from this version`);
      const next = known ?? (typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined);
      if (next) this.check(member, next, `${at}.${name}`, depth + 1);
    }
  }

  #fits(value, schema, at, depth) {
    const inner = new Checker(this.description, this.newest ? NEWEST : "");
    inner.check(value, schema, at, depth + 1);
    for (const place of inner.blind) this.blind.add(place);
    return inner.found;
  }
}

function hasType(value, type) {
  switch (type) {
    case "object":
      return typeof value === "object" && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "number":
    case "string":
    case "boolean":
      return typeof value === type;
    default:
      throw new Error(`unknown type ${type}`);
  }
}

function hasFormat(text, format) {
  if (format === "date-time") return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text);
  if (format === "uri") return text.includes("://");
  if (format === "email") return text.includes("@");
  return true;
}

// Parameters behind the question mark that a route does not know or misses.
export function query(description, operation, search) {
  const known = (operation.parameters ?? []).map((one) => description.resolve(one)).filter((one) => one.in === "query");
  const given = new Set(new URLSearchParams(search).keys());
  const found = [];
  for (const name of given) {
    const bare = name.replace(/\[\]$/, "");
    if (!known.some((one) => one.name === bare)) found.push(`the parameter ${name} is not described`);
  }
  for (const one of known) if (one.required && !given.has(one.name)) found.push(`the parameter ${one.name} is missing`);
  return found;
}

// Members of a body that its schema does not name: the service would pass over them in silence.
export function surplus(description, given, body) {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return [];
  const names = new Set();
  const open = gather(description, given, names, 0);
  return open ? [] : Object.keys(body).filter((name) => !names.has(name)).map((name) => `${name} is not described`);
}

// Collects the names of members; answers whether any others are welcome.
function gather(description, given, names, depth) {
  const schema = description.resolve(given);
  if (!schema || depth > DEEPEST) return true;
  const parts = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  for (const name of Object.keys(schema.properties ?? {})) names.add(name);
  let open = Boolean(schema.additionalProperties) || (!schema.properties && parts.length === 0);
  for (const part of parts) {
    const bare = description.resolve(part);
    // An alternative that only says which members are needed names none.
    if (bare && !bare.properties && bare.required && schema.properties) continue;
    if (bare?.type && bare.type !== "object") continue;
    open = gather(description, part, names, depth + 1) || open;
  }
  return open;
}
