//! The worlds of the matrix: small, and together with an operation of every kind in them.

use std::collections::{BTreeMap, BTreeSet};

use notion_sync_core::Result;
use notion_sync_core::comment::CommentSync;
use notion_sync_core::effect::{
    Close, CloseReason, Dispatch, Effect, Merge, Note, OpenPull, ProjectField,
};
use notion_sync_core::mapping::{Deliver, PathPolicy, Policy};
use notion_sync_core::{Error, ErrorKind};
use notion_sync_examples::config::{Delete, RuleSection};
use notion_sync_examples::demo::Terms;
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK, World};
use serde_json::{Value, json};

use super::hands::Act;

/// A world, and what people do in it. Between two things that they do everything comes to rest.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Its name, for people.
    pub(crate) name: &'static str,
    /// What both services hold at first.
    pub(crate) world: fn() -> Result<World>,
    /// What is mapped, and how.
    pub(crate) terms: fn() -> Terms,
    /// What people do.
    pub(crate) acts: &'static [Act],
}

/// Every world.
pub(crate) const SCENES: [Scene; 8] = [
    HANDBOOK_BY_HAND,
    HANDBOOK_BY_COMMIT,
    HANDBOOK_BY_PULL,
    TASKS,
    TASKS_WON,
    CONVERSATION,
    PULLS,
    STEPS,
];

fn broken(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, "build a world").message(error.to_string())
}

/// The team with these pages, files and issues.
fn world(pages: Value, files: &[(&str, &str)], issues: Value) -> Result<World> {
    let mut world = World::team()?;
    world.notion.pages = serde_json::from_value(pages).map_err(broken)?;
    let issues: Vec<Value> = serde_json::from_value(issues).map_err(broken)?;
    for repository in &mut world.github.repositories {
        if repository.full_name == HANDBOOK {
            let files = files.iter();
            let files = files.map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
            repository.files.extend(files);
        } else if repository.full_name == BACKLOG {
            repository.issues =
                serde_json::from_value(Value::Array(issues.clone())).map_err(broken)?;
        }
    }
    Ok(world)
}

const GUIDE: &str = "---\nowner: Bob\n---\n\n# Guide\n\nFirst tk1q here.\n\nSecond tk2q here.\n";
/// A page that needs several requests: it begins with a heading, and its lists are deep.
const DEEP: &str =
    "# Deep\n\n# Again\n\nText tk3q.\n\n- one\n  - two\n    - three\n      - four tk4q\n";

/// Conflicts wait for a person; edits are committed, removals proposed.
const HANDBOOK_BY_HAND: Scene = Scene {
    name: "handbook-by-hand",
    world: || {
        world(
            json!([{"id": "welcome", "parent": "handbook-pages", "title": "Welcome",
                "properties": {"Owner": "Ada"}, "markdown": "Hello tk5q.\nMore tk6q.\n"}]),
            &[("docs/guide.md", GUIDE), ("docs/deep.md", DEEP)],
            json!([]),
        )
    },
    terms: || Terms::documents(Policy::ManualReview),
    acts: &[
        |hands| hands.merge_pulls(),
        |hands| hands.edit_block("Guide", "First", "First tk11q there."),
        |hands| hands.edit_line("docs/guide.md", "Second", "Second tk12q there."),
        |hands| {
            hands.file("docs/deep.md", |text| {
                Some(format!(
                    "{text}\nEnd tk13q.\n\n1. a tk14q\n   1. b\n      1. c\n         1. d\n"
                ))
            })
        },
        |hands| hands.edit_line("docs/guide.md", "owner:", "owner: tk15q"),
        |hands| {
            hands.edit_block("Guide", "First", "First says tk16q.")?;
            hands.edit_line("docs/guide.md", "First", "First means tk17q.")
        },
        |hands| {
            hands.edit_block("Guide", "First", "First tk18q for all.")?;
            hands.edit_line("docs/guide.md", "First", "First tk18q for all.")
        },
        |hands| hands.file("docs/deep.md", |_| None),
        |hands| hands.trash("Welcome"),
        |hands| hands.merge_pulls(),
    ],
};

