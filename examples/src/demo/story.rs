//! What happened, told while it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use notion_sync_core::Result;
use notion_sync_core::id::Side;
use serde::Serialize;

use super::stage::{Calls, Outcome, Stage};
use crate::emulation::{BACKLOG, HANDBOOK};

/// One thing that people did, and what the synchronisation did about it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Scene {
    /// Time of the day.
    pub at: String,
    /// What happened, in one line.
    pub title: String,
    /// What people did.
    pub people: Vec<String>,
    /// What the synchronisation wrote.
    pub sync: Vec<String>,
    /// Commits that appeared, with trailers.
    pub commits: Vec<CommitNote>,
    /// Pull requests and comments that appeared or changed.
    pub notes: Vec<String>,
}

/// A commit as the story shows it.
#[derive(Debug, Clone, Serialize)]
pub struct CommitNote {
    /// The first digits of its id.
    pub id: String,
    /// Address of its author.
    pub author: String,
    /// The whole message.
    pub message: String,
    /// Lines that it removed and added, with their file.
    pub changes: Vec<String>,
}

/// Tells and remembers.
#[derive(Debug)]
pub struct Story {
    quiet: bool,
    scenes: Vec<Scene>,
    commits: BTreeSet<String>,
    pulls: BTreeMap<u64, String>,
    comments: BTreeMap<(String, u64), usize>,
}

