//! Pull requests that are opened, marked as ready, or turned back into drafts.

use std::collections::BTreeMap;

use notion_sync_core::effect::{EffectRequest, EffectWrite, Gate, OpenPull};
use notion_sync_core::id::{OpId, RemoteRef};
use notion_sync_core::remote::{Ack, Write};
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::branch::{Room, Tip};
use super::graphql::{CONVERT_TO_DRAFT, MARK_READY};
use super::linked::{Found, Target};
use super::rights::Rights;
use super::text::{Words, data, is_branch, is_path, line, trimmed_branch};
use super::{LINK_PULL, decided, judged_pull, open, stale, unapplied};
use crate::comments::shorten;
use crate::endpoint::{CREATE_PULL, Call};
use crate::issues::GithubIssues;
use crate::marker::HiddenBlock;
use crate::neutral::one_line;
use crate::pull;
use crate::repository::RepositoryInfo;
use crate::wire::Pull;

const DURING: &str = "open a pull request";
const BRANCH: &str = "branch";
const BASE: &str = "base";
/// How many names are tried: `task/7-x`, `task/7-x-2`, … Every pull request of an issue that was
/// decided takes one.
const MAX_NAMES: u32 = 20;
/// Branches of proposals, which are not ours to use here.
const PROPOSALS: &str = "nsync/";

/// What a branch name is to a request.
enum Name {
    /// Nothing has it, or only our own first commit has.
    Free,
    /// Our pull request is open on it.
    Open(u64),
    /// Somebody else's, or used up.
    Taken,
}

impl GithubIssues {
    pub(super) async fn gate_open(
        &self,
        request: &EffectRequest,
        wanted: &OpenPull,
        rights: &Rights,
    ) -> Result<Gate> {
        let (repository, number, _) = self.issue_of(request).await?;
        if let Some(target) = self.registered(request).await?
            && target.pull.is_open()
        {
            return Ok(Gate::Holds {
                links: target.links(),
            });
        }
        let words = Words::of(request, number, data);
        let branch = trimmed_branch(&words.fill(&wanted.branch));
        if !is_branch(&branch) || branch.starts_with(PROPOSALS) {
            return Ok(Gate::Refused(format!(
                "{branch:?} cannot be the name of a branch; change the rule's branch"
            )));
        }
        let base = match &wanted.base {
            Some(base) => base.clone(),
            None => rights.default_branch.clone(),
        };
        let mut free = None;
        for name in names(&branch) {
            match self.look_at(repository, request, &name, &base).await? {
                Name::Open(number) => {
                    let object = crate::reference::pull(repository.id, number);
                    return Ok(Gate::Holds {
                        links: BTreeMap::from([(LINK_PULL.to_owned(), object)]),
                    });
                }
                Name::Free => {
                    free = Some(name);
                    break;
                }
                Name::Taken => {}
            }
        }
        if let Some(gate) = self.opened_by_people(request).await? {
            return Ok(gate);
        }
        let Some(branch) = free else {
            return Ok(Gate::Refused(format!(
                "{branch} and {MAX_NAMES} names like it are taken; delete branches, or change the \
                 rule's branch"
            )));
        };
        let Some(tip) = pull::head_of(&self.client, repository, &base).await? else {
            return Ok(Gate::Refused(format!(
                "there is no branch {base} to merge into; create it, or change the rule's base"
            )));
        };
        let lack = rights.lack("contents");
        if let Some(reason) = lack.or_else(|| rights.lack("pull_requests")) {
            return Ok(Gate::Refused(reason));
        }
        if let Some(file) = &wanted.file {
            let path = words.fill(&file.path);
            if !is_path(&path) {
                return Ok(Gate::Refused(format!(
                    "{path:?} cannot be the path of a file; change the rule's file"
                )));
            }
            if let Room::Blocked(at) = self.room(repository, &tip, &path).await? {
                return Ok(Gate::Refused(format!(
                    "{at} is a file, so {path} cannot be made; change the rule's file"
                )));
            }
        }
        let mut write = open(request);
        write.decided = BTreeMap::from([(BRANCH.to_owned(), branch), (BASE.to_owned(), base)]);
        Ok(Gate::Open(write))
    }

