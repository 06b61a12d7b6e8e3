//! Reading and listing pages.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use futures::executor::block_on;
use notion_sync_core::bounds::Bounds;
use notion_sync_core::clock::{Clock, VirtualClock};
use notion_sync_core::remote::{Cursor, ListRequest, Remote};
use notion_sync_core::snapshot::{Content, Presence, Proof};
use notion_sync_core::value::Value;
use notion_sync_core::{ErrorKind, Retry};
use notion_sync_notion::client::RateBudget;
use notion_sync_notion::pages::page_ref;
use notion_sync_testkit::emulator::Emulator;
use notion_sync_testkit::notion::NotionOptions;
use serde_json::json;

use crate::stage::{Stage, body, world};

fn many(count: usize) -> serde_json::Value {
    (0..count)
        .map(|n| {
            json!({"id": format!("p{n}"), "parent": "tasks", "properties": {"Name": format!("Page {n}")},
                   "created_time": format!("2026-11-{:02}T{:02}:{:02}:00Z", 1 + n / 600, n / 60 % 10, n % 60)})
        })
        .collect()
}

/// A clock that differs from the service's.
#[derive(Debug)]
struct Off(Arc<VirtualClock>, Duration);

impl Clock for Off {
    fn now(&self) -> DateTime<Utc> {
        self.0.now() + self.1
    }
}

/// Whether the minute of an edit is over is told by who tells the minute.
#[test]
fn a_clock_that_is_ahead_does_not_end_the_minute_of_an_edit() {
    let slack = Bounds::default().settle();
    for (off, then, now) in [
        (0, false, true),
        (60, false, true),
        (600, false, true),
        (-600, false, false),
    ] {
        let stage = Stage::new(json!([
            {"id": "first", "parent": "tasks", "properties": {"Name": "Fix login"}}
        ]));
        stage.clock.advance(Duration::hours(1));
        let page = stage.id("first");
        stage.ada(|ada| ada.set_property(page, "Notes", json!("n")).unwrap());
        let clock = Arc::new(Off(stage.clock.clone(), Duration::seconds(off)));
        let pages = stage.pages_by(clock);
        let read = || block_on(pages.read(&page_ref(&page.to_string()), false)).unwrap();
        assert_eq!(read().is_settled(slack), then, "at once, {off} s ahead");
        let listing = block_on(pages.list(ListRequest {
            cursor: None,
            full: false,
        }))
        .unwrap();
        let listed = (listing.items.iter()).all(|item| item.is_settled(slack));
        assert_eq!(listed, then, "listed at once, {off} s ahead");
        stage
            .clock
            .advance(Duration::minutes(1) + slack + Duration::seconds(3));
        assert_eq!(read().is_settled(slack), now, "later, {off} s ahead");
    }
}

