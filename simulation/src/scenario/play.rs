//! One seed in one world: the real engine and adapters, both emulators, a store in memory, one clock.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::ErrorKind;
use notion_sync_core::comment::CommentSync;
use notion_sync_core::effect::{Effect, Merge, Note, OpenPull};
use notion_sync_core::engine::{Budget, Tick};
use notion_sync_core::mapping::FileMarker;
use notion_sync_core::state::State;
use notion_sync_core::store::Store;
use notion_sync_examples::config::RuleSection;
use notion_sync_examples::demo::{Between, Stage, Terms};
use notion_sync_examples::emulation::World;
use notion_sync_store::MemoryStore;
use notion_sync_testkit::emulator::EmulatorBounds;
use notion_sync_testkit::simulation::properties::restless;
use notion_sync_testkit::simulation::{self, Failure, Fragile};

use super::actions;
use super::ambush::Ambushed;
use super::carried::Carried;
use super::cells::Cells;
use super::check;
use super::company::{self, Company};
use super::people::People;
use super::post::Post;
use super::rails::Rails;
use super::rebuilding;
use super::script::{Script, Step};
use super::seam::{Seam, Ways};
use super::standing::{self, Bases};
use super::surroundings::Surroundings;
use super::veil::Veiled;
use crate::mutants::{self, Mutant};

/// Virtual minutes within which everything comes to rest once nobody does anything any more.
const LIVENESS: i64 = 200;

/// How often a run may be stopped, and approved, before it does something.
const MOST_STOPS: usize = 10;

/// What came of a seed, and which fault struck which endpoint, where that was asked for.
pub(crate) type Run = simulation::Run<Cells>;

/// How a seed is played.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// Keep everything that happens as lines.
    pub(crate) told: bool,
    /// Fail at the end, whatever happened.
    pub(crate) canary: bool,
    /// The rule that is broken around the engine, if one is.
    pub(crate) mutant: Option<Mutant>,
    /// Tell which fault strikes which endpoint.
    pub(crate) cells: bool,
    /// Cycles after the end in which nothing may be written.
    pub(crate) cycles: u32,
    /// Whether the registry is watched all the time, and made again from the marks at the end.
    pub(crate) registry: bool,
    /// Whether each step begins with a dry run.
    pub(crate) dry: bool,
}

/// A world that is played in.
#[derive(Debug)]
pub(crate) struct Theatre {
    pub(crate) stage: Stage,
    pub(crate) seam: Arc<Seam>,
    pub(crate) people: Arc<People>,
    /// What the store holds, seen from behind everything that can fail.
    pub(crate) kept: Arc<MemoryStore>,
    /// Those that work at the same time, where several do.
    pub(crate) company: Option<Company>,
    /// What fails besides the services.
    pub(crate) surroundings: Surroundings,
    /// For how long the services hide what the sync makes, where that is longer than it waits.
    pub(crate) beyond: Option<Duration>,
    /// What was agreed when, where that is watched.
    pub(crate) bases: Option<Bases>,
    /// What both sides had, where that is watched.
    pub(crate) carried: Option<Carried>,
    /// What is known of the guard, where there is one.
    pub(crate) rails: Option<Rails>,
}

/// Plays a script from beginning to end.
pub(crate) fn run(script: &Script, manner: Manner) -> Run {
    let seam = Seam::new(&script.knobs, manner.told);
    if manner.cells || script.is_aimed() {
        seam.aim(script);
    }
    let run = simulation::play_on(&seam, play(script, manner, &seam));
    Run {
        more: seam.cells(),
        hash: run.hash,
        lines: run.lines,
        counts: run.counts,
        failure: run.failure,
    }
}

pub(super) fn broken(error: &notion_sync_core::Error) -> Failure {
    Failure::harness(error)
}

