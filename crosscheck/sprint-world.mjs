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
export const TYPES = ["Bug", "Feature", "Task"];
export const REQUIRED = "ci/build";

// `person(0)` owns the organization; the last one is in no user map: nobody of the other side.
export const person = (n) => `p${String(n + 1).padStart(2, "0")}`;
export const logins = Array.from({ length: PEOPLE }, (_, n) => person(n));
export const mapped = logins.slice(0, -1);
export const repositories = Array.from({ length: REPOSITORIES }, (_, n) => `acme/r${n + 1}`);

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
  const line = (what, n) => `${what} ${n} ${draw.word()}.`;
  const body = (n) => Array.from({ length: draw.below(4) + 1 }, (_, at) => line(`Line ${at} of`, n)).join("\n\n");
  const tasks = Array.from({ length: pages }, (_, n) => {
    const properties = {
      Status: draw.pick(OPEN), "GitHub Repository": draw.pick(repositories),
      Labels: some(LABELS, 2), Assignee: some(mapped, 1),
    };
    for (const [name, value] of [["Priority", one(PRIORITIES)], ["Milestone", one(MILESTONES)], ["Type", one(TYPES)]]) {
      if (value) properties[name] = value;
    }
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
  for (let n = 0; n < issues; n += 1) {
    const priority = one(PRIORITIES);
    const issue = {
      title: `Issue ${n}`, body: body(`issue ${n}`), author: draw.pick(logins),
      labels: [...some(LABELS, 2), ...(priority ? [`priority/${priority}`] : [])], assignees: some(mapped, 1),
    };
    for (const [name, value] of [["milestone", one([1, 2, 3])], ["issue_type", one(TYPES)]]) if (value) issue[name] = value;
    draw.pick(places).issues.push(issue);
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
          Milestone: { select: MILESTONES }, Type: { select: TYPES }, Assignee: "people", Author: "rich_text",
          Closed: "date", ...bookkeeping,
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
      repositories: places,
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
