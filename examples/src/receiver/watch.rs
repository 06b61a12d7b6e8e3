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

/// Keeps an eye on all sources.
#[derive(Debug)]
pub struct Watch {
    grace: Duration,
    state: Mutex<[Entry; 3]>,
}

#[derive(Debug, Default)]
struct Entry {
    heard: Heard,
    saved: Heard,
}

impl Watch {
    /// Goes on where the last process ended. `grace` is how long an event may take.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn load(store: &dyn Store, grace: Duration) -> Result<Self> {
        let mut state: [Entry; 3] = Default::default();
        for (entry, source) in state.iter_mut().zip(Source::ALL) {
            entry.saved = heard(store, source).await?;
            entry.heard = entry.saved.clone();
            entry.heard.grace_seconds = grace.num_seconds();
        }
        Ok(Self {
            grace,
            state: Mutex::new(state),
        })
    }

    fn lock(&self) -> MutexGuard<'_, [Entry; 3]> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, source: Source, work: impl FnOnce(&mut Heard) -> T) -> T {
        let mut state = self.lock();
        let [notion, github, events] = &mut *state;
        work(match source {
            Source::Notion => &mut notion.heard,
            Source::Github => &mut github.heard,
            Source::Events => &mut events.heard,
        })
    }

    /// What was heard from a source.
    #[must_use]
    pub fn of(&self, source: Source) -> Heard {
        self.with(source, |heard| heard.clone())
    }

    /// Says whether something is expected from a source.
    pub fn expects(&self, source: Source, expected: bool) {
        self.with(source, |heard| {
            heard.expected = expected;
            if !expected {
                heard.unannounced_since = None;
                heard.unannounced = 0;
            }
        });
    }

    /// A delivery came.
    pub fn heard(&self, source: Source, now: DateTime<Utc>) {
        self.with(source, |heard| {
            heard.last_event = heard.last_event.max(Some(now));
            heard.unannounced_since = None;
            heard.unannounced = 0;
        });
    }

    /// A hook of GitHub sent something.
    pub fn hook(&self, place: HookPlace) {
        self.with(Source::Github, |heard| {
            if heard.hooks.len() < MAX_HOOKS {
                heard.hooks.insert(place);
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
        self.with(source, |heard| {
            let announced = heard.last_event.is_some_and(|at| now < at + self.grace);
            if heard.expected && found > 0 && !announced {
                heard.unannounced_since.get_or_insert(now);
                heard.unannounced += u64::try_from(found).unwrap_or_default();
            }
        });
    }

    /// Stores what is new.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn save(&self, store: &dyn Store) -> Result<()> {
        let state = State::new(store);
        for (index, source) in Source::ALL.into_iter().enumerate() {
            let changed = {
                let state = self.lock();
                state
                    .get(index)
                    .filter(|entry| entry.heard != entry.saved)
                    .map(|entry| entry.heard.clone())
            };
            let Some(heard) = changed else { continue };
            let name = source.setting();
            let stored = state.setting::<Heard>(&name).await?;
            let mut batch = Batch::default();
            batch.setting(&name, &heard, stored.as_ref())?;
            match state.commit(batch).await {
                Ok(()) => {
                    if let Some(entry) = self.lock().get_mut(index) {
                        entry.saved = heard;
                    }
                }
                // Another process saved its own; ours follows with the next round.
                Err(error) if error.kind() == ErrorKind::Stale => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
