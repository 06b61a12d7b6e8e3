//! `dead-letter` from outside: writes that a service refuses for good, given up or completed by hand.

use notion_sync_examples::emulation::{BACKLOG, World};
use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule};
use serde_json::{Value, json};

use crate::services::Stand;

/// The next request of this kind ends as `fault` says.
fn strike(stand: &Stand, method: &str, path: &str, fault: Fault) {
    let rule = FaultRule {
        method: method.to_owned(),
        path_contains: path.to_owned(),
        skip: 0,
        times: 1,
        fault,
    };
    stand.github().faults().push(rule);
}

/// A service that takes the request for wrong.
const REFUSED: Fault = Fault::Refuse {
    status: 422,
    retry_after: None,
};

/// The one write that was set aside.
fn set_aside(stand: &Stand) -> Value {
    let listed = stand.run(&["dead-letter", "--json"]).ends(4).json();
    let operations = listed["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 1, "{listed}");
    operations[0].clone()
}

/// A task of which GitHub did not make the issue. Answers the operation and its record.
fn creation_refused(name: &str) -> (Stand, String, String) {
    let stand = Stand::configured(name, "");
    strike(&stand, "POST", "/issues", REFUSED);
    stand.run(&["sync", "--wait"]).ends(4);
    let aside = set_aside(&stand);
    let text = |name: &str| aside[name].as_str().unwrap().to_owned();
    (stand, text("op"), text("record"))
}

fn issues(stand: &Stand) -> Vec<u64> {
    stand.github().issue_numbers(BACKLOG).unwrap()
}

#[test]
fn what_is_given_up_is_not_sent_and_stays_named_until_somebody_asks_for_it() {
    let (stand, op, record) = creation_refused("void");
    let ada = [("USER", "ada")];
    let void = [
        "dead-letter",
        "--json",
        "void",
        &op,
        "--reason",
        "it is a note",
    ];
    stand.run(&["dead-letter", "void", &op]).ends(2);
    let told = stand.run_with(&void, &ada).ends(0).json();
    assert_eq!(told["op"], op);
    assert_eq!(told["given_up"]["by"], "ada");
    for _ in 0..2 {
        stand.run(&["sync", "--wait", "--full"]).ends(0);
    }
    assert_eq!(issues(&stand), [1], "it was sent");
    let listed = stand.run(&["dead-letter"]).ends(0).out;
    for said in ["given up by ada", "it is a note", "nothing was set aside"] {
        assert!(listed.contains(said), "{said} in {listed}");
    }
    let remedy = format!("dead-letter retry {record}");
    let status = stand.run(&["status"]).ends(0);
    assert!(status.out.contains(&remedy), "{status:?}");
    let again = stand.run_with(&void, &ada).ends(2);
    assert!(again.err.contains("given up already"), "{again:?}");

    stand.run(&["dead-letter", "retry", &record]).ends(0);
    stand.run(&["sync", "--wait"]).ends(0);
    assert_eq!(issues(&stand), [1, 2]);
    let listed = stand.run(&["dead-letter", "--json"]).ends(0).json();
    assert_eq!(listed["given_up"], json!([]));
}

#[test]
fn a_creation_is_completed_with_the_issue_that_somebody_names() {
    let (stand, op, _) = creation_refused("resolve");
    let now = chrono::Utc::now();
    let title = "Login fails after password reset";
    let number = stand
        .github()
        .open_issue(BACKLOG, "bob", title, Some("Made by hand."), now)
        .unwrap();
    let resolve = |object: &str| stand.run(&["dead-letter", "--json", "resolve-with", &op, object]);
    // Nothing that an issue is named by, one that is not there, one that is somebody else's.
    for wrong in ["acme", "#99", "#1"] {
        let ran = resolve(wrong);
        assert!(ran.code != 0 && !ran.err.is_empty(), "{wrong}: {ran:?}");
    }
    assert_eq!(
        set_aside(&stand)["op"],
        op,
        "what was refused changes nothing"
    );

    stand
        .run(&["freeze", "--mapping", "backlog", "--reason", "a move"])
        .ends(0);
    let ran = stand
        .run(&["dead-letter", "resolve-with", &op, "#1"])
        .ends(7);
    assert!(ran.err.contains("unfreeze --mapping backlog"), "{ran:?}");
    stand.run(&["unfreeze", "--mapping", "backlog"]).ends(0);

    let address = format!("https://github.com/{BACKLOG}/issues/{number}");
    let done = resolve(&address).ends(0).json();
    assert_eq!(done["applied"]["op"], op);
    stand.run(&["dead-letter"]).ends(0);
    stand.run(&["sync", "--wait"]).ends(0);
    assert_eq!(issues(&stand), [1, number], "no second issue");
    let status = stand.run(&["status", "--json"]).ends(0).json();
    assert_eq!(status["mappings"][1]["live"], 2, "{status}");
    assert!(resolve(&address).code != 0, "its outcome is known");
}

#[test]
fn a_start_is_completed_with_the_run_that_somebody_names() {
    let mut world = World::small().unwrap();
    let workflow = "name: Ship\non:\n  workflow_dispatch:\n";
    let files = &mut world.github.repositories[1].files;
    files.insert(".github/workflows/ship.yml".to_owned(), workflow.to_owned());
    let stand = Stand::configured_in("resolve-run", world);
    stand.add(
        "[[tasks.rules]]\nname = \"ship\"\nbecomes = [\"Done\"]\n\
         do = [ { dispatch = { workflow = \"ship.yml\" } }, { add-labels = [\"feature\"] } ]\n",
    );
    stand.run(&["sync", "--wait"]).ends(0);
    // It starts, and the answer says that it did not.
    let started = Fault::FailAfter { status: 422 };
    strike(&stand, "POST", "/dispatches", started);
    let task = {
        let notion = stand.notion();
        let rows = notion.rows(notion.id("backlog-tasks"));
        let title = "Login fails after password reset";
        let titled = |id: &&_| notion.title(**id).as_deref() == Some(title);
        *rows.iter().find(titled).unwrap()
    };
    stand
        .notion()
        .person("bob", chrono::Utc::now())
        .unwrap()
        .set_property(task, "Status", json!("Done"))
        .unwrap();
    stand.run(&["sync", "--wait"]).ends(4);
    let op = set_aside(&stand)["op"].as_str().unwrap().to_owned();
    let runs = stand.github().dispatches(BACKLOG).unwrap();
    assert_eq!(runs.len(), 1, "{runs:?}");
    let labels = || stand.github().issue(BACKLOG, 2).unwrap().labels;
    assert_eq!(labels(), ["bug"], "the step behind it waits");

    let address = format!("https://github.com/{BACKLOG}/actions/runs/{}", runs[0].id);
    let resolve = ["dead-letter", "--json", "resolve-with", &op, &address];
    stand.run(&resolve).ends(0);
    stand.run(&["sync", "--wait"]).ends(0);
    let runs = stand.github().dispatches(BACKLOG).unwrap();
    assert_eq!(runs.len(), 1, "started once: {runs:?}");
    assert_eq!(labels(), ["bug", "feature"]);
}

#[test]
fn giving_one_of_several_up_leaves_the_others_listed() {
    let stand = Stand::configured("several", "");
    stand.run(&["sync", "--wait"]).ends(0);
    let listed = |code: i32| -> Vec<String> {
        let json = stand.run(&["dead-letter", "--json"]).ends(code).json();
        let operations = json["operations"].as_array().unwrap();
        let op = |one: &Value| one["op"].as_str().unwrap().to_owned();
        operations.iter().map(op).collect()
    };
    // The title is refused, and so is what the page shall say of that.
    stand.notion().faults().push(FaultRule {
        method: "PATCH".to_owned(),
        path_contains: "/v1/pages/".to_owned(),
        skip: 0,
        times: 9,
        fault: Fault::Refuse {
            status: 400,
            retry_after: None,
        },
    });
    let now = chrono::Utc::now();
    (stand
        .github()
        .retitle(BACKLOG, 1, "bob", "Darker mode", now))
    .unwrap();
    stand.run(&["sync", "--wait"]).ends(4);
    // What is set aside is why a run ends so.
    let ran = stand.run(&["sync", "--wait"]).ends(4);
    let all = listed(4);
    assert!(all.len() > 1, "{all:?}");
    let said = format!(
        "{} writes set aside: see `notion-sync dead-letter`",
        all.len()
    );
    assert!(ran.out.contains(&said), "{ran:?}");
    let void = [
        "dead-letter",
        "void",
        &all[0],
        "--reason",
        "nobody needs it",
    ];
    stand.run(&void).ends(0);
    assert_eq!(listed(4), all[1..]);
    let status = stand.run(&["status", "--json"]).ends(4).json();
    assert_eq!(status["mappings"][1]["dead"], all.len() - 1, "{status}");
    let text = stand.run(&["dead-letter"]).ends(4).out;
    assert!(text.contains(&format!("operation {}", all[1])), "{text}");
    // A write of the page that shows more overtakes what was to show less.
    stand.notion().faults().clear();
    let ran = stand.run(&["sync", "--wait"]);
    assert!(!ran.out.contains("set aside"), "{ran:?}");
    assert_eq!(listed(ran.code), Vec::<String>::new(), "{ran:?}");
}

/// Whoever grants what was missing wants to know when that is noticed.
#[test]
fn a_write_that_is_blocked_says_when_it_is_tried_again() {
    let stand = Stand::configured("blocked", "");
    let forbidden = Fault::Refuse {
        status: 401,
        retry_after: None,
    };
    strike(&stand, "POST", "/issues", forbidden);
    stand.run(&["sync", "--wait"]).ends(6);
    let status = stand.run(&["status"]).ends(6);
    assert!(status.out.contains("(tried again at 2"), "{status:?}");
}
