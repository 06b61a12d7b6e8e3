//! The check of a credential.

use std::sync::Arc;

use notion_sync_github::{AppInstallation, GithubClient, InstallationTokens, Needs};

use crate::credentials::app_key;
use crate::support::*;

fn everything(repository: &str) -> Needs {
    Needs {
        repository: repository.to_owned(),
        branch: Some("main".to_owned()),
        read_contents: true,
        write_contents: true,
        direct_commits: true,
        read_issues: true,
        write_issues: true,
        write_pulls: true,
    }
}

#[tokio::test]
async fn a_good_token_has_no_findings_and_changes_nothing() {
    let world = World::new();
    let before = world.hub().branches(REPO).unwrap();
    let report = world.client().check(&[everything(REPO)]).await.unwrap();
    assert!(report.is_fine() && report.findings.is_empty(), "{report:?}");
    assert_eq!(report.login.as_deref(), Some("bot"));
    assert_eq!(report.repositories[REPO].id, REPO_ID);
    assert_eq!(world.hub().branches(REPO).unwrap(), before);
    assert!(world.hub().issue_numbers(REPO).unwrap().is_empty());
}

#[tokio::test]
async fn every_fault_is_found_at_once_and_named() {
    let world = World::new();
    let mut needs = vec![
        everything(REPO),
        everything("acme/guarded"),
        everything("acme/nowhere"),
    ];
    needs[0].branch = Some("gone".to_owned());
    let report = world
        .client_of("github_pat_narrow")
        .check(&needs)
        .await
        .unwrap();
    assert!(!report.is_fine());
    let text: Vec<String> = report
        .findings
        .iter()
        .map(|finding| {
            format!(
                "{} {} | {}",
                finding.repository.as_deref().unwrap_or("-"),
                finding.problem,
                finding.remedy
            )
        })
        .collect();
    let has = |parts: &[&str]| {
        text.iter()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    };
    assert!(has(&[REPO, "contents: write", "is missing"]), "{text:#?}");
    assert!(
        has(&[REPO, "pull requests: write", "is missing"]),
        "{text:#?}"
    );
    assert!(has(&[REPO, "no branch gone"]), "{text:#?}");
    assert!(has(&["acme/nowhere", "Not Found"]), "{text:#?}");
    assert!(!has(&[REPO, "issues: write", "is missing"]), "{text:#?}");
}

#[tokio::test]
async fn protected_branches_are_a_warning() {
    let world = World::new();
    let report = world
        .client()
        .check(&[everything("acme/guarded")])
        .await
        .unwrap();
    assert!(report.is_fine(), "{report:?}");
    assert!(
        report
            .findings
            .iter()
            .any(|finding| !finding.fatal && finding.remedy.contains("deliver")),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_bad_token_is_one_finding() {
    let world = World::new();
    let report = world
        .client_of("github_pat_unknown")
        .check(&[everything(REPO)])
        .await
        .unwrap();
    assert_eq!(report.findings.len(), 1);
    assert!(report.findings[0].fatal && !format!("{report:?}").contains("github_pat_unknown"));
}

#[tokio::test]
async fn an_installation_knows_its_permissions() {
    let mut seed = handbook();
    seed.apps[0].installations[0].permissions = Some(
        serde_json::from_value(
            serde_json::json!({"issues": "write", "contents": "read", "metadata": "read"}),
        )
        .unwrap(),
    );
    let world = World::of(seed);
    let app = AppInstallation {
        app_id: "7".to_owned(),
        private_key: app_key().into(),
        installation_id: 70,
    };
    let tokens =
        InstallationTokens::new(&app, world.send(), world.clock.clone(), World::settings())
            .unwrap();
    let client = GithubClient::new(
        world.send(),
        Arc::new(tokens),
        world.clock.clone(),
        World::settings(),
    )
    .unwrap();
    let report = client.check(&[everything(REPO)]).await.unwrap();
    let missing: Vec<&str> = report
        .findings
        .iter()
        .filter(|one| one.fatal)
        .map(|one| one.problem.as_str())
        .collect();
    assert_eq!(
        missing,
        [
            "the permission \"contents: write\" is missing",
            "the permission \"pull requests: write\" is missing"
        ]
    );
}

#[tokio::test]
async fn a_rename_is_noticed_and_people_are_listed() {
    let world = World::new();
    let now = world.now();
    world.hub().rename_repository(REPO, "guide", now).unwrap();
    let report = world.client().check(&[everything(REPO)]).await.unwrap();
    assert!(report.is_fine());
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.problem.contains("acme/guide"))
    );
    let people = world.client().people(REPO).await.unwrap();
    assert!(
        people.iter().any(|person| person.login == "bob"),
        "{people:?}"
    );
    assert!(world.client().person("ada").await.unwrap().is_some());
    assert!(
        world
            .client()
            .person("nobody-at-all")
            .await
            .unwrap()
            .is_none()
    );
}
