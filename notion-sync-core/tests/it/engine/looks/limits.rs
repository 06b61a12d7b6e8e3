//! A look that needs more requests than a side answers at once gets on, part by part.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use notion_sync_core::clock::{Clock as _, VirtualClock};
use notion_sync_core::comment::CommentSync;
use notion_sync_core::mapping::{Guard, Policy};
use notion_sync_core::record::Record;
use notion_sync_core::snapshot::Snapshot;
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Result, Retry};

use super::super::comments::talking;
use super::super::hints::{about, look, take};
use super::super::world::{World, body, documents, tasks};
use super::seeing;
use super::shown::Shown;

/// How many reads the rate gate lets through in a minute.
const READS: usize = 6;

/// A rate gate.
pub(in crate::engine) fn gate(
    clock: Arc<VirtualClock>,
    reads: usize,
) -> impl FnMut(&mut Snapshot) -> Result<()> + Send {
    let mut window: Option<(DateTime<Utc>, usize)> = None;
    move |page| {
        let now = clock.now();
        let (until, used) = window
            .filter(|(until, _)| *until > now)
            .unwrap_or((now + Duration::minutes(1), 0));
        window = Some((until, used + 1));
        if used < reads {
            return Ok(());
        }
        Err(Error::new(ErrorKind::RateLimited, "read a page")
            .with("page", &page.object.id)
            .retry_at(Retry::NotBefore(until)))
    }
}

/// A page that says it belongs to an issue that is nowhere.
fn drifting(world: &mut World) -> String {
    world.pages = world.pages.clone().with_bookkeeping();
    world.restart();
    let page = world.pages.create("Elsewhere", body(&["Text"]));
    let url = "https://github.example/acme/shop/issues/99";
    world.pages.set_bookkeeping(&page, "url", url);
    world.settle();
    assert!(world.records()[0].problem.as_ref().unwrap().drift);
    world.pass(10);
    page
}

fn titles(world: &World) -> BTreeSet<String> {
    let numbers = world.repo.numbers().into_iter();
    let title = |number| match world.repo.issue(number, "title") {
        Value::Text(title) => title,
        other => format!("{other:?}"),
    };
    numbers.map(title).collect()
}

#[test]
fn new_pages_arrive_part_by_part_while_a_record_waits_for_its_partner() {
    let mut world = World::new(tasks(Policy::ManualReview));
    drifting(&mut world);
    for number in 0..20 {
        (world.pages).create(&format!("Task {number}"), body(&["Text"]));
    }
    let pages = Shown::new(world.pages.clone()).reading(gate(world.clock.clone(), READS));
    let repo = Arc::new(world.repo.clone());
    seeing(&mut world, Arc::new(pages), repo);
    let mut known = Vec::new();
    for _ in 0..8 {
        world.poll();
        known.push(world.records().len() - 1);
        world.pass(2);
    }
    assert!(known[0] > 0, "{known:?}");
    assert_eq!(known.last(), Some(&20), "{known:?}");
    for _ in 0..8 {
        world.poll();
        world.pass(2);
    }
    assert_eq!(world.repo.numbers().len(), 20);
    assert_eq!(titles(&world).len(), 20, "nothing twice");
}

/// What is held back may be what a new object names: nothing new is judged while it is not known.
#[test]
fn nothing_new_is_judged_without_what_waits_for_a_partner() {
    let mut world = World::new(tasks(Policy::ManualReview));
    let held = drifting(&mut world);
    let down = Shown::new(world.pages.clone()).reading({
        let held = held.clone();
        move |page| match page.object.id == held {
            true => Err(Error::new(ErrorKind::Unavailable, "read a page")),
            false => Ok(()),
        }
    });
    let repo = Arc::new(world.repo.clone());
    seeing(&mut world, Arc::new(down), repo);
    let known = world.pages.create("Known", body(&["Text"]));
    let number = world.repo.open_issue("Elsewhere", "Text");
    world.repo.set_issue_page(number, Some(&held));
    let tick = world.poll();
    assert_eq!(tick.mappings[0].errors, Vec::<String>::new());
    assert!(tick.mappings[0].waits_until.is_some());
    assert_eq!(world.records().len(), 1, "the rest waits");
    world.restart();
    world.pages.set_bookkeeping(&held, "url", "");
    world.pass(10);
    world.settle();
    let ends = |page: &str| {
        (world.records().into_iter())
            .find(|record| record.notion.as_ref().is_some_and(|one| one.id == page))
            .unwrap()
    };
    assert_eq!(ends(&held).github.unwrap().id, number.to_string());
    assert!(ends(&known).github.is_some());
    assert_eq!(world.repo.numbers().len(), 2);
}