#[test]
fn a_page_is_read_whole() {
    let stage = Stage::new(json!([
        {"id": "other", "parent": "tasks", "properties": {"Name": "Other"}},
        {"id": "first", "parent": "tasks", "markdown": "Steps\n- [ ] one\n\t- nested\n> said",
         "properties": {"Name": "Fix login", "Status": "Done", "Priority": "High",
            "Tags": ["b", "a"], "Points": 3.5, "Due": "2026-09-15", "Blocked by": ["other"],
            "Owner": ["ada"], "Notes": "n", "Ready": true, "Link": "https://example.org",
            "GitHub URL": "https://github.com/acme/x/issues/1", "GitHub Number": 7,
            "Sync Op": "op-create", "Sync Last Op": "op-last"}}
    ]));
    let (snapshot, requests) = stage.requests(|| stage.read("first"));
    let text = |text: &str| Value::Text(text.to_owned());
    for (name, wanted) in [
        ("Name", text("Fix login")),
        ("Status", text("Done")),
        ("Priority", text("High")),
        ("Tags", Value::set(["a", "b"])),
        ("Points", Value::Number("3.5".to_owned())),
        ("Due", text("2026-09-15")),
        ("Blocked by", Value::set([stage.id("other").to_string()])),
        ("Owner", Value::set([stage.id("ada").to_string()])),
        ("Notes", text("n")),
        ("Ready", Value::Bool(true)),
        ("Link", text("https://example.org")),
    ] {
        assert_eq!(stage.field(&snapshot, name), wanted, "{name}");
    }
    assert_eq!(snapshot.presence, Presence::Present);
    assert_eq!(snapshot.bookkeeping["number"], "7");
    assert_eq!(
        snapshot.marker.counterpart.as_deref(),
        Some("https://github.com/acme/x/issues/1")
    );
    assert_eq!(
        snapshot.marker.created_by.as_ref().unwrap().as_str(),
        "op-create"
    );
    assert_eq!(
        snapshot.marker.written_by.as_ref().unwrap().as_str(),
        "op-last"
    );
    assert!(!snapshot.fields.contains_key(&stage.key("Sync Op")));
    let Content::Blocks(document) = &snapshot.content else {
        panic!("{:?}", snapshot.content)
    };
    assert!(document.canon_eq(&body("Steps\n- [ ] one\n\t- nested\n> said")));
    let schema = block_on(stage.pages.schema()).unwrap();
    let roles: Vec<&str> = schema.bookkeeping.iter().map(String::as_str).collect();
    assert_eq!(
        roles,
        [
            "commit",
            "message",
            "number",
            "path",
            "repository",
            "status",
            "synced_at",
            "url"
        ]
    );
    // Schema once, then page, body, page.
    assert_eq!(requests.len(), 4, "{requests:#?}");
}

#[test]
fn holes_in_the_markdown_are_read_through_blocks() {
    let stage = Stage::new(
        json!([{"id": "first", "parent": "tasks", "properties": {"Name": "x"}, "blocks": [
            {"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": "before"}}]}},
            {"type": "toggle", "toggle": {"rich_text": [{"text": {"content": "t"}}], "children": [
                {"type": "bookmark", "bookmark": {"url": "https://example.org/x"}}]}},
            {"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": "after"}}]}}
        ]}]),
    );
    let (snapshot, requests) = stage.requests(|| stage.read("first"));
    let Content::Blocks(document) = snapshot.content else {
        panic!("{:?}", snapshot.content)
    };
    assert_eq!(document.blocks.len(), 3);
    assert!(document.blocks.iter().all(|block| block.id.is_some()));
    let inside = format!("{:?}", document.blocks[1].children);
    assert!(inside.contains("https://example.org/x"), "{inside}");
    assert_eq!(
        requests
            .iter()
            .filter(|call| call.contains("/children"))
            .count(),
        2
    );
}

#[test]
fn long_relations_are_read_to_the_end() {
    let mut pages = many(60);
    let all: Vec<String> = (0..60).map(|n| format!("p{n}")).collect();
    pages
        .as_array_mut()
        .unwrap()
        .push(json!({"id": "hub", "parent": "tasks",
        "properties": {"Name": "hub", "Blocked by": all}}));
    let stage = Stage::new(pages);
    let snapshot = stage.read("hub");
    let wanted = Value::set(all.iter().map(|name| stage.id(name).to_string()));
    assert_eq!(stage.field(&snapshot, "Blocked by"), wanted);
}

#[test]
fn presence_says_what_became_of_a_page() {
    let page = |name: &str| json!({"id": name, "parent": "tasks", "properties": {"Name": name}});
    let names = ["here", "trashed", "moved", "hidden", "purged"];
    let stage = Stage::new(names.iter().map(|name| page(name)).collect());
    let ids: Vec<_> = names.iter().map(|name| stage.id(name)).collect();
    let attic = stage.id("old");
    stage.ada(|ada| {
        ada.trash(ids[1]).unwrap();
        ada.move_page(ids[2], attic).unwrap();
        ada.share(ids[3], false).unwrap();
        ada.purge(ids[4]).unwrap();
    });
    let presence: Vec<Presence> = names.iter().map(|name| stage.read(name).presence).collect();
    assert_eq!(
        presence,
        [
            Presence::Present,
            Presence::Gone(Proof::InTrash),
            Presence::MovedOut(format!("data_source {attic}")),
            Presence::Missing,
            Presence::Missing,
        ]
    );
}

