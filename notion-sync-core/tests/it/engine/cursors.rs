//! A process that ends after its records were saved and before the cursor moved: the next listing
//! begins where the last one began, and files have moved on since.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::executor::block_on;
use notion_sync_core::clock::Clock as _;
use notion_sync_core::engine::Budget;
use notion_sync_core::mapping::{FileMarker, Policy};
use notion_sync_core::store::{Change, Hit, Item, Query, Store, Table};
use notion_sync_core::{Error, ErrorKind, Result};

use super::looks::limits::gate;
use super::looks::seeing;
use super::looks::shown::Shown;
use super::world::{World, documents, plain};

/// A store that can be told to lose what is said about mappings once a record was saved: where the
/// listing ended that it comes from.
#[derive(Debug)]
struct Forgetful {
    inner: Arc<dyn Store>,
    forgets: AtomicBool,
    begun: AtomicBool,
    /// Whether no record is saved at all.
    ends: AtomicBool,
}

#[async_trait]
impl Store for Forgetful {
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
        let saves = |wanted: Table| {
            (changes.iter())
                .any(|change| matches!(change, Change::Put { table, .. } if *table == wanted))
        };
        if self.ends.load(Ordering::Relaxed) && saves(Table::Record) {
            return Err(Error::new(ErrorKind::Store, "save a record"));
        }
        if self.forgets.load(Ordering::Relaxed) {
            if saves(Table::Record) {
                self.begun.store(true, Ordering::Relaxed);
            }
            if saves(Table::Mapping) && self.begun.load(Ordering::Relaxed) {
                return Err(Error::new(ErrorKind::Store, "save the cursor"));
            }
        }
        self.inner.commit(changes).await
    }
}

struct Forgotten {
    world: World,
    store: Arc<Forgetful>,
}

impl Forgotten {
    /// A page and its file, `docs/guide.md`, that nothing marks as a pair.
    fn new() -> Self {
        let it = Self::before();
        it.world.settle();
        it.world.pass(10);
        it
    }

    /// The same before anything was looked at.
    fn before() -> Self {
        let mut mapping = documents(Policy::ManualReview);
        mapping.file_marker = FileMarker::None;
        let mut world = World::new(mapping);
        let store = Arc::new(Forgetful {
            inner: world.store.clone(),
            forgets: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            ends: AtomicBool::new(false),
        });
        world.store = store.clone();
        world.restart();
        world
            .repo
            .put("docs/guide.md", Some("# Guide\n\nFirst line.\n"));
        Self { world, store }
    }

    /// A look of which all but the cursor is saved, and a new process.
    fn interrupted(&mut self) {
        self.store.begun.store(false, Ordering::Relaxed);
        self.store.forgets.store(true, Ordering::Relaxed);
        self.look();
        self.store.forgets.store(false, Ordering::Relaxed);
    }

    /// A look that ends before its first record is saved, and a new process.
    fn ended(&mut self) {
        self.store.ends.store(true, Ordering::Relaxed);
        self.look();
        self.store.ends.store(false, Ordering::Relaxed);
    }

    fn look(&mut self) {
        let look = Budget {
            poll_now: true,
            ..Budget::default()
        };
        let _ = block_on(self.world.engine.tick(look));
        self.world.restart();
        self.world.pass(10);
    }

    /// Everything comes to rest, and stays so for an hour.
    fn rests(&self) {
        let world = &self.world;
        world.settle();
        let end = world.engine_time() + chrono::Duration::minutes(60);
        while world.clock.now() < end {
            world.pass(10);
            assert_eq!(world.settle(), 0, "a later look writes nothing");
        }
    }

    /// The pair is one page and the file at `path`, and nothing is left to do.
    fn is_one_pair(&self, path: &str) {
        self.rests();
        let world = &self.world;
        assert_eq!(world.repo.paths(), [path]);
        assert_eq!(world.pages.live().len(), 1);
        let records = world.records();
        assert_eq!(records.len(), 1, "{records:#?}");
        assert_eq!(records[0].path.as_deref(), Some(path));
        assert_eq!(records[0].problem, None);
    }
}

#[test]
fn a_file_that_moves_on_keeps_its_page() {
    let mut it = Forgotten::new();
    it.world.repo.move_file("docs/guide.md", "docs/manual.md");
    it.interrupted();
    it.world.repo.move_file("docs/manual.md", "docs/book.md");
    it.interrupted();
    it.world.repo.move_file("docs/book.md", "docs/tome.md");
    it.is_one_pair("docs/tome.md");
}

#[test]
fn a_file_that_moves_back_keeps_its_page() {
    let mut it = Forgotten::new();
    it.world.repo.move_file("docs/guide.md", "docs/manual.md");
    it.interrupted();
    it.world.repo.move_file("docs/manual.md", "docs/guide.md");
    it.is_one_pair("docs/guide.md");
}

