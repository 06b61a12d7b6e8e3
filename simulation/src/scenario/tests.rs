//! A few seeds in every build, and the checks of the checker.

use super::play::{self, Manner};
use super::script::{Profile, Script};
use super::{Campaign, play_seed, shrink};

#[test]
fn a_few_seeds_hold() {
    let mut campaign = Campaign::default();
    for (profile, seeds) in [
        (Profile::Documents, 1..9),
        (Profile::Tasks, 1..9),
        (Profile::Both, 1..9),
    ] {
        for seed in seeds {
            let failure = play_seed(seed, profile, false, &mut campaign);
            assert_eq!(failure, None, "seed {seed} of {profile:?}");
        }
    }
    for what in ["applied", "crashed", "dropped after"] {
        assert!(campaign.counts.contains_key(what), "{what} never happened");
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
