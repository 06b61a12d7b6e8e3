//! The edits fit the sources as they are.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use super::catalogue::{ALL, SWITCH};
use super::{Wanted, plant};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn every_rule_can_be_broken_in_the_sources_as_they_are() {
    let files: BTreeSet<&str> = (ALL.iter())
        .flat_map(|planted| planted.edits.iter().map(|edit| edit.file))
        .collect();
    let mut switches = 0;
    for file in files {
        let text = std::fs::read(root().join(file)).unwrap();
        let planted = String::from_utf8(plant(file, text).unwrap()).unwrap();
        syn::parse_file(&planted).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(!planted.contains(SWITCH), "{file}");
        switches += planted.matches("mutation_switch::on(").count();
    }
    assert!(switches >= ALL.len());
}

#[test]
fn names_are_unique_and_worlds_are_those_of_the_simulator() {
    let names: BTreeSet<&str> = ALL.iter().map(|planted| planted.name).collect();
    assert_eq!(names.len(), ALL.len());
    let script = root().join("simulation/src/scenario/script.rs");
    let script = std::fs::read_to_string(script).unwrap();
    for planted in ALL {
        assert!(!planted.rule.is_empty() && !planted.edits.is_empty());
        let worlds = format!(" => {:?},", planted.worlds);
        let known = planted.worlds == super::CELLS || script.contains(&worlds);
        assert!(known, "{}", planted.name);
        let asks = |edit: &super::catalogue::Edit| edit.instead.contains(SWITCH);
        assert!(planted.edits.iter().any(asks), "{}", planted.name);
    }
}

#[test]
fn a_piece_that_is_not_there_or_there_twice_is_an_error() {
    let file = ALL[0].edits[0].file;
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    let error = plant(file, format!("{text}{text}").into_bytes()).unwrap_err();
    assert!(error.contains("2 times"), "{error}");
    assert!(plant(file, Vec::new()).unwrap_err().contains("0 times"));
    let other = b"fn other() {}".to_vec();
    assert_eq!(
        plant("notion-sync-core/src/other.rs", other.clone()).unwrap(),
        other
    );
}

#[test]
fn what_is_no_rule_and_no_option_is_refused() {
    let parse = |text: &str| Wanted::parse(text.split(' ').map(str::to_owned));
    assert!(
        parse("--only one-hash,nothing")
            .unwrap_err()
            .contains("nothing")
    );
    assert!(parse("--seed 3").unwrap_err().contains("no option"));
    assert!(parse("--seeds").unwrap_err().contains("wants a value"));
    assert!(parse("--seeds many").is_err());
    let wanted = parse("--only one-hash --seeds 30 --jobs 0").unwrap();
    assert_eq!((wanted.seeds, wanted.jobs), (30, 1));
    assert!(wanted.work.ends_with("target/planted"));
}

#[test]
fn a_cell_that_fails_is_read() {
    let cell = "issue/summary:unplanned in steps: P13: without a death \"a\", with it \"P22: b\"";
    let read = |line: &str| super::in_cell(line);
    let found = |cell: &str, by: &str| Some((cell.to_owned(), by.to_owned()));
    assert_eq!(read(cell), found("issue/summary:unplanned", "P13"));
    let double = "double 27 in conversation ([Later(29)]): P22: r5: the copy";
    assert_eq!(read(double), found("double 27", "P22"));
    assert_eq!(
        read("steps without a death: P20: no rest"),
        found("steps", "P20")
    );
    assert_eq!(read("549 cells hold in 570 runs, 748 are impossible"), None);
}
