//! Reviews, protection, and pull requests that follow their branches.

use notion_sync_testkit::github::{MergeMethod, PullForm};
use serde_json::{Value, json};

use crate::github_pulls::open;
use crate::github_support::{Client, start, world};

const R: &str = "/repos/acme/handbook";

#[test]
fn a_protected_branch_waits_for_approval_and_takes_no_push() {
    let mut seed = world();
    seed.repositories[0].protected_branches.insert(
        "main".to_owned(),
        serde_json::from_value(json!({"approvals": 1})).expect("rules"),
    );
    let mut client = Client::of(seed);
    open(&mut client);
    let tip = client.get(&format!("{R}/git/ref/heads/topic")).expect(200)["object"]["sha"].clone();
    assert_eq!(
        client
            .send(
                "PATCH",
                &format!("{R}/git/refs/heads/main"),
                json!({"sha": tip})
            )
            .expect(422)["message"],
        "Changes must be made through a pull request."
    );
    client
        .send(
            "PUT",
            &format!("{R}/contents/x"),
            json!({"message": "m", "content": ""}),
        )
        .expect(409);
    assert_eq!(
        client.get(&format!("{R}/pulls/1")).expect(200)["mergeable_state"],
        "blocked"
    );
    client
        .send("PUT", &format!("{R}/pulls/1/merge"), json!({}))
        .expect(405);
    assert_eq!(
        client.get(&format!("{R}/branches/main")).expect(200)["protected"],
        true
    );
    // Classic protection is no rule.
    assert_eq!(
        client.get(&format!("{R}/rules/branches/main")).expect(200),
        json!([])
    );
    assert_eq!(
        client
            .send(
                "POST",
                &format!("{R}/pulls/1/reviews"),
                json!({"event": "APPROVE"})
            )
            .expect(422)["message"],
        "Can not approve your own pull request"
    );
    client
        .as_user("ghp_mallory")
        .send(
            "POST",
            &format!("{R}/pulls/1/reviews"),
            json!({"event": "APPROVE"}),
        )
        .expect(200);
    client
        .as_user("ghp_ada")
        .send("PUT", &format!("{R}/pulls/1/merge"), json!({}))
        .expect(405);
    client
        .as_user("ghp_bob")
        .send(
            "POST",
            &format!("{R}/pulls/1/reviews"),
            json!({"event": "REQUEST_CHANGES", "body": "no"}),
        )
        .expect(200);
    client
        .send("PUT", &format!("{R}/pulls/1/merge"), json!({}))
        .expect(405);
    client
        .send(
            "POST",
            &format!("{R}/pulls/1/reviews"),
            json!({"event": "APPROVE"}),
        )
        .expect(200);
    client
        .as_user("ghp_ada")
        .send("PUT", &format!("{R}/pulls/1/merge"), json!({}))
        .expect(200);
    assert_eq!(
        client
            .get(&format!("{R}/pulls/1/reviews"))
            .expect(200)
            .as_array()
            .map(Vec::len),
        Some(3)
    );
}

