//! What a credential can do, for the check of a configuration.

use std::collections::BTreeMap;

use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::json;

use crate::client::GithubClient;
use crate::credentials::CredentialKind;
use crate::endpoint::{
    ASSIGNEES, BRANCH, CREATE_ISSUE, CREATE_PULL, CREATE_REF, Call, Endpoint,
    INSTALLATION_REPOSITORIES, ISSUES, RULES, TREE, USER, USER_BY_LOGIN,
};
use crate::repository::RepositoryInfo;
use crate::wire::{Account, Branch, InstallationRepositories, Rule};

/// What a mapping needs in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// `owner/name`.
    pub repository: String,
    /// Branch that must exist.
    pub branch: Option<String>,
    /// Whether files are read.
    pub read_contents: bool,
    /// Whether files are written.
    pub write_contents: bool,
    /// Whether commits go to the branch itself rather than through pull requests.
    pub direct_commits: bool,
    /// Whether issues are read.
    pub read_issues: bool,
    /// Whether issues are written.
    pub write_issues: bool,
    /// Whether pull requests are opened.
    pub write_pulls: bool,
}

/// One thing that is wrong, or that should be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The repository it concerns; `None` for the credential.
    pub repository: Option<String>,
    /// Whether it keeps the mapping from working.
    pub fatal: bool,
    /// What is wrong.
    pub problem: String,
    /// What a person can do about it.
    pub remedy: String,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessReport {
    /// Whose token it is; `None` for an installation.
    pub login: Option<String>,
    /// Repositories that were found, by configured name.
    pub repositories: BTreeMap<String, RepositoryInfo>,
    /// What is wrong, all faults at once, in the order of the needs.
    pub findings: Vec<Finding>,
}

