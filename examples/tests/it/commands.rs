//! The program from outside, without services.

#![allow(clippy::unwrap_used)] // A step that fails fails the test.

use notion_sync_core::event::ChangeEvent;

use crate::scratch::Scratch;

pub(crate) const CONFIG: &str = r#"
[store]
sealing = "off"
[[documents]]
name = "handbook"
data_source = "1c3f5a7b-0000-4000-8000-000000000001"
repository = "acme/handbook"
"#;

const COMMANDS: [&str; 18] = [
    "freeze",
    "unfreeze",
    "dead-letter",
    "demo",
    "emulate",
    "init",
    "check-config",
    "plan",
    "apply",
    "sync",
    "serve",
    "status",
    "check",
    "conflicts",
    "audit",
    "link",
    "convert",
    "events",
];

/// Secrets that no output may ever hold.
const SECRETS: [(&str, &str); 3] = [
    ("NOTION_INTEGRATION_TOKEN", "ntn_topsecret1"),
    ("GITHUB_TOKEN", "github_pat_topsecret2"),
    ("ENCRYPTION_KEY", "topsecret3"),
];

#[test]
fn help_names_every_command_and_exit_code() {
    let folder = Scratch::new("help");
    let help = folder.run(&["--help"], &[]).ends(0).out;
    for command in COMMANDS {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command} in {help}"
        );
        folder.run(&[command, "--help"], &[]).ends(0);
    }
    assert!(help.contains("5 guard tripped"));
}

#[test]
fn the_kill_switch_is_shown_until_it_is_off() {
    let folder = Scratch::new("freeze");
    folder.file("notion-sync.toml", CONFIG);
    let env = [("USER", "ada")];
    let run = |arguments: &[&str]| folder.run(arguments, &env);
    run(&["freeze"]).ends(2);
    run(&["freeze", "--mapping", "nothing", "--reason", "x"]).ends(2);
    run(&["freeze", "--reason", "the handbook moves"]).ends(0);
    run(&["freeze", "--reason", " "]).ends(2);
    let again = run(&["freeze", "--reason", "another one"]).ends(0).out;
    for said in ["already", "the handbook moves", "unfreeze"] {
        assert!(again.contains(said), "{said} in {again}");
    }
    let status = run(&["status"]).ends(7).out;
    assert!(status.contains("frozen by ada since"), "{status}");
    assert!(status.contains("the handbook moves"), "{status}");
    let status = run(&["status", "--json"]).ends(7).out;
    assert!(status.contains("\"frozen\":\"frozen by ada"), "{status}");
    run(&["unfreeze"]).ends(0);
    run(&["status"]).ends(0);
    let again = run(&["unfreeze"]).ends(0).out;
    assert!(again.contains("was not frozen"), "{again}");
}

#[test]
fn wrong_usage_ends_with_2_and_says_why() {
    let folder = Scratch::new("usage");
    folder.file("notion-sync.toml", CONFIG);
    for arguments in [
        &["nonsense"][..],
        &[],
        &["sync", "--nonsense"],
        &["apply"],
        &["link", "--page", "x"],
        &["link", "--page", "x", "--path", "a", "--issue", "1"],
        &["convert", "--from", "html", "--to", "markdown"],
        &["conflicts", "resolve", "r1"],
        &["conflicts", "resolve", "r1", "--take", "both"],
        &["apply", "--approve", "xyz"],
        &["apply", "missing.json"],
        &["audit", "show", "--page", "not-a-page"],
        &["audit", "show", "--record", "r-none"],
        &["conflicts", "show", "r-none"],
        &["link", "--page", "not-a-page", "--path", "a.md"],
    ] {
        let ran = folder.run(arguments, &[]).ends(2);
        assert!(!ran.err.is_empty(), "{arguments:?}");
        assert!(!ran.err.contains("panicked"), "{ran:?}");
    }
}

#[test]
fn options_of_every_command_stand_behind_its_subcommand_too() {
    let folder = Scratch::new("behind");
    let file = folder.file("other.toml", CONFIG);
    let file = file.to_str().unwrap();
    for arguments in [
        &["audit", "show", "--last", "1"][..],
        &["conflicts", "list"],
        &["dead-letter", "list"],
    ] {
        let behind = [arguments, &["--json", "--config", file]].concat();
        let ran = folder.run(&behind, &[]).ends(0);
        assert!(ran.out.is_empty() || ran.out.starts_with('{'), "{ran:?}");
        let (name, rest) = arguments.split_first().unwrap();
        let before = [&[*name, "--config", file, "--json"], rest].concat();
        assert_eq!(folder.run(&before, &[]).ends(0).out, ran.out);
    }
}

