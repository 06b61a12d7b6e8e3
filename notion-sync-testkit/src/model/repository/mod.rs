//! Files of a branch with pull requests, and issues, as a state machine.

mod issues;
mod remote;
mod writing;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, SecondsFormat, SubsecRound as _, Utc};
use notion_sync_core::clock::Clock;
use notion_sync_core::hash::ContentHash;
use notion_sync_core::id::{OpId, RemoteRef};
use notion_sync_core::remote::Write;
use notion_sync_core::snapshot::{
    Content, Field, Made, Marker, Presence, Proof, Revision, Snapshot,
};
use notion_sync_core::value::Value;

use crate::model::comments::Talk;
use crate::model::{ModelFault, ModelReads, ModelWrite};

#[derive(Debug, Clone)]
struct Pull {
    branch: String,
    files: Vec<(String, Option<String>)>,
    state: &'static str,
    title: String,
    body: String,
    comments: Vec<String>,
    reviewers: Vec<String>,
}

#[derive(Debug, Clone)]
struct Issue {
    fields: BTreeMap<String, Value>,
    text: String,
    updated: DateTime<Utc>,
    maker: &'static str,
    made: DateTime<Utc>,
    /// Whether neither listings nor a look for what a write did show it yet.
    hidden: bool,
    page: Option<String>,
    created_by: Option<OpId>,
    written_by: Option<OpId>,
    comments: Vec<(OpId, String)>,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<String, String>,
    changes: Vec<(String, bool)>,
    /// Files that were moved so that a listing says it: how many changes came before, and from where.
    moved: BTreeMap<String, (usize, String)>,
    commits: Vec<Vec<OpId>>,
    pulls: BTreeMap<u32, Pull>,
    issues: BTreeMap<u32, Issue>,
    next: u32,
    faults: VecDeque<ModelFault>,
    late: Vec<Write>,
    writes: Vec<ModelWrite>,
    reads: ModelReads,
    made: BTreeMap<OpId, RemoteRef>,
    gates: BTreeMap<String, ModelGate>,
    effects: Vec<(OpId, String, String)>,
    untraceable: bool,
    flags: Vec<(String, bool)>,
    heads: BTreeMap<u32, u32>,
    talk: Talk,
}

/// How the repository answers when it is asked about an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelGate {
    /// Not yet, for this reason.
    Closed(String),
    /// Nobody can ask before this moment.
    Unasked(DateTime<Utc>),
    /// It is so already.
    Holds,
    /// It is so already, by this object.
    HoldsBy(RemoteRef),
    /// Never, for this reason.
    Refused(String),
    /// Yes, and then the write finds that the world moved on.
    Stale,
}

/// A repository: one branch of files, pull requests, issues.
#[derive(Debug, Clone)]
pub struct ModelRepository {
    inner: Arc<Mutex<Inner>>,
    clock: Arc<dyn Clock>,
    issues: bool,
}

impl ModelRepository {
    /// An empty repository, seen as files.
    #[must_use]
    pub fn files(clock: Arc<dyn Clock>) -> Self {
        Self {
            inner: Arc::default(),
            clock,
            issues: false,
        }
    }

    /// An empty repository, seen as issues.
    #[must_use]
    pub fn issues(clock: Arc<dyn Clock>) -> Self {
        Self {
            inner: Arc::default(),
            clock,
            issues: true,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A person writes a file, or deletes it.
    pub fn put(&self, path: &str, text: Option<&str>) {
        self.lock().put(path, text.map(str::to_owned));
    }

    /// A person renames a file.
    pub fn rename(&self, from: &str, to: &str) {
        let mut inner = self.lock();
        if let Some(text) = inner.files.get(from).cloned() {
            inner.put(from, None);
            inner.put(to, Some(text));
        }
    }

    /// Moves a file, and the next listing says so, as a comparison that recognises it does. No later
    /// listing says it again.
    pub fn move_file(&self, from: &str, to: &str) {
        let at = self.lock().changes.len();
        self.rename(from, to);
        let moved = (at, from.to_owned());
        self.lock().moved.insert(to.to_owned(), moved);
    }

    /// From now on a listing that began before a file was renamed says that it moved, which an earlier one did not.
    pub fn tell_move(&self, from: &str, to: &str) {
        let mut inner = self.lock();
        let moved = (inner.changes.len().saturating_sub(1), from.to_owned());
        inner.moved.insert(to.to_owned(), moved);
    }

    /// A file.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<String> {
        self.lock().files.get(path).cloned()
    }

    /// Paths of all files.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.lock().files.keys().cloned().collect()
    }

