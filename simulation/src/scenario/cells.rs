//! Which fault struck which endpoint, and which of them never did although it could have.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use notion_sync_core::id::Side;
use notion_sync_testkit::simulation::{Harm, More, Stream};

/// Worlds in which an endpoint was asked while faults were about, from which on each of its cells must
/// have been struck. An endpoint is struck at its first call in a third of such worlds, by one of at
/// most eleven kinds: a cell that can be struck stays empty in one case of 8,000.
pub(super) const ENOUGH: u64 = 300;

/// A kind of fault, as far as who asks can tell it from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// 429 that says how long to wait.
    Limited,
    /// 429 that does not.
    LimitedUnsaid,
    /// The connection breaks before the effect; of a read there is no other moment.
    DroppedBefore,
    /// The connection breaks after the effect.
    DroppedAfter,
    /// The connection breaks, and the effect comes late.
    CommittedLate,
    /// 5xx before the effect.
    FailedBefore,
    /// 5xx after the effect.
    FailedAfter,
    /// 401.
    Unauthorized,
    /// 404.
    NotFound,
    /// The answer takes its time.
    Delayed,
    /// A list as it was a while ago.
    Stale,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Limited,
        Self::LimitedUnsaid,
        Self::DroppedBefore,
        Self::DroppedAfter,
        Self::CommittedLate,
        Self::FailedBefore,
        Self::FailedAfter,
        Self::Unauthorized,
        Self::NotFound,
        Self::Delayed,
        Self::Stale,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Limited => "429",
            Self::LimitedUnsaid => "429 unsaid",
            Self::DroppedBefore => "dropped before",
            Self::DroppedAfter => "dropped after",
            Self::CommittedLate => "committed late",
            Self::FailedBefore => "5xx before",
            Self::FailedAfter => "5xx after",
            Self::Unauthorized => "401",
            Self::NotFound => "404",
            Self::Delayed => "delayed",
            Self::Stale => "stale",
        }
    }

    /// What this fault is to a request.
    pub(super) fn of(harm: Harm, asked: &Asked) -> Self {
        match harm {
            Harm::Limit(_) => Self::Limited,
            Harm::LimitUnsaid => Self::LimitedUnsaid,
            Harm::DropAfter if asked.writes && asked.late => Self::CommittedLate,
            Harm::DropAfter if asked.writes => Self::DroppedAfter,
            Harm::DropBefore | Harm::DropAfter => Self::DroppedBefore,
            Harm::FailAfter if asked.writes => Self::FailedAfter,
            Harm::Refuse | Harm::FailAfter => Self::FailedBefore,
            Harm::Unauthorized => Self::Unauthorized,
            Harm::NotFound => Self::NotFound,
            Harm::Delay(_) => Self::Delayed,
            Harm::Stale => Self::Stale,
        }
    }

    /// Whether it makes sense for an endpoint.
    fn possible(self, row: &Row) -> bool {
        match self {
            Self::Limited
            | Self::LimitedUnsaid
            | Self::DroppedBefore
            | Self::FailedBefore
            | Self::Unauthorized
            | Self::Delayed => row.worlds >= ENOUGH,
            // A read has no effect that could come before the fault.
            Self::DroppedAfter => row.writes && row.prompt >= ENOUGH,
            Self::FailedAfter => row.writes && row.worlds >= ENOUGH,
            // Only Notion answers before it has committed.
            Self::CommittedLate => row.writes && row.late >= ENOUGH,
            Self::Stale => row.listed >= ENOUGH,
            // What a token may not see is a whole side.
            Self::NotFound => false,
        }
    }
}

/// A request, as far as it matters for what may strike it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The endpoint.
    pub(super) endpoint: String,
    /// Whether it changes something.
    pub(super) writes: bool,
    /// Whether the service commits late what nobody waits for.
    pub(super) late: bool,
}

/// What is known of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Row {
    writes: bool,
    calls: u64,
    /// Worlds in which it was asked while faults were about.
    worlds: u64,
    /// Those of them in which the service commits at once.
    prompt: u64,
    /// Those of them in which it commits late.
    late: u64,
    /// Those of them in which it could have answered with an older list.
    listed: u64,
    struck: BTreeMap<Kind, u64>,
}

/// Which fault struck which endpoint, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cells(BTreeMap<String, Row>);

impl Cells {
    fn row(&mut self, asked: &Asked) -> &mut Row {
        let row = self.0.entry(asked.endpoint.clone()).or_default();
        row.writes |= asked.writes;
        row
    }

    /// An endpoint was asked.
    pub(super) fn asked(&mut self, asked: &Asked) {
        self.row(asked).calls += 1;
    }

