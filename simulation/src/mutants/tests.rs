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
    for (name, profile, seeds, property) in [
        ("applied-dropped", Profile::Tasks, 1..=1, "P14"),
        ("claims-dropped", Profile::Tasks, 1..=1, "P03"),
        ("conflicts-dropped", Profile::Tasks, 1..=1, "P20"),
        ("stale-read", Profile::Documents, 1..=2, "P30"),
        ("wait-unheard", Profile::Tasks, 1..=3, "P19"),
        ("losers-dropped", Profile::Tasks, 1..=5, "P02"),
        // Those before are played by the command for the whole table.
        ("no-fence", Profile::Workers, 1..=7, "P15"),
    ] {
        let entry = catalogue::named(name).expect("the catalogue has it");
        let last = *seeds.end();
        let hunt = hunt(&entry, profile, seeds, false);
        assert!(hunt.struck > 0, "{name} did nothing");
        let found = hunt.found.map(|(seed, failure)| (seed, failure.property));
        assert_eq!(found, Some((last, property)), "{name}");
    }
    for (profile, seeds) in [(Profile::Tasks, 5), (Profile::Workers, 10)] {
        for seed in 1..=seeds {
            let failure = play_mutant(seed, profile, None, false).failure;
            assert_eq!(failure, None, "seed {seed} of {profile:?} as it is");
        }
    }
}