#[test]
fn a_missing_or_broken_configuration_ends_with_2() {
    let folder = Scratch::new("broken");
    let ran = folder.run(&["status"], &[]).ends(2);
    assert!(
        ran.err.contains("notion-sync.toml") && ran.err.contains("init"),
        "{ran:?}"
    );
    folder.file("notion-sync.toml", "[[documents]]\nname = 5\ncolour = 1\n");
    for command in [
        "status",
        "sync",
        "plan",
        "check",
        "conflicts",
        "check-config",
    ] {
        let ran = folder.run(&[command], &[]).ends(2);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(
            said.contains("notion-sync.toml:2") && said.contains("notion-sync.toml:3"),
            "{said}"
        );
    }
    let json = folder.run(&["status", "--json"], &[]).ends(2).json();
    assert_eq!(json["exit"], 2);
    assert!(json["error"].as_str().unwrap().contains("colour"));
    let json = folder.run(&["check-config", "--json"], &[]).ends(2).json();
    assert!(json["findings"].as_array().unwrap().len() >= 3);
}

#[test]
fn looking_at_an_empty_store_is_clean_and_makes_no_file() {
    let folder = Scratch::new("empty");
    folder.file("notion-sync.toml", CONFIG);
    let json = folder.run(&["status", "--json"], &[]).ends(0).json();
    assert_eq!(json["mappings"][0]["mapping"], "handbook");
    assert_eq!(json["mappings"][0]["live"], 0);
    let text = folder.run(&["status"], &[]).ends(0).out;
    assert!(text.contains("never synchronised"), "{text}");
    assert_eq!(
        folder.run(&["conflicts"], &[]).ends(0).out,
        "no conflicts\n"
    );
    let json = folder
        .run(&["conflicts", "list", "--json"], &[])
        .ends(0)
        .json();
    assert_eq!(json["conflicts"], serde_json::json!([]));
    let dead = folder.run(&["dead-letter"], &[]).ends(0).out;
    assert_eq!(dead, "nothing was set aside\n");
    assert_eq!(folder.run(&["audit", "show"], &[]).ends(0).out, "");
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn a_sealed_store_needs_a_key() {
    let folder = Scratch::new("sealed");
    folder.file("notion-sync.toml", &CONFIG.replace("\"off\"", "\"on\""));
    let ran = folder.run(&["status"], &[]).ends(2);
    assert!(
        ran.err.contains("ENCRYPTION_KEY") && ran.err.contains("init"),
        "{ran:?}"
    );
    let ran = folder
        .run(&["status"], &[("ENCRYPTION_KEY", "short")])
        .ends(2);
    assert!(!ran.err.contains("short"), "{ran:?}");
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    folder.run(&["status"], &[("ENCRYPTION_KEY", key)]).ends(0);
    let file = folder.file("key", &format!("{key}\n"));
    let twin = [("ENCRYPTION_KEY_FILE", file.to_str().unwrap())];
    folder.run(&["status"], &twin).ends(0);
    let both = [twin[0], ("ENCRYPTION_KEY", key)];
    assert!(
        folder
            .run(&["status"], &both)
            .ends(2)
            .err
            .contains("set too")
    );
    let none = [("ENCRYPTION_KEY_FILE", "nowhere")];
    assert!(
        folder
            .run(&["status"], &none)
            .ends(2)
            .err
            .contains("nowhere")
    );
    folder.file(
        "notion-sync.toml",
        &CONFIG.replace("sealing = \"off\"", "key_file = \"key\""),
    );
    folder.run(&["status"], &[]).ends(0);
}

#[test]
fn secrets_are_missing_together_and_never_printed() {
    let folder = Scratch::new("secrets");
    folder.file("notion-sync.toml", &CONFIG.replace("\"off\"", "\"on\""));
    let json = folder
        .run(&["check-config", "--offline", "--json"], &[])
        .ends(2)
        .json();
    let places: Vec<&str> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["place"].as_str().unwrap())
        .collect();
    assert_eq!(
        places,
        ["NOTION_INTEGRATION_TOKEN", "GITHUB_TOKEN", "ENCRYPTION_KEY"]
    );

    // Nobody listens on port 1, so nothing leaves this machine.
    let mut env = SECRETS.to_vec();
    env.extend([
        ("NOTION_API_BASE_URL", "http://127.0.0.1:1"),
        ("GITHUB_API_URL", "http://127.0.0.1:1"),
        ("NOTION_SYNC_LOG", "trace"),
    ]);
    for sealing in ["\"on\"", "\"off\""] {
        folder.file("notion-sync.toml", &CONFIG.replace("\"off\"", sealing));
        for arguments in [
            &["check-config"][..],
            &["check-config", "--json"],
            &["sync"],
            &["plan", "--json"],
            &["check"],
            &["status"],
            &[
                "init",
                "--force",
                "--data-source",
                "1c3f5a7b000040008000000000000001",
            ],
        ] {
            let ran = folder.run(arguments, &env);
            assert!(!ran.err.contains("panicked"), "{arguments:?}: {ran:?}");
            for (_, secret) in SECRETS {
                assert!(
                    !ran.out.contains(secret) && !ran.err.contains(secret),
                    "{arguments:?}: {ran:?}"
                );
            }
        }
    }
}

