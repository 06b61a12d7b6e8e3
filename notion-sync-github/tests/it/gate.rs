//! The rate gate, and the client in front of it.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use http::HeaderMap;
use notion_sync_core::http::{HttpSend, Request, Response, SendError};
use notion_sync_core::remote::{Action, Remote as _};
use notion_sync_core::{ErrorKind, Retry};
use notion_sync_github::{
    Admission, GithubClient, GithubIssues, GithubSettings, Limit, PersonalToken, RateGate,
    RateLimits, Weight,
};

use notion_sync_testkit::emulator::Fault;

use crate::support::*;

const READ: Weight = Weight {
    write: false,
    creates: false,
};
const WRITE: Weight = Weight {
    write: true,
    creates: false,
};
const CREATE: Weight = Weight {
    write: true,
    creates: true,
};

fn seconds(n: i64) -> Duration {
    Duration::seconds(n)
}

/// Workers with one credential keep to its limits together, and wait when one of them was refused.
#[test]
fn those_who_share_a_credential_keep_to_its_limits_together() {
    for workers in [1u32, 2, 3, 7] {
        let mut sent = 0;
        for _ in 0..workers {
            let gate = RateGate::new(RateLimits::unspaced());
            gate.share(workers);
            while gate.admit("core", WRITE, start()) == Admission::Now {
                sent += 5;
            }
        }
        assert!(
            sent <= 900 && sent > 900 - 5 * workers,
            "{workers}: {sent} points"
        );
    }
    let gate = RateGate::new(RateLimits::default());
    gate.share(3);
    assert_eq!(gate.begin(1, 0, start()), Admission::Now);
    let next = start() + seconds(3);
    assert_eq!(gate.begin(1, 0, start()), Admission::NotBefore(next));

    let refused = RateGate::new(RateLimits::default());
    let until = refused.refused(Limit::Secondary { until: None }, start());
    assert_eq!(refused.blocked_until(), Some(until));
    let other = RateGate::new(RateLimits::default());
    other.block_until(until);
    assert_eq!(
        other.admit("core", READ, start()),
        Admission::NotBefore(until)
    );
}

/// Asks at the moments the gate itself names, and gives back how long `count` requests took.
fn paced(gate: &RateGate, weight: Weight, count: u32) -> Duration {
    let mut now = start();
    for _ in 0..count {
        while let Admission::NotBefore(until) = gate.admit("core", weight, now) {
            assert!(until > now);
            now = until;
        }
    }
    now - start()
}

#[test]
fn no_window_is_ever_exceeded() {
    let gate = || RateGate::new(RateLimits::default());
    assert_eq!(paced(&gate(), READ, 900), seconds(0));
    assert_eq!(paced(&gate(), READ, 901), seconds(60));
    assert_eq!(paced(&gate(), WRITE, 180), seconds(0));
    assert_eq!(paced(&gate(), WRITE, 181), seconds(60));
    assert_eq!(paced(&gate(), CREATE, 80), seconds(0));
    assert_eq!(paced(&gate(), CREATE, 81), seconds(60));
    assert_eq!(paced(&gate(), CREATE, 500), seconds(360));
    assert_eq!(paced(&gate(), CREATE, 501), seconds(3_600));
}

#[test]
fn operations_are_spaced_and_their_requests_are_not() {
    let gate = RateGate::new(RateLimits::default());
    assert_eq!(gate.begin(4, 0, start()), Admission::Now);
    for _ in 0..4 {
        assert_eq!(gate.admit("core", WRITE, start()), Admission::Now);
    }
    assert_eq!(
        gate.begin(1, 0, start()),
        Admission::NotBefore(start() + seconds(1))
    );
    assert_eq!(gate.begin(1, 1, start() + seconds(1)), Admission::Now);
    assert_eq!(
        gate.begin(1, 1, start() + seconds(2)),
        Admission::NotBefore(start() + seconds(4))
    );
    assert_eq!(gate.begin(1, 0, start() + seconds(2)), Admission::Now);
    let huge = RateGate::new(RateLimits::default());
    assert_eq!(
        huge.begin(1_000_000, 0, start()),
        Admission::Now,
        "what fits no window starts on an empty one"
    );
}

fn quota(limit: u32, remaining: u32, reset: DateTime<Utc>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-ratelimit-limit", i64::from(limit)),
        ("x-ratelimit-remaining", i64::from(remaining)),
        ("x-ratelimit-reset", reset.timestamp()),
    ] {
        headers.insert(name, value.to_string().parse().unwrap());
    }
    headers
}

#[test]
fn the_primary_quota_is_kept_by_resource() {
    let gate = RateGate::new(RateLimits::default());
    let reset = start() + seconds(600);
    gate.observe(&quota(5_000, 200, reset), start());
    assert_eq!(
        gate.admit("core", READ, start()),
        Admission::NotBefore(reset + seconds(1)),
        "a reserve is kept for writes"
    );
    assert_eq!(gate.admit("core", WRITE, start()), Admission::Now);
    assert_eq!(gate.admit("graphql", READ, start()), Admission::Now);
    gate.observe(&quota(5_000, 0, reset), start());
    assert_eq!(
        gate.admit("core", WRITE, start()),
        Admission::NotBefore(reset + seconds(1))
    );
    assert_eq!(
        gate.begin(1, 0, start()),
        Admission::NotBefore(reset + seconds(1))
    );
    assert_eq!(gate.admit("core", READ, reset + seconds(1)), Admission::Now);
    let absurd = RateGate::new(RateLimits::default());
    absurd.observe(&quota(5_000, 0, start() + Duration::days(400)), start());
    let Admission::NotBefore(until) = absurd.admit("core", READ, start()) else {
        panic!()
    };
    assert!(
        until <= start() + Duration::hours(3),
        "no header closes the gate for ever"
    );
}

