//! What a repository asks of its branches, as seeds: classic protection and rulesets.

use serde::{Deserialize, Serialize};

use super::account::Role;
use super::merging::MergeMethod;

/// What classic protection of a branch asks for. It holds for everybody, administrators too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProtectionSeed {
    /// Approvals a pull request needs before it can be merged.
    pub approvals: u32,
    /// Whether a push to the head takes back the approvals.
    pub dismiss_stale_reviews: bool,
    /// Checks that must be reported green, by whomever.
    pub required_checks: Vec<String>,
    /// Checks that must be reported green, perhaps by a certain app.
    pub checks: Vec<ProtectionCheckSeed>,
    /// Whether the head must hold the tip of the base.
    pub strict: bool,
}

impl ProtectionSeed {
    /// Every required check with the app it must come from, the plain names first.
    pub fn contexts(&self) -> impl Iterator<Item = (&str, Option<u64>)> {
        let plain = self
            .required_checks
            .iter()
            .map(|name| (name.as_str(), None));
        plain.chain(
            self.checks
                .iter()
                .map(|check| (check.context.as_str(), check.app_id)),
        )
    }
}

/// A check of classic protection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtectionCheckSeed {
    /// Name of the check run, or context of the status.
    pub context: String,
    /// The app it must come from; any when absent.
    #[serde(default)]
    pub app_id: Option<u64>,
}

/// Whether a ruleset is enforced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// It is.
    #[default]
    Active,
    /// It is only watched: nothing is refused.
    Evaluate,
    /// It is switched off.
    Disabled,
}

impl Enforcement {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Evaluate => "evaluate",
            Self::Disabled => "disabled",
        }
    }
}

/// A ruleset for branches of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesetSeed {
    /// Database id; the next free one when absent.
    #[serde(default)]
    pub id: Option<u64>,
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// Whether it is enforced.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// Branches it is for: names without `refs/heads/`, `*` for any characters but slashes, `**` for
    /// any characters, `~DEFAULT_BRANCH`, `~ALL`.
    pub include: Vec<String>,
    /// Branches it is not for, in the same notation.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Its rules.
    pub rules: Vec<RuleSeed>,
    /// Who it does not bind.
    #[serde(default)]
    pub bypass: Vec<BypassSeed>,
}

/// A rule of a ruleset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RuleSeed {
    /// Checks that must be green.
    RequiredStatusChecks {
        /// Which.
        checks: Vec<RequiredCheckSeed>,
        /// Whether the head must hold the tip of the base.
        #[serde(default)]
        strict: bool,
    },
    /// Changes come through pull requests only.
    PullRequest {
        /// Approvals a pull request needs.
        #[serde(default)]
        approvals: u32,
        /// Whether a push to the head takes back the approvals.
        #[serde(default)]
        dismiss_stale_reviews: bool,
        /// Methods that are left; all of the repository when empty.
        #[serde(default)]
        allowed_merge_methods: Vec<MergeMethod>,
    },
    /// Pull requests are merged by the queue only.
    MergeQueue {
        /// How the queue merges.
        #[serde(default = "squash")]
        merge_method: MergeMethod,
    },
    /// Commits must be signed.
    RequiredSignatures,
    /// No pushes by force.
    NonFastForward,
}

fn squash() -> MergeMethod {
    MergeMethod::Squash
}

/// A check of a ruleset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequiredCheckSeed {
    /// Name of the check run, or context of the status.
    pub context: String,
    /// The app it must come from; any when absent.
    #[serde(default)]
    pub integration_id: Option<u64>,
}

/// Somebody a ruleset does not bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BypassSeed {
    /// People with this role or a higher one.
    Role(Role),
    /// An app, by id.
    App(u64),
}
