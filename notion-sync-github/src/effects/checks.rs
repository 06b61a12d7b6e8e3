//! What checks and statuses of a head say about what is required.

use std::collections::BTreeSet;

use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

use super::graphql::{JUDGED, RESULTS, is, of_repository, text};
use super::requirements::Required;
use crate::client::GithubClient;
use crate::endpoint::{CHECK_RUNS, CHECK_SUITES, COMBINED_STATUS, Call};
use crate::issues::DRIFT_CONTEXT;
use crate::repository::RepositoryInfo;
use crate::wire::{CheckRuns, CheckSuites, CombinedStatus};

/// Pages of results that are read by GraphQL: 100 each.
const MAX_PAGES: u32 = 50;

/// How one result stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Passed,
    Pending,
    Failed,
}

/// Who reported a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reporter {
    /// A check run of an app.
    App(u64),
    /// A status. REST does not say which app put it there.
    Unknown,
}

/// One result of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) name: String,
    pub(super) by: Reporter,
    pub(super) standing: Standing,
}

/// What is required and did not pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) failed: BTreeSet<String>,
    pub(super) pending: BTreeSet<String>,
}

/// The results of one commit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence<'a> {
    pub(super) reported: &'a [Reported],
    /// Statuses of which GraphQL says that the requirement counts them, which settles whose they are.
    pub(super) counted: &'a BTreeSet<String>,
}

/// Judges results by what is required. A check and a status of one name must both pass; a required
/// name that nobody reported is awaited. The results of the commit that tries the merge come before
/// those of the head: under a name that has any there, the head's do not count.
pub(super) fn judge(
    required: &BTreeSet<Required>,
    tried: Option<Evidence<'_>>,
    head: Evidence<'_>,
) -> Verdict {
    let mut verdict = Verdict::default();
    for wanted in required {
        let mut passed = false;
        let mut worst = Standing::Passed;
        for evidence in tried.into_iter().chain([head]) {
            let mut any = false;
            let of_name = (evidence.reported.iter()).filter(|one| one.name == wanted.name);
            for one in of_name {
                let (counts, proves) = match (wanted.app, one.by) {
                    (None, _) => (true, true),
                    (Some(app), Reporter::App(by)) => (app == by, true),
                    // Whoever put it there: it can keep a merge back, but not let it through.
                    (Some(_), Reporter::Unknown) => (true, evidence.counted.contains(&one.name)),
                };
                if !counts {
                    continue;
                }
                any = true;
                match one.standing {
                    Standing::Passed => passed |= proves,
                    Standing::Pending if worst == Standing::Passed => worst = Standing::Pending,
                    Standing::Pending => {}
                    Standing::Failed => worst = Standing::Failed,
                }
            }
            if any {
                break;
            }
        }
        match worst {
            Standing::Failed => {
                verdict.failed.insert(wanted.name.clone());
            }
            Standing::Passed if passed => {}
            _ => {
                verdict.pending.insert(wanted.name.clone());
            }
        }
    }
    // A name that failed for one app is not only awaited.
    let failed = &verdict.failed;
    verdict.pending.retain(|name| !failed.contains(name));
    let drifted = |one: &&Reported| one.name == DRIFT_CONTEXT && one.standing == Standing::Failed;
    if head.reported.iter().any(|one| drifted(&one)) {
        verdict.failed.insert(DRIFT_CONTEXT.to_owned());
    }
    verdict
}

/// What GraphQL says about a pull request and the results of its head.
#[derive(Debug, Clone, Default)]
pub(super) struct Judged {
    pub(super) head: String,
    pub(super) allowed: BTreeSet<&'static str>,
    pub(super) review: Option<String>,
    pub(super) queued: bool,
    pub(super) has_queue: bool,
    /// Required results, as GraphQL counts them.
    pub(super) required: BTreeSet<Required>,
    /// Names of statuses that a requirement counts.
    pub(super) counted: BTreeSet<String>,
    pub(super) reported: Vec<Reported>,
    /// The commit that tries the merge, where anything was reported on it.
    pub(super) tried: Option<String>,
    /// Why the results could not be read, where they could not.
    pub(super) unread: Option<String>,
}

