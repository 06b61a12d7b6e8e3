//! The working day.

use notion_sync_core::Result;
use notion_sync_core::record::Life;
use serde_json::json;

use super::equality::Comparison;
use super::seam::Blow;
use super::stage::{Calls, Outcome, Stage, refusal};
use super::story::Story;
use crate::emulation::BACKLOG;

/// How a day ended.
#[derive(Debug)]
pub struct Evening {
    /// What both sides hold.
    pub comparison: Comparison,
    /// Requests of the whole day.
    pub calls: Calls,
    /// Requests of one cycle after the last work was done.
    pub quiet: Calls,
    /// Writes of that cycle.
    pub quiet_writes: usize,
    /// Whether the process died where it should.
    pub crashed: bool,
    /// What is wrong, one line each; empty after a good day.
    pub faults: Vec<String>,
}

/// Plays the day.
///
/// # Errors
///
/// When somebody cannot do what the day asks for, or the store fails.
pub async fn play(stage: &mut Stage, story: &mut Story) -> Result<Evening> {
    let mut day = Day {
        faults: Vec::new(),
        crashed: false,
    };
    let marks = stage.marks();
    story.look(stage);
    day.first_sync(stage, story).await?;
    day.merge_drafts(stage, story).await?;
    day.edit_in_notion(stage, story).await?;
    day.edit_on_github(stage, story).await?;
    day.parallel_edits(stage, story).await?;
    day.conflict(stage, story).await?;
    day.tasks(stage, story).await?;
    day.crash(stage, story).await?;
    day.deletion(stage, story).await?;
    let calls = stage.calls(marks);
    stage.pass(5);
    story.scene(stage, "Nobody does anything")?;
    let marks = stage.marks();
    let tick = stage.tick(false).await?;
    let quiet_writes = tick.map_or(0, |tick| tick.writes());
    let quiet = stage.calls(marks);
    story.note(&format!("one cycle: {quiet_writes} writes"))?;
    story.calls(quiet)?;
    let comparison = stage.compare().await?;
    day.expect(comparison.is_equal(), || {
        format!("the sides differ: {:?}", comparison.complaints())
    });
    day.expect(quiet_writes == 0, || {
        "a quiet cycle wrote something".to_owned()
    });
    day.expect(day.crashed, || {
        "the process did not die where it should".to_owned()
    });
    Ok(Evening {
        comparison,
        calls,
        quiet,
        quiet_writes,
        crashed: day.crashed,
        faults: day.faults,
    })
}

struct Day {
    faults: Vec<String>,
    crashed: bool,
}

