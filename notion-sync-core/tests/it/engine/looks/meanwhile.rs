//! Objects that are not what they were listed as, reads that fail, and listings that say less than they could.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Duration, Utc};
use futures::executor::block_on;
use notion_sync_core::clock::Clock as _;
use notion_sync_core::effect::LinkedPull;
use notion_sync_core::engine::{Budget, Engine};
use notion_sync_core::id::{RemoteRef, Side};
use notion_sync_core::mapping::Policy;
use notion_sync_core::snapshot::{Content, Presence};
use notion_sync_core::value::Value;
use notion_sync_core::{Error, ErrorKind, Retry};

use super::super::documents::{FILE, paired};
use super::super::hints::{about, look, take, waiting};
use super::super::world::{World, body, documents, plain, rewrite, tasks};
use super::shown::Shown;
use super::{binding, seeing};

#[test]
fn a_page_that_is_not_there_any_more_when_it_is_read_is_nothing_new() {
    let mut world = World::new(tasks(Policy::ManualReview));
    let lost = Shown::new(world.pages.clone()).reading(|page| {
        page.presence = Presence::Missing;
        page.content = Content::NotRead;
        page.fields.clear();
        Ok(())
    });
    let repo = Arc::new(world.repo.clone());
    seeing(&mut world, Arc::new(lost), repo);
    world.pages.create("Fix login", body(&["Steps"]));
    world.poll();
    assert_eq!(world.records(), []);
    assert!(world.repo.numbers().is_empty());
    // It was not: the next listing shows it again.
    world.restart();
    world.sweep();
    world.settle();
    assert_eq!(world.repo.numbers().len(), 1);
}

#[test]
fn a_new_file_whose_earlier_name_nobody_knew_gets_its_page() {
    let mut world = World::new(documents(Policy::ManualReview));
    world.repo.put("docs/a.md", Some("# a\n\nText of a.\n"));
    world.settle();
    world.pass(10);
    let tree = Shown::new(world.repo.clone()).listing(|listing| {
        for item in &mut listing.items {
            if item.object.id == "docs/new.md" {
                item.previous = Some(RemoteRef::new("github", "file", "docs/old.md"));
                item.content = Content::NotRead;
            }
        }
    });
    let pages = Arc::new(world.pages.clone());
    seeing(&mut world, pages, Arc::new(tree));
    world.repo.put("docs/new.md", Some("# new\n\nText.\n"));
    world.settle();
    assert_eq!((world.pages.live().len(), world.live()), (2, 2));
}

/// The pull request of a conflict is merged after the file was listed as it was before.
#[test]
fn a_merge_between_a_listing_and_a_read_is_what_people_decided() {
    let (mut world, page) = paired(Policy::ManualReview);
    world.pass(10);
    (world.pages).edit_body(&page, |body| rewrite(body, "First line.", "From Notion"));
    world.repo.put(
        "docs/guide.md",
        Some(&FILE.replace("First line.", "From GitHub")),
    );
    world.settle();
    let pull = world.repo.pulls("open")[0];
    let late = world.repo.clone();
    let repo = Shown::new(world.repo.clone()).listing(move |_| late.merge(pull));
    let pages = Arc::new(world.pages.clone());
    seeing(&mut world, pages, Arc::new(repo));
    world.pass(10);
    // The listing names the file, with what it said before the merge.
    world.repo.put(
        "docs/guide.md",
        Some(
            &FILE
                .replace("First line.", "From GitHub")
                .replace("item", "items"),
        ),
    );
    let before = world.pages.writes();
    world.settle();
    assert_eq!(world.pages.writes(), before, "the page holds it already");
    assert_eq!(plain(&world.pages.body(&page))[0], "From Notion");
    let file = world.repo.file("docs/guide.md").unwrap();
    assert!(file.contains("From Notion"), "{file}");
    assert_eq!(world.conflicts(), 0);
}

/// Two tasks whose pages moved, of which each is refused until some time.
fn refused(after: [Retry; 2]) -> (World, Vec<String>) {
    let mut world = World::new(tasks(Policy::ManualReview));
    let pages: Vec<String> = ["one", "two"]
        .iter()
        .map(|title| world.pages.create(title, body(&[title])))
        .collect();
    world.settle();
    world.pass(10);
    world.settle();
    for (page, title) in pages.iter().zip(["one", "two"]) {
        (world.pages).edit_body(page, |body| rewrite(body, title, "new"));
    }
    let until: BTreeMap<String, Retry> = pages.iter().cloned().zip(after).collect();
    let busy = Shown::new(world.pages.clone()).reading(move |page| {
        let id = &page.object.id;
        Err(Error::new(ErrorKind::RateLimited, "read a page")
            .with("page", id)
            .retry_at(until[id]))
    });
    let repo = Arc::new(world.repo.clone());
    seeing(&mut world, Arc::new(busy), repo);
    (world, pages)
}

