//! Worlds: what both services hold before anybody does anything.
//!
//! A world file is JSON with two members, `notion` (see
//! [`notion_sync_testkit::notion::NotionWorld`]) and `github` (see
//! [`notion_sync_testkit::github::GithubWorld`]):
//!
//! ```json
//! {
//!   "notion": {
//!     "users": [{"id": "ada", "token": "ntn_ada"}, {"id": "sync", "bot": true, "token": "ntn_sync"}],
//!     "databases": [{"id": "handbook", "title": "Handbook", "data_sources": [
//!       {"id": "pages", "properties": {"Name": "title", "GitHub Path": "rich_text"}}]}],
//!     "pages": [{"id": "welcome", "parent": "pages", "title": "Welcome", "markdown": "Hello"}]
//!   },
//!   "github": {
//!     "tokens": [{"token": "github_pat_sync", "login": "sync"}],
//!     "repositories": [{"full_name": "acme/handbook", "collaborators": {"sync": "write"},
//!       "files": {"docs/hello.md": "# Hello\n"}}]
//!   }
//! }
//! ```
//!
//! Either member may be left out: then that service starts empty but for its default people.

use std::collections::BTreeMap;
use std::path::Path;

use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_testkit::github::GithubWorld;
use notion_sync_testkit::notion::NotionWorld;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Token of the connection that synchronises, on Notion.
pub const NOTION_TOKEN: &str = "ntn_sync";
/// Token of the bot that synchronises, on GitHub.
pub const GITHUB_TOKEN: &str = "github_pat_sync";
/// The repository with the handbook.
pub const HANDBOOK: &str = "acme/handbook";
/// The repository with the issues.
pub const BACKLOG: &str = "acme/app";

/// What both services hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct World {
    /// The workspace.
    pub notion: NotionWorld,
    /// The repositories.
    pub github: GithubWorld,
}

