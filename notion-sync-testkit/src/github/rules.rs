//! What protection and rulesets ask of a branch.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::account::{Actor, Role};
use super::checks::Standing;
use super::history;
use super::merging::MergeMethod;
use super::object::ObjectId;
use super::repository::{Pull, Repository, Review};
use super::state::State;
use super::world_rules::{BypassSeed, Enforcement, RuleSeed, RulesetSeed};

/// A ruleset of a repository.
#[derive(Debug, Clone)]
pub(crate) struct Ruleset {
    pub(crate) id: u64,
    pub(crate) seed: RulesetSeed,
    pub(crate) created_at: DateTime<Utc>,
}

/// A check that must pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Required {
    pub(crate) context: String,
    pub(crate) app: Option<u64>,
    /// Whether a ruleset asks for it, not classic protection.
    pub(crate) ruleset: bool,
}

/// Everything a branch asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demands {
    pub(crate) checks: Vec<Required>,
    /// Whether the head must hold the tip of the base.
    pub(crate) strict: bool,
    /// Whether changes come through pull requests: by classic protection, by a ruleset.
    pub(crate) pull_classic: bool,
    pub(crate) pull_ruleset: bool,
    pub(crate) approvals: u32,
    /// Whether the number of approvals is a ruleset's.
    pub(crate) approvals_ruleset: bool,
    pub(crate) dismiss_stale: bool,
    /// Methods that rules leave, if they name any.
    pub(crate) methods: Option<BTreeSet<MergeMethod>>,
    pub(crate) queue: Option<MergeMethod>,
    pub(crate) signatures: bool,
    pub(crate) fast_forward: bool,
}

/// Something that forbids, in the words of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) message: String,
    /// Whether a ruleset forbids it, not classic protection.
    pub(crate) ruleset: bool,
}

/// Violations as one message. Rulesets put a heading above theirs; source of the form: answers
/// quoted in public issue threads ("Repository rule violations found … Changes must be made through
/// a pull request.").
pub(crate) fn worded(violations: &[Violation]) -> Option<String> {
    let lines = |ruleset: bool| {
        violations
            .iter()
            .filter(move |found| found.ruleset == ruleset)
            .map(|found| found.message.as_str())
            .collect::<Vec<_>>()
    };
    let (classic, rules) = (lines(false), lines(true));
    if !classic.is_empty() {
        return Some(classic.join(" "));
    }
    (!rules.is_empty()).then(|| {
        format!(
            "Repository rule violations found\n\n{}\n\n",
            rules.join("\n\n")
        )
    })
}

/// Whether a pattern names a branch. `*` stands for anything but slashes, `**` for anything.
pub(crate) fn matches(pattern: &str, branch: &str, default_branch: &str) -> bool {
    match pattern {
        "~ALL" => return true,
        "~DEFAULT_BRANCH" => return branch == default_branch,
        _ => {}
    }
    let pattern = pattern.strip_prefix("refs/heads/").unwrap_or(pattern);
    let name = branch.as_bytes();
    // `reached[at]`: the pattern so far fits the first `at` bytes of the name.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    let mut rest = pattern.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let mut next = vec![false; name.len() + 1];
        if first == b'*' {
            let any = after.first() == Some(&b'*');
            rest = if any { &after[1..] } else { after };
            let mut open = false;
            for at in 0..=name.len() {
                open = reached[at] || open && (any || name[at - 1] != b'/');
                next[at] = open;
            }
        } else {
            rest = after;
            for at in 0..name.len() {
                next[at + 1] = reached[at] && name[at] == first;
            }
        }
        reached = next;
    }
    reached[name.len()]
}

impl Ruleset {
    pub(crate) fn covers(&self, branch: &str, default_branch: &str) -> bool {
        let any = |patterns: &[String]| {
            patterns
                .iter()
                .any(|pattern| matches(pattern, branch, default_branch))
        };
        any(&self.seed.include) && !any(&self.seed.exclude)
    }