impl Judged {
    pub(super) async fn of(
        client: &GithubClient,
        repository: &RepositoryInfo,
        number: u64,
    ) -> Result<Self> {
        const DURING: &str = "judge a pull request";
        let mut judged = Self::default();
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let variables = Map::from_iter([
                ("number".to_owned(), json!(number)),
                ("after".to_owned(), json!(after)),
            ]);
            let (found, errors) =
                of_repository(client, DURING, repository, JUDGED, variables).await?;
            let pull = found.get("pullRequest").filter(|pull| pull.is_object());
            let Some(pull) = pull else {
                let missing = || Error::new(ErrorKind::NotFound, DURING).with("number", number);
                return Err(errors.into_iter().next().unwrap_or_else(missing));
            };
            judged.take(&found, pull);
            if let Some(error) = errors.first() {
                judged.unread.get_or_insert_with(|| error.to_string());
            }
            let rollup = "/commits/nodes/0/commit/statusCheckRollup/contexts";
            let next = judged.take_page(pull.pointer(rollup));
            if next.is_none() || next == after {
                return Ok(judged);
            }
            after = next;
        }
        Err(Error::new(ErrorKind::Unavailable, DURING)
            .with("number", number)
            .message("its head has more results than are read"))
    }

    /// What GraphQL says about the results of another commit than the head.
    pub(super) async fn of_commit(
        client: &GithubClient,
        repository: &RepositoryInfo,
        number: u64,
        commit: &str,
    ) -> Result<Self> {
        const DURING: &str = "judge a pull request";
        let mut judged = Self::default();
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let variables = Map::from_iter([
                ("number".to_owned(), json!(number)),
                ("oid".to_owned(), json!(commit)),
                ("after".to_owned(), json!(after)),
            ]);
            let (found, errors) =
                of_repository(client, DURING, repository, RESULTS, variables).await?;
            if let Some(error) = errors.first() {
                judged.unread.get_or_insert_with(|| error.to_string());
            }
            let next = judged.take_page(found.pointer("/object/statusCheckRollup/contexts"));
            if next.is_none() || next == after {
                return Ok(judged);
            }
            after = next;
        }
        Err(Error::new(ErrorKind::Unavailable, DURING)
            .with("number", number)
            .message("the commit that tries the merge has more results than are read"))
    }

    /// Takes a page of results; answers where the next one begins.
    fn take_page(&mut self, contexts: Option<&Value>) -> Option<String> {
        let contexts = contexts.filter(|page| page.is_object())?;
        let nodes = contexts.get("nodes").and_then(Value::as_array);
        for node in nodes.into_iter().flatten() {
            self.take_result(node);
        }
        let next = text(contexts, "/pageInfo/endCursor").map(str::to_owned);
        next.filter(|_| is(contexts, "/pageInfo/hasNextPage"))
    }

    fn take(&mut self, repository: &Value, pull: &Value) {
        self.head = text(pull, "/headRefOid").unwrap_or_default().to_owned();
        self.review = text(pull, "/reviewDecision").map(str::to_owned);
        let tried = pull.pointer("/potentialMergeCommit/statusCheckRollup");
        self.tried = (text(pull, "/potentialMergeCommit/oid"))
            .filter(|_| tried.is_some_and(Value::is_object))
            .map(str::to_owned);
        self.queued = is(pull, "/isInMergeQueue");
        self.has_queue = is(pull, "/isMergeQueueEnabled");
        for (member, word) in [
            ("/mergeCommitAllowed", "merge"),
            ("/squashMergeAllowed", "squash"),
            ("/rebaseMergeAllowed", "rebase"),
        ] {
            if is(repository, member) {
                self.allowed.insert(word);
            }
        }
    }

    fn take_result(&mut self, node: &Value) {
        let required = is(node, "/isRequired");
        match text(node, "/__typename") {
            Some("CheckRun") => {
                let Some(name) = text(node, "/name") else {
                    return;
                };
                let app = node.pointer("/checkSuite/app/databaseId");
                let app = app.and_then(Value::as_u64);
                self.reported.push(Reported {
                    name: name.to_owned(),
                    by: app.map_or(Reporter::Unknown, Reporter::App),
                    standing: run(text(node, "/status"), text(node, "/conclusion")),
                });
                if required {
                    self.required.insert(Required {
                        name: name.to_owned(),
                        app,
                    });
                }
            }
            Some("StatusContext") => {
                let Some(name) = text(node, "/context") else {
                    return;
                };
                self.reported.push(Reported {
                    name: name.to_owned(),
                    by: Reporter::Unknown,
                    standing: status(text(node, "/state")),
                });
                if required {
                    self.counted.insert(name.to_owned());
                    self.required.insert(Required {
                        name: name.to_owned(),
                        app: None,
                    });
                }
            }
            _ => {}
        }
    }
}