    /// A fault struck.
    pub(super) fn struck(&mut self, asked: &Asked, harm: Harm) {
        let kind = Kind::of(harm, asked);
        *self.row(asked).struck.entry(kind).or_default() += 1;
    }

    /// A fault may strike this endpoint in this world.
    fn chance(&mut self, asked: &Asked) {
        let row = self.row(asked);
        row.worlds += 1;
        if asked.late {
            row.late += 1;
        } else {
            row.prompt += 1;
        }
    }

    /// So may an older list.
    fn older(&mut self, asked: &Asked) {
        self.row(asked).listed += 1;
    }

    /// Cells that must have been struck, and were not.
    pub(super) fn empty(&self) -> Vec<String> {
        let mut out = Vec::new();
        for (endpoint, row) in &self.0 {
            for kind in Kind::ALL {
                if kind.possible(row) && !row.struck.contains_key(&kind) {
                    out.push(format!("{endpoint}: {}", kind.name()));
                }
            }
        }
        out
    }

    /// How many cells must have been struck.
    pub(super) fn demanded(&self) -> usize {
        let kinds = |row: &Row| Kind::ALL.iter().filter(|kind| kind.possible(row)).count();
        self.0.values().map(kinds).sum()
    }

    /// How many cells were struck.
    pub(super) fn filled(&self) -> usize {
        self.0.values().map(|row| row.struck.len()).sum()
    }

    /// Endpoints that were asked in too few worlds to demand anything of them.
    pub(super) fn rare(&self) -> usize {
        let rare = |row: &&Row| row.worlds < ENOUGH;
        self.0.values().filter(rare).count()
    }

    /// The numbers, and the cells that must have been struck and were not.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "struck": self.filled(),
            "demanded": self.demanded(),
            "rare": self.rare(),
            "empty": self.empty(),
        })
    }

    /// The table.
    pub(super) fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.0.keys().map(String::len).max().unwrap_or_default();
        write!(out, "{:<width$}{:>9}{:>8}", "endpoint", "calls", "worlds")?;
        for kind in Kind::ALL {
            write!(out, "  {}", kind.name())?;
        }
        writeln!(out)?;
        for (endpoint, row) in &self.0 {
            write!(out, "{endpoint:<width$}{:>9}{:>8}", row.calls, row.worlds)?;
            for kind in Kind::ALL {
                let size = kind.name().len();
                let said = match row.struck.get(&kind) {
                    Some(times) => times.to_string(),
                    None if kind.possible(row) => "EMPTY".to_owned(),
                    None => "-".to_owned(),
                };
                write!(out, "  {said:>size$}")?;
            }
            writeln!(out)?;
        }
        writeln!(
            out,
            "{} cells struck; {} must be: those of endpoints that were asked in {ENOUGH} worlds \
             while faults were about ({} were in fewer)",
            self.filled(),
            self.demanded(),
            self.rare()
        )
    }
}

impl More for Cells {
    fn add(&mut self, other: Self) {
        for (endpoint, more) in other.0 {
            let row = self.0.entry(endpoint).or_default();
            row.writes |= more.writes;
            row.calls += more.calls;
            row.worlds += more.worlds;
            row.prompt += more.prompt;
            row.late += more.late;
            row.listed += more.listed;
            for (kind, times) in more.struck {
                *row.struck.entry(kind).or_default() += times;
            }
        }
    }
}

/// What is in store for an endpoint in one world.
#[derive(Debug, Clone)]
struct Fate {
    /// At which call, from 0; `None` where nothing strikes it.
    at: Option<u64>,
    harm: Harm,
    calls: u64,
    /// Whether there was an older list in this world.
    older: bool,
}

/// Faults that are aimed at endpoints: each that is asked while they are about is struck once or not
/// at all, however rare it is. What strikes depends on nothing but the seed and the endpoint.
#[derive(Debug)]
pub(super) struct Squalls {
    seed: u64,
    fates: BTreeMap<String, Fate>,
    /// Endpoints whose faults are left out, in the order of their first calls, to make a script smaller.
    spared: BTreeSet<u32>,
    order: u32,
}

impl Squalls {
    /// The faults of a seed, without those of the endpoints that are spared.
    pub(super) fn new(seed: u64, spared: BTreeSet<u32>) -> Self {
        Self {
            seed,
            fates: BTreeMap::new(),
            spared,
            order: 0,
        }
    }