    pub(crate) fn is_active(&self) -> bool {
        self.seed.enforcement == Enforcement::Active
    }
}

impl State {
    /// The enforced rulesets of a branch, whether or not it exists.
    pub(crate) fn rulesets_of<'a>(
        &self,
        repo: &'a Repository,
        branch: &str,
    ) -> impl Iterator<Item = &'a Ruleset> {
        repo.rulesets
            .iter()
            .filter(move |found| found.is_active() && found.covers(branch, &repo.default_branch))
    }

    /// Whether somebody is not bound by a ruleset.
    pub(crate) fn is_spared(&self, repo: &Repository, ruleset: &Ruleset, actor: &Actor) -> bool {
        ruleset.seed.bypass.iter().any(|bypass| match bypass {
            BypassSeed::App(app) => actor.app == Some(*app),
            // An app has no role.
            BypassSeed::Role(role) => {
                actor.app.is_none() && self.explicit_role(repo, &actor.login) >= Some(*role)
            }
        })
    }

    /// What a branch asks for: of everybody, or of somebody whom rulesets may spare.
    pub(crate) fn demands(&self, repo: &Repository, branch: &str, of: Option<&Actor>) -> Demands {
        let mut demands = Demands::default();
        if let Some(rules) = repo.protected.get(branch) {
            demands.pull_classic = true;
            demands.strict = rules.strict;
            demands.approvals = rules.approvals;
            demands.dismiss_stale = rules.dismiss_stale_reviews;
            demands
                .checks
                .extend(rules.contexts().map(|(context, app)| Required {
                    context: context.to_owned(),
                    app,
                    ruleset: false,
                }));
        }
        for ruleset in self.rulesets_of(repo, branch) {
            if of.is_some_and(|actor| self.is_spared(repo, ruleset, actor)) {
                continue;
            }
            for rule in &ruleset.seed.rules {
                demands.add(rule);
            }
        }
        demands
    }

    /// What keeps a pull request from being merged, apart from conflicts. `behind`: whether the head
    /// lacks the tip of a base that is strict.
    pub(crate) fn obstacles(
        &self,
        repo: &Repository,
        pull: &Pull,
        demands: &Demands,
        behind: bool,
    ) -> Vec<Violation> {
        let mut found = Vec::new();
        if demands.pull_classic || demands.pull_ruleset {
            found.extend(self.review_obstacle(repo, pull, demands));
        }
        found.extend(if behind {
            behind_violations(demands)
        } else {
            pull_violations(repo, pull, demands)
        });
        if demands.signatures {
            let commits = super::pulls::pull_commits(repo, pull);
            if commits.iter().any(|(_, commit)| commit.signature.is_none()) {
                found.push(unsigned());
            }
        }
        found
    }

    /// The last word of every reviewer whose word counts.
    pub(crate) fn verdicts<'a>(&self, repo: &Repository, pull: &'a Pull) -> Vec<&'a Review> {
        let mut latest = std::collections::BTreeMap::new();
        for review in pull
            .reviews
            .iter()
            .filter(|review| review.state != "COMMENTED" && review.state != "PENDING")
        {
            latest.insert(review.author.as_str(), review);
        }
        latest
            .into_values()
            .filter(|review| self.role(repo, &review.author) >= Some(Role::Write))
            .collect()
    }

    fn review_obstacle(
        &self,
        repo: &Repository,
        pull: &Pull,
        demands: &Demands,
    ) -> Option<Violation> {
        let verdicts = self.verdicts(repo, pull);
        let ruleset = demands.approvals_ruleset || !demands.pull_classic;
        if verdicts
            .iter()
            .any(|review| review.state == "CHANGES_REQUESTED")
        {
            return Some(Violation {
                message: "Changes were requested by a reviewer with write access.".to_owned(),
                ruleset,
            });
        }
        let approvals = verdicts
            .iter()
            .filter(|review| review.state == "APPROVED")
            .count();
        (approvals < demands.approvals as usize).then(|| Violation {
            message: format!(
                "At least {} approving review is required by reviewers with write access.",
                demands.approvals
            ),
            ruleset,
        })
    }

    /// What forbids pointing a branch at a commit, or deleting it, by a push.
    pub(crate) fn push_violations(
        &self,
        repo: &Repository,
        branch: &str,
        target: Option<ObjectId>,
        actor: &Actor,
    ) -> Vec<Violation> {
        let demands = self.demands(repo, branch, Some(actor));
        let mut found = Vec::new();
        let old = repo.branch(branch);
        // Classic protection does not keep anybody from making a branch.
        if demands.pull_classic && old.is_some() {
            found.push(through("a pull request.", false));
        }
        let Some(target) = target else {
            // Of the rules here none is about deleting.
            return found;
        };
        if demands.fast_forward
            && old.is_some_and(|old| !history::is_ancestor(&repo.objects, old, target))
        {
            found.push(Violation {
                message: "Cannot force-push to this branch".to_owned(),
                ruleset: true,
            });
        }
        if demands.queue.is_some() {
            found.push(through("the merge queue", true));
        }
        if demands.pull_ruleset {
            found.push(through("a pull request.", true));
        }
        found.extend(
            check_violations(repo, target, &demands)
                .into_iter()
                .filter(|check| check.ruleset),
        );
        if demands.signatures {
            let known = old.or_else(|| repo.branch(&repo.default_branch));
            let fresh = history::log(&repo.objects, target, known);
            if fresh.iter().any(|(_, commit)| commit.signature.is_none()) {
                found.push(unsigned());
            }
        }
        found
    }

    /// The message that refuses a push, if something forbids it.
    pub(crate) fn push_refusal(
        &self,
        repository: u64,
        branch: &str,
        target: Option<ObjectId>,
        actor: &Actor,
    ) -> Option<String> {
        let repo = self.repositories.get(&repository)?;
        worded(&self.push_violations(repo, branch, target, actor))
    }
}

