//! What must be readable before absence means anything, from outside.

use notion_sync_examples::emulation::BACKLOG;
use notion_sync_testkit::notion::NotionId;

use crate::services::Stand;

const TEXT: &str = "# Sentinel\n\nDo not delete this page.\n";

/// Documents with a pair that stands for all of them, at rest.
fn watched(name: &str) -> (Stand, NotionId) {
    let stand = Stand::configured(name, "");
    stand.push("docs/sentinel.md", TEXT);
    stand.run(&["sync", "--wait"]).ends(0);
    let page = stand.page("Sentinel");
    stand.add(&format!(
        "[documents.sentinel]\n\
         page = {{ at = \"{page}\", contains = \"Do not delete\" }}\n\
         file = {{ at = \"docs/sentinel.md\", contains = \"Do not delete\" }}\n"
    ));
    stand.run(&["check-config"]).ends(0);
    stand.run(&["sync", "--wait"]).ends(0);
    (stand, page)
}

fn share(stand: &Stand, page: NotionId, shared: bool) {
    let mut notion = stand.notion();
    let mut ada = notion.person("ada", chrono::Utc::now()).unwrap();
    ada.share(page, shared).unwrap();
}

fn deleting(stand: &Stand) -> u64 {
    let status = stand.run(&["status", "--json"]).json();
    status["mappings"][0]["deleting"].as_u64().unwrap()
}

#[test]
fn nothing_is_deleted_while_the_sentinel_is_missing() {
    let (stand, sentinel) = watched("sentinel");
    let releases = stand.page("Releases");
    share(&stand, sentinel, false);
    {
        let mut notion = stand.notion();
        let mut bob = notion.person("bob", chrono::Utc::now()).unwrap();
        bob.trash(releases).unwrap();
    }
    let said = format!("the sentinel \"{sentinel}\" on Notion");
    let ran = stand.run(&["sync", "--full"]).ends(5);
    assert!(ran.out.contains(&said), "{ran:?}");
    // Waiting does not help: a person has to.
    stand.run(&["sync", "--wait"]).ends(5);
    for command in [&["status"][..], &["check"], &["check", "--full"]] {
        let ran = stand.run(command).ends(5);
        assert!(ran.out.contains(&said), "{command:?}: {ran:?}");
    }
    assert_eq!(deleting(&stand), 0);
    let ran = stand.run(&["check-config"]).ends(2);
    assert!(ran.out.contains(&said), "{ran:?}");

    share(&stand, sentinel, true);
    stand.run(&["sync", "--full", "--wait"]).ends(0);
    assert_eq!(deleting(&stand), 1, "its deletion is proposed");
    stand.run(&["status"]).ends(0);
    stand.run(&["check"]).ends(0);
    stand.run(&["check-config"]).ends(0);
}

#[test]
fn an_issue_that_does_not_say_what_it_should_keeps_pages_from_the_trash() {
    let stand = Stand::configured("sentinel-tasks", "");
    stand.add(&format!(
        "[tasks.sentinel]\nissue = {{ at = \"{BACKLOG}#1\", contains = \"dark theme\" }}\n"
    ));
    stand.run(&["check-config"]).ends(0);
    stand.run(&["sync", "--wait"]).ends(0);
    let tasks = || {
        let notion = stand.notion();
        notion.rows(notion.id("backlog-tasks")).len()
    };
    let say = |text: &str| {
        let now = chrono::Utc::now();
        stand
            .github()
            .rewrite(BACKLOG, 1, "bob", Some(text), now)
            .unwrap();
    };
    assert_eq!(tasks(), 2);
    say("Something else.");
    stand.github().delete_issue(BACKLOG, 2).unwrap();
    let ran = stand.run(&["sync", "--full"]).ends(5);
    assert!(
        ran.out.contains("does not contain \"dark theme\""),
        "{ran:?}"
    );
    stand.run(&["check"]).ends(5);
    assert_eq!(tasks(), 2);

    say("It should offer a dark theme.");
    stand.run(&["sync", "--full", "--wait"]).ends(0);
    assert_eq!(tasks(), 1, "the deletion is believed");
}

#[test]
fn check_config_says_what_is_wrong_with_a_sentinel() {
    let stand = Stand::configured("sentinel-config", "");
    stand.add(&format!(
        "[documents.sentinel]\nfile = {{ at = \"docs/none.md\", contains = \"here\" }}\n\
         [tasks.sentinel]\nissue = {{ at = \"{BACKLOG}#1\", contains = \"light theme\" }}\n"
    ));
    stand.run(&["check-config", "--offline"]).ends(0);
    let json = stand.run(&["check-config", "--json"]).ends(2).json();
    let faults: Vec<(&str, &str)> = (json["findings"].as_array().unwrap().iter())
        .filter(|one| one["level"] == "fault")
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap();
            (text("place"), text("message"))
        })
        .collect();
    let [(issue, other), (file, missing)] = faults.as_slice() else {
        panic!("{json}")
    };
    assert!(file.contains("handbook") && missing.contains("docs/none.md"));
    assert!(missing.contains("is not there"), "{missing}");
    assert!(issue.contains("backlog") && other.contains("light theme"));

    stand.add(
        "page = { at = \"no id\", contains = \"\" }\nfile = { at = \"a\", contains = \"b\" }\n",
    );
    let ran = stand.run(&["check-config", "--offline"]).ends(2);
    for said in ["tasks[0].sentinel.page", "tasks[0].sentinel.file"] {
        assert!(ran.out.contains(said), "{said} in {ran:?}");
    }
}
