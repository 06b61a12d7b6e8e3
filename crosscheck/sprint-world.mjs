// The world of the sprint: how many people, repositories, pages and issues there are, and the settings
// that the program runs with.

export const PEOPLE = 20;
export const REPOSITORIES = 5;

export const OPEN = ["Not started", "In progress", "Blocked", "Ready for Review"];
export const CLOSED = ["Done", "Dropped"];
export const STATUSES = [...OPEN, ...CLOSED];
export const LABELS = ["bug", "feature", "docs", "ops", "ui", "api", "debt", "idea"];
export const PRIORITIES = ["high", "medium", "low"];
export const MILESTONES = ["v1", "v2", "v3"];
// Those of the organization, and those that pages can say: each side knows one that the other lacks at first.
export const TYPES = ["Bug", "Feature", "Task", "Question"];
export const PAGE_TYPES = ["Bug", "Feature", "Task", "Epic"];
export const REQUIRED = "ci/build";

// Fields of the project: the property of a page, the field of an item, and what either can say.
const several = (count, make) => Array.from({ length: count }, (_, n) => make(n + 1));
export const PROJECT = {
  board: { property: "Board", type: "select", field: "Status", kind: "single_select", values: ["Todo", "Doing", "Review", "Done"] },
  iteration: { property: "Sprint", type: "select", field: "Iteration", kind: "iteration", values: several(4, (n) => `Week ${n}`) },
  points: { property: "Estimate", type: "number", field: "Points", kind: "number", values: ["0.5", "1", "2", "3", "5", "8", "13"] },
  due: { property: "Due", type: "date", field: "Target date", kind: "date", values: several(28, (n) => `2026-12-${String(n).padStart(2, "0")}`) },
  note: { property: "Remark", type: "rich_text", field: "Note", kind: "text", values: several(40, (n) => `remark ${n}`) },
};
export const PROJECTED = Object.keys(PROJECT);
export const PLAN = { owner: "acme", number: 1, page: "Notion page" };
export const PARENT = "Parent item";

// `person(0)` owns the organization; the last one is in no user map: nobody of the other side.
export const person = (n) => `p${String(n + 1).padStart(2, "0")}`;
export const logins = Array.from({ length: PEOPLE }, (_, n) => person(n));
export const mapped = logins.slice(0, -1);
export const repositories = Array.from({ length: REPOSITORIES }, (_, n) => `acme/r${n + 1}`);
// A repository that is none of the mapping.
export const attic = "acme/attic";

const bookkeeping = {
  "GitHub Path": "rich_text", "GitHub Commit": "rich_text", "GitHub Repository": "rich_text",
  "GitHub Number": "number", "GitHub URL": "url",
  "GitHub Sync Status": { select: ["Synced", "Pending", "Conflict", "Error"] },
  "GitHub Sync Message": "rich_text", "Last GitHub Sync At": "date",
  "Sync Op": "rich_text", "Sync Last Op": "rich_text",
};

