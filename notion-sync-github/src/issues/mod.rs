//! Issues of repositories as a [`Remote`].

pub(crate) mod bodies;
mod calls;
mod cards;
mod creation;
pub(crate) mod discussion;
pub(crate) mod fields;
mod flag;
mod kind;
mod listing;
mod parent;
mod project;
mod project_writing;
mod reviews;
mod roster;
pub(crate) mod trace;
mod writing;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use notion_sync_core::comment::{Comments, FoundCard, RemoteComment};
use notion_sync_core::effect::{EffectRequest, Gate, LinkedPull};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::remote::{
    Abilities, Ack, Action, FieldSchema, ListRequest, Listing, Remote, Schema, Trace, Write,
    WriteKind,
};
use notion_sync_core::snapshot::{Presence, Proof, Snapshot};
use notion_sync_core::{Error, ErrorKind, Result};
use tokio::sync::OnceCell;

use crate::client::GithubClient;
use crate::effects;
use crate::endpoint::{Call, ISSUE, ISSUE_TYPES, LABELS, MILESTONES};
use crate::reference;
use crate::repository::{ConfiguredRepository, RepositoryInfo};
use crate::wire::{Issue, IssueType, LabelDetail, Milestone};

pub use flag::DRIFT_CONTEXT;

pub use project::{ProjectSettings, project_attribute};

pub use bodies::{BOOKKEEPING_PAGE, BOOKKEEPING_REVISION, BOOKKEEPING_URL};

/// How far clocks of the service may differ from each other, in seconds.
const SKEW: i64 = 30;

/// The issues of one or several repositories.
///
/// Fields: `title`, `state` (`open`, `closed`), `state_reason`, `labels`, `assignees` (logins),
/// `milestone` (its title), `type` (its name), `parent` (the id of the issue that it is a sub-issue
/// of, or `owner/name#number` where that is in none of the repositories), and with
/// [`with_project`](Self::with_project) the fields of its item in a project
/// ([`project_attribute`]). The content is the body without our hidden block and
/// link. Revisions are seconds wide: GitHub's times have no fraction.
#[derive(Debug)]
pub struct GithubIssues {
    pub(crate) client: GithubClient,
    pub(crate) repositories: Vec<ConfiguredRepository>,
    login: OnceCell<Option<String>>,
    project: Option<project::Project>,
    /// How late listings were seen to show what was there, in seconds.
    lag: AtomicU32,
}

impl GithubIssues {
    /// Issues of the repositories with these names (`owner/name`), and the id each must have where
    /// it is known already.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] without a repository.
    pub fn new(client: GithubClient, repositories: &[(&str, Option<u64>)]) -> Result<Self> {
        if repositories.is_empty() {
            return Err(Error::new(ErrorKind::Configuration, "use issues")
                .message("no repository is named"));
        }
        Ok(Self {
            client,
            repositories: repositories
                .iter()
                .map(|(name, id)| ConfiguredRepository::new((*name).to_owned(), *id))
                .collect(),
            login: OnceCell::new(),
            project: None,
            lag: AtomicU32::new(0),
        })
    }

    /// How far successive listings overlap: as it is set, or twice of what was measured and the skew of clocks.
    fn overlap(&self) -> Duration {
        let set = i64::from(self.client.settings().bounds.github_overlap);
        let measured = match self.lag.load(Ordering::Relaxed) {
            0 => 0,
            lag => 2 * i64::from(lag) + SKEW,
        };
        Duration::seconds(set.max(measured))
    }

    /// After how long a listing surely shows a change.
    fn visibility(&self) -> Duration {
        let set = i64::from(self.client.settings().bounds.visibility);
        let measured = 2 * i64::from(self.lag.load(Ordering::Relaxed));
        Duration::seconds(set.max(measured))
    }

    /// The repository of an object.
    pub(crate) async fn own(&self, object: &RemoteRef) -> Result<(&RepositoryInfo, u64)> {
        let (id, number) = reference::parse_numbered(object)?;
        for configured in &self.repositories {
            match self.visible(configured).await? {
                Some(found) if found.id == id => return Ok((found, number)),
                _ => {}
            }
        }
        Err(Error::new(ErrorKind::Invalid, "use an issue")
            .with("object", object)
            .message("it belongs to a repository that is not configured, or cannot be seen"))
    }

