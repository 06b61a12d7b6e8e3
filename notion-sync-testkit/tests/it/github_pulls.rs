//! Pull requests.

use serde_json::{Value, json};

use crate::github_support::{Client, NEW, OLD, start};

const R: &str = "/repos/acme/handbook";

pub(crate) fn open(client: &mut Client) -> Value {
    client
        .send(
            "POST",
            &format!("{R}/pulls"),
            json!({"title": "Topic", "head": "topic", "base": "main", "body": "why"}),
        )
        .expect(201)
}

#[test]
fn a_pull_request_lives_in_both_versions() {
    for version in [OLD, NEW] {
        let mut client = Client::new();
        client.version = version;
        let created = open(&mut client);
        assert_eq!(
            (
                &created["number"],
                &created["mergeable_state"],
                &created["commits"],
                &created["changed_files"]
            ),
            (&json!(1), &json!("clean"), &json!(1), &json!(1))
        );
        let listed = client
            .get(&format!("{R}/pulls?head=acme:topic&state=open"))
            .expect(200);
        assert_eq!(listed[0]["number"], 1);
        assert!(listed[0].get("mergeable").is_none());
        assert_eq!(
            client
                .get(&format!("{R}/pulls?head=acme:other"))
                .expect(200),
            json!([])
        );
        assert_eq!(
            client.get(&format!("{R}/pulls?base=other")).expect(200),
            json!([])
        );
        let files = client.get(&format!("{R}/pulls/1/files")).expect(200);
        assert_eq!(
            (
                &files[0]["filename"],
                &files[0]["status"],
                &files[0]["patch"]
            ),
            (
                &json!("docs/new.md"),
                &json!("added"),
                &json!("@@ -0,0 +1 @@\n+new")
            )
        );
        assert_eq!(
            client
                .get(&format!("{R}/pulls/1/commits"))
                .expect(200)
                .as_array()
                .map(Vec::len),
            Some(1)
        );
        let as_issue = client.get(&format!("{R}/issues/1")).expect(200);
        assert!(as_issue["pull_request"]["url"].is_string());
        assert_ne!(as_issue["id"], created["id"]);
        client.tick(3);
        let edited = client
            .send(
                "PATCH",
                &format!("{R}/pulls/1"),
                json!({"title": "New", "body": "b"}),
            )
            .expect(200);
        assert_ne!(edited["updated_at"], created["updated_at"]);
        client
            .send(
                "POST",
                &format!("{R}/issues/1/labels"),
                json!({"labels": ["bug"]}),
            )
            .expect(200);
        assert_eq!(
            client.get(&format!("{R}/issues")).expect(200)[0]["number"],
            1
        );
        client.get(&format!("{R}/pulls/1/merge")).expect(404);
        let merged = client
            .send(
                "PUT",
                &format!("{R}/pulls/1/merge"),
                json!({"merge_method": "squash", "sha": created["head"]["sha"]}),
            )
            .expect(200);
        client.get(&format!("{R}/pulls/1/merge")).expect(204);
        let after = client.get(&format!("{R}/pulls/1")).expect(200);
        assert_eq!(
            (
                &after["merged"],
                &after["state"],
                &after["merged_by"]["login"]
            ),
            (&json!(true), &json!("closed"), &json!("Ada"))
        );
        assert_eq!(after.get("merge_commit_sha").is_some(), version == OLD);
        assert_eq!(
            client.get(&format!("{R}/git/ref/heads/main")).expect(200)["object"]["sha"],
            merged["sha"]
        );
        assert_eq!(
            client
                .get(&format!("{R}/pulls/1/files"))
                .expect(200)
                .as_array()
                .map(Vec::len),
            Some(1)
        );
        assert!(client.checked == 0 || client.checked >= 12);
    }
}

