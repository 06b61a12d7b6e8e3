//! Events about results on commits, as webhooks carry them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::checks::{CheckRun, CheckStatus, CheckSuite, CommitStatus, Conclusion};
use super::exchange::{ApiVersion, Bases};
use super::object::ObjectId;
use super::render::{Render, merge};
use super::repository::Repository;
use super::service::GithubEmulator;

/// What was reported in a repository when it was looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Results {
    /// Id of the newest status.
    status: u64,
    runs: BTreeMap<u64, (CheckStatus, Option<Conclusion>)>,
    suites: BTreeMap<u64, (CheckStatus, Option<Conclusion>)>,
    /// By the ref of the group.
    groups: BTreeMap<String, Group>,
}

/// The commit of an entry in a queue.
#[derive(Debug, Clone, PartialEq)]
struct Group {
    number: u64,
    enqueuer: String,
    branch: String,
    base: ObjectId,
    head: ObjectId,
}

/// The name of an event and its payload.
pub(crate) type Event = (&'static str, Value);

impl GithubEmulator {
    /// What is reported in a repository now; nothing when there is no such repository.
    pub(crate) fn results(&self, name: &str) -> Results {
        let Some(repo) = self.state.find_repository(name) else {
            return Results::default();
        };
        let checks = &repo.checks;
        let mut groups = BTreeMap::new();
        for (branch, queue) in &repo.queues {
            for entry in queue {
                let group = Group {
                    number: entry.number,
                    enqueuer: entry.enqueuer.login.clone(),
                    branch: branch.clone(),
                    base: entry.base,
                    head: entry.group,
                };
                groups.insert(entry.reference(branch), group);
            }
        }
        Results {
            status: checks.statuses.last().map_or(0, |status| status.id),
            runs: checks
                .runs
                .values()
                .map(|run| (run.id, (run.status, run.conclusion)))
                .collect(),
            suites: checks
                .suites
                .values()
                .map(|suite| (suite.id, checks.state_of(suite)))
                .collect(),
            groups,
        }
    }

    /// The events between two looks at a repository. A suite tells everybody only that it completed.
    pub(crate) fn result_events(
        &self,
        name: &str,
        before: &Results,
        after: &Results,
    ) -> Vec<Event> {
        let Some(repo) = self.state.find_repository(name) else {
            return Vec::new();
        };
        let bases = Bases {
            api: "https://api.github.com".to_owned(),
            web: self.state.web_base.clone(),
            git: self.state.web_base.clone(),
        };
        let teller = Teller {
            render: Render {
                state: &self.state,
                bases: &bases,
                version: ApiVersion::V2022,
            },
            repo,
        };
        let mut events = Vec::new();
        let fresh = repo.checks.statuses.iter();
        for status in fresh.filter(|status| status.id > before.status) {
            events.push(teller.status(status));
        }
        for (id, now) in &after.runs {
            let Some(run) = repo.checks.runs.get(id) else {
                continue;
            };
            let known = before.runs.get(id);
            if known.is_none() {
                events.push(teller.check_run("created", run));
            }
            if now.0 == CheckStatus::Completed && known != Some(now) {
                events.push(teller.check_run("completed", run));
            }
        }
        for (id, now) in &after.suites {
            if now.0 == CheckStatus::Completed
                && before.suites.get(id) != Some(now)
                && let Some(suite) = repo.checks.suites.get(id)
            {
                events.push(teller.check_suite(suite));
            }
        }
        for (reference, group) in &before.groups {
            if after.groups.get(reference) != Some(group) {
                let merged = repo
                    .pull(group.number)
                    .is_some_and(|(_, pull)| pull.merged_at.is_some());
                let reason = match repo.queued(group.number) {
                    _ if merged => "merged",
                    Some(_) => "invalidated",
                    None => "dequeued",
                };
                events.push(teller.group(reference, group, Some(reason)));
            }
        }
        for (reference, group) in &after.groups {
            if before.groups.get(reference) != Some(group) {
                events.push(teller.group(reference, group, None));
            }
        }
        events
    }
}

/// Writes events about one repository.
struct Teller<'a> {
    render: Render<'a>,
    repo: &'a Repository,
}

impl Teller<'_> {
    fn told(&self, event: &'static str, sender: &str, body: Value) -> Event {
        let mut whole = body;
        merge(
            &mut whole,
            json!({
                "repository": self.render.repository(self.repo, None), "sender": self.render.login(sender),
            }),
        );
        (event, whole)
    }

    /// The bot of an app, who sends what the app reports.
    fn bot(&self, app: u64) -> String {
        self.render
            .state
            .apps
            .get(&app)
            .map_or_else(|| "ghost".to_owned(), |app| app.bot())
    }

    fn status(&self, status: &CommitStatus) -> Event {
        let mut body = self.render.status_short(self.repo, status);
        if let Value::Object(members) = &mut body {
            members.remove("url");
            members.remove("node_id");
        }
        let commit = self.repo.commit(&status.commit);
        let objects = &self.repo.objects;
        let branches: Value = self
            .repo
            .branches()
            .filter(|(_, tip)| super::history::is_ancestor(objects, status.commit, *tip))
            .take(10)
            .map(|(name, tip)| self.render.branch_short(self.repo, name, &tip))
            .collect();
        merge(
            &mut body,
            json!({
                "sha": status.commit.to_string(), "name": self.repo.full_name(), "branches": branches,
                "commit": commit.map(|commit| self.render.commit(self.repo, &status.commit, &commit)),
            }),
        );
        self.told("status", &status.creator.login, body)
    }

    /// A suite as events carry it, which do not repeat the repository.
    fn suite(&self, suite: &CheckSuite) -> Value {
        let mut body = self.render.check_suite(self.repo, suite);
        if let Value::Object(members) = &mut body {
            members.remove("repository");
        }
        body
    }

    fn check_run(&self, action: &str, run: &CheckRun) -> Event {
        let mut body = self.render.check_run(self.repo, run);
        if let Some(suite) = self.repo.checks.suites.get(&run.suite) {
            body["check_suite"] = self.suite(suite);
        }
        let body = json!({"action": action, "check_run": body});
        self.told("check_run", &self.bot(run.app), body)
    }

    fn check_suite(&self, suite: &CheckSuite) -> Event {
        let body = json!({"action": "completed", "check_suite": self.suite(suite)});
        self.told("check_suite", &self.bot(suite.app), body)
    }

    /// A group that wants checks, or one that is gone, with the reason.
    fn group(&self, reference: &str, group: &Group, gone: Option<&str>) -> Event {
        let mut body = json!({
            "action": if gone.is_some() { "destroyed" } else { "checks_requested" },
            "merge_group": {
                "head_sha": group.head.to_string(), "head_ref": reference, "base_sha": group.base.to_string(),
                "base_ref": format!("refs/heads/{}", group.branch),
                "head_commit": self.render.event_commit(self.repo, group.head),
            },
        });
        if let Some(reason) = gone {
            body["reason"] = reason.into();
        }
        self.told("merge_group", &group.enqueuer, body)
    }
}
