//! Versions, redirects, ETags, limits, faults, hostile input.

use notion_sync_testkit::emulator::{Emulator as _, Fault, FaultRule, Reply};
use serde_json::{Value, json};

use crate::github_support::{Client, NEW, OLD, start, world};

const R: &str = "/repos/acme/handbook";

#[test]
fn versions_are_checked() {
    let mut client = Client::new();
    assert_eq!(client.get("/versions").expect(200), json!([OLD, NEW]));
    for (version, status) in [
        ("", 200),
        (OLD, 200),
        (NEW, 200),
        ("2020-01-01", 400),
        ("latest", 400),
    ] {
        client.version = version;
        client.get(R).expect(status);
    }
    client.version = NEW;
    assert!(client.get("/rate_limit").expect(200).get("rate").is_none());
    client.version = OLD;
    assert!(client.get("/rate_limit").expect(200).get("rate").is_some());
    let mut strict = Client::with_settings(json!({"refuse_duplicate_version": true}));
    strict
        .headers
        .push(("x-github-api-version", NEW.to_owned()));
    strict.get(R).expect(400);
}

#[test]
fn a_renamed_repository_redirects_with_the_method_kept() {
    let mut client = Client::new();
    client
        .emulator
        .rename_repository("acme/handbook", "manual", start())
        .expect("renamed");
    let moved = client.get(&format!("{R}/issues?state=all&labels=a%20b"));
    assert_eq!(moved.status, 301);
    assert_eq!(
        moved.header("location"),
        Some("https://api.github.com/repositories/100/issues?state=all&labels=a%20b")
    );
    assert_eq!(moved.body["message"], "Moved Permanently");
    for (method, path) in [
        ("POST", "/issues"),
        ("PATCH", "/issues/1"),
        ("PUT", "/contents/a%2Fb.md"),
        ("DELETE", "/git/refs/heads/x"),
    ] {
        assert_eq!(
            client
                .send(method, &format!("{R}{path}"), json!({"title": "T"}))
                .status,
            307,
            "{method} {path}"
        );
    }
    client
        .send("POST", "/repositories/100/issues", json!({"title": "T"}))
        .expect(201);
    client.get("/repositories/100").expect(200);
    assert_eq!(
        client.get("/repos/ACME/Manual").expect(200)["full_name"],
        "acme/manual"
    );
    client.get("/repos/acme/manual/").expect(404);
    client.get("/repositories/999").expect(404);
    // A name that was given up can be taken; then it names the new repository.
    let seed = serde_json::from_value(json!({"full_name": "acme/handbook2"})).expect("a seed");
    client
        .emulator
        .add_repository(&seed, start())
        .expect("added");
    client
        .emulator
        .rename_repository("acme/handbook2", "handbook", start())
        .expect("renamed");
    assert_eq!(client.get(R).expect(200)["name"], "handbook");
}

#[test]
fn etags_cost_nothing_when_nothing_changed() {
    let mut client = Client::new();
    let paths = [
        R.to_owned(),
        format!("{R}/issues?state=all"),
        format!("{R}/git/ref/heads/main"),
        format!("{R}/contents/docs/a.md"),
        "/user".to_owned(),
    ];
    for path in paths {
        client.headers.clear();
        let first = client.get(&path);
        let tag = first.header("etag").expect("an ETag").to_owned();
        let used = first
            .header("x-ratelimit-used")
            .expect("a count")
            .to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        client.headers.push(("if-none-match", tag.clone()));
        let second = client.get(&path);
        assert_eq!(
            (second.status, second.response.body().len()),
            (304, 0),
            "{path}"
        );
        assert_eq!(second.header("x-ratelimit-used"), Some(used.as_str()));
        assert_eq!(second.header("etag"), Some(tag.as_str()));
        client.as_user("ghp_bob");
        client.get(&path).expect(200);
        client
            .as_user("ghp_ada")
            .headers
            .push(("accept", "application/vnd.github.full+json".to_owned()));
        client.get(&path).expect(200);
    }
    client.headers.clear();
    let tag = client
        .get(&format!("{R}/issues"))
        .header("etag")
        .expect("an ETag")
        .to_owned();
    client
        .send("POST", &format!("{R}/issues"), json!({"title": "T"}))
        .expect(201);
    client.headers.push(("if-none-match", tag));
    client.get(&format!("{R}/issues")).expect(200);
    client.headers.clear();
    let modified = client
        .get(&format!("{R}/issues/1"))
        .header("last-modified")
        .expect("a time")
        .to_owned();
    client.headers.push(("if-modified-since", modified));
    assert_eq!(client.get(&format!("{R}/issues/1")).status, 304);
}

