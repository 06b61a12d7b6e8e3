//! Merging pull requests.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::account::Actor;
use super::change;
use super::checks::Standing;
use super::history;
use super::object::{Commit, ObjectId};
use super::refs::WEB_SIGNATURE;
use super::refusal::Refusal;
use super::repository::{Pull, Repository};
use super::rules::{Violation, unsigned, worded};
use super::state::State;

/// How a pull request is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeMethod {
    /// A commit with two parents.
    Merge,
    /// One commit with everything.
    Squash,
    /// Every commit again, on top of the base.
    Rebase,
}

impl MergeMethod {
    /// The method with this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "merge" => Some(Self::Merge),
            "squash" => Some(Self::Squash),
            "rebase" => Some(Self::Rebase),
            _ => None,
        }
    }

    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Squash => "squash",
            Self::Rebase => "rebase",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Merge => "Merge commits",
            Self::Squash => "Squash merges",
            Self::Rebase => "Rebase merges",
        }
    }
}

/// What the service says about merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mergeability {
    pub(crate) mergeable: Option<bool>,
    pub(crate) state: &'static str,
}

/// Words for one merge.
#[derive(Debug, Clone, Default)]
pub(crate) struct MergeWords {
    pub(crate) title: Option<String>,
    pub(crate) message: Option<String>,
    /// The head the caller has seen.
    pub(crate) sha: Option<String>,
}

pub(crate) fn not_mergeable() -> Refusal {
    Refusal::new(405, "Pull Request is not mergeable")
}

fn message(title: &str, body: Option<&str>) -> String {
    match body {
        Some(body) if !body.is_empty() => format!("{title}\n\n{body}"),
        _ => title.to_owned(),
    }
}

/// What merging `theirs` into `ours` would edit, or the paths in conflict.
pub(crate) fn merge_plan(
    repo: &Repository,
    ours: ObjectId,
    theirs: ObjectId,
) -> Result<change::EntryEdits, Vec<String>> {
    let base =
        history::merge_base(&repo.objects, ours, theirs).and_then(|id| repo.objects.tree_of(&id));
    let (Some(left), Some(right)) = (repo.objects.tree_of(&ours), repo.objects.tree_of(&theirs))
    else {
        return Err(Vec::new());
    };
    change::merge_edits(&repo.objects, base, left, right)
}

/// The commit that tries a merge, if it is of the present tips.
pub(crate) fn test_merge_of(repo: &Repository, pull: &Pull) -> Option<ObjectId> {
    let ((head, base), commit) = pull.test_merge?;
    (head == pull.head_sha && repo.branch(&pull.base) == Some(base)).then_some(commit)
}

impl State {
    /// Whether and how it could be merged now, without the delay of the background job.
    pub(crate) fn mergeability(&self, repository: u64, number: u64) -> Mergeability {
        let unknown = Mergeability {
            mergeable: None,
            state: "unknown",
        };
        let Some(repo) = self.repositories.get(&repository) else {
            return unknown;
        };
        let Some((issue, pull)) = repo.pull(number) else {
            return unknown;
        };
        let Some(base) = repo.branch(&pull.base) else {
            return unknown;
        };
        if !issue.open {
            return unknown;
        }
        let clean = merge_plan(repo, base, pull.head_sha).is_ok();
        let demands = self.demands(repo, &pull.base, None);
        let behind =
            || demands.is_strict() && !history::is_ancestor(&repo.objects, base, pull.head_sha);
        let passed = || {
            repo.checks
                .rollup(pull.head_sha)
                .is_none_or(|worst| worst == Standing::Passed)
        };
        // Which word wins where several fit is not documented; here the one that asks for most.
        let state = match clean {
            false => "dirty",
            true if pull.draft => "draft",
            true if !self.obstacles(repo, pull, &demands, false).is_empty() => "blocked",
            true if behind() => "behind",
            true if !passed() => "unstable",
            true => "clean",
        };
        Mergeability {
            mergeable: Some(clean),
            state,
        }
    }

    /// As [`State::mergeability`], but unknown for the first reads after a branch moved.
    pub(crate) fn poll_mergeability(&mut self, repository: u64, number: u64) -> Mergeability {
        let polls = self.settings.mergeable_polls;
        let tip = self.repositories.get(&repository).and_then(|repo| {
            let (_, pull) = repo.pull(number)?;
            Some((pull.head_sha, repo.branch(&pull.base)?))
        });
        if let Ok(pull) = self.pull_mut(repository, number)
            && tip.is_some()
        {
            if pull.polled != tip {
                pull.polled = tip;
                pull.polls = polls;
            }
            if pull.polls > 0 {
                pull.polls -= 1;
                return Mergeability {
                    mergeable: None,
                    state: "unknown",
                };
            }
        }
        self.mergeability(repository, number)
    }

