//! Everything that decides whether a pull request can be merged, situation by situation.

use notion_sync_testkit::github::{CheckForm, CheckStatus, Conclusion};
use serde_json::{Value, json};

use crate::github_checks::{R, checked_world, tip};
use crate::github_support::Client;

/// Adds a check run on `topic`; no conclusion leaves it running.
pub(crate) fn check(client: &mut Client, name: &str, app: &str, conclusion: Option<Conclusion>) {
    let form = CheckForm {
        at: "topic".to_owned(),
        name: name.to_owned(),
        status: CheckStatus::InProgress,
        conclusion,
        app: Some(app.to_owned()),
    };
    let now = client.now;
    client
        .emulator
        .report_check("acme/handbook", &form, now)
        .expect("a check run");
}

pub(crate) fn status(client: &mut Client, context: &str, state: &str) {
    let sha = tip(client, "topic");
    let token = std::mem::replace(&mut client.token, "ghp_bob".to_owned());
    client
        .send(
            "POST",
            &format!("{R}/statuses/{sha}"),
            json!({"state": state, "context": context}),
        )
        .expect(201);
    client.token = token;
}

pub(crate) fn commit(client: &mut Client, branch: &str, path: &str, text: &str) {
    let now = client.now;
    client
        .emulator
        .commit(
            "acme/handbook",
            branch,
            "bob",
            "more",
            &[(path, Some(text))],
            now,
        )
        .expect("a commit");
}

pub(crate) fn review(client: &mut Client, token: &str, event: &str) {
    let own = std::mem::replace(&mut client.token, token.to_owned());
    client
        .send(
            "POST",
            &format!("{R}/pulls/1/reviews"),
            json!({"event": event, "body": "words"}),
        )
        .expect(200);
    client.token = own;
}

pub(crate) struct Situation {
    pub(crate) name: &'static str,
    /// Members of the repository's seed.
    pub(crate) handbook: Value,
    /// What happens once the pull request is open.
    pub(crate) act: fn(&mut Client),
    pub(crate) state: &'static str,
    /// Of reviews.
    pub(crate) decision: Value,
    /// Status of the merge, and a part of its message.
    pub(crate) merge: (u16, &'static str),
}

pub(crate) const MERGED: (u16, &str) = (200, "successfully merged");

pub(crate) fn ruleset(rule: Value) -> Value {
    json!({"rulesets": [{"include": ["main"], "rules": [rule]}]})
}

pub(crate) fn build() -> Value {
    ruleset(json!({"type": "required_status_checks", "checks": [{"context": "build"}]}))
}

fn of_app() -> Value {
    ruleset(
        json!({"type": "required_status_checks", "checks": [{"context": "build", "integration_id": 8}]}),
    )
}

pub(crate) fn strict() -> Value {
    ruleset(
        json!({"type": "required_status_checks", "checks": [{"context": "build"}], "strict": true}),
    )
}

pub(crate) fn classic(more: Value) -> Value {
    json!({"protected_branches": {"main": more}})
}

/// A situation without reviews.
pub(crate) fn case(
    name: &'static str,
    handbook: Value,
    act: fn(&mut Client),
    state: &'static str,
    merge: (u16, &'static str),
) -> Situation {
    Situation {
        name,
        handbook,
        act,
        state,
        decision: Value::Null,
        merge,
    }
}

fn situations_of_checks() -> Vec<Situation> {
    let expected = (405, "Required status check \"build\" is expected.");
    let failing = (405, "Required status check \"build\" is failing.");
    vec![
        case("nothing is required", json!({}), |_| {}, "clean", MERGED),
        case(
            "nothing is required and something failed",
            json!({}),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Failure));
            },
            "unstable",
            MERGED,
        ),
        case(
            "nothing is required and something runs",
            json!({}),
            |client| {
                status(client, "build", "pending");
            },
            "unstable",
            MERGED,
        ),
        case("missing", build(), |_| {}, "blocked", expected),
        case(
            "another is there",
            build(),
            |client| {
                check(client, "Build", "ci", Some(Conclusion::Success));
            },
            "blocked",
            expected,
        ),
        case(
            "running",
            build(),
            |client| check(client, "build", "ci", None),
            "blocked",
            (405, "Required status check \"build\" is in progress."),
        ),
        case(
            "pending status",
            build(),
            |client| status(client, "build", "pending"),
            "blocked",
            (405, "Required status check \"build\" is pending."),
        ),
        case(
            "failed",
            build(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Failure));
            },
            "blocked",
            failing,
        ),
        case(
            "failed status",
            build(),
            |client| status(client, "build", "failure"),
            "blocked",
            failing,
        ),
        case(
            "broken status",
            build(),
            |client| status(client, "build", "error"),
            "blocked",
            failing,
        ),
        case(
            "cancelled",
            build(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Cancelled));
            },
            "blocked",
            failing,
        ),
        case(
            "stale",
            build(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Stale));
            },
            "blocked",
            failing,
        ),
        case(
            "skipped",
            build(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Skipped));
            },
            "clean",
            MERGED,
        ),
        case(
            "neutral",
            build(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Neutral));
            },
            "clean",
            MERGED,
        ),
        case(
            "passed as a status",
            build(),
            |client| status(client, "build", "success"),
            "clean",
            MERGED,
        ),
        case(
            "passed, and another failed",
            build(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Success));
                check(client, "lint", "ci", Some(Conclusion::Failure));
            },
            "unstable",
            MERGED,
        ),
        case(
            "failed, then passed",
            build(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Failure));
                check(client, "build", "ci", Some(Conclusion::Success));
            },
            "clean",
            MERGED,
        ),
        case(
            "passed, then failed",
            build(),
            |client| {
                status(client, "build", "success");
                status(client, "build", "failure");
            },
            "blocked",
            failing,
        ),
        case(
            "a check passed and a status of its name did not",
            build(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Success));
                status(client, "build", "failure");
            },
            "blocked",
            failing,
        ),
        case(
            "two apps, one of which failed",
            build(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Success));
                check(client, "build", "other", Some(Conclusion::Failure));
            },
            "blocked",
            failing,
        ),
        case(
            "by the wrong app",
            of_app(),
            |client| {
                check(client, "build", "other", Some(Conclusion::Success));
            },
            "blocked",
            expected,
        ),
        case(
            "by a person, where an app must",
            of_app(),
            |client| {
                status(client, "build", "success");
            },
            "blocked",
            expected,
        ),
        case(
            "by the right app, though another failed",
            of_app(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Success));
                check(client, "build", "other", Some(Conclusion::Failure));
            },
            "unstable",
            MERGED,
        ),
        case(
            "on an old head",
            build(),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Success));
                commit(client, "topic", "docs/more.md", "more");
            },
            "blocked",
            expected,
        ),
        case(
            "classic, missing",
            classic(json!({"required_checks": ["build"]})),
            |_| {},
            "blocked",
            expected,
        ),
        case(
            "classic, passed",
            classic(json!({"checks": [{"context": "build", "app_id": 8}]})),
            |client| {
                check(client, "build", "ci", Some(Conclusion::Success));
            },
            "clean",
            MERGED,
        ),
        case(
            "classic and a ruleset",
            json!({
                "protected_branches": {"main": {"required_checks": ["lint"]}},
                "rulesets": [{"include": ["main"], "rules": [{"type": "required_status_checks", "checks": [{"context": "build"}]}]}],
            }),
            |client| status(client, "lint", "success"),
            "blocked",
            expected,
        ),
        case(
            "a ruleset that is only watched",
            json!({"rulesets": [{
                "include": ["main"], "enforcement": "evaluate",
                "rules": [{"type": "required_status_checks", "checks": [{"context": "build"}]}],
            }]}),
            |_| {},
            "clean",
            MERGED,
        ),
        case(
            "a ruleset for other branches",
            json!({"rulesets": [{
                "include": ["release/*"], "rules": [{"type": "required_status_checks", "checks": [{"context": "build"}]}],
            }]}),
            |_| {},
            "clean",
            MERGED,
        ),
        case(
            "a ruleset that spares the caller",
            json!({"rulesets": [{
                "include": ["~ALL"], "exclude": ["topic"], "bypass": [{"role": "admin"}],
                "rules": [{"type": "required_status_checks", "checks": [{"context": "build"}]}],
            }]}),
            |_| {},
            "blocked",
            MERGED,
        ),
        case(
            "two missing",
            ruleset(
                json!({"type": "required_status_checks", "checks": [{"context": "a"}, {"context": "b"}]}),
            ),
            |_| {},
            "blocked",
            (405, "2 of 2 required status checks are expected."),
        ),
    ]
}

