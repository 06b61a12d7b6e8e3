//! A world with an emulator, a clock, and clients of several credentials.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use notion_sync_core::clock::{Clock as _, VirtualClock};
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::id::{OpId, RecordId, RemoteRef, SyncRunId};
use notion_sync_core::remote::{
    Ack, Action, ContentChange, Create, Cursor, FieldChange, ListRequest, Listing, NewContent,
    Remote, Update, Write,
};
use notion_sync_core::snapshot::{Content, Field, Snapshot};
use notion_sync_core::value::Value;
use notion_sync_github::{
    FilesSettings, GithubClient, GithubFiles, GithubIssues, GithubSettings, PersonalToken,
    RateLimits, reference,
};
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule, Reply};
use notion_sync_testkit::github::{GithubEmulator, GithubWorld, PullForm};
use secrecy::SecretString;
use serde_json::json;

pub(crate) const REPO: &str = "acme/handbook";
pub(crate) const REPO_ID: u64 = 100;

pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

/// A handbook, a second repository, people, a bot and its app.
pub(crate) fn handbook() -> GithubWorld {
    serde_json::from_value(json!({
        "accounts": [
            {"login": "ada"}, {"login": "bob"}, {"login": "carol"}, {"login": "mallory"}, {"login": "bot"},
            {"login": "acme", "kind": "organization", "owners": ["ada"], "members": ["carol"],
             "teams": [{"slug": "docs-team", "members": ["carol"], "repositories": {"handbook": "write"}}]},
        ],
        "apps": [{
            "id": 7, "slug": "notion-sync",
            "permissions": {"contents": "write", "issues": "write", "pull_requests": "write", "metadata": "read"},
            "installations": [{"id": 70, "account": "acme"}],
        }],
        "tokens": [
            {"token": "github_pat_bot", "login": "bot"},
            {"token": "github_pat_mallory", "login": "mallory"},
            {"token": "github_pat_narrow", "login": "bot", "permissions": {"issues": "write"},
             "repositories": ["acme/handbook"]},
        ],
        "repositories": [
            {"full_name": REPO, "id": REPO_ID,
             "files": {"README.md": "# Handbook\n", "docs/a.md": "alpha\n", "docs/b.md": "beta\n",
                       "docs/deep/c.md": "gamma\n", "docs/pic.png": "no text"},
             "labels": [{"name": "bug"}, {"name": "Docs"}],
             "milestones": ["v1", "v2"],
             "collaborators": {"bot": "write", "bob": "write"}},
            {"full_name": "acme/backlog", "id": 101, "collaborators": {"bot": "write"}, "files": {"x.md": "x\n"}},
            {"full_name": "acme/guarded", "id": 102, "files": {"docs/a.md": "alpha\n"},
             "collaborators": {"bot": "write"}, "protected_branches": {"main": {"approvals": 1}}},
            {"full_name": "acme/empty", "id": 103, "collaborators": {"bot": "write"}},
        ],
    }))
    .unwrap()
}

/// A pull request from `head` to `main`.
pub(crate) fn pull_form<'a>(title: &'a str, head: &'a str) -> PullForm<'a> {
    PullForm {
        title,
        body: None,
        head,
        base: "main",
        draft: false,
    }
}

/// Hands requests to an emulator.
#[derive(Debug)]
pub(crate) struct InProcess {
    pub(crate) emulator: Arc<Mutex<GithubEmulator>>,
    pub(crate) clock: Arc<VirtualClock>,
}

#[async_trait]
impl HttpSend for InProcess {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let reply = self
            .emulator
            .lock()
            .unwrap()
            .handle(request, self.clock.now());
        match reply {
            Reply::Answer { response, .. } => Ok(response),
            Reply::Dropped => Err(SendError::NoAnswer("the connection broke".to_owned())),
        }
    }
}

/// What somebody does right before a request, or to it.
pub(crate) type Meddle = Box<dyn Fn(&mut Request, &mut GithubEmulator) + Send + Sync>;

/// A network on which something happens between requests.
pub(crate) struct Meanwhile {
    world: Arc<dyn HttpSend>,
    hub: Arc<Mutex<GithubEmulator>>,
    meddle: Meddle,
}