#[test]
fn creation_is_refused_in_the_words_of_the_service() {
    let mut client = Client::new();
    open(&mut client);
    client
        .emulator
        .reset_branch("acme/handbook", "same", "main", "bob", start())
        .expect("a branch");
    for (head, base, message, field) in [
        (
            "topic",
            "main",
            Some("A pull request already exists for acme:topic."),
            None,
        ),
        (
            "acme:topic",
            "main",
            Some("A pull request already exists for acme:topic."),
            None,
        ),
        (
            "same",
            "main",
            Some("No commits between main and same"),
            None,
        ),
        ("none", "main", None, Some("head")),
        ("other:topic", "main", None, Some("head")),
        ("topic", "none", None, Some("base")),
    ] {
        let body = client
            .send(
                "POST",
                &format!("{R}/pulls"),
                json!({"title": "T", "head": head, "base": base}),
            )
            .expect(422);
        assert_eq!(body["errors"][0]["message"].as_str(), message, "{head}");
        assert_eq!(body["errors"][0]["field"].as_str(), field, "{head}");
    }
    client
        .send(
            "POST",
            &format!("{R}/pulls"),
            json!({"head": "topic", "base": "main"}),
        )
        .expect(422);
    let issue = client
        .send(
            "POST",
            &format!("{R}/issues"),
            json!({"title": "becomes a pull request"}),
        )
        .expect(201)["number"]
        .clone();
    client
        .send("PATCH", &format!("{R}/pulls/1"), json!({"state": "closed"}))
        .expect(200);
    let turned = client
        .send(
            "POST",
            &format!("{R}/pulls"),
            json!({"issue": issue, "head": "topic", "base": "main"}),
        )
        .expect(201);
    assert_eq!(
        (&turned["number"], &turned["title"]),
        (&issue, &json!("becomes a pull request"))
    );
}

#[test]
fn merging_by_every_method_gives_the_same_files() {
    let mut trees = Vec::new();
    for method in ["merge", "squash", "rebase"] {
        let mut client = Client::new();
        let now = start();
        client
            .emulator
            .commit(
                "acme/handbook",
                "topic",
                "bob",
                "second\n\nbody",
                &[("docs/b.md", Some("beta 2\n"))],
                now,
            )
            .expect("a commit");
        client
            .emulator
            .commit(
                "acme/handbook",
                "main",
                "bob",
                "elsewhere",
                &[("docs/a.md", Some("alpha 2\n"))],
                now,
            )
            .expect("a commit");
        open(&mut client);
        client
            .send(
                "PUT",
                &format!("{R}/pulls/1/merge"),
                json!({"merge_method": method}),
            )
            .expect(200);
        let commits = client
            .emulator
            .commits("acme/handbook", "main")
            .expect("commits");
        let (parents, messages) = (
            commits[0].parents.len(),
            commits
                .iter()
                .map(|commit| commit.message.clone())
                .collect::<Vec<_>>(),
        );
        match method {
            "merge" => assert_eq!(
                (parents, messages[0].as_str()),
                (2, "Merge pull request #1 from acme/topic\n\nTopic")
            ),
            "squash" => assert_eq!(
                (parents, messages[0].as_str()),
                (1, "Topic (#1)\n\n* Start topic\n\n* second\n\nbody")
            ),
            _ => assert_eq!(
                (parents, &messages[..3]),
                (
                    1,
                    [
                        "second\n\nbody".to_owned(),
                        "Start topic".to_owned(),
                        "elsewhere".to_owned()
                    ]
                    .as_slice()
                )
            ),
        }
        trees.push(
            client
                .emulator
                .files("acme/handbook", "main")
                .expect("files"),
        );
    }
    assert_eq!(trees[0], trees[1]);
    assert_eq!(trees[0], trees[2]);
    assert_eq!(trees[0]["docs/a.md"], "alpha 2\n");
}