impl Story {
    /// A story that is printed unless `quiet`.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            scenes: Vec::new(),
            commits: BTreeSet::new(),
            pulls: BTreeMap::new(),
            comments: BTreeMap::new(),
        }
    }

    /// Takes what is there for granted.
    pub fn look(&mut self, stage: &Stage) {
        self.commits = stage
            .commits()
            .into_iter()
            .map(|commit| commit.sha.to_string())
            .collect();
    }

    /// What was told.
    #[must_use]
    pub fn scenes(&self) -> &[Scene] {
        &self.scenes
    }

    /// Prints a line. A reader that went away is no error.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn say(&self, line: &str) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{line}") {
            // Who stopped reading has seen enough: the day goes on, and its end is judged.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            told => told.map_err(unprintable),
        }
    }

    /// A new scene.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn scene(&mut self, stage: &Stage, title: &str) -> Result<()> {
        let at = stage.now().format("%H:%M").to_string();
        self.say("")?;
        self.say(&format!("{at}  {title}"))?;
        self.scenes.push(Scene {
            at,
            title: title.to_owned(),
            ..Scene::default()
        });
        Ok(())
    }

    /// Somebody did something.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn did(&mut self, what: &str) -> Result<()> {
        self.say(&format!("       {what}"))?;
        if let Some(scene) = self.scenes.last_mut() {
            scene.people.push(what.to_owned());
        }
        Ok(())
    }

    /// Something worth knowing.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn note(&mut self, what: &str) -> Result<()> {
        self.say(&format!("         . {what}"))?;
        if let Some(scene) = self.scenes.last_mut() {
            scene.notes.push(what.to_owned());
        }
        Ok(())
    }

    /// What the synchronisation did: its writes, new commits with their trailers and lines, pull
    /// requests and comments.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn synced(&mut self, stage: &Stage, outcome: &Outcome) -> Result<()> {
        for applied in &outcome.applied {
            let arrow = match applied.side {
                Side::Notion => "to Notion",
                Side::Github => "to GitHub",
            };
            let line = format!("{arrow}: {}", applied.summary);
            self.say(&format!("       > {line}"))?;
            if let Some(scene) = self.scenes.last_mut() {
                scene.sync.push(line);
            }
        }
        self.commits(stage)?;
        self.pulls(stage)?;
        for error in &outcome.errors {
            self.note(error)?;
        }
        for incident in &outcome.incidents {
            self.note(&format!("{}: {}", incident.subject, incident.message))?;
        }
        Ok(())
    }

    fn commits(&mut self, stage: &Stage) -> Result<()> {
        let mut fresh: Vec<_> = stage
            .commits()
            .into_iter()
            .filter(|commit| self.commits.insert(commit.sha.to_string()))
            .collect();
        fresh.reverse();
        for commit in fresh {
            let id = commit.sha.to_string();
            let parent = commit.parents.first().map(ToString::to_string);
            let changes = changes(stage, parent.as_deref(), &id);
            let note = CommitNote {
                id: id.chars().take(8).collect(),
                author: commit.author_email.clone(),
                message: commit.message.trim_end().to_owned(),
                changes,
            };
            self.say(&format!("         commit {} by {}", note.id, note.author))?;
            for line in note.message.lines() {
                self.say(&format!("           {line}"))?;
            }
            for line in &note.changes {
                self.say(&format!("         {line}"))?;
            }
            if let Some(scene) = self.scenes.last_mut() {
                scene.commits.push(note);
            }
        }
        Ok(())
    }

    fn pulls(&mut self, stage: &Stage) -> Result<()> {
        for (number, issue) in stage.numbered(HANDBOOK) {
            let Some(pull) = &issue.pull else { continue };
            let state = match (issue.open, pull.merged, pull.draft) {
                (_, true, _) => "merged",
                (true, _, true) => "open as a draft",
                (true, _, _) => "open",
                (false, _, _) => "closed",
            };
            let known = self.pulls.insert(number, state.to_owned());
            if known.as_deref() != Some(state) {
                let reviewers = if pull.reviewers.is_empty() {
                    String::new()
                } else {
                    format!(", reviewers: {}", pull.reviewers.join(", "))
                };
                self.note(&format!(
                    "pull request {number} is {state}: {:?}{reviewers}",
                    issue.title
                ))?;
            }
        }
        for repository in [HANDBOOK, BACKLOG] {
            for (number, issue) in stage.numbered(repository) {
                let key = (repository.to_owned(), number);
                let known = self.comments.insert(key, issue.comments.len()).unwrap_or(0);
                for (author, text) in issue.comments.iter().skip(known) {
                    self.note(&format!("comment by {author} on {repository}#{number}:"))?;
                    for line in text.lines() {
                        self.note(&format!("  {line}"))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Prints how many requests were sent.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn calls(&self, calls: Calls) -> Result<()> {
        self.say(&format!(
            "       Notion: {} reads, {} writes; GitHub: {} reads, {} answered \"unchanged\", {} writes",
            calls.notion_reads,
            calls.notion_writes,
            calls.github_reads,
            calls.github_unchanged,
            calls.github_writes
        ))
    }
}

fn unprintable(error: std::io::Error) -> notion_sync_core::Error {
    notion_sync_core::Error::new(notion_sync_core::ErrorKind::Internal, "print")
        .message(error.to_string())
}

/// The lines that differ between two texts: what both begin and end with is left out.
#[must_use]
pub fn line_changes(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let a: Vec<&str> = before.lines().collect();
    let b: Vec<&str> = after.lines().collect();
    // A table of common subsequences; documents of the demo are short, long ones are cut to what
    // lies between their common ends.
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a[head..]
        .iter()
        .rev()
        .zip(b[head..].iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let (a, b) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    let mut table = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            table[i][j] = if a[i] == b[j] {
                table[i + 1][j + 1] + 1
            } else {
                table[i + 1][j].max(table[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && table[i + 1][j] >= table[i][j + 1]) {
            removed.push(a[i].to_owned());
            i += 1;
        } else {
            added.push(b[j].to_owned());
            j += 1;
        }
    }
    (removed, added)
}

fn changes(stage: &Stage, parent: Option<&str>, id: &str) -> Vec<String> {
    let github = stage.github();
    let files = |at: &str| github.files(HANDBOOK, at).unwrap_or_default();
    let before = parent.map(files).unwrap_or_default();
    let after = files(id);
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut out = Vec::new();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        if old == new {
            continue;
        }
        match (old, new) {
            (None, Some(text)) => {
                out.push(format!("{path} (new, {} lines)", text.lines().count()));
            }
            (Some(_), None) => out.push(format!("{path} (deleted)")),
            (Some(old), Some(new)) => {
                out.push(path.clone());
                let (removed, added) = line_changes(old, new);
                out.extend(removed.into_iter().map(|line| format!("  - {line}")));
                out.extend(added.into_iter().map(|line| format!("  + {line}")));
            }
            (None, None) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_the_lines_that_differ() {
        let (removed, added) = line_changes("a\nb\nc\nd\n", "a\nx\nc\nd\ne\n");
        assert_eq!(
            (removed, added),
            (vec!["b".into()], vec!["x".into(), "e".into()])
        );
        let (removed, added) = line_changes("same\n", "same\n");
        assert!(removed.is_empty() && added.is_empty());
    }
}