    /// The commit that the branch is at.
    #[must_use]
    pub fn head(&self) -> String {
        self.lock().head()
    }

    /// How many commits the engine made, and of how many operations each.
    #[must_use]
    pub fn commits(&self) -> Vec<usize> {
        self.lock().commits.iter().map(Vec::len).collect()
    }

    /// Sets how the repository answers about an effect from now on; without an answer it is had.
    pub fn gate_effect(&self, effect: &str, gate: Option<ModelGate>) {
        let mut inner = self.lock();
        match gate {
            Some(gate) => inner.gates.insert(effect.to_owned(), gate),
            None => inner.gates.remove(effect),
        };
    }

    /// Whether what came of a write whose answer was lost can be looked up from now on. Default yes.
    pub fn knows_outcomes(&self, known: bool) {
        self.lock().untraceable = !known;
    }

    /// The statuses that were set: head and whether it is red.
    #[must_use]
    pub fn flags(&self) -> Vec<(String, bool)> {
        self.lock().flags.clone()
    }

    /// A person pushes to the branch of a pull request.
    pub fn push_pull(&self, number: u32) {
        *self.lock().heads.entry(number).or_default() += 1;
    }

    /// The effects that were carried out: issue and name.
    #[must_use]
    pub fn effects(&self) -> Vec<(String, String)> {
        (self.lock().effects.iter())
            .map(|(_, issue, name)| (issue.clone(), name.clone()))
            .collect()
    }

    /// Numbers of all pull requests in a state.
    #[must_use]
    pub fn pulls(&self, state: &str) -> Vec<u32> {
        self.lock()
            .pulls
            .iter()
            .filter(|(_, pull)| pull.state == state)
            .map(|(n, _)| *n)
            .collect()
    }

    /// Title, description and comments of a pull request.
    #[must_use]
    pub fn pull_text(&self, number: u32) -> (String, String, Vec<String>) {
        self.lock()
            .pulls
            .get(&number)
            .map(|pull| (pull.title.clone(), pull.body.clone(), pull.comments.clone()))
            .unwrap_or_default()
    }

    /// Who was asked to review a pull request.
    #[must_use]
    pub fn reviewers(&self, number: u32) -> Vec<String> {
        self.lock()
            .pulls
            .get(&number)
            .map(|pull| pull.reviewers.clone())
            .unwrap_or_default()
    }

    /// A person merges a pull request.
    pub fn merge(&self, number: u32) {
        let mut inner = self.lock();
        let Some(pull) = inner
            .pulls
            .get_mut(&number)
            .filter(|pull| pull.state == "open")
        else {
            return;
        };
        pull.state = "merged";
        for (path, text) in pull.files.clone() {
            inner.put(&path, text);
        }
    }

    /// A person edits the only file of a pull request's branch.
    pub fn edit_pull(&self, number: u32, text: &str) {
        if let Some(pull) = self.lock().pulls.get_mut(&number)
            && let Some(file) = pull.files.first_mut()
        {
            file.1 = Some(text.to_owned());
        }
    }

    /// A person closes a pull request without merging.
    pub fn close_pull(&self, number: u32) {
        if let Some(pull) = self.lock().pulls.get_mut(&number) {
            pull.state = "closed";
        }
    }

