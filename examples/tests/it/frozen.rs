//! The kill switch, for everything and for one mapping.

use crate::commands::CONFIG;
use crate::scratch::{Ran, Scratch};
use crate::services::Stand;

fn config() -> String {
    format!(
        "{CONFIG}[[tasks]]\nname = \"backlog\"\ndata_source = \"1c3f5a7b-0000-4000-8000-000000000002\"\n\
         repository = \"acme/app\"\n"
    )
}

#[track_caller]
fn says(ran: &Ran, wanted: &[&str], never: &[&str]) {
    for one in wanted {
        assert!(ran.out.contains(one), "{one:?} in {ran:?}");
    }
    for one in never {
        assert!(!ran.out.contains(one), "no {one:?} in {ran:?}");
    }
}

#[test]
fn each_freeze_is_told_for_itself_and_what_else_holds_beside_it() {
    let folder = Scratch::new("frozen");
    folder.file("notion-sync.toml", &config());
    let run = |arguments: &[&str]| folder.run(arguments, &[("USER", "ada")]).ends(0);
    let one = |command: &'static str| [command, "--mapping", "handbook"];
    let freeze = |reason: &str| run(&[&one("freeze")[..], &["--reason", reason]].concat());

    let ran = run(&["freeze", "--reason", "a move"]);
    says(
        &ran,
        &["everything is frozen: nothing is written"],
        &["besides"],
    );
    let ran = freeze("a merger");
    let own =
        "handbook is frozen: nothing is written until `notion-sync unfreeze --mapping handbook`";
    says(
        &ran,
        &[own, "besides, everything is frozen by ada", "a move"],
        &["already"],
    );
    says(
        &freeze("a sale"),
        &["handbook was frozen already", "a merger"],
        &["a sale"],
    );

    let ran = run(&["unfreeze"]);
    let left = [
        "handbook is frozen by ada",
        "a merger",
        "`notion-sync unfreeze --mapping handbook`",
    ];
    says(&ran, &left, &["everything goes on", "a move"]);
    says(
        &run(&["unfreeze"]),
        &["everything was not frozen", "a merger"],
        &[],
    );
    let ran = run(&["freeze", "--reason", "a flood"]);
    says(
        &ran,
        &[
            "everything is frozen: nothing",
            "besides, handbook is frozen by ada",
        ],
        &[],
    );
    let ran = run(&one("unfreeze"));
    says(
        &ran,
        &["everything is frozen by ada", "a flood"],
        &["handbook goes on"],
    );
    let json = run(&["unfreeze", "--json"]).json();
    assert_eq!(json["still_frozen"], serde_json::json!([]), "{json}");
    run(&one("freeze")
        .iter()
        .copied()
        .chain(["--reason", "x"])
        .collect::<Vec<_>>());
    says(&run(&one("unfreeze")), &["handbook goes on"], &[]);

    folder.file(
        "notion-sync.toml",
        &format!("{}[guard]\nfrozen = \"a fire\"\n", config()),
    );
    run(&["freeze", "--reason", "x"]);
    let ran = run(&["unfreeze"]);
    says(
        &ran,
        &["frozen by the configuration: a fire", "remove `frozen`"],
        &["goes on"],
    );
}

#[test]
fn a_store_in_memory_cannot_be_frozen() {
    let folder = Scratch::new("frozen-memory");
    for url in ["memory:", "sqlite::memory:"] {
        let store = format!("[store]\nurl = \"{url}\"");
        folder.file("notion-sync.toml", &config().replace("[store]", &store));
        let ran = folder.run(&["freeze", "--reason", "x"], &[]).ends(2);
        assert!(ran.err.contains("[guard] frozen"), "{ran:?}");
    }
}

#[test]
fn commands_that_write_say_that_it_is_frozen() {
    let stand = Stand::configured("frozen-commands", "");
    stand.run(&["plan", "--out", "plan.json"]).ends(0);
    stand
        .run(&["freeze", "--mapping", "handbook", "--reason", "a move"])
        .ends(0);
    let path = "docs/releases.md";
    let page = stand.rows().first().copied().unwrap().to_string();
    let link = ["link", "--page", &page, "--path", path, "--stamp"];
    for arguments in [
        &["apply", "plan.json"][..],
        &["check", "--full", "--repair"],
        &link,
    ] {
        let ran = stand.run(arguments).ends(7);
        for said in ["a move", "`notion-sync unfreeze --mapping handbook`"] {
            assert!(ran.err.contains(said), "{arguments:?}: {ran:?}");
        }
        assert!(!ran.out.contains("joined"), "{ran:?}");
    }
    stand.run(&["unfreeze", "--mapping", "handbook"]).ends(0);
    stand.run(&["apply", "plan.json"]);
}

#[test]
fn a_pair_that_is_joined_is_told_where_its_file_cannot_be_stamped() {
    let stand = Stand::configured("joined", "");
    let file = stand.folder.path().join("notion-sync.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let line = "repository = \"acme/handbook\"\n";
    let text = text.replace(line, &format!("{line}file_marker = \"none\"\n"));
    stand.folder.file("notion-sync.toml", &text);
    let page = stand.rows().first().copied().unwrap().to_string();
    let link = [
        "link",
        "--page",
        &page,
        "--path",
        "docs/releases.md",
        "--stamp",
    ];
    let ran = stand.run(&link).ends(2);
    assert!(ran.out.contains("joined as "), "{ran:?}");
    assert!(ran.err.contains("file_marker"), "{ran:?}");
}
