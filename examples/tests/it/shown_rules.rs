//! Rules of tasks, over both emulators: a draft when work starts, a merge when it is done and green.

use std::collections::BTreeMap;

use notion_sync_core::effect::{Effect, FirstFile, Merge, MergeMethod, Note, OpenPull};
use notion_sync_core::mapping::Policy;
use notion_sync_examples::config::{Config, RuleSection};
use notion_sync_examples::demo::{Stage, Terms};
use notion_sync_examples::emulation::{BACKLOG, World};
use notion_sync_examples::receiver;
use notion_sync_examples::secrets::Secrets;
use notion_sync_testkit::github::{
    CheckForm, CheckStatus, Conclusion, Enforcement, RequiredCheckSeed, RuleSeed, RulesetSeed,
};
use notion_sync_testkit::webhook::GithubHook;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::shown_support::{equal, settle, sweep};

const TITLE: &str = "Login fails after password reset";

fn rule(name: &str, becomes: &[&str], steps: Vec<Effect>) -> RuleSection {
    RuleSection {
        name: name.to_owned(),
        becomes: becomes.iter().map(|value| (*value).to_owned()).collect(),
        steps,
        ..RuleSection::default()
    }
}

fn rules() -> Vec<RuleSection> {
    let open = OpenPull {
        reviewers: vec!["bob".to_owned()],
        file: Some(FirstFile {
            path: "tasks/{number}.md".to_owned(),
            text: "# {title}\n".to_owned(),
        }),
        ..OpenPull::default()
    };
    let merge = Merge {
        method: Some(MergeMethod::Squash),
        ready: true,
    };
    let note = Note {
        text: "{value}: {title}".to_owned(),
        ..Note::default()
    };
    vec![
        rule("start", &["Doing"], vec![Effect::OpenPull(open)]),
        rule(
            "ship",
            &["Done"],
            vec![Effect::Merge(merge), Effect::Comment(note)],
        ),
    ]
}

/// A backlog whose main branch requires the check `build`.
async fn backlog() -> Stage {
    let mut world = World::small().unwrap();
    let repository = world
        .github
        .repositories
        .iter_mut()
        .find(|one| one.full_name == BACKLOG)
        .unwrap();
    repository.rulesets.push(RulesetSeed {
        name: "main".to_owned(),
        enforcement: Enforcement::Active,
        include: vec!["~DEFAULT_BRANCH".to_owned()],
        rules: vec![RuleSeed::RequiredStatusChecks {
            checks: vec![RequiredCheckSeed {
                context: "build".to_owned(),
                integration_id: None,
            }],
            strict: false,
        }],
        ..RulesetSeed::default()
    });
    let login = BTreeMap::from([("src/login.rs".to_owned(), "fn login() {}\n".to_owned())]);
    repository.branches.insert("fix-login".to_owned(), login);
    let terms = Terms {
        rules: rules(),
        drift_status: true,
        ..Terms::tasks(Policy::GithubWins)
    };
    let mut stage = Stage::in_memory(world, terms).await.unwrap();
    settle(&mut stage).await;
    stage.pass(30);
    say(&stage, "To do");
    settle(&mut stage).await;
    stage.pass(30);
    stage
}

fn say(stage: &Stage, status: &str) {
    let page = stage.page(TITLE).unwrap();
    stage
        .in_notion("ada", |ada| ada.set_property(page, "Status", json!(status)))
        .unwrap();
}

fn property(stage: &Stage, name: &str) -> Value {
    let page = stage.page(TITLE).unwrap();
    let properties = stage.notion().properties(page);
    properties.get(name).cloned().unwrap_or_default()
}

fn pull(stage: &Stage) -> u64 {
    let numbers = stage.github().issue_numbers(BACKLOG).unwrap();
    let mut pulls = numbers.into_iter().filter(|number| {
        let issue = stage.github().issue(BACKLOG, *number);
        issue.is_some_and(|issue| issue.pull.is_some())
    });
    let found = pulls.next().expect("a pull request");
    assert_eq!(pulls.next(), None, "there is one");
    found
}

fn check(stage: &Stage, number: u64, conclusion: Conclusion) {
    let head = stage.github().issue(BACKLOG, number).unwrap().pull.unwrap();
    let form = CheckForm {
        at: head.head,
        name: "build".to_owned(),
        status: CheckStatus::Completed,
        conclusion: Some(conclusion),
        app: None,
    };
    stage
        .github()
        .report_check(BACKLOG, &form, stage.now())
        .unwrap();
}