#[test]
fn merging_is_refused_in_the_words_of_the_service() {
    let mut client = Client::new();
    open(&mut client);
    let path = format!("{R}/pulls/1/merge");
    let refused = |client: &mut Client, body: Value, status: u16| {
        client.send("PUT", &path, body).expect(status)["message"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    assert_eq!(
        refused(&mut client, json!({"sha": "0".repeat(40)}), 409),
        "Head branch was modified. Review and try the merge again."
    );
    client.emulator.race_next_merges(1);
    assert_eq!(
        refused(&mut client, json!({}), 405),
        "Base branch was modified. Review and try the merge again."
    );
    client
        .send("PATCH", R, json!({"allow_squash_merge": false}))
        .expect(200);
    assert_eq!(
        refused(&mut client, json!({"merge_method": "squash"}), 405),
        "Squash merges are not allowed on this repository."
    );
    client
        .emulator
        .set_draft("acme/handbook", 1, "ada", true, start())
        .expect("a draft");
    assert_eq!(
        refused(&mut client, json!({}), 405),
        "Pull Request is not mergeable"
    );
    assert_eq!(
        client.get(&format!("{R}/pulls/1")).expect(200)["mergeable_state"],
        "draft"
    );
    client
        .emulator
        .set_draft("acme/handbook", 1, "ada", false, start())
        .expect("ready");
    client
        .emulator
        .commit(
            "acme/handbook",
            "main",
            "bob",
            "clash",
            &[("docs/new.md", Some("other\n"))],
            start(),
        )
        .expect("a commit");
    let dirty = client.get(&format!("{R}/pulls/1")).expect(200);
    assert_eq!(
        (&dirty["mergeable"], &dirty["mergeable_state"]),
        (&json!(false), &json!("dirty"))
    );
    assert_eq!(
        refused(&mut client, json!({}), 405),
        "Pull Request is not mergeable"
    );
    client
        .send("PATCH", &format!("{R}/pulls/1"), json!({"state": "closed"}))
        .expect(200);
    assert_eq!(
        refused(&mut client, json!({}), 405),
        "Pull Request is not mergeable"
    );
    client
        .as_user("ghp_mallory")
        .send("PUT", &path, json!({}))
        .expect(403);
    client
        .as_user("ghs_reader")
        .send("PUT", &path, json!({}))
        .expect(403);
}

#[test]
fn mergeable_is_unknown_for_the_first_reads_after_a_branch_moved() {
    let mut client = Client::with_settings(json!({"mergeable_polls": 2}));
    assert_eq!(open(&mut client)["mergeable"], Value::Null);
    let read =
        |client: &mut Client| client.get(&format!("{R}/pulls/1")).expect(200)["mergeable"].clone();
    assert_eq!(
        [read(&mut client), read(&mut client)],
        [Value::Null, json!(true)]
    );
    client
        .emulator
        .commit(
            "acme/handbook",
            "topic",
            "bob",
            "more",
            &[("docs/new.md", Some("newer\n"))],
            start(),
        )
        .expect("a commit");
    assert_eq!(
        [read(&mut client), read(&mut client), read(&mut client)],
        [Value::Null, Value::Null, json!(true)]
    );
}

#[test]
fn the_head_branch_goes_when_the_repository_says_so() {
    let mut client = Client::new();
    client
        .send("PATCH", R, json!({"delete_branch_on_merge": true}))
        .expect(200);
    open(&mut client);
    client
        .send("PUT", &format!("{R}/pulls/1/merge"), json!({}))
        .expect(200);
    client.get(&format!("{R}/branches/topic")).expect(404);
    assert_eq!(
        client
            .send("DELETE", &format!("{R}/git/refs/heads/topic"), Value::Null)
            .expect(422)["message"],
        "Reference does not exist"
    );
}

#[test]
fn a_branch_is_updated_from_its_base() {
    let mut client = Client::new();
    open(&mut client);
    let path = format!("{R}/pulls/1/update-branch");
    client.send("PUT", &path, json!({})).expect(422);
    client
        .emulator
        .commit(
            "acme/handbook",
            "main",
            "bob",
            "news",
            &[("news", Some("n"))],
            start(),
        )
        .expect("a commit");
    client
        .send("PUT", &path, json!({"expected_head_sha": "0".repeat(40)}))
        .expect(422);
    client.send("PUT", &path, json!({})).expect(202);
    assert!(
        client
            .emulator
            .files("acme/handbook", "topic")
            .expect("files")
            .contains_key("news")
    );
    client
        .headers
        .push(("accept", "application/vnd.github.v3.diff".to_owned()));
    let diff = client.get(&format!("{R}/pulls/1"));
    assert_eq!(
        std::str::from_utf8(diff.response.body()).expect("text"),
        "diff --git a/docs/new.md b/docs/new.md\nnew file mode 100644\n--- /dev/null\n+++ b/docs/new.md\n@@ -0,0 +1 @@\n+new\n"
    );
}
