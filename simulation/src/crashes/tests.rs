//! A part of the matrix in every build, and the checks of the matrix itself.

use std::collections::BTreeSet;

use super::kind::{Deed, Kind, Place};
use super::matrix::{self, Outcome};
use super::step::Step;
use super::worlds::SCENES;

#[test]
fn names_lead_back_to_what_they_name() {
    let mut names = BTreeSet::new();
    for kind in Kind::all() {
        assert!(names.insert(kind.to_string()), "{kind} is there twice");
        assert_eq!(Kind::named(&kind.to_string()), Some(kind));
    }
    for step in Step::ALL {
        assert_eq!(Step::named(step.name()), Some(step));
    }
    let scenes: BTreeSet<_> = SCENES.iter().map(|scene| scene.name).collect();
    assert_eq!(scenes.len(), SCENES.len());
}

#[test]
fn worlds_hold_every_kind_and_a_row_of_the_matrix_holds() {
    let recorded = matrix::record(2);
    for one in &recorded {
        assert_eq!(
            one.played.failure, None,
            "{} without a death",
            one.scene.name
        );
    }
    let seen: BTreeSet<Kind> = (recorded.iter())
        .flat_map(|one| one.played.lives.keys().map(|op| op.kind))
        .collect();
    for kind in Kind::all() {
        assert_eq!(seen.contains(&kind), kind.never().is_none(), "{kind}");
    }
    let create = Kind {
        place: Place::Issue,
        deed: Deed::Create,
    };
    let (cells, _) = matrix::run(&recorded, 2, &|kind, _| kind == create, false);
    assert_eq!(cells.len(), Step::ALL.len());
    for cell in cells {
        let failed = matches!(cell.outcome, Outcome::Failed(_));
        assert!(!failed, "{}: {:?}", cell.step.name(), cell.outcome);
    }
}