async fn play(script: &Script, manner: Manner, seam: &Arc<Seam>) -> Result<(), Failure> {
    let mut theatre = open(script, manner.mutant, seam)?;
    theatre.bases = manner.registry.then(Bases::default);
    for step in &script.steps {
        theatre.step(step, manner.dry).await?;
    }
    if theatre.company.take().is_some() {
        // Another process finds what they left, and works alone.
        seam.alone(company::LAST);
    }
    theatre.quiesce().await?;
    theatre.quiet(manner.cycles).await?;
    if let Some((property, message)) = seam.violation() {
        return Err(Failure::new(property, message));
    }
    check::all(&mut theatre).await?;
    if script.knobs.rules {
        actions::all(&mut theatre, script.knobs.trial).await?;
    }
    if manner.registry && rebuilding::can_be(&theatre, script) {
        rebuilding::all(&mut theatre).await?;
    }
    if manner.canary {
        return Err(Failure::new("canary", "this always fails"));
    }
    Ok(())
}

/// What changes of a task's status do in worlds that have rules.
pub(crate) fn rules() -> Vec<RuleSection> {
    let rule = |name: &str, becomes: &str, steps: Vec<Effect>| RuleSection {
        name: name.to_owned(),
        becomes: vec![becomes.to_owned()],
        steps,
        ..RuleSection::default()
    };
    let note = |text: &str| {
        Effect::Comment(Note {
            text: text.to_owned(),
            ..Note::default()
        })
    };
    let merge = Merge {
        ready: true,
        ..Merge::default()
    };
    vec![
        rule(
            "start",
            "Doing",
            vec![Effect::OpenPull(OpenPull::default())],
        ),
        rule(
            "ship",
            "Done",
            vec![Effect::Merge(merge), note("Merged: {title}")],
        ),
        rule("drop", "Dropped", vec![note("Dropped: {title}")]),
    ]
}

pub(super) fn open(
    script: &Script,
    mutant: Option<Mutant>,
    seam: &Arc<Seam>,
) -> Result<Theatre, Failure> {
    let knobs = &script.knobs;
    let mut world = World::small().map_err(|error| broken(&error))?;
    world.notion.seed = script.seed;
    world.github.bounds.visibility_seconds = knobs.lag;
    world.github.bounds.late_commit_seconds = knobs.github_late;
    let terms = Terms {
        documents: knobs.documents,
        tasks: knobs.tasks,
        rules: if knobs.rules { rules() } else { Vec::new() },
        comments: knobs.comments.then(CommentSync::default),
        file_marker: if knobs.marks {
            FileMarker::FrontMatter
        } else {
            FileMarker::None
        },
        shared: knobs.company,
        ..Terms::default().unguarded()
    };
    let terms = match knobs.guard {
        Some(removals) => terms.guarded(removals),
        None => terms,
    };
    let bounds = EmulatorBounds {
        visibility_seconds: knobs.lag,
        late_commit_seconds: knobs.late,
        ..EmulatorBounds::notion()
    };
    let kept = Arc::new(MemoryStore::new());
    let store: Arc<dyn Store> = Arc::new(Fragile::new(kept.clone(), seam.common()));
    let ways: Arc<dyn Between> = Arc::new(Ways(seam.clone()));
    let (store, ways) = match mutant {
        Some(mutant) => mutants::around(mutant, seam, store, ways),
        None => (store, ways),
    };
    let ways: Arc<dyn Between> = match (knobs.beyond, knobs.behind) {
        (None, 0) => ways,
        (hidden, behind) => Arc::new(Veiled {
            inner: ways,
            seam: seam.clone(),
            hidden: hidden.unwrap_or_default(),
            behind,
            seed: script.seed,
            clock: Default::default(),
        }),
    };
    // Outermost: a mutant must not see what it would not have seen.
    let ways: Arc<dyn Between> = Arc::new(Ambushed {
        inner: ways,
        seam: seam.clone(),
    });
    let stage = Stage::around(world, terms, bounds, store, ways).map_err(|error| broken(&error))?;
    let people = Arc::new(People::new(stage.services.clone(), knobs));
    seam.tie(stage.clock.clone(), people.clone());
    let company = knobs.company.then(|| Company::new(script.seed));
    if company.is_some() {
        seam.keep_company();
    }
    let post = (knobs.webhooks).map(|trouble| Post::new(trouble, script.seed, &stage));
    Ok(Theatre {
        stage,
        seam: seam.clone(),
        people,
        kept,
        company,
        surroundings: Surroundings::with(post),
        beyond: (knobs.beyond).map(|seconds| Duration::seconds(i64::from(seconds))),
        bases: None,
        carried: (knobs.behind > 0).then(Carried::default),
        // A changed configuration is stopped by the guard too, whatever it allows.
        rails: (knobs
            .guard
            .or(script.is_reconfigured().then_some(usize::MAX)))
        .map(Rails::new),
    })
}

