//! Contents, commits, comparisons, branches.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::github_support::{Client, NEW, start};

const R: &str = "/repos/acme/handbook";

#[test]
fn a_file_is_created_updated_and_deleted_under_its_lock() {
    for version in ["2022-11-28", NEW] {
        let mut client = Client::new();
        client.version = version;
        let path = format!("{R}/contents/docs/x%20y.md");
        let put = |client: &mut Client, text: &str, sha: Value| {
            let mut body = json!({"message": "m", "content": STANDARD.encode(text)});
            if !sha.is_null() {
                body["sha"] = sha;
            }
            client.send("PUT", &path, body)
        };
        let first = put(&mut client, "one\n", Value::Null).expect(201)["content"]["sha"].clone();
        assert!(
            put(&mut client, "two\n", Value::Null).expect(422)["message"]
                .as_str()
                .expect("text")
                .contains("\"sha\" wasn't supplied")
        );
        assert!(
            put(&mut client, "two\n", json!("0".repeat(40))).expect(409)["message"]
                .as_str()
                .expect("text")
                .contains("does not match")
        );
        let second = put(&mut client, "two\n", first.clone()).expect(200);
        assert_eq!(second["commit"]["verification"]["verified"], true);
        put(&mut client, "three\n", first.clone()).expect(409);
        let read = client.get(&path).expect(200);
        assert_eq!(read["sha"], second["content"]["sha"]);
        assert_eq!(read["content"], format!("{}\n", STANDARD.encode("two\n")));
        client
            .headers
            .push(("accept", "application/vnd.github.raw+json".to_owned()));
        assert_eq!(client.get(&path).response.body().as_ref(), b"two\n");
        client.headers.clear();
        client
            .send("DELETE", &path, json!({"message": "gone", "sha": first}))
            .expect(409);
        client
            .send(
                "DELETE",
                &path,
                json!({"message": "gone", "sha": read["sha"]}),
            )
            .expect(200);
        client.get(&path).expect(404);
        assert_eq!(
            client
                .emulator
                .commits("acme/handbook", "main")
                .expect("commits")
                .len(),
            4
        );
    }
}

#[test]
fn directories_are_listed() {
    let mut client = Client::new();
    let listed = client.get(&format!("{R}/contents/docs")).expect(200);
    let names: Vec<(&str, &str)> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| {
            (
                entry["name"].as_str().expect("a name"),
                entry["type"].as_str().expect("a type"),
            )
        })
        .collect();
    assert_eq!(names, [("a.md", "file"), ("b.md", "file"), ("deep", "dir")]);
    client
        .get(&format!("{R}/contents/docs?ref=nowhere"))
        .expect(404);
    client.get("/repos/acme/empty/contents/").expect(404);
    assert_eq!(
        client.get(&format!("{R}/readme")).expect(200)["path"],
        "README.md"
    );
}

#[test]
fn an_empty_repository_gets_its_first_commit_through_contents() {
    let mut client = Client::new();
    let body = json!({"message": "first", "content": STANDARD.encode("x")});
    client
        .send("PUT", "/repos/acme/empty/contents/x", body)
        .expect(201);
    let commit = client.get("/repos/acme/empty/commits/main").expect(200);
    assert_eq!(commit["parents"], json!([]));
}

#[test]
fn comparisons_tell_ahead_behind_diverged_and_identical() {
    let mut client = Client::new();
    let now = start();
    client
        .emulator
        .commit(
            "acme/handbook",
            "main",
            "bob",
            "change a",
            &[("docs/a.md", Some("alpha 2\n"))],
            now,
        )
        .expect("a commit");
    client
        .emulator
        .reset_branch("acme/handbook", "copy", "main", "bob", now)
        .expect("a branch");
    client
        .emulator
        .commit(
            "acme/handbook",
            "copy",
            "bob",
            "move",
            &[("docs/b.md", None), ("docs/moved.md", Some("beta\n"))],
            now,
        )
        .expect("a commit");
    for (range, status, ahead, behind) in [
        ("main...copy", "ahead", 1, 0),
        ("copy...main", "behind", 0, 1),
        ("main...topic", "diverged", 1, 1),
        ("main...main", "identical", 0, 0),
    ] {
        let body = client.get(&format!("{R}/compare/{range}")).expect(200);
        assert_eq!(
            (&body["status"], &body["ahead_by"], &body["behind_by"]),
            (&json!(status), &json!(ahead), &json!(behind)),
            "{range}"
        );
    }
    let moved = client.get(&format!("{R}/compare/main...copy")).expect(200);
    let files = moved["files"].as_array().expect("files");
    assert_eq!(files.len(), 1);
    assert_eq!(
        (
            &files[0]["status"],
            &files[0]["previous_filename"],
            &files[0]["filename"]
        ),
        (
            &json!("renamed"),
            &json!("docs/b.md"),
            &json!("docs/moved.md")
        )
    );
    let changed = client.get(&format!("{R}/compare/topic...main")).expect(200);
    assert_eq!(
        changed["files"][0]["patch"],
        "@@ -1 +1 @@\n-alpha\n+alpha 2"
    );
    client
        .get(&format!("{R}/compare/main...nowhere"))
        .expect(404);
}