    /// What was [sent without an answer](ModelFault::LostLate) arrives now, under the conditions it was sent
    /// with. Says how much of it took effect.
    pub fn land(&self) -> usize {
        let mut inner = self.lock();
        let late = std::mem::take(&mut inner.late);
        let mut landed = 0;
        for write in &late {
            landed += usize::from(self.apply(&mut inner, write).is_ok());
        }
        landed
    }

    /// The next writes fail so, in order.
    pub fn fail(&self, faults: impl IntoIterator<Item = ModelFault>) {
        self.lock().faults.extend(faults);
    }

    /// Every write that took effect.
    #[must_use]
    pub fn writes(&self) -> Vec<ModelWrite> {
        self.lock().writes.clone()
    }

    /// What was asked so far.
    #[must_use]
    pub fn reads(&self) -> ModelReads {
        self.lock().reads
    }

    fn empty(&self, object: RemoteRef, presence: Presence) -> Snapshot {
        Snapshot {
            object,
            previous: None,
            presence,
            revision: Revision {
                at: DateTime::UNIX_EPOCH,
                grain_seconds: 0,
                token: String::new(),
            },
            observed_at: self.clock.now(),
            fields: BTreeMap::new(),
            types: BTreeMap::new(),
            content: Content::NotRead,
            place: None,
            marker: Marker::default(),
            url: None,
            actor: None,
            made: None,
            bookkeeping: BTreeMap::new(),
        }
    }

    fn snapshot(&self, inner: &Inner, object: &RemoteRef, content: bool) -> Snapshot {
        match object.kind.as_str() {
            "file" => self.file_snapshot(inner, object, content),
            "pull" => {
                let pull = object
                    .id
                    .parse()
                    .ok()
                    .and_then(|number: u32| inner.pulls.get(&number));
                let Some(pull) = pull else {
                    return self.empty(object.clone(), Presence::Missing);
                };
                let mut snapshot = self.empty(object.clone(), Presence::Present);
                snapshot
                    .fields
                    .insert("state".to_owned(), Field::Value(Value::text(pull.state)));
                snapshot.url = Some(format!("https://github.example/pull/{}", object.id));
                snapshot
            }
            _ => self.issue_snapshot(inner, object, content),
        }
    }

    fn file_snapshot(&self, inner: &Inner, object: &RemoteRef, content: bool) -> Snapshot {
        let Some(text) = inner.files.get(&object.id) else {
            // As with the service: a read does not tell why a file is not there, a listing does.
            return self.empty(object.clone(), Presence::Missing);
        };
        let mut snapshot = self.empty(object.clone(), Presence::Present);
        snapshot.revision.token = blob(text);
        snapshot.place = Some(object.id.clone());
        snapshot.url = Some(format!("https://github.example/blob/{}", object.id));
        (snapshot.bookkeeping).insert("commit".to_owned(), inner.head());
        if content {
            snapshot.content = Content::Text(text.clone());
        }
        snapshot
    }

