//! Models of what people decide and of what is merged: pull requests, label sets, the branch that
//! records share, and pairs that are found again.

use super::{Expect, Kind, POLICIES, Size, Variant};
use crate::exhaustive::adopt::{Adopt, Rule as Found};
use crate::exhaustive::branch::{Branch, Rule as Commit};
use crate::exhaustive::labels::{Labels, Rule as Label};
use crate::exhaustive::page::{Page, Rule as Units};
use crate::exhaustive::proposal::{Proposals, Rule as Propose};
use crate::exhaustive::unit::Policy;

/// All of them, in a fixed order.
pub(super) fn all(size: Size) -> Vec<Variant> {
    let mut variants = adopt();
    variants.extend(labels(size));
    variants.extend(branch(size));
    variants.extend(page(size));
    variants.extend(proposals(size));
    variants.extend(without_a_proposal_rule());
    variants
}

fn adopt() -> Vec<Variant> {
    let rules = [
        ("base from what was sent", Found::Sent, Expect::Holds),
        ("base from a found object", Found::Found, Expect::Violation),
        (
            "base from the newest page",
            Found::Newest,
            Expect::Violation,
        ),
    ];
    let mut variants = Vec::new();
    for (policy_name, policy) in POLICIES {
        for (name, rule, expect) in rules {
            variants.push(Variant {
                name: format!("found again, {policy_name}: {name}"),
                expect,
                kind: Kind::Adopt(Adopt { policy, rule }),
            });
        }
    }
    variants
}

fn labels(size: Size) -> Vec<Variant> {
    let edits = match size {
        Size::Quick => [1, 1],
        Size::Full => [3, 2],
    };
    let intact = Labels {
        edits,
        faults: 1,
        without: None,
    };
    let rules = [
        ("a set as one unit", Label::LabelByLabel),
        ("all agreed after the first of two writes", Label::HalfWay),
        ("base from the whole answer", Label::OwnPart),
        ("the whole set written", Label::OnlyWhatDiffers),
    ];
    let mut variants = vec![Variant {
        name: "labels".to_owned(),
        expect: Expect::Holds,
        kind: Kind::Labels(intact),
    }];
    variants.extend(rules.into_iter().map(|(name, rule)| Variant {
        name: format!("labels without: {name}"),
        expect: Expect::Violation,
        kind: Kind::Labels(Labels {
            edits: [2, 2],
            without: Some(rule),
            ..intact
        }),
    }));
    variants
}

fn branch(size: Size) -> Vec<Variant> {
    let (commits, resets) = match size {
        Size::Quick => (2, 1),
        Size::Full => (4, 2),
    };
    let intact = Branch {
        commits,
        resets,
        without: None,
    };
    let rules = [
        ("head not read again", Commit::ReadAgain),
        ("moved with force", Commit::NoForce),
        ("file not compared", Commit::FileAsExpected),
        ("void when the head moved", Commit::BuiltAgain),
        ("one file keeps the others out", Commit::EachByItself),
    ];
    let mut variants = vec![Variant {
        name: "branch".to_owned(),
        expect: Expect::Holds,
        kind: Kind::Branch(intact),
    }];
    variants.extend(rules.into_iter().map(|(name, rule)| Variant {
        name: format!("branch without: {name}"),
        expect: Expect::Violation,
        kind: Kind::Branch(Branch {
            without: Some(rule),
            ..intact
        }),
    }));
    variants
}

fn page(size: Size) -> Vec<Variant> {
    let edits = match size {
        Size::Quick => [1, 1],
        Size::Full => [2, 2],
    };
    let intact = Page {
        policy: Policy::Manual,
        edits,
        bracket: true,
        without: None,
    };
    let mut variants = Vec::new();
    for (name, policy) in POLICIES {
        for (read, bracket) in [("", true), (", revision read once", false)] {
            variants.push(Variant {
                name: format!("three units {name}{read}"),
                expect: Expect::Holds,
                kind: Kind::Page(Page {
                    policy,
                    bracket,
                    ..intact
                }),
            });
        }
    }
    let rules = [
        ("all units written", Units::ChangedUnits),
        ("a record as one unit", Units::UnitByUnit),
        ("unsettled page skipped", Units::UnsettledReadAgain),
        ("settled judged at the end", Units::SettledAtFirst),
        ("conditional write dropped", Units::Expected),
    ];
    variants.extend(rules.into_iter().map(|(name, rule)| Variant {
        name: format!("three units without: {name}"),
        expect: Expect::Violation,
        kind: Kind::Page(Page {
            edits: [2, 2],
            bracket: rule != Units::SettledAtFirst,
            without: Some(rule),
            ..intact
        }),
    }));
    variants
}

