//! What is in store for the calls of a stretch of time: which of them are harmed, and where the process
//! dies.

/// What the network or a service does to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// The connection breaks before the effect.
    DropBefore,
    /// The connection breaks after the effect.
    DropAfter,
    /// 5xx without an effect.
    Refuse,
    /// 5xx after the effect.
    FailAfter,
    /// 429 with `Retry-After` in seconds.
    Limit(u32),
    /// 429 that does not say how long to wait.
    LimitUnsaid,
    /// 401: the credential is not accepted this time.
    Unauthorized,
    /// 404: whatever it is about is not there for whoever asks.
    NotFound,
    /// The answer takes so many seconds.
    Delay(u32),
    /// The answer to a list is one that was true a while ago, by less than V. Only a
    /// [`Traffic`](super::Traffic) that keeps such answers can do it; elsewhere nothing happens.
    Stale,
}

impl Harm {
    /// The marker that is counted where it strikes.
    #[must_use]
    pub fn marker(self) -> &'static str {
        match self {
            Self::DropBefore => "dropped before",
            Self::DropAfter => "dropped after",
            Self::Refuse => "5xx before",
            Self::FailAfter => "5xx after",
            Self::Limit(_) => "limited",
            Self::LimitUnsaid => "limited without saying for how long",
            Self::Unauthorized => "not authorized for once",
            Self::NotFound => "not found for once",
            Self::Delay(_) => "delayed",
            Self::Stale => "answered with an older list",
        }
    }

    /// Whether the request takes effect although whoever sent it does not learn that.
    #[must_use]
    pub fn is_after(self) -> bool {
        matches!(self, Self::DropAfter | Self::FailAfter)
    }
}

/// A request that is harmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    /// Which request of the tick, or which write, from 0.
    pub at: u32,
    /// Whether only writes are counted.
    pub writes: bool,
    /// How.
    pub harm: Harm,
}

/// The process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// At which call of a service or the store within the tick, from 0.
    pub at: u32,
    /// Whether only writes to services are counted.
    pub writes: bool,
    /// Whether the call still takes effect.
    pub after: bool,
}

/// What happens in a tick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weather {
    /// Harmed requests.
    pub strikes: Vec<Strike>,
    /// Whether and where the process dies.
    pub crash: Option<Crash>,
    /// The commit that fails, and whether it is stored nevertheless.
    pub broken_commit: Option<(u32, bool)>,
    /// The commit from which on none is stored: the disk is full.
    pub full_disk: Option<u32>,
}

/// A request as it was counted within its tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    request: u32,
    write: u32,
    writes: bool,
    /// What strikes it.
    pub harm: Option<Harm>,
}

impl Counted {
    /// Whether this is the request of that number, or the write, from 0.
    #[must_use]
    pub fn is(&self, at: u32, of_writes: bool) -> bool {
        if of_writes {
            self.writes && at == self.write
        } else {
            at == self.request
        }
    }

    /// Whether it changes something.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.writes
    }
}

/// How a commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Nothing is stored.
    Lost,
    /// It is stored, and whoever committed hears that it failed.
    Stored,
    /// Nothing is stored, nor will the next one be.
    Full,
}

/// The weather of the tick under way, with what was counted.
#[derive(Debug, Default)]
pub(super) struct Sky {
    weather: Weather,
    requests: u32,
    writes: u32,
    calls: u32,
    commits: u32,
}

impl Sky {
    pub(super) fn new(weather: Weather) -> Self {
        Self {
            weather,
            ..Self::default()
        }
    }

    /// How many writes were counted.
    pub(super) fn written(&self) -> u32 {
        self.writes
    }

    /// Counts a commit; says whether and how it fails.
    pub(super) fn breaks(&mut self) -> Option<Broken> {
        let at = self.commits;
        self.commits += 1;
        if self.weather.full_disk.is_some_and(|from| from <= at) {
            return Some(Broken::Full);
        }
        let (which, stored) = self.weather.broken_commit?;
        (which == at).then_some(if stored { Broken::Stored } else { Broken::Lost })
    }

    /// Counts a call; says whether the process dies there, and whether the call takes effect first.
    pub(super) fn dies(&mut self, writes: bool) -> Option<bool> {
        let (call, write) = (self.calls, self.writes);
        self.calls += 1;
        let now = |crash: &Crash| match crash.writes {
            true => writes && crash.at == write,
            false => crash.at == call,
        };
        let crash = self.weather.crash.filter(now)?;
        self.weather.crash = None;
        Some(crash.after)
    }

    /// Counts a request; what strikes it does so once.
    pub(super) fn counted(&mut self, writes: bool) -> Counted {
        let mut counted = Counted {
            request: self.requests,
            write: self.writes,
            writes,
            harm: None,
        };
        self.requests += 1;
        self.writes += u32::from(writes);
        let strikes = &mut self.weather.strikes;
        let struck = strikes
            .iter()
            .position(|strike| counted.is(strike.at, strike.writes));
        counted.harm = struck.map(|at| strikes.remove(at).harm);
        counted
    }
}
