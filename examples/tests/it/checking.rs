//! What `check-config` finds, what `init` made for it, and a store that cannot be opened.

use notion_sync_examples::emulation::World;

use crate::commands::CONFIG;
use crate::scratch::Scratch;
use crate::services::Stand;

/// What `init` makes is what `check-config` misses of it, for each kind of mapping.
#[test]
fn init_adds_what_its_kind_of_mapping_writes() {
    for tasks in [false, true] {
        let mut world = World::small().unwrap();
        for database in &mut world.notion.databases {
            for source in &mut database.data_sources {
                let own = ["GitHub ", "PR ", "Sync ", "Last "];
                source
                    .properties
                    .retain(|name, _| !own.iter().any(|begin| name.starts_with(begin)));
            }
        }
        for page in &mut world.notion.pages {
            let own = ["GitHub ", "PR ", "Sync ", "Last "];
            page.properties
                .retain(|name, _| !own.iter().any(|begin| name.starts_with(begin)));
        }
        let stand = Stand::in_world("init-kind", world);
        let (source, repository) = match tasks {
            false => (stand.handbook.as_str(), "acme/handbook"),
            true => (stand.backlog.as_str(), "acme/app"),
        };
        let mut arguments = vec!["init", "--data-source", source, "--repository", repository];
        arguments.push("--create-properties");
        if tasks {
            arguments.push("--tasks");
        }
        // Nothing is added before everything is known to be right.
        let wrong = [&arguments[..], &["--name", "No Name"]].concat();
        stand.run(&wrong).ends(2);
        let added = stand.run(&[&arguments[..], &["--json"]].concat()).ends(0);
        let added = added.json()["created_properties"].as_array().unwrap().len();
        assert_eq!(added, if tasks { 14 } else { 8 });
        let checked = stand.run(&["check-config", "--json"]).ends(0).json();
        let all = checked["findings"].to_string();
        assert!(!all.contains("warning"), "{all}");
    }
}

#[test]
fn check_config_tells_what_no_field_can_hold() {
    let stand = Stand::configured("fits", "");
    let file = stand.folder.path().join("notion-sync.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    stand.run(&["check-config"]).ends(0);
    let labels = "labels = \"Labels\"";
    let assignees = "assignees = \"Assignee\"";
    let rule = "[[tasks.rules]]\nname = \"r\"\nbecomes = [\"Nopee\", \"group:Nope\"]\n\
                do = [\"mark-ready\"]\n[people]";
    let owner = "front_matter = { Owner = \"Owner\" }";
    for (was, wrong, said) in [
        (
            labels,
            "labels = \"Status\"",
            "name a property of type multi_select",
        ),
        (labels, "labels = \"Name\"", "it is the title"),
        (assignees, "assignees = \"Labels\"", "type people"),
        (
            owner,
            "front_matter = { Tags = { key = \"tags\", kind = \"date\" } }",
            "type date",
        ),
        ("[people]", rule, "\"Nopee\""),
        ("[people]", rule, "group \"Nope\""),
        (
            owner,
            "front_matter = { \"GitHub Sync Status\" = \"state\" }",
            "notes of its own",
        ),
    ] {
        assert!(text.contains(was), "{was}");
        stand
            .folder
            .file("notion-sync.toml", &text.replace(was, wrong));
        let ran = stand.run(&["check-config"]).ends(2);
        assert!(ran.out.contains(said), "{said} in {}", ran.out);
        assert!(!ran.out.contains("nothing is wrong"), "{}", ran.out);
    }
}

#[test]
fn a_store_without_its_key_is_not_given_another() {
    let folder = Scratch::new("key-lost");
    let text = CONFIG.replace("sealing = \"off\"", "key_file = \"notion-sync.key\"");
    folder.file("notion-sync.toml", &text);
    let fresh = folder.run(&["status"], &[]).ends(2).err;
    assert!(fresh.contains("`notion-sync init` make a key"), "{fresh}");
    folder.file(
        "notion-sync.key",
        "c2VhbHMgd2hhdCB0aGUgcGVvcGxlIHdyaXRlIGhlcmU=",
    );
    folder.run(&["freeze", "--reason", "x"], &[]).ends(0);
    std::fs::remove_file(folder.path().join("notion-sync.key")).unwrap();
    for text in [text.clone(), CONFIG.replace("sealing = \"off\"", "")] {
        folder.file("notion-sync.toml", &text);
        let lost = folder.run(&["status"], &[]).ends(2).err;
        for said in ["restore the key", "Backups", "docs/operations.md"] {
            assert!(lost.contains(said), "{said} in {lost}");
        }
        assert!(!lost.contains("init"), "{lost}");
    }
}

#[test]
fn the_store_is_part_of_what_is_checked() {
    let folder = Scratch::new("store-checked");
    let sealed = CONFIG.replace("sealing = \"off\"", "");
    folder.file("notion-sync.toml", &sealed);
    let key = |text| [("ENCRYPTION_KEY", text)];
    let right = key("c2VhbHMgd2hhdCB0aGUgcGVvcGxlIHdyaXRlIGhlcmU=");
    let wrong = key("d3JvbmcgYnV0IGFzIGxvbmcgYXMgdGhlIHJpZ2h0IG8=");
    let check = |env: &[(&str, &str)]| {
        let tokens = [
            ("NOTION_INTEGRATION_TOKEN", "ntn_x"),
            ("GITHUB_TOKEN", "github_pat_x"),
        ];
        let env = [&tokens[..], env].concat();
        folder.run(&["check-config", "--offline"], &env)
    };
    check(&right).ends(0);
    let file = folder.path().join("notion-sync.db");
    assert!(!file.exists(), "a look makes nothing");
    folder.run(&["freeze", "--reason", "x"], &right).ends(0);
    check(&right).ends(0);
    let said = check(&wrong).ends(2).out;
    assert!(said.contains("fault: ENCRYPTION_KEY"), "{said}");
    std::fs::remove_file(&file).unwrap();
    folder.file("notion-sync.db", &"garbage ".repeat(1_000));
    let said = check(&right).ends(2).out;
    assert!(
        said.contains("fault: store.url") && said.contains("not a SQLite database"),
        "{said}"
    );
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    for ran in [
        check(&right).ends(2).out,
        folder.run(&["status"], &right).ends(2).err,
    ] {
        assert!(
            ran.contains("it is a directory") && ran.contains("name a file"),
            "{ran}"
        );
    }
}