// `pages` pairs come of pages, `issues` of issues, `documents` half of pages and half of files.
export function world({ draw, pages, issues, documents }) {
  const some = (list, most) => list.filter(() => draw.chance(most / list.length));
  const one = (list) => (draw.chance(0.6) ? draw.pick(list) : undefined);
  const plain = (type, value) => (type === "number" && value !== undefined ? Number(value) : value);
  const line = (what, n) => `${what} ${n} ${draw.word()}.`;
  const body = (n) => Array.from({ length: draw.below(4) + 1 }, (_, at) => line(`Line ${at} of`, n)).join("\n\n");
  const tasks = Array.from({ length: pages }, (_, n) => {
    const properties = {
      Status: draw.pick(OPEN), "GitHub Repository": draw.pick(repositories),
      Labels: some(LABELS, 2), Assignee: some(mapped, 1),
    };
    const said = [["Priority", one(PRIORITIES)], ["Milestone", one(MILESTONES)], ["Type", one(PAGE_TYPES.slice(0, 3))]];
    if (draw.chance(0.4)) for (const { property, type, values } of Object.values(PROJECT)) said.push([property, plain(type, one(values))]);
    for (const [name, value] of said) if (value !== undefined) properties[name] = value;
    return { id: `task-${n}`, parent: "tasks", title: `Task ${n}`, properties, markdown: body(`task ${n}`) };
  });
  const notes = Array.from({ length: Math.floor(documents / 2) }, (_, n) => (
    { id: `note-${n}`, parent: "notes", title: `Note ${n}`, markdown: body(`note ${n}`) }));
  const files = Object.fromEntries(Array.from({ length: Math.ceil(documents / 2) }, (_, n) => (
    [`docs/file-${n}.md`, `# File ${n}\n\n${body(`file ${n}`)}\n`])));
  const places = repositories.map((full_name) => ({
    full_name,
    files: { "README.md": `# ${full_name}\n`, ...(full_name === repositories[0] ? files : {}) },
    labels: [...LABELS, ...PRIORITIES.map((name) => `priority/${name}`), "flow/ready"].map((name) => ({ name })),
    milestones: MILESTONES,
    collaborators: Object.fromEntries([["sync-bot", "write"], ...logins.map((login) => [login, "write"])]),
    issues: [],
  }));
  const items = [];
  for (let n = 0; n < issues; n += 1) {
    const priority = one(PRIORITIES);
    const issue = {
      title: `Issue ${n}`, body: body(`issue ${n}`), author: draw.pick(logins),
      labels: [...some(LABELS, 2), ...(priority ? [`priority/${priority}`] : [])], assignees: some(mapped, 1),
    };
    for (const [name, value] of [["milestone", one([1, 2, 3])], ["issue_type", one(TYPES)]]) if (value) issue[name] = value;
    const place = draw.pick(places);
    if (place.issues.length > 0 && draw.chance(0.15)) issue.parent = draw.below(place.issues.length) + 1;
    if (draw.chance(0.4)) items.push({ repository: place.full_name, number: place.issues.length + 1 });
    place.issues.push(issue);
  }
  // What a merge needs differs: a required check by classic protection, by a ruleset, an approval, nothing.
  places[1].protected_branches = { main: { approvals: 0, required_checks: [REQUIRED] } };
  places[2].rulesets = [{
    id: 1, name: "main", enforcement: "active", include: ["~DEFAULT_BRANCH"],
    rules: [{ type: "required_status_checks", checks: [{ context: REQUIRED }] }],
  }];
  places[3].protected_branches = { main: { approvals: 1 } };
  return {
    notion: {
      seed: draw.below(1 << 30) + 1,
      users: [
        ...logins.map((id) => ({ id, name: id.toUpperCase(), email: `${id}@example.org`, token: `ntn_${id}` })),
        { id: "sync", name: "Sync", bot: true, token: "ntn_sync" },
      ],
      databases: [
        { id: "sprint", title: "Sprint", data_sources: [{ id: "tasks", title: "Tasks", properties: {
          Name: "title", Status: { status: STATUSES }, Labels: { multi_select: LABELS }, Priority: { select: PRIORITIES },
          Milestone: { select: MILESTONES }, Type: { select: PAGE_TYPES }, Assignee: "people", Author: "rich_text",
          Closed: "date", [PARENT]: { relation: { data_source_id: "tasks", dual_property: {} } },
          ...Object.fromEntries(Object.values(PROJECT).map(({ property, type, values }) => [property, type === "select" ? { select: values } : type])),
          ...bookkeeping,
        } }] },
        { id: "handbook", title: "Handbook", data_sources: [{ id: "notes", title: "Notes", properties: {
          Name: "title", ...bookkeeping,
        } }] },
      ],
      pages: [...tasks, ...notes],
    },
    github: {
      accounts: [
        ...logins.map((login) => ({ login, name: login.toUpperCase(), email: `${login}@example.org` })),
        { login: "sync-bot" },
        { login: "acme", kind: "organization", owners: [logins[0]], members: logins.slice(1), issue_types: TYPES },
      ],
      tokens: [
        { token: "github_pat_sync", login: "sync-bot" },
        ...logins.map((login) => ({ token: `github_pat_${login}`, login })),
      ],
      repositories: [...places, {
        full_name: attic, files: { "README.md": "# Attic\n" }, labels: places[0].labels, milestones: MILESTONES,
        collaborators: places[0].collaborators,
      }],
      projects: [{
        owner: PLAN.owner, number: PLAN.number, title: "Plan",
        collaborators: Object.fromEntries([["sync-bot", "write"], ...logins.map((login) => [login, "write"])]),
        fields: [
          ...Object.values(PROJECT).map(({ field: name, kind, values }) => ({
            name, kind,
            ...(kind === "single_select" ? { options: values } : {}),
            ...(kind === "iteration" ? { iterations: values.map((title, n) => ({ title, start: `2026-11-${String(2 + 7 * n).padStart(2, "0")}`, days: 7 })) } : {}),
          })),
          { name: PLAN.page, kind: "text" },
        ],
        items,
      }],
      // The hourly limit would stop a run of this size; what happens at it is shown elsewhere.
      settings: { requests_per_hour: 10_000_000 },
    },
  };
}

