//! Which models are walked, and how each must end.

mod people;

use super::adopt::Adopt;
use super::branch::Branch;
use super::creates::{Creates, Rule as Repeat};
use super::labels::Labels;
use super::page::Page;
use super::partial::{Partial, Rule as Part};
use super::proposal::Proposals;
use super::search::{Outcome, search};
use super::unit::{Policy, Rule, Unit, Write};

/// How a variant must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// No property is broken.
    Holds,
    /// A broken property is found.
    Violation,
}

/// How far the models reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// For the tests.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests walk smaller models"))]
    Quick,
    /// For the command.
    Full,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Creates(Creates),
    Unit(Unit),
    Partial(Partial),
    Adopt(Adopt),
    Branch(Branch),
    Labels(Labels),
    Page(Page),
    Proposals(Proposals),
}

/// A model and how it must end.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    /// Unique.
    pub(crate) name: String,
    pub(crate) expect: Expect,
    kind: Kind,
}

impl Variant {
    /// Walks it.
    pub(crate) fn search(&self, limit: usize) -> Outcome {
        match &self.kind {
            Kind::Creates(model) => search(model, limit),
            Kind::Unit(model) => search(model, limit),
            Kind::Partial(model) => search(model, limit),
            Kind::Adopt(model) => search(model, limit),
            Kind::Branch(model) => search(model, limit),
            Kind::Labels(model) => search(model, limit),
            Kind::Page(model) => search(model, limit),
            Kind::Proposals(model) => search(model, limit),
        }
    }
}

/// All variants, in a fixed order.
pub(crate) fn all(size: Size) -> Vec<Variant> {
    let mut variants = creates(size);
    variants.extend(intact(size));
    variants.extend(without_a_rule());
    variants.extend(partial());
    variants.extend(people::all(size));
    variants
}

fn creates(size: Size) -> Vec<Variant> {
    let bounds: &[(u8, u8, u8)] = match size {
        Size::Quick => &[(1, 1, 1)],
        Size::Full => &[
            (1, 1, 1),
            (2, 1, 1),
            (1, 2, 1),
            (1, 1, 2),
            (2, 2, 2),
            (1, 3, 2),
        ],
    };
    let mut variants = Vec::new();
    for &(pause, late, lag) in bounds {
        let model = |rule| Creates {
            pause,
            late,
            lag,
            rule,
        };
        let enough = model(Repeat::Blind).enough();
        let mut add = |name: &str, rule, expect| {
            let name = format!("create G={pause} D={late} V={lag}: {name}");
            variants.push(Variant {
                name,
                expect,
                kind: Kind::Creates(model(rule)),
            });
        };
        add("blind retry", Repeat::Blind, Expect::Violation);
        add("no intent", Repeat::NoIntent, Expect::Violation);
        for wait in 0..enough {
            add(&format!("Q={wait}"), Repeat::Wait(wait), Expect::Violation);
        }
        add(
            &format!("Q={enough}=G+D+V"),
            Repeat::Wait(enough),
            Expect::Holds,
        );
        add("no fence", Repeat::NoFence(enough), Expect::Violation);
        add("no send gate", Repeat::NoGate(enough), Expect::Violation);
        add(
            "another mark per attempt",
            Repeat::OtherMark(enough),
            Expect::Violation,
        );
        add(
            "lookup slower than V",
            Repeat::SlowLookup(enough),
            Expect::Violation,
        );
    }
    variants
}

const PLAIN: Unit = Unit {
    policy: Policy::Manual,
    edits: [2, 2],
    stops: 1,
    old_reads: 1,
    faults: 1,
    writes: [Write::Set, Write::Strong],
    bucket: false,
    evidence: false,
    normalising: true,
    without: None,
};

fn intact(size: Size) -> Vec<Variant> {
    let shapes = [
        ("set/strong, no evidence", PLAIN),
        (
            "set/set, evidence, minutes",
            Unit {
                writes: [Write::Set, Write::Set],
                bucket: true,
                evidence: true,
                ..PLAIN
            },
        ),
        (
            "set/weak, evidence, minutes",
            Unit {
                writes: [Write::Set, Write::Weak],
                bucket: true,
                evidence: true,
                ..PLAIN
            },
        ),
    ];
    let mut variants = Vec::new();
    let mut add = |name: String, model| {
        variants.push(Variant {
            name,
            expect: Expect::Holds,
            kind: Kind::Unit(model),
        });
    };
    for (name, policy) in POLICIES {
        for (shape, model) in shapes {
            add(format!("unit {name}, {shape}"), Unit { policy, ..model });
        }
        if size == Size::Full {
            let (edits, old_reads) = ([3, 3], 0);
            let more = Unit {
                policy,
                edits,
                old_reads,
                ..PLAIN
            };
            add(
                format!("unit {name}, 3 edits, set/strong, no evidence"),
                more,
            );
            let twice = Unit {
                policy,
                stops: 2,
                old_reads: 2,
                faults: 2,
                ..PLAIN
            };
            add(
                format!("unit {name}, 2 stops, 2 old reads, set/strong"),
                twice,
            );
        }
    }
    variants
}

