//! Any world: somebody's own mappings and adapters, people on both sides, and what must hold in the end.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration};
use notion_sync_core::clock::{Clock, VirtualClock};
use notion_sync_core::engine::{Budget, Engine, Tick};
use notion_sync_core::http::{HttpSend, Request};
use notion_sync_core::id::{MappingId, RemoteRef, Side};
use notion_sync_core::record::Record;
use notion_sync_core::remote::Remote;
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_core::{ErrorKind, Result};

use super::checks::{self, Text};
use super::fragile::Fragile;
use super::rest::{note_tick, rest};
use super::script::{Act, Hook, Script, Step};
use super::seam::Seam;
use super::season::{CANARY, Failure, How, Play, Run, play_on};
use super::traffic::{Traffic, Way};
use super::unsteady::{Bystander, Unsteady};
use super::weather::{Counted, Weather};
use super::words::Ledger;

/// When every world begins.
const START: i64 = 1_790_000_000;
/// Virtual minutes within which everything comes to rest once nobody does anything any more.
const LIVENESS: i64 = 200;
/// Cycles after the end in which nothing may be written.
const CYCLES: usize = 3;

/// What must happen sometimes in a season of worlds: see [`Tally::missing`](super::Tally::missing).
pub const MARKERS: [&str; 18] = [
    "planned",
    "applied",
    "limited",
    "dropped before",
    "dropped after",
    "5xx before",
    "5xx after",
    "delayed",
    "commit failed",
    "crashed",
    "crashed before a read",
    "crashed after a read",
    "crashed before a write",
    "crashed after a write",
    "crashed at a read of the store",
    "crashed before a commit",
    "crashed after a commit",
    "person acts right before a write",
];

/// One world: two sides with people on them, what is mapped between them, and a store. All of it must
/// depend on nothing but the seed and the clock.
pub trait World: fmt::Debug + Send + Sync + 'static {
    /// Where state is kept. The same each time: it outlives processes.
    fn store(&self) -> Arc<dyn Store>;

    /// A process begins: an engine on [`Parts::store`] and [`Parts::clock`], with its mappings bound to
    /// sides that were put through [`Parts::remote`], or whose adapters send through [`Parts::way`].
    ///
    /// # Errors
    ///
    /// Whatever keeps an engine from being made. The seed fails then.
    fn engine(&self, parts: &Parts) -> Result<Engine>;

    /// Somebody does something, if it can be done; says what was done. What is written holds the word of
    /// the act, and the ledger is told of it ([`Ledger::born`], with the object as it displays as the
    /// place), as of the text that was there before ([`Ledger::replaced`]) and of copies
    /// ([`Ledger::copied`]).
    fn act(&self, act: &Act, ledger: &mut Ledger) -> Option<String>;

    /// Everything on both sides that is kept the same, and nothing else: what is in the trash, closed for
    /// good or not mapped is left out.
    fn texts(&self) -> Vec<Text>;

    /// Whether somebody ever moved this page to the trash: only then may what belongs to it go.
    fn trashed(&self, page: &RemoteRef) -> bool {
        let _ = page;
        false
    }

    /// Whether a request changes something, where an adapter sends through [`Parts::way`].
    fn changes(&self, side: Side, request: &Request) -> bool {
        let _ = side;
        request.method() != http::Method::GET && request.method() != http::Method::HEAD
    }

    /// The object that a request is about, where it can be told. What people write between the engine's
    /// last read of an object and its write may be lost, and is excused only where this is known.
    fn object(&self, side: Side, request: &Request) -> Option<RemoteRef> {
        let _ = (side, request);
        None
    }
}

/// What an engine is made of.
#[derive(Debug)]
pub struct Parts {
    clock: Arc<VirtualClock>,
    store: Arc<dyn Store>,
    crowd: Arc<Crowd>,
}

impl Parts {
    /// The clock of the world.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// The store of the world, whose commits sometimes fail.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// A side whose calls sometimes fail.
    #[must_use]
    pub fn remote(&self, inner: Arc<dyn Remote>) -> Arc<dyn Remote> {
        let seam = self.crowd.seam.clone();
        Arc::new(Unsteady::new(inner, seam, self.crowd.clone()))
    }

    /// A way to a service whose requests sometimes fail: for adapters that ask over HTTP, instead of
    /// [`remote`](Self::remote).
    #[must_use]
    pub fn way(&self, side: Side, inner: Arc<dyn HttpSend>) -> Arc<dyn HttpSend> {
        let seam = self.crowd.seam.clone();
        Arc::new(Way::new(seam, self.crowd.clone(), side, inner))
    }
}

/// The people of a world, and those of them who act during a tick.
#[derive(Debug)]
struct Crowd {
    world: Arc<dyn World>,
    seam: Arc<Seam>,
    ledger: Mutex<Ledger>,
    hooks: Mutex<Vec<Hook>>,
}

