//! The decision table in every situation there is: one row for each, and that row as documented.

use std::collections::BTreeSet;

use notion_sync_core::mapping::{MappingKind, Policy};
use notion_sync_core::reconcile::table::{
    EditProposal, Fit, Identity, LifeProposal, Parked, RecordSituation, RecordVerdict, Row,
    SideState, UnitSituation, UnitState, record_row, unit_row,
};
use notion_sync_core::record::Life;

const POLICIES: [Policy; 3] = [Policy::NotionWins, Policy::GithubWins, Policy::ManualReview];
const LIVES: [Life; 5] = [
    Life::Provisioning,
    Life::Live,
    Life::Deleting,
    Life::Detached,
    Life::Tombstone,
];

fn every_record(mut visit: impl FnMut(RecordSituation)) {
    for kind in [MappingKind::Documents, MappingKind::Tasks] {
        for life in LIVES {
            for notion in SideState::ALL {
                for github in SideState::ALL {
                    for identity in Identity::ALL {
                        for flags in 0..8_u8 {
                            for proposal in LifeProposal::ALL {
                                for policy in POLICIES {
                                    visit(RecordSituation {
                                        kind,
                                        life,
                                        notion,
                                        github,
                                        identity,
                                        unresolved: flags & 1 != 0,
                                        parked: flags & 2 != 0,
                                        proposal,
                                        policy,
                                        delete_beats_edit: flags & 4 != 0,
                                    });
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn every_unit(mut visit: impl FnMut(UnitSituation)) {
    let states = [UnitState::Same, UnitState::Edited, UnitState::Unread];
    let parks = [
        Parked::No,
        Parked::Still,
        Parked::Moved,
        Parked::Equal,
        Parked::Cancelled,
        Parked::Merged,
        Parked::Refused,
    ];
    let proposals = [
        EditProposal::None,
        EditProposal::Current,
        EditProposal::Behind,
        EditProposal::Refused,
    ];
    for notion in states {
        for github in states {
            for flags in 0..16_u8 {
                for parked in parks {
                    for proposal in proposals {
                        for fit in [
                            Fit::Fine,
                            Fit::OptionMissing,
                            Fit::Unpaired,
                            Fit::Unrepresentable,
                        ] {
                            for policy in POLICIES {
                                visit(UnitSituation {
                                    notion,
                                    github,
                                    equal: flags & 1 != 0,
                                    base: flags & 2 != 0,
                                    mergeable: flags & 4 != 0,
                                    dead: flags & 8 != 0,
                                    parked,
                                    proposal,
                                    fit,
                                    policy,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn every_situation_has_one_row_and_every_row_is_reached() {
    let mut reached = BTreeSet::new();
    let mut count = 0_u64;
    every_record(|s| {
        count += 1;
        if let RecordVerdict::Row(row) = record_row(&s) {
            reached.insert(row);
        }
    });
    every_unit(|s| {
        count += 1;
        reached.insert(unit_row(&s));
    });
    println!("{count} situations, {} rows reached", reached.len());
    // Not rows of these two functions: 29-32 decide the path (place.rs), 39 is a
    // classification, 41 belongs to the executor, 45-46 to the schema, 51 to actions.
    let elsewhere = [29, 30, 31, 32, 39, 41, 45, 46, 51];
    for row in 1..=61 {
        assert!(
            reached.contains(&Row(row)) != elsewhere.contains(&row),
            "row {row}: reached {}",
            reached.contains(&Row(row))
        );
    }
}

#[test]
fn policy_changes_only_the_rows_it_may() {
    let may = [4, 12, 13, 14, 18, 19, 20, 21, 22, 30, 48];
    every_record(|s| {
        let rows: BTreeSet<_> = POLICIES
            .iter()
            .filter_map(
                |&policy| match record_row(&RecordSituation { policy, ..s }) {
                    RecordVerdict::Row(row) => Some(row.0),
                    RecordVerdict::Units => None,
                },
            )
            .collect();
        assert!(
            rows.len() <= 1 || rows.iter().all(|row| may.contains(row)),
            "{s:?}: {rows:?}"
        );
    });
    every_unit(|s| {
        let rows: BTreeSet<_> = POLICIES
            .iter()
            .map(|&policy| unit_row(&UnitSituation { policy, ..s }).0)
            .collect();
        assert!(
            rows.len() <= 1 || rows.iter().all(|row| may.contains(row)),
            "{s:?}: {rows:?}"
        );
        if s.parked != Parked::No {
            assert_eq!(
                rows.len(),
                1,
                "a parked unit must not depend on the policy: {s:?}"
            );
        }
    });
}

#[test]
fn the_table_mirrors() {
    let mirror = |row: u8| match row {
        8 => 9,
        9 => 8,
        13 => 14,
        14 => 13,
        18 => 19,
        19 => 18,
        other => other,
    };
    every_unit(|s| {
        // Proposals exist on GitHub only: they are a means, not a decision.
        if s.proposal != EditProposal::None {
            return;
        }
        let swapped = UnitSituation {
            notion: s.github,
            github: s.notion,
            policy: s.policy.mirrored(),
            ..s
        };
        assert_eq!(mirror(unit_row(&s).0), unit_row(&swapped).0, "{s:?}");
    });
}
/// The rows of a record as the documentation has them, each by a condition of its own: none relies on
/// another one having been asked before. Units that are decided one by one stand for no row.
#[rustfmt::skip]
fn documented(s: &RecordSituation) -> Vec<u8> {
    use SideState::{Absent, Back, Blur, Edited, Gone, Missing, MovedOut, New, Old, Same, Unread};
    let (n, g) = (s.notion, s.github);
    let either = |state| n == state || g == state;
    let there = |state| matches!(state, Same | Edited | Back | New);
    let nothing = |state| matches!(state, Gone | Absent);

    // (a) What registry and marks say about the pair.
    let both_new = n == New && g == New;
    let marks = s.identity == Identity::MutualMarkers;
    let copy = s.identity == Identity::Copy;
    let rebuilt = marks && !both_new && s.life != Life::Live && there(n) && there(g);
    let joined = both_new
        && (marks || matches!(s.identity, Identity::OneMarker | Identity::SameKey));
    let told = matches!(
        s.identity,
        Identity::DoubleClaim | Identity::Newer | Identity::Contradiction
    );
    let clean = !(told || rebuilt || joined || (copy && either(New)));

    // (b) Each side by itself; Notion is looked at first.
    let free = clean && !s.unresolved;
    let held = [n, g].into_iter().find(|state| matches!(state, Old | Blur | Unread | Missing));
    let holds = |state| free && held == Some(state);

    // (c) Life.
    let read = free && held.is_none();
    let as_made = s.identity == Identity::Duplicate;
    let twice = read
        && (as_made || s.identity == Identity::DuplicateInUse)
        && s.life != Life::Detached
        && (there(n) || there(g));
    let returned = s.life == Life::Tombstone || either(Back);
    let lives = read && !twice && s.life != Life::Deleting;
    let buried = lives && nothing(n) && nothing(g) && either(Gone);
    let back = lives && either(Back);
    let alive = lives && !buried && !back && s.life != Life::Tombstone;
    let out = alive && (either(MovedOut) || s.life == Life::Detached);
    let parked = alive && !out && s.parked && either(Gone);
    let pair = alive && !out && !parked;
    let beats = |wins| s.delete_beats_edit && s.policy == wins;
    let goes = |gone, left| pair && gone == Gone && left == Same;
    let edited = |gone, left| pair && gone == Gone && left == Edited;

    // (d) Content without a partner.
    let alone = |one, other| pair && other == Absent && matches!(one, New | Same | Edited);
    let refused = s.proposal == LifeProposal::Refused;

    let rows = [
        (1, alone(n, g) && !refused && s.kind == MappingKind::Tasks),
        (2, alone(g, n)),
        (3, joined && marks),
        (4, joined && s.identity == Identity::SameKey),
        (5, joined && s.identity == Identity::OneMarker),
        (6, s.identity == Identity::DoubleClaim),
        (18, goes(n, g) || (edited(n, g) && beats(Policy::NotionWins))),
        (19, goes(g, n) || (edited(g, n) && beats(Policy::GithubWins))),
        (20, edited(n, g) && s.policy == Policy::ManualReview),
        (21, edited(n, g) && s.policy != Policy::ManualReview && !beats(Policy::NotionWins)),
        (22, edited(g, n) && !beats(Policy::GithubWins)),
        (23, buried || (pair && n == Absent && g == Absent)),
        (24, holds(Missing)),
        (25, holds(Unread)),
        (26, back && !either(Edited)),
        (27, back && either(Edited)),
        (28, lives && !buried && !back && s.life == Life::Tombstone),
        (33, copy && g == New),
        (34, copy && n == New && g != New),
        (35, out && n != MovedOut && g == MovedOut),
        (36, out && (n == MovedOut || g != MovedOut)),
        (37, holds(Old)),
        (38, holds(Blur)),
        (40, clean && s.unresolved),
        (43, rebuilt),
        (44, s.identity == Identity::Contradiction || (pair && either(New) && either(Gone))),
        (50, s.identity == Identity::Newer),
        (52, alone(n, g) && !refused && s.kind == MappingKind::Documents),
        (54, alone(n, g) && refused),
        (55, read && !twice && s.life == Life::Deleting),
        (57, parked),
        (60, twice && as_made && !returned),
        (61, twice && (returned || !as_made)),
    ];
    rows.into_iter().filter_map(|(row, applies)| applies.then_some(row)).collect()
}

#[test]
fn a_record_has_the_row_that_is_documented_and_no_other() {
    every_record(|s| {
        let decided = match record_row(&s) {
            RecordVerdict::Row(row) => vec![row.0],
            RecordVerdict::Units => Vec::new(),
        };
        assert_eq!(decided, documented(&s), "{s:?}");
    });
}

#[test]
fn a_unit_that_was_not_read_on_one_side_is_held_whatever_else_is_known() {
    every_unit(|s| {
        let unread = s.notion == UnitState::Unread || s.github == UnitState::Unread;
        assert_eq!(unit_row(&s) == Row(47), unread, "{s:?}");
    });
}