// What rules say when they comment. The number of times that each is found is what the judge counts.
export const SAYS = { blocked: "Work stands still.", unblocked: "Work goes on.", urgent: "This one first." };

export const settings = (policy) => (where, bounds) => `
[notion]
requests_per_minute = 60000
create_options = true
[github]
write_spacing_ms = 0
notify_spacing_ms = 0
[store]
url = "sqlite:state.db"
[bounds]
${bounds.join("\n")}
[guard]
edits = 100000
removals = 100000
merges = 100000
[schedule]
poll = 1
[[documents]]
name = "handbook"
data_source = "${where.notion.data_sources.Notes}"
repository = "${repositories[0]}"
path = "docs/{slug}.md"
policy = "${policy}"
[[tasks]]
name = "sprint"
data_source = "${where.notion.data_sources.Tasks}"
repository = { property = "GitHub Repository", of = [${repositories.map((name) => `"${name}"`).join(", ")}] }
policy = "${policy}"
status = { property = "Status", open = ${JSON.stringify(OPEN)}, closed = ${JSON.stringify(CLOSED)} }
labels = { property = "Labels", exclude = ["flow/"] }
label_fields = { Priority = { property = "Priority", prefix = "priority/" } }
assignees = "Assignee"
milestone = "Milestone"
type = "Type"
parent = "${PARENT}"
project = { project = "${PLAN.owner}/${PLAN.number}", add = true, page_id = "${PLAN.page}", fields = { ${Object.values(PROJECT).map(({ property, field }) => `"${property}" = "${field}"`).join(", ")} } }
fields = { Author = "author", Closed = "closed_at" }
[tasks.comments]
[[tasks.rules]]
name = "review"
becomes = ["Ready for Review"]
do = [ { open-pull = { file = { path = "tasks/{number}.md", text = "{title}" } } }, { add-labels = ["flow/ready"] } ]
[[tasks.rules]]
name = "withdrawn"
leaves = ["Ready for Review"]
on_engine_write = true
do = [ { remove-labels = ["flow/ready"] } ]
[[tasks.rules]]
name = "ship"
becomes = ["Done"]
do = [ { merge = { ready = true } } ]
[[tasks.rules]]
name = "blocked"
becomes = ["Blocked"]
do = [ { comment = { text = "${SAYS.blocked}" } } ]
[[tasks.rules]]
name = "unblocked"
leaves = ["Blocked"]
do = [ { comment = { text = "${SAYS.unblocked}" } } ]
[[tasks.rules]]
name = "urgent"
property = "Priority"
is = ["high"]
from = ["", "medium", "low"]
do = [ { comment = { text = "${SAYS.urgent}" } } ]
[people]
${mapped.map((login) => `${login} = "${login}@example.org"`).join("\n")}
`;