#[test]
fn an_edit_of_a_file_that_moved_before_is_seen() {
    let mut it = Forgotten::new();
    it.world.repo.move_file("docs/guide.md", "docs/manual.md");
    it.interrupted();
    it.world
        .repo
        .put("docs/manual.md", Some("# Guide\n\nFirst, edited.\n"));
    it.is_one_pair("docs/manual.md");
    let page = it.world.pages.live()[0].clone();
    assert_eq!(plain(&it.world.pages.body(&page)), ["First, edited."]);
}

/// One listing shows a file that went and another that came; the next, from the same cursor, that the one became the
/// other. The new file has a record by then, and each record one file.
#[test]
fn a_file_that_counts_as_new_is_not_taken_for_a_moved_one_later() {
    let mut it = Forgotten::new();
    it.world.repo.rename("docs/guide.md", "docs/manual.md");
    it.interrupted();
    it.world.repo.tell_move("docs/guide.md", "docs/manual.md");
    it.rests();
    assert_eq!(it.world.repo.paths(), ["docs/manual.md"]);
    assert_eq!(it.world.pages.live().len(), 1);
    for record in it.world.records() {
        assert_eq!(record.problem, None);
    }
}

#[test]
fn a_file_that_moved_and_is_deleted_takes_its_page_along() {
    let mut it = Forgotten::new();
    it.world.repo.move_file("docs/guide.md", "docs/manual.md");
    it.interrupted();
    it.world.repo.put("docs/manual.md", None);
    it.world.settle();
    assert!(it.world.pages.live().is_empty());
    it.world.pass(10);
    assert_eq!(it.world.settle(), 0);
}

/// A new file, of which the cursor knows nothing, that is gone again.
fn came_and_went() -> Forgotten {
    let mut it = Forgotten::new();
    it.world
        .repo
        .put("docs/new.md", Some("# New\n\nNot for long.\n"));
    it.interrupted();
    it.world.repo.put("docs/new.md", None);
    it
}

#[test]
fn a_file_that_came_and_went_takes_its_page_along() {
    let it = came_and_went();
    it.is_left_alone();
}

/// The cursor moves on without the file having been looked for: what the listing told is not told again.
#[test]
fn a_file_that_came_and_went_and_is_looked_for_later_takes_its_page_along() {
    let mut it = came_and_went();
    let pages = Arc::new(it.world.pages.clone());
    let repo = Shown::new(it.world.repo.clone()).reading(gate(it.world.clock.clone(), 0));
    seeing(&mut it.world, pages, Arc::new(repo));
    it.look();
    assert_eq!(it.world.pages.live().len(), 2);
    it.is_left_alone();
}

#[test]
fn a_file_that_came_and_moved_has_one_page() {
    let mut it = Forgotten::new();
    it.world
        .repo
        .put("docs/new.md", Some("# New\n\nFor long.\n"));
    it.interrupted();
    it.world.repo.move_file("docs/new.md", "docs/newer.md");
    it.world.settle();
    it.world.pass(10);
    it.world.settle();
    assert_eq!(it.world.repo.paths(), ["docs/guide.md", "docs/newer.md"]);
    assert_eq!(it.world.pages.live().len(), 2);
    it.world.pass(10);
    assert_eq!(it.world.settle(), 0);
}

#[test]
fn a_file_that_is_deleted_after_the_first_look_takes_its_page_along() {
    let mut it = Forgotten::before();
    it.world
        .repo
        .put("docs/new.md", Some("# New\n\nNot for long.\n"));
    it.interrupted();
    it.world.repo.put("docs/new.md", None);
    it.is_left_alone();
}

#[test]
fn a_file_that_moves_after_the_first_look_keeps_its_page() {
    let mut it = Forgotten::before();
    it.interrupted();
    it.world.repo.move_file("docs/guide.md", "docs/manual.md");
    it.is_one_pair("docs/manual.md");
}

#[test]
fn a_file_that_moves_between_first_looks_that_were_broken_off_keeps_its_page() {
    let mut it = Forgotten::before();
    it.interrupted();
    it.world.repo.move_file("docs/guide.md", "docs/manual.md");
    it.ended();
    it.is_one_pair("docs/manual.md");
}

impl Forgotten {
    /// Of two pairs the first is left.
    fn is_left_alone(&self) {
        self.world.settle();
        self.world.pass(10);
        assert_eq!(self.world.settle(), 0);
        assert_eq!(self.world.repo.paths(), ["docs/guide.md"]);
        assert_eq!(self.world.pages.live().len(), 1);
    }
}
