//! Several workers on one store: leases are respected, a worker that lost its lease stores and sends
//! nothing any more, and nothing is lost or made twice.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use chrono::Duration;
use futures::executor::block_on;
use futures::task::noop_waker;
use notion_sync_core::Result;
use notion_sync_core::clock::Clock as _;
use notion_sync_core::engine::{Binding, Budget, Engine, Tick};
use notion_sync_core::mapping::{Guard, MappingKind, People, Policy};
use notion_sync_core::operation::OpState;
use notion_sync_core::state::State;
use notion_sync_core::store::{Change, Hit, Item, Query, Store, Table};
use notion_sync_core::value::Value;
use notion_sync_core::worker::{Company, Worker};
use notion_sync_testkit::model::ModelFault;
use proptest::prelude::*;

use super::world::{Meddled, World, body, documents, plain, rewrite, tasks};

/// When a worker stops at a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Before(usize),
    After(usize),
    /// For a moment, before and after every one.
    Always,
}

/// A store as one worker sees it, in which the worker can fall asleep at a commit.
#[derive(Debug)]
pub(super) struct Sleepy {
    inner: Arc<dyn Store>,
    stop: Stop,
    commits: AtomicUsize,
    awake: AtomicBool,
}

impl Sleepy {
    pub(super) fn new(inner: Arc<dyn Store>, stop: Stop) -> Arc<Self> {
        Arc::new(Self {
            inner,
            stop,
            commits: AtomicUsize::new(0),
            awake: AtomicBool::new(false),
        })
    }

