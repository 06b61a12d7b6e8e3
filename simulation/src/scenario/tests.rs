//! A few seeds in every build, and the checks of the checker.

use super::command::shrink;
use super::markers::{self, Reached};
use super::play::{self, Manner};
use super::script::{Profile, Script};
use super::season::{Season, play_all};

fn season(seeds: std::ops::Range<u64>, profile: Profile, jobs: usize) -> Season {
    Season {
        seeds,
        profile,
        canary: false,
        keep_going: false,
        jobs,
        cells: false,
    }
}

#[test]
fn a_few_seeds_hold() {
    let mut counts = std::collections::BTreeMap::new();
    for profile in Profile::ALL {
        let tally = play_all(&season(1..9, profile, 2), &mut |_, _| {});
        assert!(
            tally.failures.is_empty(),
            "{profile:?}: {:?}",
            tally.failures
        );
        assert_eq!(tally.seeds, 8);
        counts.extend(tally.counts);
    }
    for what in [
        "applied",
        "crashed",
        "dropped after",
        "a process slept",
        "duplicate repaired",
    ] {
        assert!(counts.contains_key(what), "{what} never happened");
    }
}

#[test]
fn the_same_seed_goes_the_same_way() {
    let script = Script::new(7, Profile::Both);
    let runs = [(); 2].map(|()| play::run(&script, Manner::default()).hash);
    assert_eq!(runs[0], runs[1]);
    let other = play::run(&Script::new(8, Profile::Both), Manner::default());
    assert_ne!(runs[0], other.hash);
}

#[test]
fn threads_change_nothing() {
    for profile in [
        Profile::Tasks,
        Profile::Faults,
        Profile::Workers,
        Profile::Surroundings,
    ] {
        let tallies = [1, 3].map(|jobs| play_all(&season(20..24, profile, jobs), &mut |_, _| {}));
        assert_eq!(tallies[0].digest(), tallies[1].digest());
        assert_eq!(tallies[0].counts, tallies[1].counts);
        assert_eq!(tallies[0].cells, tallies[1].cells);
    }
}

#[test]
fn counting_what_strikes_changes_nothing() {
    let [without, with] = [false, true].map(|cells| {
        let season = Season {
            cells,
            ..season(1..5, Profile::Tasks, 1)
        };
        play_all(&season, &mut |_, _| {})
    });
    assert_eq!(without.digest(), with.digest());
    assert_eq!(without.cells.filled(), 0);
    assert!(with.cells.filled() > 0);
}

#[test]
fn the_canary_fails_at_the_first_seed() {
    for (jobs, keep_going, failures) in [(1, false, 1), (3, false, 1), (3, true, 3)] {
        let season = Season {
            canary: true,
            keep_going,
            ..season(5..8, Profile::Tasks, jobs)
        };
        let mut told = Vec::new();
        let tally = play_all(&season, &mut |seed, failure| {
            told.push((seed, failure.property));
        });
        assert_eq!(told[0], (5, "canary"));
        assert_eq!(tally.failures.len(), failures);
        // What fails is played twice: it must fail in the same way.
        assert_eq!(tally.repeated, tally.seeds);
    }
}

#[test]
fn the_canary_fails_and_shrinks() {
    let manner = Manner {
        canary: true,
        ..Manner::default()
    };
    let script = Script::new(3, Profile::Tasks);
    let failure = play::run(&script, manner).failure;
    assert_eq!(failure.map(|failure| failure.property), Some("canary"));
    let (smallest, run) = shrink(script, manner, "canary");
    assert!(smallest.steps.is_empty(), "{smallest:?}");
    assert!(!run.lines.is_empty());
}

#[test]
fn what_never_happened_is_named() {
    let tally = play_all(&season(1..2, Profile::Tasks, 1), &mut |_, _| {});
    let mut reached = Reached::default();
    reached.add(Profile::Tasks, &tally.counts);
    let missing = reached.missing();
    // One seed cannot do it all.
    assert!(!missing.is_empty());
    assert!(missing.iter().all(|what| !tally.counts.contains_key(what)));
    assert!(!markers::of(Profile::Tasks).contains(&"proposal merged"));
    let all = markers::of(Profile::Both).into_iter().map(|what| (what, 1));
    let mut reached = Reached::default();
    reached.add(Profile::Both, &all.collect());
    assert!(reached.missing().is_empty());
}

#[test]
fn what_any_world_can_reach_is_asked_of_all_together_and_the_rest_of_its_own_kind() {
    let counts = |of: Vec<&'static str>| of.into_iter().map(|what| (what, 1)).collect();
    let mut reached = Reached::default();
    reached.add(Profile::Both, &counts(markers::of(Profile::Both)));
    reached.add(Profile::Tasks, &counts(vec!["planned", "a process slept"]));
    assert!(reached.missing().is_empty());
    // What another kind of world reached is none of theirs.
    reached.add(Profile::Workers, &counts(vec!["a lease was taken over"]));
    assert_eq!(
        reached.missing(),
        ["a fenced commit was refused", "a process slept"]
    );
}