    /// Merges a pull request and returns the new tip of the base.
    pub(crate) fn merge_pull(
        &mut self,
        repository: u64,
        number: u64,
        method: MergeMethod,
        words: &MergeWords,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<ObjectId, Refusal> {
        let repo = self.repository(repository)?;
        let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        if words
            .sha
            .as_deref()
            .is_some_and(|sha| !pull.head_sha.to_string().eq_ignore_ascii_case(sha))
        {
            return Err(Refusal::new(
                409,
                "Head branch was modified. Review and try the merge again.",
            ));
        }
        if !issue.open || pull.draft {
            return Err(not_mergeable());
        }
        if !repo.merge_methods.contains(method.as_str()) {
            return Err(Refusal::new(
                405,
                format!("{} are not allowed on this repository.", method.plural()),
            ));
        }
        let base = repo.branch(&pull.base).ok_or_else(not_mergeable)?;
        let demands = self.demands(repo, &pull.base, Some(actor));
        let behind =
            demands.is_strict() && !history::is_ancestor(&repo.objects, base, pull.head_sha);
        let mut violations = self.obstacles(repo, pull, &demands, behind);
        if demands.queue.is_some() {
            violations.insert(
                0,
                Violation {
                    message: "Changes must be made through the merge queue".to_owned(),
                    ruleset: true,
                },
            );
        }
        if demands
            .methods
            .as_ref()
            .is_some_and(|methods| !methods.contains(&method))
        {
            // No source for the words.
            violations.push(Violation {
                message: format!("{} are not allowed on this branch.", method.plural()),
                ruleset: true,
            });
        }
        if demands.signatures && method == MergeMethod::Rebase {
            // Commits made again have no signature.
            violations.push(unsigned());
        }
        if let Some(message) = worded(&violations) {
            return Err(Refusal::new(405, message));
        }
        merge_plan(repo, base, pull.head_sha).map_err(|_| not_mergeable())?;
        let tip = self.build_merge(repository, number, (base, method), words, actor, now)?;
        self.land(repository, number, (base, tip), actor, now)?;
        Ok(tip)
    }

    /// Makes the commits that bring a pull request onto a commit, and returns the last. The caller
    /// has checked that there is no conflict.
    pub(crate) fn build_merge(
        &mut self,
        repository: u64,
        number: u64,
        (base, method): (ObjectId, MergeMethod),
        words: &MergeWords,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<ObjectId, Refusal> {
        let repo = self.repository(repository)?;
        let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        let (head, head_name) = (pull.head_sha, pull.head.clone());
        let (owner, pull_title) = (repo.owner.clone(), issue.title.clone());
        let commits = history::log(&repo.objects, head, Some(base));
        let author = self.signature(actor, now);
        let web = Self::web_flow(now);
        let signature = Some(WEB_SIGNATURE.to_owned());
        let tip = match method {
            MergeMethod::Merge => {
                let title = words.title.clone().unwrap_or_else(|| {
                    format!("Merge pull request #{number} from {owner}/{head_name}")
                });
                let message = message(&title, words.message.as_deref().or(Some(&pull_title)));
                let tree = self.merged_tree(repository, base, head)?;
                let commit = Commit {
                    tree,
                    parents: vec![base, head],
                    author,
                    committer: web,
                    signature,
                    message,
                };
                self.repository_mut(repository)?
                    .objects
                    .insert(commit.object())
            }
            MergeMethod::Squash => {
                let single = (commits.len() == 1).then(|| commits[0].1.message.clone());
                let (default_title, default_body) = match single {
                    Some(text) => {
                        let (title, body) = text.split_once('\n').unwrap_or((&text, ""));
                        (title.to_owned(), body.trim().to_owned())
                    }
                    None => {
                        let list = commits
                            .iter()
                            .rev()
                            .map(|(_, commit)| format!("* {}", commit.message.trim_end()));
                        (pull_title.clone(), list.collect::<Vec<_>>().join("\n\n"))
                    }
                };
                let title = words
                    .title
                    .clone()
                    .unwrap_or_else(|| format!("{default_title} (#{number})"));
                let message = message(
                    &title,
                    Some(words.message.as_deref().unwrap_or(&default_body)),
                );
                let tree = self.merged_tree(repository, base, head)?;
                let commit = Commit {
                    tree,
                    parents: vec![base],
                    author,
                    committer: web,
                    signature,
                    message,
                };
                self.repository_mut(repository)?
                    .objects
                    .insert(commit.object())
            }
            MergeMethod::Rebase => {
                let mut onto = base;
                for (id, commit) in commits
                    .into_iter()
                    .rev()
                    .filter(|(_, commit)| commit.parents.len() < 2)
                {
                    onto = self.replay(repository, onto, id, commit, &web)?;
                }
                onto
            }
        };
        Ok(tip)
    }

    /// Puts the commits of a merge onto the base, with everything that follows.
    pub(crate) fn land(
        &mut self,
        repository: u64,
        number: u64,
        tips: (ObjectId, ObjectId),
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.unsettled(repository, now, |state| {
            state.land_now(repository, number, tips, actor, now)
        })
    }

    fn land_now(
        &mut self,
        repository: u64,
        number: u64,
        (base, tip): (ObjectId, ObjectId),
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let repo = self.repository(repository)?;
        let (issue, pull) = repo.pull(number).ok_or_else(Refusal::not_found)?;
        let (head_name, base_name) = (pull.head.clone(), pull.base.clone());
        let pull_body = issue.body.clone();
        self.pull_mut(repository, number)?.base_sha = base;
        self.mark_merged(repository, number, tip, actor, now)?;
        self.set_ref(
            repository,
            &format!("refs/heads/{base_name}"),
            Some(tip),
            actor,
            now,
        )?;
        if self.repository(repository)?.default_branch == base_name {
            self.close_mentioned(
                repository,
                pull_body.as_deref().unwrap_or_default(),
                Some(tip),
                actor,
                now,
            )?;
        }
        if self.repository(repository)?.delete_branch_on_merge {
            self.set_ref(
                repository,
                &format!("refs/heads/{head_name}"),
                None,
                actor,
                now,
            )?;
        }
        Ok(())
    }

    /// A merge commit of `theirs` into `ours`, signed by the service. The caller has checked that
    /// there is no conflict.
    pub(crate) fn merge_commit(
        &mut self,
        repository: u64,
        ours: ObjectId,
        theirs: ObjectId,
        message: &str,
        actor: &Actor,
        now: DateTime<Utc>,
    ) -> Result<ObjectId, Refusal> {
        let tree = self.merged_tree(repository, ours, theirs)?;
        let commit = Commit {
            tree,
            parents: vec![ours, theirs],
            author: self.signature(actor, now),
            committer: Self::web_flow(now),
            signature: Some(WEB_SIGNATURE.to_owned()),
            message: message.to_owned(),
        };
        Ok(self
            .repository_mut(repository)?
            .objects
            .insert(commit.object()))
    }

    /// The commit that tries the merge of an open pull request (`refs/pull/N/merge`), made where it is
    /// not there for its present tips; `None` where there is a conflict.
    pub(crate) fn test_merge(
        &mut self,
        repository: u64,
        number: u64,
        now: DateTime<Utc>,
    ) -> Option<ObjectId> {
        let repo = self.repository(repository).ok()?;
        let (issue, pull) = repo.pull(number)?;
        if let Some(known) = test_merge_of(repo, pull) {
            return issue.open.then_some(known);
        }
        let (head, base) = (pull.head_sha, repo.branch(&pull.base)?);
        if !issue.open {
            return None;
        }
        let commit = Commit {
            tree: self.merged_tree(repository, base, head).ok()?,
            parents: vec![base, head],
            author: Self::web_flow(now),
            committer: Self::web_flow(now),
            signature: Some(WEB_SIGNATURE.to_owned()),
            message: format!("Merge {head} into {base}"),
        };
        let repo = self.repository_mut(repository).ok()?;
        let made = repo.objects.insert(commit.object());
        self.pull_mut(repository, number).ok()?.test_merge = Some(((head, base), made));
        Some(made)
    }

    /// The tree of two commits merged.
    pub(crate) fn merged_tree(
        &mut self,
        repository: u64,
        ours: ObjectId,
        theirs: ObjectId,
    ) -> Result<ObjectId, Refusal> {
        let repo = self.repository_mut(repository)?;
        let edits =
            merge_plan(repo, ours, theirs).map_err(|_| Refusal::new(409, "Merge conflict"))?;
        let tree = repo.objects.tree_of(&ours).ok_or_else(not_mergeable)?;
        Ok(repo.objects.edit(&tree, &edits))
    }

    pub(crate) fn replay(
        &mut self,
        repository: u64,
        onto: ObjectId,
        id: ObjectId,
        commit: Commit,
        committer: &super::object::Signature,
    ) -> Result<ObjectId, Refusal> {
        let repo = self.repository_mut(repository)?;
        let before = commit
            .parents
            .first()
            .and_then(|parent| repo.objects.tree_of(parent));
        let tree = repo.objects.tree_of(&onto).ok_or_else(not_mergeable)?;
        let edits = change::merge_edits(&repo.objects, before, tree, commit.tree)
            .map_err(|_| not_mergeable())?;
        if commit.parents.first() == Some(&onto) && commit.signature.is_none() {
            return Ok(id);
        }
        let tree = repo.objects.edit(&tree, &edits);
        let copy = Commit {
            tree,
            parents: vec![onto],
            committer: committer.clone(),
            signature: None,
            ..commit
        };
        Ok(repo.objects.insert(copy.object()))
    }
}