    /// A repository; `None` where it cannot be seen and there are others: they go on.
    async fn visible<'c>(
        &self,
        configured: &'c ConfiguredRepository,
    ) -> Result<Option<&'c RepositoryInfo>> {
        match configured.get(&self.client).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if self.is_left_out(&error) => {
                tracing::warn!(repository = configured.name, %error, "left out");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether an error is about one repository of several: it is not shared any more, its issues are
    /// switched off, or GitHub withholds it.
    fn is_left_out(&self, error: &Error) -> bool {
        let unseen = matches!(
            error.kind(),
            ErrorKind::NotFound | ErrorKind::Forbidden | ErrorKind::Blocked
        );
        unseen && self.repositories.len() > 1
    }

    /// The repository a new issue goes to.
    async fn place(&self, place: Option<&str>) -> Result<&RepositoryInfo> {
        let configured = match (place, self.repositories.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(place), all) => all.iter().find(|one| one.is_called(place)),
        };
        match configured {
            Some(configured) => configured.get(&self.client).await,
            None => Err(Error::new(ErrorKind::Invalid, "create an issue")
                .with("place", place.unwrap_or("none"))
                .message("the repository is not one of this mapping")),
        }
    }

    /// Reads an issue; the answer is revalidated, never only remembered.
    pub(crate) async fn issue(
        &self,
        repository: &RepositoryInfo,
        number: u64,
    ) -> Result<(Issue, bool)> {
        let call = Call::new(&ISSUE, &[&repository.id.to_string(), &number.to_string()])
            .with("repository", &repository.full_name)
            .with("number", number);
        let answer = self.client.call(call).await?;
        let issue = answer.json()?;
        self.know_parent(&issue).await;
        Ok((issue, answer.moved.is_some()))
    }

    /// An issue that can be written: there, an issue, and still in its repository.
    pub(crate) async fn writable(&self, repository: &RepositoryInfo, number: u64) -> Result<Issue> {
        let (issue, moved) = self.issue(repository, number).await?;
        if moved || issue.pull_request {
            let text = if moved {
                "it was moved to another repository"
            } else {
                "it is a pull request"
            };
            return Err(Error::new(ErrorKind::Stale, "change an issue")
                .with("repository", &repository.full_name)
                .with("number", number)
                .message(text));
        }
        Ok(issue)
    }
}

