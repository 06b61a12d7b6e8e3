//! What several processes on one store know together: the last success, what was heard, the token of a
//! handshake.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::Duration;
use notion_sync_core::clock::Clock as _;
use notion_sync_core::engine::Tick;
use notion_sync_github::webhook::HookPlace;
use notion_sync_receiver::{Source, Watch, heard};
use notion_sync_store::MemoryStore;
use notion_sync_testkit::webhook::Delivery;
use serde_json::{Value, json};

use crate::deliveries::without_notion;
use crate::sent::{NOTION, noon, notion_event, row};
use crate::stand::Stand;

pub(crate) fn tick(found: usize) -> Tick {
    tick_with(json!({"observed": found, "found": {"github": found}}))
}

/// A tick of a mapping of which this is known.
pub(crate) fn tick_with(more: Value) -> Tick {
    let mut report = json!({
        "mapping": "backlog", "observed": 0, "found": {}, "planned": 0, "applied": [],
        "incidents": [], "conflicts": 0, "open_operations": 0, "blocked": 0, "dead": 0, "guard": null,
        "errors": [], "refused": false, "retry": false, "waits_until": null, "next_due": null,
        "settle_due": null,
    });
    for (name, value) in more.as_object().unwrap() {
        report[name] = value.clone();
    }
    serde_json::from_value(json!({"mappings": [report], "next_due": null, "settle_due": null}))
        .unwrap()
}

#[tokio::test]
async fn only_a_look_that_came_to_its_end_is_a_success() {
    let stand = Stand::new().await;
    let later = "2026-11-21T12:30:00Z";
    let shown = async |looked: Value| {
        let (metrics, now) = (stand.receiver.metrics(), stand.clock.now());
        metrics.looked(&tick_with(looked), now);
        let (_, text) = stand.get("/metrics").await;
        let name = "notion_sync_last_success_timestamp_seconds{mapping=\"backlog\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(|at| at.parse::<i64>().unwrap())
    };
    let elsewhere = json!({"worked_by": "process 2", "next_due": later});
    let frozen = json!({"frozen": "frozen by ada", "next_due": later});
    let waits = json!({"waits_until": later, "retry": true});
    // Nothing was due: nobody looked.
    for other in [&elsewhere, &frozen, &waits, &json!({})] {
        assert_eq!(shown(other.clone()).await, None, "{other}");
    }
    assert_eq!(
        shown(json!({"complete": true, "guard": "stopped"})).await,
        None
    );
    assert_eq!(
        shown(json!({"complete": true, "errors": ["no"]})).await,
        None
    );
    assert_eq!(
        shown(json!({"complete": true})).await,
        Some(noon().timestamp())
    );
    stand.clock.advance(Duration::minutes(30));
    for other in [elsewhere, frozen, waits] {
        assert_eq!(shown(other).await, Some(noon().timestamp()));
    }
}

#[tokio::test]
async fn a_silent_webhook_is_noticed() {
    let store = MemoryStore::new();
    let watch = Watch::load(&store, Duration::minutes(10)).await.unwrap();
    let at = |minutes: i64| noon() + Duration::minutes(minutes);
    let silent = |minutes: i64| watch.of(Source::Github).is_silent(at(minutes));
    // Nothing is expected: polls are all there is.
    watch.looked(&tick(3), at(0));
    assert!(!silent(60));
    watch.expects(Source::Github, true);
    watch.looked(&tick(0), at(0));
    assert!(!silent(60), "nothing happened, nothing was missed");
    watch.looked(&tick(2), at(1));
    watch.looked(&tick(1), at(5));
    assert!(!silent(10) && silent(11));
    assert_eq!(watch.of(Source::Github).unannounced, 3);
    // What was heard outlives the process.
    watch.save(&store).await.unwrap();
    let stored = heard(&store, Source::Github).await.unwrap();
    assert!(stored.is_silent(at(11)) && stored == watch.of(Source::Github));
    // An event, and what is found shortly after it is what it announced.
    watch.heard(Source::Github, at(12));
    watch.looked(&tick(4), at(13));
    assert!(!silent(60));
    watch.looked(&tick(1), at(22));
    assert!(!silent(31) && silent(32));
    watch.save(&store).await.unwrap();
    let again = Watch::load(&store, Duration::minutes(10)).await.unwrap();
    assert_eq!(again.of(Source::Github), watch.of(Source::Github));
    assert!(!watch.of(Source::Notion).is_silent(at(1_000)));
}