impl Meanwhile {
    pub(crate) fn send(world: &World, meddle: Meddle) -> Arc<dyn HttpSend> {
        Arc::new(Self {
            world: world.send(),
            hub: Arc::clone(&world.emulator),
            meddle,
        })
    }
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

#[async_trait]
impl HttpSend for Meanwhile {
    async fn send(&self, mut request: Request) -> Result<Response, SendError> {
        (self.meddle)(&mut request, &mut self.hub.lock().unwrap());
        self.world.send(request).await
    }
}

pub(crate) struct World {
    pub(crate) emulator: Arc<Mutex<GithubEmulator>>,
    pub(crate) clock: Arc<VirtualClock>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(handbook())
    }

    pub(crate) fn of(world: GithubWorld) -> Self {
        let emulator = GithubEmulator::new(world, start()).unwrap();
        let clock = Arc::new(VirtualClock::new(start()));
        clock.advance(Duration::hours(1));
        Self {
            emulator: Arc::new(Mutex::new(emulator)),
            clock,
        }
    }

    pub(crate) fn hub(&self) -> MutexGuard<'_, GithubEmulator> {
        self.emulator.lock().unwrap()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn tick(&self) {
        self.clock.advance(Duration::seconds(5));
    }

    pub(crate) fn send(&self) -> Arc<dyn HttpSend> {
        Arc::new(InProcess {
            emulator: Arc::clone(&self.emulator),
            clock: Arc::clone(&self.clock),
        })
    }

    pub(crate) fn settings() -> GithubSettings {
        GithubSettings {
            limits: RateLimits::unspaced(),
            ..GithubSettings::default()
        }
    }

    pub(crate) fn client(&self) -> GithubClient {
        self.client_of("github_pat_bot")
    }

    pub(crate) fn client_of(&self, token: &str) -> GithubClient {
        self.client_by(self.send(), token)
    }

    fn client_by(&self, send: Arc<dyn HttpSend>, token: &str) -> GithubClient {
        let token = PersonalToken::new(SecretString::from(token)).unwrap();
        let clock = Arc::clone(&self.clock);
        GithubClient::new(send, Arc::new(token), clock, Self::settings()).unwrap()
    }

    pub(crate) fn files_by(&self, send: Arc<dyn HttpSend>) -> GithubFiles {
        let settings = FilesSettings::markdown(REPO, "main", "docs").unwrap();
        GithubFiles::new(self.client_by(send, "github_pat_bot"), settings).unwrap()
    }

    pub(crate) fn files(&self) -> GithubFiles {
        self.files_of(REPO, |_| {})
    }

    pub(crate) fn files_of(
        &self,
        repository: &str,
        change: impl FnOnce(&mut FilesSettings),
    ) -> GithubFiles {
        let mut settings = FilesSettings::markdown(repository, "main", "docs").unwrap();
        change(&mut settings);
        GithubFiles::new(self.client(), settings).unwrap()
    }

    pub(crate) fn issues(&self) -> GithubIssues {
        GithubIssues::new(self.client(), &[(REPO, None)]).unwrap()
    }

    /// Issues by another way than the plain one.
    pub(crate) fn issues_by(&self, send: Arc<dyn HttpSend>) -> GithubIssues {
        let client = self.client_by(send, "github_pat_bot");
        GithubIssues::new(client, &[(REPO, None)]).unwrap()
    }

    pub(crate) fn commit(&self, edits: &[(&str, Option<&str>)]) -> String {
        let now = self.now();
        self.hub()
            .commit(REPO, "main", "ada", "By hand", edits, now)
            .unwrap()
            .to_string()
    }

    pub(crate) fn file(&self, path: &str) -> Option<String> {
        let bytes = self.hub().file(REPO, "main", path).unwrap()?;
        Some(String::from_utf8(bytes).unwrap())
    }

    pub(crate) fn commits(&self) -> usize {
        self.hub().commits(REPO, "main").unwrap().len()
    }

    /// Requests since a mark: method and path with query, and whether they failed.
    pub(crate) fn asked(&self, mark: u64) -> Vec<String> {
        self.hub()
            .log()
            .since(mark)
            .map(|entry| format!("{} {} {}", entry.method, entry.path, entry.status))
            .collect()
    }

    pub(crate) fn mark(&self) -> u64 {
        self.hub().log().mark()
    }

    pub(crate) fn fault(&self, method: &str, path: &str, fault: Fault) {
        self.hub().faults().push(FaultRule {
            method: method.to_owned(),
            path_contains: path.to_owned(),
            skip: 0,
            times: 1,
            fault,
        });
    }
}

