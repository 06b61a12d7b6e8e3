//! Both services, one clock, a store and the engine: what the demo and the tests play on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::clock::{Clock, VirtualClock};
use notion_sync_core::engine::{Applied, Binding, Budget, Engine, Incident, Tick};
use notion_sync_core::http::HttpSend;
use notion_sync_core::id::{MappingId, Side};
use notion_sync_core::record::{Life, Record};
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_store::{KeyRing, open};
use notion_sync_testkit::emulator::{Emulator, EmulatorBounds, InProcess};
use notion_sync_testkit::github::{CommitView, GithubEmulator, IssueView, MergeMethod};
use notion_sync_testkit::notion::{NotionEmulator, NotionId, Person, PersonError};
use secrecy::SecretString;

use super::assembly;
use super::seam::{Between, Fuse, Fused};
use super::terms::Terms;
use crate::emulation::{BACKLOG, HANDBOOK, Services, World};
use crate::wiring::{self, Parts};

/// How often a stage is ticked before it is said to never come to rest.
const MOST_TICKS: usize = 400;

/// Where a stage keeps its store.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// In memory: gone with the stage, not with the engine.
    Memory(Arc<dyn Store>),
    /// In a sealed SQLite file.
    Sqlite(PathBuf, SecretString),
}

/// Both services and a synchronisation between them, in virtual time.
#[derive(Debug)]
pub struct Stage {
    /// The clock that everybody shares.
    pub clock: Arc<VirtualClock>,
    /// The emulators.
    pub services: Services,
    /// What is mapped.
    pub terms: Terms,
    /// The planned crash.
    pub fuse: Arc<Fuse>,
    pub(super) place: Place,
    between: Option<Arc<dyn Between>>,
    engine: Option<Engine>,
}

/// What a stretch of synchronisation did.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Ticks it took.
    pub ticks: usize,
    /// Writes, in order.
    pub applied: Vec<Applied>,
    /// What people have to look at.
    pub incidents: Vec<Incident>,
    /// Errors that stopped part of a run.
    pub errors: Vec<String>,
    /// Why the guard stopped a run.
    pub guards: Vec<String>,
    /// How many operations were set aside.
    pub dead: usize,
    /// How many open conflicts there were at the end.
    pub conflicts: usize,
    /// Whether the process died on the way.
    pub crashed: bool,
}

/// How many requests the synchronisation sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Calls {
    /// Reads of Notion.
    pub notion_reads: usize,
    /// Writes to Notion.
    pub notion_writes: usize,
    /// Reads of GitHub, conditional ones that found nothing new left out.
    pub github_reads: usize,
    /// Conditional reads of GitHub that found nothing new.
    pub github_unchanged: usize,
    /// Writes to GitHub.
    pub github_writes: usize,
}

impl Outcome {
    fn add(&mut self, tick: Tick) {
        self.ticks += 1;
        self.conflicts = tick.mappings.iter().map(|report| report.conflicts).sum();
        for report in tick.mappings {
            self.applied.extend(report.applied);
            for incident in report.incidents {
                if !self.incidents.contains(&incident) {
                    self.incidents.push(incident);
                }
            }
            for error in report.errors {
                if !self.errors.contains(&error) {
                    self.errors.push(error);
                }
            }
            self.guards.extend(report.guard);
            self.dead += report.dead;
        }
    }
}

impl Stage {
    /// A stage with a store in memory.
    ///
    /// # Errors
    ///
    /// When the world contradicts itself.
    pub async fn in_memory(world: World, terms: Terms) -> Result<Self> {
        let key = KeyRing::generate()?;
        let store = open("memory:", Some(KeyRing::parse(&key, None)?)).await?;
        Self::new(world, terms, EmulatorBounds::notion(), Place::Memory(store))
    }

    /// A stage with a given store, which outlives its engines, a Notion with these bounds, and
    /// something between the engine and both services.
    ///
    /// # Errors
    ///
    /// When the world contradicts itself.
    pub fn around(
        world: World,
        terms: Terms,
        bounds: EmulatorBounds,
        store: Arc<dyn Store>,
        between: Arc<dyn Between>,
    ) -> Result<Self> {
        let mut stage = Self::new(world, terms, bounds, Place::Memory(store))?;
        stage.between = Some(between);
        Ok(stage)
    }