#[test]
fn comparisons_are_cut_at_300_files_and_250_commits() {
    let mut client = Client::new();
    let now = start();
    client
        .emulator
        .reset_branch("acme/handbook", "big", "main", "bob", now)
        .expect("a branch");
    let names: Vec<String> = (0..301).map(|n| format!("many/{n:04}.md")).collect();
    let edits: Vec<(&str, Option<&str>)> = names
        .iter()
        .map(|name| (name.as_str(), Some("x\n")))
        .collect();
    client
        .emulator
        .commit("acme/handbook", "big", "bob", "many", &edits, now)
        .expect("a commit");
    for n in 0..250 {
        client
            .emulator
            .commit(
                "acme/handbook",
                "big",
                "bob",
                &format!("c{n}"),
                &[("n.md", Some(&n.to_string()))],
                now,
            )
            .expect("a commit");
    }
    let body = client.get(&format!("{R}/compare/main...big")).expect(200);
    assert_eq!(body["files"].as_array().expect("files").len(), 300);
    assert_eq!(body["commits"].as_array().expect("commits").len(), 250);
    assert_eq!(body["total_commits"], 251);
    assert_eq!(body["commits"][249]["commit"]["message"], "c249");
    let paged = client
        .get(&format!("{R}/compare/main...big?per_page=100&page=3"))
        .expect(200);
    assert_eq!(paged["commits"].as_array().expect("commits").len(), 51);
    assert!(paged.get("files").is_none());
}

#[test]
fn the_log_of_a_path_holds_what_changed_it() {
    let mut client = Client::new();
    for (n, path) in ["docs/a.md", "docs/b.md", "docs/a.md"]
        .into_iter()
        .enumerate()
    {
        client.tick(10);
        client
            .emulator
            .commit(
                "acme/handbook",
                "main",
                "Ada",
                &format!("edit {n}"),
                &[(path, Some(&format!("{n}\n")))],
                client.now,
            )
            .expect("a commit");
    }
    let log = |client: &mut Client, query: &str| -> Vec<String> {
        client
            .all(&format!("{R}/commits?{query}"))
            .iter()
            .map(|commit| {
                commit["commit"]["message"]
                    .as_str()
                    .expect("text")
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(
        log(&mut client, "sha=main&path=docs/a.md"),
        ["edit 2", "edit 0", "Initial commit"]
    );
    assert_eq!(
        log(&mut client, "path=docs&per_page=2"),
        ["edit 2", "edit 1", "edit 0", "Initial commit"]
    );
    assert_eq!(
        log(&mut client, "sha=topic&path=docs/new.md"),
        ["Start topic"]
    );
    let latest = client
        .get(&format!("{R}/commits?path=docs/b.md&per_page=1"))
        .expect(200);
    assert_eq!(
        (
            &latest[0]["commit"]["message"],
            &latest[0]["author"]["login"]
        ),
        (&json!("edit 1"), &json!("Ada"))
    );
    assert_eq!(
        client.get("/repos/acme/empty/commits").expect(409)["message"],
        "Git Repository is empty."
    );
}

#[test]
fn branches_merge_or_conflict() {
    let mut client = Client::new();
    let listed = client.get(&format!("{R}/branches")).expect(200);
    assert_eq!(listed.as_array().expect("a list").len(), 2);
    client.get(&format!("{R}/branches/main")).expect(200);
    assert_eq!(
        client.get(&format!("{R}/branches/none")).expect(404)["message"],
        "Branch not found"
    );
    client
        .emulator
        .commit(
            "acme/handbook",
            "main",
            "bob",
            "main side",
            &[("docs/a.md", Some("main\n"))],
            start(),
        )
        .expect("a commit");
    let merged = client
        .send(
            "POST",
            &format!("{R}/merges"),
            json!({"base": "topic", "head": "main"}),
        )
        .expect(201);
    assert_eq!(merged["parents"].as_array().expect("parents").len(), 2);
    client
        .send(
            "POST",
            &format!("{R}/merges"),
            json!({"base": "topic", "head": "main"}),
        )
        .expect(204);
    let files = client
        .emulator
        .files("acme/handbook", "topic")
        .expect("files");
    assert_eq!(
        (files["docs/a.md"].as_str(), files["docs/new.md"].as_str()),
        ("main\n", "new\n")
    );
    client
        .emulator
        .commit(
            "acme/handbook",
            "main",
            "bob",
            "m",
            &[("docs/a.md", Some("one\n"))],
            start(),
        )
        .expect("a commit");
    client
        .emulator
        .commit(
            "acme/handbook",
            "topic",
            "bob",
            "t",
            &[("docs/a.md", Some("two\n"))],
            start(),
        )
        .expect("a commit");
    assert_eq!(
        client
            .send(
                "POST",
                &format!("{R}/merges"),
                json!({"base": "main", "head": "topic"})
            )
            .expect(409)["message"],
        "Merge conflict"
    );
}

#[test]
fn a_thousand_files_are_committed_and_read_in_five_requests() {
    let mut client = Client::new();
    let head = client.get(&format!("{R}/git/ref/heads/main")).expect(200)["object"]["sha"].clone();
    let base = client
        .get(&format!(
            "{R}/git/commits/{}",
            head.as_str().expect("a sha")
        ))
        .expect(200)["tree"]["sha"]
        .clone();
    let entries: Vec<Value> = (0..1_000).map(|n| json!({"path": format!("d{}/f{n}.md", n % 20), "mode": "100644", "type": "blob", "content": format!("{n}\n")})).collect();
    let tree = client
        .send(
            "POST",
            &format!("{R}/git/trees"),
            json!({"base_tree": base, "tree": entries}),
        )
        .expect(201)["sha"]
        .clone();
    let commit = client
        .send(
            "POST",
            &format!("{R}/git/commits"),
            json!({"message": "many", "tree": tree, "parents": [head]}),
        )
        .expect(201)["sha"]
        .clone();
    client
        .send(
            "PATCH",
            &format!("{R}/git/refs/heads/main"),
            json!({"sha": commit, "force": false}),
        )
        .expect(200);
    let all = client
        .get(&format!("{R}/git/trees/main?recursive=1"))
        .expect(200);
    let blobs = all["tree"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|entry| entry["type"] == "blob")
        .count();
    assert_eq!(blobs, 1_004);
}
