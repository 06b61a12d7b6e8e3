//! What people do on GitHub.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK};
use notion_sync_testkit::github::{GithubEmulator, MergeMethod};
use notion_sync_testkit::simulation::{origin, origins, word};

use super::{People, chosen, github, linked, lock, notion, nth, table};
use crate::scenario::deed::{Act, Deed};
use crate::scenario::text::{changed_file_blocks, changed_text, new_file_blocks};

impl People {
    /// What a new file or issue says.
    fn some_text(&self, act: Act) -> String {
        match self.blocks {
            true => new_file_blocks(act),
            false => "Some text.".to_owned(),
        }
    }

    /// What somebody makes of a file or an issue.
    fn changed(&self, text: &str, act: Act) -> Option<String> {
        let blocks = self.blocks.then(|| changed_file_blocks(text, act));
        blocks.flatten().or_else(|| changed_text(text, act))
    }

    pub(super) fn on_file(&self, act: Act, who: &str, now: DateTime<Utc>) -> Option<String> {
        let near = self.near_counterpart(false);
        let mut github = github(&self.services);
        let files: BTreeMap<String, String> = github
            .files(HANDBOOK, "main")
            .ok()?
            .into_iter()
            .filter(|(path, _)| path.starts_with("docs/") && path.ends_with(".md"))
            .collect();
        let paths: Vec<String> = files.keys().cloned().collect();
        let mut memory = lock(&self.memory);
        let path = near
            .filter(|path| files.contains_key(path))
            .or_else(|| nth(&paths, act.pick));
        let (edits, old, new, said) = match act.deed {
            Deed::NewObject => {
                let path = format!("docs/file-{}.md", act.token);
                let front = if act.pick.is_multiple_of(4) {
                    "---\nowner: Bob\n---\n\n"
                } else {
                    ""
                };
                let text = format!(
                    "{front}# File {}\n\nComes from {}.\n\n{}\n",
                    word(act.token),
                    origin(act.token),
                    self.some_text(act)
                );
                let said = format!("adds {path}");
                (vec![(path, Some(text.clone()))], String::new(), text, said)
            }
            Deed::RestoreFile => {
                let gone: Vec<_> = memory.deleted.iter().collect();
                let (path, text) = nth(&gone, act.pick)?;
                let (path, text) = (path.clone(), text.clone());
                if files.contains_key(&path) {
                    return None;
                }
                memory.deleted.remove(&path);
                let said = format!("puts {path} back");
                (vec![(path, Some(text.clone()))], String::new(), text, said)
            }
            Deed::DeleteFile => {
                let path = path?;
                let old = files.get(&path)?.clone();
                memory.deleted.insert(path.clone(), old.clone());
                let said = format!("deletes {path}");
                (vec![(path, None)], old, String::new(), said)
            }
            Deed::MoveFile => {
                let path = path?;
                let text = files.get(&path)?.clone();
                let to = format!("docs/moved-{}.md", act.token);
                if !text.contains("notion_page_id") {
                    for origin in origins(&text) {
                        let places = memory.moved.entry(origin).or_default();
                        places.extend([path.clone(), to.clone()]);
                    }
                }
                let said = format!("moves {path} to {to}");
                let edits = vec![(path, None), (to, Some(text.clone()))];
                (edits, text.clone(), text, said)
            }
            _ => {
                let path = path?;
                let old = files.get(&path)?.clone();
                let new = if act.deed == Deed::RevertText {
                    memory.files.get(&path)?.clone()
                } else {
                    self.changed(&old, act)?
                };
                memory.files.insert(path.clone(), old.clone());
                let said = format!("{path} becomes {new:?}");
                (vec![(path, Some(new.clone()))], old, new, said)
            }
        };
        drop(memory);
        let given: Vec<(&str, Option<&str>)> = edits
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_deref()))
            .collect();
        github
            .commit(HANDBOOK, "main", who, "Work", &given, now)
            .ok()?;
        self.wrote(act, &format!("file {}", edits.last()?.0), &old, &new);
        Some(said)
    }

    pub(super) fn on_issue(
        &self,
        act: Act,
        aim: Option<u64>,
        who: &str,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let near = || self.near_counterpart(true)?.parse().ok();
        let aim = aim.or_else(near);
        let mut github = github(&self.services);
        let unique = word(act.token);
        if act.deed == Deed::NewObject {
            let title = format!("Issue {unique}");
            let some = self.some_text(act);
            let body = format!("Comes from {}.\n\n{some}\n", origin(act.token));
            let number = github
                .open_issue(BACKLOG, who, &title, Some(&body), now)
                .ok()?;
            self.wrote(act, &format!("issue {number}"), "", &title);
            return Some(format!("opens issue {number}: {title:?}"));
        }
        if act.deed == Deed::NewTwin {
            drop(github);
            return self.new_twin(act, who, now);
        }
        let numbers = github.issue_numbers(BACKLOG).ok()?;
        let number = aim.or_else(|| nth(&numbers, act.pick))?;
        let issue = github.issue(BACKLOG, number)?;
        let place = format!("issue {number}");
        match act.deed {
            Deed::Retitle => {
                let title = format!("Titled {unique}");
                github.retitle(BACKLOG, number, who, &title, now).ok()?;
                self.wrote(act, &place, &issue.title, &title);
                Some(format!("{place} is called {title:?}"))
            }
            Deed::Label => {
                let chosen = chosen(&["bug", "feature", "docs"], act.pick / 7);
                github.label(BACKLOG, number, who, &chosen, now).ok()?;
                let old = issue.labels.join(" ");
                self.wrote(act, &place, &old, &chosen.join(" "));
                Some(format!("{place}: labels {chosen:?}"))
            }
            Deed::AddLabel => {
                let mut all: Vec<&str> = issue.labels.iter().map(String::as_str).collect();
                all.push(&unique);
                github.label(BACKLOG, number, who, &all, now).ok()?;
                lock(&self.ledger).added(act.token, &place);
                Some(format!("{place}: labels {all:?}"))
            }
            Deed::Assign => {
                let chosen = chosen(&["ada", "bob"], act.pick / 7);
                github.assign(BACKLOG, number, who, &chosen, now).ok()?;
                Some(format!("{place}: assigned to {chosen:?}"))
            }
            Deed::CloseIssue => {
                let reason = nth(&["completed", "not_planned"], act.pick / 7);
                github.close(BACKLOG, number, who, reason, now).ok()?;
                Some(format!("closes {place}"))
            }
            Deed::ReopenIssue => {
                github.reopen(BACKLOG, number, who, now).ok()?;
                Some(format!("reopens {place}"))
            }
            Deed::Comment => {
                github.comment(BACKLOG, number, who, "Hm.", now).ok()?;
                Some(format!("comments on {place}"))
            }
            _ => {
                let old = issue.body.unwrap_or_default();
                let new = match act.deed {
                    Deed::RevertText => lock(&self.memory).bodies.get(&number)?.clone(),
                    Deed::EditLine | Deed::ExtendLine | Deed::AddLine | Deed::RemoveLine => {
                        self.changed(&old, act)?
                    }
                    _ => return None,
                };
                github.rewrite(BACKLOG, number, who, Some(&new), now).ok()?;
                lock(&self.memory).bodies.insert(number, old.clone());
                self.wrote(act, &place, &old, &new);
                Some(format!("{place} becomes {new:?}"))
            }
        }
    }

    /// An issue is opened that is called like a page without a counterpart.
    fn new_twin(&self, act: Act, who: &str, now: DateTime<Utc>) -> Option<String> {
        let (page, title) = {
            let notion = notion(&self.services);
            let mut rows = notion.rows(notion.id(table(true)));
            rows.retain(|page| linked(&notion, *page, true).is_none());
            let page = *rows.last()?;
            (page, notion.title(page)?)
        };
        let body = format!("Comes from {}.\n", origin(act.token));
        let number = github(&self.services)
            .open_issue(BACKLOG, who, &title, Some(&body), now)
            .ok()?;
        lock(&self.memory).twins.push((page, number));
        Some(format!("opens issue {number}: {title:?}, as page {page}"))
    }

    pub(super) fn on_pull(&self, act: Act, who: &str, now: DateTime<Utc>) -> Option<String> {
        let mut github = github(&self.services);
        let open: Vec<u64> = github
            .issue_numbers(HANDBOOK)
            .ok()?
            .into_iter()
            .filter(|number| {
                github
                    .issue(HANDBOOK, *number)
                    .is_some_and(|issue| issue.open && issue.pull.is_some())
            })
            .collect();
        let number = nth(&open, act.pick)?;
        if act.deed == Deed::ClosePull {
            github.close(HANDBOOK, number, who, None, now).ok()?;
            return Some(format!("closes pull request {number}"));
        }
        let issue = github.issue(HANDBOOK, number)?;
        let everything = |github: &GithubEmulator| -> String {
            let files = github.files(HANDBOOK, "main").unwrap_or_default();
            files.into_values().collect()
        };
        let mut seen = format!("{} {:?} {:?}", issue.title, issue.body, issue.comments);
        if let Some(pull) = &issue.pull {
            let files = github.files(HANDBOOK, &pull.head).unwrap_or_default();
            seen.extend(files.into_values());
        }
        seen.push_str(&everything(&github));
        github.set_draft(HANDBOOK, number, who, false, now).ok()?;
        github
            .merge(HANDBOOK, number, who, MergeMethod::Merge, now)
            .ok()?;
        // Who merges has read both versions; words of other files are still there.
        let after = everything(&github);
        lock(&self.ledger).replaced(&seen, &after);
        Some(format!("merges pull request {number}"))
    }
}