/// The results of a commit: its newest check runs and statuses, every page. Where the credential may
/// not list them, those that GraphQL showed.
pub(super) async fn results(
    client: &GithubClient,
    repository: &RepositoryInfo,
    commit: &str,
    judged: &Judged,
) -> Result<Results> {
    let id = repository.id.to_string();
    let mut found = Vec::new();
    let call = Call::new(&CHECK_RUNS, &[&id, commit])
        .query("filter", "latest")
        .with("commit", commit);
    let runs = client.all_in(call, |page: CheckRuns| page.check_runs).await;
    let mut refused = None;
    match runs {
        Ok(runs) => {
            for one in runs {
                let Some(name) = one.name else { continue };
                let app = one.app.and_then(|app| app.id);
                found.push(Reported {
                    name,
                    by: app
                        .and_then(|app| u64::try_from(app).ok())
                        .map_or(Reporter::Unknown, Reporter::App),
                    standing: run(one.status.as_deref(), one.conclusion.as_deref()),
                });
            }
        }
        Err(error) if unreadable(&error) => refused = Some("checks: read"),
        Err(error) => return Err(error),
    }
    let call = Call::new(&COMBINED_STATUS, &[&id, commit]).with("commit", commit);
    let statuses = client
        .all_in(call, |page: CombinedStatus| page.statuses)
        .await;
    match statuses {
        Ok(statuses) => found.extend(statuses.into_iter().filter_map(|one| {
            Some(Reported {
                name: one.context?,
                by: Reporter::Unknown,
                standing: status(one.state.as_deref()),
            })
        })),
        Err(error) if unreadable(&error) => {
            refused = refused.or(Some("commit statuses: read"));
        }
        Err(error) => return Err(error),
    }
    if refused.is_some() {
        found.extend(judged.reported.iter().cloned());
    }
    Ok(Results {
        reported: found,
        lacks: refused.filter(|_| judged.unread.is_some()),
    })
}

/// The results of a commit.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) reported: Vec<Reported>,
    /// The permission without which they cannot be read in any way.
    pub(super) lacks: Option<&'static str>,
}

impl Results {
    /// Whether anybody but the sync itself has reported something.
    pub(super) fn has_begun(&self) -> bool {
        self.reported.iter().any(|one| one.name != DRIFT_CONTEXT)
    }
}

