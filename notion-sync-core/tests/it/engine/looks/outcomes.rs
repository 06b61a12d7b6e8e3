//! Looks that fail: for what became of a write, and for comments that something else told of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::executor::block_on;
use notion_sync_core::comment::CommentSync;
use notion_sync_core::effect::{Effect, OpenPull};
use notion_sync_core::mapping::Policy;
use notion_sync_core::rule::Rule;
use notion_sync_core::state::State;
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result};
use notion_sync_testkit::model::ModelFault;

use super::super::comments::{comment_hint, paired, texts};
use super::super::hints::{look, take, waiting};
use super::super::world::{World, body, tasks};
use super::seeing;
use super::shown::Shown;

/// A switch for what fails, and what it makes fail.
fn failing(kind: ErrorKind) -> (Arc<AtomicBool>, impl Fn() -> Result<()> + Send + Clone) {
    let fails = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&fails);
    let fail = move || match asked.load(Ordering::SeqCst) {
        true => Err(Error::new(kind, "look for it")),
        false => Ok(()),
    };
    (fails, fail)
}

fn open(world: &World) -> usize {
    let state = State::new(&*world.store);
    block_on(state.open_operations(&world.mapping.id))
        .unwrap()
        .len()
}

/// What nobody can be asked about any more is not asked about for ever: the pair is compared again.
#[test]
fn an_outcome_that_is_gone_for_good_holds_up_nothing() {
    for (kind, ends) in [
        (ErrorKind::Gone, true),
        (ErrorKind::NotFound, true),
        (ErrorKind::Unavailable, false),
    ] {
        let mut world = World::new(tasks(Policy::ManualReview));
        let page = world.pages.create("Fix login", body(&["Steps"]));
        world.settle();
        let number = world.repo.numbers()[0];
        world.pass(10);
        world.settle();
        let (_, fail) = failing(kind);
        let repo = Shown::new(world.repo.clone()).tracing(fail);
        let pages = Arc::new(world.pages.clone());
        seeing(&mut world, pages, Arc::new(repo));
        world
            .pages
            .set(&page, "title", Value::text("Fix the login"));
        world.pass(5);
        world.repo.fail([ModelFault::LostBefore]);
        for _ in 0..30 {
            world.pass(10);
            world.poll();
        }
        assert_eq!(open(&world) == 0, ends, "{kind:?}");
        let title = world.repo.issue(number, "title");
        assert_ne!(title, Value::text("Fix the login"), "{kind:?}");
        assert_eq!(
            world.conflicts() > 0,
            ends,
            "{kind:?}: nobody knows who wrote what"
        );
    }
}

/// A pull request may be there; before that is known the page leaves the status and comes back to it.
#[test]
fn a_step_that_was_overtaken_is_asked_for_again() {
    let mut mapping = tasks(Policy::ManualReview);
    mapping.rules = vec![
        Rule::new("review", "state")
            .enters(["Doing"])
            .then(Effect::OpenPull(OpenPull::default())),
    ];
    let mut world = World::new(mapping);
    world.poll();
    let page = world.pages.create("Fix login", body(&["Steps"]));
    world.pages.set(&page, "state", Value::text("To do"));
    world.settle();
    world.pass(10);
    world.settle();
    let (fails, fail) = failing(ErrorKind::Unavailable);
    let repo = Shown::new(world.repo.clone()).tracing(fail);
    let pages = Arc::new(world.pages.clone());
    seeing(&mut world, pages, Arc::new(repo));
    let say = |world: &World, value: &str| {
        world.pages.set(&page, "state", Value::text(value));
        world.pass(5);
        world.poll();
    };
    world.repo.fail([ModelFault::Refused]);
    say(&world, "Doing");
    assert_eq!(open(&world), 1);
    say(&world, "To do");
    say(&world, "Doing");
    fails.store(false, Ordering::SeqCst);
    world.pass(30);
    world.settle();
    // The step is asked for again after a pause.
    world.pass(5);
    world.settle();
    let effects = world.repo.effects();
    assert_eq!(effects.len(), 1, "{effects:?}");
}

/// A comment on a block is known by its hint alone: that is answered once the comment could be read.
#[test]
fn a_comment_that_cannot_be_read_at_once_is_not_forgotten() {
    let quiet = CommentSync {
        pages_per_poll: 0,
        ..CommentSync::default()
    };
    let (mut world, page, number) = paired(quiet);
    let (fails, fail) = failing(ErrorKind::Unavailable);
    let pages = Shown::new(world.pages.clone()).talking(move |_| fail());
    let repo = Arc::new(world.repo.clone());
    seeing(&mut world, Arc::new(pages), repo);
    let id = world.pages.comment_on_block("block-1", "Ada", "this line");
    take(&world, &[comment_hint("h1", &page, id, Some("block-1"))]);
    look(&world);
    assert!(world.repo.discussion(number).is_empty());
    assert_eq!(waiting(&world).hints, 1);
    fails.store(false, Ordering::SeqCst);
    world.pass(1);
    world.settle();
    let said = texts(&world.repo.discussion(number));
    assert_eq!(said, ["Ada (Notion): this line"]);
    assert_eq!(waiting(&world).hints, 0);
}

/// Looks for hints come oftener than polls: the turn of tasks comes all the same.
#[test]
fn the_turn_comes_between_hints_too() {
    let (world, page, number) = paired(CommentSync::default());
    world.pages.comment(&page, "Ada", "Which browser?");
    for at in 0..20 {
        world.clock.advance(chrono::Duration::seconds(30));
        take(
            &world,
            &[super::super::hints::about(&format!("h{at}"), "new", None)],
        );
        look(&world);
    }
    let said = texts(&world.repo.discussion(number));
    assert_eq!(said, ["Ada (Notion): Which browser?"]);
}