#[test]
fn secondary_limits_close_everything_and_double() {
    let gate = RateGate::new(RateLimits::default());
    let mut now = start();
    for wait in [60, 120, 240, 480, 900, 900] {
        let until = gate.refused(Limit::Secondary { until: None }, now);
        assert_eq!(until - now, seconds(wait));
        assert_eq!(gate.admit("core", READ, now), Admission::NotBefore(until));
        assert_eq!(
            gate.admit("graphql", READ, now),
            Admission::NotBefore(until)
        );
        now = until;
        assert_eq!(gate.admit("core", READ, now), Admission::Now);
    }
    gate.served();
    let until = gate.refused(Limit::Secondary { until: None }, now);
    assert_eq!(until - now, seconds(60));
    let until = gate.refused(
        Limit::Secondary {
            until: Some(now + seconds(5)),
        },
        now,
    );
    assert_eq!(until - now, seconds(60), "an earlier hint does not open it");
}

#[tokio::test]
async fn a_limited_client_stops_asking() {
    for is_429 in [false, true] {
        let mut seed = handbook();
        seed.settings.requests_per_hour = 10;
        seed.settings.primary_limit_is_429 = is_429;
        let world = World::of(seed);
        let files = world.files();
        let mut refused = None;
        for _ in 0..20 {
            if let Err(error) = files.read(&file("docs/a.md"), true).await {
                refused = Some(error);
                break;
            }
        }
        let error = refused.unwrap();
        assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
        let Retry::NotBefore(until) = error.retry() else {
            panic!("{error}")
        };
        assert!(until > world.now() && until <= world.now() + Duration::hours(1) + seconds(1));
        let mark = world.mark();
        for _ in 0..5 {
            assert_eq!(
                files
                    .read(&file("docs/a.md"), true)
                    .await
                    .unwrap_err()
                    .kind(),
                ErrorKind::RateLimited
            );
        }
        assert!(
            world.asked(mark).is_empty(),
            "nothing is sent while the gate is closed"
        );
        world.clock.advance_to(until);
        files.read(&file("docs/a.md"), true).await.unwrap();
    }
}

/// A service that is down is asked five times, and then once in a while until it answers.
#[tokio::test]
async fn a_service_that_is_down_is_left_alone() {
    let world = World::of(handbook());
    let files = world.files();
    for _ in 0..8 {
        world.fault("", "/", Fault::DropBefore);
    }
    let mut waits = 0;
    let mark = world.mark();
    loop {
        match files.read(&file("docs/a.md"), true).await {
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::RateLimited => {
                let Retry::NotBefore(until) = error.retry() else {
                    panic!("{error}")
                };
                let sent = world.mark();
                let again = files.read(&file("docs/a.md"), true).await;
                assert_eq!(again.unwrap_err().kind(), ErrorKind::RateLimited);
                assert_eq!(world.mark(), sent, "it is asked while it is left alone");
                world.clock.advance_to(until);
                waits += 1;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
        }
    }
    assert_eq!(waits, 4, "{:?}", world.asked(mark));
}

/// A network through which nothing may be sent any more.
#[derive(Debug)]
struct Closed(fn(String) -> SendError);

#[async_trait]
impl HttpSend for Closed {
    async fn send(&self, _: Request) -> Result<Response, SendError> {
        Err((self.0)("not now".to_owned()))
    }
}

/// Whoever may not send any more says nothing about the service.
#[tokio::test]
async fn what_is_held_back_is_no_failure_of_the_service() {
    for (why, left_alone) in [
        (SendError::HeldBack as fn(String) -> SendError, false),
        (SendError::NotSent, true),
    ] {
        let world = World::of(handbook());
        let token = PersonalToken::new("github_pat_bot".into()).unwrap();
        let clock = Arc::clone(&world.clock);
        let settings = GithubSettings::default();
        let closed = Arc::new(Closed(why));
        let client = GithubClient::new(closed, Arc::new(token), clock, settings).unwrap();
        for _ in 0..20 {
            client.repository(REPO).await.unwrap_err();
        }
        assert_eq!(client.gate().blocked_until().is_some(), left_alone);
    }
}

#[tokio::test]
async fn writes_keep_below_the_limits_of_the_service() {
    let mut seed = handbook();
    seed.settings.secondary_limits = true;
    let world = World::of(seed);
    let settings = GithubSettings {
        limits: RateLimits::default(),
        ..GithubSettings::default()
    };
    let token = PersonalToken::new("github_pat_bot".into()).unwrap();
    let clock = Arc::clone(&world.clock);
    let client = GithubClient::new(world.send(), Arc::new(token), clock, settings).unwrap();
    let issues = GithubIssues::new(client, &[(REPO, None)]).unwrap();
    let mut made = 0;
    let mut waits = 0;
    while made < 120 {
        let action: Action = new_issue(&[("title", text("t"))], "");
        match one(&issues, write(&format!("o{made}"), action)).await {
            Ok(_) => made += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
                let Retry::NotBefore(until) = error.retry() else {
                    panic!("{error}")
                };
                world.clock.advance_to(until);
                waits += 1;
            }
        }
    }
    println!(
        "120 issues, {waits} waits, {} of virtual time",
        world.now() - start()
    );
    assert!(
        world
            .asked(0)
            .iter()
            .all(|line| !line.ends_with(" 403") && !line.ends_with(" 429"))
    );
    assert_eq!(world.hub().issue_numbers(REPO).unwrap().len(), 120);
}
