//! Whether the services still send: the age of the last event, against what polls find.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::engine::Tick;
use notion_sync_core::id::Side;
use notion_sync_core::state::{Batch, State};
use notion_sync_core::store::Store;
use notion_sync_core::{ErrorKind, Result};
use notion_sync_github::webhook::HookPlace;
use serde::{Deserialize, Serialize};

/// Most hooks whose failed deliveries are asked for.
const MAX_HOOKS: usize = 100;

/// Longest time that an event may take: with more, no time could be computed any more.
const MAX_GRACE: Duration = Duration::weeks(200 * 52);

/// How often what is stored is joined again when another process stores at the same time.
const TRIES: usize = 4;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Webhooks of Notion.
    Notion,
    /// Webhooks of GitHub.
    Github,
    /// Other programs, through `POST /events`.
    Events,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Notion, Self::Github, Self::Events];

    /// The name in metrics and output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Notion => "notion",
            Self::Github => "github",
            Self::Events => "events",
        }
    }

    fn setting(self) -> String {
        format!("webhook:{}", self.name())
    }

    fn of(side: Side) -> Self {
        match side {
            Side::Notion => Self::Notion,
            Side::Github => Self::Github,
        }
    }
}

/// What was heard from one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heard {
    /// Whether there is a secret, so that something is expected.
    pub expected: bool,
    /// When the last delivery came whose signature was right, of any kind.
    pub last_event: Option<DateTime<Utc>>,
    /// Since when polls find changes that no event announced.
    pub unannounced_since: Option<DateTime<Utc>>,
    /// How many of them.
    pub unannounced: u64,
    /// How long it may take from a change to its event.
    pub grace_seconds: i64,
    /// The hooks that sent something (GitHub).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub hooks: BTreeSet<HookPlace>,
}

impl Heard {
    /// Whether the webhook seems to be silent: polls find changes, and for longer than an event may
    /// take none came.
    #[must_use]
    pub fn is_silent(&self, now: DateTime<Utc>) -> bool {
        let grace = Duration::seconds(self.grace_seconds);
        self.expected && self.unannounced_since.is_some_and(|at| at + grace <= now)
    }
}

/// What was heard, as the store knows it.
///
/// # Errors
///
/// When the store fails.
pub async fn heard(store: &dyn Store, source: Source) -> Result<Heard> {
    let stored = State::new(store).setting(&source.setting()).await?;
    Ok(stored.map(|stored| stored.value).unwrap_or_default())
}

/// Keeps an eye on all sources, together with the other processes on the store: each knows only what it
/// received and found itself, so what it knows is joined with what the others stored.
#[derive(Debug)]
pub struct Watch {
    grace: Duration,
    state: Mutex<[Entry; 3]>,
}

#[derive(Debug, Default)]
struct Entry {
    /// What the store said last.
    stored: Heard,
    /// What this process knows; of changes only those that are not stored yet.
    own: Heard,
    /// Whether the store was told what this process expects.
    told: bool,
}

impl Entry {
    /// What is known altogether.
    fn joined(&self, grace: Duration) -> Heard {
        let (stored, own) = (&self.stored, &self.own);
        let mut all = own.clone();
        all.last_event = own.last_event.max(stored.last_event);
        let room = MAX_HOOKS.saturating_sub(own.hooks.len());
        all.hooks.extend(stored.hooks.iter().take(room).cloned());
        // What was found before the event, or shortly after it, is what it announced: whoever found it
        // may not have known of the event.
        let counts = |one: &Heard| {
            let since = one.unannounced_since?;
            let announced = all.last_event.is_some_and(|event| since < event + grace);
            (own.expected && !announced).then_some((since, one.unannounced))
        };
        let found = [counts(stored), counts(own)];
        all.unannounced_since = found.iter().flatten().map(|(since, _)| *since).min();
        all.unannounced = found.iter().flatten().map(|(_, count)| count).sum();
        all
    }

    /// As it shall be stored. What is expected is said once: of processes that expect different
    /// things, the one that was started last is right.
    fn storable(&self, grace: Duration) -> Heard {
        let mut all = self.joined(grace);
        if self.told {
            all.expected = self.stored.expected;
            all.grace_seconds = self.stored.grace_seconds;
            if !self.own.expected {
                all.unannounced_since = self.stored.unannounced_since;
                all.unannounced = self.stored.unannounced;
            }
        }
        all
    }
}

