//! A few mutants in every build, so that the hunt itself cannot rot.

use std::collections::BTreeSet;

use super::catalogue::{self, ALL};
use super::command::hunt;
use crate::scenario::{Profile, play_mutant};

#[test]
fn every_mutant_has_a_name_of_its_own() {
    let names: BTreeSet<_> = ALL.iter().map(|entry| entry.name).collect();
    let mutants: BTreeSet<_> = ALL.iter().map(|entry| entry.mutant).collect();
    assert_eq!((names.len(), mutants.len()), (ALL.len(), ALL.len()));
    assert_eq!(catalogue::named("no-such-mutant").map(|e| e.mutant), None);
}

#[test]
fn broken_rules_are_noticed() {
    for (name, seeds, property) in [
        ("applied-dropped", 1, "P14"),
        ("claims-dropped", 1, "P21"),
        ("conflicts-dropped", 1, "P03"),
        ("wait-unheard", 3, "P19"),
        ("losers-dropped", 5, "P02"),
    ] {
        let entry = catalogue::named(name).expect("the catalogue has it");
        let hunt = hunt(&entry, Profile::Tasks, 1..=seeds, false);
        assert!(hunt.struck > 0, "{name} did nothing");
        let found = hunt.found.map(|(seed, failure)| (seed, failure.property));
        assert_eq!(found, Some((seeds, property)), "{name}");
    }
    for seed in 1..=5 {
        let failure = play_mutant(seed, Profile::Tasks, None, false).failure;
        assert_eq!(failure, None, "seed {seed} as it is");
    }
}