impl Theatre {
    async fn step(&mut self, step: &Step, dry: bool) -> Result<(), Failure> {
        self.stage
            .clock
            .advance(Duration::seconds(i64::from(step.wait)));
        if step.sharp {
            let over = self.stage.now().timestamp_millis().rem_euclid(60_000);
            self.stage
                .clock
                .advance(Duration::milliseconds(60_000 - over));
        }
        self.seam.reopen();
        for upset in &step.upsets {
            self.upset(*upset).await?;
        }
        for act in &step.acts {
            if let Some(said) = self.people.act(*act, None, self.stage.now()) {
                self.seam.note(&said);
            }
            self.stage.clock.advance(Duration::milliseconds(1_700));
        }
        if dry && self.company.is_none() {
            self.rehearse().await?;
        }
        for number in 0..step.ticks {
            self.deliver().await?;
            let first = number == 0;
            let (step_now, full) = (first.then_some(step), first && step.full);
            let tick = match self.company.take() {
                Some(mut company) => {
                    let tick = self.tick_together(&mut company, step_now, full).await?;
                    self.company = Some(company);
                    tick
                }
                None => {
                    let budget = Budget {
                        poll_now: step.polls,
                        full,
                        ..Budget::default()
                    };
                    self.tick_within(step_now, budget).await?
                }
            };
            self.guard(tick.as_ref(), false).await?;
            self.watch().await?;
            if let Some(carried) = &mut self.carried {
                carried.watch(&self.people)?;
            }
            let due = tick.and_then(|tick| tick.settle_due);
            let pause = match (step.pause, due) {
                (Some(pause), _) => Duration::seconds(i64::from(pause)),
                (None, Some(due)) => (due - self.engine_now()).min(Duration::seconds(90)),
                (None, None) => Duration::seconds(5),
            };
            self.stage
                .clock
                .advance(pause + Duration::milliseconds(250));
        }
        Ok(())
    }

    /// One tick that lets nobody wait. `None` when the process died or the store failed as planned.
    pub(crate) async fn tick(
        &mut self,
        step: Option<&Step>,
        full: bool,
    ) -> Result<Option<Tick>, Failure> {
        let budget = Budget {
            poll_now: true,
            full,
            ..Budget::default()
        };
        let mut tick = self.tick_within(step, budget).await?;
        for _ in 0..MOST_STOPS {
            if !self.guard(tick.as_ref(), true).await? {
                return Ok(tick);
            }
            tick = self.tick_within(None, budget).await?;
        }
        Err(Failure::new(
            "P20",
            format!("the guard stops a run, which is approved, {MOST_STOPS} times"),
        ))
    }

    /// The moment that the engine takes for the present one.
    fn engine_now(&self) -> DateTime<Utc> {
        self.stage.now() + Duration::seconds(i64::from(self.seam.off()))
    }

    /// One tick that may do so much.
    async fn tick_within(
        &mut self,
        step: Option<&Step>,
        budget: Budget,
    ) -> Result<Option<Tick>, Failure> {
        let seam = self.seam.clone();
        seam.begin(step);
        seam.note(match budget {
            Budget { full: true, .. } => "a full tick",
            Budget {
                poll_now: false, ..
            } => "a tick that looks where it was told to",
            _ => "a tick",
        });
        let Some(tick) = seam.until_death(self.stage.tick_within(budget)).await else {
            self.stage.stop();
            seam.restarted();
            return Ok(None);
        };
        self.heard(step, tick)
    }