impl Watch {
    /// Goes on where other processes are or ended. `grace` is how long an event may take, between nothing
    /// and 200 years.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn load(store: &dyn Store, grace: Duration) -> Result<Self> {
        let grace = grace.clamp(Duration::zero(), MAX_GRACE);
        let mut state: [Entry; 3] = Default::default();
        for (entry, source) in state.iter_mut().zip(Source::ALL) {
            entry.stored = heard(store, source).await?;
            entry.own.expected = entry.stored.expected;
            entry.own.grace_seconds = grace.num_seconds();
        }
        Ok(Self {
            grace,
            state: Mutex::new(state),
        })
    }

    fn lock(&self) -> MutexGuard<'_, [Entry; 3]> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, source: Source, work: impl FnOnce(&mut Entry) -> T) -> T {
        let mut state = self.lock();
        let [notion, github, events] = &mut *state;
        work(match source {
            Source::Notion => notion,
            Source::Github => github,
            Source::Events => events,
        })
    }

    /// What was heard from a source.
    #[must_use]
    pub fn of(&self, source: Source) -> Heard {
        self.with(source, |entry| entry.joined(self.grace))
    }

    /// Says whether something is expected from a source.
    pub fn expects(&self, source: Source, expected: bool) {
        self.with(source, |entry| {
            entry.own.expected = expected;
            entry.told = false;
        });
    }

    /// A delivery came.
    pub fn heard(&self, source: Source, now: DateTime<Utc>) {
        self.with(source, |entry| {
            let own = &mut entry.own;
            own.last_event = own.last_event.max(Some(now));
            own.unannounced_since = None;
            own.unannounced = 0;
        });
    }

    /// A hook of GitHub sent something.
    pub fn hook(&self, place: HookPlace) {
        self.with(Source::Github, |entry| {
            if entry.own.hooks.len() < MAX_HOOKS {
                entry.own.hooks.insert(place);
            }
        });
    }

    /// The engine looked. What it found on a side counts as announced while events keep coming.
    pub fn looked(&self, tick: &Tick, now: DateTime<Utc>) {
        for report in &tick.mappings {
            for (side, found) in &report.found {
                self.found(Source::of(*side), *found, now);
            }
        }
    }

    fn found(&self, source: Source, found: usize, now: DateTime<Utc>) {
        self.with(source, |entry| {
            let last = entry.own.last_event.max(entry.stored.last_event);
            let announced = last.is_some_and(|at| now < at + self.grace);
            let own = &mut entry.own;
            if own.expected && found > 0 && !announced {
                own.unannounced_since.get_or_insert(now);
                own.unannounced += u64::try_from(found).unwrap_or_default();
            }
        });
    }

    /// Learns what other processes heard and found, and stores what is new.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn save(&self, store: &dyn Store) -> Result<()> {
        for source in Source::ALL {
            for _ in 0..TRIES {
                match self.join(store, source).await {
                    // Another process saved its own at the same time.
                    Err(error) if error.kind() == ErrorKind::Stale => {}
                    result => {
                        result?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn join(&self, store: &dyn Store, source: Source) -> Result<()> {
        let state = State::new(store);
        let name = source.setting();
        let stored = state.setting::<Heard>(&name).await?;
        let known = stored.as_ref().map(|stored| stored.value.clone());
        let known = known.unwrap_or_default();
        let (next, own) = self.with(source, |entry| {
            entry.stored = known.clone();
            (entry.storable(self.grace), entry.own.clone())
        });
        if next != known {
            let mut batch = Batch::default();
            batch.setting(&name, &next, stored.as_ref())?;
            state.commit(batch).await?;
        }
        self.with(source, |entry| {
            entry.stored = next;
            entry.told |= entry.own.expected == own.expected;
            // What was found meanwhile is still to be stored.
            entry.own.unannounced = entry.own.unannounced.saturating_sub(own.unannounced);
            if entry.own.unannounced == 0 {
                entry.own.unannounced_since = None;
            }
        });
        Ok(())
    }
}
