//! What a branch requires before something is merged into it: by rulesets, by classic protection,
//! and as GraphQL says it.

use std::collections::BTreeSet;

use notion_sync_core::effect::MergeMethod;
use notion_sync_core::{ErrorKind, Result};

use crate::client::GithubClient;
use crate::endpoint::{BRANCH, BRANCH_CHECKS, Call, RULES};
use crate::repository::RepositoryInfo;
use crate::wire::{Branch, RequiredCheck, RequiredChecks, Rule};

/// A check or status that must pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Required {
    /// Name of the check, or context of the status.
    pub(super) name: String,
    /// The app that must have reported it; any where there is none.
    pub(super) app: Option<u64>,
}

/// What a branch requires.
#[derive(Debug, Clone, Default)]
pub(super) struct Requirements {
    pub(super) checks: BTreeSet<Required>,
    /// Whether any rule or protection is in force.
    pub(super) ruled: bool,
    /// Whether the head must hold the tip of the base, as far as it is known.
    pub(super) strict: bool,
    /// Whether only a merge queue merges.
    pub(super) queue: bool,
    /// The methods that rules leave; `None` where no rule says anything.
    pub(super) methods: Option<BTreeSet<MergeMethod>>,
}

impl Requirements {
    /// Asks the rules of a branch, then its classic protection: with the right to administer in
    /// full, without it as the branch itself shows it.
    pub(super) async fn of(
        client: &GithubClient,
        repository: &RepositoryInfo,
        branch: &str,
    ) -> Result<Self> {
        let mut found = Self::default();
        let id = repository.id.to_string();
        let call = Call::new(&RULES, &[&id, branch]).with("branch", branch);
        match client.all::<Rule>(call).await {
            Ok(rules) => {
                found.ruled |= !rules.is_empty();
                for rule in rules {
                    found.add_rule(rule);
                }
            }
            // Not on every plan and server.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Forbidden) => {}
            Err(error) => return Err(error),
        }
        let call = Call::new(&BRANCH, &[&id, branch]).with("branch", branch);
        let shown: Branch = client.call(call).await?.json()?;
        if shown.protected != Some(true) {
            return Ok(found);
        }
        found.ruled = true;
        let call = Call::new(&BRANCH_CHECKS, &[&id, branch]).with("branch", branch);
        let protection = match client.call(call).await {
            Ok(answer) => Some(answer.json::<RequiredChecks>()?),
            // Without the right, or without required checks: then the branch says the same.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Forbidden) => {
                shown
                    .protection
                    .and_then(|protection| protection.required_status_checks)
            }
            Err(error) => return Err(error),
        };
        if let Some(checks) = protection {
            found.add_checks(checks);
        }
        Ok(found)
    }

    fn add_rule(&mut self, rule: Rule) {
        let parameters = rule.parameters.unwrap_or_default();
        match rule.kind.as_deref() {
            Some("required_status_checks") => {
                self.strict |= parameters.strict_required_status_checks_policy == Some(true);
                for check in parameters.required_status_checks {
                    self.add_check(check);
                }
            }
            Some("merge_queue") => self.queue = true,
            Some("pull_request") => {
                let Some(names) = parameters.allowed_merge_methods else {
                    return;
                };
                let named: BTreeSet<MergeMethod> =
                    names.iter().filter_map(|name| method(name)).collect();
                // Several rules leave what all of them leave. An empty list is none.
                if !names.is_empty() {
                    self.methods = Some(match self.methods.take() {
                        Some(known) => known.intersection(&named).copied().collect(),
                        None => named,
                    });
                }
            }
            _ => {}
        }
    }

    fn add_checks(&mut self, checks: RequiredChecks) {
        if checks.enforcement_level.as_deref() == Some("off") {
            return;
        }
        self.strict |= checks.strict == Some(true);
        let named: BTreeSet<&str> = checks
            .checks
            .iter()
            .filter_map(|check| check.context.as_deref())
            .collect();
        // Both lists name the same checks; only one of them knows the apps.
        let plain: Vec<String> = checks
            .contexts
            .iter()
            .filter(|name| !named.contains(name.as_str()))
            .cloned()
            .collect();
        self.checks
            .extend(plain.into_iter().map(|name| Required { name, app: None }));
        for check in checks.checks {
            self.add_check(check);
        }
    }

    fn add_check(&mut self, check: RequiredCheck) {
        let Some(name) = check.context else { return };
        // Minus one stands for any app.
        let app = check.app_id.or(check.integration_id);
        let app = app.and_then(|app| u64::try_from(app).ok());
        self.checks.insert(Required { name, app });
    }
}

/// The method with this word.
pub(super) fn method(word: &str) -> Option<MergeMethod> {
    match word.to_ascii_lowercase().as_str() {
        "merge" => Some(MergeMethod::Merge),
        "squash" => Some(MergeMethod::Squash),
        "rebase" => Some(MergeMethod::Rebase),
        _ => None,
    }
}

/// The word of the API.
pub(super) fn word(method: MergeMethod) -> &'static str {
    match method {
        MergeMethod::Merge => "merge",
        MergeMethod::Squash => "squash",
        MergeMethod::Rebase => "rebase",
    }
}