/// Whether an app has announced results for a commit, before there are any.
pub(super) async fn announced(
    client: &GithubClient,
    repository: &RepositoryInfo,
    head: &str,
) -> Result<bool> {
    let call = Call::new(&CHECK_SUITES, &[&repository.id.to_string(), head]).with("commit", head);
    match client.call(call).await {
        Ok(answer) => Ok(answer.json::<CheckSuites>()?.total_count > 0),
        Err(error) if unreadable(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn unreadable(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Forbidden | ErrorKind::NotFound)
}

/// REST writes small letters, GraphQL capitals. Words that nobody knows have not passed.
fn run(status: Option<&str>, conclusion: Option<&str>) -> Standing {
    let is = |word: Option<&str>, wanted: &str| {
        word.is_some_and(|word| word.eq_ignore_ascii_case(wanted))
    };
    if !is(status, "completed") {
        return Standing::Pending;
    }
    let passes = ["success", "neutral", "skipped"];
    match conclusion {
        Some(word) if passes.iter().any(|one| is(Some(word), one)) => Standing::Passed,
        _ => Standing::Failed,
    }
}

fn status(state: Option<&str>) -> Standing {
    match state.map(str::to_ascii_lowercase).as_deref() {
        Some("success") => Standing::Passed,
        Some("failure" | "error") => Standing::Failed,
        _ => Standing::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn required(checks: &[(&str, Option<u64>)]) -> BTreeSet<Required> {
        checks
            .iter()
            .map(|(name, app)| Required {
                name: (*name).to_owned(),
                app: *app,
            })
            .collect()
    }

    fn by(name: &str, by: Reporter, standing: Standing) -> Reported {
        Reported {
            name: name.to_owned(),
            by,
            standing,
        }
    }

    fn of_head(
        required: &BTreeSet<Required>,
        reported: &[Reported],
        counted: &BTreeSet<String>,
    ) -> Verdict {
        judge(required, None, Evidence { reported, counted })
    }

    #[test]
    fn the_commit_that_tries_the_merge_comes_before_the_head() {
        use Reporter::{App, Unknown};
        use Standing::{Failed, Passed, Pending};
        let nobody = BTreeSet::new();
        let of = |reported| Evidence {
            reported,
            counted: &nobody,
        };
        let any = [("build", None)];
        let of_app = [("build", Some(7))];
        let green = [by("build", App(7), Passed)];
        let red = [by("build", App(7), Failed)];
        let runs = [by("build", App(7), Pending)];
        let other = [by("lint", App(7), Failed)];
        let stranger = [by("build", App(8), Failed)];
        let unknown = [by("build", Unknown, Passed)];
        // required, on the commit that tries it, on the head, failed, pending
        for (wanted, tried, head, failed, pending) in [
            (&any, &green, &red, false, false),
            (&any, &red, &green, true, false),
            (&any, &runs, &green, false, true),
            (&any, &other, &green, false, false),
            (&any, &other, &red, true, false),
            (&of_app, &stranger, &green, false, false),
            (&of_app, &unknown, &green, false, true),
        ] {
            let verdict = judge(&required(wanted), Some(of(tried)), of(head));
            assert_eq!(
                (!verdict.failed.is_empty(), !verdict.pending.is_empty()),
                (failed, pending),
                "{tried:?} {head:?}"
            );
        }
    }

    #[test]
    fn results_are_judged_by_what_is_required() {
        use Reporter::{App, Unknown};
        use Standing::{Failed, Passed, Pending};
        let any = [("build", None)];
        let of_app = [("build", Some(7))];
        // required, reported, failed, pending
        for (required_checks, reported, failed, pending) in [
            (&any[..0], vec![], false, false),
            (&any[..0], vec![by("build", App(1), Failed)], false, false),
            (&any, vec![], false, true),
            (&any, vec![by("other", App(1), Passed)], false, true),
            (&any, vec![by("build", App(1), Passed)], false, false),
            (&any, vec![by("build", App(1), Pending)], false, true),
            (&any, vec![by("build", App(1), Failed)], true, false),
            (
                &any,
                vec![by("build", App(1), Passed), by("build", Unknown, Failed)],
                true,
                false,
            ),
            (
                &any,
                vec![by("build", App(1), Passed), by("build", Unknown, Pending)],
                false,
                true,
            ),
            (
                &any,
                vec![by("build", App(1), Pending), by("build", App(2), Failed)],
                true,
                false,
            ),
            (&of_app, vec![by("build", App(1), Passed)], false, true),
            (&of_app, vec![by("build", App(1), Failed)], false, true),
            (
                &of_app,
                vec![by("build", App(1), Failed), by("build", App(7), Passed)],
                false,
                false,
            ),
            (&of_app, vec![by("build", Unknown, Passed)], false, true),
            (&of_app, vec![by("build", Unknown, Failed)], true, false),
        ] {
            let verdict = of_head(&required(required_checks), &reported, &BTreeSet::new());
            assert_eq!(
                (!verdict.failed.is_empty(), !verdict.pending.is_empty()),
                (failed, pending),
                "{required_checks:?} {reported:?}"
            );
        }
        let counted = BTreeSet::from(["build".to_owned()]);
        let status = [by("build", Unknown, Passed)];
        assert_eq!(
            of_head(&required(&of_app), &status, &counted),
            Verdict::default()
        );
    }

    #[test]
    fn drift_counts_without_being_required() {
        let verdict = of_head(
            &BTreeSet::new(),
            &[by(DRIFT_CONTEXT, Reporter::Unknown, Standing::Failed)],
            &BTreeSet::new(),
        );
        assert!(verdict.failed.contains(DRIFT_CONTEXT));
    }

    #[test]
    fn unknown_words_have_not_passed() {
        for (status, conclusion, wanted) in [
            (Some("completed"), Some("success"), Standing::Passed),
            (Some("COMPLETED"), Some("NEUTRAL"), Standing::Passed),
            (Some("completed"), Some("skipped"), Standing::Passed),
            (Some("completed"), Some("cancelled"), Standing::Failed),
            (Some("completed"), Some("stale"), Standing::Failed),
            (Some("completed"), Some("brand_new"), Standing::Failed),
            (Some("completed"), None, Standing::Failed),
            (Some("in_progress"), Some("success"), Standing::Pending),
            (None, None, Standing::Pending),
        ] {
            assert_eq!(run(status, conclusion), wanted, "{status:?} {conclusion:?}");
        }
    }
}