/// The sync's own comments say what new issues belong to. While nobody knows them, what is known already
/// goes on.
#[test]
fn what_is_known_goes_on_while_the_comments_of_new_issues_cannot_be_read() {
    let mut mapping = tasks(Policy::ManualReview);
    mapping.notes.automation_comment = true;
    let mut world = World::new(mapping);
    let known = world.pages.create("Known", body(&["Text"]));
    world.settle();
    world.pass(10);
    world.settle();
    let until = world.engine_time() + Duration::minutes(5);
    let clock = world.clock.clone();
    let repo =
        Shown::new(world.repo.clone()).carding(move || match clock.now() < until {
            true => Err(Error::new(ErrorKind::RateLimited, "list comments")
                .retry_at(Retry::NotBefore(until))),
            false => Ok(()),
        });
    let pages = Arc::new(world.pages.clone());
    seeing(&mut world, pages, Arc::new(repo));
    world.pages.set(&known, "title", Value::text("Renamed"));
    world.pages.create("New page", body(&["Text"]));
    world.repo.open_issue("New issue", "Text");
    let tick = world.poll();
    assert_eq!(tick.mappings[0].errors, Vec::<String>::new());
    assert_eq!(tick.mappings[0].waits_until, Some(until));
    assert_eq!(world.records().len(), 1, "nothing new is judged alone");
    assert_eq!(
        titles(&world),
        ["New issue", "Renamed"].map(str::to_owned).into()
    );
    world.pass(6);
    world.settle();
    assert_eq!((world.live(), world.pages.live().len()), (3, 3));
    assert_eq!(world.repo.numbers().len(), 3);
}

#[test]
fn a_mapping_that_fails_or_is_stopped_does_not_look_for_each_hint() {
    for fails in [true, false] {
        let mut world = World::new(documents(Policy::ManualReview));
        world.mapping.delete_by_proposal = false;
        world.restart();
        for name in ["a", "b"] {
            let text = format!("# {name}\n\nText\n");
            world.repo.put(&format!("docs/{name}.md"), Some(&text));
        }
        world.settle();
        world.pass(10);
        world.settle();
        if fails {
            let refused = Shown::new(world.pages.clone())
                .reading(|_| Err(Error::new(ErrorKind::Forbidden, "read a page")));
            let repo = Arc::new(world.repo.clone());
            seeing(&mut world, Arc::new(refused), repo);
            let page = world.pages.live()[0].clone();
            world.pages.set(&page, "title", Value::text("New"));
        } else {
            world.guard(Guard {
                removals: 0,
                removal_percent: 0,
                ..Guard::default()
            });
            world.repo.put("docs/a.md", None);
        }
        world.pass(5);
        let tick = look(&world);
        let report = &tick.mappings[0];
        assert_eq!(
            (!report.errors.is_empty(), report.guard.is_some()),
            (fails, !fails)
        );
        let due = tick.next_due.unwrap();
        assert!(due > world.engine_time());
        let lists = world.repo.reads().lists;
        for number in 0..5 {
            world.clock.advance(Duration::seconds(2));
            take(&world, &[about(&format!("h{number}"), "new", None)]);
            let due = look(&world).next_due.unwrap();
            assert!(due > world.engine_time(), "{fails}: no busy loop meanwhile");
        }
        assert_eq!(world.repo.reads().lists, lists, "{fails}");
        // Whoever asks for a look gets it, and so does the schedule.
        world.poll();
        assert_eq!(world.repo.reads().lists, lists + 1);
        world.pass(2);
        look(&world);
        assert_eq!(world.repo.reads().lists, lists + 2);
    }
}

/// A task whose comments cannot be read, whatever the reason, keeps no other from its turn.
#[test]
fn comments_that_cannot_be_read_hide_none_of_other_tasks() {
    let far = "2027-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
    let closed = Retry::NotBefore(far);
    for (retry, sweeps) in [
        (Retry::Backoff, false),
        (Retry::Backoff, true),
        (closed, false),
    ] {
        let mut world = World::new(talking(CommentSync {
            pages_per_poll: 4,
            ..CommentSync::default()
        }));
        for number in 0..12 {
            (world.pages).create(&format!("Task {number}"), body(&["Text"]));
        }
        world.settle();
        world.pass(10);
        world.settle();
        let records = world.records();
        // The first in turn.
        let broken = records[0].notion.clone().unwrap();
        let pages = Shown::new(world.pages.clone()).talking(move |page| match *page == broken {
            true => Err(Error::new(ErrorKind::Unavailable, "list comments").retry_at(retry)),
            false => Ok(()),
        });
        let repo = Arc::new(world.repo.clone());
        seeing(&mut world, Arc::new(pages), repo);
        for record in &records[1..] {
            let page = record.notion.as_ref().unwrap();
            world.pages.comment(&page.id, "user-ada", "Hello");
        }
        for _ in 0..10 {
            let tick = if sweeps { world.sweep() } else { world.poll() };
            assert_eq!(tick.mappings[0].errors, Vec::<String>::new());
            world.pass(2);
        }
        let copied = |record: &Record| {
            let number = record.github.as_ref().unwrap().id.parse().unwrap();
            world.repo.discussion(number).len()
        };
        let copies: Vec<usize> = records.iter().map(copied).collect();
        assert_eq!(
            copies,
            [[0].as_slice(), &[1; 11]].concat(),
            "{retry:?} {sweeps}"
        );
    }
}

