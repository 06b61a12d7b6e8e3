// Keys and JSON types of Notion's objects, learnt from recorded bodies, and a check of answers against
// them. The published schemas of Notion say next to nothing, so recordings are the judge.

import { readFileSync } from "node:fs";
import { join } from "node:path";

// How often a shape must have been recorded before the absence of a key means anything.
const ENOUGH = 8;
// Keys that came and went between versions, or depend on what the connection may see.
const VERSIONED = new Set([
  "archived", "in_trash", "is_archived", "is_locked", "public_url", "request_id", "additional_data",
  "developer_survey", "created_by", "last_edited_by", "has_more", "next_cursor",
]);

function jsonType(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

// What an object is, as far as its shape goes; undefined for one whose keys are data.
function shape(value, place) {
  const type = typeof value.type === "string" ? value.type : "";
  if (typeof value.object === "string") {
    return value.object === "list" ? `list of ${value.type ?? "?"}` : value.object;
  }
  if (place === "properties" || place === "schema") return `${place}: ${type}`;
  if ("plain_text" in value) return `rich text: ${type}`;
  if (place === "parent") return `parent: ${type}`;
  if (place === "icon" || place === "cover") return `${place}: ${type}`;
  if (/^(payload|value|option|text|mention|date): /.test(place)) return place;
  return undefined;
}

// Visits every object that has a shape.
export function visit(value, found, place = "", depth = 0) {
  if (depth > 100) throw new Error("nested too deeply");
  if (Array.isArray(value)) {
    for (const item of value) visit(item, found, place, depth + 1);
    return;
  }
  if (value === null || typeof value !== "object") return;
  const name = shape(value, place);
  if (name) found(name, value);
  const type = value.type;
  for (const [key, member] of Object.entries(value)) {
    let next = "";
    if (key === "properties" && (value.object === "page" || value.object === "data_source")) {
      const kind = value.object === "page" ? "properties" : "schema";
      for (const inner of Object.values(member)) visit(inner, found, kind, depth + 2);
      continue;
    }
    if (value.object === "block" && key === type) next = `payload: ${type}`;
    else if (name === `properties: ${type}` && key === type) next = `value: ${type}`;
    else if (name?.startsWith("rich text: ") && key === type) next = `text: ${type}`;
    else if (["parent", "icon", "cover"].includes(key)) next = key;
    visit(member, found, next, depth + 1);
  }
}

export class Shapes {
  constructor(folder) {
    this.known = new Map();
    this.bodies = 0;
    const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
    const files = new Set(index.interactions.filter((one) => !one.file.startsWith("fragments/")).map((one) => one.file));
    for (const file of files) {
      let body;
      try {
        body = JSON.parse(readFileSync(join(folder, file), "utf8"));
      } catch {
        continue;
      }
      this.bodies += 1;
      visit(body, (name, value) => this.#learn(name, value));
    }
    if (this.bodies === 0) throw new Error(`no recorded bodies in ${folder}`);
  }

  #learn(name, value) {
    let entry = this.known.get(name);
    if (!entry) this.known.set(name, (entry = { seen: 0, keys: new Map() }));
    entry.seen += 1;
    for (const [key, member] of Object.entries(value)) {
      let known = entry.keys.get(key);
      if (!known) entry.keys.set(key, (known = { seen: 0, types: new Set() }));
      known.seen += 1;
      known.types.add(jsonType(member));
    }
  }

  // The members that an object of this shape must have.
  needed(value) {
    const entry = this.known.get(shape(value, ""));
    if (!entry || entry.seen < ENOUGH) return [];
    // Without `object` it would be of no shape at all.
    return [...entry.keys]
      .filter(([key, known]) => known.seen === entry.seen && key !== "object" && key !== "type" && !VERSIONED.has(key))
      .map(([key]) => key)
      .filter((key) => key in value);
  }

  // Faults of an answer, and the shapes that no recording has.
  check(body) {
    const faults = [];
    const unknown = new Set();
    visit(body, (name, value) => {
      const entry = this.known.get(name);
      if (!entry) {
        unknown.add(name);
        return;
      }
      for (const [key, member] of Object.entries(value)) {
        const known = entry.keys.get(key);
        if (!known) {
          if (!VERSIONED.has(key)) faults.push(`${name}: ${key} is in none of ${entry.seen} recorded objects`);
        } else if (!known.types.has(jsonType(member)) && entry.seen >= ENOUGH && jsonType(member) !== "null") {
          faults.push(`${name}: ${key} is ${jsonType(member)}, recorded were ${[...known.types].join(", ")}`);
        }
      }
      if (entry.seen < ENOUGH) return;
      for (const [key, known] of entry.keys) {
        if (known.seen === entry.seen && !(key in value) && !VERSIONED.has(key)) {
          faults.push(`${name}: ${key} is missing; each of ${entry.seen} recorded objects has it`);
        }
      }
    });
    return { faults, unknown };
  }
}