#[tokio::test]
async fn a_task_becomes_a_draft_and_is_merged_when_it_is_done_and_green() {
    let mut stage = backlog().await;
    say(&stage, "Doing");
    settle(&mut stage).await;
    let number = pull(&stage);
    let draft = stage.github().issue(BACKLOG, number).unwrap();
    let view = draft.pull.clone().unwrap();
    assert!(view.draft && view.head.starts_with("task/"), "{view:?}");
    assert_eq!(view.reviewers, ["bob"]);
    assert_eq!(draft.title, TITLE);
    let body = draft.body.unwrap();
    assert!(body.contains("Closes #"), "{body}");
    assert_eq!(property(&stage, "PR Number"), json!(number));
    assert_eq!(property(&stage, "PR Status")["name"], "draft");
    equal(&mut stage).await;

    // Done, and red: it waits and says why.
    stage.pass(10);
    say(&stage, "Done");
    settle(&mut stage).await;
    check(&stage, number, Conclusion::Failure);
    stage.pass(20);
    settle(&mut stage).await;
    assert!(
        !stage
            .github()
            .issue(BACKLOG, number)
            .unwrap()
            .pull
            .unwrap()
            .merged
    );
    assert_eq!(property(&stage, "GitHub Sync Status")["name"], "Pending");
    let message = property(&stage, "GitHub Sync Message").to_string();
    assert!(message.contains("build"), "{message}");
    assert_eq!(property(&stage, "PR Checks")["name"], "failed");
    // Waiting writes nothing.
    stage.pass(20);
    assert_eq!(sweep(&mut stage).await.applied, []);

    check(&stage, number, Conclusion::Success);
    stage.pass(20);
    settle(&mut stage).await;
    let merged = stage.github().issue(BACKLOG, number).unwrap();
    assert!(merged.pull.unwrap().merged);
    let files = stage.github().files(BACKLOG, "main").unwrap();
    assert!(
        files.keys().any(|path| path.starts_with("tasks/")),
        "{files:?}"
    );
    let issue = stage
        .issues()
        .into_values()
        .find(|issue| issue.title == TITLE)
        .unwrap();
    assert!(!issue.open);
    let said = issue
        .comments
        .iter()
        .filter(|(who, _)| who == "sync-bot")
        .count();
    assert_eq!(said, 1, "{:?}", issue.comments);
    assert_eq!(property(&stage, "Status")["name"], "Done");
    assert_eq!(property(&stage, "GitHub Sync Status")["name"], "Success");
    assert_eq!(property(&stage, "PR Status")["name"], "merged");
    assert_eq!(property(&stage, "GitHub Status")["name"], "closed");
    stage.pass(20);
    equal(&mut stage).await;
}

#[tokio::test]
async fn an_issue_closed_by_hand_merges_nothing() {
    let mut stage = backlog().await;
    say(&stage, "Doing");
    settle(&mut stage).await;
    let number = pull(&stage);
    check(&stage, number, Conclusion::Success);
    stage.pass(10);
    let (issue, _) = stage
        .issues()
        .into_iter()
        .find(|(_, one)| one.title == TITLE)
        .unwrap();
    let now = stage.now();
    stage
        .github()
        .close(BACKLOG, issue, "bob", None, now)
        .unwrap();
    settle(&mut stage).await;
    stage.pass(20);
    settle(&mut stage).await;
    assert_eq!(property(&stage, "Status")["name"], "Done");
    assert!(
        !stage
            .github()
            .issue(BACKLOG, number)
            .unwrap()
            .pull
            .unwrap()
            .merged
    );
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_pull_request_of_people_is_found_and_shown() {
    let mut stage = backlog().await;
    let (issue, _) = stage
        .issues()
        .into_iter()
        .find(|(_, one)| one.title == TITLE)
        .unwrap();
    let now = stage.now();
    {
        let mut github = stage.github();
        let form = notion_sync_testkit::github::PullForm {
            title: "Fix the login",
            body: Some(&format!("Fixes #{issue}")),
            head: "fix-login",
            base: "main",
            draft: false,
        };
        github.open_pull(BACKLOG, "bob", &form, now).unwrap();
    }
    stage.pass(5);
    sweep(&mut stage).await;
    say(&stage, "Done");
    settle(&mut stage).await;
    let number = pull(&stage);
    assert_eq!(property(&stage, "PR Number"), json!(number));
    assert_eq!(property(&stage, "PR Status")["name"], "open");
    check(&stage, number, Conclusion::Success);
    stage.pass(20);
    settle(&mut stage).await;
    assert!(
        stage
            .github()
            .issue(BACKLOG, number)
            .unwrap()
            .pull
            .unwrap()
            .merged
    );
    stage.pass(20);
    settle(&mut stage).await;
    assert_eq!(property(&stage, "PR Status")["name"], "merged");
    equal(&mut stage).await;
}

#[tokio::test]
async fn a_check_that_turns_green_is_heard_at_once() {
    let mut stage = backlog().await;
    say(&stage, "Doing");
    settle(&mut stage).await;
    let number = pull(&stage);
    stage.pass(10);
    say(&stage, "Done");
    settle(&mut stage).await;
    // The longer it waits, the less often it is asked for.
    for _ in 0..6 {
        stage.pass(20);
        settle(&mut stage).await;
    }
    stage.pass(1);
    let config = format!(
        "[[tasks]]\nname = \"backlog\"\ndata_source = \"{}\"\nrepository = \"{BACKLOG}\"\n\
         status = {{ property = \"Status\", open = [\"Doing\"], closed = [\"Done\"] }}\n\
         common_rules = true\n",
        stage.notion().id("backlog-tasks")
    );
    let secrets = Secrets {
        github_webhook: Some(SecretString::from("emulated")),
        ..Secrets::default()
    };
    let store = stage.engine().await.unwrap().store().clone();
    let config = Config::parse(&config, "test").unwrap();
    let receiver = receiver::open(&config, &secrets, store, stage.clock.clone())
        .await
        .unwrap();
    let mut hook = GithubHook::add("emulated", false, &stage.github());
    check(&stage, number, Conclusion::Success);
    let merged = |stage: &Stage| {
        let issue = stage.github().issue(BACKLOG, number).unwrap();
        issue.pull.unwrap().merged
    };
    // A poll alone does not ask yet.
    settle(&mut stage).await;
    assert!(!merged(&stage));
    let now = stage.now();
    let sent = hook.collect(&stage.github(), now);
    assert!(!sent.is_empty());
    for delivery in sent {
        let mut request = http::Request::new(axum::body::Body::from(delivery.body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = "/webhooks/github".parse().unwrap();
        *request.headers_mut() = delivery.headers;
        assert!(receiver.handle(request).await.status().is_success());
    }
    settle(&mut stage).await;
    assert!(merged(&stage));
}