/// What one object cannot be read for is said of that one; the others go on.
#[test]
fn an_object_that_cannot_be_read_stops_nothing_else() {
    for kind in [ErrorKind::Blocked, ErrorKind::Invalid] {
        let mut world = World::new(tasks(Policy::ManualReview));
        let pages: Vec<String> = (0..3)
            .map(|number| (world.pages).create(&format!("Task {number}"), body(&["Text"])))
            .collect();
        world.settle();
        world.pass(10);
        world.settle();
        let odd = world.pages.create("Odd", body(&["Text"]));
        let withheld = [pages[0].clone(), odd.clone()];
        let shown = Shown::new(world.pages.clone()).reading(move |page| {
            match withheld.contains(&page.object.id) {
                true => Err(Error::new(kind, "read a page")
                    .with("page", &page.object.id)
                    .remedy("ask for it")),
                false => Ok(()),
            }
        });
        let repo = Arc::new(world.repo.clone());
        seeing(&mut world, Arc::new(shown), repo);
        for page in &pages {
            world.pages.set(page, "title", Value::text("Renamed"));
        }
        world.pages.create("New", body(&["Text"]));
        for _ in 0..4 {
            let tick = world.poll();
            assert_eq!(tick.mappings[0].errors, Vec::<String>::new());
            world.pass(2);
        }
        let all: Vec<Value> = (world.repo.numbers().into_iter())
            .map(|number| world.repo.issue(number, "title"))
            .collect();
        let count = |title: &str| {
            all.iter()
                .filter(|one| one.as_text() == Some(title))
                .count()
        };
        assert_eq!(
            (count("Renamed"), count("New"), count("Odd")),
            (2, 1, 0),
            "{all:?}"
        );
        for page in [&pages[0], &odd] {
            let record = (world.records().into_iter())
                .find(|record| record.notion.as_ref().is_some_and(|one| one.id == *page))
                .unwrap();
            let problem = record.problem.unwrap().message;
            assert!(
                problem.contains(page) && problem.contains("ask for it"),
                "{problem}"
            );
        }
        // Once they can be read nothing is missing.
        world.restart();
        world.pass(120);
        world.settle();
        assert_eq!(world.repo.numbers().len(), 5);
        assert!(
            world
                .records()
                .iter()
                .all(|record| record.problem.is_none())
        );
    }
}

#[test]
fn what_a_listing_has_to_say_is_told() {
    let mut world = World::new(tasks(Policy::ManualReview));
    let told = "listed again from there";
    let pages = Shown::new(world.pages.clone())
        .listing(move |listing| listing.alerts.push(told.to_owned()));
    let repo = Arc::new(world.repo.clone());
    seeing(&mut world, Arc::new(pages), repo);
    let tick = world.poll();
    let said: Vec<&str> = (tick.mappings[0].incidents.iter())
        .map(|incident| incident.message.as_str())
        .collect();
    assert_eq!(said, [format!("Notion: {told}")]);
}

/// A page and a file of one key are one document: the file waits while the page cannot be read, and is not given
/// a page of its own; all others go on.
#[test]
fn nothing_is_doubled_while_its_partner_cannot_be_read() {
    for adopt in [false, true] {
        let mut world = World::new(documents(Policy::ManualReview));
        world.mapping.adopt_by_key = adopt;
        for number in 0..20 {
            let title = format!("Doc {number}");
            world.pages.create(&title, body(&["Text"]));
            let path = format!("docs/doc-{number}.md");
            let text = format!("# {title}\n\nText\n");
            world.repo.put(&path, Some(&text));
        }
        world.repo.put("docs/alone.md", Some("# Alone\n\nText\n"));
        world.pass(10);
        let pages = Shown::new(world.pages.clone()).reading(gate(world.clock.clone(), READS));
        let repo = Arc::new(world.repo.clone());
        seeing(&mut world, Arc::new(pages), repo);
        world.poll();
        assert!(world.records().iter().any(|one| one.title == "Alone"));
        for _ in 0..20 {
            world.pass(2);
            world.poll();
        }
        assert_eq!(world.pages.live().len(), 21, "adopt {adopt}");
        assert_eq!(world.records().len(), 21, "adopt {adopt}");
        assert!(world.repo.pulls("open").is_empty(), "adopt {adopt}");
    }
}