/// Notion wins, everything is committed, and files follow the titles of pages.
const HANDBOOK_BY_COMMIT: Scene = Scene {
    name: "handbook-by-commit",
    world: || {
        world(
            json!([]),
            &[
                ("docs/guide.md", GUIDE),
                ("docs/old.md", "# Old\n\nOld tk7q.\n"),
            ],
            json!([]),
        )
    },
    terms: || Terms {
        delete: Delete::Commit,
        path_policy: PathPolicy::FollowTitle,
        ..Terms::documents(Policy::NotionWins)
    },
    acts: &[
        |hands| hands.rename("Guide", "Manual"),
        |hands| {
            hands.file("docs/manual.md", |_| None)?;
            hands.edit_block("Manual", "First", "First tk21q again.")
        },
        |hands| hands.trash("Old"),
    ],
};

/// GitHub wins, and edits are proposed.
const HANDBOOK_BY_PULL: Scene = Scene {
    name: "handbook-by-pull",
    world: || world(json!([]), &[("docs/guide.md", GUIDE)], json!([])),
    terms: || Terms {
        deliver: Deliver::PullRequest,
        ..Terms::documents(Policy::GithubWins)
    },
    acts: &[
        |hands| hands.edit_block("Guide", "First", "First tk31q proposed."),
        |hands| hands.merge_pulls(),
        |hands| {
            hands.trash("Guide")?;
            hands.edit_line("docs/guide.md", "Second", "Second tk32q stays.")
        },
    ],
};

fn backlog() -> Result<World> {
    world(
        json!([{"id": "login", "parent": "backlog-tasks", "title": "Login fails",
            "properties": {"Status": "Doing", "Labels": ["bug"]}, "markdown": "Old tk1q session.\n"}]),
        &[],
        json!([{"title": "Dark mode", "author": "bob", "labels": ["feature"], "body": "A theme tk2q.\n"}]),
    )
}

/// Tasks whose conflicts wait for a person.
const TASKS: Scene = Scene {
    name: "tasks",
    world: backlog,
    terms: || Terms::tasks(Policy::ManualReview),
    acts: &[
        |hands| hands.set("Login fails", "Labels", json!(["bug", "docs"])),
        |hands| hands.edit_block("Login fails", "Old", "Old tk11q sessions."),
        |hands| hands.edit_issue("Dark mode", "A theme", "One theme tk12q"),
        |hands| hands.label("Dark mode", &["feature", "docs"]),
        |hands| {
            hands.rename("Dark mode", "Dark tk13q mode")?;
            hands.retitle("Dark mode", "Mode tk14q")
        },
        |hands| hands.rename("Dark tk13q mode", "Mode tk14q"),
        |hands| hands.trash("Login fails"),
        |hands| hands.restore("Login fails"),
    ],
};

/// Notion wins, and an issue is deleted while its page is edited.
const TASKS_WON: Scene = Scene {
    name: "tasks-won",
    world: backlog,
    terms: || Terms::tasks(Policy::NotionWins),
    acts: &[|hands| {
        hands.edit_block("Dark mode", "A theme", "A theme tk21q.")?;
        hands.delete_issue("Dark mode")
    }],
};

/// Tasks whose comments follow, with a comment that shows the state.
const CONVERSATION: Scene = Scene {
    name: "conversation",
    world: || {
        world(
            json!([]),
            &[],
            json!([{"title": "Dark mode", "author": "bob", "body": "A theme tk1q.\n"}]),
        )
    },
    terms: || Terms {
        comments: Some(CommentSync::default()),
        automation_comment: true,
        ..Terms::tasks(Policy::GithubWins)
    },
    acts: &[
        |hands| {
            hands.comment_page("Dark mode", "Which theme?")?;
            hands.comment_issue("Dark mode", "The dark one.")
        },
        |hands| {
            hands.change_page_comment("Which theme?", Some("Which of them?"))?;
            hands.change_issue_comment("The dark one.", Some("The light one."))
        },
        |hands| hands.set("Dark mode", "Labels", json!(["docs"])),
        |hands| {
            hands.change_page_comment("Which theme?", None)?;
            hands.change_issue_comment("The dark one.", None)
        },
    ],
};

/// A rule for a stage of a task.
fn rule(stage: &str, step: Effect) -> RuleSection {
    RuleSection {
        name: stage.to_lowercase().replace(' ', "-"),
        property: "Stage".to_owned(),
        becomes: vec![stage.to_owned()],
        steps: vec![step],
        ..RuleSection::default()
    }
}