impl Day {
    fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(otherwise());
        }
    }

    async fn sync(&mut self, stage: &mut Stage, story: &mut Story) -> Result<Outcome> {
        let outcome = stage.settle().await?;
        story.synced(stage, &outcome)?;
        for error in &outcome.errors {
            self.faults.push(error.clone());
        }
        self.expect(outcome.dead == 0, || {
            format!("{} operations were set aside", outcome.dead)
        });
        Ok(outcome)
    }

    async fn first_sync(&mut self, stage: &mut Stage, story: &mut Story) -> Result<()> {
        story.scene(stage, "The first synchronisation")?;
        story.did("Notion holds a handbook with two pages and a backlog with one task.")?;
        story.did("GitHub holds docs/releases.md and one issue. Nothing is paired yet.")?;
        self.sync(stage, story).await?;
        self.expect(stage.pages().contains_key("Releases"), || {
            "the file got no page".to_owned()
        });
        self.expect(stage.open_pulls().len() == 2, || {
            "the two pages did not become two pull requests".to_owned()
        });
        self.expect(stage.issues().len() == 2, || {
            "the task became no issue".to_owned()
        });
        self.expect(stage.tasks().len() == 2, || {
            "the issue became no task".to_owned()
        });
        Ok(())
    }

    async fn merge_drafts(&mut self, stage: &mut Stage, story: &mut Story) -> Result<()> {
        stage.pass(20);
        story.scene(stage, "Ada reads the two drafts and merges them")?;
        for number in stage.open_pulls().into_keys() {
            stage.merge("ada", number)?;
            story.did(&format!(
                "Ada marks pull request {number} as ready and merges it."
            ))?;
        }
        self.sync(stage, story).await?;
        for path in ["docs/welcome.md", "docs/on-call.md"] {
            self.expect(stage.file(path).is_some(), || {
                format!("{path} is not there")
            });
        }
        self.show_page(stage, story, "Welcome")
    }

    fn show_page(&mut self, stage: &Stage, story: &mut Story, title: &str) -> Result<()> {
        let page = stage.page(title)?;
        let properties = stage.notion().properties(page);
        let plain = |name: &str| {
            let value = properties.get(name).cloned().unwrap_or_default();
            match &value {
                serde_json::Value::Array(parts) => parts
                    .iter()
                    .filter_map(|part| part.get("plain_text")?.as_str())
                    .collect::<String>(),
                serde_json::Value::Object(option) => option
                    .get("name")
                    .and_then(|name| name.as_str())
                    .unwrap_or_default()
                    .to_owned(),
                serde_json::Value::Null => "-".to_owned(),
                other => other.to_string(),
            }
        };
        story.note(&format!(
            "the page {title:?} says: path {}, commit {}, status {}",
            plain("GitHub Path"),
            plain("GitHub Commit").chars().take(8).collect::<String>(),
            plain("GitHub Sync Status")
        ))
    }

    async fn edit_in_notion(&mut self, stage: &mut Stage, story: &mut Story) -> Result<()> {
        stage.pass(25);
        story.scene(stage, "Bob edits two pages in Notion: one commit")?;
        let page = stage.page("On call")?;
        let block = stage.block(page, "The person on call")?;
        stage.in_notion("bob", |bob| {
            bob.edit_text(block, "The person on call answers within **10** minutes.")
        })?;
        story.did("Bob changes \"15 minutes\" to \"**10** minutes\" on \"On call\".")?;
        let page = stage.page("Releases")?;
        let block = stage.block(page, "waits for the build")?;
        stage.in_notion("bob", |bob| {
            bob.edit_text(block, "waits for the build and the tests,")?;
            bob.set_property(page, "Tags", json!(["release"]))
        })?;
        story.did("He changes one item of a list on \"Releases\" and gives the page a tag.")?;
        let before = stage.commits().len();
        self.sync(stage, story).await?;
        let made = stage.commits().len() - before;
        self.expect(made == 1, || format!("{made} commits instead of one"));
        let message = stage.commits().first().map(|commit| commit.message.clone());
        let message = message.unwrap_or_default();
        for trailer in [
            "Notion-Page-Id:",
            "Notion-Editor:",
            "Sync-Run-Id:",
            "Sync-Op:",
        ] {
            self.expect(message.contains(trailer), || {
                format!("the commit has no trailer {trailer}")
            });
        }
        let text = stage.file("docs/releases.md").unwrap_or_default();
        self.expect(
            text.contains("* tags the commit,\n* waits for the build and the tests,\n"),
            || "the list lost the style in which it was written".to_owned(),
        );
        Ok(())
    }

    async fn edit_on_github(&mut self, stage: &mut Stage, story: &mut Story) -> Result<()> {
        stage.pass(30);
        story.scene(
            stage,
            "Ada edits a file and pushes: only that block changes in Notion",
        )?;
        let page = stage.page("Welcome")?;
        let before = stage.notion().blocks(page);
        self.push_edit(
            stage,
            story,
            "ada",
            "docs/welcome.md",
            "Bob about machines",
            "Carol about machines",
        )?;
        self.sync(stage, story).await?;
        let after = stage.notion().blocks(page);
        let kept = before
            .iter()
            .filter(|block| after.iter().any(|other| other.id == block.id))
            .count();
        story.note(&format!(
            "{kept} of {} blocks of the page kept their ids",
            before.len()
        ))?;
        self.expect(kept == before.len(), || {
            "an edit of one block replaced other blocks".to_owned()
        });
        Ok(())
    }

    fn push_edit(
        &mut self,
        stage: &Stage,
        story: &mut Story,
        who: &str,
        path: &str,
        from: &str,
        to: &str,
    ) -> Result<()> {
        let text = stage.file(path).unwrap_or_default();
        self.expect(text.contains(from), || {
            format!("{path} does not say {from:?}")
        });
        let text = text.replacen(from, to, 1);
        stage.push(who, &format!("Edit {path}"), &[(path, Some(&text))])?;
        story.did(&format!("{who} pushes {path}: {from:?} becomes {to:?}."))
    }

    async fn parallel_edits(&mut self, stage: &mut Stage, story: &mut Story) -> Result<()> {
        stage.pass(45);
        story.scene(
            stage,
            "Both edit the same page at the same time, in different places",
        )?;
        let page = stage.page("Welcome")?;
        let block = stage.block(page, "Welcome to Acme")?;
        stage.in_notion("bob", |bob| {
            bob.edit_text(
                block,
                "Welcome to Acme, we are glad you are here. Read this page on your first day.",
            )
        })?;
        story.did("bob rewrites the first paragraph of \"Welcome\" in Notion.")?;
        self.push_edit(
            stage,
            story,
            "ada",
            "docs/welcome.md",
            "week one",
            "month one",
        )?;
        let outcome = self.sync(stage, story).await?;
        self.expect(outcome.conflicts == 0, || {
            "edits in different places became a conflict".to_owned()
        });
        let text = stage.file("docs/welcome.md").unwrap_or_default();
        let page = stage.notion().markdown(page);
        for part in ["glad you are here", "month one"] {
            self.expect(text.contains(part) && page.contains(part), || {
                format!("the edit {part:?} is not on both sides")
            });
        }
        Ok(())
    }

    async fn conflict(&mut self, stage: &mut Stage, story: &mut Story) -> Result<()> {
        stage.pass(60);
        story.scene(stage, "Both edit the same sentence")?;
        let page = stage.page("On call")?;
        let block = stage.block(page, "Hand over")?;
        stage.in_notion("bob", |bob| {
            bob.edit_text(block, "Hand over on Tuesdays at 10:00.")
        })?;
        story.did("bob writes in Notion: \"Hand over on Tuesdays at 10:00.\"")?;
        self.push_edit(
            stage,
            story,
            "ada",
            "docs/on-call.md",
            "Mondays at 10:00",
            "Thursdays at 10:00",
        )?;
        let open = stage.open_pulls().len();
        let outcome = self.sync(stage, story).await?;
        self.expect(outcome.conflicts == 1, || {
            format!("{} open conflicts instead of one", outcome.conflicts)
        });
        let pulls = stage.open_pulls();
        self.expect(pulls.len() == open + 1, || {
            "no pull request asks for a decision".to_owned()
        });
        let Some(number) = pulls.keys().next_back().copied() else {
            return Ok(());
        };
        stage.pass(30);
        story.scene(stage, "Ada decides")?;
        story.did(&format!(
            "Ada reads the comment and merges pull request {number}."
        ))?;
        stage.merge("ada", number)?;
        let outcome = self.sync(stage, story).await?;
        self.expect(outcome.conflicts == 0, || {
            "merging did not settle the conflict".to_owned()
        });
        let text = stage.file("docs/on-call.md").unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("Hand over"));
        story.note(&format!(
            "both sides say now: {:?}",
            line.unwrap_or_default()
        ))
    }

    async fn tasks(&mut self, stage: &mut Stage, story: &mut Story) -> Result<()> {
        stage.pass(20);
        story.scene(stage, "Tasks: edits in both directions")?;
        let task = stage.page("Login fails after password reset")?;
        stage.in_notion("ada", |ada| {
            ada.set_property(task, "Status", json!("Done"))?;
            ada.set_property(task, "Labels", json!(["bug", "docs"]))
        })?;
        story.did(
            "Ada sets the task \"Login fails after password reset\" to Done and adds a label.",
        )?;
        let number = stage
            .issues()
            .into_iter()
            .find(|(_, issue)| issue.title == "Dark mode")
            .map(|(number, _)| number)
            .unwrap_or_default();
        let now = stage.now();
        {
            let mut github = stage.github();
            github
                .label(BACKLOG, number, "bob", &["feature", "docs"], now)
                .and_then(|()| github.retitle(BACKLOG, number, "bob", "Dark theme", now))
                .map_err(|error| refusal("edit an issue", &error))?;
        }
        story.did(&format!(
            "Bob renames issue {number} to \"Dark theme\" and labels it \"docs\"."
        ))?;
        let opened = {
            let mut github = stage.github();
            github
                .open_issue(
                    BACKLOG,
                    "bob",
                    "Search is slow",
                    Some("It takes *seconds*.\n"),
                    now,
                )
                .map_err(|error| refusal("open an issue", &error))?
        };
        story.did(&format!("Bob opens issue {opened}: \"Search is slow\"."))?;
        self.sync(stage, story).await?;
        let issues = stage.issues();
        let closed = issues
            .values()
            .any(|issue| issue.title.starts_with("Login fails") && !issue.open);
        self.expect(closed, || "the issue was not closed".to_owned());
        let tasks = stage.tasks();
        self.expect(tasks.contains_key("Dark theme"), || {
            "the task was not renamed".to_owned()
        });
        self.expect(tasks.contains_key("Search is slow"), || {
            "the issue became no task".to_owned()
        });
        stage.pass(15);
        story.scene(stage, "The bug is back")?;
        if let Some((number, _)) = issues
            .iter()
            .find(|(_, issue)| issue.title.starts_with("Login"))
        {
            let now = stage.now();
            stage
                .github()
                .reopen(BACKLOG, *number, "bob", now)
                .map_err(|error| refusal("reopen an issue", &error))?;
            story.did(&format!("Bob reopens issue {number}."))?;
        }
        self.sync(stage, story).await?;
        Ok(())
    }

    async fn crash(&mut self, stage: &mut Stage, story: &mut Story) -> Result<()> {
        stage.pass(20);
        story.scene(stage, "The process dies in the middle of a run")?;
        stage.add_page(
            "ada",
            "backlog-tasks",
            &[
                ("Name", json!("Write a changelog")),
                ("Status", json!("To do")),
            ],
            "For every release.",
        )?;
        story.did("Ada adds a task: \"Write a changelog\".")?;
        let page = stage.page("Releases")?;
        let block = stage.block(page, "Nothing is released")?;
        stage.in_notion("bob", |bob| {
            bob.edit_text(block, "Nothing is released on Fridays, or before holidays.")
        })?;
        story.did("Bob edits \"Releases\".")?;
        stage.fuse.set(Blow {
            method: "POST",
            path_contains: "/issues",
            skip: 0,
        });
        let commits = stage.commits().len();
        let outcome = stage.settle().await?;
        story.synced(stage, &outcome)?;
        self.crashed = outcome.crashed;
        if outcome.crashed {
            story.did("The process is killed right after GitHub created the issue: nobody heard the answer.")?;
            story.did("It is started again, with the same store.")?;
        }
        self.sync(stage, story).await?;
        let issues = stage.issues();
        let same = issues
            .values()
            .filter(|issue| issue.title == "Write a changelog")
            .count();
        let made = stage.commits().len() - commits;
        story.note(&format!(
            "issues called \"Write a changelog\": {same}; commits: {made}"
        ))?;
        self.expect(same == 1, || format!("{same} issues instead of one"));
        self.expect(made == 1, || format!("{made} commits instead of one"));
        Ok(())
    }

    async fn deletion(&mut self, stage: &mut Stage, story: &mut Story) -> Result<()> {
        stage.pass(30);
        story.scene(stage, "A page is no longer needed")?;
        let page = stage.page("On call")?;
        stage.in_notion("bob", |bob| bob.trash(page))?;
        story.did("Bob moves \"On call\" to the trash. Notion lists no trash: the next full listing finds it.")?;
        let outcome = stage.sweep().await?;
        story.synced(stage, &outcome)?;
        self.expect(stage.file("docs/on-call.md").is_some(), || {
            "a file was removed without a review".to_owned()
        });
        let Some(number) = stage.open_pulls().keys().next_back().copied() else {
            self.faults
                .push("no pull request proposes the removal".to_owned());
            return Ok(());
        };
        stage.pass(10);
        story.scene(stage, "Ada agrees")?;
        stage.merge("ada", number)?;
        story.did(&format!("Ada merges pull request {number}."))?;
        self.sync(stage, story).await?;
        self.expect(stage.file("docs/on-call.md").is_none(), || {
            "the file is still there".to_owned()
        });
        let buried = stage
            .records()
            .await?
            .iter()
            .filter(|record| record.life == Life::Tombstone)
            .count();
        self.expect(buried == 1, || {
            format!("{buried} records are buried instead of one")
        });
        Ok(())
    }
}
