//! People on both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use notion_sync_core::id::Side;
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK, Services};
use notion_sync_testkit::github::{GithubEmulator, MergeMethod};
use notion_sync_testkit::notion::{BlockView, NotionEmulator, NotionId};
use notion_sync_testkit::simulation::{Ledger, origin, origins, word, words};
use serde_json::{Value, json};

use super::deed::{Act, Deed};
use super::script::Knobs;
use super::text::{
    changed_file_blocks, changed_page_blocks, changed_text, new_file_blocks, new_page_blocks,
};

/// The tables by whether they hold tasks.
pub(crate) fn table(tasks: bool) -> &'static str {
    if tasks {
        "backlog-tasks"
    } else {
        "handbook-pages"
    }
}

/// What an act is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    /// A page.
    Page(NotionId),
    /// An issue of the backlog.
    Issue(u64),
    /// Some file of the handbook.
    File,
}

/// What people remember.
#[derive(Debug, Default)]
pub(super) struct Memory {
    trashed: Vec<(NotionId, bool)>,
    /// Pages that somebody ever moved to the trash.
    pub(super) ever_trashed: BTreeSet<NotionId>,
    blocks: BTreeMap<NotionId, String>,
    files: BTreeMap<String, String>,
    bodies: BTreeMap<u64, String>,
    deleted: BTreeMap<String, String>,
    /// What they moved that named no page yet, by where it comes from.
    pub(super) moved: BTreeSet<u32>,
    /// What they did, told.
    pub(super) said: Vec<String>,
}

/// People, and what they wrote.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) services: Services,
    pub(crate) ledger: Mutex<Ledger>,
    pub(super) memory: Mutex<Memory>,
    documents: bool,
    tasks: bool,
    /// Whether files have fields.
    marks: bool,
    /// Whether tasks have rules: then their status changes more often.
    rules: bool,
    /// Whether blocks of all kinds come, go and move, besides words.
    pub(super) blocks: bool,
    /// What people made the status of a task, in order.
    pub(super) statuses: Mutex<BTreeMap<NotionId, Vec<String>>>,
    /// Words that somebody took out, and whether of a page.
    removed: Mutex<BTreeSet<(bool, u32)>>,
}

/// Locks, whatever became of the last holder.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn notion(services: &Services) -> MutexGuard<'_, NotionEmulator> {
    services
        .notion
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn github(services: &Services) -> MutexGuard<'_, GithubEmulator> {
    services
        .github
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// The item that a number picks.
pub(super) fn nth<T: Clone>(items: &[T], pick: u64) -> Option<T> {
    let count = u64::try_from(items.len()).ok().filter(|count| *count > 0)?;
    items.get(usize::try_from(pick % count).ok()?).cloned()
}

fn blocks_of(notion: &NotionEmulator, page: NotionId) -> Vec<BlockView> {
    fn walk(blocks: Vec<BlockView>, out: &mut Vec<BlockView>) {
        for mut block in blocks {
            let below = std::mem::take(&mut block.children);
            if !block.text.is_empty() && block.kind != "code" && origins(&block.text).is_empty() {
                out.push(block);
            }
            walk(below, out);
        }
    }
    let mut out = Vec::new();
    walk(notion.blocks(page), &mut out);
    out
}

impl People {
    /// People in a world with these knobs.
    pub(crate) fn new(services: Services, knobs: &Knobs) -> Self {
        Self {
            services,
            ledger: Mutex::default(),
            memory: Mutex::default(),
            documents: knobs.documents.is_some(),
            tasks: knobs.tasks.is_some(),
            marks: knobs.marks,
            rules: knobs.rules,
            blocks: knobs.blocks,
            statuses: Mutex::default(),
            removed: Mutex::default(),
        }
    }