impl Crowd {
    fn act(&self, act: &Act) -> Option<String> {
        self.world.act(act, &mut self.ledger())
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hooks(&self) -> std::sync::MutexGuard<'_, Vec<Hook>> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act_now(&self, counted: &Counted) {
        let hooks: Vec<Hook> = (self.hooks().iter().copied())
            .filter(|hook| counted.is(hook.at, hook.writes))
            .collect();
        for hook in hooks {
            if let Some(said) = self.act(&hook.act) {
                self.seam.note(&format!("meanwhile {said}"));
                self.seam.count(if counted.writes() {
                    "person acts right before a write"
                } else {
                    "person acts during a tick"
                });
            }
        }
    }
}

impl Bystander for Crowd {
    fn meanwhile(&self, counted: &Counted) {
        self.act_now(counted);
    }

    fn read(&self, object: &RemoteRef) {
        self.ledger().engine(&object.to_string(), false);
    }

    fn writes(&self, object: &RemoteRef) {
        self.ledger().engine(&object.to_string(), true);
    }
}

impl Traffic for Crowd {
    type Call = (Option<RemoteRef>, bool);

    fn writes(&self, side: Side, request: &Request) -> bool {
        self.world.changes(side, request)
    }

    fn passes(&self, side: Side, request: &mut Request) -> Self::Call {
        let writes = self.world.changes(side, request);
        (self.world.object(side, request), writes)
    }

    fn meanwhile(&self, _: &Self::Call, counted: &Counted) {
        self.act_now(counted);
    }

    fn leaves(&self, (object, writes): &Self::Call) {
        if let Some(object) = object {
            self.ledger().engine(&object.to_string(), *writes);
        }
    }
}

/// Seeds of worlds that a function makes from the seed and the clock: see the [module](super).
#[derive(Debug, Clone)]
pub struct Simulation<F> {
    open: F,
}

impl<W: World, F: Fn(u64, Arc<VirtualClock>) -> W + Sync> Simulation<F> {
    /// Worlds that are made so.
    pub fn new(open: F) -> Self {
        Self { open }
    }
}

impl<W: World, F: Fn(u64, Arc<VirtualClock>) -> W + Sync> Play for Simulation<F> {
    type Script = Script;
    type More = ();

    fn script(&self, seed: u64) -> Script {
        Script::new(seed)
    }

    fn smaller(&self, script: &Script) -> Vec<Script> {
        script.smaller()
    }

    fn play(&self, script: &Script, how: How) -> Run {
        let seam = Seam::new(script.latency, how.told);
        let start = DateTime::from_timestamp(START, 0).unwrap_or_default();
        let clock = Arc::new(VirtualClock::new(start));
        seam.tie(clock.clone());
        play_on(&seam, async {
            let world: Arc<dyn World> = Arc::new((self.open)(script.seed, clock.clone()));
            let kept = world.store();
            let crowd = Arc::new(Crowd {
                world,
                seam: seam.clone(),
                ledger: Mutex::default(),
                hooks: Mutex::default(),
            });
            let mut theatre = Theatre {
                parts: Parts {
                    clock,
                    store: Arc::new(Fragile::new(kept.clone(), seam.clone())),
                    crowd,
                },
                kept,
                engine: None,
            };
            for step in &script.steps {
                theatre.step(step).await?;
            }
            theatre.quiesce().await?;
            theatre.quiet().await?;
            if let Some((property, message)) = seam.violation() {
                return Err(Failure::new(property, message));
            }
            theatre.judge().await?;
            if how.canary {
                return Err(Failure::new(CANARY, "this always fails"));
            }
            Ok(())
        })
    }
}

/// A world that is played in.
#[derive(Debug)]
struct Theatre {
    parts: Parts,
    /// What the store holds, seen from behind everything that can fail.
    kept: Arc<dyn Store>,
    engine: Option<Engine>,
}

impl Theatre {
    fn seam(&self) -> Arc<Seam> {
        self.parts.crowd.seam.clone()
    }