    fn fate(&mut self, asked: &Asked) -> Fate {
        let mut random = Stream::new(self.seed, &format!("squall/{}", asked.endpoint));
        let at = match random.below(10) {
            0..=3 => Some(0),
            4..=5 => Some(random.mostly_small(40)),
            _ => None,
        };
        let harm = match random.below(10) {
            0 => Harm::Limit(1 + u32::try_from(random.below(120)).unwrap_or(1)),
            1 => Harm::LimitUnsaid,
            2 => Harm::DropBefore,
            3 => Harm::DropAfter,
            4 => Harm::Refuse,
            5 => Harm::FailAfter,
            6 => Harm::Unauthorized,
            7 => Harm::Delay(1 + u32::try_from(random.below(25)).unwrap_or(1)),
            _ => Harm::Stale,
        };
        let number = self.order;
        self.order += 1;
        Fate {
            at: at.filter(|_| !self.spared.contains(&number)),
            harm,
            calls: 0,
            older: false,
        }
    }

    /// What strikes a request.
    pub(super) fn strike(&mut self, asked: &Asked, cells: &mut Cells) -> Option<Harm> {
        if !self.fates.contains_key(&asked.endpoint) {
            let fate = self.fate(asked);
            cells.chance(asked);
            self.fates.insert(asked.endpoint.clone(), fate);
        }
        let fate = self.fates.get_mut(&asked.endpoint)?;
        let call = fate.calls;
        fate.calls += 1;
        // An older list strikes when there is one.
        (fate.at == Some(call) && fate.harm != Harm::Stale).then_some(fate.harm)
    }

    /// Whether a request is answered with an older list, which there is.
    pub(super) fn stale(&mut self, asked: &Asked, cells: &mut Cells) -> bool {
        let Some(fate) = self.fates.get_mut(&asked.endpoint) else {
            return false;
        };
        if !fate.older {
            fate.older = true;
            cells.older(asked);
        }
        let now = fate.harm == Harm::Stale && fate.at.is_some_and(|at| fate.calls > at);
        if now {
            fate.at = None;
        }
        now
    }
}

/// Whether a service commits late what nobody waits for.
pub(super) fn commits_late(side: Side, late: u32) -> bool {
    side == Side::Notion && late > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(endpoint: &str, writes: bool) -> Asked {
        Asked {
            endpoint: endpoint.to_owned(),
            writes,
            late: false,
        }
    }

    #[test]
    fn a_cell_that_stays_empty_is_named_once_there_were_chances_enough() {
        let mut cells = Cells::default();
        let read = asked("github GET /repositories/{}", false);
        let write = asked("notion PATCH /v1/pages/{}", true);
        for _ in 0..ENOUGH {
            assert_eq!(cells.empty(), Vec::<String>::new());
            cells.chance(&read);
        }
        assert_eq!(
            cells.demanded(),
            6,
            "what has an effect only strikes writes"
        );
        for _ in 0..ENOUGH {
            cells.chance(&write);
        }
        assert_eq!(cells.demanded(), 6 + 8);
        cells.struck(&write, Harm::DropAfter);
        // Of a read there is nothing after which the connection could break.
        cells.struck(&read, Harm::DropAfter);
        let empty = cells.empty();
        assert_eq!(empty.len(), 6 + 8 - 2, "{empty:?}");
        assert!(empty.contains(&"notion PATCH /v1/pages/{}: dropped before".to_owned()));
        assert!(!empty.contains(&"notion PATCH /v1/pages/{}: dropped after".to_owned()));
        assert!(!empty.contains(&"github GET /repositories/{}: dropped before".to_owned()));
    }

    #[test]
    fn each_kind_strikes_an_endpoint_within_enough_worlds() {
        let mut cells = Cells::default();
        let mut late = asked("notion PATCH /v1/pages/{}", true);
        for seed in 0..ENOUGH * 3 {
            late.late = seed % 2 == 0;
            let mut squalls = Squalls::new(seed, BTreeSet::new());
            for call in 0..3 {
                if let Some(harm) = squalls.strike(&late, &mut cells) {
                    cells.struck(&late, harm);
                }
                if call > 0 && squalls.stale(&late, &mut cells) {
                    cells.struck(&late, Harm::Stale);
                }
            }
        }
        // All but 404, which comes for a whole side.
        assert_eq!(cells.demanded(), Kind::ALL.len() - 1);
        assert_eq!(cells.empty(), Vec::<String>::new());
    }

    #[test]
    fn an_endpoint_that_is_spared_is_never_struck() {
        let write = asked("notion PATCH /v1/pages/{}", true);
        for seed in 0..50 {
            let mut squalls = Squalls::new(seed, BTreeSet::from([0]));
            for _ in 0..60 {
                let struck = squalls.strike(&write, &mut Cells::default());
                assert_eq!(struck, None, "seed {seed}");
                assert!(!squalls.stale(&write, &mut Cells::default()), "seed {seed}");
            }
        }
    }
}