    /// A stage with a sealed SQLite store in a file.
    ///
    /// # Errors
    ///
    /// When the world contradicts itself.
    pub fn in_file(world: World, terms: Terms, file: PathBuf) -> Result<Self> {
        let place = Place::Sqlite(file, KeyRing::generate()?);
        Self::new(world, terms, EmulatorBounds::notion(), place)
    }

    /// Another process on the same services, clock and store. Both need terms by which the store is
    /// [shared](Terms::shared).
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            clock: Arc::clone(&self.clock),
            services: self.services.clone(),
            terms: self.terms.clone(),
            fuse: Arc::default(),
            place: self.place.clone(),
            between: self.between.clone(),
            engine: None,
        }
    }

    fn new(world: World, terms: Terms, bounds: EmulatorBounds, place: Place) -> Result<Self> {
        let start = world.notion.start;
        let services = Services::start(world, bounds, start)?;
        Ok(Self {
            clock: Arc::new(VirtualClock::new(start + Duration::hours(1))),
            services,
            terms,
            fuse: Arc::new(Fuse::default()),
            place,
            between: None,
            engine: None,
        })
    }

    /// Notion, seen from inside.
    pub fn notion(&self) -> MutexGuard<'_, NotionEmulator> {
        self.services
            .notion
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// GitHub, seen from inside.
    pub fn github(&self) -> MutexGuard<'_, GithubEmulator> {
        self.services
            .github
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Lets time pass in which nobody synchronises.
    pub fn pass(&self, minutes: i64) {
        self.clock.advance(Duration::minutes(minutes));
    }

    /// Somebody works in Notion.
    ///
    /// # Errors
    ///
    /// When what they do is not possible.
    pub fn in_notion<T>(
        &self,
        name: &str,
        work: impl FnOnce(&mut Person<'_>) -> std::result::Result<T, PersonError>,
    ) -> Result<T> {
        let now = self.now();
        let mut notion = self.notion();
        let refused = |error: PersonError| {
            Error::new(ErrorKind::Invalid, "work in Notion").message(error.to_string())
        };
        let mut person = notion.person(name, now).map_err(refused)?;
        work(&mut person).map_err(refused)
    }

    /// Somebody adds a page to a table (`handbook-pages` or `backlog-tasks`), with values in the
    /// simple form of worlds.
    ///
    /// # Errors
    ///
    /// When a value does not fit.
    pub fn add_page(
        &self,
        name: &str,
        table: &str,
        values: &[(&str, serde_json::Value)],
        body: &str,
    ) -> Result<NotionId> {
        let source = self.notion().id(table);
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        self.in_notion(name, |person| person.create_page(source, &values, body))
    }

    /// Somebody pushes a commit with these files (`None` deletes) to the handbook.
    ///
    /// # Errors
    ///
    /// When GitHub refuses.
    pub fn push(&self, login: &str, message: &str, edits: &[(&str, Option<&str>)]) -> Result<()> {
        let now = self.now();
        self.github()
            .commit(HANDBOOK, "main", login, message, edits, now)
            .map(|_| ())
            .map_err(|error| refusal("push a commit", &error))
    }

    /// Somebody merges a pull request of the handbook, out of draft where it is one.
    ///
    /// # Errors
    ///
    /// When GitHub refuses.
    pub fn merge(&self, login: &str, number: u64) -> Result<()> {
        let now = self.now();
        let mut github = self.github();
        github
            .set_draft(HANDBOOK, number, login, false, now)
            .and_then(|()| github.merge(HANDBOOK, number, login, MergeMethod::Merge, now))
            .map(|_| ())
            .map_err(|error| refusal("merge a pull request", &error))
    }

    /// Pages of the handbook by title.
    #[must_use]
    pub fn pages(&self) -> BTreeMap<String, NotionId> {
        self.rows("handbook-pages")
    }

    /// Pages of the backlog by title.
    #[must_use]
    pub fn tasks(&self) -> BTreeMap<String, NotionId> {
        self.rows("backlog-tasks")
    }

    fn rows(&self, source: &str) -> BTreeMap<String, NotionId> {
        let notion = self.notion();
        let rows = notion.rows(notion.id(source));
        rows.into_iter()
            .map(|id| (notion.title(id).unwrap_or_default(), id))
            .collect()
    }

    /// A page by title, of either table.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn page(&self, title: &str) -> Result<NotionId> {
        self.pages()
            .get(title)
            .or(self.tasks().get(title))
            .copied()
            .ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "find a page")
                    .with("title", title)
                    .message("no page has this title")
            })
    }

    /// A block of a page by the start of its text.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn block(&self, page: NotionId, begins: &str) -> Result<NotionId> {
        fn find(
            blocks: &[notion_sync_testkit::notion::BlockView],
            begins: &str,
        ) -> Option<NotionId> {
            blocks.iter().find_map(|block| {
                if block.text.starts_with(begins) {
                    Some(block.id)
                } else {
                    find(&block.children, begins)
                }
            })
        }
        find(&self.notion().blocks(page), begins).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "find a block")
                .with("text", begins)
                .message("no block of the page begins so")
        })
    }

    /// A file of the handbook as text, as it is on the default branch.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<String> {
        let bytes = self.github().file(HANDBOOK, "main", path).ok().flatten()?;
        String::from_utf8(bytes).ok()
    }

    /// The commits of the handbook, newest first.
    #[must_use]
    pub fn commits(&self) -> Vec<CommitView> {
        self.github().commits(HANDBOOK, "main").unwrap_or_default()
    }

    /// Issues or pull requests of a repository, by number.
    #[must_use]
    pub fn numbered(&self, repository: &str) -> BTreeMap<u64, IssueView> {
        let github = self.github();
        github
            .issue_numbers(repository)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|number| Some((number, github.issue(repository, number)?)))
            .collect()
    }

    /// Open pull requests of the handbook.
    #[must_use]
    pub fn open_pulls(&self) -> BTreeMap<u64, IssueView> {
        let mut all = self.numbered(HANDBOOK);
        all.retain(|_, issue| issue.pull.is_some() && issue.open);
        all
    }

    /// Issues of the backlog.
    #[must_use]
    pub fn issues(&self) -> BTreeMap<u64, IssueView> {
        let mut all = self.numbered(BACKLOG);
        all.retain(|_, issue| issue.pull.is_none());
        all
    }

    /// The engine; started where none runs.
    ///
    /// # Errors
    ///
    /// When the store cannot be opened.
    pub async fn engine(&mut self) -> Result<&Engine> {
        if self.engine.is_none() {
            let store = match &self.place {
                Place::Memory(store) => store.clone(),
                Place::Sqlite(path, key) => {
                    let url = format!("sqlite:{}", path.display());
                    open(&url, Some(KeyRing::parse(key, None)?)).await?
                }
            };
            let parts = self.parts();
            let config = assembly::config(&self.terms, &self.notion());
            let mut engine =
                wiring::engine(&config, &assembly::secrets(&self.terms), &parts, store).await?;
            if let Some(between) = &self.between {
                let bindings: Vec<Binding> = engine.bindings().cloned().collect();
                for binding in bindings {
                    engine = engine.with_mapping(Binding {
                        notion: between.remote(Side::Notion, binding.notion),
                        github: between.remote(Side::Github, binding.github),
                        ..binding
                    });
                }
            }
            self.engine = Some(engine);
        }
        self.engine.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Internal, "start the engine").message("there is none")
        })
    }

    fn parts(&self) -> Parts {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let seen = match &self.between {
            Some(between) => between.clock(clock.clone()),
            None => clock.clone(),
        };
        let way = |side, inner: Arc<dyn HttpSend>| -> Arc<dyn HttpSend> {
            let inner = match &self.between {
                Some(between) => between.way(side, inner),
                None => inner,
            };
            Arc::new(Fused {
                inner,
                fuse: self.fuse.clone(),
            })
        };
        let notion = InProcess::new(self.services.notion.clone(), clock.clone());
        let github = InProcess::new(self.services.github.clone(), clock.clone());
        Parts {
            notion_http: way(Side::Notion, Arc::new(notion)),
            github_http: way(Side::Github, Arc::new(github)),
            clock: seen,
        }
    }

    /// Stops the engine and closes its store. The next use starts another one.
    pub fn stop(&mut self) {
        self.engine = None;
    }

    /// One tick. When the fuse blows on the way, the engine and its store are dropped where they
    /// stand, as if the process had died.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn tick(&mut self, full: bool) -> Result<Option<Tick>> {
        let budget = Budget {
            poll_now: true,
            full,
            ..Budget::default()
        };
        self.tick_within(budget).await
    }

    /// As [`tick`](Self::tick), and does no more than that.
    ///
    /// # Errors
    ///
    /// As [`tick`](Self::tick).
    pub async fn tick_within(&mut self, budget: Budget) -> Result<Option<Tick>> {
        let fuse = self.fuse.clone();
        let engine = self.engine().await?;
        let tick = tokio::select! {
            biased;
            () = fuse.blown() => None,
            tick = engine.tick(budget) => Some(tick?),
        };
        if tick.is_none() {
            self.stop();
        }
        Ok(tick)
    }

    /// Synchronises until nothing is under way. Ends early when the process dies.
    ///
    /// # Errors
    ///
    /// When the store fails, or there is no rest.
    pub async fn settle(&mut self) -> Result<Outcome> {
        self.run(false).await
    }

    /// As [`settle`](Self::settle), and lists everything first.
    ///
    /// # Errors
    ///
    /// As [`settle`](Self::settle).
    pub async fn sweep(&mut self) -> Result<Outcome> {
        self.run(true).await
    }

    async fn run(&mut self, full: bool) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        for round in 0..MOST_TICKS {
            let Some(tick) = self.tick(full && round == 0).await? else {
                outcome.crashed = true;
                return Ok(outcome);
            };
            let writes = tick.writes();
            let due = tick.settle_due;
            outcome.add(tick);
            match due {
                Some(due) => {
                    self.clock.advance_to(due);
                    self.clock.advance(Duration::milliseconds(250));
                }
                None if writes == 0 => return Ok(outcome),
                None => {}
            }
        }
        let waiting: Vec<String> = self
            .records()
            .await?
            .into_iter()
            .filter_map(|record| {
                let at = record.look_at?;
                Some(format!("{} ({:?}) at {at}", record.title, record.life))
            })
            .collect();
        Err(
            Error::new(ErrorKind::Internal, "wait until nothing is under way")
                .with("ticks", MOST_TICKS)
                .with("now", self.now())
                .message(format!(
                    "no rest; to be looked at: {waiting:?}; errors: {:?}; last writes: {:?}",
                    outcome.errors,
                    outcome.applied.iter().rev().take(5).collect::<Vec<_>>()
                )),
        )
    }

    /// Every record of both mappings.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn records(&mut self) -> Result<Vec<Record>> {
        let engine = self.engine().await?;
        let ids: Vec<MappingId> = engine
            .bindings()
            .map(|binding| binding.mapping.id.clone())
            .collect();
        let state = State::new(&**engine.store());
        let mut all = Vec::new();
        for id in ids {
            all.extend(state.records(&id).await?);
        }
        Ok(all)
    }

    /// Records that are kept the same at present.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn live(&mut self) -> Result<Vec<Record>> {
        let mut all = self.records().await?;
        all.retain(|record| record.life == Life::Live);
        Ok(all)
    }

    /// Where the logs of both services stand.
    #[must_use]
    pub fn marks(&self) -> (u64, u64) {
        (self.notion().log().mark(), self.github().log().mark())
    }

    /// What the synchronisation asked since: `METHOD path status`, Notion first.
    #[must_use]
    pub fn asked(&self, marks: (u64, u64)) -> Vec<String> {
        let notion = self.notion();
        let github = self.github();
        let line = |service: &str, entry: &notion_sync_testkit::emulator::LogEntry| {
            format!("{service} {} {} {}", entry.method, entry.path, entry.status)
        };
        let first = notion.log().since(marks.0).map(|e| line("notion", e));
        let second = github.log().since(marks.1).map(|e| line("github", e));
        first.chain(second).collect()
    }

    /// How many requests were sent since.
    #[must_use]
    pub fn calls(&self, marks: (u64, u64)) -> Calls {
        let mut calls = Calls::default();
        for entry in self.notion().log().since(marks.0) {
            if entry.effect {
                calls.notion_writes += 1;
            } else {
                calls.notion_reads += 1;
            }
        }
        for entry in self.github().log().since(marks.1) {
            if entry.effect {
                calls.github_writes += 1;
            } else if entry.status == 304 {
                calls.github_unchanged += 1;
            } else {
                calls.github_reads += 1;
            }
        }
        calls
    }
}

pub(crate) fn refusal(
    during: &'static str,
    refusal: &notion_sync_testkit::github::Refusal,
) -> Error {
    Error::new(ErrorKind::Invalid, during)
        .message(format!("{} {}", refusal.status, refusal.message))
}