#[test]
fn the_hourly_limit_is_kept_and_ends() {
    for (is_429, status) in [(false, 403), (true, 429)] {
        let mut client =
            Client::with_settings(json!({"requests_per_hour": 3, "primary_limit_is_429": is_429}));
        for remaining in ["2", "1", "0"] {
            assert_eq!(
                client.get(R).header("x-ratelimit-remaining"),
                Some(remaining)
            );
        }
        let refused = client.get(R);
        assert_eq!(
            (refused.status, refused.header("x-ratelimit-remaining")),
            (status, Some("0"))
        );
        assert!(
            refused.body["message"]
                .as_str()
                .expect("text")
                .starts_with("API rate limit exceeded")
        );
        let reset: i64 = refused
            .header("x-ratelimit-reset")
            .expect("a time")
            .parse()
            .expect("a number");
        assert_eq!(reset, start().timestamp() + 3_600);
        client.get("/rate_limit").expect(200);
        client.as_user("ghp_bob").get(R).expect(200);
        client.as_user("ghp_ada").tick(3_600);
        client.get(R).expect(200);
    }
}

#[test]
fn secondary_limits_count_content_and_points() {
    let mut client = Client::with_settings(
        json!({"secondary_limits": true, "content_per_minute": 2, "points_per_minute": 30, "secondary_retry_after": 17}),
    );
    for _ in 0..2 {
        client
            .send("POST", &format!("{R}/issues"), json!({"title": "T"}))
            .expect(201);
    }
    let refused = client.send("POST", &format!("{R}/issues"), json!({"title": "T"}));
    assert_eq!(refused.header("retry-after"), Some("17"));
    assert!(
        refused.expect(403)["message"]
            .as_str()
            .expect("text")
            .contains("content creation")
    );
    for _ in 0..20 {
        client.get(R).expect(200);
    }
    assert!(
        client.get(R).expect(403)["message"]
            .as_str()
            .expect("text")
            .contains("secondary rate limit")
    );
    client.tick(61);
    client
        .send("POST", &format!("{R}/issues"), json!({"title": "T"}))
        .expect(201);
}

#[test]
fn a_broken_connection_may_commit_late() {
    let mut world = world();
    world.bounds.late_commit_seconds = 20;
    let mut client = Client::of(world);
    let write = |client: &mut Client, method: &str, path: &str, body: &[u8]| {
        client.emulator.faults().push(FaultRule {
            method: method.to_owned(),
            path_contains: path.to_owned(),
            skip: 0,
            times: 1,
            fault: Fault::DropAfter,
        });
        let mark = client.emulator.log().mark();
        let reply = client.reply(method, path, body);
        assert!(matches!(reply, Reply::Dropped));
        client
            .emulator
            .log()
            .since(mark)
            .next()
            .expect("an entry")
            .effect
    };
    let issues = format!("{R}/issues");
    let issue = br#"{"title":"T"}"#;
    assert!(
        write(&mut client, "POST", &issues, issue),
        "it will have one"
    );
    let query = br#"{"query":"query{viewer{login}}"}"#;
    assert!(!write(&mut client, "POST", "/graphql", query));
    assert!(!write(&mut client, "GET", &issues, b""));
    client.tick(19);
    assert!(client.all(&issues).is_empty());
    // People see it without a request, each at its own time.
    client.tick(100);
    let now = client.now;
    client.emulator.catch_up(now);
    assert_eq!(
        client
            .emulator
            .issue_numbers("acme/handbook")
            .expect("numbers"),
        [1]
    );
    let made = client.get(&format!("{issues}/1")).expect(200);
    let sent = start() + chrono::Duration::seconds(20);
    assert_eq!(
        made["created_at"],
        sent.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    );
    client
        .send("POST", &issues, json!({"title": "T"}))
        .expect(201);
    assert_eq!(client.all(&issues).len(), 2, "and once only");
}