#[test]
fn changes_are_listed_from_a_cursor() {
    let stage = Stage::new(many(150));
    let all = ListRequest {
        cursor: None,
        full: false,
    };
    let first = block_on(stage.pages.list(all)).unwrap();
    assert!(first.complete);
    assert_eq!(first.items.len(), 150);

    stage.clock.advance(Duration::hours(3));
    let id = stage.id("p7");
    stage.ada(|ada| ada.rename(id, "New name").unwrap());
    let since = ListRequest {
        cursor: Some(first.cursor.clone()),
        full: false,
    };
    let second = block_on(stage.pages.list(since)).unwrap();
    let changed = second
        .items
        .iter()
        .find(|item| item.object.id == id.to_string())
        .unwrap();
    assert_eq!(
        stage.field(changed, "Name"),
        Value::Text("New name".to_owned())
    );
    assert!(second.cursor.0 > first.cursor.0);

    // Nothing new: the overlap shows the edit again. Then the service's clock moves the cursor on,
    // so that it is not listed for ever.
    stage.clock.advance(Duration::hours(3));
    let since = |cursor: &Cursor| ListRequest {
        cursor: Some(cursor.clone()),
        full: false,
    };
    let third = block_on(stage.pages.list(since(&second.cursor))).unwrap();
    assert_eq!(third.items.len(), 1);
    assert!(third.cursor.0 > second.cursor.0);
    let fourth = block_on(stage.pages.list(since(&third.cursor))).unwrap();
    assert!(fourth.items.is_empty());
    assert_eq!(fourth.cursor, third.cursor);

    // An edit that shows up late, but within the bound, is still found.
    stage.ada(|ada| ada.rename(id, "Newer name").unwrap());
    stage.clock.advance(Duration::minutes(15));
    let late = block_on(stage.pages.list(since(&fourth.cursor))).unwrap();
    assert_eq!(late.items.len(), 1);
    // Later than that it is missed, and then again not, once queries were seen to lag so much.
    let last = late.cursor;
    stage.clock.advance(Duration::hours(3));
    let old = block_on(stage.pages.list(since(&last))).unwrap();
    assert_eq!(old.items.len(), 1);
    let passed = block_on(stage.pages.list(since(&old.cursor))).unwrap();
    assert!(passed.items.is_empty());
    stage.pages.lags(2 * 60 * 60);
    let again = block_on(stage.pages.list(since(&passed.cursor))).unwrap();
    assert_eq!(again.items.len(), 1);
}

/// A cursor that the service's clock has not reached (a restored store, a clock that was set back) would
/// show nothing until then.
#[test]
fn a_cursor_ahead_of_the_service_is_told_and_hides_no_edit() {
    for full in [false, true] {
        let stage = Stage::new(many(3));
        let id = stage.id("p1");
        stage.ada(|ada| ada.rename(id, "New name").unwrap());
        stage.clock.advance(Duration::minutes(2));
        let ahead = ListRequest {
            cursor: Some(Cursor("2099-01-01T00:00:00.000Z".to_owned())),
            full,
        };
        let listing = block_on(stage.pages.list(ahead)).unwrap();
        let listed = |id: &str| listing.items.iter().any(|item| item.object.id == id);
        assert!(listed(&id.to_string()), "{full}");
        let now = stage.clock.now().to_rfc3339();
        assert!(listing.cursor.0 < now, "{} {now}", listing.cursor.0);
        assert_eq!(listing.alerts.len(), 1);
        assert!(
            listing.alerts[0].contains("2099-01-01"),
            "{:?}",
            listing.alerts
        );
        // Once.
        let since = ListRequest {
            cursor: Some(listing.cursor),
            full: false,
        };
        let next = block_on(stage.pages.list(since)).unwrap();
        assert_eq!(next.alerts, Vec::<String>::new());
    }
}