fn waits(world: &World) -> Option<(DateTime<Utc>, String)> {
    let plans = block_on(world.engine.plan(false)).unwrap();
    plans.into_iter().next().unwrap().waits
}

#[test]
fn a_look_waits_for_the_last_moment_that_a_service_names() {
    let start = World::new(tasks(Policy::ManualReview)).clock.now();
    let at = |minutes| Retry::NotBefore(start + Duration::minutes(minutes));
    for (after, last) in [([at(60), at(90)], 1), ([at(90), at(60)], 0)] {
        let (world, pages) = refused(after);
        let (until, why) = waits(&world).unwrap();
        assert_eq!(until, start + Duration::minutes(90));
        assert!(why.contains(&pages[last]), "{why}");
    }
}

#[test]
fn a_look_that_failed_without_a_moment_is_tried_again_later_than_now() {
    let (world, _) = refused([Retry::Backoff, Retry::Backoff]);
    let (until, _) = waits(&world).unwrap();
    assert!(until > world.clock.now(), "{until}");
    let (world, _) = refused([Retry::Never, Retry::Never]);
    let error = block_on(world.engine.plan(false)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}

#[test]
fn what_waits_for_a_property_is_looked_at_when_the_property_is_there() {
    let (mut world, page) = paired(Policy::ManualReview);
    let there = Arc::new(AtomicBool::new(true));
    let known = there.clone();
    let pages = Shown::new(world.pages.clone()).schema(move |schema| {
        if !known.load(Ordering::Relaxed) {
            schema.fields.remove("owner");
        }
    });
    let repo = Arc::new(world.repo.clone());
    seeing(&mut world, Arc::new(pages), repo);
    // Somebody deletes the property, and an owner in the file waits for it.
    there.store(false, Ordering::Relaxed);
    world.pass(120);
    (world.repo).put("docs/guide.md", Some(&FILE.replace("Ada", "Bob")));
    for _ in 0..6 {
        world.poll();
        world.pass(10);
    }
    assert_eq!(world.pages.field(&page, "owner"), Value::text("Ada"));
    let problem = world.records()[0].problem.clone().unwrap();
    assert!(!problem.drift, "{problem:?}");
    assert_eq!(world.poll().mappings[0].observed, 0);
    // It comes back, and nothing else moves.
    there.store(true, Ordering::Relaxed);
    world.pass(120);
    assert_eq!(world.poll().mappings[0].observed, 1);
    assert_eq!(world.pages.field(&page, "owner"), Value::text("Bob"));
    assert_eq!(world.records()[0].problem, None);
}

#[test]
fn a_copy_stays_one_for_as_long_as_it_carries_the_marks() {
    let world = World::new(documents(Policy::ManualReview));
    world.pages.create("Guide", body(&["Text."]));
    world.settle();
    let pull = world.repo.pulls("open")[0];
    world.repo.merge(pull);
    world.settle();
    let path = world.repo.paths()[0].clone();
    let marked = world.repo.file(&path).unwrap();
    assert!(marked.contains("notion_page_id"), "{marked}");
    world.repo.put("docs/copy.md", Some(&marked));
    for text in ["Text.", "Another text.", "A third text."] {
        world.pass(10);
        (world.repo).put("docs/copy.md", Some(&marked.replace("Text.", text)));
        world.settle();
        let records = world.records();
        let named = |one: &&notion_sync_core::record::Record| {
            one.path.as_deref() == Some("docs/copy.md")
                || (one.github.as_ref()).is_some_and(|file| file.id == "docs/copy.md")
        };
        let copy = records.iter().find(named).unwrap();
        let problem = copy.problem.clone().unwrap();
        assert!(
            problem.message.contains("carries the same page id") && !problem.drift,
            "{problem:?}"
        );
        assert_eq!(world.pages.live().len(), 1);
    }
}

/// A page that cannot be read now holds back the listing of Notion, and nothing else.
#[test]
fn what_a_listing_of_one_side_alone_does_not_show_is_looked_at() {
    let mut world = World::new(tasks(Policy::ManualReview));
    let good = world.pages.create("Good", body(&["Steps"]));
    let bad = world.pages.create("Bad", body(&["Steps"]));
    let busy = Shown::new(world.pages.clone()).reading(move |page| {
        if page.object.id == bad {
            return Err(Error::new(ErrorKind::Unavailable, "read a page"));
        }
        Ok(())
    });
    let repo = Arc::new(world.repo.clone());
    seeing(&mut world, Arc::new(busy), repo);
    let turns = || {
        for _ in 0..6 {
            world.poll();
            world.pass(10);
        }
    };
    turns();
    let number = world.repo.numbers()[0];
    assert_eq!((world.repo.numbers().len(), world.live()), (1, 1));
    world.pages.trash(&good, true);
    turns();
    assert_eq!(world.repo.issue(number, "state"), Value::text("closed"));
}

#[test]
fn an_engine_that_is_told_to_end_while_it_reads_new_objects_reads_no_more_of_them() {
    let world = World::new(tasks(Policy::ManualReview));
    for number in 0..10 {
        world
            .pages
            .create(&format!("Task {number}"), body(&["Steps"]));
    }
    let told: Arc<OnceLock<Arc<Engine>>> = Arc::default();
    let (ends, reads) = (told.clone(), Arc::new(AtomicUsize::new(0)));
    let count = reads.clone();
    let pages = Shown::new(world.pages.clone()).reading(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        if let Some(engine) = ends.get() {
            engine.halt();
        }
        Ok(())
    });
    let engine = Engine::new(world.store.clone(), world.clock.clone()).with_mapping(binding(
        &world.mapping,
        Arc::new(pages),
        Arc::new(world.repo.clone()),
    ));
    let engine = told.get_or_init(|| Arc::new(engine));
    block_on(engine.tick(Budget::default())).unwrap();
    assert_eq!(reads.load(Ordering::Relaxed), 1);
    assert_eq!(world.records(), []);
    assert!(world.repo.numbers().is_empty());
}