/// A task with stages, in a repository with everything that steps of rules need.
fn staged() -> Result<World> {
    let world = world(
        json!([{"id": "ship", "parent": "backlog-tasks", "title": "Ship it",
            "properties": {"Status": "To do"}, "markdown": "Text tk1q.\n"}]),
        &[],
        json!([]),
    )?;
    let mut raw = serde_json::to_value(world).map_err(broken)?;
    let stages: Vec<&str> = STAGES.to_vec();
    for database in raw["notion"]["databases"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        if database["id"] == "backlog" {
            database["data_sources"][0]["properties"]["Stage"] = json!({"select": stages});
        }
    }
    for account in raw["github"]["accounts"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        if account["login"] == "acme" {
            account["issue_types"] = json!(["Bug", "Task"]);
        }
    }
    for repository in raw["github"]["repositories"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        if repository["full_name"] == BACKLOG {
            repository["milestones"] = json!(["v1"]);
            repository["files"][".github/workflows/ship.yml"] =
                json!("on:\n  workflow_dispatch:\n    inputs:\n      title:\n");
        }
    }
    raw["github"]["projects"] = json!([
        {"owner": "acme", "number": 3, "title": "Plan", "collaborators": {"sync-bot": "write"},
         "fields": [{"name": "Status", "kind": "single_select", "options": ["Todo", "Doing"]}]},
    ]);
    serde_json::from_value(raw).map_err(broken)
}

const STAGES: [&str; 16] = [
    "Begun",
    "Ready",
    "Draft",
    "Merged",
    "Told",
    "Labelled",
    "Unlabelled",
    "Planned",
    "Assigned",
    "Typed",
    "On board",
    "Started",
    "Closed",
    "Reopened",
    "Idle",
    "Stuck",
];

/// Steps of rules that concern a pull request.
const PULLS: Scene = Scene {
    name: "pulls",
    world: staged,
    terms: || {
        let open = OpenPull {
            closes: false,
            reviewers: vec!["bob".to_owned()],
            ..OpenPull::default()
        };
        let merge = Merge {
            ready: true,
            ..Merge::default()
        };
        Terms {
            rules: vec![
                rule("Begun", Effect::OpenPull(open)),
                rule("Ready", Effect::MarkReady),
                rule("Draft", Effect::ConvertToDraft),
                rule("Merged", Effect::Merge(merge)),
            ],
            drift_status: true,
            ..Terms::tasks(Policy::GithubWins)
        }
    },
    acts: &[
        |hands| hands.stage("Ship it", "Begun"),
        |hands| hands.stage("Ship it", "Ready"),
        |hands| hands.stage("Ship it", "Draft"),
        |hands| hands.stage("Ship it", "Merged"),
    ],
};

/// The other steps of rules.
const STEPS: Scene = Scene {
    name: "steps",
    world: staged,
    terms: || {
        let labels = |name: &str| BTreeSet::from([name.to_owned()]);
        let note = Note {
            text: "Told: {title}".to_owned(),
            ..Note::default()
        };
        let field = ProjectField {
            project: "acme/3".to_owned(),
            field: "Status".to_owned(),
            value: "Doing".to_owned(),
        };
        let dispatch = Dispatch {
            workflow: "ship.yml".to_owned(),
            reference: None,
            inputs: BTreeMap::from([("title".to_owned(), "{op}".to_owned())]),
        };
        let close = Close {
            reason: CloseReason::NotPlanned,
            after_merge: false,
        };
        Terms {
            rules: vec![
                rule("Told", Effect::Comment(note)),
                rule("Labelled", Effect::AddLabels(labels("docs"))),
                rule("Unlabelled", Effect::RemoveLabels(labels("docs"))),
                rule("Planned", Effect::SetMilestone("v1".to_owned())),
                rule("Assigned", Effect::SetAssignees(labels("bob"))),
                rule("Typed", Effect::SetType("Bug".to_owned())),
                rule("On board", Effect::SetProjectField(field)),
                rule("Started", Effect::Dispatch(dispatch)),
                rule("Closed", Effect::Close(close)),
                rule("Reopened", Effect::Reopen),
            ],
            change_comments: true,
            ..Terms::tasks(Policy::GithubWins)
        }
    },
    acts: &[
        |hands| hands.stage("Ship it", "Told"),
        |hands| hands.stage("Ship it", "Labelled"),
        |hands| hands.stage("Ship it", "Unlabelled"),
        |hands| hands.stage("Ship it", "Planned"),
        |hands| hands.stage("Ship it", "Assigned"),
        |hands| hands.stage("Ship it", "Typed"),
        |hands| hands.stage("Ship it", "On board"),
        |hands| hands.stage("Ship it", "Started"),
        |hands| hands.set("Ship it", "Status", json!("Doing")),
        |hands| hands.stage("Ship it", "Closed"),
        |hands| hands.stage("Ship it", "Reopened"),
    ],
};