    /// A person was faster: the issue has an open pull request already.
    async fn opened_by_people(&self, request: &EffectRequest) -> Result<Option<Gate>> {
        let linked = self.linked_by_people(&request.object).await?;
        let mut open = linked
            .iter()
            .filter(|pull| matches!(pull.state.as_str(), "open" | "draft"));
        let Some(first) = open.next() else {
            return Ok(None);
        };
        // Of several none is ours to choose.
        let links = match open.next() {
            None => BTreeMap::from([(LINK_PULL.to_owned(), first.object.clone())]),
            Some(_) => BTreeMap::new(),
        };
        Ok(Some(Gate::Holds { links }))
    }

    async fn look_at(
        &self,
        repository: &RepositoryInfo,
        request: &EffectRequest,
        branch: &str,
        base: &str,
    ) -> Result<Name> {
        let pulls = pull::of_branch(&self.client, repository, branch).await?;
        if let Some(last) = pulls.last() {
            let ours = last.is_open() && belongs(last, request);
            return Ok(match last.number.filter(|_| ours) {
                Some(number) => Name::Open(number),
                None => Name::Taken,
            });
        }
        Ok(match self.tip(repository, request, branch, base).await? {
            Tip::Missing | Tip::Ours => Name::Free,
            Tip::Other => Name::Taken,
        })
    }

    /// Opens it. Every step is found again by name, so what broke off half-way is finished by
    /// sending it again.
    pub(super) async fn open(
        &self,
        write: &Write,
        effect: &EffectWrite,
        wanted: &OpenPull,
    ) -> Result<Ack> {
        let request = &effect.request;
        let (repository, number) = self.own(&request.object).await.map_err(unapplied)?;
        let (branch, base) = (decided(effect, BRANCH)?, decided(effect, BASE)?);
        self.client.begin(DURING, 5, 2)?;
        let found = self.opened(repository, &write.op, branch).await;
        if let Some(pull) = found.map_err(unapplied)? {
            let mut ack = self.opened_ack(repository, &pull, branch);
            let (client, reviewers) = (&self.client, &wanted.reviewers);
            let lacks = pull::lacks_reviewers(client, repository, reviewers, &pull).await;
            if lacks.map_err(unapplied)? {
                self.ask(repository, wanted, &pull, &mut ack.notes).await;
            }
            return Ok(ack);
        }
        let pulls = pull::of_branch(&self.client, repository, branch).await;
        if !pulls.map_err(unapplied)?.is_empty() {
            return Err(stale(DURING, number, "the branch has another pull request"));
        }
        let words = Words::of(request, number, data);
        let mut notes = BTreeMap::new();
        let tip = self.tip(repository, request, branch, base).await;
        match tip.map_err(unapplied)? {
            Tip::Ours => {}
            Tip::Other => return Err(stale(DURING, number, "the branch is somebody else's")),
            Tip::Missing => {
                self.first_commit(write, effect, wanted, &words, (branch, base), &mut notes)
                    .await?;
            }
        }
        let pull = self
            .create_pull(write, effect, wanted, (branch, base), &mut notes)
            .await?;
        self.ask(repository, wanted, &pull, &mut notes).await;
        let mut ack = self.opened_ack(repository, &pull, branch);
        ack.notes.extend(notes);
        Ok(ack)
    }

    /// Asks for the reviews of a pull request, and notes who could not be asked.
    async fn ask(
        &self,
        repository: &RepositoryInfo,
        wanted: &OpenPull,
        pull: &Pull,
        notes: &mut BTreeMap<String, String>,
    ) {
        let Some(number) = pull.number.filter(|_| !wanted.reviewers.is_empty()) else {
            return;
        };
        let (client, reviewers) = (&self.client, &wanted.reviewers);
        let asked = pull::ask_reviewers(client, repository, number, reviewers, pull).await;
        asked.note(notes);
    }