#[async_trait]
impl Remote for GithubIssues {
    fn side(&self) -> Side {
        Side::Github
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            proposals: false,
            paths: false,
            removal_is_state: true,
        }
    }

    fn lags(&self, seconds: u32) {
        self.lag.fetch_max(seconds, Ordering::Relaxed);
    }

    async fn schema(&self) -> Result<Schema> {
        let mut labels = Vec::new();
        let mut milestones = Vec::new();
        let mut types = Vec::new();
        let mut places = BTreeMap::new();
        for configured in &self.repositories {
            let Some(found) = self.visible(configured).await? else {
                continue;
            };
            let id = found.id.to_string();
            match configured.names(&self.client).await {
                Ok((names, now)) => {
                    places.extend(names.into_iter().map(|name| (name, now.clone())));
                }
                Err(error) if self.is_left_out(&error) => {
                    tracing::warn!(repository = configured.name, %error, "left out");
                    continue;
                }
                Err(error) => return Err(error),
            }
            let found: Vec<LabelDetail> = self.client.all(Call::new(&LABELS, &[&id])).await?;
            labels.extend(found.into_iter().filter_map(|label| label.name));
            let call = Call::new(&MILESTONES, &[&id]).query("state", "all");
            let found: Vec<Milestone> = self.client.all(call).await?;
            milestones.extend(found.into_iter().filter_map(|milestone| milestone.title));
            // Only organisations have types; elsewhere the route answers 404.
            match self
                .client
                .unpaged::<IssueType>(Call::new(&ISSUE_TYPES, &[&id]))
                .await
            {
                Ok(found) => types.extend(
                    found
                        .into_iter()
                        .filter(|one| one.is_enabled != Some(false))
                        .filter_map(|one| one.name),
                ),
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Forbidden) => {}
                Err(error) => return Err(error),
            }
        }
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let field = |name: &str, kind: &str, mut options: Vec<String>| {
            options.sort();
            options.dedup();
            let schema = FieldSchema {
                name: name.to_owned(),
                kind: kind.to_owned(),
                options: options.into_iter().map(|option| (option, None)).collect(),
                closed: false,
                inward: false,
                later: false,
            };
            (name.to_owned(), schema)
        };
        if places.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "use issues")
                .message("none of the repositories is there or shared with the connection")
                .remedy("correct the names, or give the connection access"));
        }
        let of_project = self.project_schema().await?;
        let reasons = owned(&["completed", "not_planned", "duplicate", "reopened"]);
        Ok(Schema {
            bookkeeping: std::collections::BTreeSet::new(),
            places,
            fields: BTreeMap::from([
                field("title", "text", Vec::new()),
                field("state", "state", owned(&["open", "closed"])),
                field("state_reason", "state_reason", reasons),
                field("labels", "labels", labels),
                field("assignees", "assignees", Vec::new()),
                field("milestone", "milestone", milestones),
                field("type", "type", types),
                field("created_at", "instant", Vec::new()),
                field("closed_at", "instant", Vec::new()),
                field("author", "login", Vec::new()),
                field(parent::PARENT, "issue", Vec::new()),
            ])
            .into_iter()
            .chain(of_project)
            .collect(),
        })
    }

    fn scope(&self) -> String {
        let names = self.repositories.iter();
        let mut names: Vec<String> = names.map(|one| one.name.to_ascii_lowercase()).collect();
        names.sort();
        names.join(", ")
    }

    /// `#12` or `12` where there is one repository, else `owner/name#12`.
    async fn named(&self, name: &str) -> Result<RemoteRef> {
        let refuse = |message: &str| {
            Error::new(ErrorKind::Invalid, "find an issue")
                .with("name", name)
                .message(message.to_owned())
        };
        let (repository, number) = name.rsplit_once('#').unwrap_or(("", name));
        let number: u64 = number
            .parse()
            .map_err(|_| refuse("write owner/name#number"))?;
        let wanted = match self.repositories.as_slice() {
            [only] if repository.is_empty() => Some(only),
            all => (all.iter()).find(|one| one.name.eq_ignore_ascii_case(repository)),
        };
        let wanted = wanted.ok_or_else(|| {
            refuse("it names none of the repositories of the mapping: write owner/name#number")
        })?;
        let found = self.visible(wanted).await?;
        let found = found.ok_or_else(|| refuse("its repository cannot be seen"))?;
        Ok(reference::issue(found.id, number))
    }

    async fn list(&self, request: ListRequest) -> Result<Listing> {
        self.list_issues(request).await
    }

    async fn read(&self, object: &RemoteRef, content: bool) -> Result<Snapshot> {
        reference::parse_numbered(object)?;
        let (repository, number) = match self.own(object).await {
            Ok(own) => own,
            // One repository less must not stop the others.
            Err(error) if error.kind() == ErrorKind::Invalid => {
                let why = Presence::Unread(error.to_string());
                return Ok(self.absent(object, why, None));
            }
            Err(error) => return Err(error),
        };
        match self.issue(repository, number).await {
            Ok((issue, true)) => {
                let presence = Presence::MovedOut(fields::address(&issue));
                Ok(self.absent(object, presence, issue.updated_at))
            }
            Ok((issue, false)) if issue.pull_request => {
                let presence = Presence::Unread("the number belongs to a pull request".to_owned());
                Ok(self.absent(object, presence, issue.updated_at))
            }
            Ok((issue, false)) => {
                let mut snapshot = self.snapshot(repository, number, &issue, content);
                if let Some(shown) = self.shown_item(issue.node_id.as_deref()).await? {
                    shown.add_to(&mut snapshot);
                }
                Ok(snapshot)
            }
            Err(error) if error.kind() == ErrorKind::Gone => {
                Ok(self.absent(object, Presence::Gone(Proof::Deleted), None))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(self.absent(object, Presence::Missing, None))
            }
            Err(error) => Err(error),
        }
    }

    async fn comments(&self, object: &RemoteRef) -> Result<Comments> {
        self.list_comments(object).await
    }

    fn comment_at(&self, comment: &RemoteRef, place: &RemoteRef) -> RemoteRef {
        reference::comment_at(comment, place)
    }

    async fn comment(&self, comment: &RemoteRef) -> Result<Option<RemoteComment>> {
        self.read_comment(comment).await
    }

    async fn cards(&self, objects: &[RemoteRef]) -> Result<Vec<FoundCard>> {
        self.find_cards(objects).await
    }

    fn group(&self, _action: &Action) -> Option<String> {
        None
    }

    async fn gate(&self, request: &EffectRequest) -> Result<Gate> {
        self.gate_effect(request).await
    }

    async fn linked(
        &self,
        objects: &[(RemoteRef, Vec<RemoteRef>)],
    ) -> Result<BTreeMap<RemoteRef, Vec<LinkedPull>>> {
        self.linked_pulls(objects).await
    }

    fn is_about(&self, named: &RemoteRef, pull: &LinkedPull) -> bool {
        // Checks and statuses name the repository and the commit.
        let at_head = || {
            let (repository, _) = reference::parse_numbered(&pull.object).ok()?;
            Some(named.kind == "commit" && named.id == format!("{repository}:{}", pull.head))
        };
        *named == pull.object || at_head() == Some(true)
    }

    fn kind(&self, action: &Action) -> WriteKind {
        match action {
            Action::Create(_) | Action::Comment { .. } => WriteKind::UnnamedCreate,
            Action::Effect(effect) => effects::kind(&effect.request.effect),
            Action::Discuss(discuss) => discuss.kind(),
            _ => WriteKind::Set,
        }
    }

    async fn write(&self, batch: &[Write]) -> Vec<Result<Ack>> {
        let mut results = Vec::new();
        for write in batch {
            results.push(self.write_one(write).await);
        }
        results
    }

    async fn trace(&self, batch: &[Write], sent_at: DateTime<Utc>) -> Result<Vec<Trace>> {
        let mut traces = Vec::new();
        for write in batch {
            traces.push(self.trace_one(write, sent_at).await?);
        }
        Ok(traces)
    }

    async fn made(&self, write: &Write, object: &RemoteRef) -> Result<Option<Ack>> {
        match &write.action {
            Action::Effect(effect) => self.made_effect(effect, object).await,
            _ => Ok(None),
        }
    }
}