fn through(what: &str, ruleset: bool) -> Violation {
    Violation {
        message: format!("Changes must be made through {what}"),
        ruleset,
    }
}

pub(crate) fn unsigned() -> Violation {
    Violation {
        message: "Commits must have verified signatures.".to_owned(),
        ruleset: true,
    }
}

/// The required checks that did not pass on a commit. "is expected", "is in progress" and "N of N
/// required status checks are expected" are from answers quoted in public issue threads; the other
/// words and the mixed count are formed after them, without a source.
pub(crate) fn check_violations(
    repo: &Repository,
    commit: ObjectId,
    demands: &Demands,
) -> Vec<Violation> {
    let standing = |check: &Required| repo.checks.standing(commit, &check.context, check.app);
    checks_worded(demands, standing)
}

/// As [`check_violations`], for a pull request: what was reported under a name on the commit that tries
/// its merge decides, and the head only where there is nothing. The documentation says "if the test
/// merge commit has a status"; that this is meant name by name is an assumption.
fn pull_violations(repo: &Repository, pull: &Pull, demands: &Demands) -> Vec<Violation> {
    let tried = super::merging::test_merge_of(repo, pull);
    checks_worded(demands, |check: &Required| {
        let on = |commit| repo.checks.standing(commit, &check.context, check.app);
        tried
            .map(on)
            .filter(|found| *found != Standing::Expected)
            .unwrap_or_else(|| on(pull.head_sha))
    })
}

/// As [`check_violations`], where nothing counts because the head is behind its base: the service
/// then says that every check is expected, green or not (public issue threads quote it).
fn behind_violations(demands: &Demands) -> Vec<Violation> {
    let mut found = checks_worded(demands, |_| Standing::Expected);
    if found.is_empty() {
        // Strict without any check: nothing to be expected, and no source for the words.
        found.push(Violation {
            message: "Head branch is out of date with the base branch.".to_owned(),
            ruleset: !demands.pull_classic,
        });
    }
    found
}