    /// How a tick ended, told.
    pub(super) fn heard(
        &self,
        step: Option<&Step>,
        tick: notion_sync_core::Result<Option<Tick>>,
    ) -> Result<Option<Tick>, Failure> {
        let seam = &self.seam;
        let planned =
            step.is_some_and(|step| step.broken_commit.is_some() || step.full_disk().is_some());
        match tick {
            Ok(tick) => {
                let Some(tick) = tick else { return Ok(None) };
                simulation::note_tick(seam, &tick);
                Ok(Some(tick))
            }
            Err(error) if error.kind() == ErrorKind::Store && planned => {
                seam.note(&format!("the tick ends: {error}"));
                Ok(None)
            }
            Err(error) => Err(Failure::new("engine", error.to_string())),
        }
    }

    /// Runs until nothing is under way; the first tick lists everything where `full` says so.
    pub(super) async fn rest(&mut self, until: DateTime<Utc>, full: bool) -> Result<(), Failure> {
        let seam = self.seam.clone();
        let tick = async |full| self.tick(None, full).await;
        if simulation::rest(&seam, until, full, tick).await? {
            return Ok(());
        }
        let engine = self.stage.engine().await.map_err(|error| broken(&error))?;
        let ids: Vec<_> = engine.bindings().map(|b| b.mapping.id.clone()).collect();
        let store = engine.store().clone();
        Err(restless(&*store, &ids, LIVENESS).await?)
    }

    /// Nobody does anything any more and nothing fails: everything comes to rest.
    pub(crate) async fn quiesce(&mut self) -> Result<(), Failure> {
        self.seam.calm();
        self.appease();
        self.seam.note("nobody does anything any more");
        // What was dropped may still be committed, and what is new may still be hidden.
        self.stage.clock.advance(Duration::minutes(3));
        // What is waited for grows with what is seen to be late.
        let waits = self.beyond.map_or_else(Duration::zero, |hidden| hidden * 4);
        let until = self.stage.now() + Duration::minutes(LIVENESS) + waits;
        // First what listings of changes alone bring to light: a full one would hide what they miss.
        self.rest(until, false).await?;
        self.stage.clock.advance(Duration::minutes(12));
        self.rest(until, false).await?;
        match self.beyond {
            // What shows up so late is for the listing of everything.
            Some(hidden) => self.stage.clock.advance(hidden),
            None => check::seen(self).await?,
        }
        let until = self.stage.now() + Duration::minutes(LIVENESS);
        self.rest(until, true).await?;
        self.stage.clock.advance(Duration::minutes(12));
        self.rest(until, true).await
    }

    /// Looks at what was agreed.
    async fn watch(&mut self) -> Result<(), Failure> {
        let Some(mut bases) = self.bases.take() else {
            return Ok(());
        };
        let mut records = Vec::new();
        for mapping in &self.stage.terms.mappings() {
            let known = State::new(&*self.kept).records(mapping).await;
            records.extend(known.map_err(|error| broken(&error))?);
        }
        bases.watch(&records)?;
        self.bases = Some(bases);
        Ok(())
    }

    /// Nothing is under way, seen with a listing of everything.
    pub(super) async fn quiet_rest(&mut self) -> Result<(), Failure> {
        let until = self.stage.now() + Duration::minutes(LIVENESS);
        self.rest(until, true).await
    }

    /// A further run writes nothing, nor do the cycles after it, and the store says the same of every pair.
    pub(crate) async fn quiet(&mut self, cycles: u32) -> Result<(), Failure> {
        self.stage.clock.advance(Duration::minutes(10));
        let held = standing::held(&self.kept).await?;
        for cycle in 0..=cycles {
            let marks = self.stage.marks();
            let _ = self.tick(None, cycle == 0).await?;
            let calls = self.stage.calls(marks);
            if calls.notion_writes + calls.github_writes > 0 {
                let property = if cycle == 0 { "P03" } else { "P04" };
                let asked = self.stage.asked(marks).join(", ");
                return Err(Failure::new(
                    property,
                    format!("cycle {cycle} after everything came to rest writes: {asked}"),
                ));
            }
            self.stage.clock.advance(Duration::seconds(61));
        }
        let now = standing::held(&self.kept).await?;
        match standing::changed(&held, &now) {
            Some(what) => Err(Failure::new(
                "P03",
                format!("after everything came to rest a run changes {what} in the store"),
            )),
            None => Ok(()),
        }
    }
}