impl World {
    /// Reads a world file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is no world; the message says where.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |message: String| {
            Error::new(ErrorKind::Configuration, "read a world")
                .with("file", path.display())
                .message(message)
                .remedy("docs/world.md describes the format")
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
    }

    /// A small team: Ada and Bob, a handbook with two pages and one file, a backlog with one page
    /// and one issue.
    ///
    /// # Errors
    ///
    /// Never, as long as the worlds' formats are what they are.
    pub fn small() -> Result<Self> {
        let mut world = Self::team()?;
        let pages = json!([
            {"id": "welcome", "parent": "handbook-pages", "title": "Welcome",
             "properties": {"Owner": "Ada", "Tags": ["onboarding"]}, "markdown": WELCOME},
            {"id": "on-call", "parent": "handbook-pages", "title": "On call",
             "properties": {"Owner": "Bob", "Tags": ["operations"]}, "markdown": ON_CALL},
            {"id": "login", "parent": "backlog-tasks", "title": "Login fails after password reset",
             "properties": {"Status": "Doing", "Labels": ["bug"], "Assignee": ["ada"]}, "markdown": LOGIN},
        ]);
        world.notion.pages = serde_json::from_value(pages).map_err(broken)?;
        if let Some(handbook) = world.github.repositories.first_mut() {
            handbook
                .files
                .insert("docs/releases.md".to_owned(), RELEASES.to_owned());
        }
        if let Some(backlog) = world.github.repositories.get_mut(1) {
            let issues = json!([{"title": "Dark mode", "author": "bob", "labels": ["feature"], "assignees": ["bob"],
                "body": "The settings page should offer a dark theme.\n\n- [ ] palette\n- [ ] toggle\n"}]);
            backlog.issues = serde_json::from_value(issues).map_err(broken)?;
        }
        Ok(world)
    }

    /// People, tables, repositories and tokens, without pages, files or issues beyond a README.
    ///
    /// # Errors
    ///
    /// Never, as long as the worlds' formats are what they are.
    pub fn team() -> Result<Self> {
        let own = bookkeeping();
        let table = |fields: Value| -> Value {
            let mut all = own.clone();
            if let Value::Object(fields) = fields {
                all.extend(fields);
            }
            json!(all)
        };
        let world = json!({
            "notion": {
                "users": [
                    {"id": "ada", "name": "Ada", "email": "ada@example.org", "token": "ntn_ada"},
                    {"id": "bob", "name": "Bob", "email": "bob@example.org", "token": "ntn_bob"},
                    {"id": "sync", "name": "Sync", "bot": true, "token": NOTION_TOKEN},
                ],
                "databases": [
                    {"id": "handbook", "title": "Handbook", "data_sources": [{
                        "id": "handbook-pages", "title": "Handbook", "properties": table(json!({
                            "Name": "title", "Owner": "rich_text", "Reviewed": "date", "Draft": "checkbox",
                            "Tags": {"multi_select": ["onboarding", "operations", "release"]}}))}]},
                    {"id": "backlog", "title": "Backlog", "data_sources": [{
                        "id": "backlog-tasks", "title": "Backlog", "properties": table(json!({
                            "Name": "title", "Status": {"status": ["To do", "Doing", "Done", "Dropped"]},
                            "GitHub Status": {"select": ["open", "closed"]},
                            "PR Number": "number", "PR URL": "url", "PR Review": "rich_text",
                            "PR Status": {"select": ["draft", "open", "merged", "closed"]},
                            "PR Checks": {"select": ["passed", "failed", "pending"]},
                            "Labels": {"multi_select": ["bug", "feature", "docs"]}, "Assignee": "people"}))}]},
                ],
            },
            "github": {
                "accounts": [
                    {"login": "ada", "name": "Ada", "email": "ada@example.org"},
                    {"login": "bob", "name": "Bob", "email": "bob@example.org"},
                    {"login": "sync-bot"},
                    {"login": "acme", "kind": "organization", "owners": ["ada"], "members": ["bob"],
                     "teams": [{"slug": "docs-team", "members": ["ada", "bob"], "repositories": {"handbook": "write"}}]},
                ],
                "tokens": [
                    {"token": GITHUB_TOKEN, "login": "sync-bot"},
                    {"token": "github_pat_ada", "login": "ada"},
                    {"token": "github_pat_bob", "login": "bob"},
                ],
                "repositories": [
                    {"full_name": HANDBOOK, "files": {"README.md": "# Acme handbook\n"},
                     "collaborators": {"sync-bot": "write", "bob": "write"}},
                    {"full_name": BACKLOG, "files": {"README.md": "# The app\n"},
                     "labels": [{"name": "bug"}, {"name": "feature"}, {"name": "docs"}],
                     "collaborators": {"sync-bot": "write", "bob": "write"}},
                ],
            },
        });
        serde_json::from_value(world).map_err(broken)
    }
}

fn broken(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, "build a world").message(error.to_string())
}

/// The engine's own properties, as `init --create-properties` makes them.
fn bookkeeping() -> BTreeMap<String, Value> {
    [
        ("GitHub Path", json!("rich_text")),
        ("GitHub Commit", json!("rich_text")),
        ("GitHub Repository", json!("rich_text")),
        ("GitHub Number", json!("number")),
        ("GitHub URL", json!("url")),
        (
            "GitHub Sync Status",
            json!({"select": ["Success", "Pending", "Error"]}),
        ),
        ("GitHub Sync Message", json!("rich_text")),
        ("Last GitHub Sync At", json!("date")),
        ("Sync Op", json!("rich_text")),
        ("Sync Last Op", json!("rich_text")),
    ]
    .into_iter()
    .map(|(name, schema)| (name.to_owned(), schema))
    .collect()
}

const WELCOME: &str = "Welcome to Acme. Read this page on your first day.
## Your accounts
- [ ] Ask Bob for a laptop
- [ ] Sign in to the mail server
## Who helps
Ada answers questions about the handbook, Bob about machines.
> Nobody expects you to know everything in week one.
";

const ON_CALL: &str = "The person on call answers within 15 minutes.
1. Acknowledge the page.
2. Look at the dashboard.
3. Write down what you did.
```bash
kubectl get pods --all-namespaces
```
---
Hand over on Mondays at 10:00.
";

const LOGIN: &str = "After a password reset the old session stays valid.
- [ ] reproduce
- [ ] fix
";

const RELEASES: &str = "---
owner: Bob
---

# Releases

We release on Tuesdays. The release manager

* tags the commit,
* waits for the build,
* writes the announcement.

| Step | Who |
| ---- | --- |
| tag | Bob |
| announce | Ada |

Nothing is released on Fridays.
";