#[test]
fn faults_strike_before_or_after_the_effect() {
    let count = |client: &Client| {
        client
            .emulator
            .issue_numbers("acme/handbook")
            .expect("numbers")
            .len()
    };
    // (fault, status or none for a dropped connection, issues that exist afterwards)
    for (fault, status, issues) in [
        (Fault::DropBefore, None, 0),
        (Fault::DropAfter, None, 1),
        (
            Fault::Refuse {
                status: 502,
                retry_after: None,
            },
            Some(502),
            0,
        ),
        (
            Fault::Refuse {
                status: 429,
                retry_after: Some(9),
            },
            Some(429),
            0,
        ),
        (
            Fault::Refuse {
                status: 503,
                retry_after: None,
            },
            Some(503),
            0,
        ),
        (Fault::FailAfter { status: 500 }, Some(500), 1),
        (
            Fault::Delay {
                milliseconds: 1_500,
            },
            Some(201),
            1,
        ),
    ] {
        let mut client = Client::new();
        let mark = client.emulator.log().mark();
        client.emulator.faults().push(FaultRule {
            method: "POST".to_owned(),
            path_contains: "/issues".to_owned(),
            skip: 0,
            times: 1,
            fault: fault.clone(),
        });
        let reply = client.reply("POST", &format!("{R}/issues"), br#"{"title":"T"}"#);
        match (reply, status) {
            (Reply::Dropped, None) => {}
            (Reply::Answer { response, delay }, Some(status)) => {
                assert_eq!(response.status().as_u16(), status);
                assert_eq!(delay, fault.delay());
                let kind = response.headers()["content-type"]
                    .to_str()
                    .expect("text")
                    .to_owned();
                assert_eq!(
                    kind.starts_with("text/html"),
                    matches!(status, 500 | 502),
                    "{kind}"
                );
                if status == 429 {
                    assert_eq!(response.headers()["retry-after"], "9");
                }
            }
            (reply, status) => panic!("{fault:?}: {reply:?} instead of {status:?}"),
        }
        assert_eq!(count(&client), issues, "{fault:?}");
        let entry = client.emulator.log().since(mark).next().expect("an entry");
        assert_eq!(
            (entry.effect, entry.status, entry.actor.as_str()),
            (issues == 1, status.unwrap_or(0), "Ada")
        );
        assert!(entry.fault.is_some());
        client
            .send("POST", &format!("{R}/issues"), json!({"title": "T"}))
            .expect(201);
    }
}

#[test]
fn a_reset_brings_the_first_world_back() {
    let mut client = Client::new();
    let before = client
        .get(&format!("{R}/git/trees/main?recursive=1"))
        .expect(200);
    client
        .send("POST", &format!("{R}/issues"), json!({"title": "T"}))
        .expect(201);
    client
        .emulator
        .commit(
            "acme/handbook",
            "main",
            "bob",
            "m",
            &[("x", Some("x"))],
            start(),
        )
        .expect("a commit");
    client.emulator.reset();
    assert_eq!(
        client
            .get(&format!("{R}/git/trees/main?recursive=1"))
            .expect(200),
        before
    );
    client.get(&format!("{R}/issues/1")).expect(404);
    assert_eq!(client.emulator.log().since(0).count(), 2);
}

#[test]
fn the_same_requests_give_the_same_bytes() {
    let run = || {
        let mut client = Client::new();
        let mut bytes = Vec::new();
        for n in 0..5 {
            client.tick(61);
            for (method, path, body) in [
                (
                    "POST",
                    format!("{R}/issues"),
                    json!({"title": format!("t{n}"), "labels": [format!("l{n}")]}),
                ),
                (
                    "PUT",
                    format!("{R}/contents/f{n}"),
                    json!({"message": "m", "content": ""}),
                ),
                ("GET", format!("{R}/commits/main"), Value::Null),
                ("GET", format!("{R}/issues?state=all"), Value::Null),
            ] {
                bytes.extend_from_slice(client.send(method, &path, body).response.body());
            }
        }
        bytes
    };
    assert_eq!(run(), run());
}

#[test]
fn no_request_makes_it_panic() {
    let mut client = Client::of(crate::github_checks::checked_world(json!({
        "allow_auto_merge": true,
        "rulesets": [{"include": ["main"], "rules": [
            {"type": "required_status_checks", "checks": [{"context": "c"}], "strict": true}, {"type": "merge_queue"}]}],
    })));
    client
        .send("POST", &format!("{R}/issues"), json!({"title": "T"}))
        .expect(201);
    client
        .send(
            "POST",
            &format!("{R}/pulls"),
            json!({"title": "T", "head": "topic", "base": "main"}),
        )
        .expect(201);
    let parts = [
        "repos",
        "acme",
        "handbook",
        "issues",
        "1",
        "2",
        "pulls",
        "git",
        "refs",
        "heads",
        "%00",
        "%zz",
        "..",
        "comments",
        "18446744073709551616",
        "contents",
        "",
        "main",
        "trees",
        "compare",
        "a...b",
        "commits",
        "topic",
        "statuses",
        "status",
        "check-runs",
        "check-suites",
        "branches",
        "rules",
        "rulesets",
        "protection",
        "required_status_checks",
        "merge-async",
        "merge",
        "actions",
        "workflows",
        "dispatches",
    ];
    let bodies: [&[u8]; 14] = [
        b"", b"{", b"null", b"\xff\xfe", br#"{"title":{}}"#, br#"{"labels":[1,null,{"name":7}],"title":"x","assignees":"y","milestone":-1}"#,
        br#"{"ref":"refs/heads/\u0000","sha":7}"#, br#"{"tree":[{"path":"a/b/c","mode":"040000","type":"tree","sha":"zz"}],"base_tree":"main"}"#,
        br#"{"query":"{repository(owner:1,name:{a:[{}]}){issues(first:-1){nodes{id}}}}"}"#,
        br#"{"state":"success","context":7,"target_url":[]}"#, br#"{"name":"c","head_sha":"topic","status":"completed","output":7}"#,
        br#"{"merge_action":7,"sha":"x","merge_method":null}"#, br#"{"ref":"main","inputs":[],"event_type":""}"#,
        br#"{"query":"mutation{enqueuePullRequest(input:{pullRequestId:\"PR_x\"}){mergeQueueEntry{position}} dequeuePullRequest(input:{id:7}){mergeQueueEntry{id}}}"}"#,
    ];
    // A fixed generator: every run asks the same.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |limit: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % limit as u64).expect("small")
    };
    let known = client.emulator.branches("acme/handbook").expect("branches");
    let sha = known["topic"].to_string();
    let parts: Vec<&str> = parts.into_iter().chain([sha.as_str()]).collect();
    for _ in 0..6_000 {
        client.as_user(["ghp_ada", "ghs_ci"][next(2)]);
        let mut path = if next(2) == 0 {
            R.to_owned()
        } else {
            String::new()
        };
        for _ in 0..=next(5) {
            path.push('/');
            path.push_str(parts[next(parts.len())]);
        }
        if next(3) == 0 {
            path.push_str("?per_page=3&page=0&since=x&recursive&ref=%ff&state");
        }
        let method = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"][next(7)];
        let path = if next(20) == 0 {
            "/graphql".to_owned()
        } else {
            path
        };
        let body = bodies[next(bodies.len())];
        let Reply::Answer { response, .. } = client.reply(method, &path, body) else {
            panic!("dropped")
        };
        assert_ne!(response.status().as_u16(), 500, "{method} {path}");
    }
}