    async fn sleep(&self, here: Stop) {
        let mut once = false;
        poll_fn(|_| {
            let goes_on = match self.stop {
                Stop::Always => std::mem::replace(&mut once, true),
                stop => stop != here || self.awake.load(Ordering::Relaxed),
            };
            if goes_on {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

#[async_trait]
impl Store for Sleepy {
    async fn get(&self, table: Table, key: &str) -> Result<Option<Item>> {
        self.inner.get(table, key).await
    }

    async fn get_many(&self, table: Table, keys: &[String]) -> Result<Vec<Item>> {
        self.inner.get_many(table, keys).await
    }

    async fn query(&self, query: Query<'_>) -> Result<Vec<Hit>> {
        self.inner.query(query).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        self.sleep(Stop::Before(number)).await;
        let done = self.inner.commit(changes).await;
        self.sleep(Stop::After(number)).await;
        done
    }
}

/// An engine over the sides of a world that works with others.
fn engine(world: &World, store: Arc<dyn Store>, name: &str, company: Company) -> Engine {
    let mut people = People::default();
    people.add("user-ada", "ada");
    let worker = Worker::new(store.clone(), world.clock.clone(), name, company);
    Engine::new(store, world.clock.clone())
        .with_worker(Arc::new(worker))
        .with_guard(Guard {
            removals: 100,
            edits: 100,
            ..Guard::default()
        })
        .with_mapping(Binding {
            mapping: world.mapping.clone(),
            notion: Arc::new(world.pages.clone()),
            github: Arc::new(world.repo.clone()),
            people,
        })
}

pub(super) fn look() -> Budget {
    Budget {
        poll_now: true,
        ..Budget::default()
    }
}

pub(super) type Work<'e> = Pin<Box<dyn Future<Output = Result<Tick>> + 'e>>;

/// Goes on until the worker falls asleep or is done.
pub(super) fn go_on(work: &mut Work<'_>) -> Option<Tick> {
    let waker = noop_waker();
    match work.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(tick) => Some(tick.unwrap()),
        Poll::Pending => None,
    }
}

fn worked_by(tick: &Tick) -> Option<&str> {
    tick.mappings[0].worked_by.as_deref()
}

/// A pair at rest, and then a change on each side and a new object on each.
fn busy_world(kind: MappingKind) -> World {
    let world = match kind {
        MappingKind::Tasks => World::new(tasks(Policy::ManualReview)),
        MappingKind::Documents => World::new(documents(Policy::ManualReview)),
    };
    let page = world.pages.create("First", body(&["one", "two", "three"]));
    if kind == MappingKind::Documents {
        world
            .repo
            .put("docs/second.md", Some("# Second\n\nalpha\n"));
    }
    world.settle();
    world.pass(10);
    let edit = |body: &mut notion_sync_core::document::Document| rewrite(body, "one", "uno");
    world.pages.edit_body(&page, edit);
    match kind {
        MappingKind::Tasks => {
            let number = world.repo.numbers()[0];
            world.repo.set_issue(number, "title", Value::text("Primo"));
            world.repo.open_issue("Crash", "It crashes.\n");
            world.pages.create("Third", body(&["new"]));
        }
        MappingKind::Documents => {
            world.repo.put("docs/second.md", Some("# Second\n\nbeta\n"));
            world.repo.put("docs/third.md", Some("# Third\n\nnew\n"));
        }
    }
    world
}

/// What holds whoever did the work: both sides agree, nothing is there twice, nothing was set aside.
fn judge(world: &World, case: &str) {
    world.pass(60);
    world.settle();
    world.pass(60);
    assert_eq!(world.settle(), 0, "{case}: a further run writes");
    assert_eq!(world.conflicts(), 0, "{case}");
    let state = State::new(&*world.store);
    for record in world.records() {
        for op in block_on(state.operations_of(&record.id)).unwrap() {
            assert!(
                op.state.is_final(),
                "{case}: {} is {:?}",
                op.label,
                op.state
            );
            assert_ne!(
                op.state,
                OpState::Dead,
                "{case}: {}: {:?}",
                op.label,
                op.error
            );
        }
    }
    let proof = block_on(state.verify_audit(std::slice::from_ref(&world.mapping.id))).unwrap();
    assert_eq!(proof.faults, [], "{case}");
    let pages = world.pages.live();
    let titles: Vec<String> = pages
        .iter()
        .map(|page| format!("{:?}", world.pages.field(page, "title")))
        .collect();
    assert_eq!(
        titles.iter().collect::<BTreeSet<_>>().len(),
        titles.len(),
        "{case}: {titles:?}"
    );
    assert_eq!(pages.len(), 3, "{case}: {titles:?}");
    let first = pages
        .iter()
        .find(|page| plain(&world.pages.body(page)).first().map(String::as_str) == Some("uno"));
    assert!(first.is_some(), "{case}: the edit in Notion is gone");
    match world.mapping.kind {
        MappingKind::Tasks => {
            assert_eq!(world.repo.numbers().len(), 3, "{case}");
            assert!(
                titles.iter().any(|title| title.contains("Primo")),
                "{case}: {titles:?}"
            );
            let texts: Vec<String> = (world.repo.numbers().iter())
                .map(|number| world.repo.issue_text(*number))
                .collect();
            assert_eq!(
                texts.iter().filter(|text| text.contains("uno")).count(),
                1,
                "{case}"
            );
        }
        MappingKind::Documents => {
            let texts: Vec<String> = pages
                .iter()
                .map(|page| plain(&world.pages.body(page)).join(" "))
                .collect();
            assert!(texts.contains(&"beta".to_owned()), "{case}: {texts:?}");
        }
    }
}

/// What was written on both sides, and what is stored, but for leases.
fn everything(world: &World) -> (usize, usize, String) {
    let state = State::new(&*world.store);
    let mut stored = String::new();
    for record in world.records() {
        let operations = block_on(state.operations_of(&record.id)).unwrap();
        stored += &format!("{record:?}\n{operations:?}\n");
    }
    let mapping = block_on(state.mapping(&world.mapping.id)).unwrap();
    let audit = block_on(state.audit(None)).unwrap();
    stored += &format!("{mapping:?}\n{audit:?}");
    (
        world.pages.writes().len(),
        world.repo.writes().len(),
        stored,
    )
}

/// Worker A falls asleep at one of its commits; B takes over when the lease is over; A dies or wakes up.
fn asleep_at(kind: MappingKind, stop: Stop, wakes: bool) -> bool {
    let case = format!("{kind:?} {stop:?}, wakes: {wakes}");
    let mut world = busy_world(kind);
    let sleepy = Sleepy::new(world.store.clone(), stop);
    let a = engine(&world, sleepy.clone(), "a", Company::Others);
    let mut work: Work<'_> = Box::pin(a.tick(look()));
    let ended = go_on(&mut work);
    let reached = ended.is_none();
    world.engine = engine(&world, world.store.clone(), "b", Company::Others);
    let before = (world.pages.writes().len(), world.repo.writes().len());
    if reached {
        let held = block_on(
            world
                .store
                .get(Table::Lease, &format!("lease:{}", world.mapping.id)),
        );
        let held = String::from_utf8(held.unwrap().unwrap().body).unwrap();
        let until = world.clock.now() + Duration::seconds(40);
        let tick = world.poll();
        // Unless A fell asleep before it had the lease, or while it gave it back.
        if worked_by(&tick) == Some("a") {
            assert!(held.contains("\"a\""), "{case}: {held}");
            assert!(tick.next_due.is_some_and(|due| due > until), "{case}");
            let after = (world.pages.writes().len(), world.repo.writes().len());
            assert_eq!(before, after, "{case}: B writes under A's lease");
        }
    }
    world.settle();
    if wakes && reached {
        sleepy.awake.store(true, Ordering::Relaxed);
        let before = everything(&world);
        let tick = go_on(&mut work).unwrap();
        // Unless B found nothing to do under a lease that A had given back.
        let after = everything(&world);
        assert_eq!(before, after, "{case}: A goes on though B took over");
        assert_eq!(tick.errors().count(), 0, "{case}: {tick:?}");
    }
    drop(work);
    judge(&world, &case);
    reached
}

/// Worker B took the mapping over and did nothing yet, so that nothing but the fence stands between A
/// and the store.
fn woken_too_late(kind: MappingKind, number: usize) -> bool {
    let case = format!("{kind:?} {number}");
    let mut world = busy_world(kind);
    let sleepy = Sleepy::new(world.store.clone(), Stop::Before(number));
    let a = engine(&world, sleepy.clone(), "a", Company::Others);
    let mut work: Work<'_> = Box::pin(a.tick(look()));
    let reached = go_on(&mut work).is_none();
    world.clock.advance(Duration::seconds(46));
    world.engine = engine(&world, world.store.clone(), "b", Company::Others);
    let idle = Budget {
        operations: 0,
        ..Budget::default()
    };
    let tick = block_on(world.engine.tick(idle)).unwrap();
    assert_eq!(worked_by(&tick), None, "{case}");
    if reached {
        sleepy.awake.store(true, Ordering::Relaxed);
        let before = everything(&world);
        // Asleep before it asked for the lease it may get it now, as anybody.
        let tick = go_on(&mut work).unwrap();
        if worked_by(&tick).is_some() {
            assert_eq!(before, everything(&world), "{case}: stored without a lease");
        } else {
            assert_eq!(number, 0, "{case}: {tick:?}");
        }
    }
    drop(work);
    judge(&world, &case);
    reached
}

fn asleep_anywhere(kind: MappingKind) {
    let mut places = 0;
    for number in 0.. {
        let mut reached = false;
        for stop in [Stop::Before(number), Stop::After(number)] {
            for wakes in [false, true] {
                reached |= asleep_at(kind, stop, wakes);
                places += 1;
            }
        }
        if !reached {
            break;
        }
    }
    println!("{kind:?}: {places} places");
    assert!(places > 40, "{places}");
}

#[test]
fn a_worker_asleep_at_any_commit_of_tasks_harms_nothing() {
    asleep_anywhere(MappingKind::Tasks);
}

#[test]
fn a_worker_asleep_at_any_commit_of_documents_harms_nothing() {
    asleep_anywhere(MappingKind::Documents);
}

#[test]
fn a_worker_that_wakes_after_its_lease_stores_nothing() {
    for kind in [MappingKind::Tasks, MappingKind::Documents] {
        let places = (0..)
            .take_while(|number| woken_too_late(kind, *number))
            .count();
        assert!(places >= 10, "{places}");
    }
}

#[test]
fn one_that_works_alone_does_not_wait_for_a_lease_of_the_dead() {
    let mut world = busy_world(MappingKind::Tasks);
    let sleepy = Sleepy::new(world.store.clone(), Stop::After(6));
    let a = engine(&world, sleepy, "a", Company::Alone);
    let mut work: Work<'_> = Box::pin(a.tick(look()));
    assert!(go_on(&mut work).is_none());
    drop(work);
    world.engine = engine(&world, world.store.clone(), "b", Company::Alone);
    let tick = world.poll();
    assert_eq!(worked_by(&tick), None);
    judge(&world, "alone");
}

#[test]
fn a_lease_is_renewed_while_work_goes_on_and_given_back_at_its_end() {
    let world = busy_world(MappingKind::Tasks);
    let a = engine(&world, world.store.clone(), "a", Company::Others);
    let b = engine(&world, world.store.clone(), "b", Company::Others);
    let sees = |one: &Engine| block_on(one.tick(look())).unwrap();
    for _ in 0..3 {
        assert_eq!(worked_by(&sees(&a)), None);
        assert_eq!(worked_by(&sees(&b)), None);
    }
    // Slow work: seconds pass at every commit, and the lease is kept.
    let world = busy_world(MappingKind::Tasks);
    let sleepy = Sleepy::new(world.store.clone(), Stop::Always);
    let a = engine(&world, sleepy, "a", Company::Others);
    let b = engine(&world, world.store.clone(), "b", Company::Others);
    let mut work: Work<'_> = Box::pin(a.tick(look()));
    let mut rounds = 0;
    let tick = loop {
        match go_on(&mut work) {
            Some(tick) => break tick,
            None => rounds += 1,
        }
        // From the third step on A has its lease, and it gives it back in the last.
        if rounds == 20 {
            assert_eq!(worked_by(&sees(&b)), Some("a"));
        }
        world.clock.advance(Duration::seconds(3));
    };
    assert!(rounds > 20, "{rounds}");
    assert_eq!(worked_by(&tick), None, "{tick:?}");
}

/// What happens between two steps of the workers.
#[derive(Debug, Clone)]
enum Turn {
    A(u8),
    B(u8),
    Time(u16),
    Edit(u8),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        5 => (1u8..20).prop_map(Turn::A),
        5 => (1u8..20).prop_map(Turn::B),
        2 => (1u16..200).prop_map(Turn::Time),
        1 => (0u8..4).prop_map(Turn::Edit),
    ];
    prop::collection::vec(turn, 4..60)
}

/// Two workers whose steps alternate as chance has it, people who edit in between.
fn side_by_side(kind: MappingKind, company: Company, turns: &[Turn]) {
    let mut world = busy_world(kind);
    let stores = [(); 2].map(|()| Sleepy::new(world.store.clone(), Stop::Always));
    let names = ["a", "b"];
    let engines: Vec<Engine> = (0..2)
        .map(|at| engine(&world, stores[at].clone(), names[at], company))
        .collect();
    let mut works: Vec<Option<Work<'_>>> = vec![None, None];
    let first = world.pages.live()[0].clone();
    for (number, turn) in turns.iter().enumerate() {
        let (at, steps) = match turn {
            Turn::A(steps) => (0, *steps),
            Turn::B(steps) => (1, *steps),
            Turn::Time(seconds) => {
                world.clock.advance(Duration::seconds(i64::from(*seconds)));
                continue;
            }
            Turn::Edit(side) => {
                let word = format!("edit {number}");
                let edit = |body: &mut notion_sync_core::document::Document| match side {
                    0 => rewrite(body, "two", &word),
                    _ => body
                        .blocks
                        .push(notion_sync_core::document::Block::paragraph(word.as_str())),
                };
                world.pages.edit_body(&first, edit);
                continue;
            }
        };
        for _ in 0..steps {
            let work = works[at].get_or_insert_with(|| Box::pin(engines[at].tick(look())));
            if go_on(work).is_some() {
                works[at] = None;
            }
        }
    }
    for work in &mut works {
        while work.as_mut().is_some_and(|work| go_on(work).is_none()) {}
        *work = None;
    }
    drop(works);
    world.engine = engine(&world, world.store.clone(), "c", company);
    world.settle();
    judge(&world, &format!("{company:?}"));
}

fn cases() -> ProptestConfig {
    let factor: u32 = std::env::var("NOTION_SYNC_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    ProptestConfig::with_cases(factor.saturating_mul(40))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn workers_side_by_side_keep_tasks_the_same(turns in turns()) {
        side_by_side(MappingKind::Tasks, Company::Others, &turns);
    }

    #[test]
    fn workers_side_by_side_keep_documents_the_same(turns in turns()) {
        side_by_side(MappingKind::Documents, Company::Others, &turns);
    }

    /// Each believes to be alone and takes the other's lease: the fence holds all the same.
    #[test]
    fn workers_that_think_they_are_alone_harm_nothing(turns in turns()) {
        side_by_side(MappingKind::Tasks, Company::Alone, &turns);
    }
}

/// A write of several requests may send its last one long after its intent: the time in which that one
/// may still be carried out counts from then.
#[test]
fn the_quiet_time_counts_from_the_last_request() {
    let mut world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/a.md", Some("# A\n\none\n"));
    world.settle();
    world.pass(10);
    let clock = world.clock.clone();
    let slowly = move || clock.advance(Duration::minutes(5));
    let pages = Meddled::new(world.pages.clone(), slowly);
    world.engine = Engine::new(world.store.clone(), world.clock.clone()).with_mapping(Binding {
        mapping: world.mapping.clone(),
        notion: Arc::new(pages),
        github: Arc::new(world.repo.clone()),
        people: People::default(),
    });
    world.repo.put("docs/a.md", Some("# A\n\ntwo\n"));
    world.pages.fail([ModelFault::LostBefore]);
    let sent = loop {
        world.poll();
        let state = State::new(&*world.store);
        let open = block_on(state.open_operations(&world.mapping.id)).unwrap();
        let mut open = open.iter().map(|stored| &stored.value);
        if let Some(op) = open.find(|op| op.state == OpState::Unknown) {
            break op.clone();
        }
        world.pass(1);
    };
    let quiet = sent.not_before.unwrap() - world.clock.now();
    assert!(quiet >= Duration::seconds(90), "asked for after {quiet}");
    world.settle();
    assert_eq!(world.settle(), 0);
    let page = world.pages.live()[0].clone();
    assert_eq!(plain(&world.pages.body(&page)), ["two"]);
}