    async fn create_pull(
        &self,
        write: &Write,
        effect: &EffectWrite,
        wanted: &OpenPull,
        (branch, base): (&str, &str),
        notes: &mut BTreeMap<String, String>,
    ) -> Result<Pull> {
        let (repository, number) = self.own(&effect.request.object).await?;
        let title = title(&effect.request, wanted, number);
        let body = body(write, &effect.request, wanted, number);
        let id = repository.id.to_string();
        let call = |draft: bool| {
            Call::new(&CREATE_PULL, &[&id])
                .body(json!({
                    "title": title, "body": body, "draft": draft, "head": branch, "base": base,
                }))
                .with("repository", &repository.full_name)
                .with("branch", branch)
        };
        let mut outcome = self.client.call(call(wanted.draft)).await;
        if let Err(error) = &outcome
            && wanted.draft
            && error.kind() == ErrorKind::Invalid
            && error.to_string().to_ascii_lowercase().contains("draft")
        {
            // Some plans have no drafts in private repositories.
            notes.insert("draft".to_owned(), "unsupported".to_owned());
            outcome = self.client.call(call(false)).await;
        }
        match outcome {
            Ok(answer) => answer.json(),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let found = self.opened(repository, &write.op, branch).await?;
                // Opened already, by a twin of this request, and not listed yet. It is there, so nothing else
                // may be planned until it was found.
                found.ok_or_else(|| {
                    Error::new(ErrorKind::Unavailable, DURING)
                        .with("branch", branch)
                        .caused_by(error)
                })
            }
            Err(error) => Err(error),
        }
    }

    /// The pull request that an operation opened on a branch, whatever people did with it since.
    pub(super) async fn opened(
        &self,
        repository: &RepositoryInfo,
        op: &OpId,
        branch: &str,
    ) -> Result<Option<Pull>> {
        let pulls = pull::of_branch(&self.client, repository, branch).await?;
        Ok(pulls
            .into_iter()
            .rev()
            .find(|pull| block(pull).created_by.as_ref() == Some(op)))
    }

    pub(super) fn opened_ack(&self, repository: &RepositoryInfo, pull: &Pull, branch: &str) -> Ack {
        let mut notes = BTreeMap::from([(BRANCH.to_owned(), branch.to_owned())]);
        let mut links = BTreeMap::new();
        if let Some(number) = pull.number {
            notes.insert("number".to_owned(), number.to_string());
            let object = crate::reference::pull(repository.id, number);
            links.insert(LINK_PULL.to_owned(), object);
        }
        if let Some(url) = &pull.html_url {
            notes.insert("url".to_owned(), url.clone());
        }
        if let Some(head) = pull.head_sha() {
            notes.insert("head".to_owned(), head.to_owned());
        }
        Ack {
            snapshot: None,
            notes,
            links,
            ..Ack::default()
        }
    }

    pub(super) async fn gate_draft(
        &self,
        request: &EffectRequest,
        draft: bool,
        rights: &Rights,
    ) -> Result<Gate> {
        let target = match self.pull_of_record(request).await? {
            Found::One(target) => target,
            Found::None => return Ok(self.no_pull()),
            Found::Several(numbers) => return Ok(self.several(&numbers)),
        };
        let number = target.number;
        if target.pull.is_merged() {
            return Ok(if draft {
                Gate::Refused(format!("#{number} is merged already"))
            } else {
                Gate::Holds {
                    links: target.links(),
                }
            });
        }
        if !target.pull.is_open() {
            return Ok(self.closed(format!("#{number} is closed; reopen it")));
        }
        if target.pull.is_draft() == draft {
            return Ok(Gate::Holds {
                links: target.links(),
            });
        }
        if let Some(reason) = rights.lack("pull_requests") {
            return Ok(Gate::Refused(reason));
        }
        let mut write = open(request);
        write.pull = Some(target.object());
        write.head = target.pull.head_sha().map(str::to_owned);
        Ok(Gate::Open(write))
    }

    pub(super) async fn set_draft(&self, effect: &EffectWrite, draft: bool) -> Result<Ack> {
        let during = if draft {
            "make a draft of a pull request"
        } else {
            "mark a pull request as ready"
        };
        self.client.begin(during, 1, 0)?;
        let target = self.target(judged_pull(effect)?).await.map_err(unapplied)?;
        if !target.pull.is_open() {
            return Err(stale(during, target.number, "it is not open any more"));
        }
        if target.pull.is_draft() != draft {
            self.toggle_draft(during, &target, draft).await?;
        }
        Ok(Ack::default())
    }

    pub(super) async fn toggle_draft(
        &self,
        during: &'static str,
        target: &Target<'_>,
        draft: bool,
    ) -> Result<()> {
        let node = target.pull.node_id.as_deref().ok_or_else(|| {
            Error::new(ErrorKind::NotApplied, during)
                .with("number", target.number)
                .message("the answer has no node id")
        })?;
        let document = if draft { CONVERT_TO_DRAFT } else { MARK_READY };
        let variables = json!({"id": node});
        let answer = self.client.graphql(during, document, variables).await;
        answer.map(|_| ()).map_err(|error| match error.kind() {
            // Merged or closed in between.
            ErrorKind::Invalid => stale(during, target.number, error.to_string()),
            _ => error,
        })
    }

    pub(super) fn no_pull(&self) -> Gate {
        self.closed("the issue has no pull request yet")
    }

    pub(super) fn several(&self, numbers: &[u64]) -> Gate {
        let all: Vec<String> = numbers.iter().map(|number| format!("#{number}")).collect();
        self.closed(format!(
            "{} are open for the issue; close all but one",
            all.join(", ")
        ))
    }
}