#[test]
fn reviewers_are_asked_all_or_nobody() {
    let mut client = Client::new();
    open(&mut client);
    let path = format!("{R}/pulls/1/requested_reviewers");
    for (people, teams) in [
        (json!(["bob", "ada"]), json!([])),
        (json!(["bob", "mallory"]), json!([])),
        (json!(["bob", "nobody"]), json!([])),
        (json!(["bob"]), json!(["no-team"])),
    ] {
        client
            .send(
                "POST",
                &path,
                json!({"reviewers": people, "team_reviewers": teams}),
            )
            .expect(422);
        assert_eq!(
            client.get(&path).expect(200),
            json!({"users": [], "teams": []})
        );
    }
    let asked = client
        .send(
            "POST",
            &path,
            json!({"reviewers": ["Bob"], "team_reviewers": ["docs-team"]}),
        )
        .expect(201);
    assert_eq!(
        (
            &asked["requested_reviewers"][0]["login"],
            &asked["requested_teams"][0]["slug"]
        ),
        (&json!("bob"), &json!("docs-team"))
    );
    client.as_user("ghp_bob").send("POST", &format!("{R}/pulls/1/reviews"), json!({"event": "COMMENT", "body": "hm", "comments": [{"path": "docs/new.md", "line": 1, "body": "here"}]})).expect(200);
    assert_eq!(client.get(&path).expect(200)["users"], json!([]));
    let comments = client.get(&format!("{R}/pulls/1/comments")).expect(200);
    assert_eq!(
        (&comments[0]["path"], &comments[0]["line"]),
        (&json!("docs/new.md"), &json!(1))
    );
    let reply = client
        .send(
            "POST",
            &format!("{R}/pulls/1/comments/{}/replies", comments[0]["id"]),
            json!({"body": "yes"}),
        )
        .expect(201);
    assert_eq!(reply["in_reply_to_id"], comments[0]["id"]);
    client
        .send(
            "POST",
            &format!("{R}/pulls/1/comments"),
            json!({"path": "nowhere", "line": 1, "body": "b"}),
        )
        .expect(422);
    client
        .send(
            "PATCH",
            &format!("{R}/pulls/comments/{}", reply["id"]),
            json!({"body": "no"}),
        )
        .expect(200);
    client
        .send(
            "DELETE",
            &format!("{R}/pulls/comments/{}", reply["id"]),
            Value::Null,
        )
        .expect(204);
    assert_eq!(
        client
            .get(&format!("{R}/pulls/comments"))
            .expect(200)
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    client
        .as_user("ghp_ada")
        .send("DELETE", &path, json!({"team_reviewers": ["docs-team"]}))
        .expect(200);
    assert_eq!(
        client.get(&path).expect(200),
        json!({"users": [], "teams": []})
    );
}

#[test]
fn pull_requests_follow_their_branches() {
    let mut client = Client::new();
    let created = open(&mut client);
    client.tick(5);
    client
        .emulator
        .commit(
            "acme/handbook",
            "topic",
            "bob",
            "more",
            &[("m", Some("m"))],
            client.now,
        )
        .expect("a commit");
    let moved = client.get(&format!("{R}/pulls/1")).expect(200);
    assert_ne!(moved["head"]["sha"], created["head"]["sha"]);
    assert_ne!(moved["updated_at"], created["updated_at"]);
    client
        .send("PATCH", &format!("{R}/pulls/1"), json!({"state": "closed"}))
        .expect(200);
    client
        .emulator
        .reset_branch("acme/handbook", "topic", "main", "bob", client.now)
        .expect("reset");
    client
        .emulator
        .commit(
            "acme/handbook",
            "topic",
            "bob",
            "other",
            &[("o", Some("o"))],
            client.now,
        )
        .expect("a commit");
    let refused = client
        .send("PATCH", &format!("{R}/pulls/1"), json!({"state": "open"}))
        .expect(422);
    assert!(
        refused["errors"][0]["message"]
            .as_str()
            .expect("text")
            .contains("force-pushed"),
        "{refused}"
    );
    let second = client
        .emulator
        .open_pull(
            "acme/handbook",
            "ada",
            &PullForm {
                title: "again",
                body: None,
                head: "topic",
                base: "main",
                draft: false,
            },
            client.now,
        )
        .expect("a pull request");
    client
        .send("DELETE", &format!("{R}/git/refs/heads/topic"), Value::Null)
        .expect(204);
    let closed = client.get(&format!("{R}/pulls/{second}")).expect(200);
    assert_eq!(
        (&closed["state"], &closed["merged"]),
        (&json!("closed"), &json!(false))
    );
    client
        .send(
            "PATCH",
            &format!("{R}/pulls/{second}"),
            json!({"state": "open"}),
        )
        .expect(422);
}

#[test]
fn a_pushed_merge_marks_the_pull_request_and_its_text_closes_issues() {
    let mut client = Client::new();
    client
        .emulator
        .open_issue("acme/handbook", "ada", "bug", None, start())
        .expect("an issue");
    let number = client
        .emulator
        .open_pull(
            "acme/handbook",
            "ada",
            &PullForm {
                title: "fix",
                body: Some("Closes #1"),
                head: "topic",
                base: "main",
                draft: false,
            },
            start(),
        )
        .expect("a pull request");
    client
        .emulator
        .merge("acme/handbook", number, "ada", MergeMethod::Squash, start())
        .expect("merged");
    assert_eq!(
        client.get(&format!("{R}/issues/1")).expect(200)["state"],
        "closed"
    );
    client
        .emulator
        .reset_branch("acme/handbook", "hand", "main", "bob", start())
        .expect("a branch");
    client
        .emulator
        .commit(
            "acme/handbook",
            "hand",
            "bob",
            "by hand",
            &[("h", Some("h"))],
            start(),
        )
        .expect("a commit");
    let by_hand = client
        .emulator
        .open_pull(
            "acme/handbook",
            "ada",
            &PullForm {
                title: "by hand",
                body: None,
                head: "hand",
                base: "main",
                draft: false,
            },
            start(),
        )
        .expect("a pull request");
    client
        .emulator
        .reset_branch("acme/handbook", "main", "hand", "bob", start())
        .expect("pushed");
    assert_eq!(
        client.get(&format!("{R}/pulls/{by_hand}")).expect(200)["merged"],
        true
    );
}