/// Each rule with the setting in which its absence shows.
fn without_a_rule() -> Vec<Variant> {
    let minutes = Unit {
        bucket: true,
        evidence: true,
        writes: [Write::Set, Write::Set],
        ..PLAIN
    };
    let weak = Unit {
        writes: [Write::Set, Write::Weak],
        evidence: true,
        ..PLAIN
    };
    let rules = [
        ("blind retry on timeout", Rule::ReadBeforeResend, PLAIN),
        ("next write before G+D", Rule::WaitOutLateCommit, PLAIN),
        ("early ack of a Set", Rule::NoEarlyAck, PLAIN),
        ("Set without gate", Rule::SendGate, PLAIN),
        (
            "resend on expected, revision moved",
            Rule::NoResendOnMovedRevision,
            PLAIN,
        ),
        (
            "other value after unknown write: plain Void",
            Rule::UnknownStaysUnknown,
            PLAIN,
        ),
        (
            "base back before agreement, github-wins",
            Rule::UnknownUntilAgreed,
            Unit {
                policy: Policy::GithubWins,
                ..PLAIN
            },
        ),
        (
            "base back before agreement, notion-wins",
            Rule::UnknownUntilAgreed,
            Unit {
                policy: Policy::NotionWins,
                ..PLAIN
            },
        ),
        (
            "contents sha resent at once",
            Rule::WeakConditionWaits,
            weak,
        ),
        ("evidence of commit ignored", Rule::Evidence, minutes),
        (
            "intent cleared by a stale read",
            Rule::FreshResolution,
            PLAIN,
        ),
        ("one hash for both sides", Rule::BasePerSide, PLAIN),
        ("base from a verify read", Rule::BaseFromAnswer, PLAIN),
        ("base moved before outcome", Rule::BaseWithOutcome, PLAIN),
        ("intent after send", Rule::IntentFirst, PLAIN),
        ("revision guard missing", Rule::RevisionGuard, PLAIN),
        ("Blur treated as Edited", Rule::BlurWaits, minutes),
        ("unsettled page skipped", Rule::UnsettledReadAgain, minutes),
        ("conditional write dropped", Rule::ExpectedValue, PLAIN),
        ("guard after the write", Rule::CheckBeforeWrite, PLAIN),
        (
            "loser not audited",
            Rule::LoserAudited,
            Unit {
                policy: Policy::NotionWins,
                ..PLAIN
            },
        ),
        ("missing fence", Rule::Fence, PLAIN),
        ("server forms not known", Rule::CanonicalForm, PLAIN),
        ("op id without base epoch", Rule::BaseEpochInId, PLAIN),
        ("op id without generation", Rule::GenerationInId, PLAIN),
        ("no row 10", Rule::EqualityAgrees, PLAIN),
        ("empty base cancels", Rule::EmptyBaseStays, PLAIN),
        ("last-seen guard off", Rule::LastSeenGuard, minutes),
    ];
    rules
        .into_iter()
        .map(|(name, rule, model)| Variant {
            name: format!("without: {name}"),
            expect: Expect::Violation,
            kind: Kind::Unit(Unit {
                without: Some(rule),
                ..model
            }),
        })
        .collect()
}

fn partial() -> Vec<Variant> {
    let rules = [
        (
            "what stands as sent is agreed",
            Part::PlaceByPlace,
            Expect::Holds,
        ),
        ("nothing agreed", Part::NothingAgreed, Expect::Violation),
        ("all agreed as sent", Part::AllAgreed, Expect::Violation),
    ];
    let mut variants = Vec::new();
    for (policy, source_wins) in [("source wins", true), ("target wins", false)] {
        for (name, rule, expect) in rules {
            variants.push(Variant {
                name: format!("half a write, {policy}: {name}"),
                expect,
                kind: Kind::Partial(Partial { source_wins, rule }),
            });
        }
    }
    variants
}

const POLICIES: [(&str, Policy); 3] = [
    ("manual", Policy::Manual),
    ("notion-wins", Policy::NotionWins),
    ("github-wins", Policy::GithubWins),
];