    /// Somebody does something, if it can be done. Says what was done.
    pub(crate) fn act(&self, mut act: Act, aim: Option<Aim>, now: DateTime<Utc>) -> Option<String> {
        match aim {
            Some(Aim::Page(_)) if act.side != Side::Notion => {
                (act.side, act.deed) = (Side::Notion, Deed::EditBlock);
            }
            Some(Aim::Issue(_) | Aim::File) if act.side != Side::Github => {
                (act.side, act.deed) = (Side::Github, Deed::EditLine);
            }
            _ => {}
        }
        lock(&self.ledger).now(now);
        let who = if act.pick.is_multiple_of(2) {
            "ada"
        } else {
            "bob"
        };
        // What they see is what is there by now.
        notion(&self.services).catch_up(now);
        github(&self.services).catch_up(now);
        let said = match act.side {
            Side::Notion => self.in_notion(act, aim, who, now),
            Side::Github => match aim {
                Some(Aim::Issue(number)) => self.on_issue(act, Some(number), who, now),
                Some(Aim::File) => self.on_file(act, who, now),
                _ if matches!(act.deed, Deed::MergePull | Deed::ClosePull) => {
                    self.on_pull(act, who, now)
                }
                _ if self.tasks && (!self.documents || act.pick.is_multiple_of(3)) => {
                    self.on_issue(act, None, who, now)
                }
                _ => self.on_file(act, who, now),
            },
        }?;
        lock(&self.memory).said.push(said.clone());
        Some(format!("{who}: {said}"))
    }

    fn wrote(&self, act: Act, place: &str, old: &str, new: &str) {
        let mut ledger = lock(&self.ledger);
        ledger.replaced(old, new);
        if words(new).contains(&act.token) {
            ledger.born(act.token, place);
        }
        let on_page = place.starts_with("page ");
        let (old, new) = (words(old), words(new));
        let mut removed = lock(&self.removed);
        removed.extend(old.difference(&new).map(|token| (on_page, *token)));
        if matches!(act.deed, Deed::RevertBlock | Deed::RevertText) {
            let back: BTreeSet<u32> = new.difference(&old).copied().collect();
            let other = self.other_side(place);
            // Before the other side has it, who edits and puts back what was there has edited nothing. What
            // somebody there removed himself, the sync need not have carried.
            let carried = old.difference(&new).all(|token| other.contains(token));
            let carried = carried
                && back
                    .iter()
                    .all(|token| !removed.contains(&(!on_page, *token)));
            if carried && back.is_disjoint(&other) {
                ledger.put_back(&back, place);
            }
        }
    }

    /// Every word on the side that a place is not on.
    fn other_side(&self, place: &str) -> BTreeSet<u32> {
        let mut out = BTreeSet::new();
        if place.starts_with("page ") {
            let github = github(&self.services);
            for (_, text) in github.files(HANDBOOK, "main").unwrap_or_default() {
                out.extend(words(&text));
            }
            for number in github.issue_numbers(BACKLOG).unwrap_or_default() {
                if let Some(issue) = github.issue(BACKLOG, number) {
                    out.extend(words(&issue.title));
                    out.extend(words(issue.body.as_deref().unwrap_or_default()));
                }
            }
            return out;
        }
        let notion = notion(&self.services);
        for tasks in [false, true] {
            for page in notion.rows(notion.id(table(tasks))) {
                out.extend(words(&notion.title(page).unwrap_or_default()));
                out.extend(words(&notion.markdown(page)));
                for value in notion.properties(page).values() {
                    out.extend(words(&value.to_string()));
                }
            }
        }
        out
    }

    fn page(&self, act: Act, aim: Option<Aim>) -> Option<(NotionId, bool)> {
        let notion = notion(&self.services);
        let rows = |tasks| notion.rows(notion.id(table(tasks)));
        if let Some(Aim::Page(page)) = aim {
            let tasks = rows(true).contains(&page);
            return (tasks || rows(false).contains(&page)).then_some((page, tasks));
        }
        let mut all = Vec::new();
        for tasks in [false, true] {
            if if tasks { self.tasks } else { self.documents } {
                all.extend(rows(tasks).into_iter().map(|page| (page, tasks)));
            }
        }
        nth(&all, act.pick)
    }