#[test]
fn every_situation_has_its_state_and_its_answer() {
    let situations = situations_of_checks()
        .into_iter()
        .chain(crate::github_situations::situations());
    for situation in situations {
        let name = situation.name;
        let mut client = Client::of(checked_world(situation.handbook));
        crate::github_pulls::open(&mut client);
        (situation.act)(&mut client);
        let shown = client.get(&format!("{R}/pulls/1")).expect(200);
        assert_eq!(shown["mergeable_state"], situation.state, "{name}");
        let found = client.graphql(
            "{repository(owner:\"acme\",name:\"handbook\"){pullRequest(number:1){mergeStateStatus reviewDecision mergeable}}}",
            Value::Null,
        );
        let found = &found["data"]["repository"]["pullRequest"];
        assert_eq!(
            (&found["mergeStateStatus"], &found["reviewDecision"]),
            (&json!(situation.state.to_uppercase()), &situation.decision),
            "{name}"
        );
        let sha = shown["head"]["sha"].clone();
        let merge = client.send("PUT", &format!("{R}/pulls/1/merge"), json!({"sha": sha}));
        let (status, message) = situation.merge;
        assert_eq!(merge.status, status, "{name}: {}", merge.body);
        let said = merge.body["message"].as_str().expect("a message");
        assert!(said.contains(message), "{name}: {said}");
        assert_eq!(
            client.get(&format!("{R}/pulls/1")).expect(200)["merged"],
            status == 200,
            "{name}"
        );
    }
}

#[test]
fn a_head_that_moved_and_a_base_that_moved_are_told_apart() {
    let mut client = Client::of(checked_world(json!({})));
    crate::github_pulls::open(&mut client);
    let sha = tip(&client, "topic");
    commit(&mut client, "topic", "docs/more.md", "more");
    let path = format!("{R}/pulls/1/merge");
    let refused = client.send("PUT", &path, json!({"sha": sha})).expect(409);
    assert_eq!(
        refused["message"],
        "Head branch was modified. Review and try the merge again."
    );
    client.emulator.race_next_merges(1);
    let refused = client.send("PUT", &path, json!({})).expect(405);
    assert_eq!(
        refused["message"],
        "Base branch was modified. Review and try the merge again."
    );
    client.send("PUT", &path, json!({})).expect(200);
}