fn checks_worded(demands: &Demands, standing: impl Fn(&Required) -> Standing) -> Vec<Violation> {
    let mut found = Vec::new();
    for ruleset in [false, true] {
        let of_kind: Vec<&Required> = demands
            .checks
            .iter()
            .filter(|check| check.ruleset == ruleset)
            .collect();
        let open: Vec<(&str, Standing)> = of_kind
            .iter()
            .map(|check| (check.context.as_str(), standing(check)))
            .filter(|(_, standing)| *standing != Standing::Passed)
            .collect();
        let message = match open.as_slice() {
            [] => continue,
            [(name, standing)] => {
                format!("Required status check \"{name}\" is {}.", standing.word())
            }
            [(_, first), rest @ ..] => {
                let count = format!("{} of {} required status checks", open.len(), of_kind.len());
                let words: BTreeSet<&str> =
                    open.iter().map(|(_, standing)| standing.word()).collect();
                if rest.iter().all(|(_, other)| other.word() == first.word()) {
                    format!("{count} are {}.", first.word())
                } else {
                    let parts: Vec<String> = words
                        .iter()
                        .map(|word| {
                            let many = open.iter().filter(|(_, found)| found.word() == *word);
                            format!("{} {word}", many.count())
                        })
                        .collect();
                    format!("{count} have not succeeded: {}.", parts.join(" and "))
                }
            }
        };
        found.push(Violation { message, ruleset });
    }
    found
}

impl Demands {
    pub(crate) fn add(&mut self, rule: &RuleSeed) {
        match rule {
            RuleSeed::RequiredStatusChecks { checks, strict } => {
                self.strict |= strict;
                self.checks.extend(checks.iter().map(|check| Required {
                    context: check.context.clone(),
                    app: check.integration_id,
                    ruleset: true,
                }));
            }
            RuleSeed::PullRequest {
                approvals,
                dismiss_stale_reviews,
                allowed_merge_methods,
            } => {
                self.pull_ruleset = true;
                if *approvals > self.approvals {
                    self.approvals = *approvals;
                    self.approvals_ruleset = true;
                }
                self.dismiss_stale |= dismiss_stale_reviews;
                if !allowed_merge_methods.is_empty() {
                    let named: BTreeSet<MergeMethod> =
                        allowed_merge_methods.iter().copied().collect();
                    self.methods = Some(match self.methods.take() {
                        Some(known) => known.intersection(&named).copied().collect(),
                        None => named,
                    });
                }
            }
            RuleSeed::MergeQueue { merge_method } => self.queue = Some(*merge_method),
            RuleSeed::RequiredSignatures => self.signatures = true,
            RuleSeed::NonFastForward => self.fast_forward = true,
        }
    }

    /// Whether the head must hold the tip of the base. A queue brings it there itself.
    pub(crate) fn is_strict(&self) -> bool {
        self.strict && self.queue.is_none()
    }

    /// Whether a result under this name by this app is asked for.
    pub(crate) fn requires(&self, context: &str, app: Option<u64>) -> bool {
        self.checks
            .iter()
            .any(|check| check.context == context && (check.app.is_none() || check.app == app))
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_name_branches() {
        for (pattern, branch, fits) in [
            ("main", "main", true),
            ("main", "maintenance", false),
            ("refs/heads/main", "main", true),
            ("~DEFAULT_BRANCH", "main", true),
            ("~DEFAULT_BRANCH", "other", false),
            ("~ALL", "any/thing", true),
            ("release/*", "release/1", true),
            ("release/*", "release/1/2", false),
            ("release/**", "release/1/2", true),
            ("*", "topic", true),
            ("*", "a/b", false),
            ("*-x-*", "a-x-b", true),
            ("*-x-*", "a-y-b", false),
            ("", "main", false),
        ] {
            assert_eq!(matches(pattern, branch, "main"), fits, "{pattern} {branch}");
        }
    }
}