#[test]
fn links_of_a_new_file_are_understood_from_where_it_lies() {
    let mut mapping = documents(Policy::ManualReview);
    mapping.links.blob_base = "https://code.example/main/".to_owned();
    let world = World::new(mapping);
    let text = "# Guide\n\nSee [there](there.md).\n";
    world.repo.put("docs/guide.md", Some(text));
    world.settle();
    let page = world.pages.live()[0].clone();
    let shown = format!("{:?}", world.pages.body(&page));
    assert!(
        shown.contains("https://code.example/main/docs/there.md"),
        "{shown}"
    );
    let writes: Vec<&str> = world.pages.writes().iter().map(|one| one.what).collect();
    assert_eq!(writes, ["create"]);
    assert!(
        world
            .repo
            .file("docs/guide.md")
            .unwrap()
            .contains("(there.md)")
    );
}

/// A pull request of people is no object that a record owns, and its events name nothing else.
#[test]
fn an_event_about_a_pull_request_makes_its_task_be_looked_at() {
    let mut mapping = tasks(Policy::ManualReview);
    mapping.drift_status = true;
    let mut world = World::new(mapping);
    let pull = RemoteRef::new("github", "pull", "12");
    let repo = Shown::new(world.repo.clone()).pull(LinkedPull {
        object: pull.clone(),
        number: 12,
        url: "https://github.example/pull/12".to_owned(),
        state: "open".to_owned(),
        head: "head-12".to_owned(),
        review: None,
        checks: None,
        ours: false,
        updated_at: world.clock.now(),
    });
    let pages = Arc::new(world.pages.clone());
    seeing(&mut world, pages, Arc::new(repo));
    world.pages.create("Fix login", body(&["Steps"]));
    for _ in 0..3 {
        world.settle();
        world.pass(10);
    }
    world.settle();
    assert_eq!(world.records()[0].pulls.len(), 1);
    let other = RemoteRef::new("github", "pull", "4711");
    for (name, object, observed) in [("h0", other, 0), ("h1", pull, 1)] {
        let mut event = about(name, "new", None);
        (event.side, event.object) = (Side::Github, object);
        world.clock.advance(Duration::seconds(1));
        take(&world, &[event]);
        assert_eq!(look(&world).mappings[0].observed, observed, "{name}");
        assert_eq!(waiting(&world).hints, 0);
    }
}