    fn in_notion(
        &self,
        act: Act,
        aim: Option<Aim>,
        who: &str,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let unique = word(act.token);
        if act.deed == Deed::NewPage {
            return self.new_page(act, who, now);
        }
        if act.deed == Deed::RestorePage {
            let (page, _) = nth(&lock(&self.memory).trashed, act.pick)?;
            notion(&self.services)
                .person(who, now)
                .ok()?
                .restore(page)
                .ok()?;
            lock(&self.memory).trashed.retain(|(id, _)| *id != page);
            return Some(format!("restores page {page}"));
        }
        let (page, tasks) = self.page(act, aim)?;
        let place = format!("page {page}");
        let mut notion = notion(&self.services);
        let blocks = blocks_of(&notion, page);
        let block = nth(&blocks, act.pick / 7);
        let title = notion.title(page).unwrap_or_default();
        let properties = notion.properties(page);
        let body = notion.markdown(page);
        let whole = format!("{title} {properties:?} {body}");
        let mut person = notion.person(who, now).ok()?;
        // Where tasks have rules their status is what people change most.
        let often = matches!(
            act.deed,
            Deed::EditBlock | Deed::ExtendBlock | Deed::SetOwner | Deed::SetTags
        );
        let deed = if tasks && self.rules && often && act.pick % 5 < 3 {
            Deed::SetStatus
        } else {
            act.deed
        };
        if self.blocks
            && deed == act.deed
            && let Some(text) = changed_page_blocks(&body, act)
        {
            person.set_markdown(page, &text).ok()?;
            let text = notion.markdown(page);
            self.wrote(act, &place, &body, &text);
            return Some(format!("{title:?} ({page}) becomes {text:?}"));
        }
        match deed {
            Deed::EditBlock | Deed::ExtendBlock | Deed::RevertBlock => {
                let block = block?;
                let old = block.text;
                let text = match act.deed {
                    Deed::EditBlock => format!("Now it says {unique} here."),
                    Deed::ExtendBlock => format!("{old} And {unique}."),
                    _ => lock(&self.memory).blocks.get(&block.id)?.clone(),
                };
                person.edit_text(block.id, &text).ok()?;
                lock(&self.memory).blocks.insert(block.id, old.clone());
                self.wrote(act, &place, &old, &text);
                Some(format!("{title:?} ({page}): {old:?} becomes {text:?}"))
            }
            Deed::AddBlock => {
                let text = format!("Added {unique} below.");
                match block {
                    Some(block) => person.insert_after(block.id, &text).ok()?,
                    None => person.append(page, &text).ok()?,
                };
                self.wrote(act, &place, "", &text);
                Some(format!("{title:?} ({page}): adds {text:?}"))
            }
            Deed::RemoveBlock => {
                // A table keeps one row: rows go with the other blocks.
                let block = block.filter(|one| !self.blocks || one.kind != "table_row")?;
                person.trash(block.id).ok()?;
                // What is below it goes too.
                self.wrote(act, &place, &body, &notion.markdown(page));
                Some(format!("{title:?} ({page}): removes {:?}", block.text))
            }
            Deed::RenamePage => {
                let text = format!("Titled {unique}");
                person.rename(page, &text).ok()?;
                self.wrote(act, &place, &title, &text);
                Some(format!("{title:?} ({page}) is called {text:?}"))
            }
            Deed::SetOwner if !tasks && self.marks => {
                let old = properties.get("Owner").map(Value::to_string);
                let text = format!("Owner {unique}");
                person.set_property(page, "Owner", json!(text)).ok()?;
                self.wrote(act, &place, &old.unwrap_or_default(), &text);
                Some(format!("{title:?} ({page}): {text}"))
            }
            Deed::CommentPage if tasks => {
                person.comment(page, &format!("Said {unique}.")).ok()?;
                Some(format!("comments on {title:?} ({page})"))
            }
            Deed::SetTags => {
                let (name, options) = if tasks {
                    ("Labels", ["bug", "feature", "docs"])
                } else {
                    ("Tags", ["onboarding", "operations", "release"])
                };
                let chosen = chosen(&options, act.pick / 7);
                person.set_property(page, name, json!(chosen)).ok()?;
                Some(format!("{title:?} ({page}): {name} are {chosen:?}"))
            }
            Deed::SetStatus if tasks => {
                let status = nth(&["To do", "Doing", "Done", "Dropped"], act.pick / 7)?;
                person.set_property(page, "Status", json!(status)).ok()?;
                let mut statuses = lock(&self.statuses);
                statuses.entry(page).or_default().push(status.to_owned());
                Some(format!("{title:?} ({page}): {status}"))
            }
            Deed::SetAssignee if tasks => {
                let chosen = chosen(&["ada", "bob"], act.pick / 7);
                person.set_property(page, "Assignee", json!(chosen)).ok()?;
                Some(format!("{title:?} ({page}): assigned to {chosen:?}"))
            }
            Deed::TrashPage => {
                person.trash(page).ok()?;
                let mut memory = lock(&self.memory);
                memory.trashed.push((page, tasks));
                memory.ever_trashed.insert(page);
                drop(memory);
                self.wrote(act, &place, &whole, "");
                Some(format!("{title:?} ({page}) goes to the trash"))
            }
            Deed::CopyPage => {
                let copy = person.duplicate(page).ok()?;
                lock(&self.ledger).copied(&whole);
                Some(format!("{title:?} ({page}) is copied as {copy}"))
            }
            _ => None,
        }
    }