    fn engine(&mut self) -> std::result::Result<&Engine, Failure> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => {
                let engine = self.parts.crowd.world.engine(&self.parts);
                engine.map_err(|error| Failure::harness(&error))?
            }
        };
        Ok(self.engine.insert(engine))
    }

    async fn step(&mut self, step: &Step) -> std::result::Result<(), Failure> {
        let (seam, clock) = (self.seam(), self.parts.clock.clone());
        clock.advance(Duration::seconds(i64::from(step.wait)));
        for act in &step.acts {
            if let Some(said) = self.parts.crowd.act(act) {
                seam.note(&said);
            }
            clock.advance(Duration::milliseconds(1_700));
        }
        for number in 0..step.ticks {
            let first = number == 0;
            let tick = self.tick(first.then_some(step), first && step.full).await?;
            let pause = match tick.and_then(|tick| tick.settle_due) {
                Some(due) => (due - seam.now()).min(Duration::seconds(90)),
                None => Duration::seconds(5),
            };
            clock.advance(pause + Duration::milliseconds(250));
        }
        Ok(())
    }

    /// One tick. `None` when the process died or the store failed as planned.
    async fn tick(
        &mut self,
        step: Option<&Step>,
        full: bool,
    ) -> std::result::Result<Option<Tick>, Failure> {
        let seam = self.seam();
        self.parts.crowd.ledger().tick();
        *self.parts.crowd.hooks() = step.map_or_else(Vec::new, |step| step.hooks.clone());
        seam.begin(step.map_or_else(Weather::default, |step| Weather {
            strikes: step.strikes.clone(),
            crash: step.crash,
            broken_commit: step.broken_commit,
            ..Weather::default()
        }));
        seam.note(if full { "a full tick" } else { "a tick" });
        let budget = Budget {
            poll_now: true,
            full,
            ..Budget::default()
        };
        let tick = seam.until_death(self.engine()?.tick(budget)).await;
        let planned = step.is_some_and(|step| step.broken_commit.is_some());
        match tick {
            None => {
                self.engine = None;
                seam.restarted();
                Ok(None)
            }
            Some(Ok(tick)) => {
                note_tick(&seam, &tick);
                Ok(Some(tick))
            }
            Some(Err(error)) if error.kind() == ErrorKind::Store && planned => {
                seam.note(&format!("the tick ends: {error}"));
                Ok(None)
            }
            Some(Err(error)) => Err(Failure::new("engine", error.to_string())),
        }
    }

    /// The mappings that are bound.
    fn mappings(&mut self) -> std::result::Result<Vec<MappingId>, Failure> {
        let bindings = self.engine()?.bindings();
        Ok(bindings.map(|one| one.mapping.id.clone()).collect())
    }

    async fn rest(&mut self, full: bool) -> std::result::Result<(), Failure> {
        let seam = self.seam();
        let until = seam.now() + Duration::minutes(LIVENESS);
        if rest(&seam, until, full, async |full| self.tick(None, full).await).await? {
            return Ok(());
        }
        let mappings = self.mappings()?;
        Err(checks::restless(&*self.kept, &mappings, LIVENESS).await?)
    }

    /// Nobody does anything any more and nothing fails: everything comes to rest.
    async fn quiesce(&mut self) -> std::result::Result<(), Failure> {
        let clock = self.parts.clock.clone();
        self.seam().note("nobody does anything any more");
        clock.advance(Duration::minutes(3));
        for full in [false, false, true, true] {
            self.rest(full).await?;
            clock.advance(Duration::minutes(12));
        }
        Ok(())
    }

    /// A further run writes nothing, nor do the cycles after it.
    async fn quiet(&mut self) -> std::result::Result<(), Failure> {
        let seam = self.seam();
        for cycle in 0..=CYCLES {
            self.tick(None, cycle == 0).await?;
            if seam.written() > 0 {
                let property = if cycle == 0 { "P03" } else { "P04" };
                let said = format!("cycle {cycle} after everything came to rest writes");
                return Err(Failure::new(property, said));
            }
            self.parts.clock.advance(Duration::seconds(61));
        }
        Ok(())
    }

    /// What must hold.
    async fn judge(&mut self) -> std::result::Result<(), Failure> {
        let seam = self.seam();
        let mappings = self.mappings()?;
        let world = self.parts.crowd.world.clone();
        let store = self.kept.clone();
        let state = State::new(&*store);
        let mut records: Vec<Record> = Vec::new();
        for mapping in &mappings {
            let some = state.records(mapping).await;
            records.extend(some.map_err(|error| Failure::harness(&error))?);
        }
        let audit = state.audit(None).await;
        let audit = audit.map_err(|error| Failure::harness(&error))?;
        let texts = world.texts();
        checks::count_audit(&audit, &|what| seam.count(what));
        {
            let ledger = self.parts.crowd.ledger();
            checks::on_both_sides(&ledger, &texts, &records, &audit, &|what| seam.count(what))?;
            checks::made_once(&ledger, &texts)?;
            checks::never_repaired(&records)?;
        }
        checks::audited(&*store, &audit, &[]).await?;
        checks::replays(&*store, &mappings).await?;
        checks::proven(&*store, &records, &|page| world.trashed(page)).await?;
        checks::registered(&*store, &records).await?;
        for text in &texts {
            seam.seal(text.object.to_string().as_bytes());
            seam.seal(text.text.as_bytes());
        }
        for record in &records {
            seam.seal(&serde_json::to_vec(record).unwrap_or_default());
        }
        for row in &audit {
            seam.seal(&serde_json::to_vec(row).unwrap_or_default());
        }
        Ok(())
    }
}
