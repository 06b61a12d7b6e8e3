//! People on both sides.

mod github;
mod notion;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use notion_sync_core::id::Side;
use notion_sync_examples::emulation::{BACKLOG, HANDBOOK, Services};
use notion_sync_testkit::github::GithubEmulator;
use notion_sync_testkit::notion::{NotionEmulator, NotionId};
use notion_sync_testkit::simulation::{Ledger, words};

use super::deed::{Act, Deed};
use super::script::Knobs;

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

/// What was said or done, and when.
pub(super) type Told = Vec<(DateTime<Utc>, String)>;

/// What people remember.
#[derive(Debug, Default)]
pub(super) struct Memory {
    trashed: Vec<(NotionId, bool)>,
    /// Pages that somebody ever moved to the trash.
    pub(super) ever_trashed: BTreeSet<NotionId>,
    blocks: BTreeMap<NotionId, String>,
    pub(super) files: BTreeMap<String, String>,
    bodies: BTreeMap<u64, String>,
    deleted: BTreeMap<String, String>,
    /// Pages and issues of the same name, of which nobody said that they belong together.
    pub(super) twins: Vec<(NotionId, u64)>,
    /// Where files stood that they moved and that named no page yet, before and after, by where these come from.
    pub(super) moved: BTreeMap<u32, BTreeSet<String>>,
    /// What they did, told, and when.
    pub(super) said: Told,
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
    blocks: bool,
    /// Which page all of them work on, where they work on one.
    near: Option<u64>,
    /// What people made the status of a task, in order, and when.
    pub(super) statuses: Mutex<BTreeMap<NotionId, Told>>,
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
            near: knobs.near,
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
                _ if self.is_of_tasks(act) => self.on_issue(act, None, who, now),
                _ => self.on_file(act, who, now),
            },
        }?;
        lock(&self.memory).said.push((now, said.clone()));
        Some(format!("{who}: {said}"))
    }

    /// Whether an act is about tasks, where nothing else says so.
    fn is_of_tasks(&self, act: Act) -> bool {
        self.tasks && (!self.documents || act.pick.is_multiple_of(3))
    }

    /// The page that all work on, of documents or of tasks: one of those that name a counterpart, once any does.
    fn near(&self, tasks: bool) -> Option<NotionId> {
        let notion = notion(&self.services);
        let rows = notion.rows(notion.id(table(tasks)));
        let paired = |page: &&NotionId| linked(&notion, **page, tasks).is_some();
        let paired: Vec<NotionId> = rows.iter().filter(paired).copied().collect();
        nth(if paired.is_empty() { &rows } else { &paired }, self.near?)
    }

    /// The counterpart of the page that all work on, as that page names it: a path or a number.
    fn near_counterpart(&self, tasks: bool) -> Option<String> {
        let page = self.near(tasks)?;
        linked(&notion(&self.services), page, tasks)
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
            let other = self.words_on(if on_page { Side::Github } else { Side::Notion });
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

    /// Every word in what is on a side.
    pub(super) fn words_on(&self, side: Side) -> BTreeSet<u32> {
        let mut out = BTreeSet::new();
        if side == Side::Github {
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
}

/// The file or issue that a page names.
fn linked(notion: &NotionEmulator, page: NotionId, tasks: bool) -> Option<String> {
    let properties = notion.properties(page);
    let link = properties.get(if tasks {
        "GitHub Number"
    } else {
        "GitHub Path"
    })?;
    let text = match link.as_array() {
        Some(parts) => (parts.iter())
            .filter_map(|part| part["plain_text"].as_str())
            .collect(),
        None => link.to_string(),
    };
    (!text.is_empty() && !link.is_null()).then_some(text)
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