    fn new_page(&self, act: Act, who: &str, now: DateTime<Utc>) -> Option<String> {
        let tasks = self.tasks && (!self.documents || act.pick.is_multiple_of(3));
        let mut notion = notion(&self.services);
        let source = notion.id(table(tasks));
        let title = format!("Page {}", word(act.token));
        let mut values = BTreeMap::from([("Name".to_owned(), json!(title))]);
        if tasks {
            values.insert("Status".to_owned(), json!("To do"));
        }
        let some = match self.blocks {
            true => new_page_blocks(act),
            false => "Some text.".to_owned(),
        };
        let body = format!("Comes from {}.\n\n{some}", origin(act.token));
        let mut person = notion.person(who, now).ok()?;
        let page = person.create_page(source, &values, &body).ok()?;
        self.wrote(act, &format!("page {page}"), "", &title);
        Some(format!("makes the page {title:?} ({page})"))
    }

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

    fn on_file(&self, act: Act, who: &str, now: DateTime<Utc>) -> Option<String> {
        let mut github = github(&self.services);
        let files: BTreeMap<String, String> = github
            .files(HANDBOOK, "main")
            .ok()?
            .into_iter()
            .filter(|(path, _)| path.starts_with("docs/") && path.ends_with(".md"))
            .collect();
        let paths: Vec<String> = files.keys().cloned().collect();
        let mut memory = lock(&self.memory);
        let path = nth(&paths, act.pick);
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
                    memory.moved.extend(origins(&text));
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

    fn on_issue(
        &self,
        act: Act,
        aim: Option<u64>,
        who: &str,
        now: DateTime<Utc>,
    ) -> Option<String> {
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
                Some(format!("{place}: labels {chosen:?}"))
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

    fn on_pull(&self, act: Act, who: &str, now: DateTime<Utc>) -> Option<String> {
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

fn chosen<'a>(options: &[&'a str], bits: u64) -> Vec<&'a str> {
    let mut out = BTreeSet::new();
    for (at, option) in options.iter().enumerate() {
        if bits >> at & 1 == 1 {
            out.insert(*option);
        }
    }
    out.into_iter().collect()
}