pub(crate) fn write(op: &str, action: Action) -> Write {
    grouped(op, op, action)
}

pub(crate) fn grouped(op: &str, group: &str, action: Action) -> Write {
    Write {
        op: OpId::new(op),
        group: OpId::new(group),
        run: SyncRunId::new(format!("page-{op}:2026-11-18T01:46:{op}")),
        record: RecordId::new(format!("record-{op}")),
        page: Some(format!("page-{op}")),
        editor: Some("Ada Lovelace".to_owned()),
        revision: Some("2026-11-18T01:46:00.000Z".to_owned()),
        action,
    }
}

pub(crate) fn file(path: &str) -> RemoteRef {
    reference::file(REPO_ID, "main", path)
}

pub(crate) fn issue(number: u64) -> RemoteRef {
    reference::issue(REPO_ID, number)
}

pub(crate) fn blob(text: &str) -> String {
    GithubEmulator::blob_id(text.as_bytes()).to_string()
}

pub(crate) fn new_file(path: &str, text: &str) -> Action {
    Action::Create(Create {
        fields: BTreeMap::new(),
        content: NewContent::Text(text.to_owned()),
        place: Some(path.to_owned()),
        counterpart: None,
        counterpart_url: None,
        bookkeeping: BTreeMap::new(),
    })
}

pub(crate) fn edit_file(path: &str, from: &str, to: &str) -> Action {
    Action::Update(Update {
        object: file(path),
        seen: None,
        fields: BTreeMap::new(),
        content: Some(ContentChange::Text {
            expected: blob(from),
            desired: to.to_owned(),
        }),
        place: None,
        bookkeeping: BTreeMap::new(),
    })
}

pub(crate) fn move_file(path: &str, to: &str) -> Action {
    Action::Update(Update {
        object: file(path),
        seen: None,
        fields: BTreeMap::new(),
        content: None,
        place: Some(to.to_owned()),
        bookkeeping: BTreeMap::new(),
    })
}

pub(crate) fn remove_file(path: &str, text: &str) -> Action {
    Action::Remove {
        object: file(path),
        expected: blob(text),
    }
}

pub(crate) fn new_issue(fields: &[(&str, Value)], text: &str) -> Action {
    Action::Create(Create {
        fields: fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        content: NewContent::Text(text.to_owned()),
        place: None,
        counterpart: Some("page-1".to_owned()),
        counterpart_url: Some("https://www.notion.so/page-1".to_owned()),
        bookkeeping: BTreeMap::new(),
    })
}

pub(crate) fn change(
    number: u64,
    fields: &[(&str, Value, Value)],
    text: Option<(&str, &str)>,
) -> Action {
    Action::Update(Update {
        object: issue(number),
        seen: None,
        fields: fields
            .iter()
            .map(|(name, expected, desired)| {
                let change = FieldChange {
                    expected: expected.clone(),
                    desired: desired.clone(),
                };
                ((*name).to_owned(), change)
            })
            .collect(),
        content: text.map(|(expected, desired)| ContentChange::Text {
            expected: expected.to_owned(),
            desired: desired.to_owned(),
        }),
        place: None,
        bookkeeping: BTreeMap::new(),
    })
}

pub(crate) fn text(value: &str) -> Value {
    Value::text(value)
}

pub(crate) fn set(values: &[&str]) -> Value {
    Value::set(values.iter().copied())
}

pub(crate) fn field<'a>(snapshot: &'a Snapshot, name: &str) -> &'a Value {
    match snapshot.fields.get(name) {
        Some(Field::Value(value)) => value,
        other => panic!("{name}: {other:?}"),
    }
}

pub(crate) fn body(snapshot: &Snapshot) -> &str {
    match &snapshot.content {
        Content::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn one(remote: &dyn Remote, write: Write) -> notion_sync_core::Result<Ack> {
    remote
        .write(std::slice::from_ref(&write))
        .await
        .pop()
        .unwrap()
}

pub(crate) async fn list(remote: &dyn Remote, cursor: Option<Cursor>, full: bool) -> Listing {
    let listing = remote.list(ListRequest { cursor, full }).await.unwrap();
    assert!(listing.complete);
    listing
}

pub(crate) fn places(listing: &Listing) -> BTreeSet<String> {
    listing
        .items
        .iter()
        .filter_map(|item| item.place.clone())
        .collect()
}