/// Edits and what is done to their pull requests.
const PAPER: Proposals = Proposals {
    policy: Policy::Manual,
    deliver: true,
    edits: [3, 1],
    acts: 2,
    lives: 0,
    faults: 1,
    changes: 0,
    without: None,
};

/// Deletions and what is done to theirs.
const GOING: Proposals = Proposals {
    edits: [1, 1],
    lives: 2,
    ..PAPER
};

fn proposals(size: Size) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (name, policy) in POLICIES {
        for (way, deliver) in [("commits", false), ("pull requests", true)] {
            for (what, model) in [("edits", PAPER), ("deletions", GOING)] {
                let mut model = Proposals {
                    policy,
                    deliver,
                    ..model
                };
                if size != Size::Full {
                    (model.edits, model.acts, model.lives) = ([1, 1], 1, model.lives.min(1));
                }
                variants.push(Variant {
                    name: format!("proposals {name}, {way}, {what}"),
                    expect: Expect::Holds,
                    kind: Kind::Proposals(model),
                });
            }
        }
    }
    variants
}

/// Each rule about proposals with the setting in which its absence shows.
fn without_a_proposal_rule() -> Vec<Variant> {
    let commits = Proposals {
        deliver: false,
        ..PAPER
    };
    let going = Proposals {
        deliver: false,
        ..GOING
    };
    let short = Proposals {
        edits: [2, 0],
        acts: 1,
        ..PAPER
    };
    let changing = Proposals {
        changes: 1,
        ..commits
    };
    let rules = [
        (
            "merged pull request against the newest term",
            Propose::Published,
            commits,
        ),
        (
            "base is the resolution",
            Propose::BaseBeforeResolution,
            commits,
        ),
        (
            "a decided conflict is closed when planned",
            Propose::ClosedWithOutcome,
            commits,
        ),
        (
            "a decided conflict cancels",
            Propose::DecidedNeverCancels,
            commits,
        ),
        (
            "published when planned",
            Propose::PublishedWithOutcome,
            commits,
        ),
        (
            "parked under another policy",
            Propose::ParkedFirst,
            changing,
        ),
        (
            "Tombstone at the opening of a pull request",
            Propose::BuriedWhenSeen,
            going,
        ),
        ("refused deletion stays", Propose::RefusalRestores, going),
        (
            "page removed whatever it says",
            Propose::RemovalExpects,
            going,
        ),
        (
            "edit goes with the other side",
            Propose::EditAgainstDeletion,
            going,
        ),
        (
            "page back, deletion stays open",
            Propose::ReturnWithdraws,
            going,
        ),
        (
            "buried with an open pull request",
            Propose::BuriedWithdraws,
            going,
        ),
        (
            "deletion beside the edit",
            Propose::DeletionWithdraws,
            GOING,
        ),
        (
            "refused pull request reopened",
            Propose::RefusalRemembered,
            PAPER,
        ),
        (
            "base moved when a pull request opens",
            Propose::BaseWhenMerged,
            PAPER,
        ),
        (
            "end taken while an outcome is unknown",
            Propose::EndAfterOutcome,
            short,
        ),
        (
            "file read before its pull request",
            Propose::FileReadAfterPull,
            PAPER,
        ),
        (
            "withdrawn counts as refused",
            Propose::WithdrawnIsFree,
            PAPER,
        ),
        ("somebody's commit rewritten", Propose::OthersCommits, PAPER),
        (
            "planned while an outcome is unknown",
            Propose::UnknownHolds,
            PAPER,
        ),
    ];
    rules
        .into_iter()
        .map(|(name, rule, model)| Variant {
            name: format!("proposals without: {name}"),
            expect: Expect::Violation,
            kind: Kind::Proposals(Proposals {
                without: Some(rule),
                ..model
            }),
        })
        .collect()
}