    fn issue_snapshot(&self, inner: &Inner, object: &RemoteRef, content: bool) -> Snapshot {
        let issue = object
            .id
            .parse()
            .ok()
            .and_then(|number: u32| inner.issues.get(&number));
        let Some(issue) = issue else {
            return self.empty(object.clone(), Presence::Gone(Proof::Deleted));
        };
        let mut snapshot = self.empty(object.clone(), Presence::Present);
        let at = issue.updated.trunc_subsecs(0);
        snapshot.revision = Revision {
            at,
            grain_seconds: 1,
            token: token(issue),
        };
        snapshot.fields = issue
            .fields
            .iter()
            .map(|(key, value)| (key.clone(), Field::Value(value.clone())))
            .collect();
        (snapshot.fields)
            .entry("parent".to_owned())
            .or_insert_with(|| Field::Value(Value::Null));
        for key in ["labels", "assignees"] {
            snapshot
                .fields
                .entry(key.to_owned())
                .or_insert_with(|| Field::Value(Value::set::<&str>([])));
        }
        snapshot.place = Some("acme/app".to_owned());
        snapshot.url = Some(format!("https://github.example/issues/{}", object.id));
        snapshot.marker.counterpart = issue.page.clone();
        snapshot.marker.created_by = issue.created_by.clone();
        snapshot.made = Some(Made {
            by: issue.maker.to_owned(),
            at: issue.made.trunc_subsecs(0),
        });
        (snapshot.bookkeeping).insert("number".to_owned(), object.id.clone());
        (snapshot.bookkeeping).insert("repository".to_owned(), "acme/app".to_owned());
        let state = (issue.fields.get("state")).and_then(Value::as_text);
        (snapshot.bookkeeping).insert("state".to_owned(), state.unwrap_or("open").to_owned());
        if content {
            snapshot.content = Content::Text(issue.text.clone());
        }
        snapshot
    }
}

impl Inner {
    fn head(&self) -> String {
        format!("commit-{}", self.changes.len())
    }

    /// What a write made or changed, where that is shown yet.
    fn found(&self, op: &OpId) -> Option<&RemoteRef> {
        let hidden = |object: &&RemoteRef| {
            let number = object
                .id
                .parse::<u32>()
                .ok()
                .filter(|_| object.kind == "issue");
            (number.and_then(|number| self.issues.get(&number))).is_some_and(|issue| issue.hidden)
        };
        self.made.get(op).filter(|object| !hidden(object))
    }

    fn put(&mut self, path: &str, text: Option<String>) {
        let there = text.is_some();
        match text {
            Some(text) => self.files.insert(path.to_owned(), text),
            None => self.files.remove(path),
        };
        self.changes.push((path.to_owned(), there));
    }

    /// Whether a file was there after so many changes.
    fn was_there(&self, path: &str, changes: usize) -> bool {
        let before = &self.changes[..changes.min(self.changes.len())];
        (before.iter().rfind(|(name, _)| name == path)).is_some_and(|(_, there)| *there)
    }

    /// What a file was called after so many changes, where it has moved since: a comparison knows
    /// nothing of the places in between.
    fn moved_from(&self, path: &str, changes: usize) -> Option<String> {
        let (mut name, mut until) = (path, self.changes.len());
        while let Some((at, before)) = self.moved.get(name)
            && (changes..until).contains(at)
        {
            (name, until) = (before, *at);
        }
        (name != path && self.was_there(name, changes)).then(|| name.to_owned())
    }

    /// The pull request that an effect opens.
    fn open_pull(&mut self, op: &OpId) -> u32 {
        self.next += 1;
        self.pulls.insert(
            self.next,
            Pull {
                branch: format!("task/{op}"),
                files: Vec::new(),
                state: "open",
                title: String::new(),
                body: String::new(),
                comments: Vec::new(),
                reviewers: Vec::new(),
            },
        );
        self.next
    }

    fn open(
        &mut self,
        mut fields: BTreeMap<String, Value>,
        text: String,
        (now, maker): (DateTime<Utc>, &'static str),
        page: Option<String>,
        created_by: Option<OpId>,
    ) -> u32 {
        self.next += 1;
        let opened = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        fields.insert("created_at".to_owned(), Value::text(opened));
        self.issues.insert(
            self.next,
            Issue {
                fields,
                text,
                updated: now,
                maker,
                made: now,
                hidden: false,
                page,
                created_by,
                written_by: None,
                comments: Vec::new(),
            },
        );
        self.next
    }
}

/// The revision of an issue.
fn token(issue: &Issue) -> String {
    issue.updated.trunc_subsecs(0).to_rfc3339()
}

/// A stand-in for a blob's SHA.
fn blob(text: &str) -> String {
    ContentHash::of_bytes("model/blob", text.as_bytes()).short(40)
}