#[test]
fn half_an_app_is_a_fault() {
    let folder = Scratch::new("app");
    folder.file("notion-sync.toml", CONFIG);
    let ran = folder.run(&["status"], &[("GITHUB_APP_ID", "1")]).ends(2);
    assert!(
        ran.err
            .contains("GITHUB_APP_PRIVATE_KEY and GITHUB_APP_INSTALLATION_ID"),
        "{ran:?}"
    );
}

#[test]
fn a_service_that_is_away_ends_with_1() {
    let folder = Scratch::new("away");
    folder.file("notion-sync.toml", CONFIG);
    let env = [
        SECRETS[0],
        SECRETS[1],
        ("NOTION_API_BASE_URL", "http://127.0.0.1:1"),
        ("GITHUB_API_URL", "http://127.0.0.1:1"),
    ];
    folder.run(&["plan"], &env).ends(1);
    let json = folder.run(&["sync", "--json"], &env).ends(1).json();
    assert!(json["mappings"][0]["errors"][0].is_string(), "{json}");
}

const MARKDOWN: &str = "# Title\n\nSome **bold** text.\n\n- [ ] task\n  - nested\n\n> [!NOTE]\n> a note\n\n```rust\nfn main() {}\n```\n";

#[test]
fn convert_goes_round() {
    let folder = Scratch::new("convert");
    let blocks = folder
        .run_with(
            &["convert", "--from", "markdown", "--to", "blocks"],
            MARKDOWN.as_bytes(),
        )
        .ends(0);
    assert_eq!(blocks.json()[0]["type"], "heading_1");
    let back = folder
        .run_with(
            &["convert", "--from", "blocks", "--to", "markdown"],
            blocks.out.as_bytes(),
        )
        .ends(0);
    assert_eq!(back.out, MARKDOWN);
    let notion = folder
        .run_with(
            &["convert", "--from", "markdown", "--to", "notion-markdown"],
            MARKDOWN.as_bytes(),
        )
        .ends(0);
    let back = folder
        .run_with(
            &["convert", "--from", "notion-markdown", "--to", "markdown"],
            notion.out.as_bytes(),
        )
        .ends(0);
    assert_eq!(back.out, MARKDOWN);
    let same = folder
        .run_with(
            &["convert", "--from", "blocks", "--to", "blocks"],
            blocks.out.as_bytes(),
        )
        .ends(0);
    assert_eq!(same.out, blocks.out);
}

#[test]
fn convert_reports_what_it_keeps_and_leaves() {
    let folder = Scratch::new("convert-report");
    let file = "3. c\n\n4. d\n\n<div>\nx\n</div>\n\n```sh\nls\n```\n";
    let args = |more: &[&'static str]| {
        let mut args = vec![
            "convert", "--from", "markdown", "--to", "blocks", "--report",
        ];
        args.extend(more);
        args
    };
    let page = folder.run_with(&args(&[]), file.as_bytes()).ends(0);
    assert!(
        page.err.contains("block 3: kept opaque: source"),
        "{}",
        page.err
    );
    assert!(
        page.err.ends_with("notion-sync: 1 kept opaque\n"),
        "{}",
        page.err
    );
    let back = folder
        .run_with(
            &[
                "convert", "--from", "blocks", "--to", "markdown", "--report",
            ],
            page.out.as_bytes(),
        )
        .ends(0);
    assert_eq!(back.out, file);
    assert_eq!(back.err, "notion-sync: nothing was lost\n");
    let content = folder
        .run_with(&args(&["--carry", "content"]), file.as_bytes())
        .ends(0);
    assert!(
        content
            .err
            .ends_with("notion-sync: 3 left behind, 1 kept opaque\n"),
        "{}",
        content.err
    );
}

#[test]
fn convert_refuses_what_it_cannot_read() {
    let folder = Scratch::new("convert-bad");
    let deep = format!(
        "{}{}",
        r#"{"type":"quote","quote":{"rich_text":[]},"children":["#.repeat(100),
        "]}".repeat(100)
    );
    for (from, input) in [
        ("blocks", &b"{"[..]),
        ("blocks", b"7"),
        ("blocks", b"[7]"),
        ("blocks", br#"[{"object":"block","id":"x"}]"#),
        ("blocks", deep.as_bytes()),
        ("markdown", b"\xff\xfe"),
        ("markdown", b"---\na: [\n---\n"),
    ] {
        let ran = folder.run_with(&["convert", "--from", from, "--to", "markdown"], input);
        let ran = ran.ends(2);
        assert!(
            ran.err.starts_with("notion-sync: ") && ran.out.is_empty(),
            "{ran:?}"
        );
    }
}

#[test]
fn the_schema_of_events_is_the_committed_one() {
    let folder = Scratch::new("schema");
    let printed = folder.run(&["events", "schema"], &[]).ends(0).out;
    assert_eq!(printed, format!("{}\n", ChangeEvent::json_schema()));
    let committed = include_str!("../../../docs/events.schema.json");
    assert_eq!(
        printed, committed,
        "run `cargo notion-sync events schema > docs/events.schema.json`"
    );
}