#[tokio::test]
async fn what_one_process_hears_is_no_silence_of_another() {
    let store = MemoryStore::new();
    let at = |minutes: i64| noon() + Duration::minutes(minutes);
    let load = async || {
        let watch = Watch::load(&store, Duration::minutes(10)).await.unwrap();
        watch.expects(Source::Github, true);
        watch
    };
    // One receives, the other one polls.
    let (receives, polls) = (load().await, load().await);
    for minute in [0, 15, 30] {
        receives.heard(Source::Github, at(minute));
        receives.save(&store).await.unwrap();
        polls.looked(&tick(2), at(minute + 1));
        polls.save(&store).await.unwrap();
    }
    let stored = heard(&store, Source::Github).await.unwrap();
    assert_eq!(stored.last_event, Some(at(30)));
    assert_eq!(stored.unannounced_since, None);
    assert_eq!(polls.of(Source::Github).last_event, Some(at(30)));
    assert!(!polls.of(Source::Github).is_silent(at(60)));
    // What both find counts once each, since the first of them.
    polls.looked(&tick(2), at(50));
    receives.looked(&tick(3), at(45));
    for watch in [&polls, &receives, &polls] {
        watch.save(&store).await.unwrap();
        watch.save(&store).await.unwrap();
    }
    let stored = heard(&store, Source::Github).await.unwrap();
    assert_eq!(
        (stored.unannounced, stored.unannounced_since),
        (5, Some(at(45)))
    );
    assert!(stored.is_silent(at(55)) && polls.of(Source::Github).is_silent(at(55)));
    // A hook that each of them knows is known to both.
    let place = |id| HookPlace::Repository {
        repository: id,
        hook: 1,
    };
    receives.hook(place(1));
    polls.hook(place(2));
    for watch in [&polls, &receives] {
        watch.save(&store).await.unwrap();
    }
    let stored = heard(&store, Source::Github).await.unwrap();
    assert_eq!(stored.hooks, [place(1), place(2)].into());
    // An event ends it for both.
    receives.heard(Source::Github, at(70));
    receives.save(&store).await.unwrap();
    polls.save(&store).await.unwrap();
    assert_eq!(heard(&store, Source::Github).await.unwrap().unannounced, 0);
    // Another process that has no secret says nothing about what is expected here.
    let other = Watch::load(&store, Duration::minutes(10)).await.unwrap();
    other.expects(Source::Github, false);
    other.save(&store).await.unwrap();
    polls.looked(&tick(1), at(90));
    polls.save(&store).await.unwrap();
    assert!(polls.of(Source::Github).is_silent(at(100)));
}

#[tokio::test]
async fn a_handshake_that_another_process_took_is_known_without_a_restart() {
    let none = without_notion();
    let one = Stand::with(none.clone(), Arc::default()).await;
    let other = Stand::with(none.clone(), one.store.clone()).await;
    let hello = || {
        let mut delivery =
            Delivery::notion("", "", json!({"verification_token": NOTION}).to_string());
        delivery.headers.remove("x-notion-signature");
        delivery
    };
    let signed = |id: &str| notion_event(id, "page.created", row());
    assert_eq!(one.send("/webhooks/notion", hello()).await, 200);
    // The service sends to an address, and whoever is behind it answers.
    assert_eq!(other.send("/webhooks/notion", signed("n-1")).await, 200);
    let third = Stand::with(none.clone(), Arc::default()).await;
    let looks = |stand: &Stand| stand.store.looks.load(Ordering::Relaxed);
    let before = looks(&third);
    // Where there is none, forged deliveries do not make the store work without end.
    for number in 0..100 {
        let forged = signed(&format!("f-{number}"));
        assert_eq!(third.send("/webhooks/notion", forged).await, 401);
    }
    assert!(looks(&third) <= before + 1, "{}", looks(&third));
    // It is asked again a little later.
    let fourth = Stand::with(none.clone(), third.store.clone()).await;
    assert_eq!(fourth.send("/webhooks/notion", hello()).await, 200);
    third.clock.advance(Duration::seconds(10));
    assert_eq!(third.send("/webhooks/notion", signed("n-2")).await, 200);
    // The same handshake once more, to one that did not take it.
    let fifth = Stand::with(none.clone(), Arc::default()).await;
    let sixth = Stand::with(none.clone(), fifth.store.clone()).await;
    assert_eq!(fifth.send("/webhooks/notion", hello()).await, 200);
    assert_eq!(sixth.send("/webhooks/notion", hello()).await, 200);
    assert_eq!(sixth.send("/webhooks/notion", signed("n-3")).await, 200);
}