impl AccessReport {
    /// Whether nothing keeps the mappings from working.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        !self.findings.iter().any(|finding| finding.fatal)
    }

    fn add(
        &mut self,
        repository: Option<&str>,
        fatal: bool,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.findings.push(Finding {
            repository: repository.map(str::to_owned),
            fatal,
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    fn fail(&mut self, repository: Option<&str>, error: &Error) {
        let remedy = error.remedy_text().unwrap_or("see the message").to_owned();
        let text = error.to_string();
        let text = text.strip_suffix(&format!(" ({remedy})")).unwrap_or(&text);
        self.add(repository, true, text, remedy);
    }
}

/// A person who can be assigned, for the map of users.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// Login.
    pub login: String,
    /// Numeric id; logins can be renamed.
    pub id: u64,
}

/// A permission, the endpoint that needs it, and how it is called on the token's page.
struct Probe {
    permission: &'static str,
    level: &'static str,
    endpoint: &'static Endpoint,
}

impl GithubClient {
    /// Checks a credential against what mappings need. Nothing is changed on GitHub.
    ///
    /// Permissions of an installation come with its token. Those of a personal token are probed:
    /// reads by reading, writes by requests whose body lacks what is required, which GitHub refuses
    /// after it has checked the permission.
    ///
    /// # Errors
    ///
    /// Only where GitHub cannot be asked at all (no connection, rate limit); everything else is a
    /// finding.
    pub async fn check(&self, needs: &[Needs]) -> Result<AccessReport> {
        let mut report = AccessReport::default();
        let granted = match self.check_credential(&mut report).await {
            Ok(granted) => granted,
            Err(error) if passes(&error) => return Err(error),
            Err(error) => {
                report.fail(None, &error);
                return Ok(report);
            }
        };
        for need in needs {
            match self.check_need(need, granted.as_ref(), &mut report).await {
                Ok(()) => {}
                Err(error) if passes(&error) => return Err(error),
                Err(error) => report.fail(Some(&need.repository), &error),
            }
        }
        Ok(report)
    }

    async fn check_credential(
        &self,
        report: &mut AccessReport,
    ) -> Result<Option<BTreeMap<String, String>>> {
        match self.credential_kind() {
            CredentialKind::Personal => {
                let user: Account = self.call(Call::new(&USER, &[])).await?.json()?;
                report.login = user.login;
                Ok(None)
            }
            CredentialKind::Installation => {
                let call = Call::new(&INSTALLATION_REPOSITORIES, &[]).query("per_page", "1");
                let _: InstallationRepositories = self.call(call).await?.json()?;
                Ok(self.permissions().await)
            }
        }
    }

    async fn check_need(
        &self,
        need: &Needs,
        granted: Option<&BTreeMap<String, String>>,
        report: &mut AccessReport,
    ) -> Result<()> {
        let name = need.repository.as_str();
        let found = self.repository(name).await?;
        let id = found.id.to_string();
        if !found.full_name.eq_ignore_ascii_case(name) {
            let text = format!("the repository is called {} now", found.full_name);
            report.add(
                Some(name),
                false,
                text,
                "change the name in the configuration",
            );
        }
        let writes = need.write_contents || need.write_issues || need.write_pulls;
        if found.archived && writes {
            report.add(
                Some(name),
                true,
                "the repository is archived",
                "unarchive it, or remove the mapping",
            );
        }
        if !found.has_issues && (need.read_issues || need.write_issues) {
            report.add(
                Some(name),
                true,
                "issues are switched off",
                "switch them on in the repository's settings",
            );
        }
        for probe in probes(need, found.has_issues) {
            self.probe(&id, name, &probe, granted, report).await?;
        }
        if let Some(branch) = &need.branch {
            self.check_branch(&id, name, branch, need.direct_commits, report)
                .await?;
        }
        report.repositories.insert(name.to_owned(), found);
        Ok(())
    }

    async fn probe(
        &self,
        id: &str,
        name: &str,
        probe: &Probe,
        granted: Option<&BTreeMap<String, String>>,
        report: &mut AccessReport,
    ) -> Result<()> {
        let Probe {
            permission,
            level,
            endpoint,
        } = probe;
        let words = permission.replace('_', " ");
        let lacks = format!("the permission \"{words}: {level}\" is missing");
        if let Some(granted) = granted {
            let has = granted.get(*permission).map_or("none", String::as_str);
            let enough = matches!((*level, has), ("read", "read") | (_, "write" | "admin"));
            if !enough {
                let remedy = format!(
                    "grant \"{words}: {level}\" in the App's settings and accept it on the installation"
                );
                report.add(Some(name), true, lacks, remedy);
            }
            return Ok(());
        }
        let call = if std::ptr::eq(*endpoint, &raw const TREE) {
            Call::new(endpoint, &[id, "HEAD"])
        } else {
            Call::new(endpoint, &[id])
        };
        let call = if endpoint.writes() {
            call.body(json!({}))
        } else {
            call.query("per_page", "1")
        };
        match self.call(call).await {
            Ok(_) => {}
            Err(error) if passes(&error) => return Err(error),
            Err(error)
                if matches!(error.kind(), ErrorKind::Forbidden | ErrorKind::Unauthorized) =>
            {
                let remedy = error.remedy_text().map_or_else(
                    || format!("grant the token \"{words}: {level}\" for this repository"),
                    str::to_owned,
                );
                report.add(Some(name), true, lacks, remedy);
            }
            // A repository that can be seen but not entered, or cannot be written.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let remedy = format!("grant the token \"{words}: {level}\" for this repository");
                report.add(Some(name), true, lacks, remedy);
            }
            // Refused for what the body lacks, or because the repository is empty.
            Err(_) => {}
        }
        Ok(())
    }

    async fn check_branch(
        &self,
        id: &str,
        name: &str,
        branch: &str,
        direct: bool,
        report: &mut AccessReport,
    ) -> Result<()> {
        let call = Call::new(&BRANCH, &[id, branch]).with("branch", branch);
        let found: Branch = match self.call(call).await {
            Ok(answer) => answer.json()?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let remedy = "create the branch, or correct its name in the configuration";
                report.add(
                    Some(name),
                    true,
                    format!("there is no branch {branch}"),
                    remedy,
                );
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if !direct {
            return Ok(());
        }
        let call = Call::new(&RULES, &[id, branch]).with("branch", branch);
        let rules: Vec<Rule> = match self.call(call).await {
            Ok(answer) => answer.json()?,
            // Not on every plan and server.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Forbidden) => {
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let ruled = |kind: &str| rules.iter().any(|rule| rule.kind.as_deref() == Some(kind));
        if ruled("pull_request") || found.protected == Some(true) {
            let text = format!("the branch {branch} is protected; direct commits may be refused");
            report.add(Some(name), false, text, crate::failure::DELIVER_REMEDY);
        }
        if ruled("required_signatures") {
            let text = format!("the branch {branch} requires signed commits");
            report.add(
                Some(name),
                false,
                text,
                "switch signed commits on for this mapping",
            );
        }
        Ok(())
    }

    /// People who can be assigned in a repository, sorted.
    ///
    /// # Errors
    ///
    /// As [`repository`](Self::repository).
    pub async fn people(&self, repository: &str) -> Result<Vec<Person>> {
        let id = self.repository(repository).await?.id.to_string();
        let found: Vec<Account> = self.all(Call::new(&ASSIGNEES, &[&id])).await?;
        let mut people: Vec<Person> = found
            .into_iter()
            .filter_map(|one| {
                Some(Person {
                    login: one.login?,
                    id: one.id?,
                })
            })
            .collect();
        people.sort();
        people.dedup();
        Ok(people)
    }

    /// A person by login; `None` when there is nobody of that name.
    ///
    /// # Errors
    ///
    /// Everything a request can end with.
    pub async fn person(&self, login: &str) -> Result<Option<Person>> {
        match self
            .call(Call::new(&USER_BY_LOGIN, &[login]).with("login", login))
            .await
        {
            Ok(answer) => {
                let found: Account = answer.json()?;
                Ok(found
                    .login
                    .zip(found.id)
                    .map(|(login, id)| Person { login, id }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn probes(need: &Needs, has_issues: bool) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut add = |wanted: bool, permission, level, endpoint| {
        if wanted {
            probes.push(Probe {
                permission,
                level,
                endpoint,
            });
        }
    };
    let issues = has_issues && need.read_issues;
    add(
        need.read_contents && !need.write_contents,
        "contents",
        "read",
        &TREE,
    );
    add(need.write_contents, "contents", "write", &CREATE_REF);
    add(issues && !need.write_issues, "issues", "read", &ISSUES);
    add(
        has_issues && need.write_issues,
        "issues",
        "write",
        &CREATE_ISSUE,
    );
    add(need.write_pulls, "pull_requests", "write", &CREATE_PULL);
    probes
}

/// Errors that say nothing about the configuration.
fn passes(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::NotApplied
    )
}