#[test]
fn caps_and_short_pages_lose_nothing() {
    for (cap, short) in [(10_000, false), (10_000, true), (40, false), (40, true)] {
        for full in [false, true] {
            let mut world = world(many(230));
            world.options = NotionOptions {
                query_cap: cap,
                short_pages: short,
                ..NotionOptions::default()
            };
            // The edits of a world are as old as its pages, so that they can be told apart.
            for page in &mut world.pages {
                page.last_edited_time = page.created_time;
            }
            let stage = Stage::of(world, |_| {}, RateBudget::default());
            let listing = block_on(stage.pages.list(ListRequest { cursor: None, full })).unwrap();
            assert!(listing.complete, "cap {cap}, short {short}, full {full}");
            assert_eq!(
                listing.items.len(),
                230,
                "cap {cap}, short {short}, full {full}"
            );
        }
    }
}

#[test]
fn a_cap_within_one_minute_is_said() {
    let mut world = world(many(30));
    world.options.query_cap = 10;
    for page in &mut world.pages {
        page.created_time = Some(crate::scripted::noon());
        page.last_edited_time = page.created_time;
    }
    let stage = Stage::of(world, |_| {}, RateBudget::default());
    for full in [false, true] {
        let listing = block_on(stage.pages.list(ListRequest { cursor: None, full })).unwrap();
        assert!(!listing.complete);
        assert_eq!(
            listing.cursor.0, "",
            "an incomplete listing moves no cursor"
        );
    }
}

#[test]
fn a_listing_goes_on_where_the_budget_stopped_it() {
    let budget = RateBudget {
        requests: 4,
        window_seconds: 60,
    };
    let stage = Stage::of(world(many(900)), |_| {}, budget);
    let request = ListRequest {
        cursor: None,
        full: true,
    };
    let mut stops = 0;
    let listing = loop {
        match block_on(stage.pages.list(request.clone())) {
            Ok(listing) => break listing,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
                let Retry::NotBefore(until) = error.retry() else {
                    panic!("{error:?}")
                };
                stage.clock.advance_to(until);
                stops += 1;
                assert!(stops < 10, "it never ends");
            }
        }
    };
    assert!(listing.complete);
    assert_eq!(listing.items.len(), 900);
    let asked = stage.emulator().log().since(0).count();
    assert!(asked <= 11, "nothing is asked twice: {asked}");
}

#[test]
fn surprises_do_not_disturb() {
    let mut world = world(json!([{"id": "first", "parent": "tasks",
        "properties": {"Name": "x", "Points": 1}, "markdown": "text"}]));
    world.options.surprises = true;
    let stage = Stage::of(world, |_| {}, RateBudget::default());
    let snapshot = stage.read("first");
    assert_eq!(snapshot.presence, Presence::Present);
    assert_eq!(
        stage.field(&snapshot, "Points"),
        Value::Number("1".to_owned())
    );
    let all = ListRequest {
        cursor: None,
        full: true,
    };
    assert_eq!(block_on(stage.pages.list(all)).unwrap().items.len(), 1);
}

#[test]
fn only_wanted_properties_are_asked_for() {
    let mut wanted = Stage::new(json!([]));
    let points = wanted.key("Points");
    wanted = Stage::of(
        world(
            json!([{"id": "first", "parent": "tasks", "properties": {"Name": "x", "Points": 1}}]),
        ),
        |settings| settings.wanted = Some([points.clone()].into()),
        RateBudget::default(),
    );
    let all = ListRequest {
        cursor: None,
        full: false,
    };
    let (listing, requests) = wanted.requests(|| block_on(wanted.pages.list(all)).unwrap());
    let keys: Vec<&String> = listing.items[0].fields.keys().collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert!(keys.contains(&&points) && listing.items[0].fields.contains_key("title"));
    let query = requests
        .iter()
        .find(|call| call.contains("/query"))
        .unwrap();
    assert!(query.contains("filter_properties=title"), "{query}");
}