/// The name, then the name with numbers.
fn names(branch: &str) -> impl Iterator<Item = String> {
    let more = (2..=MAX_NAMES).map({
        let branch = branch.to_owned();
        move |n| format!("{branch}-{n}")
    });
    std::iter::once(branch.to_owned()).chain(more)
}

pub(super) fn block(pull: &Pull) -> HiddenBlock {
    HiddenBlock::split(pull.body.as_deref().unwrap_or_default()).0
}

/// Whether a pull request was opened for the page of a request, by this operation or an earlier one.
fn belongs(pull: &Pull, request: &EffectRequest) -> bool {
    let block = block(pull);
    let by_op = block.created_by.as_ref() == Some(&request.op);
    // A page in the body of an issue that somebody turned into a pull request is no sign of ours.
    by_op || (block.created_by.is_some() && block.page.is_some() && block.page == request.page)
}

fn title(request: &EffectRequest, wanted: &OpenPull, number: u64) -> String {
    let title = Words::of(request, number, line).fill(&wanted.title);
    match one_line(&title, 200) {
        title if title.is_empty() => format!("#{number}"),
        title => title,
    }
}

/// Nothing of it comes from the page but the page's id and address.
fn body(write: &Write, request: &EffectRequest, wanted: &OpenPull, number: u64) -> String {
    let block = HiddenBlock {
        page: request.page.clone().or_else(|| write.page.clone()),
        revision: write.revision.clone(),
        created_by: Some(write.op.clone()),
        url: request.page_url.clone(),
        ..HiddenBlock::default()
    };
    let text = if wanted.closes {
        format!("Closes #{number}")
    } else {
        format!("Issue: #{number}")
    };
    block.body(&shorten(&text))
}

/// A pull request as the links of a record hold it.
pub(super) fn branch_of(effect: &EffectWrite) -> Result<&str> {
    decided(effect, BRANCH)
}

/// The pull request of a write whose outcome is asked for.
pub(super) fn object_of(effect: &EffectWrite) -> Result<&RemoteRef> {
    judged_pull(effect)
}
